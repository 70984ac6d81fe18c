/*
 * What a scan has found so far: the links, and the text of the one whose element
 * is open (B9).  Private to milter/html.c and milter/html_collect.c.
 */
#ifndef MILTER_HTML_COLLECT_H
#define MILTER_HTML_COLLECT_H

#include "milter/html.h"
#include "milter/html_lex.h"

struct html_collect {
	struct html_scan *out;
	const char *mask;
	const char *bytes;
	size_t cap;  /* of out->links */
	bool failed; /* out of memory */
	/* The element whose text is being collected. */
	bool open;
	bool is_text;           /* text alone so far, and not too long */
	bool too_long;          /* only blanks may follow */
	size_t trimmed;         /* octets of it up to the last that is not blank */
	struct html_link *link; /* into out->links, the last one; valid while open */
};

/* Adds the link of a tag with an href and opens its element for text. */
void html_collect_link(struct html_collect *c, const struct html_tag_token *token, bool in_comment);
/* Text of the open element: octets [from, to). */
void html_collect_text(struct html_collect *c, size_t from, size_t to);
/* A blank that a line break or a block puts into it. */
void html_collect_blank(struct html_collect *c);
/* Something in it that is no text. */
void html_collect_spoil(struct html_collect *c);
/* Its end. */
void html_collect_close(struct html_collect *c);
/* Forgets all links. */
void html_collect_drop(struct html_collect *c);

#endif
