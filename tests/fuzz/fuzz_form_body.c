/*
 * webd/form_body.h: the first line is the content type, the rest the body.  What was
 * read, spelled anew in either form, reads the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webd/form_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_escaped(struct buf *out, struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		buf_printf(out, "%%%02X", (unsigned char)s.at[i]);
}

static void expect_same(const struct form_body *form, const char *type, struct span body) {
	struct form_body again;
	size_t i;

	assert(form_body_parse(span_of(type), body, &again) == 0);
	assert(again.count == form->count);
	for (i = 0; i < form->count; i++) {
		assert(span_equal(again.pairs[i].name, form->pairs[i].name));
		assert(span_equal(again.pairs[i].value, form->pairs[i].value));
	}
	form_body_free(&again);
}

static void spell_urlencoded(const struct form_body *form) {
	struct buf out;
	size_t i;

	buf_init(&out, 1 << 20);
	for (i = 0; i < form->count; i++) {
		add_escaped(&out, form->pairs[i].name);
		buf_add_byte(&out, '=');
		add_escaped(&out, form->pairs[i].value);
		buf_add_byte(&out, '&');
	}
	expect_same(form, "application/x-www-form-urlencoded", buf_span(&out));
	buf_free(&out);
}

/* Not with a name that has what its quoted string can't. */
static void spell_multipart(const struct form_body *form) {
	struct buf out;
	size_t i;

	buf_init(&out, 1 << 20);
	for (i = 0; i < form->count; i++) {
		struct span name = form->pairs[i].name;

		if (span_find_byte(name, '"') >= 0 || span_find_byte(name, '\\') >= 0 ||
		    span_find_byte(name, '%') >= 0 || span_find_byte(name, '\n') >= 0 ||
		    span_find_byte(name, '\r') >= 0 || span_find(form->pairs[i].value, SPAN("--bb")) >= 0)
			goto out;
		buf_printf(&out, "--bb\r\nContent-Disposition: form-data; name=\"");
		buf_add_span(&out, name);
		buf_add_text(&out, "\"\r\n\r\n");
		buf_add_span(&out, form->pairs[i].value);
		buf_add_text(&out, "\r\n");
	}
	buf_add_text(&out, "--bb--\r\n");
	expect_same(form, "multipart/form-data; boundary=bb", buf_span(&out));
out:
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_make((const char *)data, size);
	ssize_t end = span_find_byte(text, '\n');
	struct form_body form;
	size_t i, total = 0;

	if (end < 0 || size > 4096)
		return 0;
	if (form_body_parse(span_make(text.at, (size_t)end), span_from(text, (size_t)end + 1), &form) == 0) {
		for (i = 0; i < form.count; i++)
			total += form.pairs[i].name.len + form.pairs[i].value.len;
		assert(total <= size && form.count <= FORM_PAIRS_MAX);
		spell_urlencoded(&form);
		spell_multipart(&form);
	} else {
		assert(form.count == 0);
	}
	form_body_free(&form);
	return 0;
}
