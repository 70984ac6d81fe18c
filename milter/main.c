/*
 * todoku-milter: inserts unsubscribe headers, rewrites links, adds the open
 * pixel, sets a return path for each recipient and signs (todoku-milter(8)).
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "milter/mime.h"
#include "milter/session.h"
#include "milter/world.h"

#define STOP_PATIENCE_MS 10000
#define STOP_ANSWER_MS 50
#define DNS_RETRY_SECONDS 15

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

static void warn_unreadable(const struct conf *conf) {
	size_t i, j;

	daemon_warn_unreadable(conf, conf->token_keys);
	for (i = 0; i < conf->domain_count; i++)
		for (j = 0; j < conf->domains[i].key_count; j++)
			daemon_warn_unreadable(conf, conf->domains[i].keys[j].key);
}

static struct world *load(const struct daemon *daemon, bool starting) {
	struct buf errors;
	struct world *world;

	buf_init(&errors, DAEMON_ERRORS_MAX);
	world = world_load(daemon->conf_file, &errors);
	if (world == NULL)
		daemon_report(daemon, &errors, starting);
	buf_free(&errors);
	return world;
}

static void destroy_world(void *value) {
	struct world *world = value;

	world_free(&world);
}

/* A bad file leaves the running configuration in force. */
static void reload(struct milter *milter, const struct daemon *daemon) {
	struct world *world = load(daemon, false);

	if (world == NULL)
		return;
	world_check_dns(world);
	daemon_log(daemon, world->conf);
	if (snapshot_set(milter->worlds, world) != 0) {
		world_free(&world);
		return;
	}
	log_line(CONF_LOG_INFO, "reloaded", "file", daemon->conf_file, NULL);
}

static void log_totals(struct milter *m) {
	char fates[COUNTERS_FATES][24], stages[COUNTERS_STAGES][24], all[24];
	struct timespec t;
	int i;

	for (i = 0; i < COUNTERS_FATES; i++)
		log_number(fates[i], (long long)m->totals.fates[i]);
	for (i = 0; i < COUNTERS_STAGES; i++)
		log_number(stages[i], (long long)m->totals.stages[i] / 1000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	log_line(CONF_LOG_INFO, "totals", "treated", fates[COUNTERS_TREATED], "passed", fates[COUNTERS_PASSED],
	         "untreated", fates[COUNTERS_UNTREATED], "tempfailed", fates[COUNTERS_TEMPFAILED], "refused",
	         fates[COUNTERS_REFUSED], "discarded", fates[COUNTERS_DISCARDED], "rewrite_us",
	         stages[COUNTERS_REWRITE], "sign_us", stages[COUNTERS_SIGN], "verify_us", stages[COUNTERS_VERIFY],
	         "standing_us", stages[COUNTERS_STANDING], "store_us", stages[COUNTERS_STORE], "processor_us",
	         log_number(all, (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000), NULL);
}

/* Waits for signals; looks at the DNS in between. */
static void serve(struct milter *milter, const struct daemon *daemon, int signals) {
	for (;;) {
		struct snapshot *snapshot = snapshot_get(milter->worlds);
		struct world *world = snapshot_value(snapshot);
		size_t unsure = world_check_dns(world);
		long wait = world->conf->dkim_policy.dns_interval;
		int number;

		snapshot_put(&snapshot);
		if (unsure > 0 && wait > DNS_RETRY_SECONDS)
			wait = DNS_RETRY_SECONDS;
		number = daemon_wait_signal(signals, (int)wait * 1000);
		if (number == SIGHUP)
			reload(milter, daemon);
		else if (number == SIGUSR1)
			log_totals(milter);
		else if (number != 0)
			return;
	}
}

static void *run_sessions(void *unused) {
	(void)unused;
	/* Its threads inherit this. */
	daemon_block_signals();
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

/* As root: the folder of the socket, which libmilter opens; then never root again. */
static int become_user(const struct conf *conf, struct err *err) {
	struct daemon_socket socket = {.listen = conf->milter.listen, .prepare_only = true};

	if (daemon_become(conf, &socket, 1, err) != 0)
		return -1;
	warn_unreadable(conf);
	return 0;
}

/* A milter that can't count, or tell why, does its work all the same. */
static void open_counters(struct milter *milter, const struct conf *conf) {
	struct err err;
	struct metrics *metrics = metrics_open(conf->data_dir, "milter", &err);

	if (metrics == NULL)
		log_line(CONF_LOG_WARNING, "no_metrics", "reason", err.text, NULL);
	counters_open(&milter->counters, metrics);
	milter->decisions = decisions_open(conf->data_dir, conf->policyd.decisions, &err);
	if (milter->decisions == NULL)
		log_line(CONF_LOG_WARNING, "no_decisions", "reason", err.text, NULL);
}

static int fail(const struct err *err, int status) {
	fprintf(stderr, "todoku-milter: %s\n", err->text);
	return status;
}

int main(int argc, char **argv) {
	/* Outlives main(): sessions may still run when it returns. */
	static struct milter milter;
	struct daemon daemon;
	struct world *world;
	const char *reason;
	pthread_t thread;
	struct err err;
	int signals;

	if (daemon_options(&daemon, "todoku-milter", argc, argv) != 0)
		return EX_USAGE;
	mime_init();
	world = load(&daemon, true);
	if (world == NULL)
		return EX_CONFIG;
	daemon_log(&daemon, world->conf);
	if (become_user(world->conf, &err) != 0)
		return fail(&err, EX_OSERR);
	signals = daemon_signals();
	milter.worlds = snapshot_box_new(destroy_world);
	milter.writer = store_writer_start(&world->conf->store, &err);
	milter.pool = milter.writer == NULL ? NULL : store_pool_new(&world->conf->store, &err);
	if (milter.pool == NULL)
		return fail(&err, EX_UNAVAILABLE);
	open_counters(&milter, world->conf);
	world_check_dns(world);
	if (signals < 0 || milter.worlds == NULL || snapshot_set(milter.worlds, world) != 0)
		return EX_OSERR;
	if (session_open(&milter, world->conf->milter.listen, world->conf->milter.timeout, &reason) != 0) {
		err_set(&err, "%s: %s", world->conf->milter.listen, reason);
		return fail(&err, EX_OSERR);
	}
	if (pthread_create(&thread, NULL, run_sessions, NULL) != 0 || pthread_detach(thread) != 0)
		return EX_OSERR;
	log_line(CONF_LOG_INFO, "ready", "listen", world->conf->milter.listen, NULL);
	serve(&milter, &daemon, signals);
	stop(&milter);
}
