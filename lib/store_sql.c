#include "lib/store_sqlite.h"
#include "lib/utf8.h"

#include <assert.h>
#include <sqlite3.h>
#include <string.h>

int sql_fail(struct store_sqlite *store, const char *what, struct err *err) {
	int code = sqlite3_errcode(store->db) & 0xff, cause = sqlite3_system_errno(store->db);

	store->failure = code;
	/* SQLite says "disk I/O error" for much; the system knows which. */
	if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && cause != 0)
		return err_set(err, "%s: %.60s: %s (%s)", store->path, what, sqlite3_errmsg(store->db),
		               strerror(cause));
	return err_set(err, "%s: %.60s: %s", store->path, what, sqlite3_errmsg(store->db));
}

bool sql_is_busy(const struct store_sqlite *store) {
	return store->failure == SQLITE_BUSY;
}

void sql_roll_back(struct store_sqlite *store) {
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

int sql_exec(struct store_sqlite *store, const char *sql, struct err *err) {
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_fail(store, sql, err);
}

struct sqlite3_stmt *sql_prepare(struct store_sqlite *store, const char *sql, struct err *err) {
	struct sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
		sql_fail(store, sql, err);
	return statement;
}

void sql_finalize(struct sqlite3_stmt **statement) {
	sqlite3_finalize(*statement);
	*statement = NULL;
}

/* The place of a text, or the free one where it belongs. */
static struct store_statement *find_place(struct store_sqlite *store, const char *text) {
	size_t at = (size_t)((uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15) >> 40), tries;

	for (tries = 0; tries < STORE_STATEMENTS; tries++) {
		struct store_statement *place = &store->statements[(at + tries) % STORE_STATEMENTS];

		if (place->text == text || place->text == NULL)
			return place;
	}
	return NULL;
}

struct sqlite3_stmt *sql_get(struct store_sqlite *store, const char *text, struct err *err) {
	struct store_statement *place = find_place(store, text);

	assert(place != NULL);
	if (place->text == NULL) {
		place->statement = sql_prepare(store, text, err);
		place->text = place->statement == NULL ? NULL : text;
	}
	return place->statement;
}

void sql_forget_all(struct store_sqlite *store) {
	size_t i;

	for (i = 0; i < STORE_STATEMENTS; i++) {
		sql_finalize(&store->statements[i].statement);
		store->statements[i].text = NULL;
	}
}

/* Binding fails only for a wrong index or a statement in use: bugs of ours. */
static void check_bound(int result) {
	assert(result == SQLITE_OK);
	(void)result;
}

void sql_bind_key(struct sqlite3_stmt *statement, int index, uint64_t key) {
	check_bound(sqlite3_bind_int64(statement, index, (sqlite3_int64)key));
}

void sql_bind_number(struct sqlite3_stmt *statement, int index, long long number) {
	check_bound(sqlite3_bind_int64(statement, index, number));
}

/* Behind a NUL, SQLite's text functions see nothing. */
static bool is_text(struct span s) {
	while (s.len > 0) {
		size_t size = utf8_size(s);

		if (size == 0 || s.at[0] == '\0')
			return false;
		s = span_from(s, size);
	}
	return true;
}

/* At most `max` octets, no character of UTF-8 torn. */
static struct span clip(struct span text, size_t max) {
	size_t len = max;

	if (text.len <= len)
		return text;
	while (len > max - 3 && ((unsigned char)text.at[len] & 0xc0) == 0x80)
		len--;
	return span_make(text.at, len);
}

void sql_bind_long_text(struct sqlite3_stmt *statement, int index, struct span text, size_t max) {
	text = clip(text, max);
	/* A NULL pointer would be bound as NULL. */
	if (text.len == 0)
		check_bound(sqlite3_bind_text(statement, index, "", 0, SQLITE_STATIC));
	else if (is_text(text))
		check_bound(sqlite3_bind_text(statement, index, text.at, (int)text.len, SQLITE_STATIC));
	else
		check_bound(sqlite3_bind_blob(statement, index, text.at, (int)text.len, SQLITE_STATIC));
}

void sql_bind_text(struct sqlite3_stmt *statement, int index, struct span text) {
	sql_bind_long_text(statement, index, text, STORE_TEXT_MAX);
}

void sql_bind_blob(struct sqlite3_stmt *statement, int index, struct span bytes) {
	/* A NULL pointer would be bound as NULL. */
	check_bound(sqlite3_bind_blob64(statement, index, bytes.at == NULL ? "" : bytes.at, bytes.len, SQLITE_STATIC));
}

uint64_t sql_column_key(struct sqlite3_stmt *statement, int column) {
	return (uint64_t)sqlite3_column_int64(statement, column);
}

struct span sql_column_text(struct sqlite3_stmt *statement, int column) {
	const char *at = sqlite3_column_blob(statement, column);

	return at == NULL ? SPAN("") : span_make(at, (size_t)sqlite3_column_bytes(statement, column));
}

int sql_run(struct store_sqlite *store, struct sqlite3_stmt *statement, struct err *err) {
	int result = sqlite3_step(statement), outcome = 0;

	/* Before the reset, which would leave the error but not its number. */
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, sqlite3_sql(statement), err);
	sqlite3_reset(statement);
	return outcome;
}

int sql_number(struct store_sqlite *store, struct sqlite3_stmt *statement, bool *found_r, long long *number_r,
               struct err *err) {
	int result = sqlite3_step(statement), outcome = 0;

	*found_r = result == SQLITE_ROW;
	*number_r = *found_r ? sqlite3_column_int64(statement, 0) : 0;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, sqlite3_sql(statement), err);
	sqlite3_reset(statement);
	return outcome;
}

int sql_pragma(struct store_sqlite *store, const char *sql, long long *number_r, struct err *err) {
	struct sqlite3_stmt *statement = sql_prepare(store, sql, err);
	bool found;
	int outcome;

	if (statement == NULL)
		return -1;
	outcome = sql_number(store, statement, &found, number_r, err);
	sql_finalize(&statement);
	return outcome;
}
