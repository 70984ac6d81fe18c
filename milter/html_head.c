/*
 * Insertion modes outside of the body: up to and with the head, after the body,
 * framesets, templates (HTML Living Standard 13.2.6.4.1 to .6, .18 to .23).
 */
#include "milter/html_modes.h"

/* End tags that count before there is a body. */
static bool opens_body(enum html_tag tag) {
	return tag == HTML_TAG_BODY || tag == HTML_TAG_HTML || tag == HTML_TAG_BR;
}

bool html_start_initial(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	t->quirks = true;
	t->mode = HTML_MODE_BEFORE_HTML;
	return true;
}

bool html_end_initial(struct html_tree *t, const struct html_tag_token *token) {
	return html_start_initial(t, token);
}

static void make_root(struct html_tree *t) {
	html_insert_made(t, HTML_TAG_HTML);
	t->mode = HTML_MODE_BEFORE_HEAD;
}

bool html_start_before_html(struct html_tree *t, const struct html_tag_token *token) {
	make_root(t);
	return token->tag != HTML_TAG_HTML;
}

bool html_end_before_html(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag != HTML_TAG_HEAD && !opens_body(token->tag))
		return false;
	make_root(t);
	return true;
}

static void make_head(struct html_tree *t) {
	html_insert_made(t, HTML_TAG_HEAD);
	t->head = t->stack.last_id;
	t->mode = HTML_MODE_IN_HEAD;
}

bool html_start_before_head(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_HTML)
		return html_start_in_body(t, token);
	make_head(t);
	return token->tag != HTML_TAG_HEAD;
}

bool html_end_before_head(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag != HTML_TAG_HEAD && !opens_body(token->tag))
		return false;
	make_head(t);
	return true;
}

static void leave_head(struct html_tree *t) {
	html_stack_pop(&t->stack);
	t->mode = HTML_MODE_AFTER_HEAD;
}

static void start_template(struct html_tree *t, const struct html_tag_token *token) {
	html_insert(t, token);
	html_formatting_mark(&t->stack);
	t->frameset_ok = false;
	t->mode = HTML_MODE_IN_TEMPLATE;
	if (t->template_count < HTML_DEPTH_MAX)
		t->templates[t->template_count++] = HTML_MODE_IN_TEMPLATE;
}

bool html_start_in_head(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_BASE:
	case HTML_TAG_BASEFONT:
	case HTML_TAG_BGSOUND:
	case HTML_TAG_LINK:
	case HTML_TAG_MENUITEM:
	case HTML_TAG_META:
		html_insert_void(t, token);
		return false;
	case HTML_TAG_TITLE:
		html_insert_text(t, token, HTML_TEXT_RCDATA);
		return false;
	case HTML_TAG_NOFRAMES:
	case HTML_TAG_STYLE:
		html_insert_text(t, token, HTML_TEXT_RAW);
		return false;
	case HTML_TAG_SCRIPT:
		html_insert_text(t, token, HTML_TEXT_SCRIPT);
		return false;
	case HTML_TAG_NOSCRIPT:
		html_insert(t, token);
		t->mode = HTML_MODE_IN_HEAD_NOSCRIPT;
		return false;
	case HTML_TAG_TEMPLATE:
		start_template(t, token);
		return false;
	case HTML_TAG_HEAD:
		return false;
	default:
		leave_head(t);
		return true;
	}
}

static bool end_template(struct html_tree *t) {
	struct html_stack *s = &t->stack;

	if (!html_has_template(t))
		return false;
	html_stack_pop_until(s, HTML_TAG_TEMPLATE);
	html_formatting_clear(s);
	if (t->template_count > 0)
		t->template_count--;
	html_reset_mode(t);
	return false;
}

bool html_end_in_head(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_TEMPLATE)
		return end_template(t);
	if (token->tag == HTML_TAG_HEAD) {
		leave_head(t);
		return false;
	}
	if (!opens_body(token->tag))
		return false;
	leave_head(t);
	return true;
}

static bool leave_noscript(struct html_tree *t) {
	html_stack_pop(&t->stack);
	t->mode = HTML_MODE_IN_HEAD;
	return true;
}

bool html_start_in_noscript(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_BASEFONT:
	case HTML_TAG_BGSOUND:
	case HTML_TAG_LINK:
	case HTML_TAG_META:
	case HTML_TAG_NOFRAMES:
	case HTML_TAG_STYLE:
		return html_start_in_head(t, token);
	case HTML_TAG_HEAD:
	case HTML_TAG_NOSCRIPT:
		return false;
	default:
		return leave_noscript(t);
	}
}

bool html_end_in_noscript(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_NOSCRIPT) {
		leave_noscript(t);
		return false;
	}
	return token->tag == HTML_TAG_BR && leave_noscript(t);
}

static void make_body(struct html_tree *t) {
	html_insert_made(t, HTML_TAG_BODY);
	t->mode = HTML_MODE_IN_BODY;
}

/* What belongs into the head, and comes behind it. */
static bool start_late_metadata(struct html_tree *t, const struct html_tag_token *token) {
	ssize_t head;

	html_insert_made(t, HTML_TAG_HEAD);
	t->head = t->stack.last_id;
	html_start_in_head(t, token);
	head = html_stack_find(&t->stack, t->head);
	if (head > 0)
		html_stack_remove(&t->stack, (size_t)head);
	return false;
}

bool html_start_after_head(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_BODY:
		make_body(t);
		t->frameset_ok = false;
		return false;
	case HTML_TAG_FRAMESET:
		html_insert(t, token);
		t->mode = HTML_MODE_IN_FRAMESET;
		return false;
	case HTML_TAG_HEAD:
		return false;
	default:
		break;
	}
	if ((html_tag_properties(token->tag) & HTML_METADATA) != 0 && token->tag != HTML_TAG_MENUITEM)
		return start_late_metadata(t, token);
	make_body(t);
	return true;
}

bool html_end_after_head(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_TEMPLATE)
		return end_template(t);
	if (!opens_body(token->tag))
		return false;
	make_body(t);
	return true;
}

void html_head_ends(struct html_tree *t) {
	if (t->mode == HTML_MODE_INITIAL) {
		t->quirks = true;
		t->mode = HTML_MODE_BEFORE_HTML;
	}
	if (t->mode == HTML_MODE_BEFORE_HTML)
		make_root(t);
	if (t->mode == HTML_MODE_BEFORE_HEAD)
		make_head(t);
	if (t->mode == HTML_MODE_IN_HEAD_NOSCRIPT)
		leave_noscript(t);
	if (t->mode == HTML_MODE_IN_HEAD)
		leave_head(t);
	make_body(t);
}

/* The mode that a template's content asks for by its first tag. */
static bool retarget_template(struct html_tree *t, enum html_mode mode) {
	t->templates[t->template_count - 1] = (uint8_t)mode;
	t->mode = mode;
	return true;
}

bool html_start_in_template(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_CAPTION:
	case HTML_TAG_COLGROUP:
	case HTML_TAG_TBODY:
	case HTML_TAG_TFOOT:
	case HTML_TAG_THEAD:
		return retarget_template(t, HTML_MODE_IN_TABLE);
	case HTML_TAG_COL:
		return retarget_template(t, HTML_MODE_IN_COLUMN_GROUP);
	case HTML_TAG_TR:
		return retarget_template(t, HTML_MODE_IN_TABLE_BODY);
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		return retarget_template(t, HTML_MODE_IN_ROW);
	default:
		break;
	}
	if ((html_tag_properties(token->tag) & HTML_METADATA) != 0 && token->tag != HTML_TAG_MENUITEM)
		return html_start_in_head(t, token);
	return retarget_template(t, HTML_MODE_IN_BODY);
}

bool html_end_in_template(struct html_tree *t, const struct html_tag_token *token) {
	return token->tag == HTML_TAG_TEMPLATE && end_template(t);
}

bool html_start_after_body(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_HTML)
		return html_start_in_body(t, token);
	t->mode = HTML_MODE_IN_BODY;
	return true;
}

bool html_end_after_body(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_HTML) {
		t->mode = HTML_MODE_AFTER_AFTER_BODY;
		return false;
	}
	t->mode = HTML_MODE_IN_BODY;
	return true;
}

bool html_start_after_after_body(struct html_tree *t, const struct html_tag_token *token) {
	return html_start_after_body(t, token);
}

bool html_end_after_after_body(struct html_tree *t, const struct html_tag_token *token) {
	(void)token;
	t->mode = HTML_MODE_IN_BODY;
	return true;
}

bool html_start_in_frameset(struct html_tree *t, const struct html_tag_token *token) {
	switch (token->tag) {
	case HTML_TAG_HTML:
		return html_start_in_body(t, token);
	case HTML_TAG_FRAMESET:
		html_insert(t, token);
		return false;
	case HTML_TAG_FRAME:
		html_insert_void(t, token);
		return false;
	case HTML_TAG_NOFRAMES:
		return html_start_in_head(t, token);
	default:
		return false;
	}
}

bool html_end_in_frameset(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag != HTML_TAG_FRAMESET || t->stack.depth < 2)
		return false;
	html_stack_pop(&t->stack);
	if (!html_stack_top_is(&t->stack, HTML_TAG_FRAMESET))
		t->mode = HTML_MODE_AFTER_FRAMESET;
	return false;
}

bool html_start_after_frameset(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_HTML)
		return html_start_in_body(t, token);
	return token->tag == HTML_TAG_NOFRAMES && html_start_in_head(t, token);
}

bool html_end_after_frameset(struct html_tree *t, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_HTML)
		t->mode = HTML_MODE_AFTER_AFTER_FRAMESET;
	return false;
}

bool html_start_after_after_frameset(struct html_tree *t, const struct html_tag_token *token) {
	return html_start_after_frameset(t, token);
}

bool html_end_after_after_frameset(struct html_tree *t, const struct html_tag_token *token) {
	(void)t;
	(void)token;
	return false;
}
