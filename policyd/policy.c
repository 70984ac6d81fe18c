#include "policyd/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/now.h"

#define IDLE_MS 3000 /* units that nobody took for so long go back */

static char *find_hostname(const struct conf *conf) {
	char name[256] = "localhost";

	if (conf->hostname[0] != '\0')
		return strdup(conf->hostname);
	if (gethostname(name, sizeof name - 1) != 0)
		strcpy(name, "localhost");
	return strdup(name);
}

struct policy_world *policy_world_load(const char *conf_file, struct buf *errors) {
	struct policy_world *world = calloc(1, sizeof *world);
	struct err err = {{0}};

	if (world == NULL) {
		buf_add_text(errors, "out of memory\n");
		return NULL;
	}
	world->conf = conf_load(conf_file, errors);
	if (world->conf == NULL) {
		policy_world_free(&world);
		return NULL;
	}
	world->ring = keyring_load(world->conf->token_keys, &err);
	if (world->ring == NULL)
		buf_printf(errors, "token_keys: %s\n", err.text);
	world->zone = zone_load(world->conf->timezone, &err);
	if (world->zone == NULL)
		buf_printf(errors, "timezone: %s\n", err.text);
	world->hostname = find_hostname(world->conf);
	if (world->ring == NULL || world->zone == NULL || world->hostname == NULL)
		policy_world_free(&world);
	return world;
}

void policy_world_free(struct policy_world **world) {
	struct policy_world *w = *world;

	*world = NULL;
	if (w == NULL)
		return;
	free(w->hostname);
	zone_free(&w->zone);
	keyring_free(&w->ring);
	conf_free(&w->conf);
	free(w);
}

static void destroy_world(void *value) {
	struct policy_world *world = value;

	policy_world_free(&world);
}

/* Handles wait no longer than an answer may take. */
static struct store_pool *open_pool(const struct conf *conf, struct err *err) {
	struct conf_store store = conf->store;

	if (store.busy_timeout > conf->policyd.time_limit)
		store.busy_timeout = conf->policyd.time_limit;
	return store_pool_new(&store, err);
}

int policy_open(struct policy *policy, struct policy_world *world, struct err *err) {
	const struct conf_policyd *conf = &world->conf->policyd;

	policy->worlds = snapshot_box_new(destroy_world);
	if (policy->worlds == NULL || snapshot_set(policy->worlds, world) != 0) {
		policy_world_free(&world);
		return err_set(err, "out of memory");
	}
	policy->ledger = ledger_new(conf->transaction_timeout * 1000, conf->leave_timeout * 1000);
	policy->traffic = traffic_new();
	if (policy->ledger == NULL || policy->traffic == NULL)
		return err_set(err, "out of memory");
	policy->pool = open_pool(world->conf, err);
	return policy->pool == NULL ? -1 : 0;
}

void policy_count(struct policy *policy, struct metrics *metrics) {
	enum answer_kind kind;
	char label[64];

	if (metrics == NULL)
		return;
	for (kind = 0; kind < ANSWER_KINDS; kind++) {
		snprintf(label, sizeof label, "outcome=\"%s\"", answer_kind_name(kind));
		policy->metrics.decisions[kind] =
		        metrics_get(metrics, METRICS_COUNTER, "todoku_policyd_decisions_total", label,
		                    "Recipients decided upon, at RCPT and at the end");
	}
	policy->metrics.seconds = metrics_get(metrics, METRICS_HISTOGRAM, "todoku_policyd_answer_seconds", "",
	                                      "Time from a request to its answer");
	policy->metrics.messages =
	        metrics_get(metrics, METRICS_GAUGE, "todoku_policyd_messages", "", "Messages under way or remembered");
}

/* Once, not each second. */
static void say_tidy_failed(struct policy *policy, bool failed, const char *reason) {
	if (failed && !policy->tidy_failing)
		log_line(CONF_LOG_WARNING, "tidy_failed", "reason", reason, "effect",
		         "units that nobody uses stay here, figures wait", NULL);
	policy->tidy_failing = failed;
}

static void tidy_store(struct policy *policy, long idle_ms) {
	struct err err = {""};
	struct store *store = store_pool_take(policy->pool, &err);
	bool failed;

	if (store == NULL) {
		say_tidy_failed(policy, true, err.text);
		return;
	}
	failed = slices_return(ledger_slices(policy->ledger), store, idle_ms, &err) != 0 ||
	         traffic_flush(policy->traffic, store, now_seconds(), &err) != 0;
	say_tidy_failed(policy, failed, err.text);
	store_pool_give(policy->pool, &store, failed);
}

void policy_tidy(struct policy *policy) {
	ledger_tidy(policy->ledger, false);
	metric_set(policy->metrics.messages, (double)ledger_count(policy->ledger));
	tidy_store(policy, IDLE_MS);
}

void policy_close(struct policy *policy) {
	if (policy->ledger != NULL) {
		ledger_tidy(policy->ledger, true);
		if (policy->pool != NULL)
			tidy_store(policy, 0);
	}
	ledger_free(&policy->ledger);
	traffic_free(&policy->traffic);
	if (policy->pool != NULL)
		store_pool_free(&policy->pool);
	decisions_close(&policy->log);
	if (policy->worlds != NULL)
		snapshot_box_free(&policy->worlds);
}
