/*
 * Who waits in Postfix's hold queue, and in which order (W5).
 *
 * A row is one recipient of a held message.  It is written before Postfix hears that
 * the message is to be held, so a row may stand for a message that never came to be
 * (the client went away): whoever releases looks at the real queue, and drops such
 * rows when they are old enough.
 *
 * Queue ids are a host's own; `host` tells which (the configuration's hostname).
 */
#ifndef LIB_STORE_HOLD_H
#define LIB_STORE_HOLD_H

#include "lib/store_quota.h"

struct store_held {
	int64_t order; /* the lowest goes first; given by store_hold_add() */
	struct span host;
	struct span queue_id;
	struct span stream;
	struct span list;
	struct span provider;
	struct span address; /* canonical */
	uint64_t address_key;
	struct span why; /* quota or breaker */
	time_t time;
	time_t released; /* when units were taken for it; 0: it waits */
};

/* Adds them at the end of the order, in one transaction.  One that is there already
 * (host, queue id, address key) keeps its place. */
int store_hold_add(struct store *store, const struct store_held *rows, size_t count, struct err *err);

/* Calls back for each row of the host in order; an empty host: all.  The spans live
 * for the call, which must not use the handle.  Stops when it returns non-zero (the
 * result is 0 then, too). */
int store_hold_each(struct store *store, struct span host, int (*each)(void *context, const struct store_held *row),
                    void *context, struct err *err);

/* Takes the units that a message needs and marks its rows as released, in one
 * transaction: `taken_r` says whether all leases could be had in full (`parts` does
 * not count here, and nothing is set aside).  When they couldn't, nothing is
 * changed. */
int store_hold_take(struct store *store, struct span host, struct span queue_id, struct store_lease *leases,
                    size_t count, time_t now, bool *taken_r, struct err *err);

/* Forgets the rows of a message. */
int store_hold_drop(struct store *store, struct span host, struct span queue_id, struct err *err);

/* A message can't go on that day whatever is left of the quota: no units of the day are
 * set aside for it.  `changed_r`: that is new. */
int store_hold_park(struct store *store, struct span host, struct span queue_id, struct span day, bool *changed_r,
                    struct err *err);
/* The quota of a provider is used up on that day: for messages to it units of the provider
 * stay set aside (some may come back), and none of the stream's. */
int store_hold_park_provider(struct store *store, struct span host, struct span stream, struct span provider,
                             struct span day, struct err *err);

#endif
