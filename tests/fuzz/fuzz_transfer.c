/*
 * transfer.h on anything, against decoders that go byte by byte.
 *
 * The first byte chooses the encoding, the second how many edits there are; each
 * edit is four bytes (how far from the last one, how many bytes it replaces, by
 * how many) and its text; the rest is the raw body.  A base64 body may also be
 * made of the rest, in lines of a given length.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "milter/transfer.h"

#define EDITS_MAX 8
#define BODY_MAX 65536

/* One decoded byte, and the raw bytes that stand for it. */
struct token {
	char c;
	size_t at;
	size_t len;
};

struct tokens {
	struct token *at;
	size_t len;
	bool valid;
};

static bool crlf_at(struct span s, size_t at) {
	return at + 2 <= s.len && s.at[at] == '\r' && s.at[at + 1] == '\n';
}

static struct tokens read_qp(struct span raw) {
	struct tokens tokens = {malloc((raw.len + 1) * sizeof *tokens.at), 0, true};
	size_t i = 0;

	assert(tokens.at != NULL);
	while (i < raw.len) {
		struct token token = {raw.at[i], i, 1};

		if (raw.at[i] == '=') {
			if (i + 1 == raw.len || crlf_at(raw, i + 1)) {
				i += 3;
				continue;
			}
			if (i + 2 >= raw.len || hex_value(raw.at[i + 1]) < 0 || hex_value(raw.at[i + 2]) < 0) {
				tokens.valid = false;
				break;
			}
			token.c = (char)(hex_value(raw.at[i + 1]) * 16 + hex_value(raw.at[i + 2]));
			token.len = 3;
		}
		tokens.at[tokens.len++] = token;
		i += token.len;
	}
	return tokens;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int read_base64(struct span raw, struct buf *out) {
	unsigned count = 0, pads = 0;
	uint32_t bits = 0;
	size_t i;

	for (i = 0; i < raw.len; i++) {
		const char *digit = memchr(digits, raw.at[i], sizeof digits - 1);

		if (crlf_at(raw, i)) {
			i++;
			continue;
		}
		pads += raw.at[i] == '=' ? 1 : 0;
		if (digit == NULL ? raw.at[i] != '=' || count % 4 < 2 : pads > 0)
			return -1;
		if (digit == NULL && pads > 1 && count % 4 != 3)
			return -1;
		bits = bits << 6 | (uint32_t)(digit == NULL ? 0 : digit - digits);
		if (++count % 4 == 0)
			buf_add(out, (const char[]){(char)(bits >> 16), (char)(bits >> 8), (char)bits}, 3 - pads);
	}
	return count % 4 == 0 ? 0 : -1;
}

static void write_base64(struct span text, size_t line, struct buf *out) {
	size_t i, column = 0;

	for (i = 0; i < text.len; i += 3) {
		uint32_t bits = 0;
		size_t k, n = text.len - i < 3 ? text.len - i : 3;

		for (k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? (unsigned char)text.at[i + k] : 0);
		for (k = 0; k < 4; k++) {
			if (column == line) {
				buf_add(out, "\r\n", 2);
				column = 0;
			}
			buf_add_byte(out, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
			column++;
		}
	}
}

static size_t longest_line(struct span raw) {
	size_t longest = 0, start = 0, i;

	for (i = 0; i <= raw.len; i++) {
		if (i < raw.len && !crlf_at(raw, i))
			continue;
		if (i - start > longest)
			longest = i - start;
		start = i + 2;
		i++;
	}
	return longest;
}

static bool starts_line(struct span raw, size_t at) {
	return at == 0 || (at >= 2 && crlf_at(raw, at - 2));
}

static size_t line_start(struct span raw, size_t at) {
	while (!starts_line(raw, at))
		at--;
	return at;
}

static size_t next_line(struct span raw, size_t at) {
	while (at < raw.len && !crlf_at(raw, at))
		at++;
	return at < raw.len ? at + 2 : raw.len;
}

static bool is_space(char c) {
	return c == ' ' || c == '\t';
}

static bool same(struct tokens tokens, struct span text) {
	size_t i;

	if (!tokens.valid || tokens.len != text.len)
		return false;
	for (i = 0; i < text.len; i++)
		if (tokens.at[i].c != text.at[i])
			return false;
	return true;
}

/* Quoted-printable that is all ours. */
static void check_written(struct span raw, struct span text) {
	struct tokens tokens = read_qp(raw);
	size_t i;

	assert(same(tokens, text));
	assert(longest_line(raw) <= 76);
	for (i = 0; i < raw.len; i++) {
		bool ends = i + 1 == raw.len || crlf_at(raw, i + 1), starts = starts_line(raw, i);

		assert((raw.at[i] >= ' ' && raw.at[i] <= '~') || raw.at[i] == '\t' || crlf_at(raw, i) ||
		       (i > 0 && crlf_at(raw, i - 1)));
		assert(!(ends && is_space(raw.at[i])));
		assert(!(starts && raw.at[i] == '.'));
	}
	free(tokens.at);
}

struct edited {
	const struct transfer_edit *edits;
	size_t count;
	struct buf text;
	/* For each byte of `text` the place that it had; SIZE_MAX: it is new. */
	size_t *origin;
};

static void keep(struct edited *e, struct span text, size_t from, size_t to) {
	for (; from < to; from++) {
		e->origin[e->text.len] = from;
		buf_add_byte(&e->text, text.at[from]);
	}
}

static void edit(struct edited *e, struct span text) {
	size_t done = 0, room = text.len + 1, i, k;

	for (i = 0; i < e->count; i++)
		room += e->edits[i].bytes.len;
	buf_init(&e->text, room);
	e->origin = malloc(room * sizeof *e->origin);
	assert(e->origin != NULL);
	for (i = 0; i < e->count; i++) {
		keep(e, text, done, e->edits[i].at);
		for (k = 0; k < e->edits[i].bytes.len; k++) {
			e->origin[e->text.len] = SIZE_MAX;
			buf_add_byte(&e->text, e->edits[i].bytes.at[k]);
		}
		done = e->edits[i].at + e->edits[i].len;
	}
	keep(e, text, done, text.len);
}

/* A soft line break goes back eight characters at most for one that is no dot;
 * within a longer run of dots, one begins a line. */
static bool ends_a_run_of_dots(const struct buf *text, size_t at) {
	size_t run = 0;

	while (run < 8 && at > run && text->at[at - run - 1] == '.')
		run++;
	return run == 8 || (at + 8 < text->len && memcmp(text->at + at, "........", 8) == 0);
}

/* What was not edited is spelt as it was, but for line ends torn apart, and a bare
 * CR and LF that would become one. */
static void check_spelling(const struct edited *e, struct span raw, struct tokens old, struct span out,
                           struct tokens new) {
	size_t i;

	for (i = 0; i < new.len; i++) {
		struct span got = span_make(out.at + new.at[i].at, new.at[i].len);
		bool ends = crlf_at(out, new.at[i].at + 1) || new.at[i].at + 1 == out.len, ended;
		bool starts = starts_line(out, new.at[i].at);
		struct token was;

		if (e->origin[i] == SIZE_MAX) {
			assert(!(got.len == 1 && starts && got.at[0] == '.' && !ends_a_run_of_dots(&e->text, i)));
			assert(!(got.len == 1 && ends && is_space(got.at[0])));
			continue;
		}
		was = old.at[e->origin[i]];
		ended = crlf_at(raw, was.at + 1) || was.at + 1 == raw.len;
		assert(!(got.len == 1 && ends && is_space(got.at[0]) && !ended));
		if (was.len == 1 && got.len == 3 && (was.c == '\r' || was.c == '\n'))
			assert(was.c == '\r' ? crlf_at(raw, was.at) : i == 0 || e->origin[i - 1] + 1 != e->origin[i]);
		else
			assert(span_equal(got, span_make(raw.at + was.at, was.len)));
	}
}

/* A line over 76 is one that was, or a piece of it. */
static void check_lines(struct span raw, struct span out) {
	size_t start, end;

	for (start = 0; start < out.len; start = end) {
		struct span line;

		end = next_line(out, start);
		line = span_make(out.at + start, end - start);
		if (end - start >= 2 && crlf_at(out, end - 2))
			line.len -= 2;
		if (line.len <= 76)
			continue;
		if (line.at[line.len - 1] == '=')
			line.len--;
		assert(span_find(raw, line) >= 0);
		assert(longest_line(raw) > line.len || span_starts(raw, line) || line.at[line.len] != '=');
	}
}

static void check_qp(const struct edited *e, struct span raw, struct span out) {
	struct tokens old = read_qp(raw), new = read_qp(out);
	const struct transfer_edit *last = &e->edits[e->count - 1];
	size_t first = e->edits[0].at, end = last->at + last->len;

	assert(same(new, buf_span(&e->text)));
	if (longest_line(raw) > TRANSFER_LINE_MAX) {
		check_written(out, buf_span(&e->text));
	} else {
		check_spelling(e, raw, old, out, new);
		check_lines(raw, out);
		first = first == 0 ? 0 : line_start(raw, old.at[first - 1].at);
		assert(span_starts(out, span_make(raw.at, first)));
		if (end < old.len) {
			struct span tail = span_from(raw, next_line(raw, old.at[end].at));

			assert(out.len >= tail.len && span_equal(span_from(out, out.len - tail.len), tail));
		}
	}
	free(old.at);
	free(new.at);
}

static struct span line_ends(struct span raw) {
	size_t n = raw.len;

	while (n > 0 && (raw.at[n - 1] == '\r' || raw.at[n - 1] == '\n'))
		n--;
	return span_from(raw, n);
}

/* Is each line that begins before `end` made of whole groups of four? */
static bool has_whole_lines(struct span raw, size_t end) {
	size_t start = 0;

	while (start < end && start < raw.len) {
		size_t next = next_line(raw, start);

		if (next - start < 2 || (next - start - 2) % 4 != 0)
			return false;
		start = next;
	}
	return true;
}

static void check_base64(const struct edited *e, struct span raw, struct span out) {
	struct buf text;
	size_t kept = e->edits[0].at / 3 * 4;

	buf_init(&text, out.len);
	assert(read_base64(out, &text) == 0);
	assert(span_equal(buf_span(&text), buf_span(&e->text)));
	assert(longest_line(out) <= 76);
	assert(out.len >= line_ends(raw).len);
	assert(span_equal(span_from(out, out.len - line_ends(raw).len), line_ends(raw)));
	/* The lines before the one with the first edit, where lines are whole groups. */
	if (longest_line(raw) <= 76 && kept < raw.len && has_whole_lines(raw, kept))
		assert(span_starts(out, span_make(raw.at, line_start(raw, kept))));
	buf_free(&text);
}

static bool has_8bit(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80)
			return true;
	return false;
}

static void check_plain(enum transfer encoding, enum transfer became, struct span raw, struct span text,
                        struct span out) {
	if (longest_line(text) > TRANSFER_LINE_MAX || (encoding == TRANSFER_7BIT && has_8bit(text) && !has_8bit(raw))) {
		assert(became == TRANSFER_QP);
		check_written(out, text);
	} else {
		assert(became == encoding);
		assert(span_equal(out, text));
	}
}

static void check_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count) {
	struct edited e = {.edits = edits, .count = count};
	enum transfer became = TRANSFER_UNKNOWN;
	struct buf out;

	edit(&e, body->text);
	buf_init(&out, 16 * BODY_MAX);
	assert(transfer_splice(body, edits, count, &out, &became) == 0);
	if (count == 0) {
		assert(became == body->encoding && span_equal(buf_span(&out), body->raw));
	} else if (body->encoding == TRANSFER_QP) {
		assert(became == TRANSFER_QP);
		check_qp(&e, body->raw, buf_span(&out));
	} else if (body->encoding == TRANSFER_BASE64) {
		assert(became == TRANSFER_BASE64);
		check_base64(&e, body->raw, buf_span(&out));
	} else {
		check_plain(body->encoding, became, body->raw, buf_span(&e.text), buf_span(&out));
	}
	buf_free(&out);
	buf_free(&e.text);
	free(e.origin);
}

/* Does the decoder agree with the one that goes byte by byte? */
static bool decode(enum transfer encoding, struct span raw, struct transfer_body *body_r) {
	bool decoded = transfer_decode(encoding, raw, body_r) == 0;

	if (encoding == TRANSFER_QP) {
		struct tokens tokens = read_qp(raw);

		assert(decoded == tokens.valid);
		assert(!decoded || same(tokens, body_r->text));
		free(tokens.at);
	} else if (encoding == TRANSFER_BASE64) {
		struct buf text;

		buf_init(&text, raw.len);
		assert(decoded == (read_base64(raw, &text) == 0));
		assert(!decoded || span_equal(buf_span(&text), body_r->text));
		buf_free(&text);
	} else {
		assert(decoded && body_r->text.at == raw.at && body_r->text.len == raw.len);
	}
	return decoded;
}

struct plan {
	unsigned char gap, len, bytes_len, far;
	struct span bytes;
};

static size_t read_plans(struct span *in, size_t count, struct plan plans[EDITS_MAX]) {
	size_t i;

	for (i = 0; i < count && in->len >= 4; i++) {
		const unsigned char *at = (const unsigned char *)in->at;

		plans[i] = (struct plan){.gap = at[0], .len = at[1], .bytes_len = at[2], .far = at[3]};
		*in = span_from(*in, 4);
		plans[i].bytes = span_make(in->at, plans[i].bytes_len < in->len ? plans[i].bytes_len : in->len);
		*in = span_from(*in, plans[i].bytes.len);
	}
	return i;
}

static void run(enum transfer encoding, struct span raw, const struct plan *plans, size_t count) {
	struct transfer_edit edits[EDITS_MAX];
	struct transfer_body body;
	size_t at = 0, i;

	if (!decode(encoding, raw, &body))
		return;
	for (i = 0; i < count; i++) {
		size_t gap = plans[i].gap + 64U * (plans[i].far % 8), left = body.text.len - at;

		at += gap < left ? gap : left;
		left = body.text.len - at;
		edits[i] = (struct transfer_edit){at, plans[i].len < left ? plans[i].len : left, plans[i].bytes};
		at += edits[i].len;
	}
	check_splice(&body, edits, count);
	transfer_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const enum transfer encodings[] = {TRANSFER_7BIT, TRANSFER_8BIT,   TRANSFER_BINARY,
	                                          TRANSFER_QP,   TRANSFER_BASE64, TRANSFER_BASE64};
	struct plan plans[EDITS_MAX] = {0};
	struct span rest;
	struct buf made;
	size_t which, count;

	if (size < 3 || size > BODY_MAX)
		return 0;
	which = data[0] % 6U;
	rest = span_make((const char *)data + 3, size - 3);
	count = read_plans(&rest, data[1] % (EDITS_MAX + 1U), plans);
	buf_init(&made, 16 * BODY_MAX);
	if (which == 5)
		write_base64(rest, 1 + data[2] % 100U, &made);
	else
		buf_add_span(&made, rest);
	run(encodings[which], buf_span(&made), plans, count);
	buf_reset(&made);
	transfer_encode_qp(rest, &made);
	check_written(buf_span(&made), rest);
	buf_free(&made);
	(void)transfer_of(rest);
	return 0;
}
