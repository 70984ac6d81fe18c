/*
 * todoku-milter: inserts unsubscribe headers, rewrites links, adds the open
 * pixel, sets a return path for each recipient and signs (todoku-milter(8)).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/priv.h"
#include "milter/mime.h"
#include "milter/session.h"
#include "milter/world.h"

#define CONF_FILE "/etc/todoku/todoku.conf"
#define ERRORS_MAX 65536
#define STOP_PATIENCE_MS 10000
#define STOP_ANSWER_MS 50
#define DNS_RETRY_SECONDS 15

struct options {
	const char *conf_file;
	bool foreground; /* log to standard error, whatever the configuration says */
};

/* A signal handler may do no more than write to a pipe: its writing end. */
static int signal_pipe = -1;

static void on_signal(int number) {
	char byte = (char)number;
	int saved = errno;

	if (write(signal_pipe, &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

/*
 * libmilter has a thread that takes SIGHUP, SIGTERM and SIGINT by sigwait(3) for an
 * order to stop.  The kernel prefers the main thread only while that has no other
 * signal to handle, so a SIGHUP close behind a SIGUSR1 would end libmilter and
 * leave the process deaf.  This stands before the C library's sigwait(), which
 * nothing else here uses: that thread takes no signal at all.
 */
int sigwait(const sigset_t *set, int *number_r) {
	(void)set;
	(void)number_r;
	for (;;)
		pause();
}

/* All of them come to the main thread, the only one that does not block them. */
static int catch_signals(void) {
	static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int ends[2];
	size_t i;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	signal_pipe = ends[1];
	for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return ends[0];
}

static struct options read_options(int argc, char **argv) {
	struct options options = {.conf_file = CONF_FILE};
	int option;

	while ((option = getopt(argc, argv, "c:f")) != -1) {
		if (option == 'c') {
			options.conf_file = optarg;
		} else if (option == 'f') {
			options.foreground = true;
		} else {
			fprintf(stderr, "usage: todoku-milter [-f] [-c FILE]\n");
			exit(EX_USAGE);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "todoku-milter: unexpected argument \"%s\"\n", argv[optind]);
		exit(EX_USAGE);
	}
	return options;
}

static void set_up_log(const struct options *options, const struct conf *conf) {
	struct conf_log log = conf->log;

	if (options->foreground)
		log.target = CONF_LOG_STDERR;
	log_setup("todoku-milter", &log);
}

/* Each line of the errors as a log line, and on standard error at start. */
static void report(const struct buf *errors, const char *event, bool starting) {
	struct span left = buf_span(errors);

	while (left.len > 0) {
		ssize_t newline = span_find_byte(left, '\n');
		size_t len = newline < 0 ? left.len : (size_t)newline;
		char line[2048];

		snprintf(line, sizeof line, "%.*s", (int)len, left.at);
		if (starting)
			fprintf(stderr, "todoku-milter: %s\n", line);
		else
			log_line(CONF_LOG_ERROR, event, "reason", line, NULL);
		left = span_from(left, len + 1);
	}
}

/* Keys may be root's alone: they are read before root is given up.  A reload
 * comes after that, so what it could not read is named now. */
static void warn_unreadable(const struct conf *conf) {
	size_t i, j;

	if (access(conf->token_keys, R_OK) != 0)
		log_line(CONF_LOG_WARNING, "unreadable", "file", conf->token_keys, "user", conf->user, "effect",
		         "a reload will be refused", NULL);
	for (i = 0; i < conf->domain_count; i++)
		for (j = 0; j < conf->domains[i].key_count; j++)
			if (access(conf->domains[i].keys[j].key, R_OK) != 0)
				log_line(CONF_LOG_WARNING, "unreadable", "file", conf->domains[i].keys[j].key, "user",
				         conf->user, "effect", "a reload will be refused", NULL);
}

/* As root: the folder of the socket; then never root again. */
static int become_user(const struct conf *conf) {
	struct conf_endpoint endpoint;
	struct err err;

	umask(0007);
	if ((conf_endpoint_parse(conf->milter.listen, &endpoint) == 0 && endpoint.is_unix &&
	     priv_prepare_socket(endpoint.path, conf->user, conf->group, &err) != 0) ||
	    priv_drop(conf->user, conf->group, &err) != 0) {
		fprintf(stderr, "todoku-milter: %s\n", err.text);
		return -1;
	}
	warn_unreadable(conf);
	return 0;
}

static struct world *load(const char *conf_file, bool starting) {
	struct buf errors;
	struct world *world;

	buf_init(&errors, ERRORS_MAX);
	world = world_load(conf_file, &errors);
	if (world == NULL)
		report(&errors, "reload_refused", starting);
	buf_free(&errors);
	return world;
}

static void destroy_world(void *value) {
	struct world *world = value;

	world_free(&world);
}

/* A bad file leaves the running configuration in force. */
static void reload(struct milter *milter, const struct options *options) {
	struct world *world = load(options->conf_file, false);

	if (world == NULL)
		return;
	world_check_dns(world);
	set_up_log(options, world->conf);
	if (snapshot_set(milter->worlds, world) != 0) {
		world_free(&world);
		return;
	}
	log_line(CONF_LOG_INFO, "reloaded", "file", options->conf_file, NULL);
}

static void log_totals(struct milter *m) {
	char n[8][24];
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	log_line(CONF_LOG_INFO, "totals", "treated", log_number(n[0], (long long)m->totals.treated), "passed",
	         log_number(n[1], (long long)m->totals.passed), "tempfailed",
	         log_number(n[2], (long long)m->totals.tempfailed), "rewrite_us",
	         log_number(n[3], (long long)m->totals.rewrite / 1000), "sign_us",
	         log_number(n[4], (long long)m->totals.sign / 1000), "verify_us",
	         log_number(n[5], (long long)m->totals.verify / 1000), "store_us",
	         log_number(n[6], (long long)m->totals.store / 1000), "processor_us",
	         log_number(n[7], (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000), NULL);
}

/* Waits for signals; looks at the DNS in between. */
static void serve(struct milter *milter, const struct options *options, int signals) {
	struct pollfd fd = {.fd = signals, .events = POLLIN};

	for (;;) {
		struct snapshot *snapshot = snapshot_get(milter->worlds);
		struct world *world = snapshot_value(snapshot);
		size_t unsure = world_check_dns(world);
		long wait = world->conf->dkim_policy.dns_interval;
		char number;

		snapshot_put(&snapshot);
		if (unsure > 0 && wait > DNS_RETRY_SECONDS)
			wait = DNS_RETRY_SECONDS;
		if (poll(&fd, 1, (int)wait * 1000) <= 0 || read(signals, &number, 1) != 1)
			continue;
		if (number == SIGHUP)
			reload(milter, options);
		else if (number == SIGUSR1)
			log_totals(milter);
		else
			return;
	}
}

static void *run_sessions(void *unused) {
	sigset_t all;

	(void)unused;
	/* Its threads inherit this. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	session_run();
	return NULL;
}

/* smfi_stop() would take seconds to be noticed.  Messages at their end are finished
 * and their answers written; all others Postfix tries again. */
static void stop(struct milter *milter) {
	int waited;

	atomic_store(&milter->stopping, true);
	for (waited = 0; atomic_load(&milter->busy) > 0 && waited < STOP_PATIENCE_MS; waited += 10)
		poll(NULL, 0, 10);
	poll(NULL, 0, STOP_ANSWER_MS);
	store_writer_stop(&milter->writer);
	log_totals(milter);
	log_line(CONF_LOG_INFO, "stopped", NULL);
	_exit(EX_OK);
}

int main(int argc, char **argv) {
	struct options options = read_options(argc, argv);
	/* Outlives main(): sessions may still run when it returns. */
	static struct milter milter;
	struct world *world;
	const char *reason;
	pthread_t thread;
	struct err err;
	int signals;

	mime_init();
	world = load(options.conf_file, true);
	if (world == NULL)
		return EX_CONFIG;
	set_up_log(&options, world->conf);
	if (become_user(world->conf) != 0)
		return EX_OSERR;
	signals = catch_signals();
	milter.worlds = snapshot_box_new(destroy_world);
	milter.writer = store_writer_start(&world->conf->store, &err);
	if (milter.writer == NULL) {
		fprintf(stderr, "todoku-milter: %s\n", err.text);
		return EX_UNAVAILABLE;
	}
	world_check_dns(world);
	if (signals < 0 || milter.worlds == NULL || snapshot_set(milter.worlds, world) != 0)
		return EX_OSERR;
	if (session_open(&milter, world->conf->milter.listen, world->conf->milter.timeout, &reason) != 0) {
		fprintf(stderr, "todoku-milter: %s: %s\n", world->conf->milter.listen, reason);
		return EX_OSERR;
	}
	if (pthread_create(&thread, NULL, run_sessions, NULL) != 0 || pthread_detach(thread) != 0)
		return EX_OSERR;
	log_line(CONF_LOG_INFO, "ready", "listen", world->conf->milter.listen, NULL);
	serve(&milter, &options, signals);
	stop(&milter);
}
