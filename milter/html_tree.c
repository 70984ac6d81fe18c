#include "milter/html_tree.h"

#include "milter/html_modes.h"

static html_rule *const start_rules[HTML_MODE_COUNT] = {
        [HTML_MODE_INITIAL] = html_start_initial,
        [HTML_MODE_BEFORE_HTML] = html_start_before_html,
        [HTML_MODE_BEFORE_HEAD] = html_start_before_head,
        [HTML_MODE_IN_HEAD] = html_start_in_head,
        [HTML_MODE_IN_HEAD_NOSCRIPT] = html_start_in_noscript,
        [HTML_MODE_AFTER_HEAD] = html_start_after_head,
        [HTML_MODE_IN_BODY] = html_start_in_body,
        [HTML_MODE_TEXT] = html_start_in_body,
        [HTML_MODE_IN_TABLE] = html_start_in_table,
        [HTML_MODE_IN_CAPTION] = html_start_in_caption,
        [HTML_MODE_IN_COLUMN_GROUP] = html_start_in_column_group,
        [HTML_MODE_IN_TABLE_BODY] = html_start_in_table_body,
        [HTML_MODE_IN_ROW] = html_start_in_row,
        [HTML_MODE_IN_CELL] = html_start_in_cell,
        [HTML_MODE_IN_SELECT] = html_start_in_select,
        [HTML_MODE_IN_SELECT_IN_TABLE] = html_start_in_select_in_table,
        [HTML_MODE_IN_TEMPLATE] = html_start_in_template,
        [HTML_MODE_AFTER_BODY] = html_start_after_body,
        [HTML_MODE_IN_FRAMESET] = html_start_in_frameset,
        [HTML_MODE_AFTER_FRAMESET] = html_start_after_frameset,
        [HTML_MODE_AFTER_AFTER_BODY] = html_start_after_after_body,
        [HTML_MODE_AFTER_AFTER_FRAMESET] = html_start_after_after_frameset,
};

static html_rule *const end_rules[HTML_MODE_COUNT] = {
        [HTML_MODE_INITIAL] = html_end_initial,
        [HTML_MODE_BEFORE_HTML] = html_end_before_html,
        [HTML_MODE_BEFORE_HEAD] = html_end_before_head,
        [HTML_MODE_IN_HEAD] = html_end_in_head,
        [HTML_MODE_IN_HEAD_NOSCRIPT] = html_end_in_noscript,
        [HTML_MODE_AFTER_HEAD] = html_end_after_head,
        [HTML_MODE_IN_BODY] = html_end_in_body,
        [HTML_MODE_TEXT] = html_end_in_text,
        [HTML_MODE_IN_TABLE] = html_end_in_table,
        [HTML_MODE_IN_CAPTION] = html_end_in_caption,
        [HTML_MODE_IN_COLUMN_GROUP] = html_end_in_column_group,
        [HTML_MODE_IN_TABLE_BODY] = html_end_in_table_body,
        [HTML_MODE_IN_ROW] = html_end_in_row,
        [HTML_MODE_IN_CELL] = html_end_in_cell,
        [HTML_MODE_IN_SELECT] = html_end_in_select,
        [HTML_MODE_IN_SELECT_IN_TABLE] = html_end_in_select_in_table,
        [HTML_MODE_IN_TEMPLATE] = html_end_in_template,
        [HTML_MODE_AFTER_BODY] = html_end_after_body,
        [HTML_MODE_IN_FRAMESET] = html_end_in_frameset,
        [HTML_MODE_AFTER_FRAMESET] = html_end_after_frameset,
        [HTML_MODE_AFTER_AFTER_BODY] = html_end_after_after_body,
        [HTML_MODE_AFTER_AFTER_FRAMESET] = html_end_after_after_frameset,
};

void html_tree_init(struct html_tree *t, const struct html_input *in) {
	html_stack_init(&t->stack, in);
	t->mode = HTML_MODE_INITIAL;
	t->original = HTML_MODE_IN_BODY;
	t->template_count = 0;
	t->head = 0;
	t->form = 0;
	t->frameset_ok = true;
	t->quirks = false;
	t->inserted = false;
	t->dropped_body = false;
	t->text_kind = HTML_TEXT_DATA;
}

bool html_tag_is_one_of(enum html_tag tag, const enum html_tag *tags, size_t count) {
	size_t i;

	for (i = 0; i < count; i++)
		if (tags[i] == tag)
			return true;
	return false;
}

bool html_has_template(const struct html_tree *t) {
	return t->stack.count[HTML_TAG_TEMPLATE] > 0;
}

void html_insert(struct html_tree *t, const struct html_tag_token *token) {
	t->inserted = true;
	html_stack_push(&t->stack, token->at, token->tag, HTML_SPACE_HTML);
}

void html_insert_made(struct html_tree *t, enum html_tag tag) {
	html_stack_push(&t->stack, 0, tag, HTML_SPACE_HTML);
}

void html_insert_void(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	t->inserted = true;
}

void html_insert_text(struct html_tree *t, const struct html_tag_token *token, enum html_text_kind kind) {
	html_insert(t, token);
	t->text_kind = kind;
	t->original = t->mode;
	t->mode = HTML_MODE_TEXT;
}

void html_insert_foreign(struct html_tree *t, const struct html_tag_token *token, enum html_space space) {
	struct html_element *element;

	t->inserted = true;
	if (token->self_closing)
		return;
	element = html_stack_push(&t->stack, token->at, token->tag, space);
	if (element != NULL) {
		element->is_html_point = token->is_html_point;
		element->name_len = (uint32_t)token->name_len;
	}
}

/* The mode that belongs to an open element, or HTML_MODE_COUNT. */
static enum html_mode mode_of(const struct html_tree *t, const struct html_element *element) {
	if (element->space != HTML_SPACE_HTML)
		return HTML_MODE_COUNT;
	switch (element->tag) {
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		return HTML_MODE_IN_CELL;
	case HTML_TAG_TR:
		return HTML_MODE_IN_ROW;
	case HTML_TAG_TBODY:
	case HTML_TAG_THEAD:
	case HTML_TAG_TFOOT:
		return HTML_MODE_IN_TABLE_BODY;
	case HTML_TAG_CAPTION:
		return HTML_MODE_IN_CAPTION;
	case HTML_TAG_COLGROUP:
		return HTML_MODE_IN_COLUMN_GROUP;
	case HTML_TAG_TABLE:
		return HTML_MODE_IN_TABLE;
	case HTML_TAG_TEMPLATE:
		return t->template_count == 0 ? HTML_MODE_IN_BODY : t->templates[t->template_count - 1];
	case HTML_TAG_HEAD:
		return HTML_MODE_IN_HEAD;
	case HTML_TAG_BODY:
		return HTML_MODE_IN_BODY;
	case HTML_TAG_FRAMESET:
		return HTML_MODE_IN_FRAMESET;
	case HTML_TAG_HTML:
		return t->head == 0 ? HTML_MODE_BEFORE_HEAD : HTML_MODE_AFTER_HEAD;
	default:
		return HTML_MODE_COUNT;
	}
}

/* The mode within the select at `i`: is it in a table? */
static enum html_mode mode_of_select(const struct html_stack *s, size_t i) {
	while (i-- > 0 && !html_element_is(&s->open[i], HTML_TAG_TEMPLATE))
		if (html_element_is(&s->open[i], HTML_TAG_TABLE))
			return HTML_MODE_IN_SELECT_IN_TABLE;
	return HTML_MODE_IN_SELECT;
}

/* Reset the insertion mode appropriately (13.2.4.1). */
void html_reset_mode(struct html_tree *t) {
	const struct html_stack *s = &t->stack;
	size_t i;

	for (i = s->depth; i-- > 0;) {
		enum html_mode mode = mode_of(t, &s->open[i]);

		if (html_element_is(&s->open[i], HTML_TAG_SELECT))
			mode = mode_of_select(s, i);
		if (mode != HTML_MODE_COUNT) {
			t->mode = mode;
			return;
		}
	}
	t->mode = HTML_MODE_IN_BODY;
}

bool html_tree_is_foreign(const struct html_tree *t) {
	return t->stack.depth > 0 && html_stack_top(&t->stack)->space != HTML_SPACE_HTML;
}

static bool is_text_point(const struct html_element *e) {
	return e->space == HTML_SPACE_MATHML &&
	       HTML_ONE_OF(e->tag, HTML_TAG_MI, HTML_TAG_MO, HTML_TAG_MN, HTML_TAG_MS, HTML_TAG_MTEXT);
}

static bool is_html_point(const struct html_element *e) {
	if (e->space == HTML_SPACE_SVG)
		return HTML_ONE_OF(e->tag, HTML_TAG_FOREIGNOBJECT, HTML_TAG_DESC, HTML_TAG_TITLE);
	return e->space == HTML_SPACE_MATHML && e->tag == HTML_TAG_ANNOTATION_XML && e->is_html_point;
}

/* Do the rules for foreign content apply to a start tag (13.2.6)? */
static bool start_is_foreign(const struct html_tree *t, enum html_tag tag) {
	const struct html_element *top;

	if (!html_tree_is_foreign(t))
		return false;
	top = html_stack_top(&t->stack);
	if (is_text_point(top) && tag != HTML_TAG_MGLYPH && tag != HTML_TAG_MALIGNMARK)
		return false;
	if (top->space == HTML_SPACE_MATHML && top->tag == HTML_TAG_ANNOTATION_XML && tag == HTML_TAG_SVG)
		return false;
	return !is_html_point(top);
}

/* A start tag in foreign content (13.2.6.5). */
static bool start_in_foreign(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;

	if ((html_tag_properties(token->tag) & HTML_BREAKOUT) != 0 ||
	    (token->tag == HTML_TAG_FONT && token->font_breaks_out)) {
		do
			html_stack_pop(s);
		while (html_tree_is_foreign(t) && !is_text_point(html_stack_top(s)) &&
		       !is_html_point(html_stack_top(s)));
		return true;
	}
	html_insert_foreign(t, token, html_stack_top(s)->space);
	return false;
}

void html_tree_start(struct html_tree *t, const struct html_tag_token *token) {
	bool again = true;

	t->inserted = false;
	t->dropped_body = false;
	t->text_kind = HTML_TEXT_DATA;
	while (again && !t->stack.overflow)
		again = start_is_foreign(t, token->tag) ? start_in_foreign(t, token) : start_rules[t->mode](t, token);
}

/* Has the foreign element the end tag's name? */
static bool closes(const struct html_stack *s, const struct html_element *e, const struct html_tag_token *token) {
	const char *mask = s->in.mask;

	return span_equal_nocase(span_make(mask + e->at + 1, e->name_len),
	                         span_make(mask + token->at + 2, token->name_len));
}

/* Pops the foreign element that an end tag closes; false where an HTML element
 * comes first. */
static bool end_in_foreign(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;
	size_t i;

	for (i = s->depth - 1; i > 0 && s->open[i].space != HTML_SPACE_HTML; i--) {
		if (!closes(s, &s->open[i], token))
			continue;
		while (s->depth > i)
			html_stack_pop(s);
		return true;
	}
	return false;
}

void html_tree_end(struct html_tree *t, const struct html_tag_token *token) {
	if (html_tree_is_foreign(t) && end_in_foreign(t, token))
		return;
	while (end_rules[t->mode](t, token) && !t->stack.overflow)
		;
}

void html_tree_doctype(struct html_tree *t, bool quirks) {
	if (t->mode != HTML_MODE_INITIAL)
		return;
	t->quirks = quirks;
	t->mode = HTML_MODE_BEFORE_HTML;
}

/* Text where "in body" has its rules. */
static void text_in_body(struct html_tree *t, const struct html_text *text) {
	if (text->blank || text->other)
		html_formatting_reconstruct(&t->stack);
	if (text->other)
		t->frameset_ok = false;
}

static void text_in_mode(struct html_tree *t, const struct html_text *text) {
	bool more = text->other || text->nul;

	switch (t->mode) {
	case HTML_MODE_INITIAL:
	case HTML_MODE_BEFORE_HTML:
	case HTML_MODE_BEFORE_HEAD:
	case HTML_MODE_IN_HEAD:
	case HTML_MODE_IN_HEAD_NOSCRIPT:
	case HTML_MODE_AFTER_HEAD:
		if (!more)
			return;
		html_head_ends(t);
		text_in_body(t, text);
		return;
	case HTML_MODE_AFTER_BODY:
	case HTML_MODE_AFTER_AFTER_BODY:
		if (more)
			t->mode = HTML_MODE_IN_BODY;
		text_in_body(t, text);
		return;
	case HTML_MODE_IN_COLUMN_GROUP:
		if (!more || !html_stack_top_is(&t->stack, HTML_TAG_COLGROUP))
			return;
		html_stack_pop(&t->stack);
		t->mode = HTML_MODE_IN_TABLE;
		/* fall through */
	case HTML_MODE_IN_TABLE:
	case HTML_MODE_IN_TABLE_BODY:
	case HTML_MODE_IN_ROW:
		/* Blanks stay in the table; all else goes before it (13.2.6.4.10). */
		if (text->other)
			text_in_body(t, text);
		return;
	case HTML_MODE_IN_BODY:
	case HTML_MODE_IN_CAPTION:
	case HTML_MODE_IN_CELL:
	case HTML_MODE_IN_TEMPLATE:
		text_in_body(t, text);
		return;
	case HTML_MODE_AFTER_AFTER_FRAMESET:
		if (text->blank)
			html_formatting_reconstruct(&t->stack);
		return;
	default:
		return;
	}
}

void html_tree_text(struct html_tree *t, const struct html_text *text) {
	const struct html_element *top = t->stack.depth > 0 ? html_stack_top(&t->stack) : NULL;

	if (top == NULL || top->space == HTML_SPACE_HTML || is_text_point(top) || is_html_point(top))
		text_in_mode(t, text);
	else if (text->other)
		t->frameset_ok = false;
}
