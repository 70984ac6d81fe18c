/*
 * todoku-policyd: says for each recipient whether mail may go now (todoku-policyd(8)).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "policyd/server.h"
#include "policyd/watch.h"

#define TIDY_MS 1000

static struct policy_world *load(const struct daemon *daemon, bool starting) {
	struct buf errors;
	struct policy_world *world;

	buf_init(&errors, DAEMON_ERRORS_MAX);
	world = policy_world_load(daemon->conf_file, &errors);
	if (world == NULL)
		daemon_report(daemon, &errors, starting);
	buf_free(&errors);
	return world;
}

/* A bad file leaves the running configuration in force.  Store, socket and numbers of
 * threads and connections are those of the start. */
static void reload(struct policy *policy, const struct daemon *daemon) {
	struct policy_world *world = load(daemon, false);

	if (world == NULL)
		return;
	daemon_log(daemon, world->conf);
	ledger_set_patience(policy->ledger, world->conf->policyd.transaction_timeout * 1000,
	                    world->conf->policyd.leave_timeout * 1000);
	if (snapshot_set(policy->worlds, world) != 0) {
		policy_world_free(&world);
		return;
	}
	atomic_fetch_add(&policy->generation, 1);
	log_line(CONF_LOG_INFO, "reloaded", "file", daemon->conf_file, NULL);
}

static void log_totals(const struct policy *policy) {
	const struct policy_totals *t = &policy->totals;
	char n[7][24];

	log_line(CONF_LOG_INFO, "totals", "passed", log_number(n[1], (long long)t->passed), "held",
	         log_number(n[2], (long long)t->held), "deferred", log_number(n[3], (long long)t->deferred), "rejected",
	         log_number(n[4], (long long)t->rejected), "discarded", log_number(n[5], (long long)t->discarded),
	         "errors", log_number(n[6], (long long)t->errors), NULL);
}

/* Until it is to end. */
static void serve(struct policy *policy, struct watch *watch, const struct daemon *daemon, int signals) {
	for (;;) {
		int number = daemon_wait_signal(signals, TIDY_MS);

		if (number == 0) {
			policy_tidy(policy);
			watch_look(watch);
		} else if (number == SIGHUP) {
			reload(policy, daemon);
		} else if (number == SIGUSR1) {
			log_totals(policy);
		} else {
			return;
		}
	}
}

/* The store is made where there is none; one that does not answer may do so later. */
static void make_store(const struct conf *conf) {
	struct err err;
	struct store *store = store_open(&conf->store, &err);

	if (store == NULL)
		log_line(CONF_LOG_ERROR, "store_failed", "reason", err.text, "effect", "answers are those of on_error",
		         NULL);
	store_close(&store);
}

static void open_log(struct policy *policy, const struct conf *conf) {
	struct err err;

	policy->log = decisions_open(conf->data_dir, conf->policyd.decisions, &err);
	if (policy->log == NULL)
		log_line(CONF_LOG_WARNING, "no_decision_log", "reason", err.text, NULL);
}

static struct metrics *open_metrics(const struct conf *conf) {
	struct err err;
	struct metrics *metrics = metrics_open(conf->data_dir, "policyd", &err);

	if (metrics == NULL)
		log_line(CONF_LOG_WARNING, "no_metrics", "reason", err.text, NULL);
	return metrics;
}

int main(int argc, char **argv) {
	struct policy policy = {0};
	struct daemon_socket socket = {.fd = -1};
	struct server_setup setup = {.answerer = &server_policy, .context = &policy};
	struct policy_world *world;
	struct metrics *metrics;
	struct server *server = NULL;
	struct watch *watch;
	struct daemon daemon;
	struct err err;
	int signals;

	if (daemon_options(&daemon, "todoku-policyd", argc, argv) != 0)
		return EX_USAGE;
	world = load(&daemon, true);
	if (world == NULL)
		return EX_CONFIG;
	daemon_log(&daemon, world->conf);
	socket.listen = world->conf->policyd.listen;
	if (daemon_become(world->conf, &socket, 1, &err) != 0) {
		fprintf(stderr, "todoku-policyd: %s\n", err.text);
		return EX_OSERR;
	}
	daemon_warn_unreadable(world->conf, world->conf->token_keys);
	signals = daemon_signals();
	make_store(world->conf);
	setup.listener = socket.fd;
	setup.threads = world->conf->policyd.threads;
	setup.connections = world->conf->policyd.connections;
	if (signals < 0 || policy_open(&policy, world, &err) != 0) {
		fprintf(stderr, "todoku-policyd: %s\n", signals < 0 ? "no pipe for signals" : err.text);
		return EX_OSERR;
	}
	open_log(&policy, world->conf);
	metrics = open_metrics(world->conf);
	policy_count(&policy, metrics);
	watch = watch_start(&policy, metrics, &err);
	if (watch != NULL)
		server = server_start(&setup, &err);
	if (server == NULL) {
		fprintf(stderr, "todoku-policyd: %s\n", err.text);
		return EX_OSERR;
	}
	log_line(CONF_LOG_INFO, "ready", "listen", socket.listen, NULL);
	serve(&policy, watch, &daemon, signals);
	server_stop(&server);
	watch_stop(&watch);
	log_totals(&policy);
	policy_close(&policy);
	metrics_close(&metrics);
	log_line(CONF_LOG_INFO, "stopped", NULL);
	return EX_OK;
}
