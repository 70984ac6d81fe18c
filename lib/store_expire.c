/* What is too old goes. */
#include "lib/store_reader.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What is kept by month.  Events go last: while they are there, it is known that
 * readers and links are to be looked through. */
static const struct month_kind *const kinds[] = {&month_sends, &month_events};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* Rows looked at in one transaction, and a moment for the others after it, so that
 * nobody waits for long.  To drop a table takes as long as it is large. */
#define STEP 10000
#define MOMENT_NS 2000000

static void leave_a_moment(void) {
	nanosleep(&(struct timespec){0, MOMENT_NS}, NULL);
}

/* A month counts once, with the last of its tables. */
static int count_month(struct store_sqlite *store, size_t kind, int number, int *dropped, struct err *err) {
	size_t i;

	for (i = kind + 1; i < KINDS; i++) {
		struct store_month *month;

		if (month_get(store, kinds[i], number, false, &month, err) != 0)
			return -1;
		if (month->present)
			return 0;
	}
	++*dropped;
	return 0;
}

static int drop_kind(struct store_sqlite *store, size_t kind, int first_kept, int *dropped, struct err *err) {
	char table[MONTH_TABLE_SIZE], sql[64];
	int *months, outcome = 0;
	size_t count, i;

	if (month_list(store, kinds[kind], &months, &count, err) != 0)
		return -1;
	for (i = 0; i < count && months[i] < first_kept && outcome == 0; i++) {
		month_table(table, kinds[kind], months[i]);
		snprintf(sql, sizeof sql, "DROP TABLE %s", table);
		outcome = sql_exec(store, sql, err);
		if (outcome == 0)
			outcome = count_month(store, kind, months[i], dropped, err);
	}
	free(months);
	return outcome;
}

/* Inside the transaction. */
static int drain_step(struct store_sqlite *store, const struct month_kind *kind, int number, bool *more_r,
                      struct err *err) {
	struct sqlite3_stmt *drain;
	struct store_month *month;
	int outcome;

	*more_r = false;
	if (month_get(store, kind, number, false, &month, err) != 0)
		return -1;
	if (!month->present)
		return 0;
	drain = month_prepare(store, kind, number, kind->drain, err);
	if (drain == NULL)
		return -1;
	sql_bind_number(drain, 1, STEP);
	outcome = sql_run(store, drain, err);
	*more_r = sqlite3_changes(store->db) > 0;
	sql_finalize(&drain);
	return outcome;
}

static int drain_month(struct store_sqlite *store, const struct month_kind *kind, int number, struct err *err) {
	bool more = true;

	while (more) {
		if (store_begin(store, store->base.wait_ms, err) != STORE_DONE)
			return -1;
		if (drain_step(store, kind, number, &more, err) != 0 || store_commit(store, err) != 0) {
			store_rollback(store);
			return -1;
		}
		leave_a_moment();
	}
	return 0;
}

static int drain_months(struct store_sqlite *store, int first_kept, struct err *err) {
	int outcome = 0;
	size_t kind;

	for (kind = 0; kind < KINDS && outcome == 0; kind++) {
		int *months;
		size_t count, i;

		if (month_list(store, kinds[kind], &months, &count, err) != 0)
			return -1;
		for (i = 0; i < count && months[i] < first_kept && outcome == 0; i++)
			outcome = drain_month(store, kinds[kind], months[i], err);
		free(months);
	}
	return outcome;
}

/* In one transaction. */
static int drop_months(struct store_sqlite *store, int first_kept, int *dropped_r, struct err *err) {
	size_t i;

	*dropped_r = 0;
	if (store_begin(store, store->base.wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < KINDS; i++)
		if (drop_kind(store, i, first_kept, dropped_r, err) != 0)
			goto fail;
	if (store_commit(store, err) == 0)
		return 0;
fail:
	store_rollback(store);
	*dropped_r = 0;
	return -1;
}

/* A table that is looked through by one column, some rows at a time. */
struct sweep {
	const char *bound;  /* the column's value STEP rows behind ?1, or none */
	const char *delete; /* ?1 to ?2 (both included), too old by ?3 */
};

/* From `from` on; the next step's begin in `next_r`, unless it is the last. */
static int sweep_step(struct store_sqlite *store, const struct sweep *sweep, long long from, long long old,
                      bool *more_r, long long *next_r, struct err *err) {
	struct sqlite3_stmt *bound = sql_get(store, sweep->bound, err), *delete;

	if (bound == NULL)
		return -1;
	sql_bind_number(bound, 1, from);
	sql_bind_number(bound, 2, STEP);
	if (sql_number(store, bound, more_r, next_r, err) != 0)
		return -1;
	delete = sql_get(store, sweep->delete, err);
	if (delete == NULL)
		return -1;
	sql_bind_number(delete, 1, from);
	sql_bind_number(delete, 2, *more_r ? *next_r : INT64_MAX);
	sql_bind_number(delete, 3, old);
	return sql_run(store, delete, err);
}

static int sweep_table(struct store_sqlite *store, const struct sweep *sweep, long long old, uint64_t *deleted,
                       struct err *err) {
	long long from = INT64_MIN, next = INT64_MIN;
	bool more = true;

	for (; more; from = next) {
		if (store_begin(store, store->base.wait_ms, err) != STORE_DONE)
			return -1;
		if (sweep_step(store, sweep, from, old, &more, &next, err) != 0)
			goto fail;
		*deleted += (uint64_t)sqlite3_changes(store->db);
		if (store_commit(store, err) != 0)
			goto fail;
		leave_a_moment();
		/* More than a step's rows of one value: they were all looked at. */
		if (more && next == from)
			next++;
	}
	return 0;
fail:
	store_rollback(store);
	return -1;
}

static const char reader_bound[] = "SELECT key FROM reader WHERE key >= ?1 ORDER BY key LIMIT 1 OFFSET ?2";
static const char reader_delete[] = "DELETE FROM reader WHERE key BETWEEN ?1 AND ?2 AND (newest & 131071) < ?3";
static const char link_bound[] = "SELECT campaign FROM link WHERE campaign >= ?1 ORDER BY campaign LIMIT 1 OFFSET ?2";
static const char link_delete[] = "DELETE FROM link WHERE campaign BETWEEN ?1 AND ?2 AND last < ?3";
static const char change_bound[] = "SELECT id FROM change WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2";
/* Consent that is in force is the last word about its place. */
static const char change_delete[] =
        "DELETE FROM change WHERE id BETWEEN ?1 AND ?2 AND time < ?3 AND (status <> 0 OR reason = 'erased' OR EXISTS"
        " (SELECT 1 FROM change AS later WHERE later.address_key = change.address_key AND later.list = change.list"
        " AND later.id > change.id))";

static const struct sweep readers = {reader_bound, reader_delete};
static const struct sweep links = {link_bound, link_delete};
static const struct sweep changes = {change_bound, change_delete};

static int has_events_before(struct store_sqlite *store, int first_kept, bool *some_r, struct err *err) {
	int *months;
	size_t count;

	if (month_list(store, &month_events, &months, &count, err) != 0)
		return -1;
	*some_r = count > 0 && months[0] < first_kept;
	free(months);
	return 0;
}

int sqlite_expire(struct store *base, time_t now, int keep_months, int *dropped_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	int first_kept = month_of(now) - keep_months;
	uint64_t deleted = 0;
	bool some;

	*dropped_r = 0;
	if (has_events_before(store, first_kept, &some, err) != 0)
		return -1;
	if (some && (sweep_table(store, &readers, first_kept, &deleted, err) != 0 ||
	             sweep_table(store, &links, first_kept, &deleted, err) != 0))
		return -1;
	return drain_months(store, first_kept, err) == 0 ? drop_months(store, first_kept, dropped_r, err) : -1;
}

int sqlite_expire_changes(struct store *base, time_t before, uint64_t *dropped_r, struct err *err) {
	*dropped_r = 0;
	return sweep_table((struct store_sqlite *)base, &changes, before, dropped_r, err);
}
