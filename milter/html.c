#include "milter/html.h"

#include <stdlib.h>
#include <string.h>

#include "milter/html_collect.h"
#include "milter/html_entity.h"
#include "milter/html_tree.h"

/* What becomes of one byte at most: NUL is U+FFFD, in a URL and in text. */
#define DECODED_FACTOR 6

/* A pass over the page, or over what is in a conditional comment. */
struct pass {
	struct html_input in; /* offsets are those of the page; `n` is where the pass ends */
	struct html_collect *collect;
	/* NULL: no tree is built, every tag counts and the tokeniser goes by names.
	 * So in a comment, and behind a place that is nested too deeply. */
	struct html_tree *tree;
	bool in_comment;
	/* Of the element whose text is collected. */
	uint32_t element_id;
	size_t element_index;
	struct span element_name;
};

static bool pass_run(struct pass *p, size_t at);

/* The place behind the input: a token that has no end. */
static size_t unended(const struct pass *p) {
	return p->in.n + 1;
}

/* What kinds of characters the text holds; blanks are looked at up to the first
 * that is something else. */
static struct html_text classify(const struct html_input *in, size_t from, size_t to) {
	struct html_text text = {.blank = false};
	struct html_reference reference;

	while (from < to) {
		char c = in->mask[from];

		if (html_is_blank(c)) {
			text.blank = true;
			from = html_skip_blanks(in->mask, from, to);
		} else if (c == '\0') {
			text.nul = true;
			from++;
		} else if (c == '&' &&
		           html_reference_parse(span_make(in->mask + from, to - from), false, &reference) == 0 &&
		           reference.first < 0x80 && html_is_blank((char)reference.first)) {
			text.blank = true;
			from += reference.len;
		} else {
			text.other = true;
			break;
		}
	}
	return text;
}

static void pass_text(struct pass *p, size_t from, size_t to) {
	struct html_text text;

	if (p->collect->open)
		html_collect_text(p->collect, from, to);
	if (p->tree == NULL)
		return;
	text = classify(&p->in, from, to);
	html_tree_text(p->tree, &text);
	if (p->tree->stack.overflow)
		p->tree = NULL;
}

static struct span tag_name(const struct pass *p, const struct html_tag_token *token) {
	return span_make(p->in.mask + token->at + 1 + token->is_end, token->name_len);
}

/* Closes the collected text where its element is no longer open. */
static void check_element(struct pass *p) {
	const struct html_stack *s;

	if (!p->collect->open || p->tree == NULL)
		return;
	s = &p->tree->stack;
	if (p->element_index >= s->depth || s->open[p->element_index].id != p->element_id)
		html_collect_close(p->collect);
}

static bool is_link(const struct pass *p, const struct html_tag_token *token) {
	if (token->tag == HTML_TAG_A || token->tag == HTML_TAG_AREA)
		return true;
	return p->in_comment && span_equal_nocase(tag_name(p, token), SPAN("v:roundrect"));
}

/* How the tokeniser goes on where no tree says so. */
static enum html_text_kind kind_by_name(enum html_tag tag) {
	switch (tag) {
	case HTML_TAG_TITLE:
	case HTML_TAG_TEXTAREA:
		return HTML_TEXT_RCDATA;
	case HTML_TAG_STYLE:
	case HTML_TAG_XMP:
	case HTML_TAG_IFRAME:
	case HTML_TAG_NOEMBED:
	case HTML_TAG_NOFRAMES:
		return HTML_TEXT_RAW;
	case HTML_TAG_SCRIPT:
		return HTML_TEXT_SCRIPT;
	case HTML_TAG_PLAINTEXT:
		return HTML_TEXT_PLAIN;
	default:
		return HTML_TEXT_DATA;
	}
}

/* Lets the tree builder have the tag.  Does it make an element? */
static bool build_start(struct pass *p, const struct html_tag_token *token, enum html_text_kind *kind_r) {
	struct html_tree *t = p->tree;

	*kind_r = kind_by_name(token->tag);
	if (t == NULL)
		return true;
	html_tree_start(t, token);
	if (t->stack.overflow) {
		p->tree = NULL;
		return true;
	}
	*kind_r = t->text_kind;
	if (t->dropped_body)
		html_collect_drop(p->collect);
	check_element(p);
	return t->inserted;
}

static void add_link(struct pass *p, const struct html_tag_token *token) {
	html_collect_close(p->collect);
	if (!token->has_href)
		return;
	html_collect_link(p->collect, token, p->in_comment);
	p->element_name = tag_name(p, token);
	if (p->tree != NULL) {
		p->element_index = p->tree->stack.depth - 1;
		p->element_id = html_stack_top(&p->tree->stack)->id;
	}
}

/* Behind the text of a title, a script and so on and its end tag. */
static size_t pass_raw(struct pass *p, const struct html_tag_token *start, enum html_text_kind kind) {
	struct html_tag_token end;
	size_t at = html_lex_raw_end(&p->in, start->end, kind, tag_name(p, start));

	if (at >= p->in.n || html_lex_tag(&p->in, at, false, &end) != 0)
		return unended(p);
	if (p->tree != NULL)
		html_tree_end(p->tree, &end);
	return end.end;
}

static size_t pass_start(struct pass *p, const struct html_tag_token *token) {
	unsigned properties = html_tag_properties(token->tag);
	enum html_text_kind kind;

	if ((properties & HTML_REPLACED) != 0)
		html_collect_spoil(p->collect);
	else if ((properties & HTML_BREAKS) != 0)
		html_collect_blank(p->collect);
	if (build_start(p, token, &kind) && is_link(p, token))
		add_link(p, token);
	return kind == HTML_TEXT_DATA ? token->end : pass_raw(p, token, kind);
}

/* A body's end in a template or a select is none: nothing shows there. */
static bool is_real_body_end(const struct pass *p) {
	const struct html_tree *t = p->tree;

	if (p->in_comment)
		return false;
	return t == NULL || (t->stack.count[HTML_TAG_TEMPLATE] == 0 && t->stack.count[HTML_TAG_SELECT] == 0);
}

static size_t pass_end(struct pass *p, const struct html_tag_token *token) {
	struct html_scan *out = p->collect->out;

	if (token->tag == HTML_TAG_BODY && is_real_body_end(p)) {
		out->has_body_end = true;
		out->body_end = token->at;
	}
	if ((html_tag_properties(token->tag) & HTML_BREAKS) != 0)
		html_collect_blank(p->collect);
	if (p->tree == NULL) {
		if (span_equal_nocase(tag_name(p, token), p->element_name))
			html_collect_close(p->collect);
		return token->end;
	}
	html_tree_end(p->tree, token);
	check_element(p);
	if (p->tree->stack.overflow)
		p->tree = NULL;
	return token->end;
}

static size_t pass_tag(struct pass *p, size_t at) {
	struct html_tag_token token;

	if (html_lex_tag(&p->in, at, p->in_comment, &token) != 0)
		return unended(p);
	return token.is_end ? pass_end(p, &token) : pass_start(p, &token);
}

/* Does the condition name mso, as a word? */
static bool names_mso(struct span condition) {
	ssize_t found;

	for (; (found = span_find_nocase(condition, SPAN("mso"))) >= 0; condition = span_from(condition, found + 3)) {
		size_t after = (size_t)found + 3;

		if ((found == 0 || !ascii_is_alnum(condition.at[found - 1])) &&
		    (after == condition.len || !ascii_is_alpha(condition.at[after])))
			return true;
	}
	return false;
}

/* The links in a conditional comment that the programs named in it will see (B6);
 * its text is [at, end). */
static void pass_conditional(struct pass *p, size_t at, size_t end) {
	struct span text = span_make(p->in.mask + at, end - at);
	struct pass inner = {.in = {p->in.mask, end}, .collect = p->collect, .in_comment = true};
	ssize_t close;
	size_t count;
	bool open;

	if (p->in_comment || !span_starts_nocase(text, SPAN("[if")))
		return;
	close = span_find_byte(text, ']');
	if (close < 0 || (size_t)close + 1 == text.len || text.at[close + 1] != '>' ||
	    !names_mso(span_make(text.at, (size_t)close)))
		return;
	/* An element that is open around the comment goes on behind it, unless there
	 * are links in between. */
	open = p->collect->open;
	count = p->collect->out->count;
	p->collect->open = false;
	pass_run(&inner, at + (size_t)close + 2);
	html_collect_close(p->collect);
	p->collect->open = open && p->collect->out->count == count;
}

/* Markup declaration open (13.2.5.42): `at` is that of `<!`. */
static size_t pass_declaration(struct pass *p, size_t at) {
	const struct html_input *in = &p->in;
	size_t end, text_end;
	bool quirks;

	if (html_lex_has(in, at + 2, SPAN("--"))) {
		end = html_lex_comment(in, at, &text_end);
		if (html_lex_has(in, at + 4, SPAN("[if")))
			pass_conditional(p, at + 4, text_end);
		return end;
	}
	if (html_lex_has(in, at + 2, SPAN("doctype"))) {
		end = html_lex_doctype(in, at, &quirks);
		if (p->tree != NULL)
			html_tree_doctype(p->tree, quirks);
		return end;
	}
	if (p->tree != NULL && html_tree_is_foreign(p->tree) &&
	    span_starts(span_make(in->mask + at, in->n - at), SPAN("<![CDATA["))) {
		end = html_lex_cdata(in, at + 9);
		pass_text(p, at + 9, end > in->n ? in->n : end - 3);
		return end;
	}
	return html_lex_to_greater(in, at + 2);
}

/* Tag open (13.2.5.6) and what follows: `at` is that of a `<`. */
static size_t pass_markup(struct pass *p, size_t at) {
	const char *mask = p->in.mask;
	char c = at + 1 < p->in.n ? mask[at + 1] : '\0';

	if (html_is_letter(c))
		return pass_tag(p, at);
	if (c == '!')
		return pass_declaration(p, at);
	if (c == '?')
		return html_lex_to_greater(&p->in, at + 2);
	if (c != '/') {
		pass_text(p, at, at + 1);
		return at + 1;
	}
	if (at + 2 < p->in.n && html_is_letter(mask[at + 2]))
		return pass_tag(p, at);
	return html_lex_to_greater(&p->in, at + 2);
}

/* Goes through the input from `at` on.  Does it end within a token? */
static bool pass_run(struct pass *p, size_t at) {
	while (at < p->in.n && !p->collect->failed) {
		const char *less = memchr(p->in.mask + at, '<', p->in.n - at);
		size_t stop = less == NULL ? p->in.n : (size_t)(less - p->in.mask);

		if (stop > at)
			pass_text(p, at, stop);
		at = stop < p->in.n ? pass_markup(p, stop) : stop;
	}
	return at > p->in.n;
}

int html_scan(const char *mask, const char *bytes, size_t n, struct html_scan *scan_r) {
	struct html_collect collect = {.out = scan_r, .mask = mask, .bytes = bytes};
	struct html_tree tree;
	struct pass page = {.in = {mask, n}, .collect = &collect, .tree = &tree};

	*scan_r = (struct html_scan){.links = NULL};
	buf_init(&scan_r->decoded, n * DECODED_FACTOR);
	html_tree_init(&tree, &page.in);
	scan_r->open_ended = pass_run(&page, 0);
	html_collect_close(&collect);
	if (collect.failed || scan_r->decoded.failed) {
		html_scan_free(scan_r);
		return -1;
	}
	return 0;
}

void html_scan_free(struct html_scan *scan) {
	free(scan->links);
	buf_free(&scan->decoded);
	*scan = (struct html_scan){.links = NULL};
}
