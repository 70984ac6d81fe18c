/*
 * todoku-webd: answers the links that are in mail: clicks, opens, unsubscribes,
 * forms (todoku-webd(8)).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/store_pool.h"
#include "webd/applier.h"
#include "webd/journal.h"
#include "webd/rate.h"
#include "webd/routes.h"
#include "webd/server.h"

#define TICK_MS 500
#define STOP_PATIENCE_MS 5000
#define SLOW_THREADS 8
#define SLOW_QUEUE 256
#define SPARE_FILES 256

struct webd {
	struct daemon daemon;
	struct app app;
	struct conf_store store; /* of the configuration at start, waiting less */
	struct stats stats;
	struct applier *applier;
	struct workers *workers;
	struct tls *tls;
	struct server *readers, *admin;
	long connections;         /* at once, as far as the system lets us */
	struct webd_world *first; /* until it is in the box */
};

static struct webd_world *load(const struct webd *webd, bool starting) {
	struct webd_world *world;
	struct buf errors;

	buf_init(&errors, DAEMON_ERRORS_MAX);
	world = webd_world_load(webd->daemon.conf_file, &errors);
	if (world == NULL)
		daemon_report(&webd->daemon, &errors, starting);
	buf_free(&errors);
	return world;
}

static void destroy_world(void *value) {
	struct webd_world *world = value;

	webd_world_free(&world);
}

/* Each connection is a descriptor: how many there may be. */
static long allow_files(long connections) {
	rlim_t want = (rlim_t)connections + SPARE_FILES;
	struct rlimit limit, most;
	char number[24];

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return connections;
	most = (struct rlimit){want, limit.rlim_max < want ? want : limit.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &most) == 0)
		return connections;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	connections = limit.rlim_cur > 2 * SPARE_FILES ? (long)limit.rlim_cur - SPARE_FILES : SPARE_FILES;
	log_line(CONF_LOG_WARNING, "few_files", "connections", log_number(number, connections), NULL);
	return connections;
}

static void on_journal(void *context, const char *reason) {
	(void)context;
	if (reason == NULL)
		log_line(CONF_LOG_INFO, "journal_back", NULL);
	else
		log_line(CONF_LOG_ERROR, "journal_failed", "reason", reason, "effect",
		         "clicks and opens are answered and not recorded", NULL);
}

static int load_tls(struct webd *webd, const struct conf_webd *conf, struct err *err) {
	if (conf->tls_cert[0] == '\0')
		return 0;
	webd->tls = tls_load(conf->tls_cert, conf->tls_key, err);
	return webd->tls == NULL ? -1 : 0;
}

/* What a reload will want to read, that root could and we can't. */
static void warn_unreadable(const struct conf *conf) {
	daemon_warn_unreadable(conf, conf->token_keys);
	if (conf->webd.tls_key[0] != '\0')
		daemon_warn_unreadable(conf, conf->webd.tls_key);
}

static int open_app(struct webd *webd, const struct conf *conf, struct err *err) {
	struct journal_options options = {.max = (uint64_t)conf->webd.journal_max, .trouble = on_journal};
	char dir[1024];

	snprintf(dir, sizeof dir, "%s/journal", conf->data_dir);
	options.dir = dir;
	webd->store = conf->store;
	webd->store.busy_timeout = STORE_PATIENCE_MS / 1000;
	stats_open(&webd->stats, conf->data_dir, routes_public);
	webd->app.worlds = snapshot_box_new(destroy_world);
	webd->app.rates = rate_new();
	webd->app.stores = store_pool_new(&webd->store, err);
	webd->app.journal = journal_open(&options, err);
	if (webd->app.stores == NULL || webd->app.journal == NULL)
		return -1;
	webd->workers = workers_start(SLOW_THREADS, SLOW_QUEUE);
	if (webd->app.worlds == NULL || webd->app.rates == NULL || webd->workers == NULL ||
	    snapshot_set(webd->app.worlds, webd->first) != 0)
		return err_set(err, "out of memory or threads");
	webd->first = NULL;
	webd->applier = applier_start(webd->app.journal, &webd->store, &webd->stats, err);
	return webd->applier == NULL ? -1 : 0;
}

/* A store that is not there is made now; one that can't be reached may come later. */
static void make_store(const struct conf_store *conf) {
	struct err err;
	struct store *store = store_open(conf, &err);

	if (store == NULL)
		log_line(CONF_LOG_WARNING, "store_away", "reason", err.text, "effect", "events wait in the journal",
		         NULL);
	store_close(&store);
}

static int serve(struct webd *webd, const struct conf *conf, const struct daemon_socket *sockets, struct err *err) {
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct server_options readers = {
	        .app = &webd->app,
	        .routes = routes_public,
	        .workers = webd->workers,
	        .fd = sockets[0].fd,
	        .threads = conf->webd.threads > 0 ? (unsigned)conf->webd.threads : (unsigned)processors * 2,
	        .limits = {.all = (size_t)webd->connections,
	                   .per_address = (size_t)conf->webd.connections_per_ip,
	                   .timeout_ms = conf->webd.timeout * 1000},
	        .tls = webd->tls,
	        .stats = &webd->stats,
	};
	struct server_options admin = {
	        .app = &webd->app,
	        .routes = routes_admin,
	        .workers = webd->workers,
	        .fd = sockets[1].fd,
	        .is_admin = true,
	        .threads = 1,
	        .limits = {.all = 64, .per_address = 64, .timeout_ms = conf->webd.timeout * 1000},
	};

	webd->readers = server_start(&readers, err);
	webd->admin = webd->readers == NULL ? NULL : server_start(&admin, err);
	return webd->admin == NULL ? -1 : 0;
}

/* A bad file, or certificate, leaves all as it was. */
static void reload(struct webd *webd) {
	struct webd_world *world = load(webd, false);
	const struct conf_webd *conf;
	struct err err;

	if (world == NULL)
		return;
	conf = &world->conf->webd;
	if (webd->tls != NULL && tls_reload(webd->tls, conf->tls_cert, conf->tls_key, &err) != 0) {
		log_line(CONF_LOG_ERROR, "reload_refused", "reason", err.text, NULL);
		webd_world_free(&world);
		return;
	}
	daemon_log(&webd->daemon, world->conf);
	if (snapshot_set(webd->app.worlds, world) != 0) {
		webd_world_free(&world);
		return;
	}
	log_line(CONF_LOG_INFO, "reloaded", "file", webd->daemon.conf_file, NULL);
}

static void wait_for_signals(struct webd *webd, int signals) {
	int number;

	for (;;) {
		number = daemon_wait_signal(signals, TICK_MS);
		server_tick(webd->readers);
		server_tick(webd->admin);
		if (number == SIGHUP)
			reload(webd);
		else if (number == SIGTERM || number == SIGINT)
			return;
	}
}

static void close_all(struct webd *webd) {
	workers_stop(&webd->workers);
	applier_stop(&webd->applier);
	journal_close(&webd->app.journal);
	store_pool_free(&webd->app.stores);
	rate_free(&webd->app.rates);
	if (webd->app.worlds != NULL)
		snapshot_box_free(&webd->app.worlds);
	webd_world_free(&webd->first);
	tls_free(&webd->tls);
	stats_close(&webd->stats);
}

static void stop(struct webd *webd) {
	int waiting = server_stop(&webd->readers, STOP_PATIENCE_MS) | server_stop(&webd->admin, STOP_PATIENCE_MS);

	log_line(CONF_LOG_INFO, "stopped", NULL);
	/* A thread still has a request: what it did is on disk or will be tried again. */
	if (waiting != 0)
		_exit(EX_OK);
	close_all(webd);
}

static int fail(struct webd *webd, const struct err *err, int status) {
	fprintf(stderr, "todoku-webd: %s\n", err->text);
	server_stop(&webd->readers, 0);
	close_all(webd);
	return status;
}

int main(int argc, char **argv) {
	struct webd webd = {0};
	const struct conf *conf;
	struct daemon_socket sockets[2];
	struct err err = {{0}};
	int signals;

	if (daemon_options(&webd.daemon, "todoku-webd", argc, argv) != 0)
		return EX_USAGE;
	webd.first = load(&webd, true);
	if (webd.first == NULL)
		return EX_CONFIG;
	conf = webd.first->conf;
	daemon_log(&webd.daemon, conf);
	webd.connections = allow_files(conf->webd.connections);
	sockets[0] = (struct daemon_socket){.listen = conf->webd.listen};
	sockets[1] = (struct daemon_socket){.listen = conf->webd.admin_listen};
	if (load_tls(&webd, &conf->webd, &err) != 0)
		return fail(&webd, &err, EX_CONFIG);
	if (daemon_become(conf, sockets, 2, &err) != 0)
		return fail(&webd, &err, EX_OSERR);
	warn_unreadable(conf);
	signals = daemon_signals();
	/* A file over its limit is an error like a full disk, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	make_store(&conf->store);
	if (signals < 0 || open_app(&webd, conf, &err) != 0 || serve(&webd, conf, sockets, &err) != 0)
		return fail(&webd, &err, EX_UNAVAILABLE);
	log_line(CONF_LOG_INFO, "ready", "listen", conf->webd.listen, "admin", conf->webd.admin_listen, NULL);
	wait_for_signals(&webd, signals);
	stop(&webd);
	return EX_OK;
}
