/* Opened parts: the same whether opened now or kept from a message before. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/part.h"

static const struct mime_part html = {.kind = MIME_HTML, .encoding = TRANSFER_QP, .charset = CHARSET_UTF8};

static const struct part *open_part(struct part_cache *cache, const struct mime_part *place, const char *raw) {
	const struct part *part;

	assert_int_equal(part_open(cache, place, span_of(raw), &part), 0);
	return part;
}

static void check_page(const struct part *part, const char *target) {
	const struct html_link *link;

	assert_non_null(part);
	assert_int_equal(part->scan.count, 1);
	link = &part->scan.links[0];
	assert_true(span_equal(span_make(part->scan.decoded.at + link->url_at, link->url_len), span_of(target)));
	assert_int_equal(part->mask[link->tag_at], '<');
}

/* Each time a page comes, whatever came in between. */
static void test_again(void **state) {
	struct part_cache *cache = part_cache_new();
	const struct part *first = NULL, *part;
	int round, page;

	(void)state;
	assert_non_null(cache);
	for (round = 0; round < 5; round++)
		for (page = 0; page < 3 * PART_CACHE_ENTRIES; page++) {
			char raw[128], target[64];

			snprintf(raw, sizeof raw, "=E3=81=82<a href=3D\"http://example.org/%d\">x</a>\r\n", page);
			snprintf(target, sizeof target, "http://example.org/%d", page);
			part = open_part(cache, &html, raw);
			check_page(part, target);
			part_close(&part);
			/* Twice in a row is what copies do. */
			part = open_part(cache, &html, raw);
			memset(raw, 'x', sizeof raw);
			if (round > 0)
				check_page(part, target);
			part_close(&part);
		}
	/* One that is held outlives its place in the cache, and the cache. */
	first = open_part(cache, &html, "<a href=3D\"http://a.example/\">x</a>");
	part_close(&first);
	first = open_part(cache, &html, "<a href=3D\"http://a.example/\">x</a>");
	part = open_part(cache, &html, "<a href=3D\"http://a.example/\">x</a>");
	assert_ptr_equal(first, part);
	part_close(&part);
	part_cache_free(&cache);
	check_page(first, "http://a.example/");
	part_close(&first);
}

/* The same octets are another part under another charset, encoding or type. */
static void test_other_reading(void **state) {
	static const char raw[] = "\x83\x5c<a href=3D\"http://a.example/\">x</a>\r\n";
	const struct mime_part shift_jis = {.kind = MIME_HTML, .encoding = TRANSFER_8BIT, .charset = CHARSET_SHIFT_JIS};
	const struct mime_part latin = {.kind = MIME_HTML, .encoding = TRANSFER_QP, .charset = CHARSET_SINGLE};
	const struct mime_part text = {.kind = MIME_TEXT, .encoding = TRANSFER_8BIT, .charset = CHARSET_SHIFT_JIS};
	struct part_cache *cache = part_cache_new();
	int round;

	(void)state;
	for (round = 0; round < 4; round++) {
		const struct part *a = open_part(cache, &shift_jis, raw), *b = open_part(cache, &latin, raw);
		const struct part *c = open_part(cache, &text, raw), *d = open_part(cache, &html, raw);

		assert_int_equal(a->scan.count, 1);
		assert_true((unsigned char)a->mask[1] >= 0x80);
		assert_int_equal(b->mask[1], '\\');
		check_page(b, "http://a.example/");
		assert_int_equal(c->scan.count, 0);
		assert_null(d); /* no UTF-8 */
		part_close(&a);
		part_close(&b);
		part_close(&c);
	}
	part_cache_free(&cache);
}

static void *open_many(void *context) {
	int i;

	for (i = 0; i < 3000; i++) {
		char raw[128];
		const struct part *part;

		snprintf(raw, sizeof raw, "<a href=3D\"http://example.org/%d\">x</a>", i % 20);
		if (part_open(context, &html, span_of(raw), &part) != 0 || part == NULL || part->scan.count != 1)
			return context;
		part_close(&part);
	}
	return NULL;
}

static void test_threads(void **state) {
	struct part_cache *cache = part_cache_new();
	pthread_t threads[8];
	void *bad;
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_many, cache), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	part_cache_free(&cache);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_again),
	        cmocka_unit_test(test_other_reading),
	        cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
