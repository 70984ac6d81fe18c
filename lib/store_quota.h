/*
 * The day's quota, leased in slices (W1, W2).
 *
 * A counter is known by stream, day and provider; with an empty provider it is the
 * whole stream's.  store_quota_lease() adds to counters what is still below their
 * limits, in one transaction; who leased may spend it without asking again, and gives
 * back what is left.  A process that dies forfeits what it had leased and not spent;
 * no interleaving of processes and hosts exceeds a limit.
 *
 * Mail that waits (store_hold.h) goes first: so many units as there are recipients of
 * the stream that wait are set aside for them, and are leased to nobody else.  Who can't go
 * on that day (store_hold_park()) does not count.
 *
 * A limit may change during the day.  One that is below what is leased already
 * grants nothing more.
 */
#ifndef LIB_STORE_QUOTA_H
#define LIB_STORE_QUOTA_H

#include "lib/store.h"

struct store_counter {
	struct span stream;
	struct span day;      /* local day, as 2026-12-01 */
	struct span provider; /* empty: the stream's sum */
};

#define STORE_NO_LIMIT INT64_MAX

struct store_lease {
	struct store_counter counter;
	int64_t limit;    /* of the day; STORE_NO_LIMIT: only counted */
	uint32_t want;    /* units; at least 1 */
	uint32_t parts;   /* grant no more than this part of what is left (8: an eighth), but
	                     one at least, so that processes reach the limit together; 1: all */
	uint32_t granted; /* out */
	int64_t left;     /* out: what is below the limit, before this lease */
};
/* All in one transaction; what is granted to one does not depend on the others.  The same
 * counter must not stand twice. */
int store_quota_lease(struct store *store, struct store_lease *leases, size_t count, struct err *err);

/* Gives units back that were leased and not spent. */
struct store_return {
	struct store_counter counter;
	uint32_t units;
};
int store_quota_return(struct store *store, const struct store_return *returns, size_t count, struct err *err);

/* Units leased so far, spent or at hand in some process: 0 where there is no record. */
int store_quota_leased(struct store *store, const struct store_counter *counter, int64_t *leased_r, struct err *err);
/* Calls back for each counter of that stream and day, the stream's sum first. */
int store_quota_each(struct store *store, struct span stream, struct span day,
                     int (*each)(void *context, struct span provider, int64_t leased), void *context, struct err *err);

#endif
