/* milter/links.h: which links are rewritten (B6-B11, H3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "milter/links.h"

#define TARGET_MAX 100

struct judge_row {
	const char *what;
	const char *url;
	enum links_verdict want;
	const char *want_target; /* NULL: `url` itself */
};

static const struct judge_row judge_rows[] = {
        {"B6: https", "https://shop.example.jp/a", LINKS_REWRITE, NULL},
        {"B6: http", "http://shop.example.jp", LINKS_REWRITE, NULL},
        {"B6: scheme in any case, kept", "HtTpS://Shop.example.jp/A", LINKS_REWRITE, NULL},
        {"B6: trimmed", " \t\r\n\f https://a.jp/ \f\n", LINKS_REWRITE, "https://a.jp/"},
        {"B6: TAB, CR, LF within taken out", "ht\ntps://a\t.jp/\r\nx\ty", LINKS_REWRITE, "https://a.jp/xy"},
        {"B10: fragment, query, escapes kept", "https://a.jp/%7e?q=1&r=%2F;x#frag", LINKS_REWRITE, NULL},
        {"B10: a blank within is kept", "https://a.jp/a b", LINKS_REWRITE, NULL},
        {"user information and port", "https://u:p@a.jp:8443/", LINKS_REWRITE, NULL},
        {"IPv6", "http://[2001:db8::1]:80/", LINKS_REWRITE, NULL},
        {"single % is no template", "https://a.jp/100%", LINKS_REWRITE, NULL},
        {"single braces are no template", "https://a.jp/{x}", LINKS_REWRITE, NULL},
        {"B7: empty", "", LINKS_NOT_HTTP, NULL},
        {"B7: blank", " \n", LINKS_NOT_HTTP, NULL},
        {"B7: anchor", "#top", LINKS_NOT_HTTP, NULL},
        {"B7: relative path", "/a/b", LINKS_NOT_HTTP, NULL},
        {"B7: relative name", "a.html", LINKS_NOT_HTTP, NULL},
        {"B7: scheme-relative", "//a.jp/", LINKS_NOT_HTTP, NULL},
        {"B7: scheme without slashes", "https:a.jp", LINKS_NOT_HTTP, NULL},
        {"B7: backslashes", "https:\\\\a.jp", LINKS_NOT_HTTP, NULL},
        {"B7: mailto", "mailto:a@example.jp", LINKS_NOT_HTTP, NULL},
        {"B7: tel", "tel:0300000000", LINKS_NOT_HTTP, NULL},
        {"B7: sms", "sms:0300000000", LINKS_NOT_HTTP, NULL},
        {"B7: cid", "cid:part1@example.jp", LINKS_NOT_HTTP, NULL},
        {"B7: data", "data:text/html,http://a.jp/", LINKS_NOT_HTTP, NULL},
        {"B7: javascript", "javascript:location='http://a.jp/'", LINKS_NOT_HTTP, NULL},
        {"other scheme that begins alike", "httpsx://a.jp/", LINKS_NOT_HTTP, NULL},
        {"no host", "https://", LINKS_NOT_HTTP, NULL},
        {"no host before a path", "https:///a.jp", LINKS_NOT_HTTP, NULL},
        {"no host before a port", "https://:443/", LINKS_NOT_HTTP, NULL},
        {"no host behind user information", "https://a@/", LINKS_NOT_HTTP, NULL},
        {"blank in the host", "https://a b/", LINKS_NOT_HTTP, NULL},
        {"unclosed IPv6", "https://[::1/", LINKS_NOT_HTTP, NULL},
        {"B7: {{ }}", "https://a.jp/?u={{id}}", LINKS_TEMPLATE, NULL},
        {"B7: {{ alone", "https://a.jp/{{", LINKS_TEMPLATE, NULL},
        {"B7: }} alone", "https://a.jp/}}", LINKS_TEMPLATE, NULL},
        {"B7: %%", "https://a.jp/%%id%%", LINKS_TEMPLATE, NULL},
        {"B7: *| |*", "https://a.jp/*|ID|*", LINKS_TEMPLATE, NULL},
        {"B7: *| alone", "https://a.jp/*|", LINKS_TEMPLATE, NULL},
        {"B7: |* alone", "https://a.jp/x|*", LINKS_TEMPLATE, NULL},
        {"B7: nothing but a placeholder", "{{url}}", LINKS_TEMPLATE, NULL},
        {"H3: below base_url", "https://t.example.com/u/TOKEN", LINKS_OURS, NULL},
        {"base_url itself", "https://t.example.com", LINKS_OURS, NULL},
        {"base_url, host in other case", "HTTPS://T.Example.COM/c/x", LINKS_OURS, NULL},
        {"base_url with a query", "https://t.example.com?x", LINKS_OURS, NULL},
        {"base_url by http is another", "http://t.example.com/u/x", LINKS_REWRITE, NULL},
        {"host that begins like base_url's", "https://t.example.com.evil.jp/", LINKS_REWRITE, NULL},
        {"base_url as user information", "https://t.example.com@evil.jp/", LINKS_REWRITE, NULL},
        {"H3: the List-Unsubscribe URI", "https://app.example.jp/Leave?u=1", LINKS_OURS, NULL},
        {"H3: host in other case", "https://APP.example.jp/Leave?u=1", LINKS_OURS, NULL},
        {"its path in other case is another", "https://app.example.jp/leave?u=1", LINKS_REWRITE, NULL},
        {"longer than it", "https://app.example.jp/Leave?u=12", LINKS_REWRITE, NULL},
        {"B8: pattern with a star", "https://www.no.example/x", LINKS_OPTED_OUT, NULL},
        {"B8: the star may be empty", "https://.no.example/", LINKS_OPTED_OUT, NULL},
        {"B8: outside the pattern", "https://no.example/x", LINKS_REWRITE, NULL},
        {"B8: question mark is one byte", "https://q.jp/a1", LINKS_OPTED_OUT, NULL},
        {"B8: question mark is not none", "https://q.jp/a", LINKS_REWRITE, NULL},
        {"B8: question mark is not two", "https://q.jp/a12", LINKS_REWRITE, NULL},
        {"B8: whole URL", "https://q.jp/a1/", LINKS_REWRITE, NULL},
        {"B8: many stars", "http://x/abcabdabe", LINKS_OPTED_OUT, NULL},
        {"B7: UTF-8 in UTF-8", "https://日本.jp/パス", LINKS_REWRITE, NULL},
        {"invalid UTF-8", "https://a.jp/\xe3\x81", LINKS_CONTROL, NULL},
        {"over-long UTF-8", "https://a.jp/\xc0\xaf", LINKS_CONTROL, NULL},
        {"surrogate in UTF-8", "https://a.jp/\xed\xa0\x80", LINKS_CONTROL, NULL},
        {"beyond Unicode", "https://a.jp/\xf4\x90\x80\x80", LINKS_CONTROL, NULL},
        {"control character", "https://a.jp/\x01", LINKS_CONTROL, NULL},
        {"ISO-2022-JP's ESC", "https://a.jp/\x1b$B", LINKS_CONTROL, NULL},
        {"form feed within", "https://a.jp/\fx", LINKS_CONTROL, NULL},
        {"DEL", "https://a.jp/\x7f", LINKS_CONTROL, NULL},
        {"control character before the scheme", "\x01https://a.jp/", LINKS_NOT_HTTP, NULL},
        {"B10: just fits",
         "https://a.jp/567890123456789012345678901234567890123456789012345678901234567890123456789012345678901",
         LINKS_REWRITE, NULL},
        {"B10: one over",
         "https://a.jp/5678901234567890123456789012345678901234567890123456789012345678901234567890123456789012",
         LINKS_TOO_LONG, NULL},
};

static struct links_rules rules_of(struct strings *patterns) {
	static char no_example[] = "https://*.no.example/*", q[] = "https://q.jp/a?", stars[] = "http://*a*b*abe*";
	static char *at[] = {no_example, q, stars};

	*patterns = (struct strings){at, 3};
	return (struct links_rules){.base_url = SPAN("https://t.example.com"),
	                            .from_domain = SPAN("example.org"),
	                            .unsubscribe_uri = SPAN("https://app.example.jp/Leave?u=1"),
	                            .no_track = patterns,
	                            .target_max = TARGET_MAX};
}

/* The verdict on a copy without room behind it, for the sanitizer's sake; what
 * the buffer held stays, and only a target follows it. */
static void check(const char *what, const struct links_rules *rules, struct links_candidate candidate,
                  enum links_verdict want, struct span want_target) {
	char *copy = malloc(candidate.url.len == 0 ? 1 : candidate.url.len);
	enum links_verdict got;
	struct buf out;

	if (candidate.url.len > 0)
		memcpy(copy, candidate.url.at, candidate.url.len);
	candidate.url.at = copy;
	buf_init(&out, 4096);
	buf_add_text(&out, "before|");
	got = links_judge(rules, &candidate, &out);
	if (got != want)
		fail_msg("%s: got %s, want %s", what, links_verdict_name(got), links_verdict_name(want));
	assert_true(span_starts(buf_span(&out), SPAN("before|")));
	if (want != LINKS_REWRITE)
		want_target = SPAN_NONE;
	if (!span_equal(span_from(buf_span(&out), 7), want_target))
		fail_msg("%s: got target %s, want %.*s", what, out.at, SPAN_ARG(want_target));
	buf_free(&out);
	free(copy);
}

static void test_judge(void **state) {
	struct strings patterns;
	struct links_rules rules = rules_of(&patterns);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof judge_rows / sizeof judge_rows[0]; i++) {
		const struct judge_row *row = &judge_rows[i];
		struct links_candidate candidate = {.url = span_of(row->url), .utf8 = true};

		check(row->what, &rules, candidate, row->want,
		      span_of(row->want_target == NULL ? row->url : row->want_target));
	}
}

struct charset_row {
	const char *what;
	const char *url;
	bool utf8;
	enum links_verdict want;
};

static const struct charset_row charset_rows[] = {
        {"B7: raw bytes of another charset", "https://a.jp/\xa4\xa2", false, LINKS_NON_ASCII},
        {"B7: even where they look like UTF-8", "https://a.jp/あ", false, LINKS_NON_ASCII},
        {"B7: fine in UTF-8", "https://a.jp/ああ", true, LINKS_REWRITE},
        {"ASCII in another charset", "https://a.jp/", false, LINKS_REWRITE},
};

static void test_charsets(void **state) {
	struct strings patterns;
	struct links_rules rules = rules_of(&patterns);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof charset_rows / sizeof charset_rows[0]; i++) {
		const struct charset_row *row = &charset_rows[i];
		struct links_candidate candidate = {.url = span_of(row->url), .utf8 = row->utf8};

		check(row->what, &rules, candidate, row->want, span_of(row->url));
	}
}

struct shown_row {
	const char *what;
	const char *from_domain;
	const char *text;
	enum links_verdict want;
};

static const struct shown_row shown_rows[] = {
        {"B9: https", "example.org", "https://shop.example.jp/", LINKS_SHOWN_URL},
        {"B9: http in capitals", "example.org", "HTTP://shop.example.jp", LINKS_SHOWN_URL},
        {"B9: www.", "example.org", "www.shop.example.jp", LINKS_SHOWN_URL},
        {"B9: WWW.", "example.org", "WWW.shop.example.jp/x", LINKS_SHOWN_URL},
        {"B9: trimmed", "example.org", "\r\n\t www.shop.example.jp ", LINKS_SHOWN_URL},
        {"B9: no-break and wide blanks trimmed", "example.org", "\xc2\xa0　www.shop.example.jp　\xc2\xa0",
         LINKS_SHOWN_URL},
        {"B9: the tracking host itself", "example.org", "https://T.example.com:443/x", LINKS_REWRITE},
        {"B9: the From domain", "example.com", "https://shop.example.jp/", LINKS_REWRITE},
        {"B9: the From domain in capitals", "EXAMPLE.com", "https://shop.example.jp/", LINKS_REWRITE},
        {"B9: the tracking host is the From domain", "t.example.com", "https://shop.example.jp/", LINKS_REWRITE},
        {"B9: a From domain below the tracking host", "x.t.example.com", "https://shop.example.jp/", LINKS_SHOWN_URL},
        {"B9: a From domain that ends alike", "ample.com", "https://shop.example.jp/", LINKS_SHOWN_URL},
        {"B9: From unknown", "", "https://shop.example.jp/", LINKS_SHOWN_URL},
        {"B9: a blank within", "example.org", "https://shop.example.jp/ here", LINKS_REWRITE},
        {"B9: a line end within", "example.org", "www.shop.example.jp\r\nhere", LINKS_REWRITE},
        {"B9: a wide blank within", "example.org", "https://shop.example.jp/　詳細", LINKS_REWRITE},
        {"B9: URL behind words", "example.org", "seehttps://shop.example.jp/", LINKS_REWRITE},
        {"B9: domain without www", "example.org", "shop.example.jp", LINKS_REWRITE},
        {"B9: no host", "example.org", "https://", LINKS_REWRITE},
        {"B9: www alone", "example.org", "www", LINKS_REWRITE},
        {"B9: words", "example.org", "詳しくはこちら", LINKS_REWRITE},
        {"B9: no text", "example.org", NULL, LINKS_REWRITE},
};

static void test_shown_url(void **state) {
	struct strings patterns;
	struct links_rules rules = rules_of(&patterns);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof shown_rows / sizeof shown_rows[0]; i++) {
		const struct shown_row *row = &shown_rows[i];
		struct links_candidate candidate = {.url = SPAN("https://shop.example.jp/"),
		                                    .utf8 = true,
		                                    .has_text = row->text != NULL,
		                                    .text = span_of(row->text)};

		rules.from_domain = span_of(row->from_domain);
		check(row->what, &rules, candidate, row->want, candidate.url);
	}
}

static void test_opted_out(void **state) {
	struct links_rules rules = {.base_url = SPAN("https://t.example.com"), .target_max = TARGET_MAX};
	struct links_candidate candidate = {.url = SPAN("https://a.jp/"), .utf8 = true, .opted_out = true};

	(void)state;
	check("B8: attribute", &rules, candidate, LINKS_OPTED_OUT, SPAN_NONE);
	candidate.opted_out = false;
	check("no patterns given", &rules, candidate, LINKS_REWRITE, candidate.url);
}

/* A target is never written by halves. */
static void test_ceiling(void **state) {
	struct links_rules rules = {.base_url = SPAN("https://t.example.com"), .target_max = TARGET_MAX};
	struct links_candidate candidate = {.url = SPAN("https://a.jp/\nabc"), .utf8 = true};
	struct buf out;

	(void)state;
	buf_init(&out, 14);
	assert_int_equal(links_judge(&rules, &candidate, &out), LINKS_TOO_LONG);
	assert_true(out.failed);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void test_hosts(void **state) {
	static const struct {
		const char *url;
		const char *want;
	} rows[] = {
	        {"https://a.jp", "a.jp"},
	        {"HTTP://A.jp/x@y", "A.jp"},
	        {"https://a.jp?x", "a.jp"},
	        {"https://a.jp#x", "a.jp"},
	        {"https://a.jp\\@b.jp", "a.jp"},
	        {"https://u:p@a.jp:80/", "a.jp"},
	        {"https://u@v@a.jp", "a.jp"},
	        {"https://[::1]:80/", "[::1]"},
	        {"https://[::1]", "[::1]"},
	        {"https://日本.jp/", "日本.jp"},
	        {"https://[]/", ""},
	        {"https://[a", ""},
	        {"https://a\x7f", ""},
	        {"https://", ""},
	        {"https:///x", ""},
	        {"https:/a.jp", ""},
	        {"ftp://a.jp", ""},
	        {"", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!span_equal(links_host(span_of(rows[i].url)), span_of(rows[i].want)))
			fail_msg("host of %s: want %s", rows[i].url, rows[i].want);
}

static void test_names(void **state) {
	int i, k;

	(void)state;
	for (i = LINKS_REWRITE; i <= LINKS_TOO_LONG; i++)
		for (k = LINKS_REWRITE; k < i; k++)
			assert_string_not_equal(links_verdict_name(i), links_verdict_name(k));
}

struct text_row {
	const char *what;
	const char *mask;
	const char *want; /* the links, each behind a newline */
};

static const struct text_row text_rows[] = {
        {"B11: alone", "http://a.jp/", "\nhttp://a.jp/"},
        {"B11: in words", "see https://a.jp/x?y=1#z now", "\nhttps://a.jp/x?y=1#z"},
        {"B11: two", "http://a.jp\r\nHTTPS://b.jp\r\n", "\nhttp://a.jp\nHTTPS://b.jp"},
        {"B11: ends at a line end", "http://a.jp/x\r\ny", "\nhttp://a.jp/x"},
        {"B11: ends at a tab", "http://a.jp/x\ty", "\nhttp://a.jp/x"},
        {"B11: in <>", "<http://a.jp/x>", "\nhttp://a.jp/x"},
        {"B11: ends at <", "http://a.jp/x<b", "\nhttp://a.jp/x"},
        {"B11: in quotes", "\"http://a.jp/x\"", "\nhttp://a.jp/x"},
        {"B11: ends at a control character", "http://a.jp/\x01x", "\nhttp://a.jp/"},
        {"B11: trailing punctuation", "http://a.jp/x.,;:!?'", "\nhttp://a.jp/x"},
        {"B11: punctuation within", "http://a.jp/x.y,z;a:b!c?d'e", "\nhttp://a.jp/x.y,z;a:b!c?d'e"},
        {"B11: in ()", "(http://a.jp/x)", "\nhttp://a.jp/x"},
        {"B11: in () with a stop", "(see http://a.jp/x.).", "\nhttp://a.jp/x"},
        {"B11: balanced () is its own", "http://a.jp/x_(y)", "\nhttp://a.jp/x_(y)"},
        {"B11: balanced () in ()", "(http://a.jp/x_(y))", "\nhttp://a.jp/x_(y)"},
        {"B11: in []", "[http://a.jp/x]", "\nhttp://a.jp/x"},
        {"B11: in {}", "{http://a.jp/x}", "\nhttp://a.jp/x"},
        {"B11: mixed brackets", "([http://a.jp/x_[1]]),", "\nhttp://a.jp/x_[1]"},
        {"IPv6", "http://[::1]/ http://[::1]", "\nhttp://[::1]/\nhttp://[::1]"},
        {"B11: behind a letter", "xhttp://a.jp/", ""},
        {"B11: behind a digit", "1http://a.jp/", ""},
        {"B11: behind punctuation", "url=http://a.jp/", "\nhttp://a.jp/"},
        {"B11: behind kana", "詳細はhttp://a.jp/", "\nhttp://a.jp/"},
        {"B11: behind a masked character", "\x80\x80http://a.jp/\r\n", "\nhttp://a.jp/"},
        {"B11: followed by kana", "http://a.jp/をご覧", ""},
        {"B11: followed by kanji", "http://a.jp/x詳細", ""},
        {"B11: followed by kana behind a stop", "http://a.jp/x.を", ""},
        {"B11: followed by half-width kana", "http://a.jp/ｦ", ""},
        {"B11: followed by a full-width letter", "http://a.jp/Ａ", ""},
        {"B11: followed by a masked character", "http://a.jp/\x80\x80 x", ""},
        {"B11: followed by a Latin letter", "http://a.jp/é", ""},
        {"B11: Japanese stop", "http://a.jp/x。次", "\nhttp://a.jp/x"},
        {"B11: Japanese brackets", "「http://a.jp/x」（http://b.jp/）", "\nhttp://a.jp/x\nhttp://b.jp/"},
        {"B11: wide blank", "http://a.jp/x　次", "\nhttp://a.jp/x"},
        {"B11: the next one is still found", "http://a.jp/を http://b.jp/", "\nhttp://b.jp/"},
        {"no host", "http:// http://", ""},
        {"no host, then a URL", "http://(http://a.jp)", "\nhttp://a.jp"},
        {"host of punctuation", "http://.../", ""},
        {"URL within a URL", "http://a.jp/?http://b.jp/", "\nhttp://a.jp/?http://b.jp/"},
        {"no scheme", "www.a.jp mailto:a@b.jp ftp://a.jp", ""},
        {"empty", "", ""},
        {"cut short", "http:/", ""},
};

static int collect(void *context, size_t at, size_t len) {
	struct buf *got = context;

	buf_printf(got, "\n@%zu+%zu", at, len);
	return 0;
}

static int collect_text(void *context, size_t at, size_t len) {
	struct buf *const *pair = context;

	buf_add_byte(pair[0], '\n');
	buf_add(pair[0], pair[1]->at + at, len);
	return 0;
}

static void test_text(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
		size_t n = strlen(text_rows[i].mask);
		char *copy = malloc(n == 0 ? 1 : n);
		struct buf got, mask = {.at = copy, .len = n};
		struct buf *pair[] = {&got, &mask};

		memcpy(copy, text_rows[i].mask, n);
		buf_init(&got, 4096);
		buf_add_text(&got, "");
		assert_int_equal(links_each_in_text(copy, n, collect_text, pair), 0);
		if (strcmp(got.at, text_rows[i].want) != 0)
			fail_msg("%s: got%s, want%s", text_rows[i].what, got.at, text_rows[i].want);
		buf_free(&got);
		free(copy);
	}
}

static int stop_at_second(void *context, size_t at, size_t len) {
	size_t *calls = context;

	(void)at;
	(void)len;
	return ++*calls == 2 ? 42 : 0;
}

static void test_text_stops(void **state) {
	static const char text[] = "http://a.jp http://b.jp http://c.jp";
	size_t calls = 0;
	struct buf got;

	(void)state;
	assert_int_equal(links_each_in_text(text, sizeof text - 1, stop_at_second, &calls), 42);
	assert_int_equal(calls, 2);
	buf_init(&got, 4096);
	assert_int_equal(links_each_in_text(text, sizeof text - 1, collect, &got), 0);
	assert_string_equal(got.at, "\n@0+11\n@12+11\n@24+11");
	buf_free(&got);
}

static int count(void *context, size_t at, size_t len) {
	(void)at;
	(void)len;
	++*(size_t *)context;
	return 0;
}

/* Quadratic time would take hours for these; a second is far from either. */
static void test_linear(void **state) {
	static const char *const units[] = {"http://", "(((((", ")))))",     "http://a", "http://a)",   "http://a.",
	                                    "hhhhhhh", "http:", "http://a[", "http://[", "http://a\x80"};
	const size_t size = 4 * 1024 * 1024;
	char *text = malloc(size);
	struct timespec start, end;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t len = strlen(units[i]), calls = 0;

		for (k = 0; k < size; k++)
			text[k] = units[i][k % len];
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		links_each_in_text(text, size, count, &calls);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		if (end.tv_sec - start.tv_sec > 5)
			fail_msg("4 MiB of \"%s\" took %ld seconds", units[i], (long)(end.tv_sec - start.tv_sec));
	}
	free(text);
}

/* A pattern that tempts a matcher into exponential time, on the longest target. */
static void test_pattern_time(void **state) {
	static char pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
	char *at[] = {pattern};
	struct strings patterns = {at, 1};
	struct links_rules rules = {
	        .base_url = SPAN("https://t.example.com"), .no_track = &patterns, .target_max = 2000};
	char url[2000] = "https://";
	struct links_candidate candidate = {.url = {url, sizeof url}, .utf8 = true};
	struct timespec start, end;

	(void)state;
	memset(url + 8, 'a', sizeof url - 8);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	check("no match", &rules, candidate, LINKS_REWRITE, candidate.url);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_true(end.tv_sec - start.tv_sec <= 1);
	url[sizeof url - 1] = 'b';
	check("match", &rules, candidate, LINKS_OPTED_OUT, SPAN_NONE);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_judge),        cmocka_unit_test(test_charsets),
	        cmocka_unit_test(test_shown_url),    cmocka_unit_test(test_opted_out),
	        cmocka_unit_test(test_ceiling),      cmocka_unit_test(test_hosts),
	        cmocka_unit_test(test_names),        cmocka_unit_test(test_text),
	        cmocka_unit_test(test_text_stops),   cmocka_unit_test(test_linear),
	        cmocka_unit_test(test_pattern_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
