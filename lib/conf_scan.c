#include "lib/conf_scan.h"

#include <assert.h>
#include <string.h>

#define WHERE_MAX 2048
#define TEXT_OF_TOKEN(token) #token
#define TEXT_OF(macro) TEXT_OF_TOKEN(macro)

/* A bit of `seen` for each option. */
#define OPTIONS_MAX 64

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_SET, TOKEN_MARK };

struct token {
	enum token_kind kind;
	char mark; /* of TOKEN_MARK: one of {}(), */
	size_t at;
	long line;
	struct span text; /* of TOKEN_WORD: without its quotes, escapes left as they are */
};

static struct span scan_left(const struct conf_scan *scan) {
	return span_make(scan->text + scan->at, scan->len - scan->at);
}

/* Line ends stay, so that lines keep their numbers. */
static void blank_out(struct conf_scan *scan, size_t from, size_t to) {
	for (; from < to; from++)
		if (scan->text[from] != '\n')
			scan->text[from] = ' ';
}

/* Tells what is wrong here and gives up: the rest is blanked out. */
static void scan_break(struct conf_scan *scan, size_t from, struct span found, const char *allowed) {
	conf_issue_add(scan->issues, (struct conf_place){SPAN_NONE, SPAN_NONE, scan->line}, found, "%s", allowed);
	blank_out(scan, from, scan->len);
	scan->at = scan->len;
	scan->broken = true;
}

static struct span line_of(struct span text) {
	ssize_t end = span_find_byte(text, '\n');

	return end < 0 ? text : span_make(text.at, (size_t)end);
}

static void skip_c_comment(struct conf_scan *scan) {
	ssize_t end = span_find(span_from(scan_left(scan), 2), SPAN("*/"));
	size_t from = scan->at;

	if (end < 0) {
		scan_break(scan, scan->at, line_of(scan_left(scan)), "a comment that ends with */");
		return;
	}
	for (; scan->at < from + 2 + (size_t)end + 2; scan->at++)
		scan->line += scan->text[scan->at] == '\n';
	blank_out(scan, from, scan->at);
}

static void skip_blanks(struct conf_scan *scan) {
	while (scan->at < scan->len) {
		struct span left = scan_left(scan);

		if (left.at[0] == '#' || span_starts(left, SPAN("//"))) {
			blank_out(scan, scan->at, scan->at + line_of(left).len);
			scan->at += line_of(left).len;
		} else if (span_starts(left, SPAN("/*"))) {
			skip_c_comment(scan);
		} else if (ascii_is_blank(left.at[0])) {
			scan->line += left.at[0] == '\n';
			scan->at++;
		} else {
			return;
		}
	}
}

/* Does an escape sequence, `s` being what follows the backslash, mean NUL? */
static bool escape_is_nul(struct span s) {
	size_t i;

	if (s.len > 1 && s.at[0] == 'x')
		return s.at[1] == '0' && (s.len < 3 || hex_value(s.at[2]) <= 0);
	for (i = 0; i < 3 && i < s.len && s.at[i] == '0'; i++)
		continue;
	return i > 0 && (i == s.len || i == 3 || !ascii_is_digit(s.at[i]));
}

/* Takes a string in quotes; false where it is broken. */
static bool take_string(struct conf_scan *scan, struct token *token) {
	size_t from = scan->at, at = from + 1;
	char quote = scan->text[from];

	for (; at < scan->len && scan->text[at] != quote && scan->text[at] != '\n'; at++) {
		struct span rest = span_make(scan->text + at, scan->len - at);

		if (quote == '"' && span_starts(rest, SPAN("${"))) {
			scan_break(scan, from, SPAN("${"), "\\$ for a dollar; variables are not read");
			return false;
		}
		if (rest.at[0] != '\\')
			continue;
		if (quote == '"' && escape_is_nul(span_from(rest, 1))) {
			scan_break(scan, from, SPAN("\\0"), "characters other than NUL");
			return false;
		}
		if (rest.len > 1 && rest.at[1] != '\n')
			at++;
	}
	if (at >= scan->len || scan->text[at] != quote) {
		scan_break(scan, from, line_of(scan_left(scan)), "a string that ends on its line with a quote");
		return false;
	}
	*token = (struct token){.kind = TOKEN_WORD, .at = from, .line = scan->line};
	token->text = span_make(scan->text + from + 1, at - from - 1);
	scan->at = at + 1;
	return true;
}

static bool is_bare(char c) {
	return !ascii_is_blank(c) && strchr("#\"'={}()+,*", c) == NULL;
}

static bool take_bare(struct conf_scan *scan, struct token *token) {
	size_t from = scan->at;

	while (scan->at < scan->len && is_bare(scan->text[scan->at]))
		scan->at++;
	token->kind = TOKEN_WORD;
	token->text = span_make(scan->text + from, scan->at - from);
	if (scan->at == from) {
		scan_break(scan, from, span_make(scan->text + from, 1), "quotes around text that has this character");
		return false;
	}
	if (scan->at < scan->len && scan->text[scan->at] == '{' && scan->text[scan->at - 1] == '$') {
		scan_break(scan, from, SPAN("${"), "text in quotes, with \\$ for a dollar; variables are not read");
		return false;
	}
	return true;
}

static struct token next_token(struct conf_scan *scan) {
	struct token token;

	skip_blanks(scan);
	token = (struct token){.kind = TOKEN_END, .at = scan->at, .line = scan->line};
	if (scan->at == scan->len)
		return token;
	if (span_starts(scan_left(scan), SPAN("+="))) {
		scan_break(scan, scan->at, SPAN("+="), "=, and the whole list");
	} else if (strchr("={}(),", scan->text[scan->at]) != NULL) {
		token.kind = scan->text[scan->at] == '=' ? TOKEN_SET : TOKEN_MARK;
		token.mark = scan->text[scan->at++];
	} else if (scan->text[scan->at] == '"' || scan->text[scan->at] == '\'') {
		take_string(scan, &token);
	} else {
		take_bare(scan, &token);
	}
	if (scan->broken)
		token = (struct token){.kind = TOKEN_END, .at = scan->at, .line = scan->line};
	return token;
}

static bool is_mark(struct token token, char mark) {
	return token.kind == TOKEN_MARK && token.mark == mark;
}

/* To the end of the text, for its comments and stray characters alone: its
 * structure is libconfuse's to complain of. */
static bool give_up(struct conf_scan *scan) {
	while (next_token(scan).kind != TOKEN_END)
		continue;
	return false;
}

static bool unclosed(struct conf_scan *scan, struct token opener) {
	if (!scan->broken) {
		scan->line = opener.line;
		scan_break(scan, scan->len, SPAN("{"), "a } for each {");
	}
	return false;
}

/* Behind an opening mark, past the one that closes it. */
static bool skip_nested(struct conf_scan *scan, struct token opener) {
	size_t depth = 1;

	while (depth > 0) {
		struct token token = next_token(scan);

		if (token.kind == TOKEN_END)
			return unclosed(scan, opener);
		if (is_mark(token, '{') || is_mark(token, '('))
			depth++;
		if (is_mark(token, '}') || is_mark(token, ')'))
			depth--;
	}
	return true;
}

/* Past the value behind `=`; false where there is none. */
static bool skip_value(struct conf_scan *scan, struct token *value_r) {
	struct token token = next_token(scan);

	*value_r = token;
	if (is_mark(token, '{')) {
		value_r->text = SPAN("{");
		return skip_nested(scan, token);
	}
	return token.kind == TOKEN_WORD || give_up(scan);
}

/* A statement whose name means nothing here, and which is blanked out. */
static bool scan_unknown(struct conf_scan *scan, const struct conf_section *section, struct token name,
                         struct token next, struct span where) {
	struct token value;
	bool good;

	conf_issue_add(scan->issues, (struct conf_place){where, name.text, name.line}, name.text,
	               "a name that exists here; the closest is %s", conf_table_closest(section, name.text));
	if (next.kind == TOKEN_WORD)
		next = next_token(scan);
	if (next.kind == TOKEN_SET)
		good = skip_value(scan, &value);
	else if (is_mark(next, '{') || is_mark(next, '('))
		good = skip_nested(scan, next);
	else
		good = give_up(scan);
	blank_out(scan, name.at, good ? scan->at : scan->len);
	scan->broken = scan->broken || !good;
	return good;
}

struct seen {
	uint64_t options;
	long lines[OPTIONS_MAX];
};

static bool scan_option(struct conf_scan *scan, const struct conf_section *section, struct token name,
                        struct span where, struct seen *seen) {
	size_t index = (size_t)(conf_table_option(section, name.text) - section->options);
	struct token value;

	if (!skip_value(scan, &value))
		return false;
	if (seen->options >> index & 1)
		conf_issue_add(scan->issues, (struct conf_place){where, name.text, name.line}, value.text,
		               "one value in a section; line %ld has one", seen->lines[index]);
	else
		seen->lines[index] = name.line;
	seen->options |= UINT64_C(1) << index;
	return true;
}

static bool scan_section(struct conf_scan *scan, const struct conf_section *section, struct token opener,
                         struct span where);

/* Behind a section's name, `next` being what follows it. */
static bool scan_known(struct conf_scan *scan, const struct conf_section *section, struct token next,
                       struct span where) {
	struct token title = next;
	struct buf inner;
	bool good;

	if ((next.kind == TOKEN_WORD) != (section->title != NULL))
		return give_up(scan);
	if (section->title != NULL)
		next = next_token(scan);
	if (!is_mark(next, '{'))
		return give_up(scan);
	if (++scan->sections > CONF_SECTIONS_MAX) {
		scan_break(scan, next.at, span_of(section->name), "at most " TEXT_OF(CONF_SECTIONS_MAX) " sections");
		return false;
	}
	buf_init(&inner, WHERE_MAX);
	buf_add_span(&inner, where);
	conf_where_add(&inner, section->name, section->title == NULL ? SPAN_NONE : title.text);
	good = scan_section(scan, section, next, buf_span(&inner));
	buf_free(&inner);
	return good;
}

/* The statements of a section up to its closing brace, of the file up to its
 * end.  False where the scan gave up.  Recursion is as deep as the table. */
static bool scan_section(struct conf_scan *scan, const struct conf_section *section, struct token opener,
                         struct span where) {
	bool top = opener.kind == TOKEN_END, good = true;
	struct seen seen = {0};

	assert(section->option_count <= OPTIONS_MAX);
	while (good) {
		struct token name = next_token(scan), next;
		const struct conf_section *sub;

		if (name.kind == TOKEN_END)
			return top || unclosed(scan, opener);
		if (is_mark(name, '}') && !top)
			return true;
		if (name.kind != TOKEN_WORD)
			return give_up(scan);
		scan->statements += top;
		sub = conf_table_section(section, name.text);
		next = next_token(scan);
		if (sub != NULL)
			good = scan_known(scan, sub, next, where);
		else if (conf_table_option(section, name.text) == NULL)
			good = scan_unknown(scan, section, name, next, where);
		else if (next.kind == TOKEN_SET)
			good = scan_option(scan, section, name, where, &seen);
		else
			good = give_up(scan);
	}
	return false;
}

void conf_scan(struct conf_scan *scan, const struct conf_section *top) {
	struct token opener = {.kind = TOKEN_END};

	scan->line = 1;
	scan_section(scan, top, opener, SPAN_NONE);
}
