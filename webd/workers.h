/*
 * Threads for what has to wait for the store, so that no click waits with it.
 */
#ifndef WEBD_WORKERS_H
#define WEBD_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

struct workers;

/* Embedded in what is to be done; memory of the caller's until `run` was called. */
struct work {
	struct work *next;
	void (*run)(struct work *work);
};

/* NULL when out of memory or threads. */
struct workers *workers_start(size_t threads, size_t queue);
/* After all pieces are done; nobody may push any more. */
void workers_stop(struct workers **workers);
void workers_push(struct workers *workers, struct work *work);
/* Do as many wait as were meant to?  No more are refused; ask before. */
bool workers_are_full(struct workers *workers);

#endif
