#include "milter/html_lex.h"

struct attribute {
	size_t name_at, name_len;
	size_t value_at, value_len;
	char quote;
};

enum { BLANK = 1, NAME_END = 2, TAG_NAME_END = 4, VALUE_END = 8 };

static const unsigned char classes[256] = {
        ['\t'] = BLANK | NAME_END | TAG_NAME_END | VALUE_END,
        ['\n'] = BLANK | NAME_END | TAG_NAME_END | VALUE_END,
        ['\f'] = BLANK | NAME_END | TAG_NAME_END | VALUE_END,
        ['\r'] = BLANK | NAME_END | TAG_NAME_END | VALUE_END,
        [' '] = BLANK | NAME_END | TAG_NAME_END | VALUE_END,
        ['/'] = NAME_END | TAG_NAME_END,
        ['='] = NAME_END,
        ['>'] = NAME_END | TAG_NAME_END | VALUE_END,
};

static bool is(char c, unsigned class) {
	return (classes[(unsigned char)c] & class) != 0;
}

static size_t skip_blanks(const struct html_input *in, size_t at) {
	return html_skip_blanks(in->mask, at, in->n);
}

/* The first byte from `at` on that may be none of @ to DEL, eight at a time: what
 * ends names is below them. */
static inline size_t skip_letters(const struct html_input *in, size_t at) {
	while (at + 8 <= in->n) {
		uint64_t others = ~html_load64(in->mask + at) & UINT64_C(0x4040404040404040);

		if (others != 0)
			return at + ((size_t)__builtin_ctzll(others) >> 3);
		at += 8;
	}
	return at;
}

static inline size_t skip_to(const struct html_input *in, size_t at, unsigned class) {
	while ((at = skip_letters(in, at)) < in->n && !is(in->mask[at], class))
		at++;
	return at;
}

static size_t find(const struct html_input *in, size_t at, char c) {
	const char *found = at < in->n ? memchr(in->mask + at, c, in->n - at) : NULL;

	return found == NULL ? in->n : (size_t)(found - in->mask);
}

bool html_lex_has(const struct html_input *in, size_t at, struct span text) {
	return at <= in->n && span_starts_nocase(span_make(in->mask + at, in->n - at), text);
}

/* Before attribute value and on (13.2.5.35 to 13.2.5.39): `at` is behind the `=`.
 * Returns the place behind the value, n + 1 where the input ends in it. */
static size_t lex_value(const struct html_input *in, size_t at, struct attribute *attribute) {
	size_t end;

	at = skip_blanks(in, at);
	attribute->value_at = at;
	if (at == in->n)
		return in->n + 1;
	if (in->mask[at] == '"' || in->mask[at] == '\'') {
		attribute->quote = in->mask[at];
		attribute->value_at = ++at;
		end = find(in, at, attribute->quote);
		attribute->value_len = end - at;
		return end + 1;
	}
	end = skip_to(in, at, VALUE_END);
	attribute->value_len = end - at;
	return end;
}

/*
 * The next attribute from *at_r on (13.2.5.32 to 13.2.5.40).  1: there is one; 0:
 * the tag ended, *at_r is behind its `>`; -1: the input ended.
 */
static inline int next_attribute(const struct html_input *in, size_t *at_r, struct attribute *attribute_r,
                                 bool *self_closing_r) {
	size_t at = *at_r, end;

	for (;; at++) {
		at = skip_blanks(in, at);
		if (at >= in->n)
			return -1;
		if (in->mask[at] == '>') {
			*at_r = at + 1;
			return 0;
		}
		if (in->mask[at] != '/')
			break;
		*self_closing_r = at + 1 < in->n && in->mask[at + 1] == '>';
	}
	/* A name's first character is part of it even if it is `=`. */
	end = skip_to(in, at + 1, NAME_END);
	attribute_r->name_at = at;
	attribute_r->name_len = end - at;
	attribute_r->value_at = end;
	attribute_r->value_len = 0;
	attribute_r->quote = 0;
	at = skip_blanks(in, end);
	if (at < in->n && in->mask[at] == '=')
		at = lex_value(in, at + 1, attribute_r);
	*at_r = at;
	return at > in->n ? -1 : 1;
}

static struct span name_of(const struct html_input *in, const struct attribute *attribute) {
	return span_make(in->mask + attribute->name_at, attribute->name_len);
}

static struct span value_of(const struct html_input *in, const struct attribute *attribute) {
	return span_make(in->mask + attribute->value_at, attribute->value_len);
}

/* What has been seen on this tag: of two attributes of one name, the first
 * counts (13.2.5.33). */
enum seen {
	SEEN_HREF = 1 << 0,
	SEEN_TYPE = 1 << 1,
	SEEN_ENCODING = 1 << 2,
	SEEN_CLICKTRACKING = 1 << 3,
	SEEN_PM_NO_TRACK = 1 << 4,
	SEEN_MSYS = 1 << 5,
	SEEN_SES = 1 << 6,
	SEEN_DISABLE = 1 << 7,
	SEEN_DATA_DISABLE = 1 << 8,
	SEEN_FONT = 1 << 9,
};

static unsigned known_name(struct span name) {
	static const struct {
		struct span name;
		unsigned seen;
	} names[] = {
	        {{"href", 4}, SEEN_HREF},
	        {{"type", 4}, SEEN_TYPE},
	        {{"face", 4}, SEEN_FONT},
	        {{"size", 4}, SEEN_FONT},
	        {{"color", 5}, SEEN_FONT},
	        {{"encoding", 8}, SEEN_ENCODING},
	        {{"ses:no-track", 12}, SEEN_SES},
	        {{"clicktracking", 13}, SEEN_CLICKTRACKING},
	        {{"disable-tracking", 16}, SEEN_DISABLE},
	        {{"data-pm-no-track", 16}, SEEN_PM_NO_TRACK},
	        {{"data-msys-clicktrack", 20}, SEEN_MSYS},
	        {{"data-disable-tracking", 21}, SEEN_DATA_DISABLE},
	};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (span_equal_nocase(names[i].name, name))
			return names[i].seen;
	return 0;
}

/* The opt-out attributes of B8. */
static bool opts_out(unsigned name, struct span value) {
	switch (name) {
	case SEEN_CLICKTRACKING:
		return span_equal_nocase(value, SPAN("off"));
	case SEEN_PM_NO_TRACK:
	case SEEN_SES:
		return true;
	case SEEN_MSYS:
		return span_equal(value, SPAN("0"));
	case SEEN_DISABLE:
		return span_equal_nocase(value, SPAN("true"));
	case SEEN_DATA_DISABLE:
		return !span_equal_nocase(value, SPAN("false"));
	default:
		return false;
	}
}

static void note(const struct html_input *in, const struct attribute *attribute, unsigned *seen,
                 struct html_tag_token *token) {
	unsigned name = known_name(name_of(in, attribute));
	struct span value = value_of(in, attribute);

	if (name == 0 || (*seen & name) != 0)
		return;
	*seen |= name;
	if (name == SEEN_HREF) {
		token->has_href = true;
		token->value_at = attribute->value_at;
		token->value_len = attribute->value_len;
		token->quote = attribute->quote;
	} else if (name == SEEN_FONT) {
		token->font_breaks_out = true;
	} else if (name == SEEN_TYPE) {
		token->is_hidden = span_equal_nocase(value, SPAN("hidden"));
	} else if (name == SEEN_ENCODING) {
		token->is_html_point = span_equal_nocase(value, SPAN("text/html")) ||
		                       span_equal_nocase(value, SPAN("application/xhtml+xml"));
	} else if (opts_out(name, span_trim(value))) {
		token->opted_out = true;
	}
}

/* The token is filled in place: a copy of one just written in small pieces
 * stalls the processor. */
int html_lex_tag(const struct html_input *in, size_t at, bool all, struct html_tag_token *token_r) {
	struct attribute attribute;
	unsigned seen = 0;
	size_t name_at, end;
	bool self_closing = false;
	int more;

	*token_r = (struct html_tag_token){.at = at, .is_end = in->mask[at + 1] == '/'};
	name_at = at + (in->mask[at + 1] == '/' ? 2 : 1);
	end = skip_to(in, name_at, TAG_NAME_END);
	token_r->name_len = end - name_at;
	token_r->tag = html_tag_at(span_make(in->mask + name_at, end - name_at), in->n - name_at);
	all = all || (html_tag_properties(token_r->tag) & HTML_ATTRIBUTES) != 0;
	while ((more = next_attribute(in, &end, &attribute, &self_closing)) > 0)
		if (all)
			note(in, &attribute, &seen, token_r);
	token_r->self_closing = self_closing;
	token_r->end = end;
	return more;
}

static uint64_t hash_bytes(uint64_t hash, struct span s, unsigned fold) {
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		hash = (hash ^ (c >= 'A' && c <= 'Z' ? c | fold : c)) * UINT64_C(0x100000001B3);
	}
	return (hash ^ s.len) * UINT64_C(0x9E3779B97F4A7C15);
}

uint64_t html_lex_attributes_hash(const struct html_input *in, size_t tag_at) {
	enum { NAMES_MAX = 32 };
	uint64_t sum = 1, names[NAMES_MAX];
	struct attribute attribute;
	size_t at = skip_to(in, tag_at + 1, TAG_NAME_END), count = 0, i;
	bool self_closing;

	while (next_attribute(in, &at, &attribute, &self_closing) > 0) {
		uint64_t name = hash_bytes(1, name_of(in, &attribute), 0x20);

		for (i = 0; i < count && names[i] != name; i++)
			;
		if (i < count)
			continue;
		if (count < NAMES_MAX)
			names[count++] = name;
		sum += hash_bytes(name, value_of(in, &attribute), 0);
	}
	return sum;
}

/* Comment states (13.2.5.43 to 13.2.5.52): it ends at `-->` or `--!>`, and right
 * at its start at `>` or `->`. */
size_t html_lex_comment(const struct html_input *in, size_t at, size_t *text_end_r) {
	size_t start = at + 4, dashes;

	if (html_lex_has(in, start, SPAN(">")) || html_lex_has(in, start, SPAN("->"))) {
		*text_end_r = start;
		return start + (in->mask[start] == '>' ? 1 : 2);
	}
	for (at = start; (dashes = find(in, at, '-')) < in->n; at = dashes + 1) {
		if (dashes + 1 == in->n || in->mask[dashes + 1] != '-')
			continue;
		*text_end_r = dashes;
		if (html_lex_has(in, dashes + 2, SPAN(">")))
			return dashes + 3;
		if (html_lex_has(in, dashes + 2, SPAN("!>")))
			return dashes + 4;
	}
	*text_end_r = in->n;
	return in->n + 1;
}

size_t html_lex_to_greater(const struct html_input *in, size_t at) {
	return find(in, at, '>') + 1;
}

size_t html_lex_cdata(const struct html_input *in, size_t at) {
	for (; (at = find(in, at, ']')) < in->n; at++)
		if (html_lex_has(in, at, SPAN("]]>")))
			return at + 3;
	return in->n + 1;
}

/* Is the `<` at `at` that of `</name`, with a blank, `/` or `>` behind it? */
static bool is_end_tag(const struct html_input *in, size_t at, struct span name) {
	size_t end = at + 2 + name.len;

	return end < in->n && in->mask[at + 1] == '/' && is(in->mask[end], TAG_NAME_END) &&
	       html_lex_has(in, at + 2, name);
}

/* Is the `<` at `at` that of `<script`, delimited likewise (13.2.5.26)? */
static bool is_script_start(const struct html_input *in, size_t at) {
	return at + 7 < in->n && is(in->mask[at + 7], TAG_NAME_END) && html_lex_has(in, at + 1, SPAN("script"));
}

/* Script data, escaped and double escaped (13.2.5.15 to 13.2.5.31). */
static size_t script_end(const struct html_input *in, size_t at) {
	enum { PLAIN, ESCAPED, DOUBLE_ESCAPED } state = PLAIN;
	size_t opened = 0; /* the first dash that may be part of a `-->` */

	for (; at < in->n; at++) {
		char c = in->mask[at];

		if (c == '<' && is_end_tag(in, at, SPAN("script"))) {
			if (state != DOUBLE_ESCAPED)
				return at;
			state = ESCAPED;
		} else if (c == '<' && state == PLAIN && html_lex_has(in, at, SPAN("<!--"))) {
			state = ESCAPED;
			opened = at + 2;
			at += 3;
		} else if (c == '<' && state == ESCAPED && is_script_start(in, at)) {
			state = DOUBLE_ESCAPED;
		} else if (c == '>' && state != PLAIN && at >= opened + 2 && in->mask[at - 1] == '-' &&
		           in->mask[at - 2] == '-') {
			state = PLAIN;
		}
	}
	return in->n;
}

size_t html_lex_raw_end(const struct html_input *in, size_t at, enum html_text_kind kind, struct span name) {
	if (kind == HTML_TEXT_PLAIN)
		return in->n;
	if (kind == HTML_TEXT_SCRIPT)
		return script_end(in, at);
	while ((at = find(in, at, '<')) < in->n && !is_end_tag(in, at, name))
		at++;
	return at;
}
