#include "webd/form_body.h"

#include <string.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

void form_body_free(struct form_body *form) {
	buf_free(&form->text);
	form->count = 0;
}

struct span form_body_value(const struct form_body *form, const char *name) {
	size_t i;

	for (i = 0; i < form->count; i++)
		if (span_equal(form->pairs[i].name, span_of(name)))
			return form->pairs[i].value;
	return SPAN_NONE;
}

static int add_pair(struct form_body *form, struct span name, struct span value) {
	if (form->count == FORM_PAIRS_MAX)
		return -1;
	form->pairs[form->count++] = (struct form_pair){name, value};
	return 0;
}

/* A piece without `+` and `%XX`; a lone `%` stands for itself, as in browsers. */
static struct span decode(struct form_body *form, struct span piece) {
	size_t start = form->text.len, i;

	for (i = 0; i < piece.len; i++) {
		char c = piece.at[i];
		int high = -1, low = -1;

		if (c == '%' && i + 2 < piece.len) {
			high = hex_value(piece.at[i + 1]);
			low = hex_value(piece.at[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		buf_add_byte(&form->text, c);
	}
	return span_make(form->text.at + start, form->text.len - start);
}

/* Up to the separator; *rest_r is what stands behind it. */
static struct span cut(struct span text, char separator, struct span *rest_r) {
	ssize_t at = span_find_byte(text, separator);

	*rest_r = at < 0 ? span_from(text, text.len) : span_from(text, (size_t)at + 1);
	return at < 0 ? text : span_make(text.at, (size_t)at);
}

static int parse_urlencoded(struct form_body *form, struct span body) {
	while (body.len > 0) {
		struct span pair = cut(body, '&', &body), value, name = cut(pair, '=', &value);

		if (pair.len == 0)
			continue;
		name = decode(form, name);
		if (add_pair(form, name, decode(form, value)) != 0)
			return -1;
	}
	return 0;
}

/* Takes `literal` off the front, without regard to case. */
static bool take(struct span *text, struct span literal) {
	if (!span_starts_nocase(*text, literal))
		return false;
	*text = span_from(*text, literal.len);
	return true;
}

/* One `; name=value` of a header field, the value a token or a quoted string;
 * false where there is none (any more). */
static bool take_parameter(struct span *text, struct span *name_r, struct span *value_r) {
	ssize_t equals;
	size_t end;

	*text = span_trim(*text);
	if (!take(text, SPAN(";")))
		return false;
	*text = span_trim(*text);
	equals = span_find_byte(*text, '=');
	if (equals < 0)
		return false;
	*name_r = span_trim(span_make(text->at, (size_t)equals));
	*text = span_from(*text, (size_t)equals + 1);
	if (take(text, SPAN("\""))) {
		for (end = 0; end < text->len && text->at[end] != '"'; end++)
			if (text->at[end] == '\\')
				end++;
		if (end >= text->len)
			return false;
		*value_r = span_make(text->at, end);
		*text = span_from(*text, end + 1);
		return true;
	}
	for (end = 0; end < text->len && text->at[end] != ';'; end++)
		;
	*value_r = span_trim(span_make(text->at, end));
	*text = span_from(*text, end);
	return true;
}

/* A browser escapes in a name only `"`, CR and LF, as %XX (HTML 4.10.21.8). */
static struct span decode_name(struct form_body *form, struct span name) {
	size_t start = form->text.len, i;

	for (i = 0; i < name.len; i++) {
		static const char *const escapes[] = {"%22\"", "%0D\r", "%0A\n"};
		struct span rest = span_from(name, i);
		size_t j;

		for (j = 0; j < 3 && !span_starts_nocase(rest, span_make(escapes[j], 3)); j++)
			;
		buf_add_byte(&form->text, j < 3 ? escapes[j][3] : name.at[i]);
		i += j < 3 ? 2 : 0;
	}
	return span_make(form->text.at + start, form->text.len - start);
}

/* The header of a part: 1 where it is a value, 0 where it is a file, -1 where it
 * names nothing. */
static int read_disposition(struct span header, struct span *name_r) {
	bool named = false, file = false;

	while (header.len > 0) {
		struct span line = cut(header, '\n', &header), name, value;

		if (!take(&line, SPAN("Content-Disposition:")))
			continue;
		line = span_trim(line);
		if (named || !take(&line, SPAN("form-data")))
			return -1;
		while (take_parameter(&line, &name, &value)) {
			if (span_equal_nocase(name, SPAN("name"))) {
				*name_r = value;
				named = true;
			}
			file |= span_equal_nocase(name, SPAN("filename")) || span_equal_nocase(name, SPAN("filename*"));
		}
	}
	return !named ? -1 : file ? 0 : 1;
}

static int add_part(struct form_body *form, struct span part) {
	/* A part without header fields begins with the empty line. */
	ssize_t end = span_starts(part, SPAN("\r\n")) ? 0 : span_find(part, SPAN("\r\n\r\n"));
	struct span name = SPAN_NONE, value;
	size_t start;
	int kind;

	if (end < 0)
		return -1;
	kind = read_disposition(span_make(part.at, (size_t)end), &name);
	if (kind <= 0)
		return kind;
	value = span_from(part, (size_t)end + 4);
	name = decode_name(form, name);
	start = form->text.len;
	buf_add_span(&form->text, value);
	return add_pair(form, name, span_make(form->text.at + start, value.len));
}

/* RFC 2046 5.1.1: parts between lines of "--" and the boundary, the last of which has
 * "--" behind it. */
static int parse_multipart(struct form_body *form, struct span boundary, struct span body) {
	char line[BOUNDARY_MAX + 5] = "\r\n--";
	struct span delimiter = span_make(line, boundary.len + 4);
	ssize_t end;

	memcpy(line + 4, boundary.at, boundary.len);
	/* What stands before the first is no part. */
	if (span_starts(body, span_from(delimiter, 2))) {
		body = span_from(body, delimiter.len - 2);
	} else {
		end = span_find(body, delimiter);
		if (end < 0)
			return -1;
		body = span_from(body, (size_t)end + delimiter.len);
	}
	while (!span_starts(body, SPAN("--"))) {
		while (body.len > 0 && (body.at[0] == ' ' || body.at[0] == '\t'))
			body = span_from(body, 1);
		if (!take(&body, SPAN("\r\n")))
			return -1;
		end = span_find(body, delimiter);
		if (end < 0 || add_part(form, span_make(body.at, (size_t)end)) != 0)
			return -1;
		body = span_from(body, (size_t)end + delimiter.len);
	}
	return 0;
}

static struct span boundary_of(struct span parameters) {
	struct span name, value;

	while (take_parameter(&parameters, &name, &value))
		if (span_equal_nocase(name, SPAN("boundary")))
			return value.len <= BOUNDARY_MAX ? value : SPAN_NONE;
	return SPAN_NONE;
}

int form_body_parse(struct span content_type, struct span body, struct form_body *form_r) {
	struct span behind, raw = cut(content_type, ';', &behind), type = span_trim(raw), boundary;
	int status = -1;

	form_r->count = 0;
	buf_init(&form_r->text, body.len + 1);
	/* Nothing grows by decoding, so what the spans point at never moves. */
	if (buf_reserve(&form_r->text, body.len + 1) == NULL)
		return -1;
	if (span_equal_nocase(type, SPAN("application/x-www-form-urlencoded"))) {
		status = parse_urlencoded(form_r, body);
	} else if (span_equal_nocase(type, SPAN("multipart/form-data"))) {
		boundary = boundary_of(span_from(content_type, raw.len));
		status = boundary.len == 0 ? -1 : parse_multipart(form_r, boundary, body);
	}
	if (status != 0 || form_r->text.failed) {
		form_r->count = 0;
		return -1;
	}
	return 0;
}
