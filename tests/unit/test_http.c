/*
 * What a request must be before a handler sees it (S3, S4), who asks, and what an
 * answer may say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "webd/http_check.h"

/* "Name: value" lines. */
static size_t read_fields(const char *text, struct http_field *fields) {
	struct span left = span_of(text);
	size_t count = 0;

	while (left.len > 0) {
		ssize_t end = span_find_byte(left, '\n');
		struct span line = end < 0 ? left : span_make(left.at, (size_t)end);
		ssize_t colon = span_find(line, SPAN(": "));

		fields[count].name = span_make(line.at, (size_t)colon);
		fields[count++].value = span_from(line, (size_t)colon + 2);
		left = span_from(left, line.len + 1);
	}
	return count;
}

static void test_fields(void **state) {
	static const struct {
		const char *name;
		const char *fields;
		bool is_1_0;
		unsigned want;
	} rows[] = {
	        {"plain", "Host: t.example.com\nAccept: */*", false, 0},
	        {"a length", "Host: a\nContent-Length: 26", false, 0},
	        {"chunked", "Host: a\nTransfer-Encoding: chunked", false, 0},
	        {"chunked, in capitals", "Host: a\nTransfer-Encoding: CHUNKED", false, 0},
	        {"no Host in 1.0", "Accept: */*", true, 0},
	        {"no Host in 1.1", "Accept: */*", false, 400},
	        {"two Hosts", "Host: a\nhost: a", false, 400},
	        {"length and encoding", "Host: a\nContent-Length: 5\nTransfer-Encoding: chunked", false, 400},
	        {"encoding and length", "Host: a\ntransfer-encoding: chunked\ncontent-length: 5", false, 400},
	        {"two lengths", "Host: a\nContent-Length: 5\nContent-Length: 6", false, 400},
	        {"the same length twice", "Host: a\nContent-Length: 5\nContent-Length: 5", false, 400},
	        {"a list of lengths", "Host: a\nContent-Length: 5, 5", false, 400},
	        {"a signed length", "Host: a\nContent-Length: +5", false, 400},
	        {"a negative length", "Host: a\nContent-Length: -5", false, 400},
	        {"a length in hex", "Host: a\nContent-Length: 0x5", false, 400},
	        {"no length", "Host: a\nContent-Length: ", false, 400},
	        {"a length beyond numbers", "Host: a\nContent-Length: 99999999999999999999", false, 400},
	        {"two encodings", "Host: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", false, 400},
	        {"another encoding", "Host: a\nTransfer-Encoding: gzip", false, 400},
	        {"a list of encodings", "Host: a\nTransfer-Encoding: gzip, chunked", false, 400},
	        {"a disguised encoding", "Host: a\nTransfer-Encoding: xchunked", false, 400},
	        {"chunked in 1.0", "Host: a\nTransfer-Encoding: chunked", true, 400},
	        {"a blank before the colon", "Host: a\nContent-Length : 5", false, 400},
	        {"a blank within a name", "Host: a\nX Y: 5", false, 400},
	        {"a control in a value", "Host: a\nX: \x01", false, 400},
	        {"a CR in a value", "Host: a\nX: a\rb", false, 400},
	        {"a tab in a value", "Host: a\nX: a\tb", false, 0},
	};
	struct http_field fields[8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned got = http_check_fields(fields, read_fields(rows[i].fields, fields), rows[i].is_1_0);

		if (got != rows[i].want)
			fail_msg("%s: want %u, got %u", rows[i].name, rows[i].want, got);
	}
}

/* As libmicrohttpd leaves a header: zeros for colons and line ends. */
static void test_layout(void **state) {
	char good[] = "Host\0 a\0\0X\0\tb\0\0Y\0c\0\0\0";
	char bare[] = "Host\0 a\0X\0 b\0\0\0";
	struct http_field fields[3];

	(void)state;
	fields[0] = (struct http_field){span_make(good, 4), span_make(good + 6, 1)};
	fields[1] = (struct http_field){span_make(good + 9, 1), span_make(good + 12, 1)};
	fields[2] = (struct http_field){span_make(good + 15, 1), span_make(good + 17, 1)};
	assert_true(http_layout_is_plain(fields, 3));
	/* Folded: name and value are not side by side any more. */
	fields[2].name = span_make("Yd", 2);
	assert_false(http_layout_is_plain(fields, 3));
	/* A line of its own between, and none. */
	fields[2].name = span_make(good + 14, 1);
	assert_false(http_layout_is_plain(fields, 3));
	fields[0] = (struct http_field){span_make(bare, 4), span_make(bare + 6, 1)};
	fields[1] = (struct http_field){span_make(bare + 8, 1), span_make(bare + 11, 1)};
	assert_false(http_layout_is_plain(fields, 2));
}

static void test_target(void **state) {
	static const struct {
		const char *uri;
		int want;
		const char *authority, *path, *query;
	} rows[] = {
	        {"/c/abc", 0, "", "/c/abc", ""},
	        {"/v/news.gif?v=1?2", 0, "", "/v/news.gif", "v=1?2"},
	        {"/", 0, "", "/", ""},
	        {"//evil.example/c/abc", 0, "", "//evil.example/c/abc", ""},
	        {"http://t.example.com/c/abc", 0, "t.example.com", "/c/abc", ""},
	        {"HTTPS://t.example.com:443/u/abc?x", 0, "t.example.com:443", "/u/abc", "x"},
	        {"http://user@t.example.com/", 0, "user@t.example.com", "/", ""},
	        {"http:///c/abc", -1, "", "", ""},
	        {"http://t.example.com", -1, "", "", ""},
	        {"http://t.example.com?x", -1, "", "", ""},
	        {"ftp://t.example.com/", -1, "", "", ""},
	        {"*", -1, "", "", ""},
	        {"t.example.com:443", -1, "", "", ""},
	        {"c/abc", -1, "", "", ""},
	        {"", -1, "", "", ""},
	        {"/c/a b", -1, "", "", ""},
	        {"/c/a\tb", -1, "", "", ""},
	        {"/c/a#b", -1, "", "", ""},
	        {"/c/a\\b", -1, "", "", ""},
	        {"/c/\xe3\x81\x82", -1, "", "", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_target target;

		if (http_target_parse(span_of(rows[i].uri), &target) != rows[i].want)
			fail_msg("%s: want %d", rows[i].uri, rows[i].want);
		if (rows[i].want != 0)
			continue;
		assert_true(span_equal(target.authority, span_of(rows[i].authority)));
		assert_true(span_equal(target.path, span_of(rows[i].path)));
		assert_true(span_equal(target.query, span_of(rows[i].query)));
	}
}

static void test_host(void **state) {
	static const struct {
		const char *authority, *host;
		bool want;
	} rows[] = {
	        {"t.example.com", "t.example.com", true},
	        {"T.Example.COM", "t.example.com", true},
	        {"t.example.com:443", "t.example.com", true},
	        {"t.example.com:80", "t.example.com", true},
	        {"t.example.com:8443", "t.example.com:8443", true},
	        {"t.example.com", "t.example.com:8443", false},
	        {"t.example.com:8080", "t.example.com", false},
	        {"t.example.com.", "t.example.com", false},
	        {"x.t.example.com", "t.example.com", false},
	        {"example.com", "t.example.com", false},
	        {"user@t.example.com", "t.example.com", false},
	        {"t.example.com, evil.example", "t.example.com", false},
	        {"127.0.0.1", "t.example.com", false},
	        {"", "t.example.com", false},
	        {"", "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		if (http_host_is(span_of(rows[i].authority), span_of(rows[i].host)) != rows[i].want)
			fail_msg("%s for %s", rows[i].authority, rows[i].host);
	assert_true(http_host_is_local(SPAN("127.0.0.1:8081")));
	assert_true(http_host_is_local(SPAN("[::1]:8081")));
	assert_true(http_host_is_local(SPAN("localhost:8081")));
	assert_true(http_host_is_local(SPAN("LOCALHOST")));
	assert_false(http_host_is_local(SPAN("evil.example")));
	assert_false(http_host_is_local(SPAN("localhost.evil.example")));
	assert_false(http_host_is_local(SPAN("")));
}

static void test_client(void **state) {
	static const struct {
		const char *peer, *fields, *want;
	} rows[] = {
	        {"192.0.2.1", "Host: a", "192.0.2.1"},
	        {"192.0.2.1", "Host: a\nX-Forwarded-For: 198.51.100.9", "192.0.2.1"},
	        {"10.0.0.1", "Host: a", "10.0.0.1"},
	        {"10.0.0.1", "Host: a\nX-Forwarded-For: 198.51.100.9", "198.51.100.9"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5, 198.51.100.9", "198.51.100.9"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5,  10.0.0.2 ", "203.0.113.5"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5\nx-forwarded-for: 10.0.0.2", "203.0.113.5"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5\nX-Forwarded-For: 198.51.100.9", "198.51.100.9"},
	        {"10.0.0.1", "X-Forwarded-For: unknown", "10.0.0.1"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5, unknown", "10.0.0.1"},
	        {"10.0.0.1", "X-Forwarded-For: ", "10.0.0.1"},
	        {"10.0.0.1", "X-Forwarded-For: ,,,", "10.0.0.1"},
	        {"10.0.0.1", "X-Forwarded-For: 203.0.113.5:4711", "203.0.113.5"},
	        {"10.0.0.1", "X-Forwarded-For: [2001:DB8::0:9]:4711", "2001:db8::9"},
	        {"10.0.0.1", "X-Forwarded-For: 2001:db8::9", "2001:db8::9"},
	        {"10.0.0.1", "X-Forwarded-For: 1.2.3.4.5", "10.0.0.1"},
	        {"10.0.0.1", "X-Forwarded-For: <script>", "10.0.0.1"},
	        {"::ffff:10.0.0.1", "X-Forwarded-For: ::ffff:203.0.113.5", "203.0.113.5"},
	        {"2001:db8:1::1", "X-Forwarded-For: 203.0.113.5", "203.0.113.5"},
	        {"", "X-Forwarded-For: 203.0.113.5", "0.0.0.0"},
	};
	struct strings proxies = {NULL, 0};
	struct http_field fields[8];
	size_t i;

	(void)state;
	strings_add(&proxies, SPAN("10.0.0.0/8"));
	strings_add(&proxies, SPAN("2001:db8:1::/48"));
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		char got[HTTP_ADDRESS_SIZE];

		http_client(&proxies, span_of(rows[i].peer), fields, read_fields(rows[i].fields, fields), got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s, %s: want %s, got %s", rows[i].peer, rows[i].fields, rows[i].want, got);
	}
	strings_free(&proxies);
}

static void test_answer(void **state) {
	struct http_answer answer, other;

	(void)state;
	http_answer_init(&answer);
	http_answer_field(&answer, "Location", SPAN("https://example.com/"));
	http_answer_field(&answer, "location", SPAN("https://example.org/"));
	assert_int_equal(answer.field_count, 1);
	assert_string_equal(http_answer_find(&answer, "LOCATION"), "https://example.org/");
	assert_null(http_answer_find(&answer, "Set-Cookie"));
	/* One answer to all that is not ours, whatever was in it before (S1). */
	http_answer_not_found(&answer);
	http_answer_init(&other);
	http_answer_not_found(&other);
	assert_null(http_answer_find(&answer, "Location"));
	assert_int_equal(answer.status, 404);
	assert_ptr_equal(answer.constant_body, other.constant_body);
	assert_int_equal(answer.field_count, other.field_count);
	/* H7: no field can be made in a value. */
	assert_false(answer.failed);
	http_answer_field(&answer, "Location", SPAN("https://example.com/\r\nSet-Cookie: a=b"));
	assert_true(answer.failed);
	http_answer_reset(&answer);
	http_answer_field(&answer, "Location", SPAN("https://example.com/\0x"));
	assert_true(answer.failed);
	http_answer_free(&answer);
	http_answer_free(&other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_fields), cmocka_unit_test(test_layout), cmocka_unit_test(test_target),
	        cmocka_unit_test(test_host),   cmocka_unit_test(test_client), cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
