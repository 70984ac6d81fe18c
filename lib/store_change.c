/* Statuses change: who may have mail from now on. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>

/* What stands at one place: the address itself, or a list of it. */
struct place {
	bool known;
	enum store_status status;
	bool marked;
};

static int read_place(struct store_sqlite *store, uint64_t key, struct span list, struct place *place,
                      struct err *err) {
	static const char text[] = "SELECT status, temporary_failed <> 0 FROM standing"
	                           " WHERE address_key = ?1 AND list = ?2";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	int result, outcome = 0;

	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, key);
	sql_bind_text(find, 2, list);
	result = sqlite3_step(find);
	*place = (struct place){.known = result == SQLITE_ROW};
	if (place->known) {
		place->status = (enum store_status)sqlite3_column_int(find, 0);
		place->marked = sqlite3_column_int(find, 1) != 0;
	} else if (result != SQLITE_DONE) {
		outcome = sql_fail(store, text, err);
	}
	sqlite3_reset(find);
	return outcome;
}

/* The reader's last word about a place, which a block is not: was it `status`? */
static int is_last_word(struct store_sqlite *store, const struct store_change *change, bool *is_r, struct err *err) {
	static const char text[] = "SELECT status FROM change WHERE address_key = ?1 AND list = ?2"
	                           " AND reason <> 'erased' AND status <> 2 ORDER BY id DESC LIMIT 1";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	long long status;

	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, change->address_key);
	sql_bind_text(find, 2, change->list);
	if (sql_number(store, find, is_r, &status, err) != 0)
		return -1;
	*is_r = *is_r && status == change->status;
	return 0;
}

static int is_news(struct store_sqlite *store, const struct store_change *change, const struct place *place,
                   bool *news_r, struct err *err) {
	bool first_consent = change->status == STORE_ACTIVE && place->status == STORE_ACTIVE;
	bool under_block = change->status == STORE_UNSUBSCRIBED && place->status == STORE_BLOCKED;
	bool said;

	/* The values are in the order of strength. */
	*news_r = change->status > place->status || (change->status == STORE_ACTIVE && place->status != STORE_ACTIVE);
	if (!first_consent && !under_block)
		return 0;
	if (is_last_word(store, change, &said, err) != 0)
		return -1;
	*news_r = !said;
	return 0;
}

static int lift(struct store_sqlite *store, const struct store_change *change, const struct place *place,
                struct err *err) {
	static const char keep_mark[] = "UPDATE standing SET status = 0, since = 0, reason = '', detail = ''"
	                                " WHERE address_key = ?1 AND list = ?2";
	static const char delete[] = "DELETE FROM standing WHERE address_key = ?1 AND list = ?2";
	struct sqlite3_stmt *statement;

	if (!place->known)
		return 0;
	statement = place->marked ? sql_get(store, keep_mark, err) : sql_get(store, delete, err);
	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, change->address_key);
	sql_bind_text(statement, 2, change->list);
	return sql_run(store, statement, err);
}

static int set(struct store_sqlite *store, const struct store_change *change, struct err *err) {
	static const char text[] =
	        "INSERT INTO standing (address_key, list, status, since, reason, detail)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET status = excluded.status,"
	        " since = excluded.since, reason = excluded.reason, detail = excluded.detail";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, change->address_key);
	sql_bind_text(statement, 2, change->list);
	sql_bind_number(statement, 3, change->status);
	sql_bind_number(statement, 4, change->time);
	sql_bind_text(statement, 5, change->reason);
	sql_bind_text(statement, 6, change->detail);
	return sql_run(store, statement, err);
}

/* One who leaves while they are blocked stays blocked; that they left is on record. */
static int put(struct store_sqlite *store, const struct store_change *change, const struct place *place,
               struct err *err) {
	if (change->status == STORE_ACTIVE)
		return lift(store, change, place, err);
	return change->status > place->status ? set(store, change, err) : 0;
}

int change_record(struct store_sqlite *store, const struct store_change *change, struct err *err) {
	static const char text[] =
	        "INSERT INTO change (address_key, list, status, time, reason, detail, who, proof, campaign)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, change->address_key);
	sql_bind_text(statement, 2, change->list);
	sql_bind_number(statement, 3, change->status);
	sql_bind_number(statement, 4, change->time);
	sql_bind_text(statement, 5, change->reason);
	sql_bind_text(statement, 6, change->detail);
	sql_bind_text(statement, 7, change->who);
	sql_bind_long_text(statement, 8, change->proof, STORE_PROOF_MAX);
	sql_bind_key(statement, 9, change->campaign);
	return sql_run(store, statement, err);
}

/* One that was erased is known again by its consent alone (U6). */
static int add_address(struct store_sqlite *store, uint64_t key, struct span address, bool consent, struct err *err) {
	static const char text[] = "INSERT INTO address (key, address) VALUES (?1, ?2)"
	                           " ON CONFLICT DO UPDATE SET address = excluded.address WHERE address IS NULL AND ?3";
	struct sqlite3_stmt *add;

	if (address.len == 0)
		return 0;
	add = sql_get(store, text, err);
	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, key);
	sql_bind_text(add, 2, address);
	sql_bind_number(add, 3, consent);
	return sql_run(store, add, err);
}

int status_change(struct store_sqlite *store, const struct store_change *change, size_t *changed, struct err *err) {
	struct place place;
	bool news;

	if (read_place(store, change->address_key, change->list, &place, err) != 0 ||
	    is_news(store, change, &place, &news, err) != 0)
		return -1;
	if (!news)
		return 0;
	++*changed;
	if (put(store, change, &place, err) != 0 || change_record(store, change, err) != 0 ||
	    add_address(store, change->address_key, change->address, change->status == STORE_ACTIVE, err) != 0)
		return -1;
	return change->event == NULL ? 0 : events_add(store, change->event, 1, err);
}

int sqlite_change_status(struct store *base, const struct store_change *changes, size_t count, size_t *changed_r,
                         struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	size_t i;

	*changed_r = 0;
	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++)
		if (status_change(store, &changes[i], changed_r, err) != 0)
			goto fail;
	if (store_commit(store, err) == 0)
		return 0;
fail:
	store_rollback(store);
	*changed_r = 0;
	return -1;
}

int status_mark(struct store_sqlite *store, uint64_t key, time_t when, bool *marked_r, struct err *err) {
	static const char text[] =
	        "INSERT INTO standing (address_key, list, status, since, reason, detail, temporary_failed)"
	        " VALUES (?1, '', 0, 0, '', '', ?2) ON CONFLICT DO UPDATE SET temporary_failed = ?2"
	        " WHERE temporary_failed = 0";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, key);
	sql_bind_number(statement, 2, when);
	if (sql_run(store, statement, err) != 0)
		return -1;
	*marked_r = sqlite3_changes(store->db) > 0;
	return 0;
}

static int take_mark(struct store_sqlite *store, uint64_t key, struct err *err) {
	static const char clear[] = "UPDATE standing SET temporary_failed = 0 WHERE address_key = ?1 AND list = ''";
	static const char sweep[] = "DELETE FROM standing WHERE address_key = ?1 AND list = '' AND status = 0";
	struct sqlite3_stmt *cleared = sql_get(store, clear, err), *swept = sql_get(store, sweep, err);

	if (cleared == NULL || swept == NULL)
		return -1;
	sql_bind_key(cleared, 1, key);
	sql_bind_key(swept, 1, key);
	return sql_run(store, cleared, err) != 0 ? -1 : sql_run(store, swept, err);
}

static int mark_one(struct store_sqlite *store, const struct store_mark *mark, struct err *err) {
	bool marked;
	int outcome = mark->when != 0 ? status_mark(store, mark->address_key, mark->when, &marked, err)
	                              : take_mark(store, mark->address_key, err);

	return outcome != 0 ? -1 : add_address(store, mark->address_key, mark->address, false, err);
}

int sqlite_mark_temporary(struct store *base, const struct store_mark *marks, size_t count, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	size_t i;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++)
		if (mark_one(store, &marks[i], err) != 0)
			break;
	if (i == count && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}
