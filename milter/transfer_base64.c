/* Base64 (RFC 2045 6.8), decoded and edited. */
#include <string.h>

#include "milter/transfer_private.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO 0x80 /* no digit */
#define NO16 NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO

static const unsigned char values[256] = {
        NO16, NO16, NO,   NO,   NO,   NO,   NO,   NO,   NO, NO, NO, NO, NO, 62, NO, NO, NO, 63, /* + / */
        52,   53,   54,   55,   56,   57,   58,   59,   60, 61, NO, NO, NO, NO, NO, NO,         /* 0-9 */
        NO,   0,    1,    2,    3,    4,    5,    6,    7,  8,  9,  10, 11, 12, 13, 14,         /* A-O */
        15,   16,   17,   18,   19,   20,   21,   22,   23, 24, 25, NO, NO, NO, NO, NO,         /* P-Z */
        NO,   26,   27,   28,   29,   30,   31,   32,   33, 34, 35, 36, 37, 38, 39, 40,         /* a-o */
        41,   42,   43,   44,   45,   46,   47,   48,   49, 50, 51, NO, NO, NO, NO, NO,         /* p-z */
        NO16, NO16, NO16, NO16, NO16, NO16, NO16, NO16,
};

struct reader {
	char *to;
	uint32_t pending; /* bits of the group that is being read */
	unsigned count;   /* its characters so far, padding included */
	unsigned pads;
};

static int read_character(struct reader *r, char c) {
	unsigned char value = values[(unsigned char)c];
	unsigned i;

	if (c == '=') {
		if (r->count < 2)
			return -1;
		r->pads++;
		value = 0;
	} else if (value == NO || r->pads > 0) {
		return -1;
	}
	r->pending = r->pending << 6 | value;
	if (++r->count < 4)
		return 0;
	for (i = 0; i + r->pads < 3; i++)
		*r->to++ = (char)(r->pending >> (16 - 8 * i));
	r->count = 0;
	return 0;
}

static int read_line(struct reader *r, const char *at, const char *end) {
	while (r->count == 0 && r->pads == 0 && end - at >= 4) {
		uint32_t a = values[(unsigned char)at[0]], b = values[(unsigned char)at[1]];
		uint32_t c = values[(unsigned char)at[2]], d = values[(unsigned char)at[3]];
		uint32_t bits = a << 18 | b << 12 | c << 6 | d;

		if (((a | b | c | d) & NO) != 0)
			break;
		r->to[0] = (char)(bits >> 16);
		r->to[1] = (char)(bits >> 8);
		r->to[2] = (char)bits;
		r->to += 3;
		at += 4;
	}
	for (; at < end; at++)
		if (read_character(r, *at) != 0)
			return -1;
	return 0;
}

int base64_decode(struct transfer_body *body) {
	char *start = buf_reserve(&body->room, body->raw.len);
	struct reader r = {.to = start};
	size_t at = 0;

	if (start == NULL)
		return -1;
	while (at < body->raw.len) {
		size_t end = transfer_line_end(body->raw, at);

		if (end > at && r.count == 0 && transfer_mark_add(body, (size_t)(r.to - start), at) != 0)
			return -1;
		if (read_line(&r, body->raw.at + at, body->raw.at + end) != 0)
			return -1;
		at = end + 2;
	}
	if (r.count != 0)
		return -1;
	*r.to = '\0';
	body->room.len = (size_t)(r.to - start);
	return 0;
}

/* One line; its last group padded. */
static void encode_line(const unsigned char *at, size_t n, struct buf *out) {
	char *to = buf_reserve(out, (n + 2) / 3 * 4);
	size_t i;

	if (to == NULL)
		return;
	for (i = 0; i < n; i += 3) {
		uint32_t second = i + 1 < n ? at[i + 1] : 0, third = i + 2 < n ? at[i + 2] : 0;
		uint32_t bits = (uint32_t)at[i] << 16 | second << 8 | third;

		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
		*to++ = i + 2 < n ? digits[bits & 63] : '=';
	}
	*to = '\0';
	out->len += (n + 2) / 3 * 4;
}

static void encode(struct span text, size_t line, struct buf *out) {
	size_t step = line / 4 * 3, at;

	for (at = 0; at < text.len; at += step) {
		size_t n = text.len - at < step ? text.len - at : step;

		if (at > 0)
			buf_add(out, "\r\n", 2);
		encode_line((const unsigned char *)text.at + at, n, out);
	}
}

/* Where the line ends behind the data begin. */
static size_t data_end(struct span raw) {
	while (raw.len > 0 && (raw.at[raw.len - 1] == '\r' || raw.at[raw.len - 1] == '\n'))
		raw.len--;
	return raw.len;
}

/* How long the part's lines are: whole groups, and as its author had them where
 * there is more than one line to tell by. */
static size_t line_length(const struct transfer_body *body, size_t longest) {
	size_t first = body->mark_count == 0 ? 0 : body->marks[0].raw_at;

	if (longest > TRANSFER_ENCODED_LINE_MAX || transfer_line_end(body->raw, first) >= data_end(body->raw))
		return TRANSFER_ENCODED_LINE_MAX;
	return longest < 4 ? 4 : longest / 4 * 4;
}

void base64_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out) {
	size_t longest = transfer_longest_line(body->raw);
	const struct transfer_mark *mark =
	        transfer_mark_find(body, longest > TRANSFER_ENCODED_LINE_MAX ? 0 : edits[0].at);
	struct transfer_mark start = mark == NULL ? (struct transfer_mark){0, 0} : *mark;
	struct buf text;

	buf_init(&text, out->max);
	transfer_edited_text(body->text, start.text_at, edits, count, &text);
	buf_add_span(out, span_make(body->raw.at, start.raw_at));
	encode(buf_span(&text), line_length(body, longest), out);
	buf_add_span(out, span_from(body->raw, data_end(body->raw)));
	out->failed = out->failed || text.failed;
	buf_free(&text);
}
