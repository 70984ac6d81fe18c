/*
 * The insertion modes of tables and of select elements (HTML Living Standard
 * 13.2.6.4.9 to .17).
 */
#include "milter/html_modes.h"

static bool in_table_scope(const struct html_tree *t, enum html_tag tag) {
	return html_stack_in_scope(&t->stack, tag, HTML_SCOPE_TABLE);
}

static void clear_to_table(struct html_tree *t) {
	html_stack_clear_to(&t->stack, HTML_TAG_TABLE, HTML_TAG_TABLE, HTML_TAG_TABLE);
}

static void clear_to_table_body(struct html_tree *t) {
	html_stack_clear_to(&t->stack, HTML_TAG_TBODY, HTML_TAG_TFOOT, HTML_TAG_THEAD);
}

static void clear_to_row(struct html_tree *t) {
	html_stack_clear_to(&t->stack, HTML_TAG_TR, HTML_TAG_TR, HTML_TAG_TR);
}

static bool close_table(struct html_tree *t) {
	if (!in_table_scope(t, HTML_TAG_TABLE))
		return false;
	html_stack_pop_until(&t->stack, HTML_TAG_TABLE);
	html_reset_mode(t);
	return true;
}

static bool enter(struct html_tree *t, const struct html_tag_token *token, enum html_mode mode) {
	html_insert(t, token);
	t->mode = mode;
	return false;
}

static bool enter_made(struct html_tree *t, enum html_tag tag, enum html_mode mode) {
	html_insert_made(t, tag);
	t->mode = mode;
	return true;
}

static bool start_form_in_table(struct html_tree *t) {
	if (t->form != 0 || html_has_template(t))
		return false;
	t->inserted = true;
	html_insert_made(t, HTML_TAG_FORM);
	t->form = t->stack.last_id;
	html_stack_pop(&t->stack);
	return false;
}

bool html_start_in_table(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_CAPTION:
		clear_to_table(t);
		html_formatting_mark(&t->stack);
		return enter(t, token, HTML_MODE_IN_CAPTION);
	case HTML_TAG_COLGROUP:
		clear_to_table(t);
		return enter(t, token, HTML_MODE_IN_COLUMN_GROUP);
	case HTML_TAG_COL:
		clear_to_table(t);
		return enter_made(t, HTML_TAG_COLGROUP, HTML_MODE_IN_COLUMN_GROUP);
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		clear_to_table(t);
		return enter(t, token, HTML_MODE_IN_TABLE_BODY);
	case HTML_TAG_TD:
	case HTML_TAG_TH:
	case HTML_TAG_TR:
		clear_to_table(t);
		return enter_made(t, HTML_TAG_TBODY, HTML_MODE_IN_TABLE_BODY);
	case HTML_TAG_TABLE:
		return close_table(t);
	case HTML_TAG_STYLE:
	case HTML_TAG_SCRIPT:
	case HTML_TAG_TEMPLATE:
		return html_start_in_head(t, token);
	case HTML_TAG_INPUT:
		if (!token->is_hidden)
			break;
		html_insert_void(t, token);
		return false;
	case HTML_TAG_FORM:
		return start_form_in_table(t);
	default:
		break;
	}
	return html_start_in_body(t, token);
}

/* End tags of a table's other parts mean nothing in this one. */
static bool is_stray_part(enum html_tag tag) {
	return tag == HTML_TAG_BODY || tag == HTML_TAG_HTML || (html_tag_properties(tag) & HTML_TABLE_PART) != 0;
}

bool html_end_in_table(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_TABLE) {
		close_table(t);
		return false;
	}
	if (is_stray_part(token->tag))
		return false;
	return html_end_in_body(t, token);
}

static bool close_caption(struct html_tree *t) {
	if (!in_table_scope(t, HTML_TAG_CAPTION))
		return false;
	html_stack_pop_until(&t->stack, HTML_TAG_CAPTION);
	html_formatting_clear(&t->stack);
	t->mode = HTML_MODE_IN_TABLE;
	return true;
}

bool html_start_in_caption(struct html_tree *t, const struct html_tag_token *token) {
	if ((html_tag_properties(token->tag) & HTML_TABLE_PART) != 0)
		return close_caption(t);
	return html_start_in_body(t, token);
}

bool html_end_in_caption(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_TABLE)
		return close_caption(t);
	if (token->tag == HTML_TAG_CAPTION) {
		close_caption(t);
		return false;
	}
	if (is_stray_part(token->tag))
		return false;
	return html_end_in_body(t, token);
}

static bool close_column_group(struct html_tree *t) {
	if (!html_stack_top_is(&t->stack, HTML_TAG_COLGROUP))
		return false;
	html_stack_pop(&t->stack);
	t->mode = HTML_MODE_IN_TABLE;
	return true;
}

bool html_start_in_column_group(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_COL:
		html_insert_void(t, token);
		return false;
	case HTML_TAG_TEMPLATE:
		return html_start_in_head(t, token);
	default:
		return close_column_group(t);
	}
}

bool html_end_in_column_group(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_COLGROUP:
		close_column_group(t);
		return false;
	case HTML_TAG_COL:
		return false;
	case HTML_TAG_TEMPLATE:
		return html_end_in_head(t, token);
	default:
		return close_column_group(t);
	}
}

static bool close_table_body(struct html_tree *t) {
	clear_to_table_body(t);
	html_stack_pop(&t->stack);
	t->mode = HTML_MODE_IN_TABLE;
	return true;
}

static bool close_any_table_body(struct html_tree *t) {
	if (!in_table_scope(t, HTML_TAG_TBODY) && !in_table_scope(t, HTML_TAG_THEAD) &&
	    !in_table_scope(t, HTML_TAG_TFOOT))
		return false;
	return close_table_body(t);
}

bool html_start_in_table_body(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_TR:
		clear_to_table_body(t);
		return enter(t, token, HTML_MODE_IN_ROW);
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		clear_to_table_body(t);
		return enter_made(t, HTML_TAG_TR, HTML_MODE_IN_ROW);
	case HTML_TAG_CAPTION:
	case HTML_TAG_COL:
	case HTML_TAG_COLGROUP:
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		return close_any_table_body(t);
	default:
		return html_start_in_table(t, token);
	}
}

bool html_end_in_table_body(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		if (in_table_scope(t, token->tag))
			close_table_body(t);
		return false;
	case HTML_TAG_TABLE:
		return close_any_table_body(t);
	default:
		return html_end_in_table(t, token);
	}
}

static bool close_row(struct html_tree *t) {
	if (!in_table_scope(t, HTML_TAG_TR))
		return false;
	clear_to_row(t);
	html_stack_pop(&t->stack);
	t->mode = HTML_MODE_IN_TABLE_BODY;
	return true;
}

bool html_start_in_row(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		clear_to_row(t);
		html_formatting_mark(&t->stack);
		return enter(t, token, HTML_MODE_IN_CELL);
	case HTML_TAG_CAPTION:
	case HTML_TAG_COL:
	case HTML_TAG_COLGROUP:
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
	case HTML_TAG_TR:
		return close_row(t);
	default:
		return html_start_in_table(t, token);
	}
}

bool html_end_in_row(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_TR:
		close_row(t);
		return false;
	case HTML_TAG_TABLE:
		return close_row(t);
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		return in_table_scope(t, token->tag) && close_row(t);
	default:
		return html_end_in_table(t, token);
	}
}

static bool close_cell(struct html_tree *t, enum html_tag tag) {
	html_stack_pop_until(&t->stack, tag);
	html_formatting_clear(&t->stack);
	t->mode = HTML_MODE_IN_ROW;
	return true;
}

static bool close_any_cell(struct html_tree *t) {
	if (in_table_scope(t, HTML_TAG_TD))
		return close_cell(t, HTML_TAG_TD);
	return in_table_scope(t, HTML_TAG_TH) && close_cell(t, HTML_TAG_TH);
}

bool html_start_in_cell(struct html_tree *t, const struct html_tag_token *token) {
	if ((html_tag_properties(token->tag) & HTML_TABLE_PART) != 0)
		return close_any_cell(t);
	return html_start_in_body(t, token);
}

bool html_end_in_cell(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		if (in_table_scope(t, token->tag))
			close_cell(t, token->tag);
		return false;
	case HTML_TAG_TABLE:
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
	case HTML_TAG_TR:
		return in_table_scope(t, token->tag) && close_any_cell(t);
	default:
		if (is_stray_part(token->tag))
			return false;
		return html_end_in_body(t, token);
	}
}

static bool close_select(struct html_tree *t) {
	if (!html_stack_in_scope(&t->stack, HTML_TAG_SELECT, HTML_SCOPE_SELECT))
		return false;
	html_stack_pop_until(&t->stack, HTML_TAG_SELECT);
	html_reset_mode(t);
	return true;
}

bool html_start_in_select(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;

	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_OPTION:
	case HTML_TAG_OPTGROUP:
		if (html_stack_top_is(s, HTML_TAG_OPTION))
			html_stack_pop(s);
		if (token->tag == HTML_TAG_OPTGROUP && html_stack_top_is(s, HTML_TAG_OPTGROUP))
			html_stack_pop(s);
		html_insert(t, token);
		return false;
	case HTML_TAG_SELECT:
		close_select(t);
		return false;
	case HTML_TAG_INPUT:
	case HTML_TAG_KEYGEN:
	case HTML_TAG_TEXTAREA:
		return close_select(t);
	case HTML_TAG_SCRIPT:
	case HTML_TAG_TEMPLATE:
		return html_start_in_head(t, token);
	default:
		return false;
	}
}

bool html_end_in_select(struct html_tree *t, const struct html_tag_token *token) {
	struct html_stack *s = &t->stack;

	switch (token->tag) {
	case HTML_TAG_OPTGROUP:
		if (html_stack_top_is(s, HTML_TAG_OPTION) && s->depth > 1 &&
		    html_element_is(&s->open[s->depth - 2], HTML_TAG_OPTGROUP))
			html_stack_pop(s);
		if (html_stack_top_is(s, HTML_TAG_OPTGROUP))
			html_stack_pop(s);
		return false;
	case HTML_TAG_OPTION:
		if (html_stack_top_is(s, HTML_TAG_OPTION))
			html_stack_pop(s);
		return false;
	case HTML_TAG_SELECT:
		close_select(t);
		return false;
	case HTML_TAG_TEMPLATE:
		return html_end_in_head(t, token);
	default:
		return false;
	}
}

/* Parts of a table that end a select within it. */
static bool ends_select(enum html_tag tag) {
	return tag == HTML_TAG_TABLE ||
	       ((html_tag_properties(tag) & HTML_TABLE_PART) != 0 && tag != HTML_TAG_COL && tag != HTML_TAG_COLGROUP);
}

bool html_start_in_select_in_table(struct html_tree *t, const struct html_tag_token *token) {
	if (ends_select(token->tag))
		return close_select(t);
	return html_start_in_select(t, token);
}

bool html_end_in_select_in_table(struct html_tree *t, const struct html_tag_token *token) {
	if (ends_select(token->tag))
		return in_table_scope(t, token->tag) && close_select(t);
	return html_end_in_select(t, token);
}
