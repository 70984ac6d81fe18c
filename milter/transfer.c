#include "milter/transfer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "milter/transfer_private.h"

enum transfer transfer_of(struct span value) {
	static const struct {
		const char *name;
		enum transfer encoding;
	} names[] = {
	        {"", TRANSFER_7BIT},         {"7bit", TRANSFER_7BIT},           {"8bit", TRANSFER_8BIT},
	        {"binary", TRANSFER_BINARY}, {"quoted-printable", TRANSFER_QP}, {"base64", TRANSFER_BASE64},
	};
	size_t i;

	value = span_trim(value);
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (span_equal_nocase(value, span_of(names[i].name)))
			return names[i].encoding;
	return TRANSFER_UNKNOWN;
}

int transfer_mark_add(struct transfer_body *body, size_t text_at, size_t raw_at) {
	size_t count = body->mark_count;

	/* Full at each power of two from 64 on, and at first. */
	if (count == 0 || (count >= 64 && (count & (count - 1)) == 0)) {
		size_t room = count == 0 ? 64 : 2 * count;
		struct transfer_mark *grown = realloc(body->marks, room * sizeof *grown);

		if (grown == NULL)
			return -1;
		body->marks = grown;
	}
	body->marks[body->mark_count++] = (struct transfer_mark){text_at, raw_at};
	return 0;
}

const struct transfer_mark *transfer_mark_find(const struct transfer_body *body, size_t text_at) {
	size_t low = 0, high = body->mark_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (body->marks[middle].text_at <= text_at)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &body->marks[low - 1];
}

size_t transfer_line_end(struct span raw, size_t at) {
	while (at < raw.len) {
		const char *found = memchr(raw.at + at, '\n', raw.len - at);
		size_t end = found == NULL ? raw.len : (size_t)(found - raw.at);

		if (end == raw.len)
			break;
		if (end > at && raw.at[end - 1] == '\r')
			return end - 1;
		at = end + 1;
	}
	return raw.len;
}

size_t transfer_longest_line(struct span raw) {
	size_t longest = 0, at = 0;

	while (at < raw.len) {
		size_t end = transfer_line_end(raw, at);

		if (end - at > longest)
			longest = end - at;
		at = end + 2;
	}
	return longest;
}

int transfer_decode(enum transfer encoding, struct span raw, struct transfer_body *body_r) {
	int outcome = 0;

	*body_r = (struct transfer_body){.encoding = encoding, .raw = raw, .text = raw};
	buf_init(&body_r->room, raw.len);
	switch (encoding) {
	case TRANSFER_7BIT:
	case TRANSFER_8BIT:
	case TRANSFER_BINARY:
		return 0;
	case TRANSFER_QP:
		outcome = qp_decode(body_r);
		break;
	case TRANSFER_BASE64:
		outcome = base64_decode(body_r);
		break;
	default:
		return -1;
	}
	body_r->text = buf_span(&body_r->room);
	if (outcome != 0)
		transfer_free(body_r);
	return outcome;
}

void transfer_free(struct transfer_body *body) {
	buf_free(&body->room);
	free(body->marks);
	*body = (struct transfer_body){.encoding = TRANSFER_UNKNOWN};
}

void transfer_edited_text(struct span text, size_t start, const struct transfer_edit *edits, size_t count,
                          struct buf *out) {
	size_t i;

	for (i = 0; i < count; i++) {
		if (start < edits[i].at)
			buf_add(out, text.at + start, edits[i].at - start);
		buf_add_span(out, edits[i].bytes);
		start = edits[i].at + edits[i].len;
	}
	if (start < text.len)
		buf_add(out, text.at + start, text.len - start);
}

static bool has_8bit(struct span s) {
	size_t i;
	char bits = 0;

	for (i = 0; i < s.len; i++)
		bits |= s.at[i];
	return (bits & 0x80) != 0;
}

/* No line too long, and no 8-bit byte brought into a body that had none: what an
 * application mislabelled itself stays as it sent it. */
static bool fits(const struct transfer_body *body, struct span text) {
	return transfer_longest_line(text) <= TRANSFER_LINE_MAX &&
	       !(body->encoding == TRANSFER_7BIT && has_8bit(text) && !has_8bit(body->raw));
}

/* Bodies that stand for themselves. */
static enum transfer splice_plain(const struct transfer_body *body, const struct transfer_edit *edits, size_t count,
                                  struct buf *out) {
	size_t start = out->len;
	struct buf text;

	transfer_edited_text(body->text, 0, edits, count, out);
	if (out->failed || fits(body, span_from(buf_span(out), start)))
		return body->encoding;
	buf_init(&text, out->len - start);
	buf_add_span(&text, span_from(buf_span(out), start));
	out->len = start;
	transfer_encode_qp(buf_span(&text), out);
	out->failed = out->failed || text.failed;
	buf_free(&text);
	return TRANSFER_QP;
}

static void assert_edits(const struct transfer_body *body, const struct transfer_edit *edits, size_t count) {
	size_t at = 0, i;

	for (i = 0; i < count; i++) {
		assert(edits[i].at >= at && edits[i].at <= body->text.len);
		assert(edits[i].len <= body->text.len - edits[i].at);
		at = edits[i].at + edits[i].len;
	}
}

int transfer_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out,
                    enum transfer *became_r) {
	assert_edits(body, edits, count);
	*became_r = body->encoding;
	if (count == 0)
		buf_add_span(out, body->raw);
	else if (body->encoding == TRANSFER_QP)
		qp_splice(body, edits, count, out);
	else if (body->encoding == TRANSFER_BASE64)
		base64_splice(body, edits, count, out);
	else
		*became_r = splice_plain(body, edits, count, out);
	return out->failed ? -1 : 0;
}
