#include "milter/dkim_canon.h"

#include <endian.h>
#include <string.h>

#define LANE 16 /* octets looked at together */

typedef unsigned char lane __attribute__((vector_size(LANE)));

static bool is_wsp(char c) {
	return c == ' ' || c == '\t';
}

static void flush(struct canon *canon) {
	if (canon->gathered > 0)
		canon->sink(canon->context, canon->gather, canon->gathered);
	canon->gathered = 0;
}

static void feed(struct canon *canon, const char *bytes, size_t len) {
	if (len > CANON_GATHER - canon->gathered)
		flush(canon);
	if (len >= CANON_GATHER / 4) {
		flush(canon);
		canon->sink(canon->context, bytes, len);
		return;
	}
	memcpy(canon->gather + canon->gathered, bytes, len);
	canon->gathered += len;
}

/* Must the octet at `p`, which others precede, be held back or changed? */
static bool must_wait(const char *p, const char *end) {
	bool last = p + 1 == end;

	if (*p == ' ')
		return last || is_wsp(p[1]) || p[1] == '\r';
	if (*p == '\r')
		return last || p[-1] == '\n';
	return *p == '\t';
}

static lane load(const char *at) {
	lane bytes;

	memcpy(&bytes, at, LANE);
	return bytes;
}

/* The first octet from `p` that must wait, LANE where there is none among LANE.
 * One octet before and one behind them are read too. */
static size_t first_waiting(const char *p) {
	lane here = load(p), before = load(p - 1), behind = load(p + 1);
	lane blank_behind = (lane)(behind == ' ') | (lane)(behind == '\t') | (lane)(behind == '\r');
	lane waiting = (lane)(here == '\t') | ((lane)(here == ' ') & blank_behind) |
	               ((lane)(here == '\r') & (lane)(before == '\n'));
	uint64_t halves[2];

	memcpy(halves, &waiting, sizeof halves);
	if (halves[0] != 0)
		return (size_t)__builtin_ctzll(le64toh(halves[0])) / 8;
	return halves[1] == 0 ? LANE : 8 + (size_t)__builtin_ctzll(le64toh(halves[1])) / 8;
}

/* How many octets from `at`, which is neither blank nor CR, are handed on as
 * they are. */
static size_t plain_run(const char *at, const char *end) {
	const char *p = at + 1;

	while (end - p > LANE) {
		size_t plain = first_waiting(p);

		p += plain;
		if (plain < LANE)
			return (size_t)(p - at);
	}
	while (p < end && !must_wait(p, end))
		p++;
	return (size_t)(p - at);
}

/* What was held back belongs to the body after all: data follows. */
static void release(struct canon *canon) {
	for (; canon->withheld > 0; canon->withheld--)
		feed(canon, "\r\n", 2);
	if (canon->blanks)
		feed(canon, " ", 1);
	canon->blanks = false;
	canon->open = true;
}

static void end_line(struct canon *canon) {
	canon->blanks = false;
	if (canon->open)
		feed(canon, "\r\n", 2);
	else
		canon->withheld++;
	canon->open = false;
}

void canon_begin(struct canon *canon, void (*sink)(void *context, const char *bytes, size_t len), void *context) {
	canon->sink = sink;
	canon->context = context;
	canon->blanks = canon->cr = canon->open = false;
	canon->withheld = 0;
	canon->gathered = 0;
}

static void settle_cr(struct canon *canon, bool line_end) {
	canon->cr = false;
	if (line_end) {
		end_line(canon);
		return;
	}
	release(canon);
	feed(canon, "\r", 1);
}

void canon_body(struct canon *canon, struct span piece) {
	const char *p = piece.at, *end;

	if (piece.len == 0)
		return;
	for (end = p + piece.len; p < end;) {
		if (canon->cr) {
			settle_cr(canon, *p == '\n');
			p += p[0] == '\n';
		} else if (is_wsp(*p)) {
			canon->blanks = true;
			p++;
		} else if (*p == '\r') {
			canon->cr = true;
			p++;
		} else {
			size_t run = plain_run(p, end);

			release(canon);
			feed(canon, p, run);
			canon->open = run < 2 || p[run - 1] != '\n' || p[run - 2] != '\r';
			p += run;
		}
	}
}

void canon_end(struct canon *canon) {
	if (canon->cr)
		settle_cr(canon, false);
	if (canon->open)
		end_line(canon);
	flush(canon);
}

/* The value's line ends go, its runs of blanks become a space each, and those at
 * its ends go too. */
static void add_unfolded(struct span value, struct buf *out) {
	bool blanks = false, begun = false;
	size_t i = 0;

	while (i < value.len) {
		size_t start = i;

		if (is_wsp(value.at[i])) {
			blanks = begun;
			i++;
			continue;
		}
		if (value.at[i] == '\n' || (value.at[i] == '\r' && i + 1 < value.len && value.at[i + 1] == '\n')) {
			i++;
			continue;
		}
		if (blanks)
			buf_add_byte(out, ' ');
		blanks = false;
		begun = true;
		do
			i++;
		while (i < value.len && !is_wsp(value.at[i]) && value.at[i] != '\r' && value.at[i] != '\n');
		buf_add(out, value.at + start, i - start);
	}
}

void canon_field(struct span name, struct span value, struct buf *out) {
	size_t i;

	while (name.len > 0 && is_wsp(name.at[name.len - 1]))
		name.len--;
	for (i = 0; i < name.len; i++)
		buf_add_byte(out, ascii_lower(name.at[i]));
	buf_add_byte(out, ':');
	add_unfolded(value, out);
	buf_add_text(out, "\r\n");
}
