#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>

enum { FIND, INSERT, LINKS };

const struct month_kind month_sends = {
        .prefix = "send",
        .create = "CREATE TABLE IF NOT EXISTS %s ("
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
        .drain = "DELETE FROM %s WHERE (campaign, address_key, message) IN"
                 " (SELECT campaign, address_key, message FROM %s LIMIT ?1)",
        .statements = {[FIND] = "SELECT 1 FROM %s WHERE campaign = ?1 AND address_key = ?2 AND message = ?3",
                       [INSERT] = "INSERT INTO %s (campaign, address_key, message, time, stream, queue_id,"
                                  " message_id, links, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                                  " ON CONFLICT DO NOTHING",
                       [LINKS] = "SELECT coalesce(max(links), 0) FROM %s WHERE campaign = ?1 AND address_key = ?2"},
};

/* The times of one campaign's records in a row, since mail of a campaign comes so
 * and needs no row updated for each. */
struct stretch {
	const struct store_send *sample; /* NULL: none yet */
	long long count;
	time_t first;
	time_t last;
};

static int stretch_flush(struct store_sqlite *store, struct stretch *stretch, struct err *err) {
	static const char text[] = "UPDATE campaign SET first = min(first, ?2), last = max(last, ?3) WHERE id = ?1";
	struct sqlite3_stmt *touch;

	if (stretch->count == 0)
		return 0;
	touch = sql_get(store, text, err);
	if (touch == NULL)
		return -1;
	sql_bind_key(touch, 1, stretch->sample->campaign);
	sql_bind_number(touch, 2, stretch->first);
	sql_bind_number(touch, 3, stretch->last);
	return sql_run(store, touch, err);
}

/* Turns to the campaign of `send`.  One that an event made has no name. */
static int stretch_turn(struct store_sqlite *store, struct stretch *stretch, const struct store_send *send,
                        struct err *err) {
	static const char text[] = "INSERT INTO campaign (id, list, name, first, last) VALUES (?1, ?2, ?3, ?4, ?4)"
	                           " ON CONFLICT DO UPDATE SET list = excluded.list, name = excluded.name"
	                           " WHERE name = ''";
	struct sqlite3_stmt *add;

	if (stretch->sample != NULL && stretch->sample->campaign == send->campaign)
		return 0;
	if (stretch_flush(store, stretch, err) != 0)
		return -1;
	*stretch = (struct stretch){.sample = send, .first = send->time, .last = send->time};
	add = sql_get(store, text, err);
	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, send->campaign);
	sql_bind_text(add, 2, send->list);
	sql_bind_text(add, 3, send->campaign_name);
	sql_bind_number(add, 4, send->time);
	return sql_run(store, add, err);
}

static void stretch_count(struct stretch *stretch, const struct store_send *send) {
	/* The first may have been a duplicate, whose time says nothing. */
	if (stretch->count == 0 || send->time < stretch->first)
		stretch->first = send->time;
	if (stretch->count == 0 || send->time > stretch->last)
		stretch->last = send->time;
	stretch->count++;
}

/* A send tried again behind the end of a month (or, the clock having been set
 * back, before its begin) is in the neighbour's table. */
static int is_in_neighbour(struct store_sqlite *store, const struct store_send *send, bool *known_r, struct err *err) {
	int offset;

	*known_r = false;
	for (offset = -1; offset <= 1 && !*known_r; offset += 2) {
		struct sqlite3_stmt *find;
		struct store_month *month;
		long long number;

		if (month_get(store, &month_sends, month_of(send->time) + offset, false, &month, err) != 0)
			return -1;
		if (!month->present)
			continue;
		find = month_statement(store, month, FIND, err);
		if (find == NULL)
			return -1;
		sql_bind_key(find, 1, send->campaign);
		sql_bind_key(find, 2, send->address_key);
		sql_bind_key(find, 3, send->message);
		if (sql_number(store, find, known_r, &number, err) != 0)
			return -1;
	}
	return 0;
}

static int insert_send(struct store_sqlite *store, const struct store_send *send, bool *new_r, struct err *err) {
	struct sqlite3_stmt *insert;
	struct store_month *month;

	if (month_get(store, &month_sends, month_of(send->time), true, &month, err) != 0)
		return -1;
	insert = month_statement(store, month, INSERT, err);
	if (insert == NULL)
		return -1;
	sql_bind_key(insert, 1, send->campaign);
	sql_bind_key(insert, 2, send->address_key);
	sql_bind_key(insert, 3, send->message);
	sql_bind_number(insert, 4, send->time);
	sql_bind_text(insert, 5, send->stream);
	sql_bind_text(insert, 6, send->queue_id);
	sql_bind_text(insert, 7, send->message_id);
	sql_bind_number(insert, 8, send->links);
	sql_bind_number(insert, 9, send->flags);
	if (sql_run(store, insert, err) != 0)
		return -1;
	*new_r = sqlite3_changes(store->db) > 0;
	return 0;
}

static int add_address(struct store_sqlite *store, const struct store_send *send, struct err *err) {
	static const char text[] = "INSERT INTO address (key, address) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
	struct sqlite3_stmt *add;

	if (send->address.len == 0)
		return 0;
	add = sql_get(store, text, err);
	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, send->address_key);
	sql_bind_text(add, 2, send->address);
	return sql_run(store, add, err);
}

static int add_one(struct store_sqlite *store, const struct store_send *send, struct stretch *stretch,
                   struct tally *tally, struct err *err) {
	bool known, new;

	if (is_in_neighbour(store, send, &known, err) != 0)
		return -1;
	if (known)
		return 0;
	if (stretch_turn(store, stretch, send, err) != 0 || insert_send(store, send, &new, err) != 0)
		return -1;
	if (!new)
		return 0;
	stretch_count(stretch, send);
	if (tally_count(tally, send->campaign, "sent", send->time, 1, err) != 0)
		return -1;
	return add_address(store, send, err);
}

enum store_result sqlite_add_sends(struct store *base, const struct store_send *sends, size_t count, long wait_ms,
                                   struct err *err) {
	static const char settings[] = "PRAGMA wal_autocheckpoint = 4000";
	struct store_sqlite *store = (struct store_sqlite *)base;
	enum store_result result;
	struct stretch stretch = {0};
	struct tally *tally = NULL;
	size_t i;

	if (store_work_hard(store, settings, err) != 0)
		return STORE_FAILED;
	result = store_begin(store, wait_ms, err);
	if (result != STORE_DONE)
		return result;
	result = STORE_FAILED;
	tally = tally_new(err);
	if (tally == NULL)
		goto out;
	for (i = 0; i < count; i++)
		if (add_one(store, &sends[i], &stretch, tally, err) != 0)
			goto out;
	if (stretch_flush(store, &stretch, err) == 0 && tally_write(store, tally, err) == 0 &&
	    store_commit(store, err) == 0)
		result = STORE_DONE;
out:
	if (result != STORE_DONE)
		store_rollback(store);
	tally_free(&tally);
	return result;
}

static int links_in(struct store_sqlite *store, int number, uint64_t campaign, uint64_t address_key, int *links,
                    struct err *err) {
	struct sqlite3_stmt *find;
	struct store_month *month;
	long long found_links;
	bool found;

	if (month_get(store, &month_sends, number, false, &month, err) != 0)
		return -1;
	if (!month->present)
		return 0;
	find = month_statement(store, month, LINKS, err);
	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, campaign);
	sql_bind_key(find, 2, address_key);
	if (sql_number(store, find, &found, &found_links, err) != 0)
		return -1;
	if (found_links > *links)
		*links = (int)found_links;
	return 0;
}

/* The months in which the campaign was sent; both 0 where it is unknown. */
static int campaign_months(struct store_sqlite *store, uint64_t campaign, int *first_r, int *last_r, struct err *err) {
	static const char text[] = "SELECT first, last FROM campaign WHERE id = ?1";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	int result, outcome = 0;

	if (find == NULL)
		return -1;
	*first_r = *last_r = 0;
	sql_bind_key(find, 1, campaign);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		*first_r = month_of(sqlite3_column_int64(find, 0));
		*last_r = month_of(sqlite3_column_int64(find, 1));
	} else if (result != SQLITE_DONE) {
		outcome = sql_fail(store, text, err);
	}
	sqlite3_reset(find);
	return outcome;
}

int send_links(struct store_sqlite *store, uint64_t campaign, uint64_t address_key, int *links_r, struct err *err) {
	int *months, first, last, outcome = 0;
	size_t count, i;

	*links_r = 0;
	if (campaign_months(store, campaign, &first, &last, err) != 0)
		return -1;
	/* Nearly always one, and then there is no need to look which there are. */
	if (first == last)
		return links_in(store, first, campaign, address_key, links_r, err);
	if (month_list(store, &month_sends, &months, &count, err) != 0)
		return -1;
	for (i = 0; i < count && outcome == 0; i++)
		if (months[i] >= first && months[i] <= last)
			outcome = links_in(store, months[i], campaign, address_key, links_r, err);
	free(months);
	return outcome;
}
