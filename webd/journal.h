/*
 * The journal: events on their way into the store, on disk before anybody is
 * answered.
 *
 * It is one sequence of octets, kept in segments that are only appended to.  A
 * position is a place in that sequence; positions only grow, through restarts
 * too.  Whoever first waits for a record (journal_settle) writes all that have come by then, calls
 * fdatasync(2) once, and wakes the others; records that come meanwhile are the next group, which one of
 * their waiters writes.  So a loaded host gets large groups, and an idle one no delay.
 *
 * journal_open() cuts a torn tail off at the last good record, and begins a new
 * segment behind all that ever was.  A reader (one, the applier) follows
 * behind, as far as records are durable, and lets go of segments that it needs
 * no more; the newest stays, since it knows how far positions have come.
 *
 * `id` is 16 hex digits made once for a folder: positions of another folder are
 * not to be compared with these.
 */
#ifndef WEBD_JOURNAL_H
#define WEBD_JOURNAL_H

#include <stdatomic.h>

#include "lib/err.h"
#include "lib/text.h"
#include "webd/journal_record.h"

#define JOURNAL_SEGMENT_MAX (16 * 1048576) /* octets after which the next one begins */
#define JOURNAL_RESERVE_PARTS 16           /* one of so many is that reserve */
#define JOURNAL_PENDING_MAX (8 * 1048576)  /* octets that may wait while others are written */

struct journal;

struct journal_options {
	const char *dir;
	/* Octets of all segments; records over it are refused.  A part of it is for
	 * journal_append_wait() alone: no flood of clicks keeps people from leaving. */
	uint64_t max;
	/* Called when a group could not be written (with why), and when one could again
	 * (NULL); not for each, by any thread, one at a time.  May be NULL. */
	void (*trouble)(void *context, const char *reason);
	void *context;
};

/* Makes the folder where there is none.  NULL with the reason. */
struct journal *journal_open(const struct journal_options *options, struct err *err);
/* Every record has been settled. */
void journal_close(struct journal **journal);
const char *journal_id(const struct journal *journal);

/* One who waits for a record; memory of the caller's until it was settled.  Each that
 * was appended has to be settled by somebody: until then it may not be on disk. */
enum journal_outcome { JOURNAL_PENDING, JOURNAL_DURABLE, JOURNAL_LOST };
struct journal_waiter {
	struct journal_waiter *next;
	_Atomic int outcome;
};

/* Takes a copy of the record, and does not wait. */
void journal_append(struct journal *journal, struct span record, struct journal_waiter *waiter);
bool journal_is_settled(struct journal_waiter *waiter);
/* Waits for the group that holds it: 0, or -1 when it could not be made durable. */
int journal_settle(struct journal *journal, struct journal_waiter *waiter);
/* Both at once, for what somebody asked for: it may use the reserve. */
int journal_append_wait(struct journal *journal, struct span record);

/* Up to this position all records are durable. */
uint64_t journal_durable(const struct journal *journal);
/* Could the last group be written? */
bool journal_is_good(const struct journal *journal);
/* Octets of all segments. */
uint64_t journal_size(const struct journal *journal);

/*
 * Reads whole records from `position` on, 256 KiB or so at a time.  `bytes` gets them,
 * as journal_record_next() reads them with `*base_r`; `*start_r` is the position of the first of
 * these octets and `*end_r` where to go on.  Equal positions: nothing more is
 * durable.  Octets that are no record are passed over up to the next segment;
 * `*lost_r` says how many.  -1 where a file could not be read.
 */
struct journal_piece {
	struct buf bytes; /* the caller's, buf_init(, JOURNAL_PIECE_MAX) */
	uint64_t base;
	uint64_t start;
	uint64_t end;
	uint64_t lost;
};
#define JOURNAL_PIECE_MAX (262144 + JOURNAL_RECORD_HEAD_SIZE + JOURNAL_RECORD_MAX)
int journal_read(struct journal *journal, uint64_t position, struct journal_piece *piece, struct err *err);
/* Removes the segments that lie before `position` wholly. */
void journal_release(struct journal *journal, uint64_t position);

#endif
