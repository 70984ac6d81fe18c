/* policyd/decide.h: who may have mail, how much of it, and what becomes of a unit. */
#include "tests/unit/policy_fixture.h"

#include <unistd.h>

#include "tests/unit/store_disk_full.h"

static const char lists[] = "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
                            "list \"other\" { sender = { \"other@example.com\" } }\n"
                            "list \"app\" { sasl_login = { \"app\" } stream = \"main\" }\n";

static int set_up(void **state) {
	*state = policy_new();
	return 0;
}

static int tear_down_policy(void **state) {
	struct policy_fixture *f = *state;

	set_disk_full(false);
	set_disk_readonly(false);
	policy_stop(f);
	policy_remove(f);
	return 0;
}

static struct policy_fixture *begin(void **state, const char *policyd, const char *stream) {
	struct policy_fixture *f = *state;
	char text[2048];

	snprintf(text, sizeof text, "%sstream \"main\" { %s }\n", lists, stream);
	policy_configure(f, policyd, text);
	policy_start(f);
	return f;
}

/* Recipients that are let pass at RCPT, each in a message of its own that ends. */
static int send_many(struct policy_fixture *f, const char *prefix, int count) {
	char instance[64], recipient[64];
	int i, passed = 0;

	for (i = 0; i < count; i++) {
		snprintf(instance, sizeof instance, "%s.%d", prefix, i);
		snprintf(recipient, sizeof recipient, "%s%d@example.jp", prefix, i);
		if (strcmp(policy_rcpt(f, instance, recipient), "DUNNO") == 0 &&
		    strcmp(policy_end_of(f, instance, recipient, 1, "Q1"), "DUNNO") == 0)
			passed++;
	}
	return passed;
}

/* Mail of no list, or of nobody we trust, is none of our business. */
static void test_not_ours(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1\" over_quota = \"defer\"");
	struct policy_request r = policy_ask_rcpt("1", "a@example.jp");

	r.sender = SPAN("somebody@example.com");
	assert_action(policy_put(f, &r), "DUNNO");
	r = policy_ask_rcpt("2", "a@example.jp");
	r.client_address = SPAN("192.0.2.1");
	assert_action(policy_put(f, &r), "DUNNO");
	r = policy_ask_rcpt("3", "no address");
	assert_action(policy_put(f, &r), "DUNNO");
	r = policy_ask_rcpt("4", "a@example.jp");
	r.state = POLICY_STATE_OTHER;
	assert_action(policy_put(f, &r), "DUNNO");
	/* None of them took the one unit; a login makes mail a list's, whoever the client. */
	assert_action(policy_rcpt(f, "5", "a@example.jp"), "DUNNO");
	r = policy_ask_rcpt("6", "b@example.jp");
	r.sender = SPAN("somebody@example.com");
	r.client_address = SPAN("192.0.2.1");
	r.sasl_username = SPAN("app");
	assert_begins(policy_put(f, &r), "450 4.7.1 ");
}

/* W6: status, reason, date, what to do; other lists' mail goes on. */
static void test_suppressed(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"none\"");
	struct policy_request r;

	policy_change(f, "left@example.jp", "news", STORE_UNSUBSCRIBED, "one_click");
	policy_change(f, "dead@example.jp", "", STORE_BLOCKED, "user_unknown");
	assert_begins(policy_rcpt(f, "1", "left@example.jp"), "550 5.7.1 ");
	assert_says(f->action, "unsubscribed (news) since 2026-11-30T03:00:00Z: one_click");
	assert_says(f->action, "only its reader can subscribe it again");
	assert_begins(policy_rcpt(f, "2", "dead@example.jp"), "550 5.7.1 ");
	assert_says(f->action, "blocked (every list) since 2026-11-30T03:00:00Z: user_unknown");
	assert_says(f->action, "todoku address unblock");
	assert_action(policy_rcpt(f, "3", "else@example.jp"), "DUNNO");
	r = policy_ask_rcpt("4", "left@example.jp");
	r.sender = SPAN("other@example.com");
	assert_action(policy_put(f, &r), "DUNNO");
	r.recipient = SPAN("dead@example.jp");
	assert_begins(policy_put(f, &r), "550 5.7.1 ");
	/* However it is written (W7). */
	assert_begins(policy_rcpt(f, "5", "<\"left\"@EXAMPLE.JP>"), "550 5.7.1 ");
	/* In force for the next question (U2). */
	policy_change(f, "else@example.jp", "news", STORE_UNSUBSCRIBED, "one_click");
	assert_begins(policy_rcpt(f, "6", "else@example.jp"), "550 5.7.1 ");
}

static void test_discard(void **state) {
	struct policy_fixture *f = *state;

	policy_configure(f, "", "suppressed = \"discard\"\nlist \"news\" { sender = { \"news@example.com\" } }\n");
	policy_start(f);
	policy_change(f, "left@example.jp", "news", STORE_UNSUBSCRIBED, "one_click");
	assert_action(policy_rcpt(f, "1", "left@example.jp"), "DUNNO");
	assert_begins(policy_end_of(f, "1", "left@example.jp", 1, "Q1"), "DISCARD ");
	assert_begins(policy_milter(f, "m1", "news", "left@example.jp"), "DISCARD ");
	/* Beside others nothing can be dropped by Postfix: nobody gets it. */
	assert_action(policy_rcpt(f, "2", "left@example.jp"), "DUNNO");
	assert_action(policy_rcpt(f, "2", "a@example.jp"), "DUNNO");
	assert_begins(policy_end_of(f, "2", "", 2, "Q2"), "550 5.7.1 ");
	assert_says(f->action, "send to each alone");
	assert_action(policy_milter(f, "m2", "news", "a@example.jp"), "DUNNO");
	assert_begins(policy_milter(f, "m2", "news", "left@example.jp"), "DISCARD ");
	assert_action(policy_milter_tells(f, "m2", "sent", 1), "DUNNO");
}

static void test_temporary_failed(void **state) {
	struct policy_fixture *f = begin(state, "temporary_failed = \"reject\"", "plan = \"none\"");
	struct store *store = policy_store(f);
	struct err err;

	assert_int_equal(store_mark_temporary(store, token_address_key(policy_world(f)->ring, SPAN("t@example.jp")),
	                                      SPAN("t@example.jp"), POLICY_NOON, &err),
	                 0);
	store_close(&store);
	assert_begins(policy_rcpt(f, "1", "t@example.jp"), "550 5.7.1 ");
	assert_says(f->action, "temporary-failed since 2026-12-01T03:00:00Z");
	policy_stop(f);
	policy_configure(f, "", "list \"news\" { sender = { \"news@example.com\" } }\n");
	policy_start(f);
	assert_action(policy_rcpt(f, "1", "t@example.jp"), "DUNNO");
}

/* W1, W2, W5: the day's quota is reached, and not by one more; the next day begins anew. */
static void test_quota(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:50,70\" over_quota = \"defer\" min_sample = 1");

	assert_int_equal(send_many(f, "a", 80), 50);
	assert_begins(policy_rcpt(f, "z", "z@example.jp"), "450 4.7.1 ");
	assert_says(f->action, "50 recipients for 2026-12-01, is used up; try again on 2026-12-02 "
	                       "(from 2026-12-01T15:00:00Z)");
	policy_tidy(&f->policy); /* what was sent is among the figures, by which it grows */
	policy_set_time(f, POLICY_NOON + POLICY_DAY);
	assert_int_equal(send_many(f, "b", 80), 70);
}

/* Asked again, the same answer, for nothing. */
static void test_repeated(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"reject\"");
	int i;

	for (i = 0; i < 5; i++)
		assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	for (i = 0; i < 5; i++)
		assert_action(policy_end_of(f, "1", "a@example.jp", 1, "Q1"), "DUNNO");
	assert_action(policy_rcpt(f, "2", "b@example.jp"), "DUNNO");
	assert_begins(policy_rcpt(f, "3", "c@example.jp"), "550 5.7.1 ");
}

/* W2: what was reserved and not sent comes back. */
static void test_given_back(void **state) {
	struct policy_fixture *f = begin(state, "transaction_timeout = \"1s\" leave_timeout = \"1s\"",
	                                 "plan = \"steps:2\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	assert_action(policy_rcpt(f, "1", "b@example.jp"), "DUNNO");
	assert_begins(policy_rcpt(f, "1", "c@example.jp"), "450 ");
	/* One was refused by others: Postfix counts one. */
	assert_action(policy_end_of(f, "1", "", 1, "Q1"), "DUNNO");
	assert_action(policy_rcpt(f, "2", "d@example.jp"), "DUNNO");
	assert_begins(policy_rcpt(f, "3", "e@example.jp"), "450 ");
	/* "2" never ends: its unit is there again once its time is up. */
	ledger_set_patience(f->policy.ledger, 0, 0);
	ledger_tidy(f->policy.ledger, false);
	assert_action(policy_rcpt(f, "4", "e@example.jp"), "DUNNO");
	/* And at a regular end all of them, and all that is at hand. */
	policy_stop(f);
	assert_int_equal(policy_number(f, "SELECT leased FROM quota WHERE day = '2026-12-01'"), 1);
}

/* A unit counts for the day on which it is spent. */
static void test_midnight(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1,1\" over_quota = \"defer\"");

	policy_set_time(f, POLICY_NOON);
	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	policy_set_time(f, POLICY_NOON + POLICY_DAY);
	assert_action(policy_end_of(f, "1", "a@example.jp", 1, "Q1"), "DUNNO");
	assert_begins(policy_rcpt(f, "2", "b@example.jp"), "450 ");
	policy_set_time(f, POLICY_NOON);
}

/* The milter decides last, takes over what RCPT reserved, and tells the fate. */
static void test_milter(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "a@example.jp"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "a@example.jp"), "DUNNO");
	assert_action(policy_milter_end(f, "m1", "sent"), "DUNNO");
	assert_action(policy_milter_end(f, "m1", "sent"), "DUNNO");
	/* Of sendmail(1): nobody asked at RCPT. */
	assert_action(policy_milter(f, "m2", "news", "b@example.jp"), "DUNNO");
	assert_begins(policy_milter(f, "m3", "news", "c@example.jp"), "450 4.7.1 ");
	assert_action(policy_milter_end(f, "m2", "failed"), "DUNNO");
	assert_action(policy_milter(f, "m4", "news", "c@example.jp"), "DUNNO");
	/* The same message may be sent, and fail after all. */
	assert_action(policy_milter_end(f, "m4", "sent"), "DUNNO");
	assert_action(policy_milter_end(f, "m4", "failed"), "DUNNO");
	assert_action(policy_milter(f, "m5", "news", "d@example.jp"), "DUNNO");
	assert_action(policy_milter_end(f, "m5", "sent"), "DUNNO");
	assert_begins(policy_milter(f, "m6", "news", "e@example.jp"), "450 ");
}

/* The milter has read a list that this process has not: nobody's quota is passed over. */
static void test_unknown_list(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"defer\"");
	const char *answer = policy_milter(f, "m1", "nosuchlist", "a@example.jp");

	assert_begins(answer, "451 ");
	assert_non_null(strstr(answer, "nosuchlist; reload it"));
}

/* END-OF-MESSAGE and the milter both: one unit. */
static void test_both_ends(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	assert_action(policy_end_of(f, "1", "a@example.jp", 1, "m1"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "a@example.jp"), "DUNNO");
	assert_action(policy_milter_end(f, "m1", "sent"), "DUNNO");
	assert_action(policy_rcpt(f, "2", "b@example.jp"), "DUNNO");
	assert_begins(policy_rcpt(f, "3", "c@example.jp"), "450 ");
}

/* W5: over quota it waits, on record before Postfix hears of it; who waits goes first. */
static void test_hold(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2,3\" over_quota = \"hold\" min_sample = 1");

	assert_int_equal(send_many(f, "a", 2), 2);
	assert_action(policy_rcpt(f, "1", "w1@example.jp"), "DUNNO");
	assert_begins(policy_end_of(f, "1", "w1@example.jp", 1, "Q7"), "HOLD ");
	assert_begins(policy_end_of(f, "1", "w1@example.jp", 1, "Q7"), "HOLD ");
	assert_begins(policy_milter(f, "m8", "news", "w2@example.jp"), "HOLD ");
	assert_int_equal(policy_number(f, "SELECT count(*) FROM held"), 1);
	assert_action(policy_milter_end(f, "m8", "held"), "DUNNO");
	assert_int_equal(policy_number(f, "SELECT count(*) FROM held WHERE host = 'mail.example.com'"), 2);
	assert_int_equal(policy_number(f, "SELECT count(*) FROM held WHERE queue_id = 'm8' AND address = "
	                                  "'w2@example.jp' AND stream = 'main' AND list = 'news'"),
	                 1);
	/* The next day has 3 units, and 2 wait: one is for who comes now. */
	policy_tidy(&f->policy);
	policy_set_time(f, POLICY_NOON + POLICY_DAY);
	assert_action(policy_milter(f, "m9", "news", "n1@example.jp"), "DUNNO");
	assert_begins(policy_milter(f, "m10", "news", "n2@example.jp"), "HOLD ");
	policy_set_time(f, POLICY_NOON);
}

/* A message waits whole, and for as many units as it has recipients. */
static void test_hold_several(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"hold\"");

	assert_action(policy_milter(f, "m1", "news", "a@example.jp"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "b@example.jp"), "DUNNO");
	assert_begins(policy_milter(f, "m1", "news", "c@example.jp"), "HOLD ");
	assert_action(policy_milter_tells(f, "m1", "held", 3), "DUNNO");
	assert_int_equal(policy_number(f, "SELECT count(*) FROM held WHERE queue_id = 'm1'"), 3);
	/* Its units came back, and are set aside for it. */
	policy_stop(f);
	assert_int_equal(policy_number(f, "SELECT leased FROM quota WHERE provider = ''"), 0);
}

static void test_provider(void **state) {
	struct policy_fixture *f = *state;

	policy_configure(f, "",
	                 "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
	                 "stream \"main\" { plan = \"steps:10\" over_quota = \"defer\" }\n"
	                 "provider \"small\" { domain = { \"example.jp\" } quota = 3 }\n");
	policy_start(f);
	assert_int_equal(send_many(f, "a", 6), 3);
	assert_begins(policy_rcpt(f, "x", "x@example.jp"), "450 4.7.1 ");
	assert_says(f->action, "the quota of small, 3 recipients of stream main");
	assert_action(policy_rcpt(f, "y", "y@example.net"), "DUNNO");
}

/* The hour of POLICY_NOON has seen so much. */
static void had_bounces(const struct policy_fixture *f, int sent, int hard) {
	char sql[512];

	snprintf(sql, sizeof sql,
	         "INSERT INTO traffic (stream, hour, provider, sent) VALUES ('main', %d, 'other', %d);"
	         "INSERT INTO feedback (stream, hour, domain, hard, soft, refused, complaint)"
	         " VALUES ('main', %d, 'example.jp', %d, 0, 0, 0)",
	         POLICY_NOON, sent, POLICY_NOON, hard);
	policy_sql(f, sql);
}

/* Open, it holds all list mail of the stream, with the figure in the text; other mail goes. */
static void test_breaker(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"none\" breaker_sample = 100 breaker_bounces = 0.10");
	struct policy_request r;

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	had_bounces(f, 1000, 150);
	policy_stop(f);
	policy_start(f);
	assert_action(policy_rcpt(f, "2", "b@example.jp"), "DUNNO");
	assert_begins(policy_end_of(f, "2", "b@example.jp", 1, "Q1"), "HOLD ");
	assert_says(f->action, "150 hard bounces in 1000 sent");
	assert_begins(policy_milter(f, "m1", "news", "c@example.jp"), "HOLD ");
	r = policy_ask_rcpt("3", "a@example.jp");
	r.sender = SPAN("other@example.com");
	assert_action(policy_put(f, &r), "DUNNO");
}

static void test_breaker_defers(void **state) {
	struct policy_fixture *f =
	        begin(state, "", "plan = \"none\" breaker = \"defer\" breaker_sample = 100 breaker_bounces = 0.10");

	had_bounces(f, 1000, 150);
	assert_begins(policy_rcpt(f, "2", "b@example.jp"), "450 4.7.1 ");
	assert_says(f->action, "150 hard bounces in 1000 sent");
}

static void test_not_begun(void **state) {
	struct policy_fixture *f =
	        begin(state, "", "plan = \"steps:10\" start = \"2026-12-05\" over_quota = \"defer\"");

	assert_begins(policy_rcpt(f, "1", "a@example.jp"), "450 4.7.1 ");
	assert_says(f->action, "begins on 2026-12-05");
}

/* What a list in shadow would have been answered is told, not done. */
static void test_shadow(void **state) {
	struct policy_fixture *f = *state;

	policy_configure(f, "",
	                 "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" shadow = true }\n"
	                 "stream \"main\" { plan = \"steps:1\" over_quota = \"reject\" }\n");
	policy_start(f);
	policy_change(f, "left@example.jp", "news", STORE_UNSUBSCRIBED, "one_click");
	assert_action(policy_rcpt(f, "1", "left@example.jp"), "DUNNO");
	assert_int_equal(send_many(f, "a", 3), 3);
	assert_int_equal(policy_number(f, "SELECT count(*) FROM quota"), 0);
}

/* A restart forgets who reserved; nothing is counted twice or goes uncounted. */
static void test_restart(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	assert_action(policy_rcpt(f, "1", "b@example.jp"), "DUNNO");
	policy_stop(f);
	policy_start(f);
	assert_action(policy_end_of(f, "1", "a@example.jp", 1, "Q2"), "DUNNO");
	/* Of several Postfix gives only the number: so many units. */
	assert_begins(policy_end_of(f, "2", "", 2, "Q1"), "450 4.7.1 ");
	assert_action(policy_end_of(f, "3", "b@example.jp", 1, "Q3"), "DUNNO");
	assert_begins(policy_end_of(f, "4", "c@example.jp", 1, "Q4"), "450 4.7.1 ");
}

/* What was forgotten because its time was up does not go uncounted. */
static void test_forgotten(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:4\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	ledger_tidy(f->policy.ledger, true);
	assert_action(policy_rcpt(f, "1", "b@example.jp"), "DUNNO");
	assert_action(policy_end_of(f, "1", "", 2, "Q1"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "c@example.jp"), "DUNNO");
	ledger_tidy(f->policy.ledger, true);
	assert_begins(policy_milter_tells(f, "m1", "sent", 1), "451 4.3.0 ");
	assert_begins(policy_milter_tells(f, "m1", "held", 1), "451 4.3.0 ");
	/* One address twice is two recipients. */
	assert_action(policy_rcpt(f, "2", "d@example.jp"), "DUNNO");
	assert_action(policy_rcpt(f, "2", "d@EXAMPLE.jp"), "DUNNO");
	assert_action(policy_end_of(f, "2", "", 2, "Q2"), "DUNNO");
	assert_begins(policy_rcpt(f, "3", "e@example.jp"), "450 4.7.1 ");
}

/* Who is no address of ours goes, and is no reason to refuse the message. */
static void test_no_address(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:4\" over_quota = \"defer\"");

	assert_action(policy_milter(f, "m1", "news", "postmaster"), "DUNNO");
	assert_action(policy_milter(f, "m1", "news", "a@example.jp"), "DUNNO");
	assert_action(policy_milter_tells(f, "m1", "sent", 2), "DUNNO");
	assert_action(policy_rcpt(f, "1", "postmaster"), "DUNNO");
	assert_action(policy_end_of(f, "1", "postmaster", 1, "Q1"), "DUNNO");
}

/* Without an instance a unit is spent at once: it can't be found again. */
static void test_no_instance(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:2\" over_quota = \"defer\"");

	assert_action(policy_rcpt(f, "", "a@example.jp"), "DUNNO");
	assert_action(policy_rcpt(f, "", "a@example.jp"), "DUNNO");
	assert_begins(policy_rcpt(f, "", "a@example.jp"), "450 ");
	assert_action(policy_end_of(f, "", "a@example.jp", 1, "Q1"), "DUNNO");
}

/* ---- a store that does not answer ---- */

static void wait_for_pause(struct policy_fixture *f, const char *prefix) {
	char instance[64];
	long long end = slices_now() + 20000;
	int i;

	for (i = 0; slices_now() < end; i++) {
		snprintf(instance, sizeof instance, "%s%d", prefix, i);
		if (strcmp(policy_rcpt(f, instance, "a@example.jp"), "DUNNO") == 0)
			return;
		usleep(10000);
	}
	fail_msg("no recovery: %s", f->action);
}

static void answers_451(struct policy_fixture *f, const char *prefix) {
	long long started = slices_now();
	char instance[64];
	int i;

	/* The first waits for its limit of a second; the others don't. */
	for (i = 0; i < 20; i++) {
		snprintf(instance, sizeof instance, "%s%d", prefix, i);
		assert_begins(policy_rcpt(f, instance, "a@example.jp"), "451 4.3.0 ");
	}
	if (slices_now() - started > 2500)
		fail_msg("%lld ms", slices_now() - started);
}

static void test_locked(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1000\" over_quota = \"defer\"");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	answers_451(f, "l");
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	wait_for_pause(f, "m");
}

static void test_full(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1000\" over_quota = \"defer\"");

	set_disk_full(true);
	answers_451(f, "l");
	set_disk_full(false);
	wait_for_pause(f, "m");
}

static void test_readonly(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1000\" over_quota = \"defer\"");

	policy_stop(f);
	policy_start(f);
	set_disk_readonly(true);
	answers_451(f, "l");
	set_disk_readonly(false);
	wait_for_pause(f, "m");
}

static void test_gone(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1000\" over_quota = \"defer\"");
	static const char *const ends[] = {"", "-wal", "-shm"};
	char from[400], to[400];
	size_t i;

	assert_action(policy_rcpt(f, "1", "a@example.jp"), "DUNNO");
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof from, "%s%s", f->database, ends[i]);
		snprintf(to, sizeof to, "%s.away%s", f->database, ends[i]);
		assert_int_equal(rename(from, to), 0);
	}
	/* Found out within a second; then no new one is made in its place. */
	for (i = 0; i < 400 && strncmp(policy_rcpt(f, "2", "a@example.jp"), "451", 3) != 0; i++)
		usleep(10000);
	answers_451(f, "l");
	assert_int_equal(access(f->database, F_OK), -1);
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof from, "%s.away%s", f->database, ends[i]);
		snprintf(to, sizeof to, "%s%s", f->database, ends[i]);
		assert_true(rename(from, to) == 0 || i > 0);
	}
	wait_for_pause(f, "m");
}

static void scribble(const struct policy_fixture *f, bool spoil) {
	static char kept[65536];
	static size_t len;
	char junk[65536];
	FILE *file = fopen(f->database, "r+");

	assert_non_null(file);
	if (spoil) {
		memset(junk, 'x', sizeof junk);
		len = fread(kept, 1, sizeof kept, file);
		rewind(file);
		fwrite(junk, 1, len, file);
	} else {
		fwrite(kept, 1, len, file);
	}
	fclose(file);
}

static void test_corrupt(void **state) {
	struct policy_fixture *f = begin(state, "", "plan = \"steps:1000\" over_quota = \"defer\"");

	policy_stop(f);
	policy_start(f);
	decider_free(&f->decider);
	scribble(f, true);
	f->decider = decider_new(&f->policy);
	answers_451(f, "l");
	scribble(f, false);
	wait_for_pause(f, "m");
}

/* on_error = "accept" lets go what could not be asked about, but nothing is held unrecorded. */
static void test_lenient(void **state) {
	struct policy_fixture *f = *state;

	policy_configure(
	        f, "",
	        "on_error = \"accept\"\nlist \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
	        "stream \"main\" { plan = \"steps:1\" over_quota = \"hold\" }\n");
	policy_start(f);
	assert_action(policy_milter(f, "m0", "news", "z@example.jp"), "DUNNO");
	assert_action(policy_milter(f, "m9", "nosuchlist", "y@example.jp"), "DUNNO");
	assert_action(policy_milter_end(f, "m9", "sent"), "DUNNO");
	assert_begins(policy_milter(f, "m1", "news", "a@example.jp"), "HOLD ");
	set_disk_full(true);
	assert_begins(policy_milter_end(f, "m1", "held"), "451 4.3.0 ");
	assert_action(policy_milter(f, "m2", "news", "b@example.jp"), "DUNNO");
	assert_action(policy_milter_end(f, "m2", "sent"), "DUNNO");
	set_disk_full(false);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_policy)
	const struct CMUnitTest tests[] = {
	        TEST(test_not_ours),       TEST(test_suppressed),   TEST(test_discard),    TEST(test_temporary_failed),
	        TEST(test_quota),          TEST(test_repeated),     TEST(test_given_back), TEST(test_midnight),
	        TEST(test_milter),         TEST(test_unknown_list), TEST(test_both_ends),  TEST(test_hold),
	        TEST(test_hold_several),   TEST(test_provider),     TEST(test_not_begun),  TEST(test_breaker),
	        TEST(test_breaker_defers), TEST(test_shadow),       TEST(test_restart),    TEST(test_forgotten),
	        TEST(test_no_address),     TEST(test_no_instance),  TEST(test_locked),     TEST(test_full),
	        TEST(test_readonly),       TEST(test_gone),         TEST(test_corrupt),    TEST(test_lenient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
