/*
 * The SQLite store from inside; private to lib/store_*.c.
 *
 * Keys are 64-bit unsigned and kept as signed integers of the same bits.
 * Transactions that write begin with store_begin(), which also finds out what
 * other processes did to the schema meanwhile.
 */
#ifndef LIB_STORE_SQLITE_H
#define LIB_STORE_SQLITE_H

#include "lib/store_driver.h"

struct sqlite3;
struct sqlite3_stmt;

/* Records that are kept by month (UTC): a table a month, whose name ends in the
 * month.  Statements name the table by each `%s` (five at most) and are prepared when
 * first used. */
#define MONTH_STATEMENTS_MAX 8
struct month_kind {
	const char *prefix; /* of the table's name, which is PREFIX_202612 */
	/* Makes the table and its indexes; statements in a row. */
	const char *create;
	/* Deletes ?1 rows or so: a table is emptied in steps before it is dropped. */
	const char *drain;
	const char *statements[MONTH_STATEMENTS_MAX];
};

/* One month's table, as far as this handle knows it. */
struct store_month {
	const struct month_kind *kind; /* NULL: unused */
	int month;                     /* year * 12 + month of the year from 0 */
	bool present;
	struct sqlite3_stmt *statements[MONTH_STATEMENTS_MAX];
};
/* A record looks at its own month and both neighbours. */
#define STORE_MONTHS_KNOWN 12

/* Prepared statements of this handle, by the address of their text. */
struct store_statement {
	const char *text;
	struct sqlite3_stmt *statement;
};
#define STORE_STATEMENTS 256 /* more than there are texts; a power of two */

struct store_sqlite {
	struct store base;
	struct sqlite3 *db;
	char *path;
	char *wal_path;
	dev_t wal_device; /* of the -wal file that this handle writes to */
	ino_t wal_inode;
	int version;
	long patience_ms;      /* for a lock, at the most */
	long long waits_since; /* for the one that it waits for */
	int failure;           /* SQLite's code at the last sql_fail(), or 0 */
	long long cookie;      /* of the schema, when the months were looked up */
	struct store_statement statements[STORE_STATEMENTS];
	struct store_month months[STORE_MONTHS_KNOWN];
	size_t month_next; /* the one to forget next */
	bool works_hard;   /* store_work_hard() was called */
};

/* store_sql.c: calls of the library with our errors */

/* "PATH: the head of WHAT: what SQLite says"; returns -1. */
int sql_fail(struct store_sqlite *store, const char *what, struct err *err);
/* Was the last sql_fail() for a lock that others hold? */
bool sql_is_busy(const struct store_sqlite *store);
int sql_exec(struct store_sqlite *store, const char *sql, struct err *err);
/* Ends the transaction, unless SQLite did (for a full disk it does). */
void sql_roll_back(struct store_sqlite *store);
/* NULL on failure. */
struct sqlite3_stmt *sql_prepare(struct store_sqlite *store, const char *sql, struct err *err);
void sql_finalize(struct sqlite3_stmt **statement);
/* The same, prepared once and kept with the handle; `text` is a constant that
 * stays where it is.  NULL on failure.  Whoever steps it to a row resets it. */
struct sqlite3_stmt *sql_get(struct store_sqlite *store, const char *text, struct err *err);
void sql_forget_all(struct store_sqlite *store);
void sql_bind_key(struct sqlite3_stmt *statement, int index, uint64_t key);
void sql_bind_number(struct sqlite3_stmt *statement, int index, long long number);
/* Text where it is UTF-8 without NUL, else a blob.  The bytes must live until
 * the statement is reset. */
void sql_bind_text(struct sqlite3_stmt *statement, int index, struct span text);
/* Up to `max` octets instead of STORE_TEXT_MAX. */
void sql_bind_long_text(struct sqlite3_stmt *statement, int index, struct span text, size_t max);
void sql_bind_blob(struct sqlite3_stmt *statement, int index, struct span bytes);
uint64_t sql_column_key(struct sqlite3_stmt *statement, int column);
struct span sql_column_text(struct sqlite3_stmt *statement, int column);
/* Runs to the end and resets. */
int sql_run(struct store_sqlite *store, struct sqlite3_stmt *statement, struct err *err);
/* Is there a row?  Its first column as a number; resets. */
int sql_number(struct store_sqlite *store, struct sqlite3_stmt *statement, bool *found_r, long long *number_r,
               struct err *err);
/* The same for text that is used once, with a row always there. */
int sql_pragma(struct store_sqlite *store, const char *sql, long long *number_r, struct err *err);

/* store_schema.c */

#define STORE_APPLICATION_ID 0x746f646b /* "todk" */

/* An empty file with mode 0660 unless there is a file. */
int schema_create_file(const char *path, struct err *err);
/* Refuses a file that is not ours or from the future; else sets the version and
 * brings the schema up to date. */
int schema_open(struct store_sqlite *store, struct err *err);
/* Refuses a schema newer than this program. */
int schema_check_version(struct store_sqlite *store, long long *version_r, struct err *err);

/* store_sqlite.c */

/* Settings of a handle that writes much, once. */
int store_work_hard(struct store_sqlite *store, const char *settings, struct err *err);
enum store_result store_begin(struct store_sqlite *store, long wait_ms, struct err *err);
/* One view for several reads; ended by store_rollback(). */
int store_begin_reading(struct store_sqlite *store, struct err *err);
int store_commit(struct store_sqlite *store, struct err *err);
void store_rollback(struct store_sqlite *store);
/* store_begin() does it: forgets what other processes changed of the schema. */
int store_look_at_schema(struct store_sqlite *store, struct err *err);

/* store_month.c */

/* UTC; the time is one that store_check_sends() lets pass. */
int month_of(time_t when);
#define MONTH_TABLE_SIZE 32
void month_table(char out[MONTH_TABLE_SIZE], const struct month_kind *kind, int month);
/* Valid until the next call.  With `create`, inside a transaction that writes. */
int month_get(struct store_sqlite *store, const struct month_kind *kind, int month, bool create,
              struct store_month **month_r, struct err *err);
/* The statement `which` of a month that is present; NULL on failure.  Valid until
 * the next call of month_get(). */
struct sqlite3_stmt *month_statement(struct store_sqlite *store, struct store_month *month, size_t which,
                                     struct err *err);
/* A statement's text for that month, prepared for one use. */
struct sqlite3_stmt *month_prepare(struct store_sqlite *store, const struct month_kind *kind, int month,
                                   const char *format, struct err *err);
void month_forget_all(struct store_sqlite *store);
/* The months that have a table, in order; the array is the caller's to free. */
int month_list(struct store_sqlite *store, const struct month_kind *kind, int **months_r, size_t *count_r,
               struct err *err);

/* store_send.c */

extern const struct month_kind month_sends;
/* The most links that a message of the campaign to that address has; 0 where none
 * is on record. */
int send_links(struct store_sqlite *store, uint64_t campaign, uint64_t address_key, int *links_r, struct err *err);

/* store_rollup.c: counts by campaign, kind and hour, added up in memory and
 * written once for a transaction. */

struct tally;
/* NULL when out of memory. */
struct tally *tally_new(struct err *err);
void tally_free(struct tally **tally);
/* `kind` is a constant that stays where it is; `delta` may be negative. */
int tally_count(struct tally *tally, uint64_t campaign, const char *kind, time_t when, long long delta,
                struct err *err);
int tally_write(struct store_sqlite *store, const struct tally *tally, struct err *err);
/* Makes a campaign that is not on record, with the name empty; inside a
 * transaction that writes. */
int campaign_ensure(struct store_sqlite *store, uint64_t campaign, struct span list, time_t when, struct err *err);

/* store_change.c; inside a transaction that writes */

/* `changed` is counted up where it was news. */
int status_change(struct store_sqlite *store, const struct store_change *change, size_t *changed, struct err *err);
/* Sets the mark of N9 where it isn't: then `marked_r` is true. */
int status_mark(struct store_sqlite *store, uint64_t address_key, time_t when, bool *marked_r, struct err *err);

int change_record(struct store_sqlite *store, const struct store_change *change, struct err *err);

/* store_apply.c; inside a transaction that writes */

int events_add(struct store_sqlite *store, const struct store_event *events, size_t count, struct err *err);

/* store_quota_sqlite.c */

/* What of the limit is not leased; inside a transaction, as the next. */
int quota_left(struct store_sqlite *store, const struct store_counter *counter, int64_t limit, int64_t *left_r,
               struct err *err);
int quota_add(struct store_sqlite *store, const struct store_counter *counter, int64_t units, struct err *err);

/* store_hold.c */

int sqlite_hold_add(struct store *store, const struct store_held *rows, size_t count, struct err *err);
int sqlite_hold_each(struct store *store, struct span host, int (*each)(void *context, const struct store_held *row),
                     void *context, struct err *err);
int sqlite_hold_take(struct store *store, struct span host, struct span queue_id, struct store_lease *leases,
                     size_t count, time_t now, bool *taken_r, struct err *err);
int sqlite_hold_drop(struct store *store, struct span host, struct span queue_id, struct err *err);
int sqlite_hold_park(struct store *store, struct span host, struct span queue_id, struct span day, bool *changed_r,
                     struct err *err);
int sqlite_hold_park_provider(struct store *store, struct span host, struct span stream, struct span provider,
                              struct span day, struct err *err);

/* store_traffic.c */

/* Forgets what is old; inside a transaction that writes. */
int traffic_forget(struct store_sqlite *store, struct span stream, time_t now, struct err *err);
int sqlite_add_traffic(struct store *store, const struct store_traffic *traffic, size_t count, struct err *err);
int sqlite_each_traffic(struct store *store, struct span stream, time_t from, time_t end,
                        int (*each)(void *context, struct span provider, uint64_t sent), void *context,
                        struct err *err);
int sqlite_find_domain(struct store *store, struct span domain, int64_t day, bool *found_r,
                       struct store_domain *domain_r, struct err *err);
int sqlite_set_domain(struct store *store, struct span domain, struct span provider, int64_t day, time_t now,
                      time_t expires, struct err *err);
/* store_bounce_trim.c */

/* What is on record of an address; inside a transaction that writes. */
int bounces_erase(struct store_sqlite *store, uint64_t address_key, struct err *err);

/* The driver's functions */

extern const struct store_warmup_driver sqlite_warmup; /* store_ramp.c */

extern const struct store_filter_driver sqlite_filter; /* store_filter_sqlite.c */
extern const struct store_quota_driver sqlite_quota;
extern const struct store_status_driver sqlite_status; /* store_standing.c */
extern const struct store_export_driver sqlite_export; /* store_export.c */
extern const struct store_event_driver sqlite_event;   /* store_event_report.c */
extern const struct store_bounce_driver sqlite_bounce; /* store_bounce_read.c */

enum store_result sqlite_add_sends(struct store *store, const struct store_send *sends, size_t count, long wait_ms,
                                   struct err *err);
int sqlite_find_campaigns(struct store *store, struct span id_or_name, struct store_campaign **found_r, size_t *count_r,
                          struct err *err);
int sqlite_each_send(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_send *send),
                     void *context, struct err *err);
int sqlite_rollup(struct store *store, uint64_t campaign, struct span kind, uint64_t *count_r, struct err *err);
int sqlite_expire(struct store *store, time_t now, int keep_months, int *dropped_r, struct err *err);

int sqlite_change_status(struct store *store, const struct store_change *changes, size_t count, size_t *changed_r,
                         struct err *err);
int sqlite_mark_temporary(struct store *store, const struct store_mark *marks, size_t count, struct err *err);
int sqlite_erase(struct store *store, uint64_t address_key, time_t now, bool *found_r, struct err *err);
int sqlite_expire_changes(struct store *store, time_t before, uint64_t *dropped_r, struct err *err);
int sqlite_apply_events(struct store *store, const struct store_event *events, size_t count, struct span source,
                        uint64_t position, struct err *err);
int sqlite_event_position(struct store *store, struct span source, uint64_t *position_r, struct err *err);
int sqlite_forget_source(struct store *store, struct span source, struct err *err);
int sqlite_each_link(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_link *link),
                     void *context, struct err *err);

#endif
