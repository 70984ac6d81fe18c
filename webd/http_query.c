#include "webd/http_query.h"

#include "lib/cursor.h"

/* The next character of the encoded text, decoded. */
static char next_char(struct cursor *c) {
	char first = (char)cursor_u8(c);
	int high, low;

	if (first == '+')
		return ' ';
	if (first != '%' || cursor_left(c) < 2)
		return first;
	high = hex_value(c->at[0]);
	low = hex_value(c->at[1]);
	if (high < 0 || low < 0)
		return first;
	cursor_take(c, 2);
	return (char)(high << 4 | low);
}

static bool is_named(struct span encoded, struct span name) {
	struct cursor c = cursor_make(encoded);
	size_t i;

	for (i = 0; i < name.len; i++)
		if (cursor_left(&c) == 0 || next_char(&c) != name.at[i])
			return false;
	return cursor_left(&c) == 0;
}

void http_query_value(struct span query, struct span name, struct buf *out) {
	struct cursor pairs = cursor_make(query);

	while (cursor_left(&pairs) > 0) {
		struct cursor pair = cursor_make(cursor_until(&pairs, '&'));

		if (!is_named(cursor_until(&pair, '='), name))
			continue;
		while (cursor_left(&pair) > 0 && out->len < out->max) {
			char c = next_char(&pair);

			buf_add_byte(out, (unsigned char)c < 0x20 || c == 0x7f ? '?' : c);
		}
		return;
	}
}
