/* Quoted-printable of our own (RFC 2045 6.7): safe for transports that strip
 * blanks from the end of a line, or fall over a dot or "From " at its start. */
#include <string.h>

#include "milter/transfer_private.h"

/* Room for what is put on a line, so that a soft line break fits behind it. */
#define LINE_ROOM (TRANSFER_ENCODED_LINE_MAX - 1)
/* How far back a soft line break goes to find a character that is no dot. */
#define CARRY_TRIES 8

struct qp_writer qp_writer_make(struct buf *out) {
	return (struct qp_writer){out, out->len, TRANSFER_ENCODED_LINE_MAX};
}

size_t qp_column(const struct qp_writer *w) {
	return w->out->len - w->line;
}

static bool is_space(char c) {
	return c == ' ' || c == '\t';
}

/* Where the character before `at` begins: =XX is one. */
static size_t character_before(const struct qp_writer *w, size_t at) {
	return at - w->line >= 3 && w->out->at[at - 3] == '=' ? at - 3 : at - 1;
}

/* Where a new line may begin that takes at least one character with it. */
static size_t carry_from(const struct qp_writer *w) {
	size_t at = character_before(w, w->out->len);
	int tries;

	for (tries = 0; tries < CARRY_TRIES && at > w->line && w->out->at[at] == '.'; tries++)
		at = character_before(w, at);
	return at;
}

void qp_write_soft_break(struct qp_writer *w, size_t carry_max) {
	size_t end = w->out->len, at = end;
	bool fits = qp_column(w) + 1 <= w->limit;

	if (!fits || carry_max > 0) {
		at = carry_from(w);
		if (at == w->line || (fits && end - at > carry_max))
			at = end;
	}
	if (buf_reserve(w->out, 3) == NULL)
		return;
	memmove(w->out->at + at + 3, w->out->at + at, end - at);
	memcpy(w->out->at + at, "=\r\n", 3);
	w->out->len = end + 3;
	w->out->at[end + 3] = '\0';
	w->line = at + 3;
	w->limit = TRANSFER_ENCODED_LINE_MAX;
}

void qp_write_blank_guard(struct qp_writer *w) {
	while (!w->out->failed && qp_column(w) > 0 && is_space(w->out->at[w->out->len - 1]))
		qp_write_soft_break(w, 0);
}

static void hard_break(struct qp_writer *w) {
	qp_write_blank_guard(w);
	buf_add(w->out, "\r\n", 2);
	w->line = w->out->len;
	w->limit = TRANSFER_ENCODED_LINE_MAX;
}

/* As many as begin the text, are to be encoded and fit on a line; one at least. */
static size_t write_escapes(struct qp_writer *w, struct span text) {
	static const char digits[] = "0123456789ABCDEF";
	size_t n, room;
	char *to;

	if (qp_column(w) + 3 > LINE_ROOM)
		qp_write_soft_break(w, 0);
	room = (LINE_ROOM - qp_column(w)) / 3;
	to = buf_reserve(w->out, 3 * room);
	if (to == NULL)
		return text.len;
	for (n = 0; n < text.len && n < room && (n == 0 || (unsigned char)text.at[n] >= 0x80); n++) {
		unsigned char value = (unsigned char)text.at[n];

		*to++ = '=';
		*to++ = digits[value >> 4];
		*to++ = digits[value & 15];
	}
	*to = '\0';
	w->out->len += 3 * n;
	return n;
}

void qp_write_escape(struct qp_writer *w, char c) {
	write_escapes(w, span_make(&c, 1));
}

/* How many bytes at the start, up to `max`, may stand for themselves within a line. */
static size_t literal_run(struct span text, size_t max) {
	size_t n;

	for (n = 0; n < text.len && n < max; n++) {
		char c = text.at[n];

		if (c > ' ' && c <= '~' && c != '=')
			continue;
		if (!is_space(c) || n + 1 == text.len || text.at[n + 1] == '\r' || text.at[n + 1] == '\n')
			break;
	}
	return n;
}

void qp_write(struct qp_writer *w, struct span text) {
	while (text.len > 0 && !w->out->failed) {
		size_t column = qp_column(w), run;

		if (span_starts(text, SPAN("\r\n"))) {
			hard_break(w);
			text = span_from(text, 2);
			continue;
		}
		if (column >= LINE_ROOM) {
			qp_write_soft_break(w, 0);
			continue;
		}
		run = column == 0 && (text.at[0] == '.' || span_starts(text, SPAN("From ")))
		              ? 0
		              : literal_run(text, LINE_ROOM - column);
		if (run > 0)
			buf_add(w->out, text.at, run);
		else
			run = write_escapes(w, text);
		text = span_from(text, run);
	}
}

void transfer_encode_qp(struct span text, struct buf *out) {
	struct qp_writer w = qp_writer_make(out);

	qp_write(&w, text);
}
