/* webd/form_body.h: what a browser or a mail provider posts, and what nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "webd/form_body.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=xx"
#define NAMED(name) "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

/* Pairs as name=value, each in brackets. */
static void show(const struct form_body *form, struct buf *out) {
	size_t i;

	for (i = 0; i < form->count; i++)
		buf_printf(out, "[%.*s=%.*s]", SPAN_ARG(form->pairs[i].name), SPAN_ARG(form->pairs[i].value));
}

static void test_bodies(void **state) {
	static const struct {
		const char *type;
		struct span body;
		const char *want; /* NULL: refused */
	} rows[] = {
	        {URLENCODED, SPAN("List-Unsubscribe=One-Click"), "[List-Unsubscribe=One-Click]"},
	        {URLENCODED "; charset=UTF-8", SPAN("a=1&b=2"), "[a=1][b=2]"},
	        {"Application/X-WWW-Form-URLEncoded", SPAN("a=1"), "[a=1]"},
	        {" " URLENCODED " ; x", SPAN("a=1"), "[a=1]"},
	        {URLENCODED, SPAN(""), ""},
	        {URLENCODED, SPAN("&&a&=b&c=&d=1=2&"), "[a=][=b][c=][d=1=2]"},
	        {URLENCODED, SPAN("a+b=%E5%B1%8A+%2B%26%3D%0d%0A"), "[a b=\xe5\xb1\x8a +&=\r\n]"},
	        {URLENCODED, SPAN("a=%&b=%4&c=%zz&d=100%25&e=%"), "[a=%][b=%4][c=%zz][d=100%][e=%]"},
	        {URLENCODED, SPAN("a=1&a=2"), "[a=1][a=2]"},
	        {MULTIPART, SPAN(NAMED("List-Unsubscribe") "One-Click\r\n--xx--\r\n"), "[List-Unsubscribe=One-Click]"},
	        {MULTIPART, SPAN(NAMED("a") "1\r\n" NAMED("b") "\r\n--xx--"), "[a=1][b=]"},
	        {MULTIPART, SPAN("before\r\n" NAMED("a") "x\r\n\r\n--y\r\n--xx--after"), "[a=x\r\n\r\n--y]"},
	        {MULTIPART,
	         SPAN("--xx \t\r\ncontent-disposition:form-data;Name=a\r\nContent-Type: text/plain\r\n\r\n1\r\n--xx--"),
	         "[a=1]"},
	        {MULTIPART, SPAN(NAMED("a%22b%0d%0Ac%41") "1\r\n--xx--"), "[a\"b\r\nc%41=1]"},
	        {MULTIPART,
	         SPAN("--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;b\"\r\n\r\nxyz\r\n" NAMED(
	                 "a") "1\r\n--xx--"),
	         "[a=1]"},
	        {"multipart/form-data; x=\"y;boundary=no\"; boundary=\"xx\"", SPAN(NAMED("a") "1\r\n--xx--"), "[a=1]"},
	        {MULTIPART, SPAN("--xx--"), ""},
	        {MULTIPART, SPAN(NAMED("a") "1"), NULL},
	        {MULTIPART, SPAN(NAMED("a") "1\r\n--xxy\r\n"), NULL},
	        {MULTIPART, SPAN("--xx\r\n\r\n1\r\n--xx--"), NULL},
	        {MULTIPART, SPAN("--xx\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xx--"), NULL},
	        {MULTIPART, SPAN("--xx\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--xx--"), NULL},
	        {MULTIPART, SPAN("--xx\nContent-Disposition: form-data; name=a\n\n1\n--xx--"), NULL},
	        {MULTIPART, SPAN("a=1"), NULL},
	        {MULTIPART, SPAN(""), NULL},
	        {"multipart/form-data", SPAN(NAMED("a") "1\r\n--xx--"), NULL},
	        {"multipart/form-data; boundary=", SPAN("--\r\n"), NULL},
	        {"multipart/form-data; boundary=\"xx", SPAN(NAMED("a") "1\r\n--xx--"), NULL},
	        {"text/plain", SPAN("a=1"), NULL},
	        {"", SPAN("a=1"), NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct form_body form;
		struct buf got;
		int status = form_body_parse(span_of(rows[i].type), rows[i].body, &form);

		buf_init(&got, 4096);
		buf_add_text(&got, "");
		show(&form, &got);
		if ((status == 0) != (rows[i].want != NULL) ||
		    !span_equal(buf_span(&got), span_of(rows[i].want == NULL ? "" : rows[i].want)))
			fail_msg("row %zu: status %d, got %s", i, status, got.len == 0 ? "nothing" : got.at);
		buf_free(&got);
		form_body_free(&form);
	}
}

static void test_values(void **state) {
	struct form_body form;

	(void)state;
	assert_int_equal(form_body_parse(SPAN(URLENCODED), SPAN("a=1&b=&a=2&c=x%00y"), &form), 0);
	assert_true(span_equal(form_body_value(&form, "a"), SPAN("1")));
	assert_true(span_equal(form_body_value(&form, "c"), SPAN("x\0y")));
	assert_int_equal(form_body_value(&form, "b").len, 0);
	assert_non_null(form_body_value(&form, "b").at);
	assert_null(form_body_value(&form, "d").at);
	form_body_free(&form);
}

static void test_many(void **state) {
	char body[2 * FORM_PAIRS_MAX + 2];
	struct form_body form;
	size_t i;

	(void)state;
	for (i = 0; i <= FORM_PAIRS_MAX; i++)
		memcpy(body + 2 * i, "a&", 2);
	assert_int_equal(form_body_parse(SPAN(URLENCODED), span_make(body, 2 * FORM_PAIRS_MAX), &form), 0);
	assert_int_equal(form.count, FORM_PAIRS_MAX);
	form_body_free(&form);
	assert_int_equal(form_body_parse(SPAN(URLENCODED), span_make(body, sizeof body), &form), -1);
	assert_int_equal(form.count, 0);
	form_body_free(&form);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_bodies),
	        cmocka_unit_test(test_values),
	        cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
