/*
 * The tree builder (HTML Living Standard 13.2.6) without a tree: it keeps the
 * insertion mode, the stack of open elements and the list of active formatting
 * elements, which is what tells whether a tag makes an element at all and how the
 * tokeniser reads on.  Scripting is off.
 *
 * Where the standard changed (`<select>` content, 2025) it follows the parsers
 * that mail programs have had for years.
 *
 * Bounds: HTML_DEPTH_MAX and HTML_FORMATTING_MAX; beyond them `stack.overflow`
 * is set and the builder is of no use any more.
 */
#ifndef MILTER_HTML_TREE_H
#define MILTER_HTML_TREE_H

#include "milter/html_stack.h"

enum html_mode {
	HTML_MODE_INITIAL,
	HTML_MODE_BEFORE_HTML,
	HTML_MODE_BEFORE_HEAD,
	HTML_MODE_IN_HEAD,
	HTML_MODE_IN_HEAD_NOSCRIPT,
	HTML_MODE_AFTER_HEAD,
	HTML_MODE_IN_BODY,
	HTML_MODE_TEXT,
	HTML_MODE_IN_TABLE,
	HTML_MODE_IN_CAPTION,
	HTML_MODE_IN_COLUMN_GROUP,
	HTML_MODE_IN_TABLE_BODY,
	HTML_MODE_IN_ROW,
	HTML_MODE_IN_CELL,
	HTML_MODE_IN_SELECT,
	HTML_MODE_IN_SELECT_IN_TABLE,
	HTML_MODE_IN_TEMPLATE,
	HTML_MODE_AFTER_BODY,
	HTML_MODE_IN_FRAMESET,
	HTML_MODE_AFTER_FRAMESET,
	HTML_MODE_AFTER_AFTER_BODY,
	HTML_MODE_AFTER_AFTER_FRAMESET,
	HTML_MODE_COUNT
};

struct html_tree {
	struct html_stack stack;
	enum html_mode mode;
	enum html_mode original; /* to go back to from HTML_MODE_TEXT */
	size_t template_count;
	uint8_t templates[HTML_DEPTH_MAX]; /* their insertion modes */
	uint32_t head;                     /* ids; 0 for none */
	uint32_t form;
	bool frameset_ok;
	bool quirks;
	/* Of the start tag just read: */
	bool inserted;                 /* it made an element */
	bool dropped_body;             /* the body is gone, and with it all links before */
	enum html_text_kind text_kind; /* how the tokeniser goes on */
};

void html_tree_init(struct html_tree *t, const struct html_input *in);

void html_tree_start(struct html_tree *t, const struct html_tag_token *token);
void html_tree_end(struct html_tree *t, const struct html_tag_token *token);
void html_tree_doctype(struct html_tree *t, bool quirks);

/* What a run of text holds. */
struct html_text {
	bool blank; /* TAB, LF, FF, CR, SP */
	bool nul;
	bool other;
};
void html_tree_text(struct html_tree *t, const struct html_text *text);

/* Is the current element foreign, so that CDATA sections exist? */
bool html_tree_is_foreign(const struct html_tree *t);

#endif
