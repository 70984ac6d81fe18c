/*
 * What the files of the tree builder share: the rules of each insertion mode, and
 * how they insert.  Private to milter/html_tree.c, html_head.c, html_body.c and
 * html_table.c.
 *
 * A rule returns true where the token is to be processed again, in the mode it
 * has set.
 */
#ifndef MILTER_HTML_MODES_H
#define MILTER_HTML_MODES_H

#include "milter/html_tree.h"

typedef bool html_rule(struct html_tree *t, const struct html_tag_token *token);

/* For the token: an HTML element, one that is empty, one whose content is text. */
void html_insert(struct html_tree *t, const struct html_tag_token *token);
void html_insert_void(struct html_tree *t, const struct html_tag_token *token);
void html_insert_text(struct html_tree *t, const struct html_tag_token *token, enum html_text_kind kind);
void html_insert_foreign(struct html_tree *t, const struct html_tag_token *token, enum html_space space);
/* An element that no token stands for. */
void html_insert_made(struct html_tree *t, enum html_tag tag);

void html_reset_mode(struct html_tree *t);
bool html_has_template(const struct html_tree *t);
bool html_tag_is_one_of(enum html_tag tag, const enum html_tag *tags, size_t count);
#define HTML_ONE_OF(tag, ...)                                                                                          \
	html_tag_is_one_of((tag), (const enum html_tag[]){__VA_ARGS__},                                                \
	                   sizeof((const enum html_tag[]){__VA_ARGS__}) / sizeof(enum html_tag))

/* html_head.c */
html_rule html_start_initial, html_end_initial;
html_rule html_start_before_html, html_end_before_html;
html_rule html_start_before_head, html_end_before_head;
html_rule html_start_in_head, html_end_in_head;
html_rule html_start_in_noscript, html_end_in_noscript;
html_rule html_start_after_head, html_end_after_head;
html_rule html_start_in_template, html_end_in_template;
html_rule html_start_after_body, html_end_after_body;
html_rule html_start_in_frameset, html_end_in_frameset;
html_rule html_start_after_frameset, html_end_after_frameset;
html_rule html_start_after_after_body, html_end_after_after_body;
html_rule html_start_after_after_frameset, html_end_after_after_frameset;
/* Up to the body, for text. */
void html_head_ends(struct html_tree *t);

/* html_body.c */
html_rule html_start_in_body, html_end_in_body, html_end_in_text;

/* html_table.c */
html_rule html_start_in_table, html_end_in_table;
html_rule html_start_in_caption, html_end_in_caption;
html_rule html_start_in_column_group, html_end_in_column_group;
html_rule html_start_in_table_body, html_end_in_table_body;
html_rule html_start_in_row, html_end_in_row;
html_rule html_start_in_cell, html_end_in_cell;
html_rule html_start_in_select, html_end_in_select;
html_rule html_start_in_select_in_table, html_end_in_select_in_table;

#endif
