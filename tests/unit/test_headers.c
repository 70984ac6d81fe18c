/* Header rules H1-H7 of list mail, through treat_message(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/headers.h"
#include "tests/unit/fixture.h"

static const char *const one[] = {"reader@example.net", NULL};

#define HEAD                                                                                                           \
	"From: News <news@example.com>\nTo: reader@example.net\nSubject: x\nMessage-ID: <1@example.com>\n"             \
	"Date: Sun, 22 Nov 2026 00:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain\n"

#define TEN "a234567.b."
#define LONG_ID                                                                                                        \
	"<" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN ">"

struct setting {
	struct fixture keep;
	struct fixture replace;
};

static int open_setting(void **state) {
	static struct setting setting;

	fixture_open(&setting.keep, "");
	fixture_open(
	        &setting.replace,
	        "list \"news\" { sender = { \"news@example.com\" } list_id = \"news.example.com\" stream = \"main\"\n"
	        "  footer = \"never\" headers = \"replace\" cfbl_address = \"fbl@example.com\"\n"
	        "  feedback_sender = \"examplecom\" unsubscribe { mailto = false } }\n");
	*state = &setting;
	return 0;
}

static int close_setting(void **state) {
	struct setting *setting = *state;

	fixture_close(&setting->keep);
	fixture_close(&setting->replace);
	return 0;
}

/* H1, H3: one https URI that names recipient and list, a mailto, one -Post. */
static void test_one_click(void **state) {
	struct fixture *f = &((struct setting *)*state)->keep;
	struct outcome o;
	struct token token;
	struct buf bytes;
	char *value, *post, *more;

	fixture_treat(f, NULL, one, HEAD "\nhello\n", &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	value = fixture_field(&o, "List-Unsubscribe", 0);
	more = fixture_field(&o, "List-Unsubscribe", 1);
	post = fixture_field(&o, "List-Unsubscribe-Post", 0);
	assert_non_null(value);
	assert_null(more);
	assert_string_equal(post, "List-Unsubscribe=One-Click");
	assert_null(fixture_field(&o, "List-Unsubscribe-Post", 1));
	assert_int_equal(fixture_count(value, "<https:"), 1);
	assert_int_equal(fixture_count(value, "<mailto:unsubscribe+"), 1);
	assert_int_equal(fixture_count(value, ">,"), 1);
	assert_null(strstr(value, "< "));
	assert_null(strstr(value, " >"));
	assert_true(fixture_link(f, value, 'u', 0, &token, NULL, 0));
	assert_int_equal(token.purpose, TOKEN_UNSUBSCRIBE);
	assert_false(token.shared);
	assert_true(token.address_key == token_address_key(f->world->ring, SPAN("reader@example.net")));
	assert_int_equal(token.list, token_list_id(f->world->ring, SPAN("news")));
	assert_true(token.campaign == o.treated.campaign.id);

	buf_init(&bytes, TOKEN_BYTES_MAX);
	*strchr(strstr(value, "mailto:"), '>') = '\0';
	assert_int_equal(token_find(f->world->ring, span_of(strstr(value, "mailto:") + 7), &bytes, &token), TOKEN_OK);
	buf_free(&bytes);
	free(value);
	free(post);
	fixture_forget(&o);
}

/* H2, D3: both fields are covered by each signature. */
static void test_signature_covers(void **state) {
	struct fixture *f = &((struct setting *)*state)->keep;
	struct outcome o;
	size_t i;

	fixture_treat(f, NULL, one, HEAD "\nhello\n", &o);
	assert_int_equal(o.treated.signature_count, 2);
	for (i = 0; i < 2; i++) {
		char *value = fixture_field(&o, "DKIM-Signature", i);
		char *h = strstr(value, "h="), *end = strchr(h, ';');

		*end = '\0';
		assert_non_null(strcasestr(h, ":List-Unsubscribe:"));
		assert_non_null(strcasestr(h, "List-Unsubscribe-Post"));
		assert_non_null(strcasestr(h, "Feedback-ID"));
		free(value);
	}
	fixture_forget(&o);
}

/* H4, H5. */
static void test_list_id_and_feedback(void **state) {
	struct setting *setting = *state;
	struct outcome o;
	char *value;

	fixture_treat(&setting->keep, NULL, one, HEAD "\nhello\n", &o);
	value = fixture_field(&o, "List-Id", 0);
	assert_string_equal(value, "<news.example.com>");
	free(value);
	value = fixture_field(&o, "Feedback-ID", 0);
	assert_non_null(strstr(value, ":news:main:examplecom"));
	assert_int_equal(fixture_count(value, ":"), 3);
	assert_null(strstr(value, "reader"));
	free(value);
	assert_null(fixture_field(&o, "CFBL-Address", 0));
	fixture_forget(&o);

	fixture_treat(&setting->replace, NULL, one, HEAD "\nhello\n", &o);
	value = fixture_field(&o, "CFBL-Address", 0);
	assert_string_equal(value, "fbl@example.com; report=arf");
	free(value);
	fixture_forget(&o);
}

/* H6: what the application set is kept or replaced, never doubled. */
static void test_application_fields(void **state) {
	struct setting *setting = *state;
	static const struct {
		const char *set;
		bool replace;
		const char *field;
		const char *want; /* the one value; "~text": contains it */
	} rows[] = {
	        {"List-Id: Ours <a.example.com>\n", false, "List-Id", "Ours <a.example.com>"},
	        {"List-Id: <a.example.com>\nList-Id: <b.example.com>\n", false, "List-Id", "<a.example.com>"},
	        {"List-Id: " LONG_ID "\n", false, "List-Id", "<news.example.com>"}, /* H4: 255 octets */
	        {"List-Id: <a.example.com>\n", true, "List-Id", "<news.example.com>"},
	        {"Feedback-ID: a:b:c:senderid\n", false, "Feedback-ID", "a:b:c:senderid"},
	        {"Feedback-ID: a:b:c:senderid\n", true, "Feedback-ID", "~:news:main:examplecom"},
	        /* Complete: kept. */
	        {"List-Unsubscribe: <https://app.example.com/u?x=1>\nList-Unsubscribe-Post: "
	         "List-Unsubscribe=One-Click\n",
	         false, "List-Unsubscribe", "<https://app.example.com/u?x=1>"},
	        {"List-Unsubscribe: <mailto:u@example.com>,\n <https://app.example.com/u>\n"
	         "list-unsubscribe-post:List-Unsubscribe=One-Click\n",
	         false, "List-Unsubscribe", "~<https://app.example.com/u>"},
	        /* No -Post beside it: ours, its mailto kept. */
	        {"List-Unsubscribe: <mailto:u@example.com?subject=x>, <https://app.example.com/u>\n", false,
	         "List-Unsubscribe", "~<mailto:u@example.com?subject=x>"},
	        {"List-Unsubscribe: <mailto:u@example.com>, <https://app.example.com/u>\n", false, "List-Unsubscribe",
	         "~<https://t.example.com/u/"},
	        /* http is not https. */
	        {"List-Unsubscribe: <http://app.example.com/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
	         false, "List-Unsubscribe", "~<https://t.example.com/u/"},
	        /* Two https URIs are not one (RFC 8058 3.1). */
	        {"List-Unsubscribe: <https://a.example.com/u>, <https://b.example.com/u>\n"
	         "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
	         false, "List-Unsubscribe", "~<https://t.example.com/u/"},
	        /* A -Post that says something else. */
	        {"List-Unsubscribe: <https://a.example.com/u>\nList-Unsubscribe-Post: yes\n", false,
	         "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
	        {"List-Unsubscribe: <https://a.example.com/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
	         true, "List-Unsubscribe", "~<https://t.example.com/u/"},
	        {"List-Unsubscribe: <mailto:u@example.com>\nList-Unsubscribe: <https://a.example.com/u>\n", false,
	         "List-Unsubscribe", "~<https://t.example.com/u/"},
	};
	size_t i;

	assert_int_equal(sizeof LONG_ID - 1, 262);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = rows[i].replace ? &setting->replace : &setting->keep;
		char text[2048], *got, *second;
		struct outcome o;

		snprintf(text, sizeof text, HEAD "%s\nhello\n", rows[i].set);
		fixture_treat(f, NULL, one, text, &o);
		got = fixture_field(&o, rows[i].field, 0);
		second = fixture_field(&o, rows[i].field, 1);
		if (got == NULL || second != NULL ||
		    (rows[i].want[0] == '~' ? strstr(got, rows[i].want + 1) == NULL : strcmp(got, rows[i].want) != 0))
			fail_msg("row %zu: want one %s: %s, got \"%s\" and \"%s\"", i, rows[i].field, rows[i].want,
			         got == NULL ? "(none)" : got, second == NULL ? "(none)" : second);
		free(got);
		fixture_forget(&o);
	}
}

/* H6: control fields end here, whoever set them. */
static void test_control_fields(void **state) {
	struct fixture *f = &((struct setting *)*state)->keep;
	struct outcome o;

	fixture_treat(f, "x@example.com", one,
	              HEAD "X-Todoku-List: news\nX-Todoku-Campaign: autumn\nx-todoku-else: 1\n\nhello\n", &o);
	assert_string_equal(o.treated.list->name, "news");
	assert_true(span_equal(o.treated.campaign.name, SPAN("autumn")));
	assert_null(strcasestr(o.text, "x-todoku"));
	fixture_forget(&o);
}

/* H7: nothing that comes in can end a field. */
static void test_no_injection(void **state) {
	struct headers_unsubscribe said;
	size_t i;
	static const struct {
		const char *value;
		const char *https;
		const char *mailto;
	} rows[] = {
	        {"<https://a/b c>, <mailto:x@y>", "", "mailto:x@y"},
	        {"<mailto:x@y\r\nBcc: z>", "", ""},
	        {"<https://a/\x01>", "", ""},
	        {"<https://a/<b>", "", ""},
	        {"<https://a/b", "", ""},
	        {"https://a/b", "", ""},
	        {"(c) <HTTPS://a/b> , <MailTo:x@y>", "HTTPS://a/b", "MailTo:x@y"},
	};

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		headers_read_unsubscribe(span_of(rows[i].value), &said);
		if (!span_equal(said.https, span_of(rows[i].https)) ||
		    !span_equal(said.mailto, span_of(rows[i].mailto)))
			fail_msg("row %zu: got \"%.*s\" \"%.*s\"", i, SPAN_ARG(said.https), SPAN_ARG(said.mailto));
	}
}

/* What verifiers read in two ways is not signed as it is. */
static void test_odd_blanks(void **state) {
	struct fixture *f = &((struct setting *)*state)->keep;
	struct outcome o;
	char *value;

	fixture_treat(f, NULL, one, "From: news@example.com\nSubject: a\x0b\x0c b\nX-Other: a\x0b\n\nhello\n", &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	value = fixture_field(&o, "Subject", 0);
	assert_string_equal(value, "a   b");
	free(value);
	value = fixture_field(&o, "X-Other", 0);
	assert_string_equal(value, "a\x0b");
	free(value);
	fixture_forget(&o);
}

/* H3: the application's own unsubscribe link is never sent through the tracker. */
static void test_unsubscribe_is_not_tracked(void **state) {
	struct fixture *f = &((struct setting *)*state)->keep;
	struct outcome o;

	fixture_treat(
	        f, NULL, one,
	        "From: news@example.com\nList-Unsubscribe: <https://app.example.com/u?a=1&b=2>\n"
	        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nContent-Type: text/html\n\n"
	        "<a href=\"https://app.example.com/u?a=1&amp;b=2\">leave</a><a href=\"https://example.com/\">x</a>\n",
	        &o);
	assert_non_null(strstr(o.body, "<a href=\"https://app.example.com/u?a=1&amp;b=2\">"));
	assert_int_equal(fixture_count(o.body, "https://t.example.com/c/"), 1);
	fixture_forget(&o);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_one_click),
	        cmocka_unit_test(test_signature_covers),
	        cmocka_unit_test(test_list_id_and_feedback),
	        cmocka_unit_test(test_application_fields),
	        cmocka_unit_test(test_control_fields),
	        cmocka_unit_test(test_no_injection),
	        cmocka_unit_test(test_odd_blanks),
	        cmocka_unit_test(test_unsubscribe_is_not_tracked),
	};

	return cmocka_run_group_tests(tests, open_setting, close_setting);
}
