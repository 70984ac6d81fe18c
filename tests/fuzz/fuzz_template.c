/*
 * lib/template.h: whatever a file holds is parsed or complained of with a line,
 * and what was parsed renders; no value leaves its place unescaped.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK "<\"'\n"

static const struct template_name row_names[] = {{.name = "a"}, {.name = "c"}, {.name = NULL}};
static const struct template_name names[] = {
        {.name = "a"}, {.name = "b"}, {.name = "r", .rows = row_names}, {.name = NULL}};
/* The same places, filled with what has to be escaped and with what hasn't. */
#define VALUES(name, text_)                                                                                            \
	static const struct template_value name##_rows[] = {                                                           \
	        {.text = SPAN(text_)}, {.text = SPAN("")}, {.text = SPAN("")}, {.text = SPAN(text_)}};                 \
	static const struct template_value name[] = {                                                                  \
	        {.text = SPAN(text_)}, {.text = SPAN("")}, {.rows = name##_rows, .row_count = 2}}
VALUES(marked, MARK);
VALUES(plain, "x");

static size_t count(const struct buf *text, const char *any) {
	size_t i, found = 0;

	for (i = 0; i < text->len; i++)
		found += text->at[i] != '\0' && strchr(any, text->at[i]) != NULL;
	return found;
}

/* The page includes itself, as deep as it may. */
static int read_one(void *context, struct span name, struct buf *out, struct err *err) {
	const struct span *text = context;

	buf_add_span(out, name.at[0] == 'p' ? *text : SPAN("{{a}}"));
	return out->failed ? err_set(err, "too large") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	enum template_kind kind = size % 2 == 0 ? TEMPLATE_HTML : TEMPLATE_PLAIN;
	struct span text = span_make((const char *)data, size);
	struct err err = {{0}};
	struct template *t = template_parse("w", "p", kind, names, read_one, &text, &err);
	struct buf out, other;

	assert((t == NULL) == (err.text[0] != '\0'));
	if (t != NULL) {
		buf_init(&out, 8 << 20);
		buf_init(&other, 8 << 20);
		template_render(t, marked, &out);
		template_render(t, plain, &other);
		if (!out.failed && !other.failed)
			assert(kind == TEMPLATE_HTML ? count(&out, "<\"'") == count(&other, "<\"'")
			                             : count(&out, "\n") == count(&other, "\n"));
		buf_free(&out);
		buf_free(&other);
	}
	template_free(&t);
	return 0;
}
