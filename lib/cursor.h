/*
 * A cursor over bytes with a sticky error: read freely, check `failed` once.
 * A read past the end fails, yields zeros or an empty span, and moves nothing.
 * Integers are big-endian.
 */
#ifndef LIB_CURSOR_H
#define LIB_CURSOR_H

#include "lib/text.h"

struct cursor {
	const char *at;
	const char *end;
	bool failed;
};

struct cursor cursor_make(struct span s);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct span cursor_take(struct cursor *c, size_t len);
/* Up to and without the separator, which is skipped; all that is left where
 * there is none. */
struct span cursor_until(struct cursor *c, char separator);

#endif
