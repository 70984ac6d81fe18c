/*
 * The insertion modes "in body" and "text" (HTML Living Standard 13.2.6.4.7,
 * 13.2.6.4.8).  Which rule a tag has stands in its row of milter/html_tag.h.
 */
#include "milter/html_modes.h"

static void close_p(struct html_tree *t) {
	if (!html_stack_in_scope(&t->stack, HTML_TAG_P, HTML_SCOPE_BUTTON))
		return;
	html_stack_implied(&t->stack, HTML_TAG_P);
	html_stack_pop_until(&t->stack, HTML_TAG_P);
}

/* Closes the element where it is in scope. */
static void close_in_scope(struct html_tree *t, enum html_tag tag, enum html_scope scope) {
	if (html_stack_in_scope(&t->stack, tag, scope)) {
		html_stack_implied(&t->stack, tag);
		html_stack_pop_until(&t->stack, tag);
	}
}

static bool start_html(struct html_tree *t, const struct html_tag_token *token) {
	(void)t;
	(void)token;
	return false;
}

static bool start_nowhere(struct html_tree *t, const struct html_tag_token *token) {
	(void)t;
	(void)token;
	return false;
}

static bool start_metadata(struct html_tree *t, const struct html_tag_token *token) {
	return html_start_in_head(t, token);
}

static bool is_in_body(const struct html_tree *t) {
	return t->stack.depth > 1 && html_element_is(&t->stack.open[1], HTML_TAG_BODY);
}

static bool start_body(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	if (is_in_body(t) && !html_has_template(t))
		t->frameset_ok = false;
	return false;
}

static bool start_frameset(struct html_tree *t, const struct html_tag_token *token) {
	if (!is_in_body(t) || !t->frameset_ok)
		return false;
	while (t->stack.depth > 1)
		html_stack_pop(&t->stack);
	html_formatting_clear(&t->stack);
	t->dropped_body = true;
	html_insert(t, token);
	t->mode = HTML_MODE_IN_FRAMESET;
	return false;
}

static bool start_block(struct html_tree *t, const struct html_tag_token *token) {
	close_p(t);
	html_insert(t, token);
	return false;
}

static bool start_heading(struct html_tree *t, const struct html_tag_token *token) {
	close_p(t);
	if (html_stack_top_has(&t->stack, HTML_HEADING))
		html_stack_pop(&t->stack);
	html_insert(t, token);
	return false;
}

static bool start_pre(struct html_tree *t, const struct html_tag_token *token) {
	close_p(t);
	html_insert(t, token);
	t->frameset_ok = false;
	return false;
}

static bool start_form(struct html_tree *t, const struct html_tag_token *token) {
	if (t->form != 0 && !html_has_template(t))
		return false;
	close_p(t);
	html_insert(t, token);
	if (!html_has_template(t))
		t->form = t->stack.last_id;
	return false;
}

/* Closes an open item of the same list. */
static void close_item(struct html_tree *t, enum html_tag one, enum html_tag other) {
	struct html_stack *s = &t->stack;
	size_t i;

	t->frameset_ok = false;
	for (i = s->depth; i-- > 0;) {
		const struct html_element *e = &s->open[i];

		if (html_element_is(e, one) || html_element_is(e, other)) {
			enum html_tag tag = e->tag;

			html_stack_implied(s, tag);
			html_stack_pop_until(s, tag);
			return;
		}
		if (html_element_is_special(e) && !html_element_is(e, HTML_TAG_ADDRESS) &&
		    !html_element_is(e, HTML_TAG_DIV) && !html_element_is(e, HTML_TAG_P))
			return;
	}
}

static bool start_li(struct html_tree *t, const struct html_tag_token *token) {
	close_item(t, HTML_TAG_LI, HTML_TAG_LI);
	return start_block(t, token);
}

static bool start_definition(struct html_tree *t, const struct html_tag_token *token) {
	close_item(t, HTML_TAG_DD, HTML_TAG_DT);
	return start_block(t, token);
}

static bool start_plaintext(struct html_tree *t, const struct html_tag_token *token) {
	start_block(t, token);
	t->text_kind = HTML_TEXT_PLAIN;
	return false;
}

static bool start_button(struct html_tree *t, const struct html_tag_token *token) {
	close_in_scope(t, HTML_TAG_BUTTON, HTML_SCOPE_DEFAULT);
	html_formatting_reconstruct(&t->stack);
	html_insert(t, token);
	t->frameset_ok = false;
	return false;
}

static bool start_formatting(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert(t, token);
	if (!t->stack.overflow)
		html_formatting_add(&t->stack);
	return false;
}

static bool start_a(struct html_tree *t, const struct html_tag_token *token) {
	uint32_t last = html_formatting_last(&t->stack, HTML_TAG_A);
	ssize_t open;

	if (last != 0) {
		html_stack_adopt(&t->stack, HTML_TAG_A);
		last = html_formatting_last(&t->stack, HTML_TAG_A);
	}
	if (last != 0) {
		html_formatting_drop(&t->stack, last);
		open = html_stack_find(&t->stack, last);
		if (open > 0)
			html_stack_remove(&t->stack, (size_t)open);
	}
	return start_formatting(t, token);
}

static bool start_nobr(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	if (html_stack_in_scope(&t->stack, HTML_TAG_NOBR, HTML_SCOPE_DEFAULT))
		html_stack_adopt(&t->stack, HTML_TAG_NOBR);
	return start_formatting(t, token);
}

static bool start_object(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert(t, token);
	html_formatting_mark(&t->stack);
	t->frameset_ok = false;
	return false;
}

static bool start_table(struct html_tree *t, const struct html_tag_token *token) {
	if (!t->quirks)
		close_p(t);
	html_insert(t, token);
	t->frameset_ok = false;
	t->mode = HTML_MODE_IN_TABLE;
	return false;
}

static bool start_void(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert_void(t, token);
	t->frameset_ok = false;
	return false;
}

static bool start_input(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert_void(t, token);
	if (!token->is_hidden)
		t->frameset_ok = false;
	return false;
}

static bool start_param(struct html_tree *t, const struct html_tag_token *token) {
	html_insert_void(t, token);
	return false;
}

static bool start_hr(struct html_tree *t, const struct html_tag_token *token) {
	close_p(t);
	html_insert_void(t, token);
	t->frameset_ok = false;
	return false;
}

/* What stood for a form with one field; it leaves nothing open. */
static bool start_isindex(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	if (t->form != 0 && !html_has_template(t))
		return false;
	close_p(t);
	t->frameset_ok = false;
	return false;
}

static bool start_textarea(struct html_tree *t, const struct html_tag_token *token) {
	html_insert_text(t, token, HTML_TEXT_RCDATA);
	t->frameset_ok = false;
	return false;
}

static bool start_xmp(struct html_tree *t, const struct html_tag_token *token) {
	close_p(t);
	html_formatting_reconstruct(&t->stack);
	t->frameset_ok = false;
	html_insert_text(t, token, HTML_TEXT_RAW);
	return false;
}

static bool start_iframe(struct html_tree *t, const struct html_tag_token *token) {
	t->frameset_ok = false;
	html_insert_text(t, token, HTML_TEXT_RAW);
	return false;
}

static bool start_noembed(struct html_tree *t, const struct html_tag_token *token) {
	html_insert_text(t, token, HTML_TEXT_RAW);
	return false;
}

static bool start_select(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert(t, token);
	t->frameset_ok = false;
	switch (t->mode) {
	case HTML_MODE_IN_TABLE:
	case HTML_MODE_IN_CAPTION:
	case HTML_MODE_IN_TABLE_BODY:
	case HTML_MODE_IN_ROW:
	case HTML_MODE_IN_CELL:
		t->mode = HTML_MODE_IN_SELECT_IN_TABLE;
		break;
	default:
		t->mode = HTML_MODE_IN_SELECT;
	}
	return false;
}

static bool start_other(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert(t, token);
	return false;
}

static bool start_option(struct html_tree *t, const struct html_tag_token *token) {
	if (html_stack_top_is(&t->stack, HTML_TAG_OPTION))
		html_stack_pop(&t->stack);
	return start_other(t, token);
}

static bool start_ruby_base(struct html_tree *t, const struct html_tag_token *token) {
	if (html_stack_in_scope(&t->stack, HTML_TAG_RUBY, HTML_SCOPE_DEFAULT))
		html_stack_implied(&t->stack, HTML_TAG_UNKNOWN);
	html_insert(t, token);
	return false;
}

static bool start_ruby_text(struct html_tree *t, const struct html_tag_token *token) {
	if (html_stack_in_scope(&t->stack, HTML_TAG_RUBY, HTML_SCOPE_DEFAULT))
		html_stack_implied(&t->stack, HTML_TAG_RTC);
	html_insert(t, token);
	return false;
}

static bool start_math(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert_foreign(t, token, HTML_SPACE_MATHML);
	return false;
}

static bool start_svg(struct html_tree *t, const struct html_tag_token *token) {
	html_formatting_reconstruct(&t->stack);
	html_insert_foreign(t, token, HTML_SPACE_SVG);
	return false;
}

static bool end_template(struct html_tree *t, const struct html_tag_token *token) {
	return html_end_in_head(t, token);
}

static bool end_body(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	if (html_stack_in_scope(&t->stack, HTML_TAG_BODY, HTML_SCOPE_DEFAULT))
		t->mode = HTML_MODE_AFTER_BODY;
	return false;
}

static bool end_html(struct html_tree *t, const struct html_tag_token *token) {
	end_body(t, token);
	return t->mode == HTML_MODE_AFTER_BODY;
}

static bool end_block(struct html_tree *t, const struct html_tag_token *token) {
	close_in_scope(t, token->tag, HTML_SCOPE_DEFAULT);
	return false;
}

static bool end_form(struct html_tree *t, const struct html_tag_token *token) {
	uint32_t form = t->form;

	if (html_has_template(t))
		return end_block(t, token);
	t->form = 0;
	if (form == 0 || !html_stack_id_in_scope(&t->stack, form))
		return false;
	html_stack_implied(&t->stack, HTML_TAG_UNKNOWN);
	html_stack_remove(&t->stack, (size_t)html_stack_find(&t->stack, form));
	return false;
}

/* Without an open `<p>` it makes an empty one, which leaves nothing open. */
static bool end_p(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	if (!html_stack_in_scope(&t->stack, HTML_TAG_P, HTML_SCOPE_BUTTON))
		html_formatting_reconstruct(&t->stack);
	close_p(t);
	return false;
}

static bool end_li(struct html_tree *t, const struct html_tag_token *token) {
	close_in_scope(t, token->tag, HTML_SCOPE_LIST);
	return false;
}

static bool end_definition(struct html_tree *t, const struct html_tag_token *token) {
	return end_block(t, token);
}

static bool end_heading(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;

	(void)token;
	if (!html_stack_has_in_scope(s, HTML_HEADING))
		return false;
	while (!html_stack_top_has(s, HTML_HEADING))
		html_stack_pop(s);
	html_stack_pop(s);
	return false;
}

static bool end_formatting(struct html_tree *t, const struct html_tag_token *token) {
	html_stack_adopt(&t->stack, token->tag);
	return false;
}

/* In table scope: objects that are open within it close with it. */
static bool end_object(struct html_tree *t, const struct html_tag_token *token) {
	if (!html_stack_in_scope(&t->stack, token->tag, HTML_SCOPE_TABLE))
		return false;
	html_stack_pop_until(&t->stack, token->tag);
	html_formatting_clear(&t->stack);
	return false;
}

static bool end_br(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	html_formatting_reconstruct(&t->stack);
	return false;
}

static bool end_other(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;
	size_t i;

	if (s->count[token->tag] == 0)
		return false;
	for (i = s->depth; i-- > 0;) {
		if (html_element_is(&s->open[i], token->tag)) {
			while (s->depth > i && s->depth > 1)
				html_stack_pop(s);
			return false;
		}
		if (html_element_is_special(&s->open[i]))
			return false;
	}
	return false;
}

#define START_RULE(id, name, properties, start, end) [HTML_TAG_##id] = start,
#define END_RULE(id, name, properties, start, end) [HTML_TAG_##id] = end,

bool html_start_in_body(struct html_tree *t, const struct html_tag_token *token) {
	static html_rule *const rules[HTML_TAG_COUNT] = {[HTML_TAG_UNKNOWN] = start_other, HTML_TAGS(START_RULE)};

	return rules[token->tag](t, token);
}

bool html_end_in_body(struct html_tree *t, const struct html_tag_token *token) {
	static html_rule *const rules[HTML_TAG_COUNT] = {[HTML_TAG_UNKNOWN] = end_other, HTML_TAGS(END_RULE)};

	return rules[token->tag](t, token);
}

/* The only tag that the tokeniser gives within text is the one that ends it. */
bool html_end_in_text(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	html_stack_pop(&t->stack);
	t->mode = t->original;
	return false;
}
