/*
 * How often something may happen for a key, within a bounded memory: token buckets
 * that refill evenly.
 *
 * A key that has not been seen for as long as it takes to refill is forgotten, and
 * counts as fresh.  When RATE_PLACES other keys have come in between, one that is
 * not full may be lost too: the fullest of a set of eight gives way.  So a flood of keys
 * can free some, but never block one that was not used.  Keys are hashed with a secret of the
 * process, so that nobody can aim at another's set.
 *
 * Threads: any.
 */
#ifndef WEBD_RATE_H
#define WEBD_RATE_H

#include <stdint.h>

#include "lib/text.h"

#define RATE_PLACES 65536

struct rate;

/* NULL when out of memory or random numbers. */
struct rate *rate_new(void);
void rate_free(struct rate **rate);

/* May it happen, at `now_ms`?  Then it has.  `limit` (1 or more) times at once, and as many in
 * `period_ms`.  `kind` keeps the uses of one table apart; all calls of a kind have the same
 * period. */
bool rate_take(struct rate *rate, const char *kind, struct span key, long limit, int64_t period_ms, int64_t now_ms);

/* What was taken and led to nothing is there again.  As rate_take() was called. */
void rate_give_back(struct rate *rate, const char *kind, struct span key, long limit, int64_t period_ms);

/* What a network is, of an address as text: 24 bits of IPv4, 64 of IPv6, appended; the
 * text itself where it is no address. */
void rate_network(struct span address, struct buf *out);

#endif
