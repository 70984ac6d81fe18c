/* The MIME map (B1): parts, their places, and why one passes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/mime_cache.h"
#include "milter/mime_condense.h"

#define CRLF "\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b" CRLF CRLF "--b" CRLF
#define END CRLF "--b--" CRLF

struct want {
	enum mime_kind kind;
	enum mime_keep keep;
	const char *body;
};

static const struct row {
	const char *name;
	const char *entity;
	bool malformed;
	size_t count;
	struct want parts[3];
} rows[] = {
        {"no header is text", CRLF "hello" CRLF, false, 1, {{MIME_TEXT, MIME_CHANGEABLE, "hello" CRLF}}},
        {"html",
         "Content-Type: text/html; charset=utf-8" CRLF CRLF "<p>",
         false,
         1,
         {{MIME_HTML, MIME_CHANGEABLE, "<p>"}}},
        {"two parts",
         MIXED "Content-Type: text/plain" CRLF CRLF "one" CRLF CRLF "--b" CRLF "Content-Type: text/html" CRLF CRLF
               "two" END,
         false,
         2,
         {{MIME_TEXT, MIME_CHANGEABLE, "one" CRLF}, {MIME_HTML, MIME_CHANGEABLE, "two"}}},
        {"a part without header", MIXED CRLF "one" END, false, 1, {{MIME_TEXT, MIME_CHANGEABLE, "one"}}},
        {"attachment",
         MIXED "Content-Type: text/html" CRLF "Content-Disposition: attachment" CRLF CRLF "x" END,
         false,
         1,
         {{MIME_HTML, MIME_KEEP_ATTACHMENT, "x"}}},
        {"inline with a file name",
         MIXED "Content-Type: text/plain; name=\"a.txt\"" CRLF CRLF "x" END,
         false,
         1,
         {{MIME_TEXT, MIME_KEEP_ATTACHMENT, "x"}}},
        {"inline",
         MIXED "Content-Type: text/html" CRLF "Content-Disposition: inline" CRLF CRLF "x" END,
         false,
         1,
         {{MIME_HTML, MIME_CHANGEABLE, "x"}}},
        {"signed",
         "Content-Type: multipart/signed; boundary=b; micalg=sha-256" CRLF CRLF "--b" CRLF
         "Content-Type: text/html" CRLF CRLF "x" CRLF "--b" CRLF "Content-Type: application/pgp-signature" CRLF CRLF
         "s" END,
         false,
         2,
         {{MIME_HTML, MIME_KEEP_PROTECTED, "x"}, {MIME_OTHER, MIME_KEEP_TYPE, "s"}}},
        {"signed within mixed",
         MIXED "Content-Type: multipart/signed; boundary=c" CRLF CRLF "--c" CRLF CRLF "x" CRLF "--c--" CRLF END,
         false,
         1,
         {{MIME_TEXT, MIME_KEEP_PROTECTED, "x"}}},
        {"encrypted",
         "Content-Type: multipart/encrypted; boundary=b" CRLF CRLF "--b" CRLF "Content-Type: text/plain" CRLF CRLF
         "x" END,
         false,
         1,
         {{MIME_TEXT, MIME_KEEP_PROTECTED, "x"}}},
        {"pkcs7",
         "Content-Type: application/pkcs7-mime; smime-type=signed-data" CRLF CRLF "x" CRLF,
         false,
         1,
         {{MIME_OTHER, MIME_KEEP_TYPE, "x" CRLF}}},
        {"calendar",
         "Content-Type: text/calendar" CRLF CRLF "x" CRLF,
         false,
         1,
         {{MIME_OTHER, MIME_KEEP_TYPE, "x" CRLF}}},
        {"amp", "Content-Type: text/x-amp-html" CRLF CRLF "x" CRLF, false, 1, {{MIME_OTHER, MIME_KEEP_TYPE, "x" CRLF}}},
        {"a message within passes through",
         MIXED "Content-Type: message/rfc822" CRLF CRLF "Subject: x" CRLF CRLF "http://x/" END,
         false,
         0,
         {{0}}},
        {"unknown charset",
         "Content-Type: text/html; charset=x-nobody" CRLF CRLF "x",
         false,
         1,
         {{MIME_HTML, MIME_KEEP_CHARSET, "x"}}},
        {"utf-7",
         "Content-Type: text/html; charset=utf-7" CRLF CRLF "x",
         false,
         1,
         {{MIME_HTML, MIME_KEEP_CHARSET, "x"}}},
        {"uuencode",
         "Content-Type: text/html" CRLF "Content-Transfer-Encoding: x-uuencode" CRLF CRLF "x",
         false,
         1,
         {{MIME_HTML, MIME_KEEP_ENCODING, "x"}}},
        {"two content types",
         MIXED "Content-Type: text/html" CRLF "Content-Type: text/plain" CRLF CRLF "x" END,
         false,
         1,
         {{MIME_TEXT, MIME_KEEP_MALFORMED, "x"}}},
        {"two encodings",
         MIXED "Content-Type: text/html" CRLF "Content-Transfer-Encoding: 7bit" CRLF
               "Content-Transfer-Encoding: base64" CRLF CRLF "x" END,
         false,
         1,
         {{MIME_HTML, MIME_KEEP_MALFORMED, "x"}}},
        {"no closing boundary", MIXED "Content-Type: text/html" CRLF CRLF "x" CRLF, true, 0, {{0}}},
        {"no boundary parameter", "Content-Type: multipart/mixed" CRLF CRLF "--b" CRLF CRLF "x" END, true, 0, {{0}}},
        {"no parts", "Content-Type: multipart/mixed; boundary=b" CRLF CRLF "x" CRLF, true, 0, {{0}}},
};

static void test_rows(void **state) {
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct span entity = span_of(row->entity);
		struct mime_map map;

		assert_int_equal(mime_map(NULL, entity, &map), 0);
		if ((map.malformed != NULL) != row->malformed)
			fail_msg("%s: malformed is \"%s\"", row->name, map.malformed == NULL ? "" : map.malformed);
		if (!row->malformed && map.count != row->count)
			fail_msg("%s: %zu parts, want %zu", row->name, map.count, row->count);
		for (j = 0; !row->malformed && j < map.count; j++) {
			const struct mime_part *part = &map.parts[j];
			struct span body = span_make(entity.at + part->body_at, part->body_len);

			if (part->kind != row->parts[j].kind || part->keep != row->parts[j].keep ||
			    !span_equal(body, span_of(row->parts[j].body)))
				fail_msg("%s: part %zu: kind %d, %s, \"%.*s\"", row->name, j, part->kind,
				         mime_keep_name(part->keep), SPAN_ARG(body));
		}
		mime_map_free(&map);
	}
}

/* The field that a part that becomes quoted-printable needs changed. */
static void test_encoding_field(void **state) {
	static const char with[] =
	        MIXED "Content-Transfer-Encoding:" CRLF " 8bit" CRLF "Content-Type: text/html" CRLF CRLF "x" END;
	static const char without[] = MIXED CRLF "x" END;
	struct mime_map map;

	(void)state;
	assert_int_equal(mime_map(NULL, span_of(with), &map), 0);
	assert_int_equal(map.parts[0].encoding, TRANSFER_8BIT);
	assert_memory_equal(with + map.parts[0].encoding_at, "Content-Transfer-Encoding:\r\n 8bit\r\n",
	                    map.parts[0].encoding_len);
	assert_int_equal(map.parts[0].encoding_len, 35);
	mime_map_free(&map);
	assert_int_equal(mime_map(NULL, span_of(without), &map), 0);
	assert_int_equal(map.parts[0].encoding_len, 0);
	assert_memory_equal(without + map.parts[0].encoding_at, "\r\nx", 3);
	mime_map_free(&map);
}

/* Bounded: many parts, deep nesting. */
static void test_bounds(void **state) {
	struct buf b;
	struct mime_map map;
	size_t i;

	(void)state;
	buf_init(&b, 64U << 20);
	buf_add_text(&b, "Content-Type: multipart/mixed; boundary=b" CRLF CRLF);
	for (i = 0; i < 1000; i++)
		buf_add_text(&b, "--b" CRLF "Content-Type: text/html" CRLF CRLF "x" CRLF);
	buf_add_text(&b, "--b--" CRLF);
	assert_int_equal(mime_map(NULL, buf_span(&b), &map), 0);
	assert_null(map.malformed);
	assert_int_equal(map.count, 1000);
	assert_int_equal(map.parts[999].keep, MIME_CHANGEABLE);
	mime_map_free(&map);

	buf_reset(&b);
	for (i = 0; i < 200; i++)
		buf_printf(&b, "%sContent-Type: multipart/mixed; boundary=b%zu" CRLF CRLF "--b%zu" CRLF, "", i, i);
	buf_add_text(&b, "Content-Type: text/html" CRLF CRLF "deep" CRLF);
	for (i = 200; i-- > 0;)
		buf_printf(&b, "--b%zu--" CRLF, i);
	assert_int_equal(mime_map(NULL, buf_span(&b), &map), 0);
	if (map.malformed == NULL) {
		assert_int_equal(map.count, 1);
		assert_int_equal(map.parts[0].keep, MIME_KEEP_DEEP);
	}
	mime_map_free(&map);
	buf_free(&b);
}

/* Lines that look like anything but a boundary, and are many. */
static void add_lines(struct buf *b, const char *line_end) {
	int i;

	for (i = 0; i < 100; i++)
		buf_printf(b, "Content-Type: text/html; line=%d -- not a header, nor a boundary%s", i, line_end);
}

/* Whether read whole or condensed, parts begin and end where they do. */
static void test_long_parts(void **state) {
	static const char *const line_ends[] = {CRLF, "\n"};
	size_t e, i;

	(void)state;
	for (e = 0; e < 2; e++) {
		const char *nl = line_ends[e];
		struct span want[3];
		struct mime_map map;
		struct buf b;

		buf_init(&b, 1U << 20);
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=b%s%s", nl, nl);
		add_lines(&b, nl);
		for (i = 0; i < 3; i++) {
			buf_printf(&b, "--b%sContent-Type: text/plain%s%s", nl, nl, nl);
			want[i].len = b.len;
			add_lines(&b, nl);
			if (i == 1)
				buf_printf(&b, "--c%s%s", nl, nl);
			if (i != 0)
				add_lines(&b, nl);
			want[i].len = b.len - want[i].len;
			buf_add_text(&b, nl);
		}
		buf_printf(&b, "--b--%s", nl);
		add_lines(&b, nl);
		assert_int_equal(mime_map(NULL, buf_span(&b), &map), 0);
		assert_null(map.malformed);
		assert_int_equal(map.count, 3);
		for (i = 0; i < 3; i++) {
			struct span body = span_make(b.at + map.parts[i].body_at, map.parts[i].body_len);

			assert_int_equal(body.len, want[i].len);
			assert_true(span_starts(body, SPAN("Content-Type: text/html; line=0 ")));
			assert_true(span_starts(span_from(buf_span(&b), map.parts[i].encoding_at), span_of(nl)));
		}
		mime_map_free(&map);
		buf_free(&b);
	}
}

/* Each octet that stays is known to be where it was; messages within stay whole. */
static void test_condensed(void **state) {
	static const struct {
		const char *type;
		bool shorter;
	} cases[] = {{"text/plain", true}, {"message/rfc822", false}, {"MESSAGE/rfc822", false}};
	struct condensed condensed;
	struct buf b;
	size_t i, at;

	(void)state;
	buf_init(&b, 1U << 20);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&b);
		buf_printf(&b, MIXED "Content-Type: %s" CRLF CRLF, cases[i].type);
		add_lines(&b, CRLF);
		buf_add_text(&b, CRLF "--b" CRLF CRLF);
		add_lines(&b, CRLF);
		buf_add_text(&b, "--b--" CRLF);
		assert_int_equal(mime_condense(buf_span(&b), &condensed), 0);
		assert_int_equal(condensed.text.len < 1000, cases[i].shorter);
		assert_true(cases[i].shorter || condensed.text.len == b.len);
		for (at = 0; at < condensed.text.len; at++)
			assert_int_equal(condensed.text.at[at], b.at[condensed_original(&condensed, at)]);
		assert_int_equal(condensed_original(&condensed, condensed.text.len), b.len);
		condensed_free(&condensed);
	}
	buf_free(&b);
}

/* A message with the lines of one before has a map of its own all the same. */
static void test_cache(void **state) {
	static const char head[] = "Content-Type: multipart/mixed; boundary=b" CRLF CRLF "--b" CRLF
	                           "Content-Type: text/html; charset=utf-8" CRLF CRLF;
	struct mime_cache *cache = mime_cache_new();
	struct mime_map map;
	struct buf b;
	size_t size, round;

	(void)state;
	assert_non_null(cache);
	buf_init(&b, 1 << 20);
	for (round = 0; round < 3; round++)
		for (size = 20; size < 120; size++) {
			size_t i;

			buf_reset(&b);
			buf_add_text(&b, head);
			buf_add_text(&b, "first" CRLF);
			for (i = 0; i < size; i++)
				buf_add_text(&b, "a line that is no structure" CRLF);
			buf_printf(&b, "last" CRLF "--b%s" CRLF, size % 7 == 0 ? "" : "--");
			assert_int_equal(mime_map(cache, buf_span(&b), &map), 0);
			assert_int_equal(map.malformed != NULL, size % 7 == 0);
			if (map.malformed == NULL) {
				assert_int_equal(map.count, 1);
				assert_int_equal(map.parts[0].body_at, sizeof head - 1);
				assert_int_equal(map.parts[0].body_len, 7 + size * 29 + 4);
				assert_int_equal(map.parts[0].charset, CHARSET_UTF8);
			}
			mime_map_free(&map);
		}
	/* More structures than it has room for. */
	for (round = 0; round < 3 * MIME_CACHE_ENTRIES; round++) {
		buf_reset(&b);
		buf_printf(&b,
		           "Content-Type: multipart/mixed; boundary=b%zu" CRLF CRLF "--b%zu" CRLF CRLF "x" CRLF
		           "--b%zu--" CRLF,
		           round % 20, round % 20, round % 20);
		assert_int_equal(mime_map(cache, buf_span(&b), &map), 0);
		assert_int_equal(map.count, 1);
		mime_map_free(&map);
	}
	mime_cache_free(&cache);
	buf_free(&b);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rows),  cmocka_unit_test(test_encoding_field), cmocka_unit_test(test_bounds),
	        cmocka_unit_test(test_cache), cmocka_unit_test(test_condensed),      cmocka_unit_test(test_long_parts),
	};

	mime_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
