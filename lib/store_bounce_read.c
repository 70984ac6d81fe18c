/* The SQLite store: what came back, read. */
#include "lib/store_bounce_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>

/* The tables of sends, with a question of our own. */
static const struct month_kind month_sent = {
        .prefix = "send",
        .create = "",
        .statements = {"SELECT send.time, list, stream, coalesce(address, '') FROM %s AS send"
                       " JOIN campaign ON campaign.id = send.campaign LEFT JOIN address ON address.key = address_key"
                       " WHERE send.campaign = ?1 AND address_key = ?2 ORDER BY send.time DESC LIMIT 1"},
};

/* In one month; `found_r` as it was where there is none. */
static int find_in_month(struct store_sqlite *store, int month_number, uint64_t campaign, uint64_t address_key,
                         struct store_sent *sent_r, bool *found_r, struct err *err) {
	struct store_month *month;
	struct sqlite3_stmt *find;
	int result;

	if (month_get(store, &month_sent, month_number, false, &month, err) != 0)
		return -1;
	if (!month->present)
		return 0;
	find = month_statement(store, month, 0, err);
	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, campaign);
	sql_bind_key(find, 2, address_key);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		*found_r = true;
		sent_r->time = sqlite3_column_int64(find, 0);
		buf_add_span(&sent_r->list, sql_column_text(find, 1));
		buf_add_span(&sent_r->stream, sql_column_text(find, 2));
		buf_add_span(&sent_r->address, sql_column_text(find, 3));
		result = SQLITE_DONE;
	}
	if (result != SQLITE_DONE)
		sql_fail(store, "sends", err);
	sqlite3_reset(find);
	return result == SQLITE_DONE ? 0 : -1;
}

int sqlite_find_sent(struct store *base, uint64_t campaign, uint64_t address_key, time_t from, time_t to,
                     struct store_sent *sent_r, bool *found_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	int month;

	*found_r = false;
	/* The milter may have begun a month since this handle looked. */
	if (store_look_at_schema(store, err) != 0)
		return -1;
	for (month = month_of(to); month >= month_of(from) && !*found_r; month--)
		if (find_in_month(store, month, campaign, address_key, sent_r, found_r, err) != 0)
			return -1;
	return 0;
}

static void read_row(struct sqlite3_stmt *row, struct store_bounce_row *row_r) {
	*row_r = (struct store_bounce_row){
	        .id = sqlite3_column_int64(row, 0),
	        .bounce =
	                {
	                        .report = sql_column_key(row, 1),
	                        .time = sqlite3_column_int64(row, 2),
	                        .campaign = sql_column_key(row, 3),
	                        .address_key = sql_column_key(row, 4),
	                        .sent = sqlite3_column_int64(row, 5),
	                        .list = sql_column_text(row, 6),
	                        .stream = sql_column_text(row, 7),
	                        .domain = sql_column_text(row, 8),
	                        .mailbox = sql_column_text(row, 9),
	                        .fault = sql_column_text(row, 10),
	                        .category = sql_column_text(row, 11),
	                        .recipient = sql_column_text(row, 12),
	                        .status = sql_column_text(row, 13),
	                        .reply = (unsigned)sqlite3_column_int(row, 14),
	                        .phase = sql_column_text(row, 15),
	                        .diagnostic = sql_column_text(row, 16),
	                        .remote = sql_column_text(row, 17),
	                        .family = sql_column_text(row, 18),
	                        .rule = sql_column_text(row, 19),
	                        .sender = sql_column_text(row, 20),
	                        .subject = sql_column_text(row, 21),
	                        .failure = sqlite3_column_int(row, 22) > 0,
	                        .feedback = (enum store_feedback_kind)sqlite3_column_int(row, 23),
	                },
	        .address = sql_column_text(row, 24),
	        .mail_size = (size_t)sqlite3_column_int64(row, 25),
	};
}

static struct sqlite3_stmt *prepare_which(struct store_sqlite *store, const struct store_bounce_which *which,
                                          struct err *err) {
	struct sqlite3_stmt *statement;
	char sql[1024];

	snprintf(sql, sizeof sql,
	         "SELECT bounce.id, report, time, campaign, address_key, sent, list, stream, domain, mailbox, fault,"
	         " category, recipient, status, reply, phase, diagnostic, remote, family, rule, sender, subject, "
	         "failure,"
	         " feedback, coalesce(address, ''), coalesce(size, 0)"
	         " FROM %s LEFT JOIN address ON address.key = address_key WHERE 1%s%s%s"
	         " ORDER BY bounce.id DESC LIMIT ?4",
	         which->kept ? "bounce_mail JOIN bounce ON bounce.id = bounce_mail.id"
	                     : "bounce LEFT JOIN bounce_mail ON bounce_mail.id = bounce.id",
	         which->id != 0 ? " AND bounce.id = ?1" : "",
	         which->address_key != 0 ? " AND address_key = ?2 AND address_key <> 0" : "",
	         which->campaign != 0 ? " AND campaign = ?3 AND campaign <> 0" : "");
	statement = sql_prepare(store, sql, err);
	if (statement == NULL)
		return NULL;
	if (which->id != 0)
		sql_bind_number(statement, 1, which->id);
	if (which->address_key != 0)
		sql_bind_key(statement, 2, which->address_key);
	if (which->campaign != 0)
		sql_bind_key(statement, 3, which->campaign);
	sql_bind_number(statement, 4, which->limit);
	return statement;
}

static int each_bounce(struct store *base, const struct store_bounce_which *which,
                       int (*each)(void *context, const struct store_bounce_row *row), void *context, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = prepare_which(store, which, err);
	int result;

	if (rows == NULL)
		return -1;
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_bounce_row row;

		read_row(rows, &row);
		if (each(context, &row) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		sql_fail(store, "reports", err);
	sql_finalize(&rows);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
}

static int bounce_mail(struct store *base, int64_t id, struct buf *mail, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *find = sql_get(store, "SELECT mail FROM bounce_mail WHERE id = ?1", err);
	int result;

	if (find == NULL)
		return -1;
	sql_bind_number(find, 1, id);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW)
		buf_add_span(mail, sql_column_text(find, 0));
	else if (result != SQLITE_DONE)
		sql_fail(store, "mail that is kept", err);
	sqlite3_reset(find);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
}

static int each_error(struct store *base, uint64_t campaign,
                      int (*each)(void *context, struct span category, uint64_t count), void *context,
                      struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows =
	        sql_get(store,
	                "SELECT substr(kind, 8), sum(count) FROM rollup WHERE campaign = ?1 AND kind GLOB 'bounce.*'"
	                " AND kind <> 'bounce.hard' GROUP BY kind HAVING sum(count) > 0 ORDER BY sum(count) DESC, kind",
	                err);
	int result;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, campaign);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		if (each(context, sql_column_text(rows, 0), (uint64_t)sqlite3_column_int64(rows, 1)) != 0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		sql_fail(store, "errors", err);
	sqlite3_reset(rows);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
}

static int each_feedback(struct store *base, struct span stream, time_t from, time_t to,
                         int (*each)(void *context, const struct store_feedback *feedback), void *context,
                         struct err *err) {
#define COLUMNS                                                                                                        \
	"SELECT stream, domain, sum(hard), sum(soft), sum(refused), sum(complaint), max(hour) FROM feedback"           \
	" WHERE hour >= ?1 AND hour < ?2"
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = stream.len == 0 ? sql_get(store, COLUMNS " GROUP BY stream, domain", err)
	                                            : sql_get(store, COLUMNS " AND stream = ?3 GROUP BY domain", err);
	int result;

	if (rows == NULL)
		return -1;
	sql_bind_number(rows, 1, from);
	sql_bind_number(rows, 2, to);
	if (stream.len > 0)
		sql_bind_text(rows, 3, stream);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_feedback feedback = {
		        .stream = sql_column_text(rows, 0),
		        .domain = sql_column_text(rows, 1),
		        .hard = (uint64_t)sqlite3_column_int64(rows, 2),
		        .soft = (uint64_t)sqlite3_column_int64(rows, 3),
		        .refused = (uint64_t)sqlite3_column_int64(rows, 4),
		        .complaint = (uint64_t)sqlite3_column_int64(rows, 5),
		        .last = sqlite3_column_int64(rows, 6),
		};

		if (each(context, &feedback) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		sql_fail(store, "feedback", err);
	sqlite3_reset(rows);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
#undef COLUMNS
}

const struct store_bounce_driver sqlite_bounce = {
        .find_sent = sqlite_find_sent,
        .add = sqlite_add_bounces,
        .trim = sqlite_trim_bounces,
        .each = each_bounce,
        .mail = bounce_mail,
        .rejudge = sqlite_rejudge_bounce,
        .each_error = each_error,
        .each_feedback = each_feedback,
};
