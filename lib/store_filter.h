/*
 * Who is plainly active, known without a search: a set in memory of all address keys with
 * anything on record about their standing (lib/store_status.h).
 *
 * It holds keys too many at times (of one who became active again), and never one too few:
 * whatever was committed by anybody before the question counts.  The back end tells
 * without a lock or a system call whether anything was committed since the last
 * question, and only then is asked what is new.
 *
 * One thread's, as the handle it is used with.
 */
#ifndef LIB_STORE_FILTER_H
#define LIB_STORE_FILTER_H

#include "lib/store.h"

/* With more keys it gives up: nobody is known to be active. */
#define STORE_FILTER_MAX 8000000

struct store_filter;

/* NULL when out of memory. */
struct store_filter *store_filter_new(void);
void store_filter_free(struct store_filter **filter);

/* Nothing is on record of the key, for no list: active everywhere.  False where something
 * may be, or where the store could not say: then ask store_find_standing(). */
bool store_filter_is_active(struct store_filter *filter, struct store *store, uint64_t address_key);

#endif
