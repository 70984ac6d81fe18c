#include "lib/store_sqlite.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

int month_of(time_t when) {
	struct tm tm;

	gmtime_r(&when, &tm);
	return (tm.tm_year + 1900) * 12 + tm.tm_mon;
}

void month_table(char out[MONTH_TABLE_SIZE], int month) {
	snprintf(out, MONTH_TABLE_SIZE, "send_%04d%02d", month / 12, month % 12 + 1);
}

static void forget(struct store_month *month) {
	sql_finalize(&month->find);
	sql_finalize(&month->insert);
	*month = (struct store_month){0};
}

void month_forget_all(struct store_sqlite *store) {
	size_t i;

	for (i = 0; i < STORE_MONTHS_KNOWN; i++)
		forget(&store->months[i]);
}

static struct sqlite3_stmt *prepare_for(struct store_sqlite *store, const char *format, int month, struct err *err) {
	char table[MONTH_TABLE_SIZE], sql[640];
	int len;

	month_table(table, month);
	len = snprintf(sql, sizeof sql, format, table);
	assert(len > 0 && (size_t)len < sizeof sql);
	(void)len;
	return sql_prepare(store, sql, err);
}

static int create_table(struct store_sqlite *store, int month, struct err *err) {
	struct sqlite3_stmt *statement = prepare_for(store,
	                                             "CREATE TABLE IF NOT EXISTS %s ("
	                                             " campaign INTEGER NOT NULL REFERENCES campaign (id),"
	                                             " address_key INTEGER NOT NULL,"
	                                             " message INTEGER NOT NULL,"
	                                             " time INTEGER NOT NULL,"
	                                             " stream TEXT NOT NULL,"
	                                             " queue_id TEXT NOT NULL,"
	                                             " message_id TEXT NOT NULL,"
	                                             " links INTEGER NOT NULL,"
	                                             " flags INTEGER NOT NULL,"
	                                             " PRIMARY KEY (campaign, address_key, message)) WITHOUT ROWID",
	                                             month, err);
	int outcome;

	if (statement == NULL)
		return -1;
	outcome = sql_run(store, statement, err);
	sql_finalize(&statement);
	return outcome;
}

static int has_table(struct store_sqlite *store, int month, bool *present_r, struct err *err) {
	struct sqlite3_stmt *statement = store->statements[STORE_HAS_TABLE];
	char table[MONTH_TABLE_SIZE];
	long long number;

	month_table(table, month);
	sql_bind_text(statement, 1, span_of(table));
	return sql_number(store, statement, present_r, &number, err);
}

/* In the memory of the handle, perhaps in the place of another month. */
static int look_up(struct store_sqlite *store, int number, struct store_month **month_r, struct err *err) {
	struct store_month *month;
	bool present;
	size_t i;

	for (i = 0; i < STORE_MONTHS_KNOWN; i++)
		if (store->months[i].month == number) {
			*month_r = &store->months[i];
			return 0;
		}
	if (has_table(store, number, &present, err) != 0)
		return -1;
	month = &store->months[store->month_next];
	store->month_next = (store->month_next + 1) % STORE_MONTHS_KNOWN;
	forget(month);
	month->month = number;
	month->present = present;
	*month_r = month;
	return 0;
}

int month_get(struct store_sqlite *store, int number, bool create, struct store_month **month_r, struct err *err) {
	struct store_month *month;

	if (look_up(store, number, &month, err) != 0)
		return -1;
	*month_r = month;
	if (!month->present && !create)
		return 0;
	if (!month->present && create_table(store, number, err) != 0)
		return -1;
	month->present = true;
	if (month->find == NULL)
		month->find =
		        prepare_for(store, "SELECT 1 FROM %s WHERE campaign = ?1 AND address_key = ?2 AND message = ?3",
		                    number, err);
	if (month->find != NULL && month->insert == NULL && create)
		month->insert = prepare_for(store,
		                            "INSERT INTO %s (campaign, address_key, message, time, stream, queue_id,"
		                            " message_id, links, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		                            " ON CONFLICT DO NOTHING",
		                            number, err);
	return month->find == NULL || (create && month->insert == NULL) ? -1 : 0;
}

int month_list(struct store_sqlite *store, int **months_r, size_t *count_r, struct err *err) {
	struct sqlite3_stmt *statement;
	int *months = NULL, result;
	size_t count = 0;

	statement = sql_prepare(store,
	                        "SELECT substr(name, 6, 4) * 12 + substr(name, 10, 2) - 1 FROM sqlite_schema"
	                        " WHERE type = 'table' AND name GLOB 'send_[0-9][0-9][0-9][0-9][0-9][0-9]'"
	                        " ORDER BY name",
	                        err);
	if (statement == NULL)
		return -1;
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		int *grown = realloc(months, (count + 1) * sizeof *months);

		if (grown == NULL)
			break;
		months = grown;
		months[count++] = sqlite3_column_int(statement, 0);
	}
	if (result == SQLITE_ROW)
		err_set(err, "%s: out of memory", store->path);
	else if (result != SQLITE_DONE)
		sql_fail(store, "months", err);
	sql_finalize(&statement);
	if (result != SQLITE_DONE) {
		free(months);
		return -1;
	}
	*months_r = months;
	*count_r = count;
	return 0;
}

static int drop_before(struct store_sqlite *store, int first_kept, int *dropped_r, struct err *err) {
	char table[MONTH_TABLE_SIZE], sql[64];
	int *months, outcome = 0;
	size_t count, i;

	if (month_list(store, &months, &count, err) != 0)
		return -1;
	*dropped_r = 0;
	for (i = 0; i < count && months[i] < first_kept && outcome == 0; i++) {
		month_table(table, months[i]);
		snprintf(sql, sizeof sql, "DROP TABLE %s", table);
		outcome = sql_exec(store, sql, err);
		++*dropped_r;
	}
	free(months);
	return outcome;
}

int sqlite_expire(struct store *base, time_t now, int keep_months, int *dropped_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (drop_before(store, month_of(now) - keep_months, dropped_r, err) == 0 && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}
