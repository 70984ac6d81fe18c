#include "lib/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/priv.h"

#define CONF_FILE "/etc/todoku/todoku.conf"
#define LINE_SIZE 2048

int daemon_options(struct daemon *daemon, const char *program, int argc, char **argv) {
	int option;

	*daemon = (struct daemon){.program = program, .conf_file = CONF_FILE};
	while ((option = getopt(argc, argv, "c:f")) != -1) {
		if (option == 'c') {
			daemon->conf_file = optarg;
		} else if (option == 'f') {
			daemon->foreground = true;
		} else {
			fprintf(stderr, "usage: %s [-f] [-c FILE]\n", program);
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "%s: unexpected argument \"%s\"\n", program, argv[optind]);
	return -1;
}

void daemon_report(const struct daemon *daemon, const struct buf *errors, bool starting) {
	struct span left = buf_span(errors);

	while (left.len > 0) {
		ssize_t newline = span_find_byte(left, '\n');
		size_t len = newline < 0 ? left.len : (size_t)newline;
		char line[LINE_SIZE];

		snprintf(line, sizeof line, "%.*s", (int)len, left.at);
		if (starting)
			fprintf(stderr, "%s: %s\n", daemon->program, line);
		else
			log_line(CONF_LOG_ERROR, "reload_refused", "reason", line, NULL);
		left = span_from(left, len < left.len ? len + 1 : len);
	}
}

struct conf *daemon_load(const struct daemon *daemon, bool starting) {
	struct buf errors;
	struct conf *conf;

	buf_init(&errors, DAEMON_ERRORS_MAX);
	conf = conf_load(daemon->conf_file, &errors);
	if (conf == NULL)
		daemon_report(daemon, &errors, starting);
	buf_free(&errors);
	return conf;
}

void daemon_log(const struct daemon *daemon, const struct conf *conf) {
	struct conf_log log = conf->log;

	if (daemon->foreground)
		log.target = CONF_LOG_STDERR;
	log_setup(daemon->program, &log);
}

/* ADDRESS:PORT is what listeners of HTTP are written as. */
static int parse(const char *listen, struct conf_endpoint *endpoint_r, struct err *err) {
	char inet[128];

	if (conf_endpoint_parse(listen, endpoint_r) == 0)
		return 0;
	if (snprintf(inet, sizeof inet, "inet:%s", listen) < (int)sizeof inet &&
	    conf_endpoint_parse(inet, endpoint_r) == 0)
		return 0;
	return err_set(err, "found \"%s\", allowed: unix:PATH, inet:ADDRESS:PORT or ADDRESS:PORT", listen);
}

static int listen_at(const struct sockaddr *address, socklen_t len) {
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int yes = 1, saved;

	if (fd < 0)
		return -1;
	if ((address->sa_family == AF_UNIX || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0) &&
	    bind(fd, address, len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int listen_inet(const struct conf_endpoint *endpoint) {
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};

	if (inet_pton(AF_INET, endpoint->address, &v4.sin_addr) == 1)
		return listen_at((const struct sockaddr *)&v4, sizeof v4);
	if (inet_pton(AF_INET6, endpoint->address, &v6.sin6_addr) == 1)
		return listen_at((const struct sockaddr *)&v6, sizeof v6);
	errno = EINVAL;
	return -1;
}

static int listen_unix(const struct conf_endpoint *endpoint) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s", endpoint->path);
	return listen_at((const struct sockaddr *)&address, sizeof address);
}

/* What root is needed for. */
static int open_as_root(const struct conf *conf, struct daemon_socket *s, struct err *err) {
	struct conf_endpoint endpoint;

	s->fd = -1;
	if (parse(s->listen, &endpoint, err) != 0)
		return -1;
	if (endpoint.is_unix)
		return priv_prepare_socket(endpoint.path, conf->user, conf->group, err);
	if (s->prepare_only)
		return 0;
	s->fd = listen_inet(&endpoint);
	return s->fd >= 0 ? 0 : err_set(err, "%s: %s", s->listen, strerror(errno));
}

static int open_as_user(struct daemon_socket *s, struct err *err) {
	struct conf_endpoint endpoint;

	if (s->prepare_only || s->fd >= 0)
		return 0;
	if (parse(s->listen, &endpoint, err) != 0)
		return -1;
	s->fd = listen_unix(&endpoint);
	return s->fd >= 0 ? 0 : err_set(err, "%s: %s", s->listen, strerror(errno));
}

int daemon_become(const struct conf *conf, struct daemon_socket *sockets, size_t count, struct err *err) {
	size_t i;

	umask(0007);
	for (i = 0; i < count; i++)
		if (open_as_root(conf, &sockets[i], err) != 0)
			return -1;
	if (priv_drop(conf->user, conf->group, err) != 0)
		return -1;
	for (i = 0; i < count; i++)
		if (open_as_user(&sockets[i], err) != 0)
			return -1;
	return 0;
}

unsigned short daemon_socket_port(const struct daemon_socket *s) {
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;

	if (getsockname(s->fd, (struct sockaddr *)&address, &len) != 0)
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
	return 0;
}

void daemon_warn_unreadable(const struct conf *conf, const char *file) {
	if (access(file, R_OK) != 0)
		log_line(CONF_LOG_WARNING, "unreadable", "file", file, "user", conf->user, "effect",
		         "a reload will be refused", NULL);
}

/* A signal handler may do no more than write to a pipe: its writing end. */
static int signal_pipe = -1;

static void on_signal(int number) {
	char byte = (char)number;
	int saved = errno;

	/* A full pipe says already that there is something to do. */
	if (write(signal_pipe, &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

int daemon_signals(void) {
	static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int ends[2];
	size_t i;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	signal_pipe = ends[1];
	for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return ends[0];
}

int daemon_wait_signal(int signals, int timeout_ms) {
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	char number;

	if (poll(&fd, 1, timeout_ms) <= 0 || read(signals, &number, 1) != 1)
		return 0;
	return number;
}

void daemon_block_signals(void) {
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}
