/* What a mail to the bounce domain leads to: whose it is, and what follows. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "bounced/intake.h"
#include "lib/addr.h"
#include "lib/token.h"
#include "report/report.h"

#define DAY 86400
#define HOUR 3600
#define NOW NOON_NOV_22
#define ADDRESS "hanako@example.jp"
#define TEXT_MAX (1 << 20)

struct place {
	struct fixture *fixture;
	struct world *world;
	struct store *store;
	struct recent *recent;
	uint64_t key;
	uint64_t campaign;
	char mails[320]; /* what the sendmail of the test was given */
};

static const char conf_text[] =
        "hostname = \"mail.example.com\"\n"
        "timezone = \"Asia/Tokyo\"\n"
        "token_keys = \"%s/ring\"\n"
        "store { path = \"%s/todoku.db\" }\n"
        "bounced { domain = \"bounce.example.com\" rules = \"%s/conf/bounce-rules\" }\n"
        "webd { base_url = \"https://t.example.com\" pages = \"%s/conf/pages\" sendmail = { \"%s/sendmail\" }\n"
        "  mails_per_address = 2 }\n"
        "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
        "list \"offers\" { sender = { \"offers@example.com\" } stream = \"second\" }\n"
        "list \"same-stream\" { sender = { \"s@other.example\" } stream = \"main\" }\n"
        "list \"foreign\" { sender = { \"f@foreign.example\" } stream = \"second\" }\n"
        "stream \"main\" { plan = \"none\" }\n"
        "stream \"second\" { plan = \"none\" }\n";

static void write_file(const char *path, const char *text, mode_t mode) {
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int make(void **state) {
	struct place *place = calloc(1, sizeof *place);
	const char *source = getenv("TODOKU_SRC");
	char path[400], text[4000];
	struct buf errors;
	struct err err;
	void *fixture = NULL;

	assert_non_null(source);
	assert_int_equal(fixture_make(&fixture), 0);
	place->fixture = fixture;
	snprintf(path, sizeof path, "%s/ring", place->fixture->dir);
	assert_int_equal(keyring_create(path, NOW - 40 * DAY, &err), 0);
	snprintf(place->mails, sizeof place->mails, "%s/mails", place->fixture->dir);
	snprintf(path, sizeof path, "%s/sendmail", place->fixture->dir);
	snprintf(text, sizeof text, "#!/bin/sh\n[ ! -e %s.fail ] || exit 75\ncat >>%s\n", place->mails, place->mails);
	write_file(path, text, 0755);
	snprintf(path, sizeof path, "%s/conf", place->fixture->dir);
	snprintf(text, sizeof text, conf_text, place->fixture->dir, place->fixture->dir, source, source,
	         place->fixture->dir);
	write_file(path, text, 0644);
	buf_init(&errors, 65536);
	place->world = world_load(path, &errors);
	if (place->world == NULL)
		fail_msg("world_load: %s", errors.at);
	buf_free(&errors);
	place->store = fixture_open(place->fixture);
	place->recent = recent_new();
	place->campaign = UINT64_C(0xc0ffee);
	place->key = token_address_key(place->world->ring, SPAN(ADDRESS));
	*state = place;
	return 0;
}

static int clean(void **state) {
	struct place *place = *state;
	void *fixture = place->fixture;

	store_close(&place->store);
	recent_free(&place->recent);
	world_free(&place->world);
	tear_down(&fixture);
	free(place);
	return 0;
}

static void record_send(struct place *place, const char *address, uint64_t message, time_t when) {
	struct store_send send = sample_send(message, when);
	struct err err = {""};

	send.address = span_of(address);
	send.address_key = token_address_key(place->world->ring, send.address);
	if (store_add_sends(place->store, &send, 1, &err) != 0)
		fail_msg("store_add_sends: %s", err.text);
}

/* A return path of ours, for what was sent at `when`. */
static const char *return_path(struct place *place, time_t when, bool shared) {
	static char out[400];
	struct token token = {
	        .purpose = TOKEN_BOUNCE,
	        .shared = shared,
	        .time = (uint32_t)when,
	        .campaign = place->campaign,
	        .address_key = shared ? 0 : place->key,
	};
	struct buf text;

	buf_init(&text, 300);
	assert_int_equal(token_encode_base32(place->world->ring, &token, &text), 0);
	snprintf(out, sizeof out, "b+%s@bounce.example.com", text.at);
	buf_free(&text);
	return out;
}

static const char *unsubscribe_address(struct place *place, const char *list) {
	static char out[400];
	struct token token = {
	        .purpose = TOKEN_UNSUBSCRIBE,
	        .list = token_list_id(place->world->ring, span_of(list)),
	        .campaign = place->campaign,
	        .address_key = place->key,
	};
	struct buf text;

	buf_init(&text, 300);
	assert_int_equal(token_encode(place->world->ring, &token, &text), 0);
	snprintf(out, sizeof out, "unsubscribe+%s@bounce.example.com", text.at);
	buf_free(&text);
	return out;
}

/* A report by the book. */
static const char *report(const char *recipient, const char *action, const char *status, const char *diagnostic,
                          int number) {
	static char out[8000];

	snprintf(out, sizeof out,
	         "Received: by mail.example.com (Postfix) id 1; Sun, 22 Nov 2026 21:00:00 +0900\r\n"
	         "From: MAILER-DAEMON@mx.example.jp\r\nTo: b\r\nSubject: Undelivered Mail Returned to Sender\r\n"
	         "Message-Id: <%d@mx.example.jp>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	         "Content-Type: multipart/report; report-type=delivery-status; boundary=\"x\"\r\n\r\n"
	         "--x\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
	         "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.jp\r\n\r\n"
	         "Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\n"
	         "Diagnostic-Code: smtp; %s\r\n\r\n--x--\r\n",
	         number, recipient, action, status, diagnostic);
	return out;
}

struct outcome {
	enum store_bounce_result result;
	char category[64];
	char fault[32];
	bool kept;
	size_t changes;
};

static struct outcome take(struct place *place, const char *sender, const char *recipient, const char *text,
                           time_t now) {
	struct lmtp_message message = {0};
	struct intake_tools tools = {place->world, place->store, place->recent};
	const struct store_bounce *bounces;
	struct outcome outcome = {0};
	struct intake *intake;
	struct err err = {""};
	size_t count;
	bool alone;

	buf_init(&message.sender, 2000);
	buf_init(&message.data, TEXT_MAX);
	buf_add_text(&message.sender, sender);
	buf_add_text(&message.data, text);
	assert_int_equal(strings_add(&message.recipients, span_of(recipient)), 0);
	intake = intake_read(&tools, &message, now, &err);
	if (intake == NULL)
		fail_msg("intake_read: %s", err.text);
	bounces = intake_bounces(intake, &count);
	assert_int_equal(count, 1);
	if (store_add_bounces(place->store, bounces, count, &outcome.result, &alone, &err) != 0)
		fail_msg("store_add_bounces: %s", err.text);
	snprintf(outcome.category, sizeof outcome.category, "%.*s", SPAN_ARG(bounces->category));
	snprintf(outcome.fault, sizeof outcome.fault, "%.*s", SPAN_ARG(bounces->fault));
	outcome.kept = bounces->mail.len > 0;
	outcome.changes = bounces->change_count;
	intake_free(&intake);
	buf_free(&message.sender);
	buf_free(&message.data);
	strings_free(&message.recipients);
	return outcome;
}

static struct store_standing standing(struct place *place, const char *list, uint64_t key) {
	struct store_standing standing;
	struct err err = {""};

	assert_int_equal(store_find_standing(place->store, key, span_of(list), &standing, &err), 0);
	return standing;
}

static void want_nothing_changed(struct place *place) {
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM standing"), 0);
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM soft"), 0);
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM rollup WHERE kind <> 'sent'"), 0);
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM feedback"), 0);
}

/* N2: the token's recipient is charged, whatever the report names: it may have been
 * forwarded. */
static void test_charged(void **state) {
	struct place *place = *state;
	static const char *const named[] = {ADDRESS, "forwarded@example.net", "HANAKO@EXAMPLE.JP", "nonsense"};
	struct outcome outcome;
	size_t i;

	for (i = 0; i < sizeof named / sizeof *named; i++) {
		fixture_sql(place->fixture, "DELETE FROM standing; DELETE FROM change");
		record_send(place, ADDRESS, i, NOW);
		record_send(place, "forwarded@example.net", i, NOW);
		outcome = take(place, "", return_path(place, NOW, false),
		               report(named[i], "failed", "5.1.1", "550 5.1.1 User unknown", (int)i), NOW + HOUR);
		assert_string_equal(outcome.fault, "");
		assert_string_equal(outcome.category, "user_unknown");
		assert_int_equal(standing(place, "", place->key).status, STORE_BLOCKED);
		assert_string_equal(standing(place, "", place->key).reason, "user_unknown");
		assert_int_equal(
		        standing(place, "", token_address_key(place->world->ring, SPAN("forwarded@example.net")))
		                .status,
		        STORE_ACTIVE);
	}
}

/* A token of ours that is valid, but no return path. */
static void other_purpose(struct place *place, char *out, size_t size) {
	struct token token = {
	        .purpose = TOKEN_OPEN, .time = NOW, .campaign = place->campaign, .address_key = place->key};
	struct buf text;

	buf_init(&text, 300);
	assert_int_equal(token_encode_base32(place->world->ring, &token, &text), 0);
	snprintf(out, size, "b+%s@bounce.example.com", text.at);
	buf_free(&text);
}

/* N2: what is not proven changes nothing, is on record, and kept. */
static void test_unproven(void **state) {
	struct place *place = *state;
	char bad[400], cut[400], purpose[500];
	const char *good;
	struct {
		const char *name, *recipient, *fault;
		time_t now;
	} rows[9];
	size_t count = 0, i;

	record_send(place, ADDRESS, 1, NOW);
	good = strdup(return_path(place, NOW, false));
	snprintf(bad, sizeof bad, "%s", good);
	bad[20] = bad[20] == 'a' ? 'b' : 'a';
	snprintf(cut, sizeof cut, "b+%.30s@bounce.example.com", good + 2);
	other_purpose(place, purpose, sizeof purpose);
	rows[count++] = (typeof(*rows)){"none", "b@bounce.example.com", "no_token", NOW};
	rows[count++] = (typeof(*rows)){"an office", "postmaster@bounce.example.com", "no_token", NOW};
	rows[count++] = (typeof(*rows)){"another address", "whoever@bounce.example.com", "no_token", NOW};
	rows[count++] = (typeof(*rows)){"damaged", bad, "bad_token", NOW};
	rows[count++] = (typeof(*rows)){"cut", cut, "bad_token", NOW};
	rows[count++] = (typeof(*rows)){"of another purpose", purpose, "bad_token", NOW};
	rows[count++] = (typeof(*rows)){"expired", good, "expired", NOW + 30 * DAY + 1};
	rows[count++] = (typeof(*rows)){"from the future", good, "expired", NOW - DAY - 1};
	for (i = 0; i < count; i++) {
		const char *text = report(ADDRESS, "failed", "5.1.1", "550 5.1.1 User unknown", (int)i);
		struct outcome outcome = take(place, "", rows[i].recipient, text, rows[i].now);

		if (strcmp(outcome.fault, rows[i].fault) != 0)
			fail_msg("%s: fault: got \"%s\", want \"%s\"", rows[i].name, outcome.fault, rows[i].fault);
		assert_true(outcome.kept);
		assert_int_equal(outcome.result, STORE_BOUNCE_NEW);
		want_nothing_changed(place);
	}
	/* The last day still counts. */
	assert_string_equal(
	        take(place, "", good, report(ADDRESS, "failed", "5.1.1", "550 5.1.1 User unknown", 99), NOW + 30 * DAY)
	                .fault,
	        "");
	assert_int_equal(standing(place, "", place->key).status, STORE_BLOCKED);
	free((char *)(uintptr_t)good);
}

/* N2: for mail that was never sent; and a token of several recipients proves no one. */
static void test_never_sent(void **state) {
	struct place *place = *state;
	const char *text = report(ADDRESS, "failed", "5.1.1", "550 5.1.1 User unknown", 1);

	record_send(place, "taro@example.jp", 1, NOW);
	assert_string_equal(take(place, "", return_path(place, NOW, false), text, NOW).fault, "not_sent");
	assert_string_equal(take(place, "", return_path(place, NOW, true), text, NOW).fault, "shared");
	place->campaign++;
	record_send(place, ADDRESS, 2, NOW);
	assert_string_equal(take(place, "", return_path(place, NOW, false), text, NOW).fault, "not_sent");
	want_nothing_changed(place);
	/* One key ring can't speak for another. */
	place->campaign--;
	{
		struct keyring *ours = place->world->ring, *theirs;
		struct err err;
		char path[400];

		snprintf(path, sizeof path, "%s/theirs", place->fixture->dir);
		assert_int_equal(keyring_create(path, NOW, &err), 0);
		theirs = keyring_load(path, &err);
		place->world->ring = theirs;
		text = strdup(return_path(place, NOW, false));
		place->world->ring = ours;
		assert_string_equal(take(place, "", text, report(ADDRESS, "failed", "5.1.1", "no", 2), NOW).fault,
		                    "bad_token");
		free((char *)(uintptr_t)text);
		keyring_free(&theirs);
	}
	want_nothing_changed(place);
}

/* The same report once more, with another trace on top and the address in capitals. */
static void test_identity(void **state) {
	struct place *place = *state;
	char twice[9000], shouted[400];
	const char *path, *text;
	size_t i;

	record_send(place, ADDRESS, 1, NOW);
	path = return_path(place, NOW, false);
	snprintf(shouted, sizeof shouted, "%s", path);
	for (i = 0; shouted[i] != '\0'; i++)
		if (shouted[i] >= 'a' && shouted[i] <= 'z')
			shouted[i] -= 32;
	text = report(ADDRESS, "failed", "4.2.2", "452 4.2.2 over quota", 1);
	snprintf(twice, sizeof twice, "Received: from elsewhere\r\n\tby another\r\n%s", text);
	assert_int_equal(take(place, "", path, text, NOW).result, STORE_BOUNCE_NEW);
	assert_int_equal(take(place, "", path, text, NOW + 5 * DAY).result, STORE_BOUNCE_KNOWN);
	assert_int_equal(take(place, "", path, twice, NOW).result, STORE_BOUNCE_KNOWN);
	assert_int_equal(take(place, "", shouted, text, NOW).result, STORE_BOUNCE_KNOWN);
	text = report(ADDRESS, "failed", "4.2.2", "452 4.2.2 over quota", 2);
	assert_int_equal(take(place, "", path, text, NOW).result, STORE_BOUNCE_NEW);
	assert_int_equal(fixture_number(place->fixture, "SELECT count FROM rollup WHERE kind = 'bounce'"), 1);
}

/* N1, N3, N5, N7: what does not stop an address. */
static void test_harmless(void **state) {
	struct place *place = *state;
	static const struct {
		const char *action, *status, *diagnostic, *category;
	} rows[] = {
	        {"delayed", "4.4.1", "connection timed out", "delayed"},
	        {"delivered", "2.0.0", "250 2.0.0 ok", "delivered"},
	        {"failed", "4.2.2", "452 4.2.2 mailbox full", "mailbox_full"},
	        {"failed", "5.7.1", "554 5.7.1 rejected due to poor reputation", "refused"},
	        {"failed", "4.4.1", "connection timed out", "connection_failed"},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome outcome;

		record_send(place, ADDRESS, i, NOW);
		outcome = take(place, "", return_path(place, NOW + (time_t)i, false),
		               report(ADDRESS, rows[i].action, rows[i].status, rows[i].diagnostic, (int)i), NOW + HOUR);
		assert_string_equal(outcome.fault, "");
		assert_string_equal(outcome.category, rows[i].category);
		assert_int_equal(outcome.changes, 0);
		assert_int_equal(standing(place, "news", place->key).status, STORE_ACTIVE);
	}
}

/* N9, by the days of the configured zone: 15:00 UTC is midnight in Tokyo. */
static void test_days(void **state) {
	struct place *place = *state;
	time_t midnight = NOW + 3 * HOUR;
	time_t times[] = {midnight - 60, midnight + 60, midnight + 120, midnight + DAY + 60};
	size_t i;

	for (i = 0; i < sizeof times / sizeof *times; i++) {
		struct outcome outcome;

		record_send(place, ADDRESS, i, NOW + (time_t)i);
		outcome = take(place, "", return_path(place, NOW + (time_t)i, false),
		               report(ADDRESS, "failed", "4.4.1", "connection timed out", (int)i), times[i]);
		assert_string_equal(outcome.category, "connection_failed");
		/* The third day's. */
		assert_int_equal(outcome.result, i == 3 ? STORE_BOUNCE_MARKED : STORE_BOUNCE_NEW);
	}
	assert_int_equal(standing(place, "news", place->key).temporary_failed, times[3]);
	assert_int_equal(standing(place, "news", place->key).status, STORE_ACTIVE);
}

static const char *complaint(const char *type, const char *sender, const char *extra) {
	static char out[8000];

	snprintf(out, sizeof out,
	         "From: fbl@provider.example\r\nTo: fbl@bounce.example.com\r\nSubject: complaint\r\n"
	         "Message-Id: <%s-%zu@provider.example>\r\nMIME-Version: 1.0\r\n"
	         "Content-Type: multipart/report; report-type=feedback-report; boundary=\"x\"\r\n\r\n"
	         "--x\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
	         "--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: %s\r\nUser-Agent: x/1\r\n"
	         "Version: 1\r\n\r\n"
	         "--x\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <%s>\r\n%sFrom: news@example.com\r\n"
	         "Subject: News\r\n\r\nbody\r\n--x--\r\n",
	         type, strlen(sender) + strlen(extra), type, sender, extra);
	return out;
}

/* N3: abuse stops the sender's lists, and those alone; others stop nothing. */
static void test_complaints(void **state) {
	struct place *place = *state;
	char unsubscribe[600];
	struct outcome outcome;

	record_send(place, ADDRESS, 1, NOW);
	outcome = take(place, "fbl@provider.example", "fbl@bounce.example.com", complaint("abuse", "x@example.com", ""),
	               NOW);
	assert_string_equal(outcome.fault, "no_token");
	assert_string_equal(outcome.category, "complaint");
	outcome = take(place, "", return_path(place, NOW, false), complaint("not-spam", "x@example.com", ""), NOW);
	assert_string_equal(outcome.fault, "");
	outcome = take(place, "", return_path(place, NOW, false), complaint("auth-failure", "x@example.com", ""), NOW);
	assert_int_equal(outcome.changes, 0);
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM standing"), 0);

	outcome = take(place, "fbl@provider.example", "fbl@bounce.example.com",
	               complaint("abuse", return_path(place, NOW, false), ""), NOW + HOUR);
	assert_string_equal(outcome.fault, "");
	assert_int_equal(standing(place, "news", place->key).status, STORE_BLOCKED);
	assert_string_equal(standing(place, "news", place->key).reason, "complaint");
	assert_int_equal(standing(place, "offers", place->key).status, STORE_BLOCKED);
	assert_int_equal(standing(place, "same-stream", place->key).status, STORE_BLOCKED);
	assert_int_equal(standing(place, "foreign", place->key).status, STORE_ACTIVE);
	assert_int_equal(standing(place, "", place->key).status, STORE_ACTIVE);
	assert_int_equal(fixture_number(place->fixture, "SELECT count FROM rollup WHERE kind = 'complaint'"), 1);

	/* By the unsubscribe link, where the provider left nothing else. */
	fixture_sql(place->fixture, "DELETE FROM standing");
	snprintf(unsubscribe, sizeof unsubscribe,
	         "List-Unsubscribe: <https://x.example/>,\r\n <mailto:%s?subject=u>\r\n",
	         unsubscribe_address(place, "news"));
	outcome = take(place, "fbl@provider.example", "abuse@bounce.example.com", complaint("abuse", "", unsubscribe),
	               NOW + 2 * HOUR);
	assert_string_equal(outcome.fault, "");
	assert_int_equal(standing(place, "news", place->key).status, STORE_BLOCKED);
	/* The link is good when the return path is too old. */
	fixture_sql(place->fixture, "DELETE FROM standing");
	outcome = take(place, "fbl@provider.example", "fbl@bounce.example.com",
	               complaint("abuse", return_path(place, NOW, false), ""), NOW + 70 * DAY);
	assert_string_equal(outcome.fault, "expired");
	outcome = take(place, "fbl@provider.example", "fbl@bounce.example.com",
	               complaint("abuse", return_path(place, NOW, false), unsubscribe), NOW + 70 * DAY);
	assert_string_equal(outcome.fault, "");
	assert_int_equal(standing(place, "news", place->key).status, STORE_BLOCKED);
	/* One reader, however often, is one complaint: nobody stops a stream alone. */
	assert_int_equal(fixture_number(place->fixture, "SELECT count FROM rollup WHERE kind = 'complaint'"), 1);
	assert_int_equal(fixture_number(place->fixture, "SELECT sum(complaint) FROM feedback"), 1);
}

static const char *mail(const char *from, const char *extra, int number) {
	static char out[2000];

	snprintf(out, sizeof out, "From: %s\r\nTo: x\r\nMessage-Id: <%d@reader.example>\r\n%s\r\n", from, number,
	         extra);
	return out;
}

/* U2 by mail; N3: no answer of a machine is a wish. */
static void test_unsubscribe(void **state) {
	struct place *place = *state;
	static const char *const automatic[] = {"Auto-Submitted: auto-replied\r\n",
	                                        "Auto-Submitted: auto-generated\r\n", "Precedence: bulk\r\n",
	                                        "List-Id: <x.example>\r\n"};
	const char *address = strdup(unsubscribe_address(place, "offers"));
	struct outcome outcome;
	char bad[400];
	size_t i;

	record_send(place, ADDRESS, 1, NOW - 300 * DAY);
	for (i = 0; i < sizeof automatic / sizeof *automatic; i++) {
		outcome = take(place, "hanako@example.jp", address, mail(ADDRESS, automatic[i], (int)i), NOW);
		assert_string_equal(outcome.fault, "automatic");
	}
	outcome = take(place, "", address, mail(ADDRESS, "", 10), NOW);
	assert_string_equal(outcome.fault, "automatic");
	outcome = take(place, "", address, report(ADDRESS, "failed", "5.1.1", "550 5.1.1 User unknown", 1), NOW);
	assert_string_equal(outcome.fault, "automatic");
	snprintf(bad, sizeof bad, "%s", address);
	bad[20] = bad[20] == 'A' ? 'B' : 'A';
	outcome = take(place, "hanako@example.jp", bad, mail(ADDRESS, "", 11), NOW);
	assert_string_equal(outcome.fault, "bad_token");
	want_nothing_changed(place);

	/* Whoever it comes from: the token says who leaves, and what. */
	outcome = take(place, "somebody@else.example", address, mail("somebody@else.example", "", 12), NOW);
	assert_string_equal(outcome.fault, "");
	assert_string_equal(outcome.category, "unsubscribe");
	assert_int_equal(standing(place, "offers", place->key).status, STORE_UNSUBSCRIBED);
	assert_string_equal(standing(place, "offers", place->key).reason, "mail");
	assert_int_equal(standing(place, "news", place->key).status, STORE_ACTIVE);
	assert_int_equal(fixture_number(place->fixture, "SELECT sum(count) FROM rollup WHERE kind = 'unsubscribe'"), 1);
	outcome = take(place, "somebody@else.example", address, mail("somebody@else.example", "", 13), NOW);
	assert_int_equal(fixture_number(place->fixture, "SELECT sum(count) FROM rollup WHERE kind = 'unsubscribe'"), 1);
	free((char *)(uintptr_t)address);
}

/* How often a word is in the mails that were sent. */
static int count_in_mails(const struct place *place, const char *word) {
	char text[65536];
	FILE *file = fopen(place->mails, "r");
	const char *at = text;
	size_t len;
	int count = 0;

	if (file == NULL)
		return 0;
	len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	fclose(file);
	while ((at = strstr(at, word)) != NULL)
		at++, count++;
	return count;
}

/* Empty mail: leaving is at once where From and envelope agree, else it is asked. */
static void test_leave(void **state) {
	struct place *place = *state;
	struct outcome outcome;

	outcome = take(place, ADDRESS, "unsubscribe-news@bounce.example.com", mail("Hanako <" ADDRESS ">", "", 1), NOW);
	assert_string_equal(outcome.fault, "");
	assert_string_equal(outcome.category, "unsubscribe");
	assert_int_equal(standing(place, "news", place->key).status, STORE_UNSUBSCRIBED);
	assert_int_equal(count_in_mails(place, "Subject:"), 0);

	outcome = take(place, "forger@example.net", "UNSUBSCRIBE-OFFERS@bounce.example.com", mail(ADDRESS, "", 2), NOW);
	assert_string_equal(outcome.category, "leave_asked");
	assert_int_equal(standing(place, "offers", place->key).status, STORE_ACTIVE);
	assert_int_equal(count_in_mails(place, "Subject:"), 1);
	assert_int_equal(count_in_mails(place, "Auto-Submitted: auto-"), 1);

	outcome = take(place, "", "unsubscribe-offers@bounce.example.com", mail(ADDRESS, "", 3), NOW);
	assert_string_equal(outcome.fault, "automatic");
	outcome = take(place, "x@example.jp", "unsubscribe-offers@bounce.example.com", mail("nobody", "", 4), NOW);
	assert_string_equal(outcome.fault, "no_sender");
	outcome = take(place, "news@example.com", "unsubscribe-offers@bounce.example.com",
	               mail("b@bounce.example.com", "", 5), NOW);
	assert_string_equal(outcome.fault, "automatic");
	assert_int_equal(count_in_mails(place, "Subject:"), 1);
}

/* Double opt-in: nothing changes, and a mail asks; but not a third in a day. */
static void test_join(void **state) {
	struct place *place = *state;
	struct outcome outcome;

	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", 1), NOW);
	assert_string_equal(outcome.fault, "");
	assert_string_equal(outcome.category, "join_asked");
	assert_int_equal(count_in_mails(place, "Subject:"), 1);
	assert_int_equal(count_in_mails(place, "To: <" ADDRESS ">"), 1);
	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", 2), NOW + 1);
	assert_string_equal(outcome.fault, "");
	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", 3), NOW + 2);
	assert_string_equal(outcome.fault, "too_often");
	/* A restart forgets nothing. */
	recent_free(&place->recent);
	place->recent = recent_new();
	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", 4), NOW + 3);
	assert_string_equal(outcome.fault, "too_often");
	assert_int_equal(count_in_mails(place, "Subject:"), 2);
	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", 5), NOW + DAY + 10);
	assert_string_equal(outcome.fault, "");
	outcome = take(place, ADDRESS, "subscribe-news@bounce.example.com",
	               mail("taro@example.jp", "Auto-Submitted: auto-replied\r\n", 6), NOW);
	assert_string_equal(outcome.fault, "automatic");
	assert_int_equal(fixture_number(place->fixture, "SELECT count(*) FROM standing"), 0);
}

/* Those that were refused do not hide the ones that were sent. */
static void test_join_flood(void **state) {
	struct place *place = *state;
	int i;

	for (i = 0; i < 150; i++)
		take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", i), NOW + i);
	recent_free(&place->recent);
	place->recent = recent_new();
	take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", i), NOW + i);
	assert_int_equal(count_in_mails(place, "Subject:"), 2);
	take(place, ADDRESS, "subscribe-news@bounce.example.com", mail(ADDRESS, "", i + 1), NOW + i + DAY);
	assert_int_equal(count_in_mails(place, "Subject:"), 3);
}

/* However long what it says of itself is, a wish has its answer, and its proof. */
static void test_join_long(void **state) {
	struct place *place = *state;
	char sender[1100], text[8000], id[6000];
	struct outcome outcome;

	memset(sender, 's', sizeof sender);
	memcpy(sender + 1000, "@x", 3);
	memset(id, 'i', sizeof id);
	id[sizeof id - 1] = '\0';
	snprintf(text, sizeof text, "From: " ADDRESS "\r\nMessage-ID: <%s>\r\n\r\n", id);
	outcome = take(place, sender, "subscribe-news@bounce.example.com", text, NOW);
	assert_string_equal(outcome.fault, "");
	assert_string_equal(outcome.category, "join_asked");
	assert_int_equal(count_in_mails(place, "Subject:"), 1);
}

/* The mail comes before the record: where it can't be sent, Postfix keeps the wish. */
static void test_join_put_off(void **state) {
	struct place *place = *state;
	struct intake_tools tools = {place->world, place->store, place->recent};
	struct lmtp_message message = {0};
	struct intake *intake;
	struct err err = {""};
	char path[400];
	size_t count;
	int tries;

	snprintf(path, sizeof path, "%s.fail", place->mails);
	write_file(path, "", 0644);
	buf_init(&message.sender, 2000);
	buf_init(&message.data, TEXT_MAX);
	buf_add_text(&message.sender, ADDRESS);
	buf_add_text(&message.data, mail(ADDRESS, "", 1));
	assert_int_equal(strings_add(&message.recipients, SPAN("subscribe-news@x")), 0);
	/* However often it is tried: only mail that was sent is counted. */
	for (tries = 0; tries < 5; tries++) {
		intake = intake_read(&tools, &message, NOW, &err);
		assert_null(intake);
		assert_true(strlen(err.text) > 0);
	}
	unlink(path);
	intake = intake_read(&tools, &message, NOW, &err);
	assert_non_null(intake);
	assert_int_equal(intake_bounces(intake, &count)->fault.len, 0);
	intake_free(&intake);
	assert_int_equal(count_in_mails(place, "Subject:"), 1);
	buf_free(&message.sender);
	buf_free(&message.data);
	strings_free(&message.recipients);
}

/* 550 is for what can never be ours, and for no report. */
static void test_recipients(void **state) {
	static const struct {
		const char *sender, *recipient;
		bool refused;
	} rows[] = {
	        {"", "b+anything@bounce.example.com", false},
	        {"", "whoever@bounce.example.com", false},
	        {"a@example.jp", "B+anything@bounce.example.com", false},
	        {"a@example.jp", "b@bounce.example.com", false},
	        {"a@example.jp", "whoever@bounce.example.com", true},
	        {"a@example.jp", "unsubscribe+x@bounce.example.com", false},
	        {"a@example.jp", "Unsubscribe-News@bounce.example.com", false},
	        {"a@example.jp", "subscribe-news@bounce.example.com", false},
	        {"a@example.jp", "subscribe-nothing@bounce.example.com", true},
	        {"a@example.jp", "Postmaster@bounce.example.com", false},
	        {"a@example.jp", "postmaster", false},
	        {"a@example.jp", "abuse@bounce.example.com", false},
	        {"a@example.jp", "fbl@bounce.example.com", false},
	};
	struct place *place = *state;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *refusal = intake_refuse(place->world, span_of(rows[i].sender), span_of(rows[i].recipient));

		if ((refusal != NULL) != rows[i].refused)
			fail_msg("%s: got %s", rows[i].recipient, refusal == NULL ? "taken" : refusal);
	}
}

/* Several recipients in one report: the token's own block counts; where it names
 * others alone, the mildest. */
static void test_several(void **state) {
	struct place *place = *state;
	static const char head[] =
	        "From: MAILER-DAEMON@mx.example.jp\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
	        "Content-Type: multipart/report; report-type=delivery-status; boundary=\"x\"\r\n\r\n"
	        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.jp\r\n";
	static const char dead[] =
	        "\r\nFinal-Recipient: rfc822; dead@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n";
	static const char full[] =
	        "\r\nFinal-Recipient: rfc822; full@example.net\r\nAction: failed\r\nStatus: 4.2.2\r\n"
	        "Diagnostic-Code: smtp; 452 4.2.2 mailbox full\r\n";
	static const char own[] = "\r\nFinal-Recipient: rfc822; " ADDRESS "\r\nAction: delivered\r\nStatus: 2.0.0\r\n";
	char text[4000];

	record_send(place, ADDRESS, 1, NOW);
	snprintf(text, sizeof text, "%s%s%s%s\r\n--x--\r\n", head, dead, own, full);
	assert_string_equal(take(place, "", return_path(place, NOW, false), text, NOW).category, "delivered");
	snprintf(text, sizeof text, "%s%s%s\r\n--x--\r\n", head, dead, full);
	assert_string_equal(take(place, "", return_path(place, NOW, false), text, NOW).category, "mailbox_full");
	assert_int_equal(standing(place, "news", place->key).status, STORE_ACTIVE);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_charged, make, clean),
	        cmocka_unit_test_setup_teardown(test_unproven, make, clean),
	        cmocka_unit_test_setup_teardown(test_never_sent, make, clean),
	        cmocka_unit_test_setup_teardown(test_identity, make, clean),
	        cmocka_unit_test_setup_teardown(test_harmless, make, clean),
	        cmocka_unit_test_setup_teardown(test_days, make, clean),
	        cmocka_unit_test_setup_teardown(test_complaints, make, clean),
	        cmocka_unit_test_setup_teardown(test_unsubscribe, make, clean),
	        cmocka_unit_test_setup_teardown(test_leave, make, clean),
	        cmocka_unit_test_setup_teardown(test_join, make, clean),
	        cmocka_unit_test_setup_teardown(test_join_flood, make, clean),
	        cmocka_unit_test_setup_teardown(test_join_long, make, clean),
	        cmocka_unit_test_setup_teardown(test_join_put_off, make, clean),
	        cmocka_unit_test_setup_teardown(test_recipients, make, clean),
	        cmocka_unit_test_setup_teardown(test_several, make, clean),
	};

	report_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
