#include "lib/cursor.h"

#include <string.h>

struct cursor cursor_make(struct span s) {
	return (struct cursor){s.at, s.at == NULL ? NULL : s.at + s.len, false};
}

size_t cursor_left(const struct cursor *c) {
	return c->failed || c->at == NULL ? 0 : (size_t)(c->end - c->at);
}

struct span cursor_take(struct cursor *c, size_t len) {
	struct span s;

	if (c->failed || cursor_left(c) < len) {
		c->failed = true;
		return SPAN_NONE;
	}
	s = span_make(c->at, len);
	/* An empty cursor may look at nothing at all. */
	if (len > 0)
		c->at += len;
	return s;
}

static uint64_t take_integer(struct cursor *c, size_t size) {
	struct span s = cursor_take(c, size);
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		value = value << 8 | (unsigned char)s.at[i];
	return value;
}

uint8_t cursor_u8(struct cursor *c) {
	return (uint8_t)take_integer(c, 1);
}

uint16_t cursor_u16(struct cursor *c) {
	return (uint16_t)take_integer(c, 2);
}

uint32_t cursor_u32(struct cursor *c) {
	return (uint32_t)take_integer(c, 4);
}

uint64_t cursor_u64(struct cursor *c) {
	return take_integer(c, 8);
}

struct span cursor_until(struct cursor *c, char separator) {
	struct span left, s;
	ssize_t found;

	left = span_make(c->at, cursor_left(c));
	found = span_find_byte(left, separator);
	if (found < 0)
		return cursor_take(c, left.len);
	s = cursor_take(c, (size_t)found);
	(void)cursor_take(c, 1);
	return s;
}
