/* Held mail in SQLite. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>

static const char hold_add_text[] = "INSERT INTO held (host, queue_id, stream, list, provider, address, key, why, time)"
                                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
static const char hold_each_text[] =
        "SELECT host, queue_id, stream, list, provider, address, key, why, time, released, id FROM held"
        " WHERE ?1 = '' OR host = ?1 ORDER BY id";
static const char hold_released_text[] =
        "UPDATE held SET released = ?3 WHERE host = ?1 AND queue_id = ?2 AND released IS NULL";
static const char hold_drop_text[] = "DELETE FROM held WHERE host = ?1 AND queue_id = ?2";

static const char hold_park_text[] = "UPDATE held SET parked = ?3, stuck = 1 WHERE host = ?1 AND queue_id = ?2"
                                     " AND released IS NULL AND (parked <> ?3 OR stuck = 0)";
static const char hold_park_provider_text[] =
        "UPDATE held SET parked = ?4, stuck = 0 WHERE host = ?1 AND stream = ?2 AND released IS NULL AND parked <> ?4"
        " AND queue_id IN (SELECT queue_id FROM held"
        " WHERE host = ?1 AND stream = ?2 AND provider = ?3 AND released IS NULL)";

static int add_row(struct store_sqlite *store, const struct store_held *row, struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, hold_add_text, err);

	if (add == NULL)
		return -1;
	sql_bind_text(add, 1, row->host);
	sql_bind_text(add, 2, row->queue_id);
	sql_bind_text(add, 3, row->stream);
	sql_bind_text(add, 4, row->list);
	sql_bind_text(add, 5, row->provider);
	sql_bind_text(add, 6, row->address);
	sql_bind_key(add, 7, row->address_key);
	sql_bind_text(add, 8, row->why);
	sql_bind_number(add, 9, row->time);
	return sql_run(store, add, err);
}

int sqlite_hold_add(struct store *base, const struct store_held *rows, size_t count, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	size_t i;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++)
		if (add_row(store, &rows[i], err) != 0)
			break;
	if (i == count && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

static struct store_held read_row(struct sqlite3_stmt *statement) {
	return (struct store_held){
	        .host = sql_column_text(statement, 0),
	        .queue_id = sql_column_text(statement, 1),
	        .stream = sql_column_text(statement, 2),
	        .list = sql_column_text(statement, 3),
	        .provider = sql_column_text(statement, 4),
	        .address = sql_column_text(statement, 5),
	        .address_key = (uint64_t)sqlite3_column_int64(statement, 6),
	        .why = sql_column_text(statement, 7),
	        .time = (time_t)sqlite3_column_int64(statement, 8),
	        .released = (time_t)sqlite3_column_int64(statement, 9),
	        .order = sqlite3_column_int64(statement, 10),
	};
}

int sqlite_hold_each(struct store *base, struct span host, int (*each)(void *context, const struct store_held *row),
                     void *context, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *statement = sql_get(store, hold_each_text, err);
	int result, outcome = 0;

	if (statement == NULL)
		return -1;
	sql_bind_text(statement, 1, host);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_held row = read_row(statement);

		if (each(context, &row) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, sqlite3_sql(statement), err);
	sqlite3_reset(statement);
	return outcome;
}

/* Are all units there?  Takes them; to be rolled back where one is lacking.  Each is looked at, so
 * that the caller learns which. */
static int take_units(struct store_sqlite *store, struct store_lease *leases, size_t count, bool *taken_r,
                      struct err *err) {
	size_t i;

	*taken_r = true;
	for (i = 0; i < count; i++) {
		if (quota_left(store, &leases[i].counter, leases[i].limit, &leases[i].left, err) != 0)
			return -1;
		if (leases[i].left < leases[i].want)
			*taken_r = false;
		else if (quota_add(store, &leases[i].counter, leases[i].want, err) != 0)
			return -1;
	}
	return 0;
}

static int bind_message(struct store_sqlite *store, const char *text, struct span host, struct span queue_id,
                        struct sqlite3_stmt **statement_r, struct err *err) {
	*statement_r = sql_get(store, text, err);
	if (*statement_r == NULL)
		return -1;
	sql_bind_text(*statement_r, 1, host);
	sql_bind_text(*statement_r, 2, queue_id);
	return 0;
}

int sqlite_hold_take(struct store *base, struct span host, struct span queue_id, struct store_lease *leases,
                     size_t count, time_t now, bool *taken_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *released;
	int outcome = -1;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (take_units(store, leases, count, taken_r, err) == 0) {
		if (!*taken_r) {
			store_rollback(store);
			return 0;
		}
		if (bind_message(store, hold_released_text, host, queue_id, &released, err) == 0) {
			sql_bind_number(released, 3, now);
			outcome = sql_run(store, released, err) == 0 && store_commit(store, err) == 0 ? 0 : -1;
		}
	}
	if (outcome != 0) {
		store_rollback(store);
		*taken_r = false;
	}
	return outcome;
}

int sqlite_hold_drop(struct store *base, struct span host, struct span queue_id, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *drop;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (bind_message(store, hold_drop_text, host, queue_id, &drop, err) == 0 && sql_run(store, drop, err) == 0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

/* NULL for `statement`: it could not be had. */
static int run_and_commit(struct store_sqlite *store, struct sqlite3_stmt *statement, bool *changed_r,
                          struct err *err) {
	if (statement != NULL && sql_run(store, statement, err) == 0) {
		*changed_r = sqlite3_changes(sqlite3_db_handle(statement)) > 0;
		if (store_commit(store, err) == 0)
			return 0;
	}
	store_rollback(store);
	return -1;
}

int sqlite_hold_park(struct store *base, struct span host, struct span queue_id, struct span day, bool *changed_r,
                     struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *park;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (bind_message(store, hold_park_text, host, queue_id, &park, err) == 0)
		sql_bind_text(park, 3, day);
	return run_and_commit(store, park, changed_r, err);
}

int sqlite_hold_park_provider(struct store *base, struct span host, struct span stream, struct span provider,
                              struct span day, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *park;
	bool changed;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	park = sql_get(store, hold_park_provider_text, err);
	if (park != NULL) {
		sql_bind_text(park, 1, host);
		sql_bind_text(park, 2, stream);
		sql_bind_text(park, 3, provider);
		sql_bind_text(park, 4, day);
	}
	return run_and_commit(store, park, &changed, err);
}
