/* Quoted-printable of others (RFC 2045 6.7): decoded, and edited in place. */
#include <string.h>

#include "milter/transfer_private.h"

/* Value of a hexadecimal digit plus one; 0 where it is none. */
static const unsigned char hex_digit[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
        ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
        ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* Decodes one line without its CRLF; behind the last byte written, NULL where it
 * is not well-formed.  `*soft_r`: it ends in a soft line break. */
static char *decode_line(const char *at, const char *end, char *to, bool *soft_r) {
	while (at < end) {
		const char *escape = memchr(at, '=', (size_t)(end - at));
		size_t run = (size_t)((escape == NULL ? end : escape) - at);

		memcpy(to, at, run);
		to += run;
		for (at += run; end - at >= 3 && *at == '='; at += 3) {
			unsigned high = hex_digit[(unsigned char)at[1]], low = hex_digit[(unsigned char)at[2]];

			if (high == 0 || low == 0)
				return NULL;
			*to++ = (char)((high - 1) << 4 | (low - 1));
		}
		if (at < end && end - at < 3 && *at == '=') {
			*soft_r = end - at == 1;
			return *soft_r ? to : NULL;
		}
	}
	return to;
}

int qp_decode(struct transfer_body *body) {
	char *start = buf_reserve(&body->room, body->raw.len), *to = start;
	size_t at = 0;

	if (start == NULL || transfer_mark_add(body, 0, 0) != 0)
		return -1;
	while (at < body->raw.len) {
		size_t end = transfer_line_end(body->raw, at);
		bool soft = false;

		to = decode_line(body->raw.at + at, body->raw.at + end, to, &soft);
		if (to == NULL)
			return -1;
		at = end;
		if (end == body->raw.len)
			break;
		if (!soft) {
			*to++ = '\r';
			*to++ = '\n';
		}
		at += 2;
		if (transfer_mark_add(body, (size_t)(to - start), at) != 0)
			return -1;
	}
	*to = '\0';
	body->room.len = (size_t)(to - start);
	return 0;
}

/* A body that is being written again.  The reader goes forward only, so that all
 * edits together cost no more than one pass. */
struct splice {
	struct span raw;
	const struct transfer_body *body;
	struct qp_writer writer;
	size_t text_at; /* the reader's place in the decoded text ... */
	size_t raw_at;  /* ... and in the raw body */
	size_t done;    /* raw bytes before this one are written or replaced */
};

static bool at_line_end(struct span raw, size_t at) {
	return span_starts(span_from(raw, at), SPAN("\r\n"));
}

/* Moves the reader to the raw character that stands for the byte at `target`. */
static void seek(struct splice *s, size_t target) {
	const struct transfer_mark *mark = transfer_mark_find(s->body, target);

	if (mark != NULL && mark->raw_at > s->raw_at) {
		s->raw_at = mark->raw_at;
		s->text_at = mark->text_at;
	}
	while (s->text_at < target) {
		const char *at = s->raw.at + s->raw_at;
		size_t left = target - s->text_at;
		const char *escape = memchr(at, '=', left);

		if (escape != at) {
			left = escape == NULL ? left : (size_t)(escape - at);
			s->text_at += left;
			s->raw_at += left;
		} else {
			s->text_at += at_line_end(s->raw, s->raw_at + 1) ? 0 : 1;
			s->raw_at += 3;
		}
	}
	while (s->raw_at < s->raw.len && s->raw.at[s->raw_at] == '=' && at_line_end(s->raw, s->raw_at + 1))
		s->raw_at += 3;
}

/* Moves the reader behind the character that it is at. */
static void step(struct splice *s) {
	s->raw_at += s->raw.at[s->raw_at] == '=' ? 3 : 1;
	s->text_at++;
}

/* Is `at` between the CR and the LF of a line end? */
static bool inside_line_end(struct span raw, size_t at) {
	return at > 0 && at_line_end(raw, at - 1);
}

/* A line that was longer than it should be may stay so, but gets no longer. */
static void set_limit(struct qp_writer *w, size_t length) {
	w->limit = length > TRANSFER_ENCODED_LINE_MAX ? length : TRANSFER_ENCODED_LINE_MAX;
}

/* Copies what is left before `end`, and notes the line that it ends in. */
static void copy_until(struct splice *s, size_t end) {
	struct qp_writer *w = &s->writer;
	struct span kept;
	size_t i;

	if (end == s->done)
		return;
	kept = span_make(s->raw.at + s->done, end - s->done);
	buf_add_span(w->out, kept);
	s->done = end;
	for (i = kept.len; i >= 2; i--)
		if (kept.at[i - 1] == '\n' && kept.at[i - 2] == '\r')
			break;
	if (i >= 2) {
		size_t line = end - (kept.len - i);

		w->line = w->out->len - (kept.len - i);
		set_limit(w, transfer_line_end(s->raw, line) - line);
	}
}

/* What follows an edit goes on in its line where it fits, else in a new one.
 * A line that we begin had better not begin with a dot or "From ". */
static void join(struct splice *s) {
	struct qp_writer *w = &s->writer;
	struct span rest = span_from(s->raw, s->done);
	size_t length = transfer_line_end(rest, 0);
	bool awkward = span_starts(rest, SPAN(".")) || span_starts(rest, SPAN("From "));
	size_t carry_max = awkward && length < TRANSFER_ENCODED_LINE_MAX ? TRANSFER_ENCODED_LINE_MAX - length : 0;

	if (length == 0)
		qp_write_blank_guard(w);
	/* Twice where the line was full, and so its last character begins the next. */
	while (!w->out->failed && length > 0 && qp_column(w) > 0 && qp_column(w) + length > TRANSFER_ENCODED_LINE_MAX)
		qp_write_soft_break(w, carry_max);
	set_limit(w, qp_column(w) + length);
}

/* Is what follows a LF that has lost its CR, or that would meet a bare one and make
 * a line end of it? */
static bool lf_is_loose(const struct splice *s) {
	const struct buf *out = s->writer.out;

	if (s->raw_at == s->raw.len || s->raw.at[s->raw_at] != '\n')
		return false;
	return inside_line_end(s->raw, s->raw_at) || (qp_column(&s->writer) > 0 && out->at[out->len - 1] == '\r');
}

static void apply(struct splice *s, const struct transfer_edit *edit, const struct transfer_edit *next) {
	size_t end = edit->at + edit->len;
	size_t from;

	seek(s, edit->at);
	from = s->raw_at;
	if (edit->len > 0) {
		seek(s, end - 1);
		step(s);
	}
	if (from > s->done && inside_line_end(s->raw, from)) {
		copy_until(s, from - 1);
		qp_write_escape(&s->writer, '\r');
	} else {
		copy_until(s, from);
	}
	s->done = s->raw_at;
	qp_write(&s->writer, edit->bytes);
	if ((next == NULL || next->at > end) && lf_is_loose(s)) {
		qp_write_escape(&s->writer, '\n');
		step(s);
		s->done = s->raw_at;
	}
	join(s);
}

void qp_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out) {
	struct splice s = {.raw = body->raw, .body = body, .writer = qp_writer_make(out)};
	const struct transfer_edit *edit = NULL;
	size_t i;

	if (transfer_longest_line(body->raw) > TRANSFER_LINE_MAX) {
		struct buf text;

		buf_init(&text, out->max);
		transfer_edited_text(body->text, 0, edits, count, &text);
		transfer_encode_qp(buf_span(&text), out);
		out->failed = out->failed || text.failed;
		buf_free(&text);
		return;
	}
	set_limit(&s.writer, transfer_line_end(body->raw, 0));
	for (i = 0; i < count; i++) {
		if (edits[i].len == 0 && edits[i].bytes.len == 0)
			continue;
		if (edit != NULL)
			apply(&s, edit, &edits[i]);
		edit = &edits[i];
	}
	if (edit != NULL)
		apply(&s, edit, NULL);
	copy_until(&s, body->raw.len);
}
