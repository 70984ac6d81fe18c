#include "milter/html_collect.h"

#include <stdlib.h>

#include "milter/html_entity.h"

static bool grow(struct html_collect *c) {
	size_t cap = c->cap == 0 ? 32 : c->cap * 2;
	struct html_link *grown;

	if (c->out->count < c->cap)
		return true;
	grown = realloc(c->out->links, cap * sizeof *grown);
	if (grown == NULL) {
		c->failed = true;
		return false;
	}
	c->out->links = grown;
	c->cap = cap;
	return true;
}

void html_collect_link(struct html_collect *c, const struct html_tag_token *token, bool in_comment) {
	struct buf *decoded = &c->out->decoded;
	struct html_link *link;

	html_collect_close(c);
	if (c->out->count == HTML_LINKS_MAX) {
		c->out->truncated = true;
		return;
	}
	if (!grow(c))
		return;
	buf_add(decoded, "", 0);
	link = &c->out->links[c->out->count++];
	*link = (struct html_link){
	        .value_at = token->value_at,
	        .value_len = token->value_len,
	        .quote = token->quote,
	        .tag_at = token->at,
	        .tag_end = token->end,
	        .url_at = decoded->len,
	        .opted_out = token->opted_out,
	        .in_comment = in_comment,
	};
	html_entity_decode(c->mask + link->value_at, c->bytes + link->value_at, link->value_len, decoded,
	                   &link->wide_reference);
	link->url_len = decoded->len - link->url_at;
	link->text_at = decoded->len;
	c->link = link;
	c->trimmed = 0;
	c->too_long = false;
	c->is_text = true;
	c->open = token->tag != HTML_TAG_AREA;
}

/* Octets of the element's text that are all blank, or none of them. */
static void add(struct html_collect *c, const char *bytes, size_t n, bool blank) {
	struct buf *decoded = &c->out->decoded;
	size_t len = decoded->len - c->link->text_at;

	if (blank && len == 0)
		return;
	if (c->too_long || len + n > HTML_TEXT_MAX) {
		c->too_long = true;
		if (!blank)
			html_collect_spoil(c);
		return;
	}
	buf_add(decoded, bytes, n);
	if (!blank)
		c->trimmed = len + n;
}

static size_t add_reference(struct html_collect *c, size_t at, size_t to) {
	struct html_reference reference;
	struct buf utf8;

	if (html_reference_parse(span_make(c->mask + at, to - at), false, &reference) != 0) {
		add(c, "&", 1, false);
		return at + 1;
	}
	buf_init(&utf8, 16);
	html_reference_add(&reference, &utf8);
	if (utf8.failed)
		c->failed = true;
	else
		add(c, utf8.at, utf8.len, reference.first < 0x80 && html_is_blank((char)reference.first));
	buf_free(&utf8);
	return at + reference.len;
}

void html_collect_text(struct html_collect *c, size_t from, size_t to) {
	while (c->open && c->is_text && from < to) {
		bool blank = html_is_blank(c->mask[from]);
		size_t start = from;

		if (c->mask[from] == '&') {
			from = add_reference(c, from, to);
			continue;
		}
		while (from < to && html_is_blank(c->mask[from]) == blank && c->mask[from] != '&')
			from++;
		add(c, c->bytes + start, from - start, blank);
	}
}

void html_collect_blank(struct html_collect *c) {
	if (c->open && c->is_text)
		add(c, " ", 1, true);
}

void html_collect_spoil(struct html_collect *c) {
	if (c->open)
		c->is_text = false;
}

void html_collect_close(struct html_collect *c) {
	if (!c->open)
		return;
	c->open = false;
	c->link->has_text = c->is_text && c->trimmed > 0;
	c->link->text_len = c->link->has_text ? c->trimmed : 0;
	/* The decoded URLs that follow take the room of what isn't text. */
	if (!c->out->decoded.failed)
		c->out->decoded.len = c->link->text_at + c->link->text_len;
}

void html_collect_drop(struct html_collect *c) {
	html_collect_close(c);
	c->out->count = 0;
}
