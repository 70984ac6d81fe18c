/*
 * Slices of the day's quota at hand in this process (store_quota.h).
 *
 * A unit is taken from memory; when none is left, another slice is leased: at most
 * SLICES_UNITS_MAX units, and at most a SLICES_PARTS-th of what is left of the day, one at
 * least.  So slices shrink towards the end, and several processes reach the limit
 * together and exactly.  What is not used for a while goes back to the store, all of
 * it at a regular end.  A kill forfeits what is at hand.
 *
 * Any thread may call; one leases while the others that need the same slice wait for
 * it.  After a "no" the store is not asked again for SLICES_PAUSE_MS, and not
 * after a failure either: a store that does not answer costs each its time-out once.
 */
#ifndef POLICYD_SLICES_H
#define POLICYD_SLICES_H

#include "lib/clock.h"
#include "lib/provider.h"
#include "lib/store_quota.h"

#define SLICES_UNITS_MAX 500
#define SLICES_PARTS 20
#define SLICES_PAUSE_MS 500
#define SLICES_NAME_SIZE 64 /* of a stream or list: 63 octets and a NUL */

/* What counts for one recipient: the stream's sum, and its provider's part of it. */
struct slices_terms {
	char stream[SLICES_NAME_SIZE];
	char day[DAY_SIZE];
	char provider[PROVIDER_NAME_SIZE];
	int64_t limit;          /* STORE_NO_LIMIT: it isn't counted */
	int64_t provider_limit; /* the same */
};

struct slices;

/* NULL when out of memory. */
struct slices *slices_new(void);
/* What is still at hand is forfeited: slices_return() first. */
void slices_free(struct slices **slices);

enum slices_outcome { SLICES_TAKEN, SLICES_OVER, SLICES_FAILED };
/* One unit of each counter that has a limit. */
enum slices_outcome slices_take(struct slices *slices, struct store *store, const struct slices_terms *terms,
                                struct err *err);
/* Back to what is at hand. */
void slices_give(struct slices *slices, const struct slices_terms *terms);

/* Gives to the store what was not used for so long (0: all).  -1 leaves it at hand. */
int slices_return(struct slices *slices, struct store *store, long idle_ms, struct err *err);

/* Of a clock that nobody sets, in milliseconds. */
long long slices_now(void);

#endif
