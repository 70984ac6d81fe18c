/* The SQLite store: what came back is recorded, and what follows from it. */
#include "lib/store_bounce_sqlite.h"

#include <sqlite3.h>

#define HOUR 3600

#define BOUNCE "bounce"
#define HARD "bounce.hard"
#define COMPLAINT "complaint"

/* The roll-up wants texts that stay where they are. */
static const char *const kinds[] = {
        "bounce.user_unknown",      "bounce.domain_unknown", "bounce.permanent_other",
        "bounce.connection_failed", "bounce.mailbox_full",   "bounce.temporary_other",
        "bounce.refused",           "bounce.too_large",      "bounce.undetermined",
};

static const char insert_text[] =
        "INSERT INTO bounce (report, time, campaign, address_key, sent, list, stream, domain, mailbox, fault, category,"
        " recipient, status, reply, phase, diagnostic, remote, family, rule, sender, subject, failure, feedback)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,"
        " ?23) ON CONFLICT (report) DO NOTHING";
static const char counted_text[] =
        "SELECT 1 FROM bounce WHERE address_key = ?1 AND address_key <> 0 AND campaign = ?2 AND sent = ?3"
        " AND failure > 0 AND fault = '' LIMIT 1";
static const char complained_text[] =
        "SELECT 1 FROM bounce WHERE address_key = ?1 AND address_key <> 0 AND campaign = ?2 AND feedback = ?3"
        " AND fault = '' LIMIT 1";
static const char mail_text[] = "INSERT INTO bounce_mail (id, size, mail) VALUES (?1, ?2, ?3)";
static const char feedback_text[] =
        "INSERT INTO feedback (stream, hour, domain, hard, soft, refused, complaint) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
        "?7)"
        " ON CONFLICT DO UPDATE SET hard = hard + excluded.hard, soft = soft + excluded.soft,"
        " refused = refused + excluded.refused, complaint = complaint + excluded.complaint";
static const char soft_text[] =
        "INSERT INTO soft (address_key, campaign, sent, day, is_full) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT DO NOTHING";
static const char soft_forget_text[] = "DELETE FROM soft WHERE address_key = ?1 AND is_full = ?2 AND day <= ?3";
static const char soft_days_text[] =
        "SELECT count(DISTINCT day) FROM soft WHERE address_key = ?1 AND is_full = ?2 AND day > ?3";

static const char *kind_of(struct span category) {
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (span_equal(span_of(kinds[i] + sizeof BOUNCE), category))
			return kinds[i];
	return NULL;
}

int bounce_tally(struct tally *tally, const struct store_bounce *b, time_t when, int delta, struct err *err) {
	const char *kind = kind_of(b->category);

	if (tally_count(tally, b->campaign, BOUNCE, when, delta, err) != 0)
		return -1;
	if (b->feedback == STORE_FEEDBACK_HARD && tally_count(tally, b->campaign, HARD, when, delta, err) != 0)
		return -1;
	return kind == NULL ? 0 : tally_count(tally, b->campaign, kind, when, delta, err);
}

int bounce_feedback(struct store_sqlite *store, const struct store_bounce *b, time_t when, int delta, struct err *err) {
	struct sqlite3_stmt *add;
	int kind;

	if (b->feedback == STORE_FEEDBACK_NONE)
		return 0;
	add = sql_get(store, feedback_text, err);
	if (add == NULL)
		return -1;
	sql_bind_text(add, 1, b->stream);
	sql_bind_number(add, 2, when - when % HOUR);
	sql_bind_text(add, 3, b->domain);
	for (kind = STORE_FEEDBACK_HARD; kind <= STORE_FEEDBACK_COMPLAINT; kind++)
		sql_bind_number(add, 3 + kind, kind == (int)b->feedback ? delta : 0);
	return sql_run(store, add, err);
}

int bounce_was_counted(struct store_sqlite *store, const struct store_bounce *b, bool *counted_r, struct err *err) {
	bool complaint = b->feedback == STORE_FEEDBACK_COMPLAINT;
	struct sqlite3_stmt *find = sql_get(store, complaint ? complained_text : counted_text, err);
	long long number;

	*counted_r = false;
	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, b->address_key);
	sql_bind_key(find, 2, b->campaign);
	sql_bind_number(find, 3, complaint ? (long long)b->feedback : (long long)b->sent);
	return sql_number(store, find, counted_r, &number, err);
}

static int insert(struct store_sqlite *store, const struct store_bounce *b, int failure, bool *new_r, struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, insert_text, err);
	const struct span texts[] = {b->list,  b->stream,   b->domain,    b->mailbox,
	                             b->fault, b->category, b->recipient, b->status};
	const struct span more[] = {b->phase, b->diagnostic, b->remote, b->family, b->rule, b->sender, b->subject};
	int i;

	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, b->report);
	sql_bind_number(add, 2, b->time);
	sql_bind_key(add, 3, b->campaign);
	sql_bind_key(add, 4, b->address_key);
	sql_bind_number(add, 5, b->sent);
	for (i = 0; i < 8; i++)
		sql_bind_text(add, 6 + i, texts[i]);
	sql_bind_number(add, 14, b->reply);
	for (i = 0; i < 7; i++)
		sql_bind_text(add, 15 + i, more[i]);
	sql_bind_number(add, 22, failure);
	sql_bind_number(add, 23, b->feedback);
	if (sql_run(store, add, err) != 0)
		return -1;
	*new_r = sqlite3_changes(store->db) > 0;
	return 0;
}

static int keep_mail(struct store_sqlite *store, struct span mail, struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, mail_text, err);

	if (add == NULL)
		return -1;
	sql_bind_number(add, 1, sqlite3_last_insert_rowid(store->db));
	sql_bind_number(add, 2, (long long)mail.len);
	sql_bind_blob(add, 3, mail);
	return sql_run(store, add, err);
}

static int count_days(struct store_sqlite *store, const struct store_bounce *b, bool *over_r, struct err *err) {
	struct sqlite3_stmt *forget = sql_get(store, soft_forget_text, err);
	struct sqlite3_stmt *days = sql_get(store, soft_days_text, err);
	const struct store_soft *soft = b->soft;
	long long count;
	bool found;

	if (forget == NULL || days == NULL)
		return -1;
	sql_bind_key(forget, 1, b->address_key);
	sql_bind_number(forget, 2, soft->full);
	sql_bind_number(forget, 3, soft->day - soft->within);
	sql_bind_key(days, 1, b->address_key);
	sql_bind_number(days, 2, soft->full);
	sql_bind_number(days, 3, soft->day - soft->within);
	if (sql_run(store, forget, err) != 0 || sql_number(store, days, &found, &count, err) != 0)
		return -1;
	*over_r = count >= soft->limit;
	return 0;
}

/* N9.  The mark keeps the date it was set first. */
static int count_soft(struct store_sqlite *store, const struct store_bounce *b, bool *marked_r, struct err *err) {
	struct sqlite3_stmt *add = sql_get(store, soft_text, err);
	bool over;

	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, b->address_key);
	sql_bind_key(add, 2, b->campaign);
	sql_bind_number(add, 3, b->sent);
	sql_bind_number(add, 4, b->soft->day);
	sql_bind_number(add, 5, b->soft->full);
	if (sql_run(store, add, err) != 0)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return 0;
	if (count_days(store, b, &over, err) != 0)
		return -1;
	return over ? status_mark(store, b->address_key, b->time, marked_r, err) : 0;
}

/* What follows from a report that counts. */
static int apply(struct store_sqlite *store, struct tally *tally, const struct store_bounce *b, bool first,
                 enum store_bounce_result *result_r, struct err *err) {
	bool marked = false;
	size_t changed = 0, i;

	if (b->failure && first && bounce_tally(tally, b, b->time, 1, err) != 0)
		return -1;
	if (b->feedback == STORE_FEEDBACK_COMPLAINT && first &&
	    tally_count(tally, b->campaign, COMPLAINT, b->time, 1, err) != 0)
		return -1;
	if (first && bounce_feedback(store, b, b->time, 1, err) != 0)
		return -1;
	for (i = 0; i < b->change_count; i++)
		if (status_change(store, &b->changes[i], &changed, err) != 0)
			return -1;
	if (b->soft != NULL && count_soft(store, b, &marked, err) != 0)
		return -1;
	if (marked)
		*result_r = STORE_BOUNCE_MARKED;
	return 0;
}

static int add_one(struct store_sqlite *store, struct tally *tally, const struct store_bounce *b,
                   enum store_bounce_result *result_r, struct err *err) {
	bool counts = b->fault.len == 0, counted = false, new;

	if (counts && bounce_was_counted(store, b, &counted, err) != 0)
		return -1;
	if (insert(store, b, counts && b->failure && !counted, &new, err) != 0)
		return -1;
	*result_r = new ? STORE_BOUNCE_NEW : STORE_BOUNCE_KNOWN;
	if (!new)
		return 0;
	if (b->mail.len > 0 && keep_mail(store, b->mail, err) != 0)
		return -1;
	return counts ? apply(store, tally, b, !counted, result_r, err) : 0;
}

/* Not the disk, nor a lock: what was to be written. */
static bool is_of_contents(const struct store_sqlite *store) {
	int code = store->failure & 0xff;

	return code == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG || code == SQLITE_MISMATCH || code == SQLITE_RANGE;
}

int sqlite_add_bounces(struct store *base, const struct store_bounce *bounces, size_t count,
                       enum store_bounce_result *results_r, bool *alone_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct tally *tally = tally_new(err);
	size_t i;

	if (tally == NULL)
		return -1;
	store->failure = 0;
	if (store_begin(store, base->wait_ms, err) != STORE_DONE) {
		tally_free(&tally);
		return -1;
	}
	for (i = 0; i < count; i++)
		if (add_one(store, tally, &bounces[i], &results_r[i], err) != 0)
			goto fail;
	if (tally_write(store, tally, err) == 0 && store_commit(store, err) == 0) {
		tally_free(&tally);
		return 0;
	}
fail:
	*alone_r = is_of_contents(store);
	store_rollback(store);
	tally_free(&tally);
	return -1;
}
