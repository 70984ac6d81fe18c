/*
 * The MIME map: what it says lies where it says, in order, and within bounds; and
 * it is the same whether GMime saw the whole message, only the lines that can be
 * structure, or nothing since the lines were seen before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "milter/mime_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A field that says nothing, but whose word keeps every line (mime_condense.h). */
#define WHOLE "Content-Note: message\r\n"

static void check_places(struct span entity, const struct mime_map *map) {
	size_t i, done = 0;

	for (i = 0; i < map->count; i++) {
		const struct mime_part *part = &map->parts[i];

		if (part->body_at < done || part->body_len > entity.len - part->body_at ||
		    part->encoding_at + part->encoding_len > part->body_at)
			abort();
		if (part->encoding_len > 0 &&
		    !span_starts_nocase(span_from(entity, part->encoding_at), SPAN("Content-Transfer-Encoding")))
			abort();
		if (part->keep == MIME_CHANGEABLE && part->kind == MIME_OTHER)
			abort();
		done = part->body_at + part->body_len;
	}
}

/* The same parts, `shift` octets further on. */
static void check_same(const struct mime_map *map, const struct mime_map *whole, size_t shift) {
	size_t i;

	if ((map->malformed == NULL) != (whole->malformed == NULL))
		abort();
	if (map->malformed != NULL)
		return;
	if (map->count != whole->count)
		abort();
	for (i = 0; i < map->count; i++) {
		const struct mime_part *a = &map->parts[i], *b = &whole->parts[i];

		if (a->body_at + shift != b->body_at || a->body_len != b->body_len || a->kind != b->kind ||
		    a->keep != b->keep || a->encoding != b->encoding || a->charset != b->charset ||
		    (a->encoding_at + shift != b->encoding_at && a->encoding_len > 0))
			abort();
	}
}

/* A header as the milter writes it: Content-* fields, CRLF, an empty line. */
static bool is_our_header(struct span entity) {
	bool first = true;

	for (;; first = false) {
		ssize_t end = span_find(entity, SPAN("\r\n"));
		struct span line;

		if (end < 0)
			return false;
		line = span_make(entity.at, (size_t)end);
		if (line.len == 0)
			return !first;
		if (span_find_byte(line, '\0') >= 0 || span_find_byte(line, '\r') >= 0 ||
		    span_find_byte(line, '\n') >= 0)
			return false;
		if (first || (line.at[0] != ' ' && line.at[0] != '\t')) {
			size_t name = 0;

			while (name < line.len && (ascii_is_alnum(line.at[name]) || line.at[name] == '-'))
				name++;
			if (name == line.len || line.at[name] != ':' || !span_starts_nocase(line, SPAN("Content-")))
				return false;
		}
		entity = span_from(entity, (size_t)end + 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span entity = span_make((const char *)data, size);
	static struct mime_cache *cache;
	struct mime_map map, whole, cached;
	struct buf noted;
	static int ready;

	if (!ready) {
		mime_init();
		cache = mime_cache_new();
		ready = 1;
	}
	buf_init(&noted, size + sizeof WHOLE);
	buf_add_text(&noted, WHOLE);
	buf_add_span(&noted, entity);
	if (mime_map(NULL, entity, &map) == 0 && mime_map(NULL, buf_span(&noted), &whole) == 0) {
		if (map.malformed == NULL)
			check_places(entity, &map);
		if (is_our_header(entity))
			check_same(&map, &whole, sizeof WHOLE - 1);
	}
	/* Seen before or not, a message's map is its own. */
	if (mime_map(cache, entity, &cached) == 0) {
		check_same(&map, &cached, 0);
		mime_map_free(&cached);
	}
	mime_map_free(&map);
	mime_map_free(&whole);
	buf_free(&noted);
	return 0;
}
