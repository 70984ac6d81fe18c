/*
 * The tokeniser's states (HTML Living Standard 13.2.5), each group of them as one
 * function that reads on from a place in the mask and says where the token ends.
 * Nothing is copied.
 *
 * Places are offsets; one beyond the end of the input stands for end of file
 * within the token, which then doesn't exist (a tag) or is open-ended.
 *
 * Threads: no state.
 */
#ifndef MILTER_HTML_LEX_H
#define MILTER_HTML_LEX_H

#include <string.h>

#include "milter/html_tag.h"

struct html_input {
	const char *mask;
	size_t n;
};

/* Inline, since they are asked for most bytes of a page. */
static inline bool html_is_letter(char c) {
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool html_is_blank(char c) {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

/* The first byte of [at, end) that is no blank, or end. */
static inline size_t html_skip_blanks(const char *mask, size_t at, size_t end) {
	/* Mostly there is one or none; but indentation comes in runs. */
	if (at < end && mask[at] == ' ')
		at++;
	if (at < end && (unsigned char)mask[at] > ' ')
		return at;
	while (at + 8 <= end && memcmp(mask + at, "        ", 8) == 0)
		at += 8;
	while (at < end && html_is_blank(mask[at]))
		at++;
	return at;
}

/* What text is until the matching end tag, by the start tag before it. */
enum html_text_kind { HTML_TEXT_DATA, HTML_TEXT_RCDATA, HTML_TEXT_RAW, HTML_TEXT_SCRIPT, HTML_TEXT_PLAIN };

struct html_tag_token {
	size_t at;       /* `<` */
	size_t end;      /* one past `>` */
	size_t name_len; /* behind `<` or `</` */
	enum html_tag tag;
	bool is_end;
	bool self_closing;
	/* Of attributes, for tags with HTML_ATTRIBUTES only. */
	bool font_breaks_out; /* color, face or size */
	bool is_hidden;       /* type=hidden */
	bool is_html_point;   /* encoding=text/html or application/xhtml+xml */
	bool opted_out;       /* B8 */
	bool has_href;
	char quote;
	size_t value_at;
	size_t value_len;
};

/* The tag at `at` (`<` or `</`, then a letter).  `all` asks for the attributes of
 * tags without HTML_ATTRIBUTES too.  -1: the input ends within it. */
int html_lex_tag(const struct html_input *in, size_t at, bool all, struct html_tag_token *token_r);

/* A number that tags with the same attributes have in common, in any order. */
uint64_t html_lex_attributes_hash(const struct html_input *in, size_t tag_at);

/* One past the end of the comment that begins with `<!--` at `at`, and where its
 * text ends; both n + 1 and n where it is open. */
size_t html_lex_comment(const struct html_input *in, size_t at, size_t *text_end_r);

/* One past the next `>` from `at` on (a bogus comment's, a DOCTYPE's), or n + 1. */
size_t html_lex_to_greater(const struct html_input *in, size_t at);

/* The same for the DOCTYPE at `at`; and is the page in quirks mode by it? */
size_t html_lex_doctype(const struct html_input *in, size_t at, bool *quirks_r);

/* Behind `]]>`, or n + 1. */
size_t html_lex_cdata(const struct html_input *in, size_t at);

/* The `<` of the appropriate end tag of text of that kind that begins at `at`, or
 * n where there is none. */
size_t html_lex_raw_end(const struct html_input *in, size_t at, enum html_text_kind kind, struct span name);

/* Is `text` found at `at`, in either case? */
bool html_lex_has(const struct html_input *in, size_t at, struct span text);

#endif
