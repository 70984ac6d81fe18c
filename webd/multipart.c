#include "webd/multipart.h"

#include <string.h>

/* The value of a parameter, quoted or not, in `; name=value; ...`; empty where it is
 * absent. */
static struct span parameter(struct span text, struct span name) {
	ssize_t semicolon;

	while ((semicolon = span_find_byte(text, ';')) >= 0) {
		struct span value;
		size_t end = 0;

		text = span_trim(span_from(text, (size_t)semicolon + 1));
		if (!span_starts_nocase(text, name) || text.len <= name.len || text.at[name.len] != '=')
			continue;
		value = span_from(text, name.len + 1);
		if (value.len > 0 && value.at[0] == '"') {
			ssize_t quote = span_find_byte(span_from(value, 1), '"');

			return quote < 0 ? SPAN_NONE : span_make(value.at + 1, (size_t)quote);
		}
		while (end < value.len && value.at[end] != ';' && !ascii_is_blank(value.at[end]))
			end++;
		return span_make(value.at, end);
	}
	return SPAN_NONE;
}

struct span multipart_boundary(struct span content_type) {
	struct span boundary = parameter(content_type, SPAN("boundary"));

	return boundary.len > MULTIPART_BOUNDARY_MAX ? SPAN_NONE : boundary;
}

/* Behind the next delimiter line; false where there is no further part. */
static bool next_part(struct span *left, struct span boundary, struct span *before_r) {
	char delimiter[MULTIPART_BOUNDARY_MAX + 4] = "\r\n--";
	struct span line = span_make(delimiter, boundary.len + 4);
	ssize_t found;

	memcpy(delimiter + 4, boundary.at, boundary.len);
	found = span_find(*left, line);
	if (found < 0)
		return false;
	*before_r = span_make(left->at, (size_t)found);
	*left = span_from(*left, (size_t)found + line.len);
	return true;
}

/* Content-Disposition: form-data; name="..." among the fields of a part. */
static bool is_named(struct span head, struct span name) {
	while (head.len > 0) {
		ssize_t end = span_find(head, SPAN("\r\n"));
		struct span line = end < 0 ? head : span_make(head.at, (size_t)end);

		if (span_starts_nocase(line, SPAN("Content-Disposition:")))
			return span_equal(parameter(line, SPAN("name")), name);
		head = span_from(head, line.len + 2);
	}
	return false;
}

static void add_some(struct buf *out, struct span value) {
	size_t room = out->max - out->len;

	buf_add(out, value.at, value.len < room ? value.len : room);
}

void multipart_value(struct span content_type, struct span body, struct span name, struct buf *out) {
	struct span boundary = multipart_boundary(content_type), left, part;
	int parts;

	if (boundary.len == 0 || body.len < boundary.len + 2 || !span_starts(body, SPAN("--")) ||
	    !span_starts(span_from(body, 2), boundary))
		return;
	left = span_from(body, boundary.len + 2);
	for (parts = 0; parts < MULTIPART_PARTS_MAX && span_starts(left, SPAN("\r\n")); parts++) {
		ssize_t blank;

		if (!next_part(&left, boundary, &part))
			return;
		blank = span_find(part, SPAN("\r\n\r\n"));
		if (blank >= 0 && is_named(span_make(part.at, (size_t)blank), name)) {
			add_some(out, span_from(part, (size_t)blank + 4));
			return;
		}
	}
}
