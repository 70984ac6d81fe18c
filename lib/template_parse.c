/* template_parse() of lib/template.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/template_private.h"
#include "lib/utf8.h"

#define FOUND_MAX 60 /* octets of a tag that an error shows */
#define ALLOWED_MAX 800

struct block {
	size_t node;  /* the {{if}}, {{unless}} or {{each}} */
	size_t other; /* its {{else}}; 0: none */
	int line;
};

/* A file that is being read. */
struct file {
	struct span name;
	struct span rest;
	int line;
};

struct parser {
	struct template *t;
	const char *where;
	template_read *read;
	void *context;
	struct err *err;
	/* [0] the template's; one more in each {{each}} */
	const struct template_name *names[TEMPLATE_DEPTH_MAX + 1];
	unsigned depth;
	struct block blocks[TEMPLATE_DEPTH_MAX];
	size_t block_count;
	int files;
	size_t total;
};

static int parse_file(struct parser *p, struct span name, const struct file *from);

static int complain(const struct parser *p, const struct file *file, int line, struct span found, const char *allowed) {
	struct span shown = found.len > FOUND_MAX ? span_make(found.at, FOUND_MAX) : found;
	ssize_t end = span_find_byte(shown, '\n');

	if (end >= 0)
		shown.len = (size_t)end;
	return err_set(p->err, "%s/%.*s:%d: found \"%.*s\", allowed: %s", p->where, SPAN_ARG(file->name), line,
	               SPAN_ARG(shown), allowed);
}

static struct template_node *add_node(struct parser *p, enum template_op op) {
	struct template *t = p->t;
	struct template_node *grown;

	if (t->count == t->room) {
		size_t room = t->room == 0 ? 64 : 2 * t->room;

		grown = realloc(t->nodes, room * sizeof *grown);
		if (grown == NULL) {
			err_set(p->err, "%s: no more memory", p->where);
			return NULL;
		}
		t->nodes = grown;
		t->room = room;
	}
	t->nodes[t->count] = (struct template_node){.op = op};
	return &t->nodes[t->count++];
}

static int add_text(struct parser *p, struct span text) {
	struct template_node *node;

	if (text.len == 0)
		return 0;
	node = add_node(p, TEMPLATE_OP_TEXT);
	if (node == NULL)
		return -1;
	node->text = text;
	return 0;
}

static int find_in(const struct template_name *names, struct span name) {
	int i;

	for (i = 0; names[i].name != NULL; i++)
		if (span_equal(span_of(names[i].name), name))
			return i;
	return -1;
}

/* The innermost name counts.  False where there is none of that kind. */
static bool find_name(const struct parser *p, struct span name, bool rows, bool any, struct template_node *node_r) {
	unsigned depth = p->depth + 1;

	while (depth-- > 0) {
		int at = find_in(p->names[depth], name);

		if (at < 0)
			continue;
		node_r->depth = depth;
		node_r->name = (unsigned)at;
		return any || rows == (p->names[depth][at].rows != NULL);
	}
	return false;
}

static int complain_of_name(const struct parser *p, const struct file *file, struct span tag, bool rows, bool any) {
	struct buf allowed;
	unsigned depth;
	int i, status;

	buf_init(&allowed, ALLOWED_MAX);
	for (depth = p->depth + 1; depth-- > 0;)
		for (i = 0; p->names[depth][i].name != NULL; i++)
			if (any || rows == (p->names[depth][i].rows != NULL))
				buf_printf(&allowed, "%s%s", allowed.len == 0 ? "" : ", ", p->names[depth][i].name);
	status = complain(p, file, file->line, tag, allowed.len == 0 ? "no name here" : allowed.at);
	buf_free(&allowed);
	return status;
}

static size_t width_of(const struct template_name *names) {
	size_t width = 0;

	while (names[width].name != NULL)
		width++;
	return width;
}

static int open_block(struct parser *p, const struct file *file, enum template_op op, struct span name,
                      struct span tag) {
	bool rows = op == TEMPLATE_OP_EACH;
	struct template_node *node;

	if (p->block_count == TEMPLATE_DEPTH_MAX)
		return complain(p, file, file->line, tag, "8 blocks within one another at most");
	node = add_node(p, op);
	if (node == NULL)
		return -1;
	if (!find_name(p, name, rows, !rows, node))
		return complain_of_name(p, file, tag, rows, !rows);
	p->blocks[p->block_count++] = (struct block){.node = p->t->count - 1, .line = file->line};
	if (rows) {
		p->names[p->depth + 1] = p->names[node->depth][node->name].rows;
		p->depth++;
		node->text.len = width_of(p->names[p->depth]);
	}
	return 0;
}

static int take_else(struct parser *p, const struct file *file, size_t outer, struct span tag) {
	struct block *block = p->block_count > outer ? &p->blocks[p->block_count - 1] : NULL;

	if (block == NULL || block->other != 0 || p->t->nodes[block->node].op == TEMPLATE_OP_EACH)
		return complain(p, file, file->line, tag, "one in each {{if}} or {{unless}}");
	if (add_node(p, TEMPLATE_OP_ELSE) == NULL)
		return -1;
	block->other = p->t->count - 1;
	p->t->nodes[block->node].skip = p->t->count;
	return 0;
}

static int close_block(struct parser *p, const struct file *file, size_t outer, struct span tag) {
	struct block *block;

	if (p->block_count == outer)
		return complain(p, file, file->line, tag, "one for each {{if}}, {{unless}} or {{each}} of this file");
	block = &p->blocks[--p->block_count];
	if (p->t->nodes[block->node].op == TEMPLATE_OP_EACH)
		p->depth--;
	p->t->nodes[block->other != 0 ? block->other : block->node].skip = p->t->count;
	return 0;
}

static bool is_file_name(struct span name) {
	size_t i;
	bool good = name.len > 0 && name.len < 64 && name.at[0] != '.';

	for (i = 0; good && i < name.len; i++)
		good = ascii_is_alnum(name.at[i]) || strchr(".-_", name.at[i]) != NULL;
	return good;
}

static int take_value(struct parser *p, const struct file *file, struct span name, struct span tag) {
	struct template_node *node = add_node(p, TEMPLATE_OP_VALUE);

	if (node == NULL)
		return -1;
	if (!find_name(p, name, false, false, node))
		return complain_of_name(p, file, tag, false, false);
	return 0;
}

static struct span take_word(struct span *rest) {
	struct span word;

	*rest = span_trim(*rest);
	for (word = span_make(rest->at, 0); word.len < rest->len && !ascii_is_blank(word.at[word.len]); word.len++)
		;
	*rest = span_trim(span_from(*rest, word.len));
	return word;
}

/* `tag` with its braces.  `outer`: blocks that were open when the file began. */
static int take_tag(struct parser *p, const struct file *file, struct span tag, size_t outer) {
	struct span inner = span_make(tag.at + 2, tag.len - 4), rest = inner, word = take_word(&rest);

	if (inner.len > 0 && inner.at[0] == '!')
		return 0;
	if (span_equal(word, SPAN("if")))
		return open_block(p, file, TEMPLATE_OP_IF, rest, tag);
	if (span_equal(word, SPAN("unless")))
		return open_block(p, file, TEMPLATE_OP_UNLESS, rest, tag);
	if (span_equal(word, SPAN("each")))
		return open_block(p, file, TEMPLATE_OP_EACH, rest, tag);
	if (span_equal(word, SPAN("include"))) {
		if (!is_file_name(rest))
			return complain(p, file, file->line, tag, "the name of a file in the same folder");
		return parse_file(p, rest, file);
	}
	if (span_equal(inner, SPAN("else")))
		return take_else(p, file, outer, tag);
	if (span_equal(inner, SPAN("end")))
		return close_block(p, file, outer, tag);
	return take_value(p, file, span_trim(inner), tag);
}

static bool leaves_no_line(struct span tag) {
	struct span inner = span_make(tag.at + 2, tag.len - 4), rest = inner, word = take_word(&rest);

	return (inner.len > 0 && inner.at[0] == '!') || span_equal(inner, SPAN("else")) ||
	       span_equal(inner, SPAN("end")) ||
	       (rest.len > 0 && (span_equal(word, SPAN("if")) || span_equal(word, SPAN("unless")) ||
	                         span_equal(word, SPAN("each")) || span_equal(word, SPAN("include"))));
}

static bool only_blanks(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.at[i] != ' ' && s.at[i] != '\t')
			return false;
	return true;
}

/* Takes the blanks before the tag off `before`, and those behind it with the line
 * end off `after`, where nothing else is on its line. */
static void take_line(struct span whole, struct span *before, struct span *after) {
	const char *start = before->len == 0 ? NULL : memrchr(before->at, '\n', before->len);
	size_t kept = start == NULL ? 0 : (size_t)(start - before->at) + 1;
	ssize_t end = span_find_byte(*after, '\n');
	struct span behind = end < 0 ? *after : span_make(after->at, (size_t)end);
	bool at_start = start != NULL || before->at == whole.at || (before->at > whole.at && before->at[-1] == '\n');

	if (!at_start || !only_blanks(span_from(*before, kept)) || !only_blanks(behind))
		return;
	before->len = kept;
	*after = span_from(*after, behind.len + (end >= 0));
}

static int count_lines(struct span s) {
	int lines = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		lines += s.at[i] == '\n';
	return lines;
}

static int parse_text(struct parser *p, struct file *file) {
	const struct span whole = file->rest;
	size_t outer = p->block_count;
	ssize_t at;

	while ((at = span_find(file->rest, SPAN("{{"))) >= 0) {
		struct span before = span_make(file->rest.at, (size_t)at), tag = span_from(file->rest, (size_t)at),
		            after;
		ssize_t end = span_find(tag, SPAN("}}"));

		file->line += count_lines(before);
		if (end < 0)
			return complain(p, file, file->line, tag, "}} behind {{");
		tag.len = (size_t)end + 2;
		after = span_make(tag.at + tag.len, (size_t)(whole.at + whole.len - tag.at) - tag.len);
		if (leaves_no_line(tag))
			take_line(whole, &before, &after);
		if (add_text(p, before) != 0 || take_tag(p, file, tag, outer) != 0)
			return -1;
		file->line += count_lines(span_make(tag.at, (size_t)(after.at - tag.at)));
		file->rest = after;
	}
	if (p->block_count > outer)
		return complain(p, file, p->blocks[p->block_count - 1].line,
		                p->t->nodes[p->blocks[p->block_count - 1].node].op == TEMPLATE_OP_EACH
		                        ? SPAN("{{each}}")
		                        : SPAN("{{if}}"),
		                "an {{end}} for it in the same file");
	return add_text(p, file->rest);
}

/* The place of the first octet that may not be in a file, or -1. */
static ssize_t find_bad(struct span text) {
	size_t i = 0;

	while (i < text.len) {
		size_t size = utf8_size(span_from(text, i));

		if (size == 0 || (utf8_is_control(span_from(text, i)) && strchr("\t\r\n", text.at[i]) == NULL) ||
		    text.at[i] == '\0')
			return (ssize_t)i;
		i += size;
	}
	return -1;
}

/* Takes the text into the template's own, without the CRs of line ends. */
static int keep_text(struct parser *p, const struct buf *text, struct span *kept_r) {
	char *kept, *to;
	size_t i;

	if (strings_add(&p->t->texts, buf_span(text)) != 0)
		return err_set(p->err, "%s: no more memory", p->where);
	to = kept = p->t->texts.at[p->t->texts.len - 1];
	for (i = 0; i < text->len; i++)
		if (kept[i] != '\r')
			*to++ = kept[i];
	*kept_r = span_make(kept, (size_t)(to - kept));
	return 0;
}

static int parse_file(struct parser *p, struct span name, const struct file *from) {
	struct file file = {.name = name, .line = 1};
	struct err why = {{0}};
	struct buf text;
	ssize_t bad;
	int status = -1;

	if (p->files == TEMPLATE_DEPTH_MAX)
		return complain(p, from, from->line, name, "8 files within one another at most");
	/* Room for one read more, which tells that a file is too large. */
	buf_init(&text, TEMPLATE_FILE_MAX + 8192);
	if (p->read(p->context, name, &text, &why) == 0 && text.len > TEMPLATE_FILE_MAX)
		err_set(&why, "found more than %d octets, allowed: less", TEMPLATE_FILE_MAX);
	if (why.text[0] != '\0') {
		err_set(p->err, "%s/%.*s: %s", p->where, SPAN_ARG(name), why.text);
		goto out;
	}
	p->total += text.len;
	if (p->total > TEMPLATE_TEXT_MAX) {
		err_set(p->err, "%s/%.*s: found more than %d octets with all that is included, allowed: less", p->where,
		        SPAN_ARG(name), TEMPLATE_TEXT_MAX);
		goto out;
	}
	bad = find_bad(buf_span(&text));
	if (bad >= 0) {
		complain(p, &file, 1 + count_lines(span_make(text.at, (size_t)bad)),
		         SPAN("a control character or no UTF-8"), "text in UTF-8");
		goto out;
	}
	if (keep_text(p, &text, &file.rest) != 0)
		goto out;
	p->files++;
	status = parse_text(p, &file);
	p->files--;
out:
	buf_free(&text);
	return status;
}

struct template *template_parse(const char *where, const char *file, enum template_kind kind,
                                const struct template_name *names, template_read *read, void *context,
                                struct err *err) {
	struct parser p = {.where = where, .read = read, .context = context, .err = err, .names = {names}};

	p.t = calloc(1, sizeof *p.t);
	if (p.t == NULL) {
		err_set(err, "%s/%s: no more memory", where, file);
		return NULL;
	}
	p.t->kind = kind;
	if (parse_file(&p, span_of(file), NULL) != 0)
		template_free(&p.t);
	return p.t;
}
