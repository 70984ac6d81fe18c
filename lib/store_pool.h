/*
 * Handles on the store for many threads, opened as they are needed and kept with
 * their prepared statements: take one, use it, give it back.
 *
 * Any thread may call at any time.  A thread never waits for another: there are
 * as many handles as were ever in use at once.  The pool opens the store again
 * when its file was replaced, and never makes a new one in the place of one that
 * is gone.
 */
#ifndef LIB_STORE_POOL_H
#define LIB_STORE_POOL_H

#include "lib/store.h"

struct store_pool;

/* Opens nothing yet, so that a daemon can start without its store; one that finds
 * none makes it by store_open().  NULL when out of memory. */
struct store_pool *store_pool_new(const struct conf_store *conf, struct err *err);
/* All handles have been given back. */
void store_pool_free(struct store_pool **pool);

/* NULL with the reason. */
struct store *store_pool_take(struct store_pool *pool, struct err *err);
/* `failed`: the handle could not do its work, and is closed. */
void store_pool_give(struct store_pool *pool, struct store **store, bool failed);

#endif
