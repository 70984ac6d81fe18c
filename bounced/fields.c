#include "bounced/fields.h"

#define HEADER_MAX 1048576 /* octets of a header that are looked at */

/* One line with its end; *left_r is what stands behind it. */
static struct span take_line(struct span s, struct span *left_r) {
	ssize_t newline = span_find_byte(s, '\n');
	size_t len = newline < 0 ? s.len : (size_t)newline + 1;

	*left_r = span_from(s, len);
	return span_make(s.at, len);
}

/* One field with the lines that continue it; empty where the header ends. */
static struct span take_field(struct span s, struct span *left_r) {
	struct span left, line = take_line(s, &left);

	*left_r = s;
	if (span_trim(line).len == 0)
		return SPAN_NONE;
	while (left.len > 0 && (left.at[0] == ' ' || left.at[0] == '\t'))
		take_line(left, &left);
	*left_r = left;
	return span_make(s.at, s.len - left.len);
}

static bool is_named(struct span field, struct span name, struct span *value_r) {
	ssize_t colon = span_find_byte(field, ':');

	if (colon < 0 || !span_equal_nocase(span_trim(span_make(field.at, (size_t)colon)), name))
		return false;
	*value_r = span_from(field, (size_t)colon + 1);
	return true;
}

static struct span head_of(struct span message) {
	return message.len > HEADER_MAX ? span_make(message.at, HEADER_MAX) : message;
}

bool fields_find(struct span message, struct span name, struct buf *out) {
	struct span left = head_of(message), field, value;
	size_t i;

	while ((field = take_field(left, &left)).len > 0) {
		if (!is_named(field, name, &value))
			continue;
		value = span_trim(value);
		for (i = 0; i < value.len; i++)
			if (value.at[i] != '\r' && value.at[i] != '\n')
				buf_add_byte(out, value.at[i]);
		return true;
	}
	return false;
}

struct span fields_behind_trace(struct span message) {
	struct span left = head_of(message), field, value;
	size_t behind = 0;

	while ((field = take_field(left, &left)).len > 0)
		if (is_named(field, SPAN("Received"), &value))
			behind = (size_t)(left.at - message.at);
	return span_from(message, behind);
}
