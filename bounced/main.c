/*
 * todoku-bounced: takes what comes back, finds recipient and reason, and updates
 * who may have mail (todoku-bounced(8)).
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "bounced/intake.h"
#include "bounced/pipeline.h"
#include "bounced/server.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "report/report.h"

#include <signal.h>

#define STOP_PATIENCE 10 /* seconds */
#define HOSTNAME_SIZE 256

struct bounced {
	struct daemon daemon;
	int signals;
	struct snapshot_box *worlds;
	struct pipeline *pipeline;
	struct server *server;
};

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

static struct server_limits limits_of(const struct conf *conf) {
	return (struct server_limits){
	        .max_message = (size_t)conf->bounced.max_message,
	        .memory = (size_t)conf->bounced.memory,
	        .connections = (size_t)conf->bounced.connections,
	        .timeout = conf->bounced.timeout,
	};
}

/* A bad file leaves the running configuration in force. */
static void reload(struct bounced *bounced) {
	struct world *world = load(&bounced->daemon, false);
	struct server_limits limits;

	if (world == NULL)
		return;
	daemon_log(&bounced->daemon, world->conf);
	limits = limits_of(world->conf);
	if (snapshot_set(bounced->worlds, world) != 0) {
		world_free(&world);
		return;
	}
	server_set_limits(bounced->server, &limits);
	log_line(CONF_LOG_INFO, "reloaded", "file", bounced->daemon.conf_file, NULL);
}

static void log_totals(const struct bounced *bounced) {
	const struct pipeline_totals *totals = pipeline_totals(bounced->pipeline);
	char n[5][24];

	log_line(CONF_LOG_INFO, "totals", "recorded", log_number(n[0], (long long)totals->recorded), "known",
	         log_number(n[1], (long long)totals->known), "faulty", log_number(n[2], (long long)totals->faulty),
	         "put_off", log_number(n[3], (long long)totals->put_off), "groups",
	         log_number(n[4], (long long)totals->groups), NULL);
}

static void on_signal(void *context) {
	struct bounced *bounced = context;
	int number;

	while ((number = daemon_wait_signal(bounced->signals, 0)) != 0) {
		if (number == SIGHUP)
			reload(bounced);
		else if (number == SIGUSR1)
			log_totals(bounced);
		else
			server_stop(bounced->server, STOP_PATIENCE);
	}
}

static const char *check_recipient(void *context, struct span sender, struct span recipient) {
	struct bounced *bounced = context;
	struct snapshot *snapshot = snapshot_get(bounced->worlds);
	const char *refusal = intake_refuse(snapshot_value(snapshot), sender, recipient);

	snapshot_put(&snapshot);
	return refusal;
}

static void submit(void *context, struct job *job) {
	pipeline_submit(((struct bounced *)context)->pipeline, job);
}

static void done(void *context, struct job *job) {
	server_done(((struct bounced *)context)->server, job);
}

static int fail(const struct err *err, int status) {
	fprintf(stderr, "todoku-bounced: %s\n", err->text);
	return status;
}

static const char *find_hostname(const struct conf *conf, char out[HOSTNAME_SIZE]) {
	if (conf->hostname[0] != '\0')
		snprintf(out, HOSTNAME_SIZE, "%s", conf->hostname);
	else if (gethostname(out, HOSTNAME_SIZE - 1) != 0)
		strcpy(out, "localhost");
	return out;
}

/* The store is made, or found to be there and readable, before anything is taken. */
static int open_store(const struct conf *conf, struct err *err) {
	struct store *store = store_open(&conf->store, err);

	if (store == NULL)
		return -1;
	store_close(&store);
	return 0;
}

static void warn_unreadable(const struct conf *conf) {
	daemon_warn_unreadable(conf, conf->token_keys);
	if (conf->bounced.rules[0] != '\0')
		daemon_warn_unreadable(conf, conf->bounced.rules);
}

/* Serves until a signal ends it. */
static int serve(struct bounced *bounced, int listener, const char *hostname, const struct conf *conf,
                 struct err *err) {
	struct server_hooks hooks = {.recipient = check_recipient, .submit = submit, .context = bounced};
	struct server_limits limits = limits_of(conf);

	bounced->pipeline = pipeline_start(bounced->worlds, conf, done, bounced, err);
	if (bounced->pipeline == NULL)
		return -1;
	bounced->server = server_new(listener, hostname, &limits, &hooks, err);
	if (bounced->server == NULL || server_watch(bounced->server, bounced->signals, on_signal, bounced) != 0)
		return -1;
	log_line(CONF_LOG_INFO, "ready", "listen", conf->bounced.listen, NULL);
	server_run(bounced->server);
	log_totals(bounced);
	/* What is under way comes to its end: its answer may be too late, not its commit. */
	pipeline_stop(&bounced->pipeline);
	server_free(&bounced->server);
	log_line(CONF_LOG_INFO, "stopped", NULL);
	return 0;
}

int main(int argc, char **argv) {
	struct bounced bounced = {0};
	char hostname[HOSTNAME_SIZE];
	struct daemon_socket socket;
	struct world *world;
	struct err err = {""};

	if (daemon_options(&bounced.daemon, "todoku-bounced", argc, argv) != 0)
		return EX_USAGE;
	report_init();
	world = load(&bounced.daemon, true);
	if (world == NULL)
		return EX_CONFIG;
	daemon_log(&bounced.daemon, world->conf);
	socket = (struct daemon_socket){.listen = world->conf->bounced.listen};
	if (daemon_become(world->conf, &socket, 1, &err) != 0)
		return fail(&err, EX_OSERR);
	warn_unreadable(world->conf);
	if (open_store(world->conf, &err) != 0)
		return fail(&err, EX_UNAVAILABLE);
	bounced.signals = daemon_signals();
	bounced.worlds = snapshot_box_new(destroy_world);
	if (bounced.signals < 0 || bounced.worlds == NULL || snapshot_set(bounced.worlds, world) != 0)
		return EX_OSERR;
	if (serve(&bounced, socket.fd, find_hostname(world->conf, hostname), world->conf, &err) != 0)
		return fail(&err, EX_OSERR);
	snapshot_box_free(&bounced.worlds);
	return EX_OK;
}
