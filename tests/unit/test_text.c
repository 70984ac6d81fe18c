/* lib/text.h, lib/cursor.h, lib/err.h: spans, buffers, encodings, cursors, error texts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cursor.h"
#include "lib/err.h"
#include "lib/text.h"

static void test_span_compare(void **state) {
	static const struct {
		const char *a, *b;
		bool equal, equal_nocase, starts, starts_nocase, ends_nocase;
	} cases[] = {
	        {"", "", true, true, true, true, true},
	        {"a", "", false, false, true, true, true},
	        {"", "a", false, false, false, false, false},
	        {"abc", "abc", true, true, true, true, true},
	        {"abc", "ABC", false, true, false, true, true},
	        {"abcd", "AB", false, false, false, true, false},
	        {"abcd", "CD", false, false, false, false, true},
	        {"abcd", "ab", false, false, true, true, false},
	        /* Only ASCII letters have a case here: [ and { differ by that bit too. */
	        {"[", "{", false, false, false, false, false},
	        {"\xc3\x84", "\xc3\xa4", false, false, false, false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span a = span_of(cases[i].a), b = span_of(cases[i].b);

		assert_int_equal(span_equal(a, b), cases[i].equal);
		assert_int_equal(span_equal_nocase(a, b), cases[i].equal_nocase);
		assert_int_equal(span_starts(a, b), cases[i].starts);
		assert_int_equal(span_starts_nocase(a, b), cases[i].starts_nocase);
		assert_int_equal(span_ends_nocase(a, b), cases[i].ends_nocase);
	}
	assert_true(span_equal(SPAN_NONE, SPAN("")));
	assert_int_equal(span_of(NULL).len, 0);
}

static void test_span_find(void **state) {
	static const struct {
		const char *in, *needle;
		ssize_t want, want_nocase;
	} cases[] = {
	        {"", "", 0, 0},         {"abc", "", 0, 0},    {"", "a", -1, -1},
	        {"abcabc", "bc", 1, 1}, {"abc", "C", -1, 2},  {"abc", "abcd", -1, -1},
	        {"aab", "ab", 1, 1},    {"aAb", "AB", -1, 1}, {"abc", "x", -1, -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(span_find(span_of(cases[i].in), span_of(cases[i].needle)), cases[i].want);
		assert_int_equal(span_find_nocase(span_of(cases[i].in), span_of(cases[i].needle)),
		                 cases[i].want_nocase);
	}
	assert_int_equal(span_find_byte(SPAN("abcb"), 'b'), 1);
	assert_int_equal(span_find_byte(SPAN("abc"), 'x'), -1);
	assert_int_equal(span_find_byte(SPAN_NONE, 'x'), -1);
}

static void test_span_parts(void **state) {
	static const struct {
		const char *in, *want;
	} cases[] = {{"", ""}, {" \t\r\n\f", ""}, {" a b ", "a b"}, {"a", "a"}, {"\va", "\va"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_true(span_equal(span_trim(span_of(cases[i].in)), span_of(cases[i].want)));
	assert_true(span_equal(span_from(SPAN("abc"), 1), SPAN("bc")));
	assert_int_equal(span_from(SPAN("abc"), 3).len, 0);
	assert_int_equal(span_from(SPAN("abc"), 9).len, 0);
	assert_null(span_from(SPAN_NONE, 9).at);
}

static void test_ascii(void **state) {
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

		assert_int_equal(ascii_is_alpha((char)c), upper || lower);
		assert_int_equal(ascii_is_digit((char)c), digit);
		assert_int_equal(ascii_is_alnum((char)c), upper || lower || digit);
		assert_int_equal((unsigned char)ascii_lower((char)c), upper ? c + 32 : c);
		assert_int_equal(ascii_is_blank((char)c), c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f');
	}
	assert_int_equal(hex_value('0'), 0);
	assert_int_equal(hex_value('f'), 15);
	assert_int_equal(hex_value('A'), 10);
	assert_int_equal(hex_value('g'), -1);
	assert_int_equal(hex_value('\0'), -1);
}

static void test_buf_grows(void **state) {
	struct buf b;
	char *text;
	int i;

	(void)state;
	buf_init(&b, 10000);
	for (i = 0; i < 1000; i++) {
		buf_printf(&b, "%d", i % 10);
		assert_int_equal(b.at[b.len], '\0');
	}
	buf_add_text(&b, "ab");
	buf_add_span(&b, SPAN("cd"));
	buf_add_byte(&b, 'e');
	buf_add(&b, NULL, 0);
	assert_false(b.failed);
	assert_int_equal(b.len, 1005);
	assert_string_equal(b.at + 995, "56789abcde");
	assert_true(span_equal(buf_span(&b), span_make(b.at, 1005)));
	text = buf_take(&b);
	assert_int_equal(strlen(text), 1005);
	assert_int_equal(b.len, 0);
	assert_null(b.at);
	free(text);
	text = buf_take(&b);
	assert_string_equal(text, "");
	free(text);
	buf_free(&b);
}

static void test_buf_ceiling(void **state) {
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_add_text(&b, "abcd");
	assert_false(b.failed);
	errno = 0;
	buf_add_byte(&b, 'e');
	assert_true(b.failed);
	assert_int_equal(errno, EMSGSIZE);
	assert_string_equal(b.at, "abcd");
	/* Sticky, even for what would fit. */
	buf_add(&b, "", 0);
	assert_true(b.failed);
	assert_null(buf_reserve(&b, 0));
	assert_int_equal(b.len, 4);
	buf_reset(&b);
	assert_false(b.failed);
	assert_string_equal(b.at, "");
	buf_printf(&b, "%s", "abcde");
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
	assert_null(buf_take(&b));
	assert_false(b.failed);
	buf_add(&b, "abcd", SIZE_MAX);
	assert_true(b.failed);
	buf_free(&b);
}

static void test_strings(void **state) {
	struct strings list = {0};
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "Name%d", i);
		assert_int_equal(strings_add(&list, span_of(name)), 0);
	}
	assert_int_equal(strings_add(&list, SPAN_NONE), 0);
	assert_int_equal(list.len, 101);
	assert_string_equal(list.at[0], "Name0");
	assert_string_equal(list.at[99], "Name99");
	assert_string_equal(list.at[100], "");
	assert_true(strings_has(&list, SPAN("Name42")));
	assert_false(strings_has(&list, SPAN("nAME42")));
	assert_false(strings_has(&list, SPAN("name")));
	strings_free(&list);
	assert_int_equal(list.len, 0);
	assert_null(list.at);
}

static void test_hex64(void **state) {
	static const char *const refused[] = {
	        "", "0", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg", " 123456789abcdef"};
	char text[HEX64_SIZE];
	uint64_t value = 0;
	size_t i;

	(void)state;
	hex64_format(text, 0x0123456789abcdef);
	assert_string_equal(text, "0123456789abcdef");
	assert_int_equal(hex64_parse(SPAN("0123456789ABCdef"), &value), 0);
	assert_true(value == 0x0123456789abcdef);
	assert_int_equal(hex64_parse(SPAN("ffffffffffffffff"), &value), 0);
	assert_true(value == UINT64_MAX);
	for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_int_equal(hex64_parse(span_of(refused[i]), &value), -1);
}

/* RFC 4648 10, without the padding. */
static void test_encodings(void **state) {
	static const struct {
		const char *bytes, *base64url, *base32;
	} cases[] = {
	        {"", "", ""},
	        {"f", "Zg", "my"},
	        {"fo", "Zm8", "mzxq"},
	        {"foo", "Zm9v", "mzxw6"},
	        {"foob", "Zm9vYg", "mzxw6yq"},
	        {"fooba", "Zm9vYmE", "mzxw6ytb"},
	        {"foobar", "Zm9vYmFy", "mzxw6ytboi"},
	        {"\xff\xef\xbe", "_---", "77x34"},
	};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 64);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = strlen(cases[i].bytes);

		buf_reset(&b);
		base64url_encode(&b, cases[i].bytes, len);
		assert_string_equal(b.at, cases[i].base64url);
		assert_int_equal(base64url_size(len), strlen(cases[i].base64url));
		buf_reset(&b);
		base32_encode(&b, cases[i].bytes, len);
		assert_string_equal(b.at, cases[i].base32);
		assert_int_equal(base32_size(len), strlen(cases[i].base32));
		buf_reset(&b);
		buf_add_byte(&b, '>');
		assert_int_equal(base64url_decode(&b, span_of(cases[i].base64url)), 0);
		assert_int_equal(base32_decode(&b, span_of(cases[i].base32)), 0);
		assert_int_equal(b.len, 1 + 2 * len);
		assert_memory_equal(b.at + 1, cases[i].bytes, len);
		assert_memory_equal(b.at + 1 + len, cases[i].bytes, len);
	}
	buf_reset(&b);
	assert_int_equal(base32_decode(&b, SPAN("MZXW6ytBOI")), 0);
	assert_string_equal(b.at, "foobar");
	buf_free(&b);
}

static void test_encodings_refuse(void **state) {
	static const char *const base64url[] = {"A",  "AAAAA", "Zh",  "Zm9",  "Z+",
	                                        "Z/", "Zg==",  "Z g", "Zg\n", "\xc3\xa4"};
	static const char *const base32[] = {"m", "mzx", "mzxw6y", "mz", "mzxr", "m1", "m8", "m0", "my======", "m y"};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 64);
	buf_add_text(&b, "kept");
	for (i = 0; i < sizeof base64url / sizeof base64url[0]; i++)
		if (base64url_decode(&b, span_of(base64url[i])) != -1)
			fail_msg("base64url %s", base64url[i]);
	for (i = 0; i < sizeof base32 / sizeof base32[0]; i++)
		if (base32_decode(&b, span_of(base32[i])) != -1)
			fail_msg("base32 %s", base32[i]);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.at, "kept", 4);
	b.max = 5;
	assert_int_equal(base64url_decode(&b, SPAN("Zm9v")), -1);
	assert_true(b.failed);
	buf_free(&b);
}

/* Every text of one or two bytes comes back, and from one spelling only. */
static void test_encodings_are_one_to_one(void **state) {
	struct buf text, back;
	unsigned i;

	(void)state;
	buf_init(&text, 16);
	buf_init(&back, 16);
	for (i = 0; i < 65536; i++) {
		const char bytes[2] = {(char)(i >> 8), (char)i};

		buf_reset(&text);
		buf_reset(&back);
		base64url_encode(&text, bytes, 2);
		assert_int_equal(base64url_decode(&back, buf_span(&text)), 0);
		assert_memory_equal(back.at, bytes, 2);
		text.at[2] ^= 1;
		assert_int_equal(base64url_decode(&back, buf_span(&text)), -1);
	}
	buf_free(&text);
	buf_free(&back);
}

static void test_cursor(void **state) {
	struct cursor c = cursor_make(SPAN("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));

	(void)state;
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_true(cursor_u64(&c) == 0x08090a0b0c0d0e0f);
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);

	c = cursor_make(SPAN("ab"));
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.failed);
	/* Sticky: what is there can't be read any more. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_take(&c, 0).len, 0);
	assert_int_equal(cursor_left(&c), 0);

	c = cursor_make(SPAN("ab,,c"));
	assert_true(span_equal(cursor_until(&c, ','), SPAN("ab")));
	assert_true(span_equal(cursor_until(&c, ','), SPAN("")));
	assert_true(span_equal(cursor_until(&c, ','), SPAN("c")));
	assert_int_equal(cursor_until(&c, ',').len, 0);
	assert_false(c.failed);

	c = cursor_make(SPAN_NONE);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_until(&c, ',').len, 0);
	assert_false(c.failed);
}

static void test_err(void **state) {
	struct err err;
	char big[3000];

	(void)state;
	assert_int_equal(err_set(&err, "found %d", 3), -1);
	assert_string_equal(err.text, "found 3");
	assert_int_equal(err_prefix(&err, "%s", "file"), -1);
	assert_string_equal(err.text, "file: found 3");
	assert_int_equal(err_set(NULL, "x"), -1);
	assert_int_equal(err_prefix(NULL, "x"), -1);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&err, "%s", big);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	err_prefix(&err, "file");
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_memory_equal(err.text, "file: xxx", 9);
	err_prefix(&err, "%s", big);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_span_compare),
	        cmocka_unit_test(test_span_find),
	        cmocka_unit_test(test_span_parts),
	        cmocka_unit_test(test_ascii),
	        cmocka_unit_test(test_buf_grows),
	        cmocka_unit_test(test_buf_ceiling),
	        cmocka_unit_test(test_strings),
	        cmocka_unit_test(test_hex64),
	        cmocka_unit_test(test_encodings),
	        cmocka_unit_test(test_encodings_refuse),
	        cmocka_unit_test(test_encodings_are_one_to_one),
	        cmocka_unit_test(test_cursor),
	        cmocka_unit_test(test_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
