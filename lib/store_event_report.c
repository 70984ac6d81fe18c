/* Events and figures are read. */
#include "lib/store_reader.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct visit {
	const struct store_event_query *query;
	int (*each)(void *context, const struct store_event *event);
	void *context;
	size_t left; /* of the limit */
	bool stopped;
};

static void show(struct visit *visit, struct sqlite3_stmt *row) {
	struct store_event event = {
	        .time_ms = sqlite3_column_int64(row, 0),
	        .kind = (enum store_event_kind)sqlite3_column_int(row, 1),
	        .campaign = sql_column_key(row, 2),
	        .list = sql_column_text(row, 3),
	        .shared = sqlite3_column_int(row, 4) != 0,
	        .address_key = sql_column_key(row, 5),
	        .link = (uint16_t)sqlite3_column_int(row, 6),
	        .target = sql_column_text(row, 7),
	        .value = sql_column_text(row, 8),
	        .machine = (enum store_machine)sqlite3_column_int(row, 9),
	        .rules = (uint16_t)sqlite3_column_int(row, 10),
	        .client = sql_column_text(row, 11),
	        .user_agent = sql_column_text(row, 12),
	        .visitor = sql_column_key(row, 13),
	};

	visit->stopped = visit->each(visit->context, &event) != 0 || --visit->left == 0;
}

static int show_rows(struct store_sqlite *store, struct sqlite3_stmt *rows, struct visit *visit, struct err *err) {
	int result = SQLITE_DONE;

	while (!visit->stopped && (result = sqlite3_step(rows)) == SQLITE_ROW)
		show(visit, rows);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : sql_fail(store, "events", err);
}

static int visit_campaign_month(struct store_sqlite *store, int month, struct visit *visit, struct err *err) {
	static const char *const formats[] = {
	        EVENT_COLUMNS "WHERE event.campaign = ?1 ORDER BY time, event.id LIMIT ?2",
	        EVENT_COLUMNS "WHERE event.campaign = ?1 ORDER BY time DESC, event.id DESC LIMIT ?2",
	};
	struct sqlite3_stmt *rows;
	int outcome;

	rows = month_prepare(store, &month_events, month, formats[visit->query->newest_first], err);
	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, visit->query->key);
	sql_bind_number(rows, 2, visit->left > INT64_MAX ? -1 : (long long)visit->left);
	outcome = show_rows(store, rows, visit, err);
	sql_finalize(&rows);
	return outcome;
}

static int visit_campaign(struct store_sqlite *store, struct visit *visit, struct err *err) {
	int *months, outcome = 0;
	size_t count, i;

	if (month_list(store, &month_events, &months, &count, err) != 0)
		return -1;
	for (i = 0; i < count && !visit->stopped && outcome == 0; i++)
		outcome =
		        visit_campaign_month(store, months[visit->query->newest_first ? count - 1 - i : i], visit, err);
	free(months);
	return outcome;
}

/* Where a reader's events are, of all campaigns. */
struct places {
	struct place {
		int64_t time_ms;
		uint64_t at;
	} * at;
	size_t len;
	size_t cap;
};

static int add_place(struct places *places, struct place place) {
	if (places->len == places->cap) {
		size_t cap = places->cap == 0 ? 64 : places->cap * 2;
		struct place *grown = realloc(places->at, cap * sizeof *grown);

		if (grown == NULL)
			return -1;
		places->at = grown;
		places->cap = cap;
	}
	places->at[places->len++] = place;
	return 0;
}

static int follow_chain(struct store_sqlite *store, uint64_t at, struct places *places, struct err *err) {
	struct chained event;
	bool found;

	for (; at != 0; at = event.previous) {
		if (chain_read(store, at, &event, &found, err) != 0)
			return -1;
		if (!found)
			return 0;
		if (add_place(places, (struct place){event.time_ms, at}) != 0)
			return err_set(err, "events of a reader: out of memory");
	}
	return 0;
}

static int find_places(struct store_sqlite *store, uint64_t key, struct places *places, struct err *err) {
	static const char text[] = "SELECT newest FROM reader WHERE key = ?1";
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, key);
	while (outcome == 0 && (result = sqlite3_step(rows)) == SQLITE_ROW)
		outcome = follow_chain(store, sql_column_key(rows, 0), places, err);
	if (outcome == 0 && result != SQLITE_DONE)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

static int oldest_first(const void *a, const void *b) {
	const struct place *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms > y->time_ms ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

static int newest_first(const void *a, const void *b) {
	return oldest_first(b, a);
}

static int show_place(struct store_sqlite *store, uint64_t at, struct visit *visit, struct err *err) {
	struct sqlite3_stmt *row;
	struct store_month *month;
	int outcome;

	if (month_get(store, &month_events, chain_month(at), false, &month, err) != 0)
		return -1;
	row = month_statement(store, month, EVENT_SHOW, err);
	if (row == NULL)
		return -1;
	sql_bind_number(row, 1, chain_id(at));
	outcome = show_rows(store, row, visit, err);
	sqlite3_reset(row);
	return outcome;
}

static int visit_reader(struct store_sqlite *store, struct visit *visit, struct err *err) {
	struct places places = {NULL, 0, 0};
	int outcome = find_places(store, visit->query->key, &places, err);
	size_t i;

	if (places.len > 0)
		qsort(places.at, places.len, sizeof *places.at,
		      visit->query->newest_first ? newest_first : oldest_first);
	for (i = 0; i < places.len && outcome == 0 && !visit->stopped; i++)
		outcome = show_place(store, places.at[i].at, visit, err);
	free(places.at);
	return outcome;
}

static int sqlite_each_event(struct store *base, const struct store_event_query *query,
                             int (*each)(void *context, const struct store_event *event), void *context,
                             struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct visit visit = {.query = query, .each = each, .context = context};
	int outcome;

	visit.left = query->limit == 0 ? SIZE_MAX : query->limit;
	/* One view of all months, whatever is added or dropped meanwhile. */
	if (store_begin_reading(store, err) != 0)
		return -1;
	outcome = query->by_campaign ? visit_campaign(store, &visit, err) : visit_reader(store, &visit, err);
	store_rollback(store);
	return outcome;
}

static int sqlite_each_kind(struct store *base, uint64_t campaign,
                            void (*each)(void *context, struct span kind, uint64_t count), void *context,
                            struct err *err) {
	static const char text[] = "SELECT kind, sum(count) FROM rollup WHERE campaign = ?1 GROUP BY kind";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, campaign);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		each(context, sql_column_text(rows, 0), sql_column_key(rows, 1));
	if (result != SQLITE_DONE)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

static int sqlite_each_hour(struct store *base, uint64_t campaign,
                            int (*each)(void *context, time_t hour, struct span kind, uint64_t count), void *context,
                            struct err *err) {
	static const char text[] = "SELECT hour, kind, count FROM rollup WHERE campaign = ?1 AND count <> 0"
	                           " ORDER BY hour, kind";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, campaign);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		if (each(context, sqlite3_column_int64(rows, 0), sql_column_text(rows, 1), sql_column_key(rows, 2)) !=
		    0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

const struct store_event_driver sqlite_event = {
        .apply = sqlite_apply_events,
        .position = sqlite_event_position,
        .forget_source = sqlite_forget_source,
        .each = sqlite_each_event,
        .each_hour = sqlite_each_hour,
        .each_kind = sqlite_each_kind,
        .each_link = sqlite_each_link,
};
