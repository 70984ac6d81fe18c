/*
 * The store: what the daemons know in common.
 *
 * `struct store` is one handle on it, for one thread at a time; open as many as
 * there are threads.  Back ends are tables of functions (`store_driver`), one
 * file each.  Every function that writes has committed when it returns 0: a
 * kill or a power cut afterwards loses nothing.  -1 says that the store could
 * not do it, with the reason in `err`, and nothing was changed.
 *
 * Text is kept byte for byte, invalid UTF-8 and NUL included; what is over
 * STORE_TEXT_MAX octets is cut, at a character's border.
 *
 * A handle does not survive fork().  To put another SQLite file in the place of
 * the one in use, move its -wal and -shm files along with it.
 *
 * Records of sends are added in groups by a writer thread (store_writer below),
 * whose callers wait for the group that holds their record.
 *
 * Times are seconds since 1970.  Keys are the 64-bit keyed hashes of
 * lib/token.h.  Schema migrations are numbered and run by store_open().
 */
#ifndef LIB_STORE_H
#define LIB_STORE_H

#include <stdint.h>
#include <time.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/text.h"

struct store;

#define STORE_TEXT_MAX 1000

/* NULL on failure.  Creates the database with mode 0660 and brings its schema
 * up to date; several processes may do so at once. */
struct store *store_open(const struct conf_store *conf, struct err *err);
void store_close(struct store **store);
/* Schema version in force. */
int store_version(const struct store *store);

/*
 * One message that the milter let go to one recipient.  Identity is (campaign,
 * address_key, message): the same send recorded twice, after a crash between
 * commit and answer, is one record.
 */
struct store_send {
	uint64_t campaign;
	uint64_t address_key;
	uint64_t message; /* keyed hash of what tells two submissions apart */
	time_t time;
	struct span list;          /* name of the list */
	struct span campaign_name; /* as the application or the day gave it */
	struct span stream;
	struct span address; /* canonical */
	struct span queue_id;
	struct span message_id;
	uint16_t links; /* rewritten */
	uint8_t flags;  /* STORE_SEND_* */
};
#define STORE_SEND_SHARED 1 /* several recipients, shared links (B13) */
#define STORE_SEND_PIXEL 2
#define STORE_SEND_FOOTER 4
#define STORE_SEND_BODY 8 /* the body was changed */

/* Adds all of them in one transaction, with their campaigns and addresses, and
 * counts the new ones in the hourly roll-up.  An empty address (of a shared
 * message) leaves no row among the addresses.  Times lie in 1970-9999. */
int store_add_sends(struct store *store, const struct store_send *sends, size_t count, struct err *err);

struct store_campaign {
	uint64_t id;
	char *list;
	char *name;
	time_t first;
	time_t last;
	uint64_t sends; /* ever, expired ones included */
};
/* By id or, where no 16 hex digits are given, by name (several lists may use
 * one), the last used first.  The array is the caller's:
 * store_campaigns_free().  A NUL within a list or name comes out as `?`. */
int store_find_campaigns(struct store *store, struct span id_or_name, struct store_campaign **found_r, size_t *count_r,
                         struct err *err);
void store_campaigns_free(struct store_campaign **found, size_t count);

/* Calls back for each send of a campaign, oldest first; stops when it returns
 * non-zero (the result is 0 then, too).  The spans live for the call, which must
 * not use the same handle.  The address of one that was erased is empty. */
int store_each_send(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_send *send),
                    void *context, struct err *err);

/* Sum of the hourly counts of one kind: "sent", or those of lib/store_event.h. */
int store_rollup(struct store *store, uint64_t campaign, struct span kind, uint64_t *count_r, struct err *err);

/* Drops the records of months (UTC) before the ones to keep, which are the month
 * of `now` and `keep_months` before it, with the readers and links of which nothing
 * younger is known; how many months went.  The roll-up and the campaigns stay.
 * All goes in steps, so that nobody waits for long; after a failure some is gone,
 * and the next call takes the rest. */
int store_expire(struct store *store, time_t now, int keep_months, int *dropped_r, struct err *err);

/*
 * The writer: one thread, one store handle, many callers.  A group is closed
 * when the thread is free: nobody waits for a timer, and a loaded host gets
 * large groups by itself (at most 1,000 records).
 *
 * Before each group the thread looks whether the store is still the file at its
 * path, and opens it again when not.  It never makes a new one in the place of
 * one that is gone: that would forget who must not be mailed.
 */
struct store_writer;

#define STORE_GROUP_MAX 1000

struct store_writer *store_writer_start(const struct conf_store *conf, struct err *err);
/* Waits for the calls of store_writer_add() that are under way; none may come
 * after it. */
void store_writer_stop(struct store_writer **writer);
/* Returns when the records are committed (0) or could not be (-1, e.g. the
 * store is locked, full or gone; the writer opens it again by itself).  Waiting
 * for a locked store ends after conf's busy_timeout, counted from the call.  All
 * of one call are in one group.  The spans need to live for the call only. */
int store_writer_add(struct store_writer *writer, const struct store_send *sends, size_t count, struct err *err);

#endif
