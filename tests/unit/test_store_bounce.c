/* What came back: records, their identity, counts, days of temporary failures. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_fixture.h"

#include "lib/store_bounce.h"

#define CAMPAIGN UINT64_C(0xc0ffee)
#define KEY UINT64_C(0xfeed000000000001)
#define DAY 86400
#define HOUR 3600

static void send_one(struct store *store, uint64_t key, time_t when) {
	struct store_send send = sample_send(key, when);
	struct err err = {""};

	send.address_key = key;
	if (store_add_sends(store, &send, 1, &err) != 0)
		fail_msg("store_add_sends: %s", err.text);
}

/* A hard bounce of the sample send, and the change that it leads to. */
static struct store_bounce sample_bounce(uint64_t report, struct store_change *change) {
	*change = (struct store_change){
	        .address_key = KEY,
	        .address = SPAN("a@example.jp"),
	        .status = STORE_BLOCKED,
	        .reason = SPAN("user_unknown"),
	        .detail = SPAN("550 5.1.1 no such user"),
	        .campaign = CAMPAIGN,
	        .time = NOON_NOV_22 + HOUR,
	};
	return (struct store_bounce){
	        .report = report,
	        .time = NOON_NOV_22 + HOUR,
	        .campaign = CAMPAIGN,
	        .address_key = KEY,
	        .sent = NOON_NOV_22,
	        .list = SPAN("news"),
	        .stream = SPAN("main"),
	        .domain = SPAN("example.jp"),
	        .mailbox = SPAN("b"),
	        .category = SPAN("user_unknown"),
	        .recipient = SPAN("a@example.jp"),
	        .status = SPAN("5.1.1"),
	        .reply = 550,
	        .phase = SPAN("rcpt"),
	        .diagnostic = SPAN("550 5.1.1 no such user"),
	        .remote = SPAN("mx.example.jp"),
	        .family = SPAN("rfc3464"),
	        .rule = SPAN("rules:7"),
	        .subject = SPAN("Undelivered"),
	        .failure = true,
	        .feedback = STORE_FEEDBACK_HARD,
	        .changes = change,
	        .change_count = 1,
	};
}

static struct store_bounce soft_bounce(uint64_t report, struct store_soft *soft, int64_t day, bool full) {
	*soft = (struct store_soft){.day = day, .full = full, .limit = full ? 5 : 3, .within = full ? 30 : 365};
	return (struct store_bounce){
	        .report = report,
	        .time = day * DAY,
	        .campaign = CAMPAIGN,
	        .address_key = KEY,
	        .sent = day * DAY - HOUR,
	        .list = SPAN("news"),
	        .stream = SPAN("main"),
	        .domain = SPAN("example.jp"),
	        .category = full ? SPAN("mailbox_full") : SPAN("temporary_other"),
	        .failure = true,
	        .feedback = STORE_FEEDBACK_SOFT,
	        .soft = soft,
	};
}

static void add(struct store *store, const struct store_bounce *bounces, size_t count,
                enum store_bounce_result *results) {
	struct err err = {""};
	bool alone;

	if (store_add_bounces(store, bounces, count, results, &alone, &err) != 0)
		fail_msg("store_add_bounces: %s", err.text);
}

static enum store_bounce_result add_one(struct store *store, const struct store_bounce *bounce) {
	enum store_bounce_result result;

	add(store, bounce, 1, &result);
	return result;
}

static uint64_t rollup(struct store *store, const char *kind) {
	struct err err = {""};
	uint64_t count;

	assert_int_equal(store_rollup(store, CAMPAIGN, span_of(kind), &count, &err), 0);
	return count;
}

static struct store_standing standing(struct store *store, uint64_t key) {
	struct store_standing standing;
	struct err err = {""};

	assert_int_equal(store_find_standing(store, key, SPAN_NONE, &standing, &err), 0);
	return standing;
}

static void test_sent(void **state) {
	struct store *store = fixture_open(*state), *reader = fixture_open(*state);
	struct err err = {""};
	struct store_sent sent;
	bool found;

	/* The reader's handle has looked before there was a table of that month. */
	store_sent_init(&sent);
	assert_int_equal(store_find_sent(reader, CAMPAIGN, KEY, NOON_NOV_22, NOON_NOV_22, &sent, &found, &err), 0);
	assert_false(found);
	send_one(store, KEY, NOON_NOV_22);
	assert_int_equal(store_find_sent(reader, CAMPAIGN, KEY, NOON_NOV_22, NOON_NOV_22, &sent, &found, &err), 0);
	assert_true(found);
	assert_int_equal(sent.time, NOON_NOV_22);
	assert_string_equal(sent.list.at, "news");
	assert_string_equal(sent.stream.at, "main");
	assert_string_equal(sent.address.at, "a@example.jp");
	store_sent_free(&sent);
	store_sent_init(&sent);
	/* A month later it is found from the month before on; another's is not. */
	assert_int_equal(store_find_sent(reader, CAMPAIGN, KEY, NOON_NOV_22, DEC_1 + DAY, &sent, &found, &err), 0);
	assert_true(found);
	assert_int_equal(store_find_sent(reader, CAMPAIGN, KEY, DEC_1, DEC_1 + DAY, &sent, &found, &err), 0);
	assert_false(found);
	assert_int_equal(store_find_sent(reader, CAMPAIGN, KEY + 1, NOON_NOV_22, DEC_1, &sent, &found, &err), 0);
	assert_false(found);
	assert_int_equal(store_find_sent(reader, CAMPAIGN + 1, KEY, NOON_NOV_22, DEC_1, &sent, &found, &err), 0);
	assert_false(found);
	store_sent_free(&sent);
	store_close(&reader);
	store_close(&store);
}

/* The same report twice, in one group and in two: one record, one count. */
static void test_once(void **state) {
	struct store *store = fixture_open(*state);
	enum store_bounce_result results[3];
	struct store_change change;
	struct store_bounce bounces[3];

	send_one(store, KEY, NOON_NOV_22);
	bounces[0] = bounces[1] = sample_bounce(1, &change);
	bounces[2] = sample_bounce(2, &change);
	bounces[2].fault = SPAN("expired");
	bounces[2].change_count = 0;
	add(store, bounces, 3, results);
	assert_int_equal(results[0], STORE_BOUNCE_NEW);
	assert_int_equal(results[1], STORE_BOUNCE_KNOWN);
	assert_int_equal(results[2], STORE_BOUNCE_NEW);
	assert_int_equal(add_one(store, &bounces[0]), STORE_BOUNCE_KNOWN);
	assert_int_equal(rollup(store, "bounce"), 1);
	assert_int_equal(rollup(store, "bounce.hard"), 1);
	assert_int_equal(rollup(store, "bounce.user_unknown"), 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce"), 2);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM change"), 1);
	assert_int_equal(fixture_number(*state, "SELECT sum(hard) FROM feedback"), 1);
	assert_int_equal(standing(store, KEY).status, STORE_BLOCKED);
	assert_string_equal(standing(store, KEY).reason, "user_unknown");
	assert_string_equal(standing(store, KEY).detail, "550 5.1.1 no such user");
	assert_int_equal(standing(store, KEY).since, NOON_NOV_22 + HOUR);
	/* Of a complaint, too, which is counted by itself. */
	bounces[0] = sample_bounce(3, &change);
	bounces[0].failure = false;
	bounces[0].feedback = STORE_FEEDBACK_COMPLAINT;
	bounces[0].mail = SPAN("kept");
	assert_int_equal(add_one(store, &bounces[0]), STORE_BOUNCE_NEW);
	assert_int_equal(add_one(store, &bounces[0]), STORE_BOUNCE_KNOWN);
	assert_int_equal(rollup(store, "complaint"), 1);
	assert_int_equal(fixture_number(*state, "SELECT sum(complaint) FROM feedback"), 1);
	store_close(&store);
}

/* Two reports of one send are two records, and one address that bounced. */
static void test_once_a_send(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce bounce;

	send_one(store, KEY, NOON_NOV_22);
	bounce = sample_bounce(1, &change);
	add_one(store, &bounce);
	bounce.report = 2;
	assert_int_equal(add_one(store, &bounce), STORE_BOUNCE_NEW);
	assert_int_equal(rollup(store, "bounce"), 1);
	assert_int_equal(fixture_number(*state, "SELECT sum(hard) FROM feedback"), 1);
	/* The campaign's next send is another matter. */
	bounce.report = 3;
	bounce.sent += HOUR;
	add_one(store, &bounce);
	assert_int_equal(rollup(store, "bounce"), 2);
	store_close(&store);
}

/* A fault changes nothing, whatever else is said. */
static void test_fault(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce bounce;
	struct store_soft soft;
	int i;

	send_one(store, KEY, NOON_NOV_22);
	bounce = sample_bounce(1, &change);
	bounce.fault = SPAN("bad_token");
	add_one(store, &bounce);
	for (i = 0; i < 10; i++) {
		bounce = soft_bounce(100 + (uint64_t)i, &soft, NOON_NOV_22 / DAY + i, false);
		bounce.fault = SPAN("bad_token");
		assert_int_equal(add_one(store, &bounce), STORE_BOUNCE_NEW);
	}
	assert_int_equal(rollup(store, "bounce"), 0);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM standing"), 0);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM feedback"), 0);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM soft"), 0);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce"), 11);
	store_close(&store);
}

struct soft_row {
	const char *name;
	bool full;
	int days[8]; /* of the failures, from a first day on; -1 ends */
	int marked;  /* index of the failure that marks, or -1 */
};

/* N9: three different days, a full mailbox five in thirty. */
static const struct soft_row soft_rows[] = {
        {"two days are not enough", false, {0, 1, -1}, -1},
        {"three different days", false, {0, 1, 2, -1}, 2},
        {"many on one day are one", false, {0, 0, 0, 0, 0, -1}, -1},
        {"three days with gaps", false, {0, 40, 80, -1}, 2},
        {"the mark is set once", false, {0, 1, 2, 3, 4, -1}, 2},
        {"not after more than a year", false, {0, 1, 400, -1}, -1},
        {"a full mailbox: four days are not enough", true, {0, 1, 2, 3, -1}, -1},
        {"a full mailbox: five in thirty days", true, {0, 7, 14, 21, 29, -1}, 4},
        {"a full mailbox: five in more", true, {0, 8, 16, 24, 31, -1}, -1},
        {"a full mailbox: the window moves on", true, {0, 8, 16, 24, 31, 37, -1}, 5},
};

static void test_soft_days(void **state) {
	size_t row;
	int i;

	for (row = 0; row < sizeof soft_rows / sizeof *soft_rows; row++) {
		struct store *store = fixture_open(*state);
		int marked = -1;

		fixture_sql(*state, "DELETE FROM soft; DELETE FROM standing; DELETE FROM bounce");
		for (i = 0; soft_rows[row].days[i] >= 0; i++) {
			struct store_soft soft;
			struct store_bounce bounce;

			send_one(store, KEY, NOON_NOV_22);
			bounce = soft_bounce(1000 + row * 100 + (uint64_t)i, &soft,
			                     NOON_NOV_22 / DAY + soft_rows[row].days[i], soft_rows[row].full);
			bounce.sent += i; /* each another send */
			if (add_one(store, &bounce) == STORE_BOUNCE_MARKED) {
				if (marked >= 0)
					fail_msg("%s: marked twice", soft_rows[row].name);
				marked = i;
			}
			assert_int_equal(standing(store, KEY).temporary_failed != 0, marked >= 0);
			/* Still mailed. */
			assert_int_equal(standing(store, KEY).status, STORE_ACTIVE);
		}
		if (marked != soft_rows[row].marked)
			fail_msg("%s: got %d, want %d", soft_rows[row].name, marked, soft_rows[row].marked);
		store_close(&store);
	}
}

/* One send that fails on several days (its reports are told apart) is one failure. */
static void test_soft_once_a_send(void **state) {
	struct store *store = fixture_open(*state);
	struct store_soft soft;
	int i;

	send_one(store, KEY, NOON_NOV_22);
	for (i = 0; i < 10; i++) {
		struct store_bounce bounce = soft_bounce((uint64_t)i + 1, &soft, NOON_NOV_22 / DAY + i, false);

		bounce.sent = NOON_NOV_22;
		assert_int_equal(add_one(store, &bounce), STORE_BOUNCE_NEW);
	}
	assert_int_equal(standing(store, KEY).temporary_failed, 0);
	store_close(&store);
}

/* All or none: on a full disk nothing of a group is there. */
static void test_full_disk(void **state) {
	struct store *store = fixture_open(*state);
	enum store_bounce_result results[2];
	struct store_change change;
	struct store_bounce bounces[2];
	struct err err = {""};
	bool alone;

	send_one(store, KEY, NOON_NOV_22);
	bounces[0] = sample_bounce(1, &change);
	bounces[1] = sample_bounce(2, &change);
	set_disk_full(true);
	assert_int_equal(store_add_bounces(store, bounces, 2, results, &alone, &err), -1);
	assert_false(alone);
	set_disk_full(false);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce"), 0);
	assert_int_equal(standing(store, KEY).status, STORE_ACTIVE);
	add(store, bounces, 2, results);
	assert_int_equal(results[0], STORE_BOUNCE_NEW);
	assert_int_equal(standing(store, KEY).status, STORE_BLOCKED);
	/* One that can't be is told from a disk that can't. */
	bounces[0].report = 3;
	bounces[1].report = 4;
	bounces[1].time = -1;
	assert_int_equal(store_add_bounces(store, bounces, 2, results, &alone, &err), -1);
	assert_true(alone);
	store_close(&store);
}

static int keep_feedback(void *context, const struct store_feedback *feedback) {
	struct buf *out = context;

	buf_printf(out, "%.*s %.*s %d %d %d %d;", SPAN_ARG(feedback->stream), SPAN_ARG(feedback->domain),
	           (int)feedback->hard, (int)feedback->soft, (int)feedback->refused, (int)feedback->complaint);
	return 0;
}

static void want_feedback(struct store *store, struct span stream, time_t from, time_t to, const char *want) {
	struct err err = {""};
	struct buf out;

	buf_init(&out, 10000);
	buf_add_text(&out, "");
	assert_int_equal(store_each_feedback(store, stream, from, to, keep_feedback, &out, &err), 0);
	assert_string_equal(out.at, want);
	buf_free(&out);
}

static void test_feedback(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce b;
	static const struct {
		const char *stream, *domain;
		enum store_feedback_kind kind;
		int hour;
	} rows[] = {
	        {"main", "example.jp", STORE_FEEDBACK_HARD, 0},
	        {"main", "example.jp", STORE_FEEDBACK_HARD, 1},
	        {"main", "example.jp", STORE_FEEDBACK_SOFT, 1},
	        {"main", "example.net", STORE_FEEDBACK_REFUSED, 1},
	        {"main", "example.net", STORE_FEEDBACK_COMPLAINT, 2},
	        {"other", "example.jp", STORE_FEEDBACK_HARD, 1},
	        {"main", "example.org", STORE_FEEDBACK_NONE, 1},
	};
	time_t hour = NOON_NOV_22;
	size_t i;

	send_one(store, KEY, NOON_NOV_22);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		b = sample_bounce(i + 1, &change);
		b.stream = span_of(rows[i].stream);
		b.domain = span_of(rows[i].domain);
		b.feedback = rows[i].kind;
		b.time = hour + rows[i].hour * HOUR + 59;
		b.sent += (time_t)i;
		b.failure = rows[i].kind != STORE_FEEDBACK_COMPLAINT;
		add_one(store, &b);
	}
	want_feedback(store, SPAN("main"), hour, hour + 3 * HOUR, "main example.jp 2 1 0 0;main example.net 0 0 1 1;");
	want_feedback(store, SPAN("main"), hour + HOUR, hour + 2 * HOUR,
	              "main example.jp 1 1 0 0;main example.net 0 0 1 0;");
	want_feedback(store, SPAN_NONE, hour + HOUR, hour + 2 * HOUR,
	              "main example.jp 1 1 0 0;main example.net 0 0 1 0;other example.jp 1 0 0 0;");
	want_feedback(store, SPAN("main"), hour + 3 * HOUR, hour + 9 * HOUR, "");
	assert_int_equal(rollup(store, "complaint"), 1);
	store_close(&store);
}

static int keep_error(void *context, struct span category, uint64_t count) {
	buf_printf(context, "%.*s %d;", SPAN_ARG(category), (int)count);
	return 0;
}

static void want_errors(struct store *store, const char *want) {
	struct err err = {""};
	struct buf out;

	buf_init(&out, 10000);
	buf_add_text(&out, "");
	assert_int_equal(store_each_error(store, CAMPAIGN, keep_error, &out, &err), 0);
	assert_string_equal(out.at, want);
	buf_free(&out);
}

/* Counts move along with what a report is judged to be. */
static void test_rejudge(void **state) {
	struct store *store = fixture_open(*state);
	struct store_bounce bounce, judged;
	struct store_change change, lift;
	struct err err = {""};

	send_one(store, KEY, NOON_NOV_22);
	bounce = sample_bounce(1, &change);
	add_one(store, &bounce);
	want_errors(store, "user_unknown 1;");
	judged = (struct store_bounce){.category = SPAN("refused"),
	                               .rule = SPAN("rules:9"),
	                               .failure = true,
	                               .feedback = STORE_FEEDBACK_REFUSED};
	lift = change;
	lift.status = STORE_ACTIVE;
	judged.changes = &lift;
	judged.change_count = 1;
	assert_int_equal(store_rejudge_bounce(store, 1, &judged, &err), 0);
	want_errors(store, "refused 1;");
	assert_int_equal(rollup(store, "bounce"), 1);
	assert_int_equal(rollup(store, "bounce.hard"), 0);
	want_feedback(store, SPAN("main"), 0, DEC_1, "main example.jp 0 0 1 0;");
	assert_int_equal(standing(store, KEY).status, STORE_ACTIVE);
	/* Back again. */
	assert_int_equal(store_rejudge_bounce(store, 1, &bounce, &err), 0);
	want_errors(store, "user_unknown 1;");
	assert_int_equal(rollup(store, "bounce.hard"), 1);
	assert_int_equal(standing(store, KEY).status, STORE_BLOCKED);
	assert_int_equal(store_rejudge_bounce(store, 2, &bounce, &err), -1);
	/* Another report of the same send never counted, and does not now. */
	bounce.report = 2;
	add_one(store, &bounce);
	assert_int_equal(store_rejudge_bounce(store, 2, &judged, &err), 0);
	want_errors(store, "user_unknown 1;");
	want_feedback(store, SPAN("main"), 0, DEC_1, "main example.jp 1 0 0 0;");
	judged = (struct store_bounce){.category = SPAN("auto_reply")};
	assert_int_equal(store_rejudge_bounce(store, 2, &judged, &err), 0);
	assert_int_equal(store_rejudge_bounce(store, 2, &bounce, &err), 0);
	want_errors(store, "user_unknown 1;");
	want_feedback(store, SPAN("main"), 0, DEC_1, "main example.jp 1 0 0 0;");
	store_close(&store);
}

static int keep_row(void *context, const struct store_bounce_row *row) {
	buf_printf(context, "%d %.*s %.*s %zu;", (int)row->id, SPAN_ARG(row->bounce.category), SPAN_ARG(row->address),
	           row->mail_size);
	return 0;
}

static void want_rows(struct store *store, const struct store_bounce_which *which, const char *want) {
	struct err err = {""};
	struct buf out;

	buf_init(&out, 10000);
	buf_add_text(&out, "");
	assert_int_equal(store_each_bounce(store, which, keep_row, &out, &err), 0);
	assert_string_equal(out.at, want);
	buf_free(&out);
}

static void test_rows(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce bounce;
	struct err err = {""};
	struct buf mail;

	send_one(store, KEY, NOON_NOV_22);
	bounce = sample_bounce(1, &change);
	add_one(store, &bounce);
	bounce = (struct store_bounce){.report = 2,
	                               .time = NOON_NOV_22,
	                               .category = SPAN("not_a_bounce"),
	                               .fault = SPAN("no_token"),
	                               .mail = {"a\0b", 3}};
	add_one(store, &bounce);
	want_rows(store, &(struct store_bounce_which){.limit = 10}, "2 not_a_bounce  3;1 user_unknown a@example.jp 0;");
	want_rows(store, &(struct store_bounce_which){.limit = 1}, "2 not_a_bounce  3;");
	want_rows(store, &(struct store_bounce_which){.limit = 10, .kept = true}, "2 not_a_bounce  3;");
	want_rows(store, &(struct store_bounce_which){.limit = 10, .id = 1}, "1 user_unknown a@example.jp 0;");
	want_rows(store, &(struct store_bounce_which){.limit = 10, .address_key = KEY},
	          "1 user_unknown a@example.jp 0;");
	want_rows(store, &(struct store_bounce_which){.limit = 10, .campaign = CAMPAIGN},
	          "1 user_unknown a@example.jp 0;");
	want_rows(store, &(struct store_bounce_which){.limit = 10, .address_key = KEY + 1}, "");
	buf_init(&mail, 100);
	assert_int_equal(store_bounce_mail(store, 2, &mail, &err), 0);
	assert_true(span_equal(buf_span(&mail), span_make("a\0b", 3)));
	buf_reset(&mail);
	assert_int_equal(store_bounce_mail(store, 1, &mail, &err), 0);
	assert_int_equal(mail.len, 0);
	buf_free(&mail);
	store_close(&store);
}

static void trim(struct store *store, long long mail_octets, long long faulty, time_t since) {
	struct store_keep keep = {.mail_octets = mail_octets, .faulty = faulty, .since = since};
	struct err err = {""};

	if (store_trim_bounces(store, &keep, &err) != 0)
		fail_msg("store_trim_bounces: %s", err.text);
}

/* The oldest go first, and what counts stays. */
static void test_trim(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce bounce;
	int i;

	send_one(store, KEY, NOON_NOV_22);
	for (i = 1; i <= 10; i++) {
		bounce = sample_bounce((uint64_t)i, &change);
		bounce.fault = i % 2 == 0 ? SPAN("bad_token") : SPAN_NONE;
		bounce.time = NOON_NOV_22 + i;
		bounce.mail = SPAN("0123456789");
		add_one(store, &bounce);
	}
	trim(store, 1000, 1000, 0);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce_mail"), 10);
	trim(store, 35, 1000, 0);
	assert_int_equal(fixture_number(*state, "SELECT group_concat(id, '') = '8910' FROM bounce_mail"), 1);
	trim(store, 1000, 2, 0);
	assert_int_equal(fixture_number(*state, "SELECT group_concat(id, '') = '1357' || '8910' FROM"
	                                        " (SELECT id FROM bounce ORDER BY id)"),
	                 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce_mail"), 3);
	trim(store, 1000, 2, NOON_NOV_22 + 8);
	assert_int_equal(fixture_number(*state, "SELECT min(id) FROM bounce"), 8);
	trim(store, 0, 0, NOON_NOV_22 + 8);
	assert_int_equal(fixture_number(*state, "SELECT group_concat(id, '') = '9' FROM bounce"), 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce_mail"), 0);
	store_close(&store);
}

static void add_unproven(struct store *store, uint64_t report, struct span recipient, struct span diagnostic,
                         struct span mail) {
	struct store_bounce bounce = {.report = report,
	                              .time = NOON_NOV_22,
	                              .mailbox = SPAN("fbl"),
	                              .fault = SPAN("no_token"),
	                              .category = SPAN("undetermined"),
	                              .recipient = recipient,
	                              .diagnostic = diagnostic,
	                              .mail = mail};

	add_one(store, &bounce);
}

/* U6: nothing of what came back is left of an erased address but its status. */
static void test_erase(void **state) {
	struct store *store = fixture_open(*state);
	struct store_change change;
	struct store_bounce bounce;
	struct store_soft soft;
	struct err err = {""};
	bool found;

	send_one(store, KEY, NOON_NOV_22);
	bounce = sample_bounce(1, &change);
	bounce.mail = SPAN("To: a@example.jp");
	add_one(store, &bounce);
	bounce = soft_bounce(2, &soft, NOON_NOV_22 / DAY, false);
	add_one(store, &bounce);
	/* What proves nothing names it in one place or another. */
	add_unproven(store, 3, SPAN("A@example.jp"), SPAN_NONE, SPAN_NONE);
	add_unproven(store, 4, SPAN_NONE, SPAN("550 5.1.1 <a@example.jp>: unknown"), SPAN_NONE);
	add_unproven(store, 5, SPAN_NONE, SPAN_NONE, SPAN("To: A@Example.jp\r\n"));
	add_unproven(store, 6, SPAN("b@example.jp"), SPAN_NONE, SPAN("To: b@example.jp\r\n"));
	assert_int_equal(store_erase_address(store, KEY, NOON_NOV_22 + DAY, &found, &err), 0);
	assert_true(found);
	assert_int_equal(fixture_number(*state, "SELECT group_concat(report) = '6' FROM bounce"), 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM bounce_mail"), 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM soft"), 0);
	assert_int_equal(standing(store, KEY).status, STORE_BLOCKED);
	store_close(&store);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_sent, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_once, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_once_a_send, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_fault, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_soft_days, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_soft_once_a_send, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_full_disk, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_feedback, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_rejudge, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_rows, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_trim, fixture_make, tear_down),
	        cmocka_unit_test_setup_teardown(test_erase, fixture_make, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
