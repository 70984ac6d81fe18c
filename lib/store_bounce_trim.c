/* The SQLite store: what came back is judged anew, and forgotten in time. */
#include "lib/store_bounce_sqlite.h"

#include <sqlite3.h>
#include <string.h>

#define TRIM_STEP "10000"
#define FEEDBACK_DAYS 400
#define DAY 86400

/* Ids grow with time, so the oldest are the lowest, and there is no need of an
 * index for each of these. */
static const char trim_old_text[] =
        "DELETE FROM bounce WHERE time < ?1 AND id < (SELECT min(id) FROM bounce) + " TRIM_STEP;
static const char trim_faulty_text[] =
        "DELETE FROM bounce WHERE id IN (SELECT id FROM bounce WHERE fault <> '' ORDER BY id"
        " LIMIT min(" TRIM_STEP ", max(0, (SELECT count(*) FROM bounce WHERE fault <> '') - ?1)))";
static const char trim_mail_text[] =
        "DELETE FROM bounce_mail WHERE id <= (SELECT id FROM (SELECT id, sum(size) OVER (ORDER BY id DESC) AS newer"
        " FROM bounce_mail) WHERE newer > ?1 ORDER BY id DESC LIMIT 1)";
static const char trim_feedback_text[] = "DELETE FROM feedback WHERE hour < ?1";

static int run_with(struct store_sqlite *store, const char *text, long long number, struct err *err) {
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_number(statement, 1, number);
	return sql_run(store, statement, err);
}

int sqlite_trim_bounces(struct store *base, const struct store_keep *keep, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (run_with(store, trim_old_text, keep->since, err) == 0 &&
	    run_with(store, trim_faulty_text, keep->faulty, err) == 0 &&
	    run_with(store, trim_mail_text, keep->mail_octets, err) == 0 &&
	    run_with(store, trim_feedback_text, keep->since - (long long)FEEDBACK_DAYS * DAY, err) == 0 &&
	    store_commit(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

int bounces_erase(struct store_sqlite *store, uint64_t address_key, struct err *err) {
	static const char records[] = "DELETE FROM bounce WHERE address_key = ?1 AND address_key <> 0";
	static const char failures[] = "DELETE FROM soft WHERE address_key = ?1";
	/* Those that prove nothing know no key: they may name the address, or hold it. */
	static const char unproven[] =
	        "DELETE FROM bounce WHERE id IN (SELECT bounce.id FROM address JOIN bounce"
	        " LEFT JOIN bounce_mail ON bounce_mail.id = bounce.id WHERE address.key = ?1 AND fault <> ''"
	        " AND (lower(recipient) = lower(address) OR instr(lower(sender), lower(address)) > 0"
	        " OR instr(lower(diagnostic), lower(address)) > 0"
	        " OR instr(lower(CAST(mail AS TEXT)), lower(address)) > 0))";

	if (run_with(store, records, (long long)address_key, err) != 0 ||
	    run_with(store, unproven, (long long)address_key, err) != 0)
		return -1;
	return run_with(store, failures, (long long)address_key, err);
}

/* What the counts hold of a record now.  `found_r` false: it is gone. */
struct counted {
	struct store_bounce bounce;
	bool failure;
	char category[64];
	char stream[64];
	char domain[256];
};

static struct span copy(char *out, size_t size, struct span text) {
	if (text.len > size)
		text.len = size;
	if (text.len > 0)
		memcpy(out, text.at, text.len);
	return span_make(out, text.len);
}

static int find_counted(struct store_sqlite *store, int64_t id, struct counted *counted_r, bool *found_r,
                        struct err *err) {
	struct sqlite3_stmt *find = sql_get(store,
	                                    "SELECT time, campaign, category, stream, domain, failure, feedback,"
	                                    " address_key, sent FROM"
	                                    " bounce WHERE id = ?1 AND fault = ''",
	                                    err);
	int result;

	if (find == NULL)
		return -1;
	sql_bind_number(find, 1, id);
	result = sqlite3_step(find);
	*found_r = result == SQLITE_ROW;
	if (*found_r) {
		counted_r->bounce = (struct store_bounce){
		        .time = sqlite3_column_int64(find, 0),
		        .campaign = sql_column_key(find, 1),
		        .category = copy(counted_r->category, sizeof counted_r->category, sql_column_text(find, 2)),
		        .stream = copy(counted_r->stream, sizeof counted_r->stream, sql_column_text(find, 3)),
		        .domain = copy(counted_r->domain, sizeof counted_r->domain, sql_column_text(find, 4)),
		        .failure = sqlite3_column_int(find, 5) > 0,
		        .feedback = (enum store_feedback_kind)sqlite3_column_int(find, 6),
		        .address_key = sql_column_key(find, 7),
		        .sent = sqlite3_column_int64(find, 8),
		};
		result = SQLITE_DONE;
	}
	if (result != SQLITE_DONE)
		sql_fail(store, "report", err);
	sqlite3_reset(find);
	return result == SQLITE_DONE ? 0 : -1;
}

static int update(struct store_sqlite *store, int64_t id, const struct store_bounce *judged, bool failure,
                  struct err *err) {
	struct sqlite3_stmt *set = sql_get(
	        store, "UPDATE bounce SET category = ?2, rule = ?3, failure = ?4, feedback = ?5 WHERE id = ?1", err);

	if (set == NULL)
		return -1;
	sql_bind_number(set, 1, id);
	sql_bind_text(set, 2, judged->category);
	sql_bind_text(set, 3, judged->rule);
	sql_bind_number(set, 4, failure);
	sql_bind_number(set, 5, judged->feedback);
	return sql_run(store, set, err);
}

/* Takes away what it counted as, and counts it as what it is judged to be, unless
 * another report of the same send is counted. */
static int recount(struct store_sqlite *store, struct tally *tally, int64_t id, const struct store_bounce *judged,
                   struct err *err) {
	struct counted was;
	struct store_bounce now;
	size_t changed = 0, i;
	bool found, other = false;

	if (find_counted(store, id, &was, &found, err) != 0)
		return -1;
	if (!found)
		return err_set(err, "report %lld: not on record, or it counts for nothing", (long long)id);
	now = was.bounce;
	now.category = judged->category;
	now.feedback = judged->feedback;
	if (was.bounce.failure && (bounce_tally(tally, &was.bounce, was.bounce.time, -1, err) != 0 ||
	                           bounce_feedback(store, &was.bounce, was.bounce.time, -1, err) != 0))
		return -1;
	if (!was.bounce.failure && bounce_was_counted(store, &now, &other, err) != 0)
		return -1;
	now.failure = judged->failure && !other;
	if (now.failure &&
	    (bounce_tally(tally, &now, now.time, 1, err) != 0 || bounce_feedback(store, &now, now.time, 1, err) != 0))
		return -1;
	for (i = 0; i < judged->change_count; i++)
		if (status_change(store, &judged->changes[i], &changed, err) != 0)
			return -1;
	return update(store, id, judged, now.failure, err);
}

int sqlite_rejudge_bounce(struct store *base, int64_t id, const struct store_bounce *judged, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct tally *tally = tally_new(err);
	int outcome = -1;

	if (tally == NULL)
		return -1;
	if (store_begin(store, base->wait_ms, err) == STORE_DONE) {
		if (recount(store, tally, id, judged, err) == 0 && tally_write(store, tally, err) == 0)
			outcome = store_commit(store, err);
		if (outcome != 0)
			store_rollback(store);
	}
	tally_free(&tally);
	return outcome;
}
