#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As a C string, NUL within shown as a question mark; NULL when out of memory. */
static char *copy_text(struct span text) {
	char *copy = malloc(text.len + 1);
	size_t i;

	if (copy == NULL)
		return NULL;
	for (i = 0; i < text.len; i++)
		copy[i] = text.at[i] == '\0' ? '?' : text.at[i];
	copy[text.len] = '\0';
	return copy;
}

static int add_campaign(struct store_campaign **found, size_t *count, struct sqlite3_stmt *row) {
	struct store_campaign *grown = realloc(*found, (*count + 1) * sizeof *grown), *campaign;

	if (grown == NULL)
		return -1;
	*found = grown;
	campaign = &grown[*count];
	*campaign = (struct store_campaign){
	        .id = (uint64_t)sqlite3_column_int64(row, 0),
	        .list = copy_text(sql_column_text(row, 1)),
	        .name = copy_text(sql_column_text(row, 2)),
	        .first = sqlite3_column_int64(row, 3),
	        .last = sqlite3_column_int64(row, 4),
	        .sends = (uint64_t)sqlite3_column_int64(row, 5),
	};
	++*count;
	return campaign->list == NULL || campaign->name == NULL ? -1 : 0;
}

static struct sqlite3_stmt *prepare_campaigns(struct store_sqlite *store, struct span id_or_name, struct err *err) {
	bool by_id;
	struct sqlite3_stmt *statement;
	uint64_t id;
	char sql[320];

	by_id = hex64_parse(id_or_name, &id) == 0;
	snprintf(sql, sizeof sql,
	         "SELECT id, list, name, first, last, (SELECT coalesce(sum(count), 0) FROM rollup"
	         " WHERE rollup.campaign = campaign.id AND kind = 'sent')"
	         " FROM campaign WHERE %s = ?1 ORDER BY last DESC, id",
	         by_id ? "id" : "name");
	statement = sql_prepare(store, sql, err);
	if (statement != NULL && by_id)
		sql_bind_key(statement, 1, id);
	else if (statement != NULL)
		sql_bind_text(statement, 1, id_or_name);
	return statement;
}

int sqlite_find_campaigns(struct store *base, struct span id_or_name, struct store_campaign **found_r, size_t *count_r,
                          struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *statement = prepare_campaigns(store, id_or_name, err);
	struct store_campaign *found = NULL;
	size_t count = 0;
	int result;

	if (statement == NULL)
		return -1;
	while ((result = sqlite3_step(statement)) == SQLITE_ROW)
		if (add_campaign(&found, &count, statement) != 0)
			break;
	if (result == SQLITE_ROW)
		err_set(err, "%s: out of memory", store->path);
	else if (result != SQLITE_DONE)
		sql_fail(store, "campaigns", err);
	sql_finalize(&statement);
	if (result != SQLITE_DONE) {
		store_campaigns_free(&found, count);
		return -1;
	}
	*found_r = found;
	*count_r = count;
	return 0;
}

struct visit {
	uint64_t campaign;
	int (*each)(void *context, const struct store_send *send);
	void *context;
	bool stopped;
};

static void show(struct visit *visit, struct sqlite3_stmt *row) {
	struct store_send send = {
	        .campaign = visit->campaign,
	        .address_key = (uint64_t)sqlite3_column_int64(row, 0),
	        .message = (uint64_t)sqlite3_column_int64(row, 1),
	        .time = sqlite3_column_int64(row, 2),
	        .list = sql_column_text(row, 3),
	        .campaign_name = sql_column_text(row, 4),
	        .stream = sql_column_text(row, 5),
	        .address = sql_column_text(row, 6),
	        .queue_id = sql_column_text(row, 7),
	        .message_id = sql_column_text(row, 8),
	        .links = (uint16_t)sqlite3_column_int(row, 9),
	        .flags = (uint8_t)sqlite3_column_int(row, 10),
	};

	visit->stopped = visit->each(visit->context, &send) != 0;
}

static int visit_month(struct store_sqlite *store, int month, struct visit *visit, struct err *err) {
	static const char format[] =
	        "SELECT address_key, message, time, list, name, stream, address, queue_id, message_id, links, flags"
	        " FROM %s AS send JOIN campaign ON campaign.id = send.campaign"
	        " LEFT JOIN address ON address.key = address_key"
	        " WHERE send.campaign = ?1 ORDER BY time, address_key, message";
	struct sqlite3_stmt *statement = month_prepare(store, &month_sends, month, format, err);
	int result = SQLITE_DONE;

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, visit->campaign);
	while (!visit->stopped && (result = sqlite3_step(statement)) == SQLITE_ROW)
		show(visit, statement);
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		sql_fail(store, "sends", err);
	sql_finalize(&statement);
	return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : -1;
}

static int visit_all(struct store_sqlite *store, struct visit *visit, struct err *err) {
	int *months, outcome = 0;
	size_t count, i;

	if (month_list(store, &month_sends, &months, &count, err) != 0)
		return -1;
	for (i = 0; i < count && !visit->stopped && outcome == 0; i++)
		outcome = visit_month(store, months[i], visit, err);
	free(months);
	return outcome;
}

int sqlite_each_send(struct store *base, uint64_t campaign, int (*each)(void *context, const struct store_send *send),
                     void *context, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct visit visit = {.campaign = campaign, .each = each, .context = context};
	int outcome;

	/* One view of all months: a send is seen once, and no month goes away. */
	if (sql_exec(store, "BEGIN", err) != 0)
		return -1;
	outcome = visit_all(store, &visit, err);
	sql_roll_back(store);
	return outcome;
}

int sqlite_rollup(struct store *base, uint64_t campaign, struct span kind, uint64_t *count_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *statement;
	long long count;
	bool found;
	int outcome;

	statement =
	        sql_prepare(store, "SELECT coalesce(sum(count), 0) FROM rollup WHERE campaign = ?1 AND kind = ?2", err);
	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, campaign);
	sql_bind_text(statement, 2, kind);
	outcome = sql_number(store, statement, &found, &count, err);
	*count_r = (uint64_t)count;
	sql_finalize(&statement);
	return outcome;
}
