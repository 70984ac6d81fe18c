#include "lib/template.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/template_private.h"
#include "lib/utf8.h"

#define PATH_SIZE 4352

void template_free(struct template **t) {
	if (t == NULL || *t == NULL)
		return;
	free((*t)->nodes);
	strings_free(&(*t)->texts);
	free(*t);
	*t = NULL;
}

static int read_file(void *context, struct span name, struct buf *out, struct err *err) {
	char path[PATH_SIZE];
	ssize_t got;
	char *room;
	int fd;

	snprintf(path, sizeof path, "%s/%.*s", (const char *)context, SPAN_ARG(name));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, "can't be read: %s", strerror(errno));
	do {
		room = buf_reserve(out, 4096);
		got = room == NULL ? -1 : read(fd, room, 4096);
		out->len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0)
		err_set(err, "can't be read: %s", room == NULL ? "it is too large" : strerror(errno));
	close(fd);
	return got < 0 ? -1 : 0;
}

struct template *template_load(const char *folder, const char *file, enum template_kind kind,
                               const struct template_name *names, struct err *err) {
	return template_parse(folder, file, kind, names, read_file, (void *)(uintptr_t)folder, err);
}

static const char *reference_of(char c) {
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void template_escape(enum template_kind kind, struct span text, struct buf *out) {
	while (text.len > 0) {
		const char *reference = kind == TEMPLATE_HTML ? reference_of(text.at[0]) : NULL;
		size_t size = utf8_size(text);
		bool line = kind == TEMPLATE_HTML && (text.at[0] == '\n' || text.at[0] == '\t');

		if (size == 0)
			buf_add_text(out, "\xef\xbf\xbd");
		else if (reference != NULL)
			buf_add_text(out, reference);
		else if (line || !utf8_is_control(text))
			buf_add(out, text.at, size);
		else if (kind == TEMPLATE_PLAIN)
			buf_add_byte(out, ' ');
		text = span_from(text, size == 0 ? 1 : size);
	}
}

/* The values in reach: those of the template, then of each row around. */
struct scope {
	const struct template_value *values[TEMPLATE_DEPTH_MAX + 1];
	unsigned depth;
};

static const struct template_value *value_of(const struct scope *scope, const struct template_node *node) {
	assert(node->depth <= scope->depth);
	return &scope->values[node->depth][node->name];
}

static bool is_given(const struct template_value *value) {
	return value->text.len > 0 || value->row_count > 0;
}

static void render(const struct template *t, size_t from, size_t to, struct scope *scope, struct buf *out);

static void render_rows(const struct template *t, size_t at, struct scope *scope, struct buf *out) {
	const struct template_node *node = &t->nodes[at];
	const struct template_value *list = value_of(scope, node);
	/* The parser keeps how many values a row has in the text's length. */
	size_t width = node->text.len, i;

	assert(scope->depth < TEMPLATE_DEPTH_MAX);
	scope->depth++;
	for (i = 0; i < list->row_count; i++) {
		scope->values[scope->depth] = list->rows + i * width;
		render(t, at + 1, node->skip, scope, out);
	}
	scope->depth--;
}

static void render(const struct template *t, size_t from, size_t to, struct scope *scope, struct buf *out) {
	size_t i = from;

	while (i < to) {
		const struct template_node *node = &t->nodes[i++];

		switch (node->op) {
		case TEMPLATE_OP_TEXT:
			buf_add_span(out, node->text);
			break;
		case TEMPLATE_OP_VALUE:
			template_escape(t->kind, value_of(scope, node)->text, out);
			break;
		case TEMPLATE_OP_IF:
		case TEMPLATE_OP_UNLESS:
			if (is_given(value_of(scope, node)) != (node->op == TEMPLATE_OP_IF))
				i = node->skip;
			break;
		case TEMPLATE_OP_EACH:
			render_rows(t, i - 1, scope, out);
			i = node->skip;
			break;
		case TEMPLATE_OP_ELSE:
			i = node->skip;
			break;
		case TEMPLATE_OP_END:
			break;
		}
	}
}

void template_render(const struct template *t, const struct template_value *values, struct buf *out) {
	struct scope scope = {.values = {values}};

	render(t, 0, t->count, &scope, out);
}
