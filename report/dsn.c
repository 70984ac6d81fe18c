#include "report/dsn.h"

#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "report/smtp.h"

struct reading {
	struct dsn *dsn;
	struct dsn_group now;
	struct span *field; /* that a folded line goes on with, or NULL */
	struct span prefix; /* what quotes each line */
	bool out_of_memory;
};

/* The fields' names, and where in the group they go. */
static const struct {
	const char *name;
	size_t offset;
	bool begins; /* a second one begins another recipient */
} fields[] = {
        {"final-recipient", offsetof(struct dsn_group, final), true},
        {"original-recipient", offsetof(struct dsn_group, original), true},
        {"x-actual-recipient", offsetof(struct dsn_group, actual), true},
        {"action", offsetof(struct dsn_group, action), true},
        {"status", offsetof(struct dsn_group, status), true},
        {"diagnostic-code", offsetof(struct dsn_group, diagnostic), false},
        {"remote-mta", offsetof(struct dsn_group, remote), false},
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* What may stand before a field that is quoted or indented. */
static size_t prefix_size(struct span line) {
	size_t len = 0;

	while (len < line.len && len < 40 && (line.at[len] == '>' || line.at[len] == ' ' || line.at[len] == '\t'))
		len++;
	return len;
}

static bool is_recipient_field(struct span line) {
	return span_starts_nocase(line, SPAN("Final-Recipient:")) ||
	       span_starts_nocase(line, SPAN("Original-Recipient:")) ||
	       span_starts_nocase(line, SPAN("X-Actual-Recipient:"));
}

/* The first line with a recipient's field; its prefix. */
static bool find_prefix(struct span text, struct span *prefix_r) {
	struct span line;

	while (smtp_next_line(&text, &line)) {
		size_t len = prefix_size(line);

		if (is_recipient_field(span_from(line, len))) {
			*prefix_r = span_make(line.at, len);
			return true;
		}
	}
	return false;
}

bool dsn_is_in(struct span text) {
	struct span prefix;

	/* Cheaper than to look at each line. */
	return span_find_byte(text, '@') >= 0 && find_prefix(text, &prefix);
}

static bool has_recipient(const struct dsn_group *g) {
	return g->final.len > 0 || g->original.len > 0 || g->actual.len > 0;
}

static bool is_empty(const struct dsn_group *g) {
	return !has_recipient(g) && g->action.len == 0 && g->status.len == 0 && g->diagnostic.len == 0;
}

static void add_group(struct reading *r) {
	struct dsn *dsn = r->dsn;
	struct dsn_group *last = dsn->count > 0 ? &dsn->groups[dsn->count - 1] : NULL;

	if (is_empty(&r->now))
		return;
	if (!has_recipient(&r->now) && last != NULL) {
		/* An empty line too many: the rest of the recipient before. */
		last->action = last->action.len == 0 ? r->now.action : last->action;
		last->status = last->status.len == 0 ? r->now.status : last->status;
		last->diagnostic = last->diagnostic.len == 0 ? r->now.diagnostic : last->diagnostic;
		last->remote = last->remote.len == 0 ? r->now.remote : last->remote;
	} else if (dsn->count == REPORT_RESULTS_MAX) {
		dsn->cut_off = true;
	} else {
		if (dsn->count == dsn->room) {
			size_t room = dsn->room == 0 ? 4 : dsn->room * 2;
			struct dsn_group *grown = realloc(dsn->groups, room * sizeof *grown);

			if (grown == NULL) {
				r->out_of_memory = true;
				return;
			}
			dsn->groups = grown;
			dsn->room = room;
		}
		dsn->groups[dsn->count++] = r->now;
	}
}

static void end_group(struct reading *r) {
	add_group(r);
	r->now = (struct dsn_group){0};
	r->field = NULL;
}

static void read_field(struct reading *r, struct span line) {
	ssize_t colon = span_find_byte(line, ':');
	struct span name, value;
	size_t i;

	r->field = NULL;
	if (colon <= 0)
		return;
	name = span_trim(span_make(line.at, (size_t)colon));
	value = span_trim(span_from(line, (size_t)colon + 1));
	if (span_equal_nocase(name, SPAN("arrival-date"))) {
		r->dsn->arrival = value;
		return;
	}
	for (i = 0; i < FIELD_COUNT; i++) {
		struct span *field = (struct span *)((char *)&r->now + fields[i].offset);

		if (!span_equal_nocase(name, span_of(fields[i].name)))
			continue;
		if (field->len > 0 && fields[i].begins) {
			end_group(r);
			/* It was emptied with its group. */
			*field = value;
		} else if (field->len == 0) {
			*field = value;
		}
		r->field = field;
	}
}

static void continue_field(struct reading *r, struct span line) {
	struct span *field = r->field;

	if (field == NULL)
		return;
	if (field->len == 0)
		*field = span_trim(line);
	else if (line.at > field->at)
		field->len = (size_t)(line.at + line.len - field->at);
	*field = span_trim(*field);
}

int dsn_read(struct span text, struct dsn *dsn_r) {
	struct reading r = {.dsn = dsn_r};
	struct span line;

	*dsn_r = (struct dsn){0};
	find_prefix(text, &r.prefix);
	while (!r.out_of_memory && smtp_next_line(&text, &line)) {
		if (r.prefix.len > 0 && span_starts(line, r.prefix))
			line = span_from(line, r.prefix.len);
		if (span_trim(line).len == 0 || span_equal(span_trim(line), SPAN(">"))) {
			if (!is_empty(&r.now))
				end_group(&r);
		} else if (line.at[0] == ' ' || line.at[0] == '\t') {
			continue_field(&r, line);
		} else {
			read_field(&r, line);
		}
	}
	end_group(&r);
	if (!r.out_of_memory)
		return 0;
	dsn_free(dsn_r);
	return -1;
}

void dsn_free(struct dsn *dsn) {
	free(dsn->groups);
	*dsn = (struct dsn){0};
}

struct span dsn_untyped(struct span field) {
	ssize_t semicolon = span_find_byte(field, ';');
	size_t i;

	/* "550 5.1.1 no; not here" has no type. */
	for (i = 0; semicolon > 0 && i < (size_t)semicolon; i++)
		if (!ascii_is_alnum(field.at[i]) && field.at[i] != '-' && field.at[i] != '_' &&
		    !ascii_is_blank(field.at[i]))
			semicolon = -1;
	if (semicolon > 30 || (semicolon > 0 && ascii_is_digit(field.at[0])))
		semicolon = -1;
	return span_trim(semicolon < 0 ? field : span_from(field, (size_t)semicolon + 1));
}

static void add_character(unsigned long c, struct buf *out) {
	if (c < 0x80) {
		buf_add_byte(out, (char)c);
	} else if (c < 0x800) {
		buf_add_byte(out, (char)(0xc0 | c >> 6));
		buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_add_byte(out, (char)(0xe0 | c >> 12));
		buf_add_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x110000) {
		buf_add_byte(out, (char)(0xf0 | c >> 18));
		buf_add_byte(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* RFC 6533 3: \x{HEX}.  Octets of the escape at the start, or 0. */
static size_t escape_size(struct span s, unsigned long *c_r) {
	size_t i;

	*c_r = 0;
	if (!span_starts(s, SPAN("\\x{")))
		return 0;
	for (i = 3; i < s.len && i < 10 && hex_value(s.at[i]) >= 0; i++)
		*c_r = *c_r * 16 + (unsigned long)hex_value(s.at[i]);
	return i > 3 && i < s.len && s.at[i] == '}' ? i + 1 : 0;
}

/* Nothing but one address, whatever it is written in. */
static bool is_whole_address(struct span value) {
	size_t i, ats = 0;

	for (i = 0; i < value.len; i++) {
		if ((unsigned char)value.at[i] <= ' ' || strchr("<>()[],;:\"", value.at[i]) != NULL)
			return false;
		ats += value.at[i] == '@';
	}
	return ats == 1 && value.at[0] != '@' && value.at[value.len - 1] != '@' && value.at[value.len - 1] != '.';
}

bool dsn_address(struct span field, struct buf *out) {
	struct span value = dsn_untyped(field), rest, address;
	size_t base = out->len;

	if (value.len > 1 && (value.at[0] == '|' || value.at[0] == '/' || value.at[0] == '@'))
		return false;
	if (value.len > 1 && value.at[0] == '<' && value.at[value.len - 1] == '>')
		value = span_make(value.at + 1, value.len - 2);
	/* One of RFC 6533 holds braces and backslashes; all of it is the address. */
	if (span_find(value, SPAN("\\x{")) >= 0) {
		while (value.len > 0) {
			unsigned long c;
			size_t size = escape_size(value, &c);

			if (size > 0)
				add_character(c, out);
			else
				buf_add_byte(out, value.at[0]);
			value = span_from(value, size > 0 ? size : 1);
		}
		return span_find_byte(span_make(out->at + base, out->len - base), '@') > 0;
	}
	if (is_whole_address(value)) {
		buf_add_span(out, value);
		return true;
	}
	rest = value;
	if (!smtp_next_address(&rest, &address))
		return false;
	buf_add_span(out, address);
	return true;
}
