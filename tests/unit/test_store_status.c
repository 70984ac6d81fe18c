/* Who may have mail: statuses, their record, erasure and expiry. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_fixture.h"

#include "lib/store_event.h"
#include "lib/store_status.h"

#define KEY UINT64_C(0xfeed000000000001)
#define DAY 86400

static struct store_change sample_change(struct span list, enum store_status status, struct span reason, time_t when) {
	return (struct store_change){
	        .address_key = KEY,
	        .address = SPAN("a@example.jp"),
	        .list = list,
	        .status = status,
	        .reason = reason,
	        .detail = SPAN("in words"),
	        .who = SPAN("192.0.2.7"),
	        .campaign = 0xc0ffee,
	        .time = when,
	};
}

static size_t change(struct store *store, const struct store_change *changes, size_t count) {
	struct err err = {""};
	size_t changed;

	if (store_change_status(store, changes, count, &changed, &err) != 0)
		fail_msg("store_change_status: %s", err.text);
	return changed;
}

static struct store_standing find(struct store *store, struct span list) {
	struct store_standing standing;
	struct err err = {""};

	if (store_find_standing(store, KEY, list, &standing, &err) != 0)
		fail_msg("store_find_standing: %s", err.text);
	return standing;
}

static void test_names(void **state) {
	static const enum store_status all[] = {STORE_ACTIVE, STORE_UNSUBSCRIBED, STORE_BLOCKED};
	enum store_status parsed;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_int_equal(store_status_parse(span_of(store_status_name(all[i])), &parsed), 0);
		assert_int_equal(parsed, all[i]);
	}
	assert_int_equal(store_status_parse(SPAN("Active"), &parsed), -1);
	assert_int_equal(store_status_parse(SPAN("activ"), &parsed), -1);
}

static void test_unknown_is_active(void **state) {
	struct store *store = fixture_open(*state);
	struct store_standing standing = find(store, SPAN("news"));

	assert_int_equal(standing.status, STORE_ACTIVE);
	assert_int_equal(standing.since, 0);
	assert_int_equal(standing.temporary_failed, 0);
	assert_string_equal(standing.reason, "");
	assert_false(standing.of_address);
	store_close(&store);
}

/* Each step says a status at a place; what it gives for both places is known. */
static void test_steps(void **state) {
	static const struct {
		const char *list;
		enum store_status status;
		const char *reason;
		size_t want_changed;
		enum store_status want_news, want_other, want_address;
		const char *want_reason; /* for "news" */
		time_t want_since;
	} steps[] = {
	        {"news", STORE_UNSUBSCRIBED, "one_click", 1, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE,
	         "one_click", 1000},
	        /* The first reason and date stay. */
	        {"news", STORE_UNSUBSCRIBED, "page", 0, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE, "one_click",
	         1000},
	        {"news", STORE_BLOCKED, "complaint", 1, STORE_BLOCKED, STORE_ACTIVE, STORE_ACTIVE, "complaint", 1002},
	        {"news", STORE_BLOCKED, "hand", 0, STORE_BLOCKED, STORE_ACTIVE, STORE_ACTIVE, "complaint", 1002},
	        /* It does not weaken what is stronger. */
	        {"news", STORE_UNSUBSCRIBED, "page", 0, STORE_BLOCKED, STORE_ACTIVE, STORE_ACTIVE, "complaint", 1002},
	        /* Of equal ones the address's decides. */
	        {"", STORE_BLOCKED, "user_unknown", 1, STORE_BLOCKED, STORE_BLOCKED, STORE_BLOCKED, "user_unknown",
	         1005},
	        {"", STORE_BLOCKED, "hand", 0, STORE_BLOCKED, STORE_BLOCKED, STORE_BLOCKED, "user_unknown", 1005},
	        {"news", STORE_ACTIVE, "confirmed", 1, STORE_BLOCKED, STORE_BLOCKED, STORE_BLOCKED, "user_unknown",
	         1005},
	        {"news", STORE_ACTIVE, "confirmed", 0, STORE_BLOCKED, STORE_BLOCKED, STORE_BLOCKED, "user_unknown",
	         1005},
	        {"", STORE_ACTIVE, "hand", 1, STORE_ACTIVE, STORE_ACTIVE, STORE_ACTIVE, "", 0},
	        {"", STORE_ACTIVE, "hand", 0, STORE_ACTIVE, STORE_ACTIVE, STORE_ACTIVE, "", 0},
	        {"news", STORE_UNSUBSCRIBED, "mail", 1, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE, "mail", 1011},
	        /* The address is lifted; what the list says stays. */
	        {"", STORE_ACTIVE, "hand", 0, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE, "mail", 1011},
	        /* The first consent is news, though nothing stood against it. */
	        {"other", STORE_ACTIVE, "confirmed", 1, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE, "mail", 1011},
	        {"other", STORE_ACTIVE, "confirmed", 0, STORE_UNSUBSCRIBED, STORE_ACTIVE, STORE_ACTIVE, "mail", 1011},
	};
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture), *other = fixture_open(fixture);
	long long records = 0;
	size_t i;

	for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct store_change said = sample_change(span_of(steps[i].list), steps[i].status,
		                                         span_of(steps[i].reason), 1000 + (time_t)i);
		size_t changed = change(store, &said, 1);
		/* Another handle sees it at once. */
		struct store_standing news = find(other, SPAN("news"));

		records += (long long)changed;
		if (changed != steps[i].want_changed || news.status != steps[i].want_news ||
		    find(other, SPAN("other")).status != steps[i].want_other ||
		    find(other, SPAN("")).status != steps[i].want_address ||
		    strcmp(news.reason, steps[i].want_reason) != 0 || news.since != steps[i].want_since)
			fail_msg("step %zu: changed %zu, news %s (%s, %lld), address %s", i, changed,
			         store_status_name(news.status), news.reason, (long long)news.since,
			         store_status_name(find(other, SPAN("")).status));
		assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change"), records);
	}
	store_close(&store);
	store_close(&other);
}

static void test_refused(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change good = sample_change(SPAN("news"), STORE_UNSUBSCRIBED, SPAN("page"), 1000), bad = good;
	struct store_event event = {.kind = STORE_UNSUBSCRIBE, .machine = STORE_MACHINE_BURST};
	static char many[STORE_TEXT_MAX + 1];
	struct store_change cases[8];
	size_t count = 0, i, changed = 7;

	bad.list = SPAN("");
	cases[count++] = bad;
	bad = good;
	bad.status = (enum store_status)3;
	cases[count++] = bad;
	bad = good;
	bad.reason = SPAN("");
	cases[count++] = bad;
	bad.reason = SPAN("a_reason_that_is_much_longer_than_32_octets");
	cases[count++] = bad;
	bad = good;
	bad.time = -1;
	cases[count++] = bad;
	bad = good;
	bad.list = span_make(many, sizeof many);
	cases[count++] = bad;
	bad = good;
	bad.event = &event;
	cases[count++] = bad;
	for (i = 0; i < count; i++) {
		struct store_change both[] = {good, cases[i]};
		struct err err = {""};

		assert_int_equal(store_change_status(store, both, 2, &changed, &err), -1);
		assert_string_not_equal(err.text, "");
		/* All or none. */
		assert_int_equal(find(store, SPAN("news")).status, STORE_ACTIVE);
	}
	store_close(&store);
}

static void test_detail(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change said = sample_change(SPAN("news"), STORE_BLOCKED, SPAN("hand"), 1000);
	char words[STORE_TEXT_MAX];
	struct store_standing standing;
	size_t i;

	said.detail = SPAN("two\nlines\x7f");
	change(store, &said, 1);
	standing = find(store, SPAN("news"));
	assert_string_equal(standing.detail, "two?lines?");
	/* Cut at a character's border. */
	for (i = 0; i + 3 <= sizeof words; i += 3)
		memcpy(words + i, "\xe5\xb1\x8a", 3);
	said.list = SPAN("other");
	said.detail = span_make(words, i);
	change(store, &said, 1);
	standing = find(store, SPAN("other"));
	assert_int_equal(strlen(standing.detail), 255);
	assert_memory_equal(standing.detail, words, 255);
	store_close(&store);
}

static void test_mark(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_change blocked = sample_change(SPAN(""), STORE_BLOCKED, SPAN("user_unknown"), 1000);
	struct store_change active = sample_change(SPAN(""), STORE_ACTIVE, SPAN("hand"), 2000);

	assert_int_equal(store_mark_temporary(store, KEY, SPAN("a@example.jp"), 500, NULL), 0);
	assert_int_equal(find(store, SPAN("news")).temporary_failed, 500);
	assert_int_equal(find(store, SPAN("news")).status, STORE_ACTIVE);
	/* The first date stays. */
	assert_int_equal(store_mark_temporary(store, KEY, SPAN("a@example.jp"), 600, NULL), 0);
	assert_int_equal(find(store, SPAN("")).temporary_failed, 500);
	/* Status and mark come and go by themselves. */
	assert_int_equal(change(store, &blocked, 1), 1);
	assert_int_equal(find(store, SPAN("news")).temporary_failed, 500);
	assert_int_equal(find(store, SPAN("news")).status, STORE_BLOCKED);
	assert_int_equal(change(store, &active, 1), 1);
	assert_int_equal(find(store, SPAN("news")).temporary_failed, 500);
	assert_int_equal(find(store, SPAN("news")).status, STORE_ACTIVE);
	assert_int_equal(change(store, &blocked, 1), 1);
	assert_int_equal(store_mark_temporary(store, KEY, SPAN(""), 0, NULL), 0);
	assert_int_equal(find(store, SPAN("news")).temporary_failed, 0);
	assert_int_equal(find(store, SPAN("news")).status, STORE_BLOCKED);
	assert_int_equal(change(store, &active, 1), 1);
	/* What says nothing leaves no row in policyd's way. */
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM standing"), 0);
	assert_int_equal(store_mark_temporary(store, KEY, SPAN(""), -1, NULL), -1);
	store_close(&store);
}

static int write_standing(void *context, struct span list, const struct store_standing *standing) {
	buf_printf(context, "%.*s=%s(%s) ", SPAN_ARG(list), store_status_name(standing->status), standing->reason);
	return 0;
}

static int write_change(void *context, const struct store_change *said) {
	buf_printf(context, "%.*s=%s:%.*s:%.*s:%.*s:%.*s:%.*s:%llx:%lld ", SPAN_ARG(said->list),
	           store_status_name(said->status), SPAN_ARG(said->reason), SPAN_ARG(said->detail), SPAN_ARG(said->who),
	           SPAN_ARG(said->address), SPAN_ARG(said->proof), (unsigned long long)said->campaign,
	           (long long)said->time);
	return 0;
}

static int stop_at_once(void *context, const struct store_change *said) {
	(void)said;
	++*(int *)context;
	return 1;
}

static void test_each(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change said[] = {sample_change(SPAN("news"), STORE_ACTIVE, SPAN("confirmed"), 1000),
	                              sample_change(SPAN("shop"), STORE_UNSUBSCRIBED, SPAN("mail"), 1001),
	                              sample_change(SPAN(""), STORE_BLOCKED, SPAN("hand"), 1002),
	                              sample_change(SPAN(""), STORE_ACTIVE, SPAN("hand"), 1003)};
	struct buf text;
	int calls = 0;

	said[0].proof = SPAN("I want it: name=A");
	assert_int_equal(change(store, said, 3), 3);
	buf_init(&text, 4096);
	assert_int_equal(store_each_standing(store, KEY, write_standing, &text, NULL), 0);
	assert_string_equal(text.at, "=blocked(hand) news=active(confirmed) shop=unsubscribed(mail) ");
	assert_int_equal(change(store, &said[3], 1), 1);
	buf_reset(&text);
	assert_int_equal(store_each_standing(store, KEY, write_standing, &text, NULL), 0);
	assert_string_equal(text.at, "=active(hand) news=active(confirmed) shop=unsubscribed(mail) ");
	buf_reset(&text);
	assert_int_equal(store_each_change(store, KEY, write_change, &text, NULL), 0);
	assert_string_equal(text.at,
	                    "news=active:confirmed:in words:192.0.2.7:a@example.jp:I want it: name=A:c0ffee:1000 "
	                    "shop=unsubscribed:mail:in words:192.0.2.7:a@example.jp::c0ffee:1001 "
	                    "=blocked:hand:in words:192.0.2.7:a@example.jp::c0ffee:1002 "
	                    "=active:hand:in words:192.0.2.7:a@example.jp::c0ffee:1003 ");
	assert_int_equal(store_each_change(store, KEY, stop_at_once, &calls, NULL), 0);
	assert_int_equal(calls, 1);
	buf_reset(&text);
	assert_int_equal(store_find_address(store, KEY, &text, NULL), 0);
	assert_string_equal(text.at, "a@example.jp");
	buf_reset(&text);
	assert_int_equal(store_find_address(store, KEY + 1, &text, NULL), 0);
	assert_int_equal(text.len, 0);
	buf_free(&text);
	store_close(&store);
}

/* A long consent is kept whole (U6). */
static void test_long_proof(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_change said = sample_change(SPAN("news"), STORE_ACTIVE, SPAN("confirmed"), 1000);
	char *proof = malloc(STORE_PROOF_MAX + 1);

	assert_non_null(proof);
	memset(proof, 'x', STORE_PROOF_MAX + 1);
	said.proof = span_make(proof, STORE_PROOF_MAX + 1);
	assert_int_equal(change(store, &said, 1), 1);
	assert_int_equal(fixture_number(fixture, "SELECT length(proof) FROM change"), STORE_PROOF_MAX);
	free(proof);
	store_close(&store);
}

static uint64_t unsubscribes(struct store *store) {
	struct store_kpi kpi;

	assert_int_equal(store_kpi(store, 0xc0ffee, &kpi, NULL), 0);
	return kpi.unsubscribes.total;
}

/* The event is there if and only if the change was news. */
static void test_event(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event event = {.kind = STORE_UNSUBSCRIBE,
	                            .time_ms = INT64_C(1000) * NOON_NOV_22,
	                            .campaign = 0xc0ffee,
	                            .list = SPAN("news"),
	                            .address_key = KEY};
	struct store_change said = sample_change(SPAN("news"), STORE_UNSUBSCRIBED, SPAN("page"), NOON_NOV_22);
	struct store_change twice[2];

	said.event = &event;
	twice[0] = twice[1] = said;
	assert_int_equal(change(store, twice, 2), 1);
	assert_int_equal(change(store, &said, 1), 0);
	assert_int_equal(unsubscribes(store), 1);
	said.list = SPAN("other");
	set_disk_full(true);
	assert_int_equal(store_change_status(store, &said, 1, NULL, NULL), -1);
	set_disk_full(false);
	assert_int_equal(find(store, SPAN("other")).status, STORE_ACTIVE);
	assert_int_equal(unsubscribes(store), 1);
	assert_int_equal(change(store, &said, 1), 1);
	assert_int_equal(unsubscribes(store), 2);
	store_close(&store);
}

/* One who leaves while they are blocked: the block stays, and so does the refusal. */
static void test_leave_while_blocked(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event event = {.kind = STORE_UNSUBSCRIBE,
	                            .time_ms = INT64_C(1000) * NOON_NOV_22,
	                            .campaign = 0xc0ffee,
	                            .list = SPAN("news"),
	                            .address_key = KEY};
	struct store_change said[] = {sample_change(SPAN("news"), STORE_ACTIVE, SPAN("confirmed"), 1000),
	                              sample_change(SPAN("news"), STORE_BLOCKED, SPAN("hand"), 1001),
	                              sample_change(SPAN("news"), STORE_UNSUBSCRIBED, SPAN("page"), NOON_NOV_22)};
	struct buf text;

	said[2].event = &event;
	assert_int_equal(change(store, said, 3), 3);
	assert_int_equal(change(store, &said[2], 1), 0);
	assert_int_equal(find(store, SPAN("news")).status, STORE_BLOCKED);
	assert_string_equal(find(store, SPAN("news")).reason, "hand");
	assert_int_equal(unsubscribes(store), 1);
	buf_init(&text, 4096);
	assert_int_equal(store_each_change(store, KEY, write_change, &text, NULL), 0);
	assert_true(span_find(buf_span(&text), SPAN("news=unsubscribed:page:")) > 0);
	buf_free(&text);
	store_close(&store);
}

static void test_expire_changes(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	const time_t old = NOON_NOV_22 - 3 * 365 * DAY - 2 * DAY, young = NOON_NOV_22 - 3 * 365 * DAY + 2 * DAY;
	struct store_change said[] = {
	        sample_change(SPAN("agreed"), STORE_ACTIVE, SPAN("confirmed"), old),
	        sample_change(SPAN("left"), STORE_ACTIVE, SPAN("confirmed"), old),
	        sample_change(SPAN("left"), STORE_UNSUBSCRIBED, SPAN("page"), old),
	        sample_change(SPAN("young"), STORE_ACTIVE, SPAN("confirmed"), old),
	        sample_change(SPAN("young"), STORE_UNSUBSCRIBED, SPAN("page"), young),
	};
	uint64_t dropped;

	assert_int_equal(change(store, said, 5), 5);
	assert_int_equal(store_expire_changes(store, NOON_NOV_22, 36, &dropped, NULL), 0);
	assert_int_equal(dropped, 3);
	/* Consent in force stays, whatever its age, and so does the refusal itself. */
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change WHERE list = 'agreed'"), 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change WHERE list = 'young' AND status = 1"), 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change"), 2);
	assert_int_equal(find(store, SPAN("left")).status, STORE_UNSUBSCRIBED);
	assert_int_equal(store_expire_changes(store, NOON_NOV_22, 36, &dropped, NULL), 0);
	assert_int_equal(dropped, 0);
	store_close(&store);
}

/* More than one step's rows. */
static void test_expire_many(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	uint64_t dropped;

	fixture_sql(fixture,
	            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25001)"
	            " INSERT INTO change (address_key, list, status, time, reason, detail, who, proof, campaign)"
	            " SELECT i, 'news', 1, i % 2, 'page', '', '', '', 0 FROM n");
	assert_int_equal(store_expire_changes(store, 1 + 62 * DAY, 2, &dropped, NULL), 0);
	assert_int_equal(dropped, 25001);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change"), 0);
	store_close(&store);
}

static void test_locked(void **state) {
	struct fixture *fixture = *state;
	struct store *store;
	struct store_change said = sample_change(SPAN("news"), STORE_UNSUBSCRIBED, SPAN("page"), 1000);
	struct err err = {""};
	sqlite3 *db;

	fixture->conf.busy_timeout = 0;
	store = fixture_open(fixture);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_change_status(store, &said, 1, NULL, &err), -1);
	assert_non_null(strstr(err.text, "locked"));
	/* Who only asks need not wait. */
	assert_int_equal(find(store, SPAN("news")).status, STORE_ACTIVE);
	sqlite3_close(db);
	assert_int_equal(change(store, &said, 1), 1);
	store_close(&store);
}

/* Nothing that was promised is lost in a file without a name. */
static void test_removed(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_change said = sample_change(SPAN("news"), STORE_UNSUBSCRIBED, SPAN("page"), 1000);
	struct err err = {""};

	unlink(fixture->path);
	assert_int_equal(store_change_status(store, &said, 1, NULL, &err), -1);
	assert_non_null(strstr(err.text, "removed"));
	store_close(&store);
}

/* A store of the first schema keeps what it knows. */
static void test_migration(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_standing standing;
	struct buf address;

	store_close(&store);
	unlink(fixture->path);
	fixture_sql(fixture,
	            "CREATE TABLE campaign (id INTEGER PRIMARY KEY, list TEXT NOT NULL, name TEXT NOT NULL,"
	            " first INTEGER NOT NULL, last INTEGER NOT NULL);"
	            "CREATE INDEX campaign_name ON campaign (name);"
	            "CREATE TABLE address (key INTEGER PRIMARY KEY, address TEXT,"
	            " status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'unsubscribed', 'blocked')),"
	            " reason TEXT, since INTEGER NOT NULL, temporary_failed INTEGER);"
	            "CREATE TABLE rollup (campaign INTEGER NOT NULL REFERENCES campaign (id), kind TEXT NOT NULL,"
	            " hour INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (campaign, kind, hour)) WITHOUT ROWID;"
	            "CREATE INDEX rollup_hour ON rollup (hour);"
	            "INSERT INTO address VALUES (-77405618595430399, 'a@example.jp', 'blocked', 'complaint', 77, NULL);"
	            "INSERT INTO address VALUES (2, 'b@example.jp', 'active', NULL, 1, 99);"
	            "PRAGMA application_id = 1953457259; PRAGMA user_version = 1");
	store = fixture_open(fixture);
	standing = find(store, SPAN("news"));
	assert_int_equal(standing.status, STORE_BLOCKED);
	assert_int_equal(standing.since, 77);
	assert_string_equal(standing.reason, "complaint");
	assert_int_equal(store_find_standing(store, 2, SPAN("news"), &standing, NULL), 0);
	assert_int_equal(standing.status, STORE_ACTIVE);
	assert_int_equal(standing.temporary_failed, 99);
	buf_init(&address, 100);
	assert_int_equal(store_find_address(store, 2, &address, NULL), 0);
	assert_string_equal(address.at, "b@example.jp");
	buf_free(&address);
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        TEST(test_names),
	        TEST(test_unknown_is_active),
	        TEST(test_steps),
	        TEST(test_refused),
	        TEST(test_detail),
	        TEST(test_mark),
	        TEST(test_each),
	        TEST(test_long_proof),
	        TEST(test_event),
	        TEST(test_locked),
	        TEST(test_removed),
	        TEST(test_expire_changes),
	        TEST(test_expire_many),
	        TEST(test_migration),
	        TEST(test_leave_while_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
