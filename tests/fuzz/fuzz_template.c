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
static const struct template_value rows[] = {
        {.text = SPAN(MARK)}, {.text = SPAN("")}, {.text = SPAN("")}, {.text = SPAN(MARK)}};
static const struct template_value values[] = {
        {.text = SPAN(MARK)}, {.text = SPAN("")}, {.rows = rows, .row_count = 2}};

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
	struct buf out;

	assert((t == NULL) == (err.text[0] != '\0'));
	if (t != NULL) {
		buf_init(&out, 1 << 20);
		template_render(t, values, &out);
		/* The file itself has no such text: the value would have brought it. */
		if (span_find(text, SPAN("<\"")) < 0)
			assert(kind == TEMPLATE_PLAIN || span_find(buf_span(&out), SPAN("<\"'")) < 0);
		if (span_find(text, SPAN("'\n")) < 0 && kind == TEMPLATE_PLAIN)
			assert(span_find(buf_span(&out), SPAN("<\"'\n")) < 0);
		buf_free(&out);
	}
	template_free(&t);
	return 0;
}
