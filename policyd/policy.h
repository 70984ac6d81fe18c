/*
 * What all threads of todoku-policyd share.
 */
#ifndef POLICYD_POLICY_H
#define POLICYD_POLICY_H

#include <stdatomic.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/decisions.h"
#include "lib/keyring.h"
#include "lib/metrics.h"
#include "lib/snapshot.h"
#include "lib/store_pool.h"
#include "policyd/answer.h"
#include "policyd/ledger.h"
#include "policyd/traffic.h"

/* What a reload replaces: loaded as one immutable value, held in a snapshot. */
struct policy_world {
	struct conf *conf;
	struct keyring *ring;
	struct zone *zone;
	char *hostname; /* of this host's queue ids */
};
/* NULL with the errors, one a line. */
struct policy_world *policy_world_load(const char *conf_file, struct buf *errors);
void policy_world_free(struct policy_world **world);

/* Since the start. */
struct policy_totals {
	_Atomic uint64_t passed, held, deferred, rejected, discarded, errors, bad;
};

/* The same by outcome, for Prometheus: todoku_policyd_decisions_total; one of a recipient at
 * RCPT, and one at the end.  And the time that an answer takes, and messages under way. */
struct policy_metrics {
	struct metric *decisions[ANSWER_KINDS];
	struct metric *seconds;
	struct metric *messages;
};

struct policy {
	struct snapshot_box *worlds; /* of struct policy_world */
	_Atomic unsigned generation; /* of the world in force; one more after each reload */
	struct store_pool *pool;
	struct ledger *ledger;
	struct traffic *traffic;
	struct decisions *log; /* NULL: none */
	/* A domain whose provider isn't known, or not of late; NULL: nobody looks it up. */
	void (*look_up)(void *context, struct span domain);
	void *look_up_context;
	/* A stream was found changed by this process: stopped, or its breaker opened or closed. */
	void (*alert)(void *context, const struct conf *conf, const struct conf_stream *stream, const void *today);
	void *alert_context;
	bool tidy_failing; /* said so */
	struct policy_totals totals;
	struct policy_metrics metrics;
};

/* Begins to count for Prometheus; `metrics` may be NULL. */
void policy_count(struct policy *policy, struct metrics *metrics);

/* Takes over the world.  -1 with the reason; what was made is freed by policy_close(). */
int policy_open(struct policy *policy, struct policy_world *world, struct err *err);
/* Gives back to the store what was not spent. */
void policy_close(struct policy *policy);
/* Once a second or so, by one thread: gives back what is idle or timed out, and adds to the
 * figures. */
void policy_tidy(struct policy *policy);

#endif
