/* lib/addr.h: canonical addresses (W7), and the first mailbox of a From field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/addr.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LABEL_63 SIXTY "klm"
#define DOMAIN_255 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63

struct wanted {
	const char *text;
	const char *want; /* NULL: no address */
};

static void check(const struct wanted *cases, size_t count, int (*parse)(struct span, struct addr *)) {
	size_t i;

	for (i = 0; i < count; i++) {
		struct addr addr;
		int got = parse(span_of(cases[i].text), &addr);

		if (cases[i].want == NULL && got != -1)
			fail_msg("%s: want none, got %s", cases[i].text, addr.text);
		if (cases[i].want == NULL) {
			assert_int_equal(addr.len, 0);
			continue;
		}
		if (got != 0 || strcmp(addr.text, cases[i].want) != 0)
			fail_msg("%s: want %s, got %s", cases[i].text, cases[i].want, got == 0 ? addr.text : "none");
		assert_int_equal(addr.len, strlen(cases[i].want));
		assert_int_equal(addr.text[addr.at], '@');
		assert_null(memchr(addr.text + addr.at + 1, '@', addr.len - addr.at - 1));
	}
}

#define CHECK(cases, parse) check(cases, sizeof cases / sizeof cases[0], parse)

static void test_spellings(void **state) {
	static const struct wanted cases[] = {
	        {"a@example.jp", "a@example.jp"},
	        {"<a@example.jp>", "a@example.jp"},
	        {" \t<a@example.jp>\r\n", "a@example.jp"},
	        {"a@EXAMPLE.Jp", "a@example.jp"},
	        {"a@example.jp.", "a@example.jp"},
	        {"\"a\"@example.jp", "a@example.jp"},
	        {"\"\\a\"@example.jp", "a@example.jp"},
	        {"A@example.jp", "A@example.jp"},
	        {"a@localhost", "a@localhost"},
	        {"a@_dmarc.example.jp", "a@_dmarc.example.jp"},
	        {"a+b!#$%&'*-/=?^_`{|}~@example.jp", "a+b!#$%&'*-/=?^_`{|}~@example.jp"},
	        /* The carriers' own. */
	        {"a..b@docomo.ne.jp", "a..b@docomo.ne.jp"},
	        {"\"a..b\"@docomo.ne.jp", "a..b@docomo.ne.jp"},
	        {"a.@ezweb.ne.jp", "a.@ezweb.ne.jp"},
	        {"\"a.\"@ezweb.ne.jp", "a.@ezweb.ne.jp"},
	        {".a@ezweb.ne.jp", ".a@ezweb.ne.jp"},
	        {"-a_@docomo.ne.jp", "-a_@docomo.ne.jp"},
	        /* Quoted strings (RFC 5321 4.1.2). */
	        {"\"a b\"@example.jp", "a b@example.jp"},
	        {"\"a@b\"@example.jp", "a@b@example.jp"},
	        {"\"a\\\"b\\\\c\"@example.jp", "a\"b\\c@example.jp"},
	        {"\"a>b\"@example.jp", "a>b@example.jp"},
	        {"<\"a>\"@example.jp>", "a>@example.jp"},
	        {"\"a\".\"b\"@example.jp", "a.b@example.jp"},
	        {"a.\"b c\".d@example.jp", "a.b c.d@example.jp"},
	        /* Source routes (RFC 5321 C). */
	        {"<@a.example,@b.example:u@c.example>", "u@c.example"},
	        {"<@[IPv6:::1]:u@c.example>", "u@c.example"},
	        {"@a:u@c.example", "u@c.example"},
	        /* IDNA: one key for both labels. */
	        {"a@b\xc3\xbc"
	         "cher.example",
	         "a@xn--bcher-kva.example"},
	        {"a@B\xc3\x9c"
	         "CHER.example.",
	         "a@xn--bcher-kva.example"},
	        {"a@bu\xcc\x88"
	         "cher.example",
	         "a@xn--bcher-kva.example"},
	        {"a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"},
	        {"a@stra\xc3\x9f"
	         "e.example",
	         "a@xn--strae-oqa.example"},
	        {"a@\xe4\xbe\x8b\xe3\x81\x88.jp", "a@xn--r8jz45g.jp"},
	        {"a@\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp\xe3\x80\x82", "a@xn--r8jz45g.jp"},
	        /* SMTPUTF8 (RFC 6531): exact. */
	        {"\xe5\xb1\xb1\xe7\x94\xb0@example.jp", "\xe5\xb1\xb1\xe7\x94\xb0@example.jp"},
	        {"\xf0\x9f\x93\xae@example.jp", "\xf0\x9f\x93\xae@example.jp"},
	        /* Literals (RFC 5321 4.1.3). */
	        {"a@[192.0.2.1]", "a@[192.0.2.1]"},
	        {"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
	};

	(void)state;
	CHECK(cases, addr_parse);
}

static const struct wanted refusals[] = {
        {"", NULL},
        {"<>", NULL},
        {"a", NULL},
        {"@", NULL},
        {"a@", NULL},
        {"@example.jp", NULL},
        {"\"\"@example.jp", NULL},
        {"a@.", NULL},
        {"a@.example.jp", NULL},
        {"a@example..jp", NULL},
        {"a@example.jp..", NULL},
        {"a@exa mple.jp", NULL},
        {"a@-example.jp", NULL},
        {"a@example-.jp", NULL},
        {"a@example.jp/", NULL},
        {"a@example.jp:25", NULL},
        {"a@192.0.2.1", NULL},
        {"a b@example.jp", NULL},
        {"a@b@example.jp", NULL},
        {"a@b.jp, c@d.jp", NULL},
        {"a@b.jp c@d.jp", NULL},
        {"Name <a@example.jp>", NULL},
        {"<a@example.jp", NULL},
        {"a@example.jp>", NULL},
        {"(a)b@example.jp", NULL},
        {"a\\b@example.jp", NULL},
        {"\"a@example.jp", NULL},
        {"\"a\\", NULL},
        {"\"a\"b@example.jp", NULL},
        {"a\"b\"@example.jp", NULL},
        {"<@a,@b>", NULL},
        {"<@a:>", NULL},
        {"<@a:b>", NULL},
        /* Control characters, quoted or not; C1 too. */
        {"a\rb@example.jp", NULL},
        {"\"a\nb\"@example.jp", NULL},
        {"\"a\\\rb\"@example.jp", NULL},
        {"\"a\tb\"@example.jp", NULL},
        {"a\x1b@example.jp", NULL},
        {"a\x7f@example.jp", NULL},
        {"a\xc2\x85@example.jp", NULL},
        {"a@exa\xc2\x85mple.jp", NULL},
        {"a@example\n.jp", NULL},
        /* No UTF-8: a stray byte, an overlong form, a surrogate, over U+10FFFF. */
        {"a\xff@example.jp", NULL},
        {"a\xc0\xaf@example.jp", NULL},
        {"a\xed\xa0\x80@example.jp", NULL},
        {"a\xf4\x90\x80\x80@example.jp", NULL},
        {"a@\xff.jp", NULL},
        {"a@\xef\xbf\xbd.jp", NULL},
        {"a@[]", NULL},
        {"a@[192.0.2.1", NULL},
        {"a@[192.0.2.256]", NULL},
        {"a@[192.0.2.1].jp", NULL},
        {"a@[IPv6:192.0.2.1]", NULL},
        {"a@[IPv6:]", NULL},
        {"a@[2001:db8::1]", NULL},
        {"a@[IPv6:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]", NULL},
};

static void test_refusals(void **state) {
	struct addr addr;

	(void)state;
	CHECK(refusals, addr_parse);
	assert_int_equal(addr_parse(SPAN_NONE, &addr), -1);
	assert_int_equal(addr_parse(SPAN("a\0b@example.jp"), &addr), -1);
	assert_int_equal(addr_parse(SPAN("\"a\0b\"@example.jp"), &addr), -1);
	assert_int_equal(addr_parse(SPAN("a@example.jp\0"), &addr), -1);
	assert_int_equal(addr_parse(SPAN("a@b\xc3\xbc\0.jp"), &addr), -1);
	assert_int_equal(addr_parse(SPAN("a@[192.0.2.1\0]"), &addr), -1);
}

/* RFC 5321 4.5.3.1: 64 octets before the @ and 255 behind it. */
static void test_limits(void **state) {
	static const struct wanted cases[] = {
	        {SIXTY "1234@example.jp", SIXTY "1234@example.jp"},
	        {SIXTY "12345@example.jp", NULL},
	        {"\"" SIXTY "\\1\\2\\3\\4\"@example.jp", SIXTY "1234@example.jp"},
	        {"\"" SIXTY "12345\"@example.jp", NULL},
	        {SIXTY "1234@" DOMAIN_255, SIXTY "1234@" DOMAIN_255},
	        {"a@" DOMAIN_255 ".", "a@" DOMAIN_255},
	        {"a@x." DOMAIN_255, NULL},
	        {"a@" LABEL_63 ".jp", "a@" LABEL_63 ".jp"},
	        {"a@x" LABEL_63 ".jp", NULL},
	};

	(void)state;
	assert_int_equal(strlen(DOMAIN_255), 255);
	CHECK(cases, addr_parse);
}

static const struct wanted headers[] = {
        {"a@example.jp", "a@example.jp"},
        {" News <news@Example.com>\r\n", "news@example.com"},
        {"<a@example.jp>", "a@example.jp"},
        {"\"Last, First\" <a@example.jp>", "a@example.jp"},
        {"\"b@example.jp\" <a@example.jp>", "a@example.jp"},
        {"\"x <b@example.jp>\" <a@example.jp>", "a@example.jp"},
        {"\"x \\\" <b@example.jp>\" <a@example.jp>", "a@example.jp"},
        {"b@example.jp <a@example.jp>", "a@example.jp"},
        {"John Q. Public <a@example.jp>", "a@example.jp"},
        {"Last, First <a@example.jp>", "a@example.jp"},
        {"[Support] <a@example.jp>", "a@example.jp"},
        {"Re: x <a@example.jp>", "a@example.jp"},
        {"\"a b\"@example.jp", "a b@example.jp"},
        {"\"a..b\"@docomo.ne.jp", "a..b@docomo.ne.jp"},
        {"a..b.@docomo.ne.jp (x)", "a..b.@docomo.ne.jp"},
        {"a@[192.0.2.1]", "a@[192.0.2.1]"},
        {"a@[IPv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"},
        {"x <a@[IPv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]"},
        {"x <@a,@b:u@c.example>", "u@c.example"},
        /* Comments (RFC 5322 3.2.2). */
        {"a@example.jp (Name)", "a@example.jp"},
        {"(b@example.jp) a@example.jp", "a@example.jp"},
        {"(x (y <b@example.jp>) z) <a@example.jp>", "a@example.jp"},
        {"(x (y) <b@example.jp>) a@example.jp", "a@example.jp"},
        {"(\\)<b@example.jp>) a@example.jp", "a@example.jp"},
        {"(\"a) a@example.jp", "a@example.jp"},
        {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test"},
        {"a(x)@(y)example.jp", "a@example.jp"},
        {"<a @ example . jp>", "a@example.jp"},
        {"<\r\n a@example.jp\r\n >", "a@example.jp"},
        /* Folding. */
        {"Long\r\n\tname\r\n <a@example.jp>", "a@example.jp"},
        {"\"a\r\n b\" <a@example.jp>", "a@example.jp"},
        {"\"a\r\n b\"@example.jp", "a b@example.jp"},
        {"a@example.jp\r\n\t(x\r\n y)", "a@example.jp"},
        /* Encoded words are names. */
        {"=?UTF-8?B?44GC?= <a@example.jp>", "a@example.jp"},
        {"=?UTF-8?Q?b@example.jp?= <a@example.jp>", "a@example.jp"},
        {"=?UTF-8?Q?b@example.jp,?= <a@example.jp>", "a@example.jp"},
        {"=?UTF-8?Q?b@example.jp?=", NULL},
        {"\xe5\xb1\xb1\xe7\x94\xb0 <a@example.jp>", "a@example.jp"},
        /* Several: the first. */
        {"a@example.jp, b@example.jp", "a@example.jp"},
        {"x <a@example.jp>, b@example.jp", "a@example.jp"},
        {", ,a@example.jp,", "a@example.jp"},
        {"nobody, b@example.jp", "b@example.jp"},
        {"<>, b@example.jp", "b@example.jp"},
        /* Groups (RFC 5322 3.4). */
        {"undisclosed-recipients:;", NULL},
        {"undisclosed-recipients: ;, a@example.jp", "a@example.jp"},
        {"Team: x <a@example.jp>, b@example.jp;", "a@example.jp"},
        {"b@example.jp: a@example.jp;", "a@example.jp"},
        {"\"Team: b@example.jp\": a@example.jp;", "a@example.jp"},
        /* None. */
        {"", NULL},
        {"Name only", NULL},
        {"<>", NULL},
        {"<a@example.jp", NULL},
        {"\"a@example.jp", NULL},
        {"(a@example.jp", NULL},
        {"a b@example.jp", NULL},
        {"<a b@example.jp>", NULL},
        {"<a@exam ple.jp>", NULL},
        {"a\\@example.jp", NULL},
};

static void test_header(void **state) {
	struct addr addr;

	(void)state;
	CHECK(headers, addr_parse_header);
	assert_int_equal(addr_parse_header(SPAN_NONE, &addr), -1);
	assert_int_equal(addr_parse_header(SPAN("a\0@example.jp"), &addr), -1);
	assert_int_equal(addr_parse_header(SPAN("\0 <a@example.jp>"), &addr), 0);
}

/* B4: two bytes of a kanji may look like anything. */
static void test_header_iso2022jp(void **state) {
	static const struct wanted cases[] = {
	        {"\x1b$B;3ED\x1b(B <a@example.jp>", "a@example.jp"},
	        {"\x1b$B<b@c>\"(\x1b(B <a@example.jp>", "a@example.jp"},
	        {"\"\x1b$B\"!\\\"\x1b(B\" <a@example.jp>", "a@example.jp"},
	        {"\"\x1b$B\\\\\"<\x1b(J\" <a@example.jp>", "a@example.jp"},
	        {"(\x1b$@)!((\x1b(B) <a@example.jp>", "a@example.jp"},
	        {"\x1b(I<b@c.jp>\x1b(B <a@example.jp>", "a@example.jp"},
	        {"\x1b$(D\"<\x1b(B<a@example.jp>", "a@example.jp"},
	        {"\x1b(J<a@example.jp>", "a@example.jp"},
	        /* A line ends it (RFC 1468). */
	        {"\x1b$B;3\r\n <a@example.jp>", "a@example.jp"},
	        {"\x1b$B;3ED <a@example.jp>", NULL},
	        {"\x1b$B;3ED\x1b(B@example.jp", NULL},
	        {"\x1b", NULL},
	        {"\x1b$", NULL},
	        {"\x1b$(", NULL},
	        {"x <a@example.jp> \x1b$(", "a@example.jp"},
	};

	(void)state;
	CHECK(cases, addr_parse_header);
}

static double seconds(void) {
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A megabyte of the worst is read once: eight times the text must not take
 * sixty-four times the time. */
static void test_linear(void **state) {
	static const char *const units[] = {"(",  "(\\", "\"\\\"\\\"", "\"",     "<",     "a@b,", "\\", "<@a:", "a ",
	                                    ".@", ":",   ";",          "\x1b$B", "\x1b(", "[",    "=?", "a@[",  "<a@b"};
	enum { BIG = 1 << 20 };
	char *text = malloc(BIG);
	size_t i, at;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t len = strlen(units[i]);
		struct addr addr;
		double start, small, big;

		for (at = 0; at < BIG; at++)
			text[at] = units[i][at % len];
		start = seconds();
		addr_parse_header(span_make(text, BIG / 8), &addr);
		addr_parse(span_make(text, BIG / 8), &addr);
		small = seconds() - start;
		start = seconds();
		addr_parse_header(span_make(text, BIG), &addr);
		addr_parse(span_make(text, BIG), &addr);
		big = seconds() - start;
		if (big > 32 * small + 0.1)
			fail_msg("%s: %.4f s, then %.4f s", units[i], small, big);
	}
	free(text);
}

static void test_parts(void **state) {
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse(SPAN("\"a@b\"@Example.JP"), &addr), 0);
	assert_true(span_equal(addr_span(&addr), SPAN("a@b@example.jp")));
	assert_true(span_equal(addr_local(&addr), SPAN("a@b")));
	assert_true(span_equal(addr_domain(&addr), SPAN("example.jp")));
}

static void test_domain(void **state) {
	static const struct wanted cases[] = {
	        {"Example.COM", "=example.com"},
	        {"example.com.", "=example.com"},
	        {"b\xc3\xbc"
	         "cher.example",
	         "=xn--bcher-kva.example"},
	        {"", NULL},
	        {".", NULL},
	        {"a b", NULL},
	        {"[192.0.2.1]", NULL},
	        {"a@b", NULL},
	        {"192.0.2.1", NULL},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 300);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_reset(&out);
		buf_add_byte(&out, '=');
		assert_int_equal(addr_domain_canonical(span_of(cases[i].text), &out), cases[i].want == NULL ? -1 : 0);
		assert_string_equal(out.at, cases[i].want == NULL ? "=" : cases[i].want);
	}
	buf_free(&out);
	buf_init(&out, 4);
	assert_int_equal(addr_domain_canonical(SPAN("example.com"), &out), -1);
	buf_free(&out);
}

static void test_under(void **state) {
	static const struct {
		const char *domain, *parent;
		bool want;
	} cases[] = {
	        {"example.com", "example.com", true},
	        {"t.example.com", "example.com", true},
	        {"a.t.example.com", "example.com", true},
	        {"example.com", "t.example.com", false},
	        {"badexample.com", "example.com", false},
	        {"example.com.evil", "example.com", false},
	        {"com", "example.com", false},
	        {"example.com", "", false},
	        {"", "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(addr_domain_under(span_of(cases[i].domain), span_of(cases[i].parent)), cases[i].want);
}

static void test_matches(void **state) {
	static const struct {
		const char *address, *pattern;
		bool want;
	} cases[] = {
	        {"news@example.com", "news@example.com", true},
	        {"news@example.com", "news@EXAMPLE.com", true},
	        {"news@example.com", "News@example.com", false},
	        {"news@example.com", "@example.com", true},
	        {"news@sub.example.com", "@example.com", false},
	        {"news@example.com", "ews@example.com", false},
	        {"news@example.com", "example.com", false},
	        {"news@example.com", "news@", false},
	        {"news@example.com", "@", false},
	        {"news@example.com", "", false},
	        {"\"a@b\"@example.com", "a@b@example.com", true},
	        {"\"a@b\"@example.com", "@b@example.com", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct addr addr;

		assert_int_equal(addr_parse(span_of(cases[i].address), &addr), 0);
		if (addr_matches(&addr, span_of(cases[i].pattern)) != cases[i].want)
			fail_msg("%s and %s: want %d", cases[i].address, cases[i].pattern, cases[i].want);
	}
}

/* W7: addresses that differ have to stay different. */
static void test_distinct(void **state) {
	static const char *const texts[] = {"a.b@example.jp",  "ab@example.jp",  "A.b@example.jp", "a..b@example.jp",
	                                    "a.b@example.com", "a+b@example.jp", "a.b.@example.jp"};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		for (j = 0; j < i; j++) {
			struct addr a, b;

			assert_int_equal(addr_parse(span_of(texts[i]), &a), 0);
			assert_int_equal(addr_parse(span_of(texts[j]), &b), 0);
			assert_false(span_equal(addr_span(&a), addr_span(&b)));
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_spellings),
	        cmocka_unit_test(test_refusals),
	        cmocka_unit_test(test_limits),
	        cmocka_unit_test(test_header),
	        cmocka_unit_test(test_header_iso2022jp),
	        cmocka_unit_test(test_linear),
	        cmocka_unit_test(test_parts),
	        cmocka_unit_test(test_domain),
	        cmocka_unit_test(test_under),
	        cmocka_unit_test(test_matches),
	        cmocka_unit_test(test_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
