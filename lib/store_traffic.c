/* The SQLite store: what each stream sent by the hour, and the providers of domains. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>

#define HOUR 3600
#define DAY 86400

static const char add_text[] = "INSERT INTO traffic (stream, hour, provider, sent) VALUES (?1, ?2, ?3, ?4)"
                               " ON CONFLICT DO UPDATE SET sent = sent + excluded.sent";
static const char each_text[] = "SELECT provider, sum(sent) FROM traffic"
                                " WHERE stream = ?1 AND hour >= ?2 AND hour < ?3 GROUP BY provider ORDER BY provider";
static const char forget_text[] = "DELETE FROM traffic WHERE stream = ?1 AND hour < ?2";

static const char find_domain_text[] =
        "SELECT CASE WHEN since <= ?2 THEN provider ELSE before END, expires FROM mx_domain WHERE domain = ?1";
/* What is known already keeps its day; what is news is in force from tomorrow, and
 * until then what was today. */
static const char set_domain_text[] =
        "INSERT INTO mx_domain (domain, provider, before, since, expires) VALUES (?1, ?2, ?3, ?4 + 1, ?5)"
        " ON CONFLICT DO UPDATE SET expires = excluded.expires,"
        " before = CASE WHEN provider = excluded.provider OR since > ?4 THEN before ELSE provider END,"
        " since = CASE WHEN provider = excluded.provider THEN since ELSE excluded.since END,"
        " provider = excluded.provider";
static const char forget_domains_text[] =
        "DELETE FROM mx_domain WHERE domain IN (SELECT domain FROM mx_domain WHERE expires < ?1 LIMIT 4)";

/* Kept for `todoku warmup status` and for people who look into the store. */
#define TRAFFIC_DAYS 400
#define DOMAIN_DAYS 30

int sqlite_add_traffic(struct store *base, const struct store_traffic *traffic, size_t count, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *add = sql_get(store, add_text, err);
	size_t i;

	if (add == NULL || store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	for (i = 0; i < count; i++) {
		sql_bind_text(add, 1, traffic[i].stream);
		sql_bind_number(add, 2, traffic[i].time - traffic[i].time % HOUR);
		sql_bind_text(add, 3, traffic[i].provider);
		sql_bind_number(add, 4, (long long)traffic[i].sent);
		if (sql_run(store, add, err) != 0)
			goto fail;
	}
	if (store_commit(store, err) == 0)
		return 0;
fail:
	store_rollback(store);
	return -1;
}

int sqlite_each_traffic(struct store *base, struct span stream, time_t from, time_t end,
                        int (*each)(void *context, struct span provider, uint64_t sent), void *context,
                        struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, each_text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_text(rows, 1, stream);
	sql_bind_number(rows, 2, from);
	sql_bind_number(rows, 3, end);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		if (each(context, sql_column_text(rows, 0), (uint64_t)sqlite3_column_int64(rows, 1)) != 0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, each_text, err);
	sqlite3_reset(rows);
	return outcome;
}

int traffic_forget(struct store_sqlite *store, struct span stream, time_t now, struct err *err) {
	struct sqlite3_stmt *forget = sql_get(store, forget_text, err);

	if (forget == NULL)
		return -1;
	sql_bind_text(forget, 1, stream);
	sql_bind_number(forget, 2, now - (long long)TRAFFIC_DAYS * DAY);
	return sql_run(store, forget, err);
}

int sqlite_find_domain(struct store *base, struct span domain, int64_t day, bool *found_r,
                       struct store_domain *domain_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *find = sql_get(store, find_domain_text, err);
	int result, outcome = 0;

	*found_r = false;
	if (find == NULL)
		return -1;
	sql_bind_text(find, 1, domain);
	sql_bind_number(find, 2, day);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		*found_r = true;
		snprintf(domain_r->provider, sizeof domain_r->provider, "%.*s", SPAN_ARG(sql_column_text(find, 0)));
		domain_r->expires = sqlite3_column_int64(find, 1);
	} else if (result != SQLITE_DONE) {
		outcome = sql_fail(store, find_domain_text, err);
	}
	sqlite3_reset(find);
	return outcome;
}

int sqlite_set_domain(struct store *base, struct span domain, struct span provider, int64_t day, time_t now,
                      time_t expires, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *set = sql_get(store, set_domain_text, err);
	struct sqlite3_stmt *forget = sql_get(store, forget_domains_text, err);

	if (set == NULL || forget == NULL || store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	sql_bind_text(set, 1, domain);
	sql_bind_text(set, 2, provider);
	sql_bind_text(set, 3, SPAN(PROVIDER_OTHER));
	sql_bind_number(set, 4, day);
	sql_bind_number(set, 5, expires);
	sql_bind_number(forget, 1, now - (long long)DOMAIN_DAYS * DAY);
	if (sql_run(store, set, err) == 0 && sql_run(store, forget, err) == 0 && store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}
