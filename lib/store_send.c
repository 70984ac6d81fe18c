#include "lib/store_sqlite.h"

#include <sqlite3.h>

#define HOUR 3600

/* What the records of one campaign and hour add up to, since mail of a campaign
 * comes in a row and needs no row updated for each. */
struct tally {
	const struct store_send *sample; /* NULL: none yet */
	long long hour;
	long long count;
	time_t first;
	time_t last;
};

static int tally_flush(struct store_sqlite *store, struct tally *tally, struct err *err) {
	struct sqlite3_stmt *rollup = store->statements[STORE_ADD_ROLLUP];
	struct sqlite3_stmt *touch = store->statements[STORE_TOUCH_CAMPAIGN];

	if (tally->count == 0)
		return 0;
	sql_bind_key(rollup, 1, tally->sample->campaign);
	sql_bind_number(rollup, 2, tally->hour);
	sql_bind_number(rollup, 3, tally->count);
	sql_bind_key(touch, 1, tally->sample->campaign);
	sql_bind_number(touch, 2, tally->first);
	sql_bind_number(touch, 3, tally->last);
	if (sql_run(store, rollup, err) != 0)
		return -1;
	return sql_run(store, touch, err);
}

/* Turns to the campaign and hour of `send`. */
static int tally_turn(struct store_sqlite *store, struct tally *tally, const struct store_send *send, struct err *err) {
	struct sqlite3_stmt *add = store->statements[STORE_ADD_CAMPAIGN];
	long long hour = send->time - send->time % HOUR;

	if (tally->sample != NULL && tally->sample->campaign == send->campaign && tally->hour == hour)
		return 0;
	if (tally_flush(store, tally, err) != 0)
		return -1;
	*tally = (struct tally){.sample = send, .hour = hour, .first = send->time, .last = send->time};
	sql_bind_key(add, 1, send->campaign);
	sql_bind_text(add, 2, send->list);
	sql_bind_text(add, 3, send->campaign_name);
	sql_bind_number(add, 4, send->time);
	return sql_run(store, add, err);
}

static void tally_count(struct tally *tally, const struct store_send *send) {
	/* The first may have been a duplicate, whose time says nothing. */
	if (tally->count == 0 || send->time < tally->first)
		tally->first = send->time;
	if (tally->count == 0 || send->time > tally->last)
		tally->last = send->time;
	tally->count++;
}

/* A send tried again behind the end of a month (or, the clock having been set
 * back, before its begin) is in the neighbour's table. */
static int is_in_neighbour(struct store_sqlite *store, const struct store_send *send, bool *known_r, struct err *err) {
	int offset;

	*known_r = false;
	for (offset = -1; offset <= 1 && !*known_r; offset += 2) {
		struct store_month *month;
		long long number;

		if (month_get(store, month_of(send->time) + offset, false, &month, err) != 0)
			return -1;
		if (!month->present)
			continue;
		sql_bind_key(month->find, 1, send->campaign);
		sql_bind_key(month->find, 2, send->address_key);
		sql_bind_key(month->find, 3, send->message);
		if (sql_number(store, month->find, known_r, &number, err) != 0)
			return -1;
	}
	return 0;
}

static int insert(struct store_sqlite *store, const struct store_send *send, bool *new_r, struct err *err) {
	struct store_month *month;

	if (month_get(store, month_of(send->time), true, &month, err) != 0)
		return -1;
	sql_bind_key(month->insert, 1, send->campaign);
	sql_bind_key(month->insert, 2, send->address_key);
	sql_bind_key(month->insert, 3, send->message);
	sql_bind_number(month->insert, 4, send->time);
	sql_bind_text(month->insert, 5, send->stream);
	sql_bind_text(month->insert, 6, send->queue_id);
	sql_bind_text(month->insert, 7, send->message_id);
	sql_bind_number(month->insert, 8, send->links);
	sql_bind_number(month->insert, 9, send->flags);
	if (sql_run(store, month->insert, err) != 0)
		return -1;
	*new_r = sqlite3_changes(store->db) > 0;
	return 0;
}

static int add_address(struct store_sqlite *store, const struct store_send *send, struct err *err) {
	struct sqlite3_stmt *add = store->statements[STORE_ADD_ADDRESS];

	if (send->address.len == 0)
		return 0;
	sql_bind_key(add, 1, send->address_key);
	sql_bind_text(add, 2, send->address);
	sql_bind_number(add, 3, send->time);
	return sql_run(store, add, err);
}

static int add_one(struct store_sqlite *store, const struct store_send *send, struct tally *tally, struct err *err) {
	bool known, new;

	if (is_in_neighbour(store, send, &known, err) != 0)
		return -1;
	if (known)
		return 0;
	if (tally_turn(store, tally, send, err) != 0 || insert(store, send, &new, err) != 0)
		return -1;
	if (!new)
		return 0;
	tally_count(tally, send);
	return add_address(store, send, err);
}

enum store_result sqlite_add_sends(struct store *base, const struct store_send *sends, size_t count, long wait_ms,
                                   struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	enum store_result result = store_begin(store, wait_ms, err);
	struct tally tally = {0};
	size_t i;

	if (result != STORE_DONE)
		return result;
	for (i = 0; i < count; i++)
		if (add_one(store, &sends[i], &tally, err) != 0)
			goto fail;
	if (tally_flush(store, &tally, err) == 0 && store_commit(store, err) == 0)
		return STORE_DONE;
fail:
	store_rollback(store);
	return STORE_FAILED;
}
