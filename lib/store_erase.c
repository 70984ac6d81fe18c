/* Erasure (U6). */
#include "lib/store_reader.h"

#include <sqlite3.h>
#include <stdlib.h>

/* Runs a statement on the address. */
static int run_for(struct store_sqlite *store, const char *text, uint64_t key, struct err *err) {
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, key);
	return sql_run(store, statement, err);
}

static int is_known(struct store_sqlite *store, uint64_t key, bool *known_r, struct err *err) {
	static const char text[] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM address WHERE key = ?1)"
	                           " OR EXISTS (SELECT 1 FROM standing WHERE address_key = ?1)"
	                           " OR EXISTS (SELECT 1 FROM change WHERE address_key = ?1)"
	                           " OR EXISTS (SELECT 1 FROM reader WHERE key = ?1)";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	long long number;

	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, key);
	return sql_number(store, find, known_r, &number, err);
}

static int erase_chain(struct store_sqlite *store, uint64_t at, struct err *err) {
	struct chained event;
	bool found;

	for (; at != 0; at = event.previous) {
		struct sqlite3_stmt *delete;
		struct store_month *month;

		if (chain_read(store, at, &event, &found, err) != 0)
			return -1;
		if (!found)
			return 0;
		if (month_get(store, &month_events, chain_month(at), false, &month, err) != 0)
			return -1;
		delete = month_statement(store, month, EVENT_DELETE, err);
		if (delete == NULL)
			return -1;
		sql_bind_number(delete, 1, chain_id(at));
		if (sql_run(store, delete, err) != 0)
			return -1;
	}
	return 0;
}

/* A target that nobody else clicked may name the reader: its counts go to the
 * link of the same number without a target. */
static int hide_link(struct store_sqlite *store, uint64_t campaign, const struct reader_link *link, struct err *err) {
	static const char find[] = "SELECT number FROM link WHERE campaign = ?1 AND id = ?2 AND total = ?3";
	static const char add[] = "INSERT INTO link SELECT campaign, ?3, number, '', last, total, human, unique_total,"
	                          " unique_human FROM link WHERE campaign = ?1 AND id = ?2"
	                          " ON CONFLICT DO UPDATE SET total = total + excluded.total,"
	                          " human = human + excluded.human, last = max(last, excluded.last),"
	                          " unique_total = unique_total + excluded.unique_total,"
	                          " unique_human = unique_human + excluded.unique_human";
	static const char delete[] = "DELETE FROM link WHERE campaign = ?1 AND id = ?2";
	struct sqlite3_stmt *statement = sql_get(store, find, err);
	long long number;
	uint64_t hidden;
	bool alone;

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, campaign);
	sql_bind_key(statement, 2, link->id);
	sql_bind_number(statement, 3, link->total);
	if (sql_number(store, statement, &alone, &number, err) != 0)
		return -1;
	hidden = link_id((uint16_t)number, SPAN(""));
	if (!alone || hidden == link->id)
		return 0;
	statement = sql_get(store, add, err);
	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, campaign);
	sql_bind_key(statement, 2, link->id);
	sql_bind_key(statement, 3, hidden);
	if (sql_run(store, statement, err) != 0)
		return -1;
	statement = sql_get(store, delete, err);
	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, campaign);
	sql_bind_key(statement, 2, link->id);
	return sql_run(store, statement, err);
}

static int erase_campaign(struct store_sqlite *store, uint64_t key, uint64_t campaign, struct reader *reader,
                          struct err *err) {
	size_t i;

	if (reader_load(store, key, campaign, reader, err) != 0 || erase_chain(store, reader->newest, err) != 0)
		return -1;
	for (i = 0; i < reader_link_count(reader); i++)
		if (hide_link(store, campaign, &reader_links(reader)[i], err) != 0)
			return -1;
	return 0;
}

static int erase_events(struct store_sqlite *store, uint64_t key, struct err *err) {
	static const char text[] = "SELECT campaign FROM reader WHERE key = ?1";
	static const char delete[] = "DELETE FROM reader WHERE key = ?1";
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	struct reader reader;
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	reader_init(&reader);
	sql_bind_key(rows, 1, key);
	while (outcome == 0 && (result = sqlite3_step(rows)) == SQLITE_ROW)
		outcome = erase_campaign(store, key, sql_column_key(rows, 0), &reader, err);
	if (outcome == 0 && result != SQLITE_DONE)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	reader_free(&reader);
	return outcome == 0 ? run_for(store, delete, key, err) : -1;
}

/* Sends are found by campaign, so each one is asked for the address. */
static int erase_sends(struct store_sqlite *store, uint64_t key, struct err *err) {
	static const char format[] = "DELETE FROM %s WHERE address_key = ?1 AND campaign IN (SELECT id FROM campaign)";
	int *months, outcome = 0;
	size_t count, i;

	if (month_list(store, &month_sends, &months, &count, err) != 0)
		return -1;
	for (i = 0; i < count && outcome == 0; i++) {
		struct sqlite3_stmt *delete = month_prepare(store, &month_sends, months[i], format, err);

		outcome = -1;
		if (delete != NULL) {
			sql_bind_key(delete, 1, key);
			outcome = sql_run(store, delete, err);
		}
		sql_finalize(&delete);
	}
	free(months);
	return outcome;
}

/* Status, list and date stay of what was refused, without words. */
static int erase_statuses(struct store_sqlite *store, uint64_t key, time_t now, struct err *err) {
	static const char proofs[] = "DELETE FROM change WHERE address_key = ?1";
	static const char words[] = "UPDATE standing SET detail = '' WHERE address_key = ?1";
	static const char marks[] = "DELETE FROM standing WHERE address_key = ?1 AND status = 0";
	static const char text[] = "INSERT INTO address (key, address) VALUES (?1, NULL)"
	                           " ON CONFLICT DO UPDATE SET address = NULL";
	const struct store_change erased = {.address_key = key, .reason = SPAN("erased"), .time = now};

	if (run_for(store, proofs, key, err) != 0 || run_for(store, words, key, err) != 0 ||
	    run_for(store, marks, key, err) != 0 || run_for(store, text, key, err) != 0)
		return -1;
	return change_record(store, &erased, err);
}

static int erase(struct store_sqlite *store, uint64_t key, time_t now, bool *found_r, struct err *err) {
	if (store_begin(store, store->base.wait_ms, err) != STORE_DONE)
		return -1;
	if (is_known(store, key, found_r, err) != 0)
		goto fail;
	if (*found_r && (erase_events(store, key, err) != 0 || erase_sends(store, key, err) != 0 ||
	                 bounces_erase(store, key, err) != 0 || erase_statuses(store, key, now, err) != 0))
		goto fail;
	if (store_commit(store, err) == 0)
		return 0;
fail:
	store_rollback(store);
	return -1;
}

int sqlite_erase(struct store *base, uint64_t address_key, time_t now, bool *found_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	int outcome;

	/* What is deleted is overwritten in the file, and in the WAL if nobody reads. */
	if (sql_exec(store, "PRAGMA secure_delete = ON", err) != 0)
		return -1;
	outcome = erase(store, address_key, now, found_r, err);
	sql_exec(store, "PRAGMA secure_delete = OFF", NULL);
	if (outcome == 0 && *found_r)
		sql_exec(store, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
	return outcome;
}
