/* Header fields as they arrive, and whom a mail is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bounced/fields.h"
#include "bounced/mailbox.h"

static void test_find(void **state) {
	static const struct {
		const char *message, *name, *want; /* NULL: none */
	} rows[] = {
	        {"From: a@b\r\n\r\n", "From", "a@b"},
	        {"FROM : a@b \r\n\r\n", "From", "a@b"},
	        {"From:\r\n a@b\r\n\tc\r\nTo: x\r\n\r\n", "from", "a@b\tc"},
	        {"From: one\nFrom: two\n\n", "From", "one"},
	        {"To: x\n\nFrom: body\n", "From", NULL},
	        {"From a@b Sun Nov 22\nSubject: s\n\n", "Subject", "s"},
	        {"X-From: a\nFromage: b\n\n", "From", NULL},
	        {"From:", "From", ""},
	        {"no colon", "From", NULL},
	        {"", "From", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out;
		bool found;

		buf_init(&out, 1000);
		buf_add_text(&out, "");
		found = fields_find(span_of(rows[i].message), span_of(rows[i].name), &out);
		if (found != (rows[i].want != NULL) || (found && strcmp(out.at, rows[i].want) != 0))
			fail_msg("%s: got %s, want %s", rows[i].message, found ? out.at : "none", rows[i].want);
		buf_free(&out);
	}
}

static void test_trace(void **state) {
	static const struct {
		const char *message, *want;
	} rows[] = {
	        {"Received: a\r\n\tby b\r\nSubject: s\r\n\r\nbody", "Subject: s\r\n\r\nbody"},
	        {"Return-Path: <>\nReceived: a\nReceived: b\nSubject: s\n\nReceived: body\n",
	         "Subject: s\n\nReceived: body\n"},
	        {"Subject: s\nReceived: a\nTo: b\n\n", "To: b\n\n"},
	        {"Subject: s\n\nbody", "Subject: s\n\nbody"},
	        {"Received: a", ""},
	        {"", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span got = fields_behind_trace(span_of(rows[i].message));

		if (!span_equal(got, span_of(rows[i].want)))
			fail_msg("%s: got %.*s", rows[i].message, SPAN_ARG(got));
	}
}

static void test_mailbox(void **state) {
	static const struct {
		const char *recipient;
		enum mailbox_kind kind;
		const char *token, *list;
	} rows[] = {
	        {"b+abc@x", MAILBOX_RETURN, "abc", NULL},
	        {"B+ABC@x", MAILBOX_RETURN, "ABC", NULL},
	        {"b+a+b@x", MAILBOX_RETURN, "a+b", NULL},
	        {"b+@x", MAILBOX_RETURN, "", NULL},
	        {"b@x", MAILBOX_RETURN, "", NULL},
	        {"b", MAILBOX_RETURN, "", NULL},
	        {"\"b+abc@y\"@x", MAILBOX_UNKNOWN, "", NULL},
	        {"bb@x", MAILBOX_UNKNOWN, "", NULL},
	        {"unsubscribe+Ab_-@x", MAILBOX_UNSUBSCRIBE, "Ab_-", NULL},
	        {"subscribe-news@x", MAILBOX_JOIN, "", "news"},
	        {"SUBSCRIBE-NEWS@x", MAILBOX_JOIN, "", "news"},
	        {"unsubscribe-news@x", MAILBOX_LEAVE, "", "news"},
	        {"unsubscribe-nothing@x", MAILBOX_UNKNOWN, "", NULL},
	        {"subscribe-@x", MAILBOX_UNKNOWN, "", NULL},
	        {"Postmaster@x", MAILBOX_OFFICE, "", NULL},
	        {"confirm@x", MAILBOX_OFFICE, "", NULL},
	        {"@x", MAILBOX_UNKNOWN, "", NULL},
	        {"", MAILBOX_UNKNOWN, "", NULL},
	};
	struct conf_list list = {.name = (char *)(uintptr_t) "news"};
	struct conf conf = {.lists = &list, .list_count = 1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mailbox got = mailbox_of(&conf, span_of(rows[i].recipient));

		if (got.kind != rows[i].kind || !span_equal(got.token, span_of(rows[i].token)) ||
		    (got.list != NULL) != (rows[i].list != NULL))
			fail_msg("%s: got kind %d, token %.*s", rows[i].recipient, got.kind, SPAN_ARG(got.token));
		/* No token on record. */
		assert_true(span_find_byte(got.name, '+') < 0 || got.kind == MAILBOX_UNKNOWN);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_find),
	        cmocka_unit_test(test_trace),
	        cmocka_unit_test(test_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
