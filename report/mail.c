#include "report/mail.h"

#include "report/smtp.h"

#include <string.h>

#define GUESS_LINES 200
#define TOKEN_MIN 20 /* octets of a line without blanks that goes on with a field */

/* Octets of the field name that a line begins with; 0 where it is no field. */
static size_t name_size(struct span line) {
	size_t len = 0;

	while (len < line.len && line.at[len] > ' ' && line.at[len] < 0x7f && line.at[len] != ':')
		len++;
	/* RFC 5322 4.5 had blanks before the colon. */
	if (len == 0 || len > 76)
		return 0;
	if (len < line.len && line.at[len] == ':')
		return len;
	return len + 1 < line.len && line.at[len] == ' ' && line.at[len + 1] == ':' ? len : 0;
}

static void add_field(struct mail_header *header, struct span line, size_t name) {
	struct mail_field *field;
	ssize_t colon = span_find_byte(line, ':');

	if (header->count == MAIL_FIELDS_MAX)
		return;
	field = &header->fields[header->count++];
	field->name = span_make(line.at, name);
	field->value = span_trim(span_from(line, (size_t)colon + 1));
}

/* A line that some writer forgot to indent: base64 and the like. */
static bool is_lost_token(struct span line) {
	size_t i;

	for (i = 0; i < line.len; i++)
		if (ascii_is_blank(line.at[i]) || line.at[i] == '@')
			return false;
	return line.len >= TOKEN_MIN && !span_starts(line, SPAN("--"));
}

/* The last field goes on to the end of this line. */
static void continue_field(struct mail_header *header, struct span line) {
	struct mail_field *field = &header->fields[header->count - 1];
	const char *start = field->value.len > 0 ? field->value.at : line.at;

	field->value = span_trim(span_make(start, (size_t)(line.at + line.len - start)));
}

struct span mail_read_header(struct span text, struct mail_header *header_r) {
	struct span rest = text, line, before = text;
	bool full;

	header_r->count = 0;
	while (smtp_next_line(&rest, &line)) {
		size_t name = name_size(line);

		full = header_r->count == MAIL_FIELDS_MAX;
		if (line.len == 0)
			return rest;
		if ((line.at[0] == ' ' || line.at[0] == '\t') && header_r->count > 0) {
			if (!full)
				continue_field(header_r, line);
		} else if (name > 0) {
			add_field(header_r, line, name);
		} else if (header_r->count > 0 && is_lost_token(line)) {
			if (!full)
				continue_field(header_r, line);
		} else if (header_r->count > 0 ||
		           !(span_starts(line, SPAN("From ")) || span_starts(line, SPAN(">From ")))) {
			/* The empty line is missing. */
			return before;
		}
		before = rest;
	}
	return rest;
}

struct span mail_find(const struct mail_header *header, struct span name) {
	size_t i;

	for (i = 0; i < header->count; i++)
		if (header->fields[i].name.len == name.len && span_equal_nocase(header->fields[i].name, name))
			return header->fields[i].value;
	return SPAN_NONE;
}

struct span mail_parameter(struct span value, struct span name) {
	size_t from = 0, i;

	for (;;) {
		ssize_t found = span_find_nocase(span_from(value, from), name);
		size_t at, end;

		if (found < 0)
			return SPAN_NONE;
		at = from + (size_t)found;
		end = at + name.len;
		from = end;
		if (at > 0 && !ascii_is_blank(value.at[at - 1]) && value.at[at - 1] != ';' && value.at[at - 1] != ',')
			continue;
		while (end < value.len && ascii_is_blank(value.at[end]))
			end++;
		if (end == value.len || value.at[end] != '=')
			continue;
		value = span_trim(span_from(value, end + 1));
		if (value.len > 0 && value.at[0] == '"') {
			ssize_t quote = span_find_byte(span_from(value, 1), '"');

			return span_make(value.at + 1, quote < 0 ? value.len - 1 : (size_t)quote);
		}
		for (i = 0; i < value.len && !ascii_is_blank(value.at[i]) && value.at[i] != ';'; i++)
			;
		return span_make(value.at, i);
	}
}

static enum mail_kind kind_of(struct span type) {
	static const struct {
		const char *type;
		enum mail_kind kind;
	} kinds[] = {
	        {"text/html", MAIL_HTML},
	        {"text/rfc822", MAIL_RETURNED}, /* -headers; some leave that out */
	        {"message/rfc822", MAIL_RETURNED},
	        {"message/global-delivery-status", MAIL_STATUS},
	        {"message/global-disposition-notification", MAIL_RECEIPT},
	        {"message/global", MAIL_RETURNED}, /* and -headers */
	        {"message/partial", MAIL_RETURNED},
	        {"message/delivery-status", MAIL_STATUS},
	        {"message/feedback-report", MAIL_FEEDBACK},
	        {"message/disposition-notification", MAIL_RECEIPT},
	        {"message/", MAIL_TEXT},
	        {"text/", MAIL_TEXT},
	        {"text", MAIL_TEXT},
	};
	size_t i;

	if (type.len == 0)
		return MAIL_TEXT;
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (span_starts_nocase(type, span_of(kinds[i].type)))
			return kinds[i].kind;
	return MAIL_OTHER;
}

/* Boundaries that are open, innermost last. */
struct bounds {
	struct span open[MAIL_DEPTH_MAX];
	size_t depth;
};

/* Which boundary the line is: its index, or -1. */
static int bound_of(const struct bounds *bounds, struct span line) {
	size_t i;

	if (line.len < 2 || line.at[0] != '-' || line.at[1] != '-')
		return -1;
	line = span_from(line, 2);
	for (i = bounds->depth; i-- > 0;)
		if (span_starts(line, bounds->open[i])) {
			struct span tail = span_trim(span_from(line, bounds->open[i].len));

			if (tail.len == 0 || span_equal(tail, SPAN("--")))
				return (int)i;
		}
	return -1;
}

/* Moves to the next boundary: the text before it, and which one it is (-1: the end). */
static struct span until_bound(struct span *rest, const struct bounds *bounds, int *which_r, bool *last_r) {
	struct span text = *rest, line;
	size_t from = 0;

	*which_r = -1;
	while (from < text.len) {
		struct span here = span_from(text, from);
		ssize_t next;

		if (here.at[0] == '-' && here.len > 2 && here.at[1] == '-') {
			struct span tail = here;

			smtp_next_line(&tail, &line);
			*which_r = bound_of(bounds, line);
			if (*which_r >= 0) {
				*last_r = span_ends_nocase(span_trim(line), SPAN("--")) &&
				          line.len >= bounds->open[*which_r].len + 4;
				*rest = tail;
				return span_make(text.at, from);
			}
		}
		next = span_find_byte(here, '\n');
		if (next < 0)
			break;
		from += (size_t)next + 1;
	}
	*rest = span_from(text, text.len);
	return text;
}

/* The first line that may be a boundary nobody declared: "--" and more, and a
 * Content-Type in the next; among the first `most`. */
static struct span guess_boundary(struct span body, int most) {
	struct span rest = body, line, before = SPAN_NONE;
	int lines = 0;

	while (lines++ < most && smtp_next_line(&rest, &line)) {
		if (before.len > 2 && span_starts(before, SPAN("--")) && span_starts_nocase(line, SPAN("Content-")))
			return span_trim(span_from(before, 2));
		before = line;
	}
	return SPAN_NONE;
}

static void add_part(struct mail *mail, const struct mail_header *header, struct span body) {
	struct span type = mail_find(header, SPAN("Content-Type"));
	struct mail_part *part;

	if (mail->count == MAIL_PARTS_MAX)
		return;
	part = &mail->parts[mail->count++];
	part->kind = kind_of(type);
	part->body = body;
	part->charset = mail_parameter(type, SPAN("charset"));
	part->encoding = decode_encoding_of(mail_find(header, SPAN("Content-Transfer-Encoding")));
	part->attachment = span_starts_nocase(mail_find(header, SPAN("Content-Disposition")), SPAN("attachment"));
}

/* Is it a multipart that is to be opened?  Then its boundary is put on top. */
static bool open_multipart(struct bounds *bounds, struct span type, struct span body) {
	struct span boundary;

	if (!span_starts_nocase(type, SPAN("multipart/")) || bounds->depth == MAIL_DEPTH_MAX)
		return false;
	boundary = mail_parameter(type, SPAN("boundary"));
	if (boundary.len == 0)
		boundary = guess_boundary(body, GUESS_LINES);
	if (boundary.len == 0)
		return false;
	bounds->open[bounds->depth++] = boundary;
	return true;
}

static void read_parts(struct mail *mail, struct bounds *bounds) {
	struct span rest = mail->body;
	struct mail_header header;
	int which;
	bool last = false;

	until_bound(&rest, bounds, &which, &last);
	while (which >= 0 && mail->count < MAIL_PARTS_MAX) {
		struct span body, type;

		bounds->depth = (size_t)which + (last ? 0 : 1);
		if (last) {
			/* What follows belongs to nobody, or to the one around it. */
			until_bound(&rest, bounds, &which, &last);
			continue;
		}
		body = mail_read_header(rest, &header);
		type = mail_find(&header, SPAN("Content-Type"));
		if (open_multipart(bounds, type, body)) {
			rest = body;
			until_bound(&rest, bounds, &which, &last);
			continue;
		}
		rest = body;
		body = until_bound(&rest, bounds, &which, &last);
		add_part(mail, &header, body);
	}
}

void mail_read(struct span message, struct mail *mail_r) {
	struct bounds bounds = {.depth = 0};

	mail_r->count = 0;
	mail_r->body = mail_read_header(message, &mail_r->header);
	mail_r->type = mail_find(&mail_r->header, SPAN("Content-Type"));
	if (open_multipart(&bounds, mail_r->type, mail_r->body))
		read_parts(mail_r, &bounds);
	if (mail_r->count == 0) {
		/* The declared boundary is nowhere: one that is there may do.  Where none
		 * is declared, that of a returned message must not. */
		bool declared = span_starts_nocase(mail_r->type, SPAN("multipart/"));
		struct span boundary = guess_boundary(mail_r->body, declared ? GUESS_LINES : 4);

		bounds.depth = 0;
		if (boundary.len > 0) {
			bounds.open[bounds.depth++] = boundary;
			read_parts(mail_r, &bounds);
		}
	}
	if (mail_r->count == 0) {
		add_part(mail_r, &mail_r->header, mail_r->body);
		if (span_starts_nocase(mail_r->type, SPAN("multipart/")))
			mail_r->parts[0].kind = MAIL_TEXT;
	}
}
