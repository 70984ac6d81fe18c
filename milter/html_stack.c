#include "milter/html_stack.h"

#include <string.h>

void html_stack_init(struct html_stack *s, const struct html_input *in) {
	s->in = *in;
	s->depth = 0;
	s->formatting_count = 0;
	s->last_id = 0;
	s->overflow = false;
	memset(s->count, 0, sizeof s->count);
}

bool html_element_is(const struct html_element *element, enum html_tag tag) {
	return element->tag == tag && element->space == HTML_SPACE_HTML;
}

/* MathML's mi, mo, mn, ms, mtext, annotation-xml and SVG's foreignObject, desc,
 * title: where each belongs. */
static bool is_foreign_point(const struct html_element *element) {
	bool svg = element->tag == HTML_TAG_FOREIGNOBJECT || element->tag == HTML_TAG_DESC ||
	           element->tag == HTML_TAG_TITLE;

	return (html_tag_properties(element->tag) & HTML_FOREIGN_POINT) != 0 &&
	       svg == (element->space == HTML_SPACE_SVG);
}

/* SVG's title only ends a scope here: so the parsers that are out there have it. */
bool html_element_is_special(const struct html_element *element) {
	if (element->space == HTML_SPACE_HTML)
		return (html_tag_properties(element->tag) & HTML_SPECIAL) != 0;
	return is_foreign_point(element) && element->tag != HTML_TAG_TITLE;
}

static bool ends_scope(const struct html_element *element, enum html_scope scope) {
	bool html = element->space == HTML_SPACE_HTML;

	switch (scope) {
	case HTML_SCOPE_TABLE:
		return html && (element->tag == HTML_TAG_HTML || element->tag == HTML_TAG_TABLE ||
		                element->tag == HTML_TAG_TEMPLATE);
	case HTML_SCOPE_SELECT:
		return !html || (element->tag != HTML_TAG_OPTGROUP && element->tag != HTML_TAG_OPTION);
	case HTML_SCOPE_LIST:
		if (html && (element->tag == HTML_TAG_OL || element->tag == HTML_TAG_UL))
			return true;
		break;
	case HTML_SCOPE_BUTTON:
		if (html && element->tag == HTML_TAG_BUTTON)
			return true;
		break;
	case HTML_SCOPE_DEFAULT:
		break;
	}
	return html ? (html_tag_properties(element->tag) & HTML_SCOPE) != 0 : is_foreign_point(element);
}

struct html_element *html_stack_push(struct html_stack *s, size_t at, enum html_tag tag, enum html_space space) {
	struct html_element *element = &s->open[s->depth];

	if (s->depth == HTML_DEPTH_MAX) {
		s->overflow = true;
		return NULL;
	}
	s->depth++;
	element->at = at;
	element->id = ++s->last_id;
	element->name_len = 0;
	element->tag = (uint8_t)tag;
	element->space = (uint8_t)space;
	element->is_html_point = false;
	if (space == HTML_SPACE_HTML)
		s->count[tag]++;
	return element;
}

void html_stack_remove(struct html_stack *s, size_t index) {
	if (s->open[index].space == HTML_SPACE_HTML)
		s->count[s->open[index].tag]--;
	s->depth--;
	memmove(s->open + index, s->open + index + 1, (s->depth - index) * sizeof s->open[0]);
}

void html_stack_pop(struct html_stack *s) {
	const struct html_element *top = html_stack_top(s);

	if (s->depth < 2)
		return;
	if (top->space == HTML_SPACE_HTML)
		s->count[top->tag]--;
	s->depth--;
}

bool html_stack_top_is(const struct html_stack *s, enum html_tag tag) {
	return html_element_is(html_stack_top(s), tag);
}

bool html_stack_top_has(const struct html_stack *s, unsigned properties) {
	const struct html_element *top = html_stack_top(s);

	return top->space == HTML_SPACE_HTML && (html_tag_properties(top->tag) & properties) != 0;
}

void html_stack_pop_until(struct html_stack *s, enum html_tag tag) {
	while (s->depth > 1 && !html_stack_top_is(s, tag))
		html_stack_pop(s);
	html_stack_pop(s);
}

void html_stack_clear_to(struct html_stack *s, enum html_tag one, enum html_tag other, enum html_tag third) {
	while (s->depth > 1 && !html_stack_top_is(s, one) && !html_stack_top_is(s, other) &&
	       !html_stack_top_is(s, third) && !html_stack_top_is(s, HTML_TAG_TEMPLATE))
		html_stack_pop(s);
}

bool html_stack_in_scope(const struct html_stack *s, enum html_tag tag, enum html_scope scope) {
	size_t i;

	if (s->count[tag] == 0)
		return false;
	for (i = s->depth; i-- > 0;) {
		if (html_element_is(&s->open[i], tag))
			return true;
		if (ends_scope(&s->open[i], scope))
			return false;
	}
	return false;
}

bool html_stack_has_in_scope(const struct html_stack *s, unsigned properties) {
	size_t i;

	for (i = s->depth; i-- > 0;) {
		const struct html_element *element = &s->open[i];

		if (element->space == HTML_SPACE_HTML && (html_tag_properties(element->tag) & properties) != 0)
			return true;
		if (ends_scope(element, HTML_SCOPE_DEFAULT))
			return false;
	}
	return false;
}

bool html_stack_id_in_scope(const struct html_stack *s, uint32_t id) {
	size_t i;

	for (i = s->depth; i-- > 0;) {
		if (s->open[i].id == id)
			return true;
		if (ends_scope(&s->open[i], HTML_SCOPE_DEFAULT))
			return false;
	}
	return false;
}

ssize_t html_stack_find(const struct html_stack *s, uint32_t id) {
	ssize_t i = (ssize_t)s->depth;

	while (i-- > 0 && s->open[i].id != id)
		;
	return i;
}

void html_stack_implied(struct html_stack *s, enum html_tag except) {
	while (html_stack_top_has(s, HTML_IMPLIED) && !html_stack_top_is(s, except))
		html_stack_pop(s);
}
