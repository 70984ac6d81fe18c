/* Leased quota in SQLite. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>

static const char quota_leased_text[] = "SELECT leased FROM quota WHERE stream = ?1 AND day = ?2 AND provider = ?3";
/* No more of those who wait are counted than there is quota for, and nobody who can't go that day. */
static const char quota_waiting_text[] = "SELECT count(*) FROM (SELECT 1 FROM held WHERE stream = ?1"
                                         " AND (?2 = '' OR provider = ?2) AND released IS NULL"
                                         " AND (parked <> ?4 OR (?2 <> '' AND stuck = 0)) LIMIT ?3)";
static const char quota_add_text[] = "INSERT INTO quota (stream, day, provider, leased) VALUES (?1, ?2, ?3, ?4)"
                                     " ON CONFLICT DO UPDATE SET leased = leased + excluded.leased";
/* Never below nothing, whatever is given back twice. */
static const char quota_give_back_text[] = "UPDATE quota SET leased = max(0, leased - ?4)"
                                           " WHERE stream = ?1 AND day = ?2 AND provider = ?3";
static const char quota_each_text[] =
        "SELECT provider, leased FROM quota WHERE stream = ?1 AND day = ?2 ORDER BY provider";

static void bind_counter(struct sqlite3_stmt *statement, const struct store_counter *counter) {
	sql_bind_text(statement, 1, counter->stream);
	sql_bind_text(statement, 2, counter->day);
	sql_bind_text(statement, 3, counter->provider);
}

int quota_left(struct store_sqlite *store, const struct store_counter *counter, int64_t limit, int64_t *left_r,
               struct err *err) {
	struct sqlite3_stmt *leased = sql_get(store, quota_leased_text, err);
	long long number;
	bool found;

	if (leased == NULL)
		return -1;
	bind_counter(leased, counter);
	if (sql_number(store, leased, &found, &number, err) != 0)
		return -1;
	*left_r = number < limit ? limit - number : 0;
	return 0;
}

static int count_waiting(struct store_sqlite *store, const struct store_counter *counter, int64_t most,
                         int64_t *waiting_r, struct err *err) {
	struct sqlite3_stmt *waiting = sql_get(store, quota_waiting_text, err);
	long long number;
	bool found;

	if (waiting == NULL)
		return -1;
	sql_bind_text(waiting, 1, counter->stream);
	sql_bind_text(waiting, 2, counter->provider);
	sql_bind_number(waiting, 3, most);
	sql_bind_text(waiting, 4, counter->day);
	if (sql_number(store, waiting, &found, &number, err) != 0)
		return -1;
	*waiting_r = number;
	return 0;
}

int quota_add(struct store_sqlite *store, const struct store_counter *counter, int64_t units, struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, quota_add_text, err);

	if (add == NULL)
		return -1;
	bind_counter(add, counter);
	sql_bind_number(add, 4, units);
	return sql_run(store, add, err);
}

static int lease_one(struct store_sqlite *store, struct store_lease *lease, struct err *err) {
	int64_t waiting = 0, most;

	if (quota_left(store, &lease->counter, lease->limit, &lease->left, err) != 0)
		return -1;
	if (lease->limit != STORE_NO_LIMIT && lease->left > 0 &&
	    count_waiting(store, &lease->counter, lease->left, &waiting, err) != 0)
		return -1;
	lease->left -= waiting;
	most = lease->left / lease->parts;
	if (most == 0 && lease->left > 0)
		most = 1;
	lease->granted = most < lease->want ? (uint32_t)most : lease->want;
	return lease->granted == 0 ? 0 : quota_add(store, &lease->counter, lease->granted, err);
}

static int quota_lease(struct store *base, struct store_lease *leases, size_t count, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	size_t i;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++)
		if (lease_one(store, &leases[i], err) != 0)
			break;
	if (i == count && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	for (i = 0; i < count; i++)
		leases[i].granted = 0;
	return -1;
}

static int give_back(struct store_sqlite *store, const struct store_return *back, struct err *err) {
	struct sqlite3_stmt *statement = sql_get(store, quota_give_back_text, err);

	if (statement == NULL)
		return -1;
	bind_counter(statement, &back->counter);
	sql_bind_number(statement, 4, back->units);
	return sql_run(store, statement, err);
}

static int quota_return(struct store *base, const struct store_return *returns, size_t count, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	size_t i;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++)
		if (give_back(store, &returns[i], err) != 0)
			break;
	if (i == count && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

static int quota_each(struct store *base, struct span stream, struct span day,
                      int (*each)(void *context, struct span provider, int64_t leased), void *context,
                      struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *statement = sql_get(store, quota_each_text, err);
	int result, outcome = 0;

	if (statement == NULL)
		return -1;
	sql_bind_text(statement, 1, stream);
	sql_bind_text(statement, 2, day);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW)
		if (each(context, sql_column_text(statement, 0), sqlite3_column_int64(statement, 1)) != 0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, sqlite3_sql(statement), err);
	sqlite3_reset(statement);
	return outcome;
}

const struct store_quota_driver sqlite_quota = {
        .lease = quota_lease,
        .give_back = quota_return,
        .each = quota_each,
        .hold_add = sqlite_hold_add,
        .hold_each = sqlite_hold_each,
        .hold_take = sqlite_hold_take,
        .hold_drop = sqlite_hold_drop,
        .hold_park = sqlite_hold_park,
        .hold_park_provider = sqlite_hold_park_provider,
};
