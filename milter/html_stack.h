/*
 * The stack of open elements and the list of active formatting elements (HTML
 * Living Standard 13.2.4.2, 13.2.4.3), without the elements: all that is kept of
 * one is its name, its place in the input and a number.
 *
 * Both are bounded.  A push beyond the bound does nothing and sets `overflow`,
 * and with it the caller stops to build.
 */
#ifndef MILTER_HTML_STACK_H
#define MILTER_HTML_STACK_H

#include "milter/html_lex.h"

#define HTML_DEPTH_MAX 1024
#define HTML_FORMATTING_MAX 512

enum html_space { HTML_SPACE_HTML, HTML_SPACE_SVG, HTML_SPACE_MATHML };

struct html_element {
	size_t at;             /* its start tag; meaningless where a parser made it */
	uint32_t id;           /* from 1; 0 is none */
	uint8_t tag;           /* enum html_tag */
	uint8_t space;         /* enum html_space */
	uint8_t is_html_point; /* HTML integration point by its attributes */
	uint32_t name_len;     /* of a foreign element, to compare end tags with */
};

struct html_formatting {
	struct html_element element; /* id 0: a marker */
	uint64_t attributes;         /* hash, or 0: not computed yet */
};

struct html_stack {
	struct html_input in;
	size_t depth;
	size_t formatting_count;
	uint32_t last_id;
	bool overflow;
	uint16_t count[HTML_TAG_COUNT]; /* open HTML elements of each tag */
	struct html_element open[HTML_DEPTH_MAX];
	struct html_formatting formatting[HTML_FORMATTING_MAX];
};

/* Scopes of 13.2.4.2. */
enum html_scope { HTML_SCOPE_DEFAULT, HTML_SCOPE_LIST, HTML_SCOPE_BUTTON, HTML_SCOPE_TABLE, HTML_SCOPE_SELECT };

void html_stack_init(struct html_stack *s, const struct html_input *in);

/* Pushes a new element; NULL on overflow. */
struct html_element *html_stack_push(struct html_stack *s, size_t at, enum html_tag tag, enum html_space space);
/* The root stays. */
void html_stack_pop(struct html_stack *s);
/* Only while there is a root. */
static inline const struct html_element *html_stack_top(const struct html_stack *s) {
	return &s->open[s->depth - 1];
}
/* Is the current element the HTML element `tag`? */
bool html_stack_top_is(const struct html_stack *s, enum html_tag tag);
/* Does the current element, an HTML one, have one of these properties? */
bool html_stack_top_has(const struct html_stack *s, unsigned properties);
/* Pops up to and with the topmost HTML element `tag`. */
void html_stack_pop_until(struct html_stack *s, enum html_tag tag);
/* Pops until the current element is one of these, a template or the root. */
void html_stack_clear_to(struct html_stack *s, enum html_tag one, enum html_tag other, enum html_tag third);
bool html_stack_in_scope(const struct html_stack *s, enum html_tag tag, enum html_scope scope);
/* Is an HTML element with one of these properties in scope? */
bool html_stack_has_in_scope(const struct html_stack *s, unsigned properties);
bool html_stack_id_in_scope(const struct html_stack *s, uint32_t id);
/* The index of that element, or -1. */
ssize_t html_stack_find(const struct html_stack *s, uint32_t id);
void html_stack_remove(struct html_stack *s, size_t index);
/* Generates implied end tags, but for `except`. */
void html_stack_implied(struct html_stack *s, enum html_tag except);

bool html_element_is_special(const struct html_element *element);
bool html_element_is(const struct html_element *element, enum html_tag tag);

/* Adds the current element to the list, at most three alike (Noah's Ark). */
void html_formatting_add(struct html_stack *s);
void html_formatting_mark(struct html_stack *s);
/* Up to and with the last marker. */
void html_formatting_clear(struct html_stack *s);
void html_formatting_reconstruct(struct html_stack *s);
/* The id of the last such element behind the last marker, or 0. */
uint32_t html_formatting_last(const struct html_stack *s, enum html_tag tag);
/* Takes the element off the list. */
void html_formatting_drop(struct html_stack *s, uint32_t id);
/* The adoption agency algorithm (13.2.6.4.7). */
void html_stack_adopt(struct html_stack *s, enum html_tag subject);

#endif
