#include "lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span span_make(const char *at, size_t len) {
	return (struct span){at, len};
}

struct span span_of(const char *text) {
	return text == NULL ? SPAN_NONE : span_make(text, strlen(text));
}

bool ascii_is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

bool ascii_is_alpha(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_is_digit(char c) {
	return c >= '0' && c <= '9';
}

bool ascii_is_alnum(char c) {
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

char ascii_lower(char c) {
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int hex_value(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool span_equal(struct span a, struct span b) {
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_equal_nocase(struct span a, struct span b) {
	return a.len == b.len && span_starts_nocase(a, b);
}

bool span_starts(struct span s, struct span prefix) {
	return s.len >= prefix.len && span_equal(span_make(s.at, prefix.len), prefix);
}

bool span_starts_nocase(struct span s, struct span prefix) {
	size_t i;

	if (s.len < prefix.len)
		return false;
	for (i = 0; i < prefix.len; i++)
		if (ascii_lower(s.at[i]) != ascii_lower(prefix.at[i]))
			return false;
	return true;
}

bool span_ends_nocase(struct span s, struct span suffix) {
	return s.len >= suffix.len && span_starts_nocase(span_from(s, s.len - suffix.len), suffix);
}

struct span span_trim(struct span s) {
	while (s.len > 0 && ascii_is_blank(s.at[0]))
		s = span_from(s, 1);
	while (s.len > 0 && ascii_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

struct span span_from(struct span s, size_t start) {
	return start >= s.len ? span_make(s.at == NULL ? NULL : s.at + s.len, 0)
	                      : span_make(s.at + start, s.len - start);
}

ssize_t span_find_byte(struct span s, char c) {
	const char *found = s.len == 0 ? NULL : memchr(s.at, c, s.len);

	return found == NULL ? -1 : found - s.at;
}

ssize_t span_find(struct span s, struct span needle) {
	const char *found;

	if (needle.len == 0)
		return 0;
	found = s.len < needle.len ? NULL : memmem(s.at, s.len, needle.at, needle.len);
	return found == NULL ? -1 : found - s.at;
}

ssize_t span_find_nocase(struct span s, struct span needle) {
	char first = needle.len == 0 ? '\0' : ascii_lower(needle.at[0]);
	size_t i;

	for (i = 0; i + needle.len <= s.len; i++)
		if (needle.len == 0 || (ascii_lower(s.at[i]) == first && span_starts_nocase(span_from(s, i), needle)))
			return (ssize_t)i;
	return -1;
}

bool span_is_ascii(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80)
			return false;
	return true;
}

void buf_init(struct buf *b, size_t max) {
	*b = (struct buf){.max = max};
}

void buf_free(struct buf *b) {
	free(b->at);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b) {
	b->len = 0;
	b->failed = false;
	if (b->at != NULL)
		b->at[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t more) {
	size_t cap;
	char *grown;

	if (b->failed)
		return NULL;
	if (more > b->max - b->len) {
		b->failed = true;
		errno = EMSGSIZE;
		return NULL;
	}
	if (b->cap > b->len + more)
		return b->at + b->len;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < b->len + more + 1)
		cap += cap / 2;
	grown = realloc(b->at, cap);
	if (grown == NULL) {
		b->failed = true;
		errno = ENOMEM;
		return NULL;
	}
	b->at = grown;
	b->cap = cap;
	return b->at + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len) {
	char *room = buf_reserve(b, len);

	if (room == NULL)
		return;
	if (len > 0)
		memcpy(room, bytes, len);
	b->len += len;
	b->at[b->len] = '\0';
}

void buf_add_span(struct buf *b, struct span s) {
	buf_add(b, s.at, s.len);
}

void buf_add_text(struct buf *b, const char *text) {
	buf_add(b, text, strlen(text));
}

void buf_add_byte(struct buf *b, char c) {
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...) {
	va_list args;
	int need;
	char *room;

	va_start(args, format);
	need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	room = need < 0 ? NULL : buf_reserve(b, (size_t)need);
	if (room == NULL)
		return;
	va_start(args, format);
	vsnprintf(room, (size_t)need + 1, format, args);
	va_end(args);
	b->len += (size_t)need;
}

struct span buf_span(const struct buf *b) {
	return span_make(b->at, b->len);
}

char *buf_take(struct buf *b) {
	char *text;

	buf_add(b, "", 0);
	if (b->failed) {
		buf_free(b);
		return NULL;
	}
	text = b->at;
	*b = (struct buf){.max = b->max};
	return text;
}

int strings_add(struct strings *list, struct span s) {
	char **grown;
	char *copy;

	if ((list->len & (list->len - 1)) == 0) {
		size_t cap = list->len == 0 ? 1 : list->len * 2;

		grown = realloc(list->at, cap * sizeof *grown);
		if (grown == NULL)
			return -1;
		list->at = grown;
	}
	copy = malloc(s.len + 1);
	if (copy == NULL)
		return -1;
	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	list->at[list->len++] = copy;
	return 0;
}

void strings_free(struct strings *list) {
	size_t i;

	for (i = 0; i < list->len; i++)
		free(list->at[i]);
	free(list->at);
	*list = (struct strings){NULL, 0};
}

bool strings_has(const struct strings *list, struct span s) {
	size_t i;

	for (i = 0; i < list->len; i++)
		if (span_equal(span_of(list->at[i]), s))
			return true;
	return false;
}

void hex64_format(char out[HEX64_SIZE], uint64_t value) {
	snprintf(out, HEX64_SIZE, "%016llx", (unsigned long long)value);
}

int hex64_parse(struct span s, uint64_t *value_r) {
	uint64_t value = 0;
	size_t i;

	if (s.len != HEX64_SIZE - 1)
		return -1;
	for (i = 0; i < s.len; i++) {
		int digit = hex_value(s.at[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | (uint64_t)digit;
	}
	*value_r = value;
	return 0;
}
