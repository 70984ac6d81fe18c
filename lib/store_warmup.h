/*
 * The store's part of warm-up: where each stream stands, what happened to it,
 * and which provider a domain belongs to.
 *
 * A ramp is read, thought about (lib/warmup.h), and changed only if nobody else
 * did meanwhile: the row's version is part of the question.  So of several
 * processes that see a day begin one writes it down, and the others read that.
 *
 * Days are local ones, as numbers (lib/clock.h).
 */
#ifndef LIB_STORE_WARMUP_H
#define LIB_STORE_WARMUP_H

#include "lib/provider.h"
#include "lib/store.h"
#include "lib/warmup_gate.h"

#define STORE_RAMP_HOLDS_MAX 64

/* A provider that refused mail may have this many a day, until it takes it again. */
struct store_ramp_hold {
	char provider[PROVIDER_NAME_SIZE];
	long long amount;
	char reason[WARMUP_REASON_SIZE];
};

struct store_ramp {
	uint64_t version;  /* 0: nothing is on record */
	int64_t day;       /* of which the rest speaks: it never goes back */
	int64_t last_used; /* last day with mail before `day`; INT64_MIN: none yet */
	long step;
	long long amount;            /* the day's quota by the plan, or WARMUP_UNLIMITED */
	uint64_t plan;               /* warmup_plan_mark() of the plan that `step` counts in */
	enum warmup_verdict verdict; /* that made the day what it is */
	char reason[WARMUP_REASON_SIZE];
	bool stopped;   /* until it is resumed */
	time_t resumed; /* by hand, last; 0: never.  What happened before it is past */
	time_t breaker; /* since when it is open; 0: closed */
	char breaker_reason[WARMUP_REASON_SIZE];
	struct store_ramp_hold holds[STORE_RAMP_HOLDS_MAX];
	size_t hold_count;
};

int store_find_ramp(struct store *store, struct span stream, struct store_ramp *ramp_r, struct err *err);

/* Why a ramp was changed: a line of its history. */
struct store_ramp_event {
	struct span kind;   /* start, grow, hold, back, stop, idle, resume, open, close */
	struct span reason; /* in words */
	struct span who;    /* login of the operator, or empty */
	time_t time;
};

/* Puts `ramp` in the place of the row that has the version it came with, in one
 * transaction with its history.  `changed_r` false: another was quicker; read
 * again.  The version in the store is one more then. */
int store_change_ramp(struct store *store, struct span stream, const struct store_ramp *ramp,
                      const struct store_ramp_event *event, bool *changed_r, struct err *err);

/* The last `count` events, newest first; stops when it returns non-zero. */
int store_each_ramp_event(struct store *store, struct span stream, int count,
                          int (*each)(void *context, const struct store_ramp_event *event), void *context,
                          struct err *err);

/*
 * Recipients accepted, by stream, provider and hour (of UTC): what the rates of the
 * gates and of the breaker are rates of.  policyd adds the units that were
 * committed since it last did, some seconds apart and when it ends.  The quota
 * itself is counted by its leases (lib/store_quota.h); a kill loses some
 * seconds of these figures, and nothing else.
 *
 * What came back is in lib/store_bounce.h (store_each_feedback()).
 */
struct store_traffic {
	struct span stream;
	struct span provider; /* PROVIDER_OTHER where it isn't known */
	time_t time;
	uint64_t sent;
};
/* Adds all of them, in one transaction. */
int store_add_traffic(struct store *store, const struct store_traffic *traffic, size_t count, struct err *err);
/* Calls back once for each provider with any in the hours that begin in [from,
 * end), by name; stops when it returns non-zero.  The span lives for the call, which
 * must not use the handle. */
int store_each_traffic(struct store *store, struct span stream, time_t from, time_t end,
                       int (*each)(void *context, struct span provider, uint64_t sent), void *context, struct err *err);

/*
 * The provider of a domain by its MX.  What is found counts from the next day
 * on: all mail of a domain on one day is one provider's, in every process.
 */
struct store_domain {
	char provider[PROVIDER_NAME_SIZE]; /* in force on the day asked for */
	time_t expires;                    /* look again from then on */
};
/* `found_r` false: nothing is on record. */
int store_find_domain(struct store *store, struct span domain, int64_t day, bool *found_r,
                      struct store_domain *domain_r, struct err *err);
/* `day` is today: the provider counts from the next day on.  Domains that expired 30 days
 * before `now` go, some at a time. */
int store_set_domain(struct store *store, struct span domain, struct span provider, int64_t day, time_t now,
                     time_t expires, struct err *err);

#endif
