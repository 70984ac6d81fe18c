/* policyd/protocol.h: requests as Postfix writes them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policyd/protocol.h"

/* As Postfix 3.7 sends it at RCPT; 3.5 lacks the last two, later ones add theirs. */
static const char rcpt[] = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
                           "client_address=127.0.0.1\nclient_name=localhost\nclient_port=40000\n"
                           "reverse_client_name=localhost\nserver_address=127.0.0.1\nserver_port=25\n"
                           "helo_name=client.test\nsender=news@example.com\nrecipient=a@example.jp\n"
                           "recipient_count=0\nqueue_id=\ninstance=123.45.67.0\nsize=500\netrn_domain=\nstress=\n"
                           "sasl_method=plain\nsasl_username=app\nsasl_sender=\nccert_subject=\nccert_issuer=\n"
                           "ccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n"
                           "encryption_cipher=\nencryption_keysize=0\npolicy_context=\ncompatibility_level=3.6\n"
                           "mail_version=3.7.11\n\n";

static enum policy_outcome read_one(struct span input, struct policy_request *request_r, size_t *used_r) {
	struct policy_reader reader = {0};

	return policy_read(&reader, input, request_r, used_r);
}

#define assert_span(span, text) assert_true(span_equal((span), span_of(text)))

static void test_rcpt(void **state) {
	struct policy_request r;
	size_t used;

	(void)state;
	assert_int_equal(read_one(SPAN(rcpt), &r, &used), POLICY_REQUEST);
	assert_int_equal(used, sizeof rcpt - 1);
	assert_int_equal(r.kind, POLICY_ACCESS);
	assert_int_equal(r.state, POLICY_STATE_RCPT);
	assert_span(r.sender, "news@example.com");
	assert_span(r.recipient, "a@example.jp");
	assert_span(r.instance, "123.45.67.0");
	assert_span(r.client_address, "127.0.0.1");
	assert_span(r.sasl_username, "app");
	assert_span(r.queue_id, "");
	assert_int_equal(r.recipient_count, 0);
}

static void test_rows(void **state) {
	static const struct {
		const char *name, *input;
		size_t len; /* 0: all of it */
		enum policy_outcome want;
		const char *reason; /* a part of it */
	} rows[] = {
	        {"nothing yet", "", 0, POLICY_MORE, NULL},
	        {"half a line", "request=smtpd_acc", 0, POLICY_MORE, NULL},
	        {"no empty line", "request=smtpd_access_policy\n", 0, POLICY_MORE, NULL},
	        {"least of all", "request=smtpd_access_policy\n\n", 0, POLICY_REQUEST, NULL},
	        {"value with =", "request=smtpd_access_policy\nsender=a=b@c\n\n", 0, POLICY_REQUEST, NULL},
	        {"empty name", "request=smtpd_access_policy\n=x\n\n", 0, POLICY_REQUEST, NULL},
	        {"ours", "request=todoku_end\nresult=sent\n\n", 0, POLICY_REQUEST, NULL},
	        {"empty request", "\n", 0, POLICY_BAD, "unknown kind"},
	        {"no kind", "sender=a@b\n\n", 0, POLICY_BAD, "unknown kind"},
	        {"another kind", "request=junk_policy\n\n", 0, POLICY_BAD, "unknown kind"},
	        {"no =", "request=smtpd_access_policy\nhello\n\n", 0, POLICY_BAD, "without"},
	        {"NUL", "request=smtpd_access_policy\nsender=a\0b\n\n", 41, POLICY_BAD, "NUL"},
	        {"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, POLICY_MORE, NULL},
	        {"CRLF", "request=smtpd_access_policy\r\n\r\n\n\n", 0, POLICY_BAD, "without"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct span input = rows[i].len > 0 ? span_make(rows[i].input, rows[i].len) : span_of(rows[i].input);
		struct policy_reader reader = {0};
		struct policy_request r;
		enum policy_outcome got;
		size_t used;

		got = policy_read(&reader, input, &r, &used);
		if (got != rows[i].want || (rows[i].reason != NULL && strstr(reader.reason, rows[i].reason) == NULL))
			fail_msg("%s: got %d, %s", rows[i].name, (int)got, reader.reason == NULL ? "-" : reader.reason);
	}
}

/* Byte by byte, and two behind one another. */
static void test_partial(void **state) {
	struct policy_reader reader = {0};
	struct policy_request r;
	char twice[2 * sizeof rcpt];
	size_t i, used;

	(void)state;
	for (i = 0; i < sizeof rcpt - 1; i++)
		assert_int_equal(policy_read(&reader, span_make(rcpt, i), &r, &used), POLICY_MORE);
	assert_int_equal(policy_read(&reader, SPAN(rcpt), &r, &used), POLICY_REQUEST);
	snprintf(twice, sizeof twice, "%s%s", rcpt, rcpt);
	assert_int_equal(policy_read(&reader, span_of(twice), &r, &used), POLICY_REQUEST);
	assert_int_equal(used, sizeof rcpt - 1);
	assert_int_equal(policy_read(&reader, span_of(twice + used), &r, &used), POLICY_REQUEST);
	assert_span(r.recipient, "a@example.jp");
}

static void fill(struct buf *text, size_t value) {
	size_t i;

	buf_init(text, 4 * POLICY_REQUEST_MAX);
	buf_add_text(text, "request=smtpd_access_policy\nprotocol_state=RCPT\nhelo_name=");
	for (i = 0; i < value; i++)
		buf_add_byte(text, 'x');
	assert_false(text->failed);
}

static void test_limits(void **state) {
	struct policy_reader reader = {0};
	struct policy_request r;
	struct buf text;
	size_t used, i;

	(void)state;
	/* 64 KB of one attribute are fine ... */
	fill(&text, 65536);
	buf_add_text(&text, "\nrecipient=a@b\n\n");
	assert_int_equal(read_one(buf_span(&text), &r, &used), POLICY_REQUEST);
	assert_span(r.recipient, "a@b");
	buf_free(&text);
	/* ... a request without an end is not, nor one that is larger. */
	fill(&text, POLICY_REQUEST_MAX);
	assert_int_equal(policy_read(&reader, buf_span(&text), &r, &used), POLICY_BAD);
	assert_non_null(strstr(reader.reason, "128 KiB"));
	buf_add_text(&text, "\n\n");
	assert_int_equal(read_one(buf_span(&text), &r, &used), POLICY_BAD);
	buf_free(&text);
	fill(&text, 1);
	for (i = 0; i < POLICY_ATTRIBUTES_MAX; i++)
		buf_add_text(&text, "\na=b");
	buf_add_text(&text, "\n\n");
	assert_int_equal(read_one(buf_span(&text), &r, &used), POLICY_BAD);
	buf_free(&text);
}

static void test_numbers(void **state) {
	static const struct {
		const char *text;
		unsigned long want;
	} rows[] = {{"0", 0}, {"1", 1}, {"999999999", 999999999}, {"1000000000", 0}, {"-1", 0}, {"1x", 0}, {"", 0}};
	struct policy_request r;
	char input[128];
	size_t used, i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(input, sizeof input, "request=smtpd_access_policy\nrecipient_count=%s\n\n", rows[i].text);
		assert_int_equal(read_one(span_of(input), &r, &used), POLICY_REQUEST);
		assert_int_equal(r.recipient_count, rows[i].want);
	}
}

/* No text makes a second line of an answer (H7). */
static void test_answer(void **state) {
	static const char forged[] = "550 a\naction=DUNNO\n\n\xe3\x81\x82";
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	policy_answer(&out, SPAN("DUNNO"));
	assert_span(buf_span(&out), "action=DUNNO\n\n");
	buf_reset(&out);
	policy_answer(&out, SPAN(forged));
	assert_span(buf_span(&out), "action=550 a?action=DUNNO?????\n\n");
	buf_reset(&out);
	for (i = 0; i < 2; i++) {
		char long_text[POLICY_ACTION_MAX + 100];

		memset(long_text, 'x', sizeof long_text);
		policy_answer(&out, span_make(long_text, sizeof long_text));
	}
	assert_int_equal(out.len, 2 * (POLICY_ACTION_MAX + strlen("action=\n\n")));
	buf_free(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rcpt),   cmocka_unit_test(test_rows),    cmocka_unit_test(test_partial),
	        cmocka_unit_test(test_limits), cmocka_unit_test(test_numbers), cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
