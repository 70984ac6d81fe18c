/* The SQLite store: where each stream stands in its warm-up. */
#include "lib/store_sqlite.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static const char find_text[] =
        "SELECT version, day, last_used, step, ramp.amount, plan, verdict, ramp.reason, stopped, resumed, breaker,"
        " breaker_reason, provider, ramp_hold.amount, ramp_hold.reason"
        " FROM ramp LEFT JOIN ramp_hold ON ramp_hold.stream = ramp.stream WHERE ramp.stream = ?1"
        " ORDER BY provider";

static const char insert_text[] =
        "INSERT INTO ramp (stream, version, day, last_used, step, amount, plan, verdict, reason, stopped, resumed,"
        " breaker, breaker_reason) VALUES (?1, ?2 + 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT DO NOTHING";
static const char update_text[] =
        "UPDATE ramp SET version = ?2 + 1, day = ?3, last_used = ?4, step = ?5, amount = ?6, plan = ?7, verdict = ?8,"
        " reason = ?9, stopped = ?10, resumed = ?11, breaker = ?12, breaker_reason = ?13"
        " WHERE stream = ?1 AND version = ?2";

static const char forget_holds_text[] = "DELETE FROM ramp_hold WHERE stream = ?1";
static const char add_hold_text[] = "INSERT INTO ramp_hold (stream, provider, amount, reason) VALUES (?1, ?2, ?3, ?4)"
                                    " ON CONFLICT DO UPDATE SET amount = excluded.amount, reason = excluded.reason";
static const char add_event_text[] =
        "INSERT INTO ramp_event (stream, time, kind, reason, who) VALUES (?1, ?2, ?3, ?4, ?5)";
/* A line a day and some: more than ten years of them. */
static const char forget_events_text[] =
        "DELETE FROM ramp_event WHERE stream = ?1 AND id <="
        " (SELECT id FROM ramp_event WHERE stream = ?1 ORDER BY id DESC LIMIT 1 OFFSET 5000)";
static const char each_event_text[] =
        "SELECT time, kind, reason, who FROM ramp_event WHERE stream = ?1 ORDER BY id DESC LIMIT ?2";

static void copy_text(char *to, size_t size, struct span text) {
	snprintf(to, size, "%.*s", SPAN_ARG(text));
}

static void read_ramp(struct sqlite3_stmt *row, struct store_ramp *ramp) {
	ramp->version = (uint64_t)sqlite3_column_int64(row, 0);
	ramp->day = sqlite3_column_int64(row, 1);
	ramp->last_used = sqlite3_column_int64(row, 2);
	ramp->step = (long)sqlite3_column_int64(row, 3);
	ramp->amount = sqlite3_column_int64(row, 4);
	ramp->plan = (uint64_t)sqlite3_column_int64(row, 5);
	ramp->verdict = (enum warmup_verdict)sqlite3_column_int(row, 6);
	copy_text(ramp->reason, sizeof ramp->reason, sql_column_text(row, 7));
	ramp->stopped = sqlite3_column_int(row, 8) != 0;
	ramp->resumed = sqlite3_column_int64(row, 9);
	ramp->breaker = sqlite3_column_int64(row, 10);
	copy_text(ramp->breaker_reason, sizeof ramp->breaker_reason, sql_column_text(row, 11));
}

static void read_hold(struct sqlite3_stmt *row, struct store_ramp *ramp) {
	struct store_ramp_hold *hold;

	if (sqlite3_column_type(row, 12) == SQLITE_NULL || ramp->hold_count == STORE_RAMP_HOLDS_MAX)
		return;
	hold = &ramp->holds[ramp->hold_count++];
	copy_text(hold->provider, sizeof hold->provider, sql_column_text(row, 12));
	hold->amount = sqlite3_column_int64(row, 13);
	copy_text(hold->reason, sizeof hold->reason, sql_column_text(row, 14));
}

static int find_ramp(struct store *base, struct span stream, struct store_ramp *ramp_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *find = sql_get(store, find_text, err);
	int result, outcome = 0;

	*ramp_r = (struct store_ramp){.last_used = INT64_MIN};
	if (find == NULL)
		return -1;
	sql_bind_text(find, 1, stream);
	while ((result = sqlite3_step(find)) == SQLITE_ROW) {
		read_ramp(find, ramp_r);
		read_hold(find, ramp_r);
	}
	if (result != SQLITE_DONE)
		outcome = sql_fail(store, find_text, err);
	sqlite3_reset(find);
	/* What a damaged or foreign row says must not index a plan. */
	if (outcome == 0 && (ramp_r->step < 0 || ramp_r->verdict > WARMUP_STOP))
		return err_set(err, "%s: ramp of stream \"%.*s\": found step %ld, allowed: 0 or more", store->path,
		               SPAN_ARG(stream), ramp_r->step);
	return outcome;
}

static int put_ramp(struct store_sqlite *store, struct span stream, const struct store_ramp *ramp, bool *changed_r,
                    struct err *err) {
	struct sqlite3_stmt *put = sql_get(store, ramp->version == 0 ? insert_text : update_text, err);

	if (put == NULL)
		return -1;
	sql_bind_text(put, 1, stream);
	sql_bind_number(put, 2, (long long)ramp->version);
	sql_bind_number(put, 3, ramp->day);
	sql_bind_number(put, 4, ramp->last_used);
	sql_bind_number(put, 5, ramp->step);
	sql_bind_number(put, 6, ramp->amount);
	sql_bind_key(put, 7, ramp->plan);
	sql_bind_number(put, 8, ramp->verdict);
	sql_bind_text(put, 9, span_of(ramp->reason));
	sql_bind_number(put, 10, ramp->stopped);
	sql_bind_number(put, 11, ramp->resumed);
	sql_bind_number(put, 12, ramp->breaker);
	sql_bind_text(put, 13, span_of(ramp->breaker_reason));
	if (sql_run(store, put, err) != 0)
		return -1;
	*changed_r = sqlite3_changes(store->db) > 0;
	return 0;
}

static int put_holds(struct store_sqlite *store, struct span stream, const struct store_ramp *ramp, struct err *err) {
	struct sqlite3_stmt *forget = sql_get(store, forget_holds_text, err);
	struct sqlite3_stmt *add = sql_get(store, add_hold_text, err);
	size_t i;

	if (forget == NULL || add == NULL)
		return -1;
	sql_bind_text(forget, 1, stream);
	if (sql_run(store, forget, err) != 0)
		return -1;
	for (i = 0; i < ramp->hold_count; i++) {
		sql_bind_text(add, 1, stream);
		sql_bind_text(add, 2, span_of(ramp->holds[i].provider));
		sql_bind_number(add, 3, ramp->holds[i].amount);
		sql_bind_text(add, 4, span_of(ramp->holds[i].reason));
		if (sql_run(store, add, err) != 0)
			return -1;
	}
	return 0;
}

static int put_event(struct store_sqlite *store, struct span stream, const struct store_ramp_event *event,
                     struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, add_event_text, err);
	struct sqlite3_stmt *forget = sql_get(store, forget_events_text, err);

	if (add == NULL || forget == NULL)
		return -1;
	sql_bind_text(add, 1, stream);
	sql_bind_number(add, 2, event->time);
	sql_bind_text(add, 3, event->kind);
	sql_bind_text(add, 4, event->reason);
	sql_bind_text(add, 5, event->who);
	if (sql_run(store, add, err) != 0)
		return -1;
	sql_bind_text(forget, 1, stream);
	return sql_run(store, forget, err);
}

static int change_ramp(struct store *base, struct span stream, const struct store_ramp *ramp,
                       const struct store_ramp_event *event, bool *changed_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;

	*changed_r = false;
	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (put_ramp(store, stream, ramp, changed_r, err) != 0)
		goto fail;
	if (*changed_r && (put_holds(store, stream, ramp, err) != 0 || put_event(store, stream, event, err) != 0 ||
	                   traffic_forget(store, stream, event->time, err) != 0))
		goto fail;
	if (store_commit(store, err) == 0)
		return 0;
fail:
	*changed_r = false;
	store_rollback(store);
	return -1;
}

static int each_ramp_event(struct store *base, struct span stream, int count,
                           int (*each)(void *context, const struct store_ramp_event *event), void *context,
                           struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, each_event_text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_text(rows, 1, stream);
	sql_bind_number(rows, 2, count);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_ramp_event event = {
		        .time = sqlite3_column_int64(rows, 0),
		        .kind = sql_column_text(rows, 1),
		        .reason = sql_column_text(rows, 2),
		        .who = sql_column_text(rows, 3),
		};

		if (each(context, &event) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, each_event_text, err);
	sqlite3_reset(rows);
	return outcome;
}

const struct store_warmup_driver sqlite_warmup = {
        .find_ramp = find_ramp,
        .change_ramp = change_ramp,
        .each_ramp_event = each_ramp_event,
        .add_traffic = sqlite_add_traffic,
        .each_traffic = sqlite_each_traffic,
        .find_domain = sqlite_find_domain,
        .set_domain = sqlite_set_domain,
};
