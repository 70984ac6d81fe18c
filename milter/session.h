/*
 * The callbacks of libmilter: they gather a message, have it treated (treat.h)
 * and tell Postfix the changes.
 *
 * Ceilings: a body over milter.max_message is refused with 552 5.3.4; when the
 * messages at hand together would need more than milter.memory, further ones get
 * 452 4.3.1 and come again.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/decisions.h"
#include "lib/snapshot.h"
#include "lib/store.h"
#include "lib/store_pool.h"
#include "milter/counters.h"

/* What all sessions share; lives as long as the process. */
struct milter {
	struct snapshot_box *worlds; /* of struct world */
	struct store_writer *writer;
	struct store_pool *pool; /* asked who may have mail */
	struct counters counters;
	struct decisions *decisions; /* NULL: none are kept */
	_Atomic size_t memory;       /* octets charged by the messages at hand */
	_Atomic int busy;            /* sessions inside end-of-message */
	_Atomic bool stopping;       /* no further message is taken to its end */
	/* Since the start: messages by fate, and processor time in nanoseconds. */
	struct {
		_Atomic uint64_t fates[COUNTERS_FATES];
		_Atomic uint64_t stages[COUNTERS_STAGES];
	} totals;
};

/* Registers with libmilter and opens the socket.  0, or -1 with the reason. */
int session_open(struct milter *milter, const char *listen, long timeout, const char **reason_r);
/* Answers for ever; for a thread of its own. */
void session_run(void);

#endif
