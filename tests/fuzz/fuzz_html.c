/*
 * html_scan() against gumbo, an HTML5 parser that shares nothing with ours: both
 * must find the same `href`s of `<a>` and `<area>` at the same places, with the
 * same decoded values.  What is in conditional comments is ours alone and is left
 * out; elements that the adoption agency clones count once.
 *
 * Not compared:
 *
 * - Invalid UTF-8, which html_scan() never gets, and controls and noncharacters,
 *   which stay what they are (13.2.3.5): gumbo makes them U+FFFD.  They are made
 *   "?" first.
 * - NUL as the first character of an attribute's name: gumbo skips it, but it is
 *   U+FFFD (13.2.5.33).  It is made "?" too.
 * - End tags with something behind the name, where there is foreign content:
 *   there gumbo takes all up to the `>` for the name, and a `</>` before it too.
 *   The character behind the name is made "?", and so is the slash of `</>`.
 * - CDATA sections where there are tables: one within an integration point within
 *   a table fails an assertion of gumbo's.  They are made bogus comments.
 * - Pages that nest deeper than DEPTH_MAX: the builder keeps track of a bounded
 *   number of open elements, and beyond it every tag counts.
 * - Pages with an SVG or MathML element that is named as one that decides the
 *   insertion mode (13.2.4.1): gumbo takes it for the HTML one.  With tables,
 *   selects and foreign content together it may even fail an assertion by that.
 * - Pages with both a template and a form's end tag: within a template gumbo
 *   closes a form only as the current element.
 * - Inputs with a numeric reference of more than DIGITS_MAX digits: gumbo's
 *   number overflows.
 */
#include <gumbo.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 300, DIGITS_MAX = 7 };

struct found {
	size_t tag_end;
	size_t value_at; /* its quote included */
	size_t value_end;
	const char *value;
};

struct found_list {
	struct found *at;
	size_t count;
	size_t cap;
	const char *input;
	size_t depth;  /* of the deepest element */
	bool mistaken; /* a foreign element that gumbo takes for an HTML one */
};

static bool is_replaced(unsigned c) {
	return (c < 0x20 && c != 0 && c != '\t' && c != '\n' && c != '\f' && c != '\r') || (c >= 0x7F && c < 0xA0) ||
	       (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

/* Length of the UTF-8 character at `s`, or 0 where gumbo would replace it. */
static size_t utf8_len(const unsigned char *s, size_t n) {
	static const unsigned lowest[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0, i;
	unsigned c;

	if (len == 0 || len > n || (len == 1 && is_replaced(s[0])))
		return 0;
	if (len == 1)
		return 1;
	c = s[0] & (0x7Fu >> len);
	for (i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3Fu);
	}
	return c < lowest[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || is_replaced(c) ? 0 : len;
}

static bool may_precede_name(char c) {
	return ascii_is_blank(c) || c == '/' || c == '"' || c == '\'';
}

static char *cleaned(const uint8_t *data, size_t size) {
	char *copy = calloc(1, size + 1);
	size_t at, len;

	if (copy == NULL)
		abort();
	for (at = 0; at < size; at += len) {
		len = utf8_len(data + at, size - at);
		if (len == 0 || (data[at] == '\0' && at > 0 && may_precede_name((char)data[at - 1]))) {
			copy[at] = '?';
			len = 1;
		} else {
			memcpy(copy + at, data + at, len);
		}
	}
	return copy;
}

static bool has(struct span s, const char *text) {
	return span_find_nocase(s, span_of(text)) >= 0;
}

static bool has_foreign(struct span s) {
	return has(s, "<svg") || has(s, "<math");
}

static void bare_end_tags(char *s, size_t n) {
	size_t at;

	for (at = 0; at + 2 < n; at++) {
		if (s[at] != '<' || s[at + 1] != '/')
			continue;
		if (s[at + 2] == '>')
			s[at + 1] = '?';
		if (!ascii_is_alpha(s[at + 2]))
			continue;
		for (at += 2; at < n && !ascii_is_blank(s[at]) && s[at] != '/' && s[at] != '>'; at++)
			;
		if (at < n && s[at] != '>')
			s[at] = '?';
	}
}

static void no_cdata(char *s, size_t n) {
	ssize_t found;

	for (; (found = span_find(span_make(s, n), SPAN("<![CDATA["))) >= 0; s += found + 3, n -= (size_t)found + 3)
		s[found + 2] = '?';
}

static bool has_long_number(const char *s, size_t n) {
	size_t at, digits;

	for (at = 0; at + 1 < n; at++) {
		if (s[at] != '&' || s[at + 1] != '#')
			continue;
		at += at + 2 < n && ascii_lower(s[at + 2]) == 'x' ? 3 : 2;
		for (digits = 0; at < n && hex_value(s[at]) >= 0; at++)
			digits++;
		if (digits > DIGITS_MAX)
			return true;
		at--;
	}
	return false;
}

static void add(struct found_list *list, const GumboElement *element) {
	unsigned i;

	for (i = 0; i < element->attributes.length; i++) {
		const GumboAttribute *attribute = element->attributes.data[i];

		if (attribute->attr_namespace != GUMBO_ATTR_NAMESPACE_NONE || strcmp(attribute->name, "href") != 0)
			continue;
		if (list->count == list->cap) {
			list->cap = list->cap == 0 ? 16 : list->cap * 2;
			list->at = realloc(list->at, list->cap * sizeof *list->at);
			if (list->at == NULL)
				abort();
		}
		list->at[list->count++] = (struct found){
		        .tag_end = (size_t)(element->original_tag.data - list->input) + element->original_tag.length,
		        .value_at = (size_t)(attribute->original_value.data - list->input),
		        .value_end = (size_t)(attribute->original_value.data - list->input) +
		                     attribute->original_value.length,
		        .value = attribute->value,
		};
		return;
	}
}

static bool is_mistaken(const GumboNode *node) {
	static const GumboTag tags[] = {
	        GUMBO_TAG_SELECT, GUMBO_TAG_TD,       GUMBO_TAG_TH,       GUMBO_TAG_TR,
	        GUMBO_TAG_TBODY,  GUMBO_TAG_THEAD,    GUMBO_TAG_TFOOT,    GUMBO_TAG_CAPTION,
	        GUMBO_TAG_TABLE,  GUMBO_TAG_COLGROUP, GUMBO_TAG_TEMPLATE, GUMBO_TAG_FRAMESET,
	};
	size_t i;

	if (node->type == GUMBO_NODE_DOCUMENT || node->v.element.tag_namespace == GUMBO_NAMESPACE_HTML)
		return false;
	for (i = 0; i < sizeof tags / sizeof tags[0]; i++)
		if (node->v.element.tag == tags[i])
			return true;
	return false;
}

static void walk(struct found_list *list, const GumboNode *node, size_t depth) {
	const GumboVector *children = NULL;
	unsigned i;

	if (node->type == GUMBO_NODE_DOCUMENT)
		children = &node->v.document.children;
	else if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE)
		children = &node->v.element.children;
	if (children == NULL)
		return;
	if (depth > list->depth)
		list->depth = depth;
	list->mistaken = list->mistaken || is_mistaken(node);
	if (node->type == GUMBO_NODE_ELEMENT &&
	    (node->v.element.tag == GUMBO_TAG_A || node->v.element.tag == GUMBO_TAG_AREA))
		add(list, &node->v.element);
	for (i = 0; i < children->length; i++)
		walk(list, children->data[i], depth + 1);
}

static int by_place(const void *left, const void *right) {
	const struct found *a = left, *b = right;

	return a->tag_end < b->tag_end ? -1 : a->tag_end > b->tag_end;
}

/* Sorts, and drops the clones. */
static void settle(struct found_list *list) {
	size_t i, kept = 0;

	if (list->count > 0)
		qsort(list->at, list->count, sizeof *list->at, by_place);
	for (i = 0; i < list->count; i++)
		if (kept == 0 || list->at[kept - 1].tag_end != list->at[i].tag_end)
			list->at[kept++] = list->at[i];
	list->count = kept;
}

/* gumbo reads CR and CRLF as LF, but not where a reference made the CR. */
static bool same_value(const char *want, struct span got) {
	size_t i, w = 0;

	for (i = 0; i < got.len; i++) {
		char c = got.at[i];

		if (c == '\r' && want[w] != c) {
			if (i + 1 < got.len && got.at[i + 1] == '\n')
				continue;
			c = '\n';
		}
		if (want[w++] != c)
			return false;
	}
	return want[w] == '\0';
}

static void disagree(const char *what, size_t at) {
	fprintf(stderr, "html_scan and gumbo disagree on %s at %zu\n", what, at);
	abort();
}

/* A tag is known by its end: gumbo counts a `</>` before it to the tag.  Without
 * a value gumbo gives the place of the name, and of one without quotes that begins
 * with a reference only the end is right. */
static void compare(const struct found_list *want, const struct html_scan *got) {
	size_t i, w = 0;

	for (i = 0; i < got->count; i++) {
		const struct html_link *link = &got->links[i];
		const struct found *other = w < want->count ? &want->at[w] : NULL;
		bool quoted = link->quote != 0;

		if (link->in_comment)
			continue;
		if (other == NULL || link->tag_end < other->tag_end)
			disagree("a link of ours", link->tag_end);
		if (link->tag_end > other->tag_end)
			disagree("a link of gumbo's", other->tag_end);
		if (!same_value(other->value, span_make(got->decoded.at + link->url_at, link->url_len)))
			disagree("the value of the link", link->tag_end);
		if ((link->value_len != 0 && other->value_end != link->value_at + link->value_len + quoted) ||
		    (quoted && other->value_at + 1 != link->value_at))
			disagree("the place of the value", link->tag_end);
		w++;
	}
	if (w != want->count)
		disagree("a link of gumbo's", want->at[w].tag_end);
}

static bool is_comparable(const char *s, size_t n) {
	struct span page = span_make(s, n);

	if (has(page, "<template") && has(page, "</form"))
		return false;
	if (has(page, "<table") && has(page, "<select") && has_foreign(page))
		return false;
	return !has_long_number(s, n);
}

/* What must hold whatever the input is. */
static void check(const struct html_scan *scan, size_t n) {
	size_t i, end = 0;

	for (i = 0; i < scan->count; i++) {
		const struct html_link *link = &scan->links[i];

		if (link->tag_at < end || link->value_at <= link->tag_at || link->tag_end > n ||
		    link->value_at + link->value_len > link->tag_end - (link->quote != 0) ||
		    link->url_at + link->url_len > scan->decoded.len ||
		    (link->has_text &&
		     (link->text_len > HTML_TEXT_MAX || link->text_at < link->url_at + link->url_len ||
		      link->text_at + link->text_len > scan->decoded.len)))
			disagree("what a link is", link->tag_at);
		end = link->tag_end;
	}
	if (scan->has_body_end && scan->body_end >= n)
		disagree("where the body ends", scan->body_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *input = cleaned(data, size);
	struct found_list want = {.input = input};
	struct html_scan got;
	GumboOutput *output;

	if (has_foreign(span_make(input, size)))
		bare_end_tags(input, size);
	if (has(span_make(input, size), "<table"))
		no_cdata(input, size);
	/* The copy has the input's size, so that a read past its end is seen. */
	if (size > 0)
		input = realloc(input, size);
	want.input = input;
	if (html_scan(input, input, size, &got) != 0)
		abort();
	check(&got, size);
	if (is_comparable(input, size)) {
		output = gumbo_parse_with_options(&kGumboDefaultOptions, input, size);
		walk(&want, output->document, 0);
		settle(&want);
		if (want.depth <= DEPTH_MAX && !want.mistaken)
			compare(&want, &got);
		gumbo_destroy_output(&kGumboDefaultOptions, output);
	}
	free(want.at);
	html_scan_free(&got);
	free(input);
	return 0;
}
