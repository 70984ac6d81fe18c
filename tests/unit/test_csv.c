/* lib/csv.h: records as they were meant, errors by line, and what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/csv.h"

/* Records as "[a|b]1" with their lines, then "!LINE: PROBLEM" where one is wrong. */
static void render(struct span text, struct buf *out) {
	struct csv csv;
	size_t i;
	int got;

	csv_init(&csv, text);
	while ((got = csv_next(&csv)) == 1) {
		buf_add_byte(out, '[');
		for (i = 0; i < csv.count; i++)
			buf_printf(out, "%s%.*s", i > 0 ? "|" : "", SPAN_ARG(csv.fields[i]));
		buf_printf(out, "]%zu", csv.line);
	}
	if (got < 0) {
		buf_printf(out, "!%zu: %s", csv.line, csv.problem);
		assert_int_equal(csv_next(&csv), -1);
	} else {
		assert_int_equal(csv_next(&csv), 0);
	}
	csv_free(&csv);
	if (out->len == 0)
		buf_add_text(out, "");
}

static void test_read(void **state) {
	static const struct {
		struct span text;
		const char *want;
	} cases[] = {
	        {SPAN(""), ""},
	        {SPAN("\r\n\n\r"), ""},
	        {SPAN("a,b\r\nc,d\r\n"), "[a|b]1[c|d]2"},
	        {SPAN("a,b\nc,d"), "[a|b]1[c|d]2"},
	        {SPAN("a\rb\r"), "[a]1[b]2"},
	        {SPAN("a,\n,b\n,\n"), "[a|]1[|b]2[|]3"},
	        {SPAN("\n\na\n\nb\n"), "[a]3[b]5"},
	        {SPAN("\"a,b\",\"c\"\"d\"\n"), "[a,b|c\"d]1"},
	        {SPAN("\"a\nb\r\nc\"\nd\n"), "[a\nb\r\nc]1[d]4"},
	        {SPAN("\"\"\n"), "[]1"},
	        {SPAN("a\"b,c\n"), "[a\"b|c]1"},
	        {SPAN("a\n\"b"), "[a]1!2: a quote that is never closed"},
	        {SPAN("\""), "!1: a quote that is never closed"},
	        {SPAN("\"a\"\""), "!1: a quote that is never closed"},
	        {SPAN("\"a\"b\n"), "!1: text behind a closing quote"},
	        {SPAN("a\0b\n"), "!1: a NUL"},
	        {SPAN("a,b,"), "[a|b|]1"},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&out);
		render(cases[i].text, &out);
		assert_string_equal(out.at, cases[i].want);
	}
	buf_free(&out);
}

static void test_ceilings(void **state) {
	struct buf text;
	struct csv csv;

	(void)state;
	buf_init(&text, 4 << 20);
	while (text.len < CSV_FIELDS_MAX - 1)
		buf_add_byte(&text, ',');
	csv_init(&csv, buf_span(&text));
	assert_int_equal(csv_next(&csv), 1);
	assert_int_equal(csv.count, CSV_FIELDS_MAX);
	csv_free(&csv);
	buf_add_byte(&text, ',');
	csv_init(&csv, buf_span(&text));
	assert_int_equal(csv_next(&csv), -1);
	assert_string_equal(csv.problem, "too many fields");
	csv_free(&csv);
	buf_reset(&text);
	while (text.len <= CSV_RECORD_MAX)
		buf_add_byte(&text, 'x');
	csv_init(&csv, buf_span(&text));
	assert_int_equal(csv_next(&csv), -1);
	assert_string_equal(csv.problem, "a record that is too long");
	csv_free(&csv);
	buf_free(&text);
}

static void test_write(void **state) {
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	csv_add(&out, SPAN("a"), true);
	csv_add(&out, SPAN("b,c"), false);
	csv_add(&out, SPAN("d\"e\nf"), false);
	csv_add(&out, SPAN_NONE, false);
	csv_add(&out, SPAN("=1"), false);
	csv_end(&out);
	assert_string_equal(out.at, "a,\"b,c\",\"d\"\"e\nf\",,=1\r\n");
	buf_reset(&out);
	csv_add_foreign(&out, SPAN("=HYPERLINK(\"x\")"), true);
	csv_add_foreign(&out, SPAN("@a"), false);
	csv_add_foreign(&out, SPAN("a=b"), false);
	assert_string_equal(out.at, "\"'=HYPERLINK(\"\"x\"\")\",\"'@a\",a=b");
	buf_free(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_read),
	        cmocka_unit_test(test_ceilings),
	        cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
