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

void month_table(char out[MONTH_TABLE_SIZE], const struct month_kind *kind, int month) {
	int len = snprintf(out, MONTH_TABLE_SIZE, "%s_%04d%02d", kind->prefix, month / 12, month % 12 + 1);

	assert(len > 0 && len < MONTH_TABLE_SIZE);
	(void)len;
}

static void forget(struct store_month *month) {
	size_t i;

	for (i = 0; i < MONTH_STATEMENTS_MAX; i++)
		sql_finalize(&month->statements[i]);
	*month = (struct store_month){0};
}

void month_forget_all(struct store_sqlite *store) {
	size_t i;

	for (i = 0; i < STORE_MONTHS_KNOWN; i++)
		forget(&store->months[i]);
}

/* `format` with the table's name in it. */
static void name_table(char *sql, size_t size, const struct month_kind *kind, int month, const char *format) {
	char table[MONTH_TABLE_SIZE];
	int len;

	month_table(table, kind, month);
	/* What a format does not use is passed over. */
	len = snprintf(sql, size, format, table, table, table, table, table);
	assert(len > 0 && (size_t)len < size);
	(void)len;
}

struct sqlite3_stmt *month_prepare(struct store_sqlite *store, const struct month_kind *kind, int month,
                                   const char *format, struct err *err) {
	char sql[1024];

	name_table(sql, sizeof sql, kind, month, format);
	return sql_prepare(store, sql, err);
}

static int create_table(struct store_sqlite *store, const struct month_kind *kind, int month, struct err *err) {
	char sql[2048];

	name_table(sql, sizeof sql, kind, month, kind->create);
	return sql_exec(store, sql, err);
}

static int has_table(struct store_sqlite *store, const struct month_kind *kind, int month, bool *present_r,
                     struct err *err) {
	static const char text[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
	struct sqlite3_stmt *statement = sql_get(store, text, err);
	char table[MONTH_TABLE_SIZE];
	long long number;

	if (statement == NULL)
		return -1;
	month_table(table, kind, month);
	sql_bind_text(statement, 1, span_of(table));
	return sql_number(store, statement, present_r, &number, err);
}

/* In the memory of the handle, perhaps in the place of another month. */
static int look_up(struct store_sqlite *store, const struct month_kind *kind, int number, struct store_month **month_r,
                   struct err *err) {
	struct store_month *month;
	bool present;
	size_t i;

	for (i = 0; i < STORE_MONTHS_KNOWN; i++)
		if (store->months[i].kind == kind && store->months[i].month == number) {
			*month_r = &store->months[i];
			return 0;
		}
	if (has_table(store, kind, number, &present, err) != 0)
		return -1;
	month = &store->months[store->month_next];
	store->month_next = (store->month_next + 1) % STORE_MONTHS_KNOWN;
	forget(month);
	month->kind = kind;
	month->month = number;
	month->present = present;
	*month_r = month;
	return 0;
}

int month_get(struct store_sqlite *store, const struct month_kind *kind, int number, bool create,
              struct store_month **month_r, struct err *err) {
	struct store_month *month;

	if (look_up(store, kind, number, &month, err) != 0)
		return -1;
	*month_r = month;
	if (month->present || !create)
		return 0;
	if (create_table(store, kind, number, err) != 0)
		return -1;
	month->present = true;
	return 0;
}

struct sqlite3_stmt *month_statement(struct store_sqlite *store, struct store_month *month, size_t which,
                                     struct err *err) {
	assert(month->present && which < MONTH_STATEMENTS_MAX);
	if (month->statements[which] == NULL)
		month->statements[which] =
		        month_prepare(store, month->kind, month->month, month->kind->statements[which], err);
	return month->statements[which];
}

int month_list(struct store_sqlite *store, const struct month_kind *kind, int **months_r, size_t *count_r,
               struct err *err) {
	static const char text[] = "SELECT substr(name, -6, 4) * 12 + substr(name, -2) - 1 FROM sqlite_schema"
	                           " WHERE type = 'table' AND name GLOB ?1 || '_[0-9][0-9][0-9][0-9][0-9][0-9]'"
	                           " ORDER BY name";
	struct sqlite3_stmt *statement;
	int *months = NULL, result;
	size_t count = 0;

	statement = sql_prepare(store, text, err);
	if (statement == NULL)
		return -1;
	sql_bind_text(statement, 1, span_of(kind->prefix));
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
