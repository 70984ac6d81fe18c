/*
 * The decision log: what policyd, the milter and `todoku hold release` decided of
 * whom, and why; a ring file of fixed size, DATA_DIR/decisions (`todoku explain`).
 *
 * The newest record takes the place of the oldest.  Writers of several processes
 * share the file through a mapping; a place in it is an atomic number, so nobody
 * waits, a process that is killed spoils at most the record it was writing, and the
 * store may be down.  It is a log, not a record of what counts: after a power cut
 * the last records may be missing.
 *
 * A file of another size or kind is made anew, under the same name.
 */
#ifndef LIB_DECISIONS_H
#define LIB_DECISIONS_H

#include <time.h>

#include "lib/err.h"
#include "lib/text.h"

struct decisions;

/* A folder's log, for writing; made where it isn't there.  `records`: how many it
 * keeps.  NULL on failure. */
struct decisions *decisions_open(const char *data_dir, long records, struct err *err);
void decisions_close(struct decisions **log);

struct decision {
	uint64_t number; /* in order, from 1; out */
	time_t time;
	struct span stage;   /* rcpt, end, milter (asked by it), treat (by it), release */
	struct span outcome; /* pass, hold, defer, reject, discard, release, cancel, treated, shadow, error */
	struct span reason;  /* one word: unsubscribed, blocked, quota, breaker, store, ... */
	struct span text;    /* what Postfix was answered, or in words */
	struct span list;
	struct span stream;
	struct span sender;
	struct span address; /* canonical */
	uint64_t address_key;
	struct span queue_id;
	struct span message_id;
};

/* Texts are cut to their room.  Never waits, never fails; NULL as the log does nothing. */
void decisions_add(struct decisions *log, const struct decision *decision);

/* Calls back for each record that fits, oldest first: `address_key` (0: any) and
 * `text` (empty: any), which is a queue id or a message id.  Spans live for the call.
 * -1 where the log can't be read; where there is none there are no records. */
int decisions_each(const char *data_dir, uint64_t address_key, struct span text,
                   void (*each)(void *context, const struct decision *decision), void *context, struct err *err);

/* Erasure (U6): records of that address go.  0 also where there is no log. */
int decisions_forget(const char *data_dir, uint64_t address_key, struct err *err);

#endif
