/*
 * The store's area of bounces in SQLite from inside; private to lib/store_bounce*.c.
 */
#ifndef LIB_STORE_BOUNCE_SQLITE_H
#define LIB_STORE_BOUNCE_SQLITE_H

#include "lib/store_bounce.h"
#include "lib/store_sqlite.h"

/* All inside a transaction that writes. */

/* Has this send failed before, or the recipient complained of the campaign?  Further
 * reports of it are on record, and no more. */
int bounce_was_counted(struct store_sqlite *store, const struct store_bounce *bounce, bool *counted_r, struct err *err);
/* Adds `delta` to the kinds of the roll-up that the failure counts in. */
int bounce_tally(struct tally *tally, const struct store_bounce *bounce, time_t when, int delta, struct err *err);
int bounce_feedback(struct store_sqlite *store, const struct store_bounce *bounce, time_t when, int delta,
                    struct err *err);

/* The driver's functions */

int sqlite_find_sent(struct store *store, uint64_t campaign, uint64_t address_key, time_t from, time_t to,
                     struct store_sent *sent_r, bool *found_r, struct err *err);
int sqlite_add_bounces(struct store *store, const struct store_bounce *bounces, size_t count,
                       enum store_bounce_result *results_r, bool *alone_r, struct err *err);
int sqlite_trim_bounces(struct store *store, const struct store_keep *keep, struct err *err);
int sqlite_rejudge_bounce(struct store *store, int64_t id, const struct store_bounce *judged, struct err *err);

#endif
