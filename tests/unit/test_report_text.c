/* What the report reader is made of: folding, phrases, codes and addresses in text,
 * parts of mail, charsets, delivery-status groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/decode.h"
#include "report/dsn.h"
#include "report/fold.h"
#include "report/keep.h"
#include "report/mail.h"
#include "report/phrases.h"
#include "report/smtp.h"

static void test_fold(void **state) {
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
	        {"User  Unknown\r\n\there", "user unknown here"},
	        {" \t ", ""},
	        {"550 <Some.One@Example.com>: no", "550 <@>: no"},
	        {"a+b=c@x.jp, d_e@y.jp.", "@, @."},
	        {"\"two words\"@x.jp gone", "@ gone"},
	        {"say \"hello @ me", "say \"hello @ me"},
	        {"mailto:a@b.c", "mailto:@"},
	        {"550-5.1.1 The user 550-5.1.1 is gone 550 5.1.1 really", "550-5.1.1 the user is gone really"},
	        {"550 no 551 yes", "550 no 551 yes"},
	        {"554 554 5.7.1 x", "554 x"},
	        {"it\xe2\x80\x99s \xe2\x80\x9cso\xe2\x80\x9d \xe2\x80\x93 ok", "it's \"so\" - ok"},
	        {"\xc3\x89"
	         "CHEC \xd0\xaf\xd0\xa9\xd0\x98\xd0\x9a",
	         "\xc3\xa9"
	         "chec \xd1\x8f\xd1\x89\xd0\xb8\xd0\xba"},
	        {"\xe5\xae\x9b\n\xe5\x85\x88 x", "\xe5\xae\x9b\xe5\x85\x88 x"},
	        {"\xe5\xae\x9b\xe3\x80\x80 a@b.jp \xe5\x85\x88", "\xe5\xae\x9b @ \xe5\x85\x88"},
	        {"\xff\xfe ok", "\xff\xfe ok"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b;

		buf_init(&b, 4096);
		fold_text(span_of(rows[i].text), &b);
		if (!span_equal(buf_span(&b), span_of(rows[i].want)))
			fail_msg("%s: want \"%s\", got \"%.*s\"", rows[i].text, rows[i].want, SPAN_ARG(buf_span(&b)));
		buf_free(&b);
	}
}

static void test_phrases(void **state) {
	struct phrases *p = phrases_new();
	struct phrase_hit hits[8];
	struct span text = SPAN("the mailbox, mailboxes; premailbox mailbox full (full)");

	(void)state;
	assert_int_equal(phrases_add(p, SPAN("mailbox"), 1), 0);
	assert_int_equal(phrases_add(p, SPAN("mailbox full"), 2), 0);
	assert_int_equal(phrases_add(p, SPAN("(full"), 3), 0);
	assert_int_equal(phrases_add(p, SPAN("abc"), 4), -1);
	assert_int_equal(phrases_seal(p), 0);
	assert_int_equal(phrases_find(p, text, hits, 8), 5);
	assert_int_equal(hits[0].start, 4);
	assert_int_equal(hits[0].end, 11);
	assert_int_equal(hits[1].start, 13);
	assert_int_equal(hits[4].id, 3);
	assert_int_equal(phrases_find(p, text, hits, 2), 2);
	assert_int_equal(phrases_find(p, SPAN("mai"), hits, 8), 0);
	phrases_free(&p);
	assert_null(p);
}

static void test_codes(void **state) {
	static const struct {
		const char *text;
		unsigned reply;
		const char *status;
	} rows[] = {
	        {"550 5.1.1 no", 550, "5.1.1"},
	        {"550-5.1.1 no", 550, "5.1.1"},
	        {"smtp;550 no (#5.1.1)", 550, "5.1.1"},
	        {"554 5.0.0 x 550 5.7.1 y", 554, "5.7.1"},
	        {"5.1.0 - Unknown address error 550-'5.7.1 no'", 550, "5.7.1"},
	        {"host x[192.0.2.1] said: 421 wait", 421, ""},
	        {"192.5.1.1 and 5.1.1.9 and v5.1.1a", 0, ""},
	        {"port 5500, 55 and 5555", 0, ""},
	        {"250 2.1.5 ok", 0, ""},
	        {"5.1.351 Remote -> 550 : x", 550, "5.1.351"},
	        {"at 450.", 450, ""},
	        {"450.5 and 450", 450, ""},
	        {"", 0, ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_codes c;

		smtp_find_codes(span_of(rows[i].text), &c);
		if (c.reply != rows[i].reply || strcmp(c.status, rows[i].status) != 0)
			fail_msg("%s: want %u %s, got %u %s", rows[i].text, rows[i].reply, rows[i].status, c.reply,
			         c.status);
	}
}

static void test_addresses(void **state) {
	static const struct {
		const char *text;
		const char *want; /* all of them, with blanks between */
	} rows[] = {
	        {"to <a@example.net>, b@example.org.", "a@example.net b@example.org"},
	        {"\"a..b\"@example.net", "\"a..b\"@example.net"},
	        {"'a@example.net'", "a@example.net"},
	        {"a@[192.0.2.1]: no", "a@[192.0.2.1]"},
	        {"@example.net a@ @", ""},
	        {"\xe5\xae\x9b\xe5\x85\x88"
	         "a@example.net\xe3\x81\xa7\xe3\x81\x99",
	         "a@example.net"},
	        {"\xc3\xbc@b\xc3\xbc.example x", "\xc3\xbc@b\xc3\xbc.example"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span rest = span_of(rows[i].text), one;
		struct buf got;

		buf_init(&got, 4096);
		while (smtp_next_address(&rest, &one)) {
			if (got.len > 0)
				buf_add_byte(&got, ' ');
			buf_add_span(&got, one);
		}
		if (!span_equal(buf_span(&got), span_of(rows[i].want)))
			fail_msg("%s: want \"%s\", got \"%.*s\"", rows[i].text, rows[i].want, SPAN_ARG(buf_span(&got)));
		buf_free(&got);
	}
}

/* Kinds by letter, and what the first part of text holds. */
static void test_parts(void **state) {
	static const char letters[] = {
	        [MAIL_TEXT] = 't',    [MAIL_HTML] = 'h',     [MAIL_STATUS] = 's', [MAIL_FEEDBACK] = 'f',
	        [MAIL_RECEIPT] = 'r', [MAIL_RETURNED] = 'm', [MAIL_OTHER] = 'o'};
	static const struct {
		const char *message;
		const char *kinds;
		const char *first;
	} rows[] = {
	        {"Subject: x\n\nbody\n", "t", "body"},
	        {"Subject: x\nbody without an empty line\n", "t", "body without an empty line"},
	        {"From a@b Mon\nSubject: x\n\nbody\n", "t", "body"},
	        {"Content-Type: multipart/report; boundary=\"b\"\n\nno\n--b\n\none\n--b\nContent-Type: "
	         "message/delivery-status\n\n"
	         "two\n--b\nContent-Type: text/rfc822-headers\n\nX: y\n--b--\nafter\n",
	         "tsm", "one"},
	        {"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; "
	         "boundary=ab\n\n--ab\n\n"
	         "one\n--ab\nContent-Type: text/html\n\ntwo\n--ab--\n--a\nContent-Type: image/png\n\nx\n--a--\n",
	         "tho", "one"},
	        {"Content-Type: multipart/mixed\n\n--zz\nContent-Type: text/plain\n\none\n--zz--\n", "t", "one"},
	        {"Content-Type: multipart/mixed; boundary=other\n\n--zz\nContent-Type: text/plain\n\none\n--zz--\n",
	         "t", "one"},
	        {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nnever closed", "t",
	         "never closed"},
	        {"Subject: x\n\nNotice\n\n\n\n\n--zz\nContent-Type: text/plain\n\nreturned\n", "t",
	         "Notice\n\n\n\n\n--zz\nContent-Type: text/plain\n\nreturned"},
	        {"Content-Type: message/rfc822\n\nX: y\n", "m", NULL},
	        {"Content-Type: multipart/report;\n boundary=b; report-type=feedback-report\n\n--b\nContent-Type: "
	         "message/feedback-report\n\nx\n--b\nContent-Type: message/disposition-notification\n\ny\n--b--\n",
	         "fr", NULL},
	        {"X-Long: abc\nABCDEFGHIJKLMNOPQRSTUVWXYZ012345\nSubject: x\n\nbody\n", "t", "body"},
	};
	struct mail *mail = malloc(sizeof *mail);
	size_t i, k;

	(void)state;
	assert_non_null(mail);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		char got[MAIL_PARTS_MAX + 1] = "";

		mail_read(span_of(rows[i].message), mail);
		for (k = 0; k < mail->count; k++)
			got[k] = letters[mail->parts[k].kind];
		if (strcmp(got, rows[i].kinds) != 0)
			fail_msg("%s: want %s, got %s", rows[i].message, rows[i].kinds, got);
		if (rows[i].first != NULL && !span_equal(span_trim(mail->parts[0].body), span_of(rows[i].first)))
			fail_msg("%s: got \"%.*s\"", rows[i].message, SPAN_ARG(mail->parts[0].body));
	}
	mail_read(SPAN("Content-Type: text/plain; x=\"charset=no\"; charset = \"utf-8\"\nSubject:\n folded\n\n"), mail);
	assert_true(span_equal(mail->parts[0].charset, SPAN("utf-8")));
	assert_true(span_equal(mail_find(&mail->header, SPAN("subject")), SPAN("folded")));
	free(mail);
}

static void test_decode(void **state) {
	static const struct {
		const char *bytes;
		const char *encoding;
		const char *charset;
		const char *want;
	} rows[] = {
	        {"plain", "7bit", "us-ascii", "plain"},
	        {"=41=\nB", "quoted-printable", "", "AB"},
	        {"44GC", "BASE64", "utf-8", "\xe3\x81\x82"},
	        {"\033$B$\"\033(B", "7bit", "iso-2022-jp", "\xe3\x81\x82"},
	        {"\033$B$\"\033(B", "", "us-ascii", "\xe3\x81\x82"},
	        {"\x82\xa0", "8bit", "Shift_JIS", "\xe3\x81\x82"},
	        {"\xa4\xa2", "8bit", "euc-jp", "\xe3\x81\x82"},
	        {"\xa4\xa2", "8bit", "x-none", "\xe3\x81\x82"},
	        {"\xe3\x81\x82", "8bit", "iso-8859-1", "\xe3\x81\x82"},
	        {"\xe9t\xe9", "8bit", "iso-8859-1", "\xc3\xa9t\xc3\xa9"},
	        {"", "base64", "", ""},
	};
	size_t i;

	(void)state;
	decode_init();
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf room;
		struct span got;

		buf_init(&room, 4096);
		got = decode_body(span_of(rows[i].bytes), decode_encoding_of(span_of(rows[i].encoding)),
		                  span_of(rows[i].charset), &room);
		if (!span_equal(got, span_of(rows[i].want)))
			fail_msg("row %zu: want %s, got %.*s", i, rows[i].want, SPAN_ARG(got));
		buf_free(&room);
	}
}

static void test_groups(void **state) {
	static const char text[] = "Reporting-MTA: dns; x\nArrival-Date: today\n\n"
	                           "Action: failed\nFinal-Recipient: rfc822; a@b\n\n"
	                           "Final-Recipient: rfc822; c@d\nDiagnostic-Code: smtp; 550\n one\n\ttwo\n"
	                           "Final-Recipient: rfc822;e@f\nX-Other: 1\nStatus: 5.0.0\n\n\nStatus: 4.0.0\n";
	struct dsn dsn;
	struct buf b;

	(void)state;
	assert_int_equal(dsn_read(SPAN(text), &dsn), 0);
	assert_int_equal(dsn.count, 3);
	assert_true(span_equal(dsn.arrival, SPAN("today")));
	assert_true(span_equal(dsn.groups[0].action, SPAN("failed")));
	assert_true(span_equal(dsn.groups[1].diagnostic, SPAN("smtp; 550\n one\n\ttwo")));
	assert_true(span_equal(dsn.groups[2].status, SPAN("5.0.0")));
	dsn_free(&dsn);
	assert_int_equal(dsn_read(SPAN("> Final-Recipient: rfc822; a@b\n> Action: failed\n>\n> Status: 5.1.1\n"), &dsn),
	                 0);
	assert_int_equal(dsn.count, 1);
	assert_true(span_equal(dsn.groups[0].status, SPAN("5.1.1")));
	dsn_free(&dsn);
	buf_init(&b, 400);
	assert_true(dsn_address(SPAN("rfc822; <a@b.example>"), &b));
	assert_string_equal(b.at, "a@b.example");
	buf_reset(&b);
	assert_true(dsn_address(SPAN("utf-8; \\x{3042}x@b.example"), &b));
	assert_string_equal(b.at, "\xe3\x81\x82x@b.example");
	buf_reset(&b);
	assert_false(dsn_address(SPAN("x-unix; |/bin/cat a@b"), &b));
	assert_false(dsn_address(SPAN("rfc822; nobody"), &b));
	buf_free(&b);
}

static void test_keep(void **state) {
	struct report_text *keep = keep_new();
	char large[20000];

	(void)state;
	assert_string_equal(keep_text(keep, SPAN("  a\r\n\tb\x01 \xc2\x85z\xff "), 100), "a b z?");
	assert_string_equal(keep_text(keep, SPAN("abc\xe3\x81\x82"), 4), "abc");
	assert_string_equal(keep_lower(keep, SPAN("AbC"), 100), "abc");
	memset(large, 'x', sizeof large);
	assert_int_equal(strlen(keep_text(keep, span_make(large, sizeof large), sizeof large)), sizeof large);
	assert_int_equal(keep_bytes(keep, span_make(large, sizeof large)).len, sizeof large);
	keep_free(&keep);
	assert_null(keep);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_fold),   cmocka_unit_test(test_phrases), cmocka_unit_test(test_codes),
	        cmocka_unit_test(test_parts),  cmocka_unit_test(test_decode),  cmocka_unit_test(test_addresses),
	        cmocka_unit_test(test_groups), cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
