/* lib/daemon.h: options, sockets before and after the change of user, signals as bytes. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/log.h"

static char user[] = "nobody", group[] = "nogroup";
static const struct conf conf = {.user = user, .group = group};

struct fixture {
	char top[64];
	char listen[120];
};

static int set_up(void **state) {
	static struct fixture f;

	snprintf(f.top, sizeof f.top, "/tmp/test_daemon.XXXXXX");
	if (mkdtemp(f.top) == NULL || chmod(f.top, 0755) != 0)
		return -1;
	snprintf(f.listen, sizeof f.listen, "unix:%s/run/a.sock", f.top);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", f->top);
	return system(command);
}

/* In a process of its own: 0, or the number of the failed check. */
static int in_child(int (*run)(const struct fixture *), const struct fixture *f) {
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run(f));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What a function writes to standard error. */
static void capture(void (*run)(void *), void *context, char *out, size_t size) {
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t len;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	run(context);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	len = read(ends[0], out, size - 1);
	out[len < 0 ? 0 : len] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

struct options_case {
	char *argv[5];
	int want;
	const char *file;
	bool foreground;
	const char *said;
	int got;
	struct daemon daemon;
};

static void read_options(void *context) {
	struct options_case *c = context;
	int argc = 0;

	while (c->argv[argc] != NULL)
		argc++;
	optind = 0;
	c->got = daemon_options(&c->daemon, "todoku-x", argc, c->argv);
}

static void test_options(void **state) {
	static char x[] = "todoku-x", c[] = "-c", f[] = "-f", file[] = "/tmp/a.conf", bad[] = "-q", more[] = "more";
	struct options_case cases[] = {
	        {.argv = {x}, .file = "/etc/todoku/todoku.conf", .said = ""},
	        {.argv = {x, f, c, file}, .file = "/tmp/a.conf", .foreground = true, .said = ""},
	        {.argv = {x, bad}, .want = -1, .said = "usage: todoku-x [-f] [-c FILE]\n"},
	        {.argv = {x, f, more}, .want = -1, .said = "todoku-x: unexpected argument \"more\"\n"},
	};
	char said[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		capture(read_options, &cases[i], said, sizeof said);
		assert_int_equal(cases[i].got, cases[i].want);
		assert_non_null(strstr(said, cases[i].said));
		if (cases[i].want != 0)
			continue;
		assert_string_equal(cases[i].daemon.conf_file, cases[i].file);
		assert_int_equal(cases[i].daemon.foreground, cases[i].foreground);
		assert_string_equal(said, "");
	}
}

static void report_twice(void *context) {
	struct daemon daemon = {.program = "todoku-x", .foreground = true};
	struct conf quiet = {.log = {.target = CONF_LOG_SYSLOG}};
	struct buf *errors = context;

	daemon_log(&daemon, &quiet);
	daemon_report(&daemon, errors, true);
	daemon_report(&daemon, errors, false);
}

static void test_report(void **state) {
	char said[1024];
	struct buf errors;

	(void)state;
	buf_init(&errors, DAEMON_ERRORS_MAX);
	buf_add_text(&errors, "a.conf:1: first\na.conf:2: second");
	capture(report_twice, &errors, said, sizeof said);
	buf_free(&errors);
	assert_non_null(strstr(said, "todoku-x: a.conf:1: first\ntodoku-x: a.conf:2: second\n"));
	assert_non_null(strstr(said, "event=reload_refused reason=\"a.conf:1: first\""));
	assert_non_null(strstr(said, "event=reload_refused reason=\"a.conf:2: second\""));
}

static int connect_to(const char *listen, unsigned short port) {
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	bool is_unix = strncmp(listen, "unix:", 5) == 0;
	int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0), result;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", is_unix ? listen + 5 : "");
	result = is_unix ? connect(fd, (struct sockaddr *)&un, sizeof un)
	                 : connect(fd, (struct sockaddr *)&in, sizeof in);
	close(fd);
	return result;
}

/* One below 1024 that is free; 0 where there is none. */
static unsigned short free_low_port(void) {
	struct sockaddr_in in = {.sin_family = AF_INET};
	unsigned short port;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (port = 1023; port > 0; port--) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), bound;

		in.sin_port = htons(port);
		bound = bind(fd, (struct sockaddr *)&in, sizeof in);
		close(fd);
		if (bound == 0)
			return port;
	}
	return 0;
}

/* A port that only root may have: it is opened before root is given up. */
static int become_with_low_port(const struct fixture *f) {
	char listen[64];
	struct daemon_socket s = {.listen = listen};
	struct err err;

	(void)f;
	snprintf(listen, sizeof listen, "127.0.0.1:%u", free_low_port());
	if (daemon_become(&conf, &s, 1, &err) != 0)
		return 1;
	if (geteuid() == 0 || daemon_socket_port(&s) == 0 || daemon_socket_port(&s) >= 1024)
		return 2;
	return connect_to("", daemon_socket_port(&s)) == 0 ? 0 : 3;
}

/* As root's child: folder and socket are the user's, who can't go back. */
static int become(const struct fixture *f) {
	struct daemon_socket sockets[] = {
	        {.listen = f->listen},
	        {.listen = "inet:127.0.0.1:0"},
	        {.listen = "127.0.0.1:0"},
	        {.listen = f->listen, .prepare_only = true},
	};
	struct stat st;
	struct err err;

	if (daemon_become(&conf, sockets, 4, &err) != 0)
		return 1;
	if (geteuid() == 0 || seteuid(0) == 0)
		return 2;
	if (stat(f->listen + 5, &st) != 0 || (st.st_mode & 07777) != 0770 || st.st_uid != getpwnam(user)->pw_uid ||
	    st.st_gid != getgrnam(group)->gr_gid)
		return 3;
	if (daemon_socket_port(&sockets[0]) != 0 || daemon_socket_port(&sockets[1]) == 0 ||
	    daemon_socket_port(&sockets[2]) == 0 || sockets[3].fd != -1)
		return 4;
	if (connect_to(f->listen, 0) != 0 || connect_to("", daemon_socket_port(&sockets[1])) != 0 ||
	    connect_to("", daemon_socket_port(&sockets[2])) != 0)
		return 5;
	if ((fcntl(sockets[0].fd, F_GETFD) & FD_CLOEXEC) == 0 || (fcntl(sockets[0].fd, F_GETFL) & O_NONBLOCK) == 0)
		return 6;
	return 0;
}

static void test_become(void **state) {
	assert_int_equal(geteuid(), 0);
	assert_int_equal(in_child(become, *state), 0);
	assert_int_equal(in_child(become_with_low_port, *state), 0);
}

static int refuse(const struct fixture *f) {
	static const struct {
		const char *listen, *want;
	} cases[] = {
	        {"unix:relative", "allowed: unix:PATH"},
	        {"tcp:127.0.0.1:80", "allowed: unix:PATH"},
	        {"127.0.0.1", "allowed: unix:PATH"},
	        {"inet:192.0.2.1:0", "192.0.2.1:0: "},
	};
	struct err err;
	size_t i;

	(void)f;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct daemon_socket s = {.listen = cases[i].listen};

		if (daemon_become(&conf, &s, 1, &err) == 0 || strstr(err.text, cases[i].want) == NULL)
			return (int)i + 1;
	}
	return 0;
}

static void test_refuse(void **state) {
	assert_int_equal(in_child(refuse, *state), 0);
}

static int take_signals(const struct fixture *f) {
	static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	int fd = daemon_signals(), i;

	(void)f;
	if (fd < 0 || daemon_wait_signal(fd, 0) != 0)
		return 1;
	for (i = 0; i < 4; i++)
		raise(numbers[i]);
	for (i = 0; i < 4; i++)
		if (daemon_wait_signal(fd, -1) != numbers[i])
			return 2;
	raise(SIGPIPE);
	/* However many come: the handler never waits for a reader. */
	for (i = 0; i < 200000; i++)
		raise(SIGUSR1);
	if (daemon_wait_signal(fd, 0) != SIGUSR1)
		return 3;
	daemon_block_signals();
	raise(SIGTERM);
	return 0;
}

static void test_signals(void **state) {
	assert_int_equal(in_child(take_signals, *state), 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_options), cmocka_unit_test(test_report), WITH_FOLDER(test_become),
	        WITH_FOLDER(test_refuse),       WITH_FOLDER(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
