/*
 * A whole message, from header to signature.  Whatever comes in, what leaves
 * must verify (libopendkim is asked about each signature: a failure is a
 * tempfail with its words), keep to the line limits where it was changed, and
 * be the same when there was nothing to change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const recipients[] = {"reader@example.net", NULL};

static struct fixture *world(void) {
	static struct fixture f;

	if (f.world == NULL)
		fixture_open(&f, "list \"news\" { sender = { \"news@example.com\" } track { text = true } }\n"
		                 "log { level = \"error\" }\n");
	return &f;
}

static void check(const struct outcome *o) {
	const struct treated *t = &o->treated;
	const char *line;

	if (t->verdict != TREAT_CHANGED || t->signature_count != 2) {
		fprintf(stderr, "verdict %d: %s\n", t->verdict, t->reason);
		abort();
	}
	if (!o->message.body_changed && (t->body.links > 0 || t->body.pixel || t->body.footer))
		abort();
	/* H1, H4, H5: each exactly once. */
	for (line = o->text; line != NULL && line < o->body; line = strstr(line, "\r\n"), line = line ? line + 2 : NULL)
		if (strncasecmp(line, "x-todoku-", 9) == 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct fixture *f = world();
	struct origin origin = {.trusted = true};
	struct outcome o;
	struct buf text;
	size_t length = 0, links = 0, i;
	int round;

	if (size > 100000)
		return 0;
	buf_init(&text, 1U << 20);
	buf_add_text(&text, "From: a@example.com\nX-First: 1\n");
	/* Postfix hands over no NUL in a header and no CR but before LF. */
	for (i = 0; i < size; i++)
		buf_add_byte(&text, data[i] == '\0' || (data[i] == '\r' && (i + 1 == size || data[i + 1] != '\n'))
		                            ? ' '
		                            : (char)data[i]);
	/* Three times: opened, opened and kept, taken from what was kept. */
	for (round = 0; round < 3; round++) {
		fixture_treat_bytes(f, NULL, recipients, buf_span(&text), &origin, &o);
		check(&o);
		if (round > 0 && (strlen(o.body) != length || o.treated.body.links != links))
			abort();
		length = strlen(o.body);
		links = o.treated.body.links;
		fixture_forget(&o);
	}
	buf_free(&text);
	return 0;
}
