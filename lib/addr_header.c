/* The From field of lib/addr.h (RFC 5322 3.4, 3.6.2, and the obsolete forms of 4.4). */
#include "lib/addr.h"

#define MAILBOX_MAX 4096 /* octets of a mailbox, without comments */
#define ESC '\033'

/*
 * A header field's value, octet by octet.  Raw ISO-2022-JP in a display name
 * may look like anything (B4): its escapes and what stands in two-byte or kana
 * state come out as ESC, which no address holds.
 */
struct reader {
	struct span left;
	bool opaque;
	bool blank;     /* blanks or a comment were passed over */
	bool angle;     /* within <> */
	struct buf box; /* the mailbox so far: no comments, no folding */
};

#define END (-1)

static int next(struct reader *r) {
	char c, set;

	if (r->left.len == 0)
		return END;
	c = r->left.at[0];
	if (c == ESC && r->left.len >= 3 && (r->left.at[1] == '$' || r->left.at[1] == '(')) {
		set = r->left.at[2];
		r->opaque = r->left.at[1] == '$' || set == 'I';
		r->left = span_from(r->left, r->left.at[1] == '$' && set == '(' && r->left.len > 3 ? 4 : 3);
		return ESC;
	}
	r->left = span_from(r->left, 1);
	/* Each line begins in ASCII (RFC 1468). */
	if (c == '\r' || c == '\n')
		r->opaque = false;
	return r->opaque ? ESC : (unsigned char)c;
}

static void skip_comment(struct reader *r) {
	size_t depth = 1;
	int c;

	while (depth > 0 && (c = next(r)) != END) {
		if (c == '\\')
			(void)next(r);
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
	}
}

/* Blanks around the @, and within <> around dots (RFC 5322 4.4), go. */
static bool joins(const struct reader *r, int c) {
	return c == '@' || (r->angle && c == '.');
}

static void put(struct reader *r, int c) {
	struct buf *box = &r->box;

	if (r->blank && box->len > 0 && !joins(r, c) && !joins(r, box->at[box->len - 1]))
		buf_add_byte(box, ' ');
	r->blank = false;
	buf_add_byte(box, (char)c);
}

/* Up to the octet that ends a quoted string or a domain literal. */
static void copy_until(struct reader *r, int c, int end) {
	put(r, c);
	while ((c = next(r)) != END) {
		if (c != '\r' && c != '\n')
			buf_add_byte(&r->box, (char)c);
		if (c == end)
			return;
		if (c == '\\' && (c = next(r)) != END)
			buf_add_byte(&r->box, (char)c);
	}
}

/* What is the same within <> and outside of them. */
static void take_octet(struct reader *r, int c) {
	if (c == '(')
		skip_comment(r);
	if (c == '(' || ascii_is_blank((char)c))
		r->blank = true;
	else if (c == '"')
		copy_until(r, c, '"');
	else if (c == '[' && r->box.len > 0 && r->box.at[r->box.len - 1] == '@')
		copy_until(r, c, ']');
	else
		put(r, c);
}

static void forget(struct reader *r) {
	buf_reset(&r->box);
	r->blank = false;
}

static int take_angle(struct reader *r, struct addr *addr_r) {
	int c, result;

	forget(r);
	r->angle = true;
	while ((c = next(r)) != END && c != '>')
		take_octet(r, c);
	r->angle = false;
	result = c == END || r->box.failed ? -1 : addr_parse(buf_span(&r->box), addr_r);
	forget(r);
	return result;
}

static int take_bare(struct reader *r, struct addr *addr_r) {
	int result = -1;

	/* An encoded word is a name, whatever it holds (RFC 2047 5). */
	if (!r->box.failed && !span_starts(buf_span(&r->box), SPAN("=?")))
		result = addr_parse(buf_span(&r->box), addr_r);
	forget(r);
	return result;
}

int addr_parse_header(struct span value, struct addr *addr_r) {
	struct reader r = {.left = value};
	int c, result = -1;

	*addr_r = (struct addr){.len = 0};
	buf_init(&r.box, MAILBOX_MAX);
	do {
		c = next(&r);
		if (c == '<')
			result = take_angle(&r, addr_r);
		else if (c == END || c == ',' || c == ';')
			result = take_bare(&r, addr_r);
		else if (c == ':') /* what came before was a group's name */
			forget(&r);
		else
			take_octet(&r, c);
	} while (c != END && result != 0);
	buf_free(&r.box);
	return result;
}
