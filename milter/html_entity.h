/*
 * Character references (HTML Living Standard 13.2.5.72 to 13.2.5.80).
 *
 * Threads: no state.
 */
#ifndef MILTER_HTML_ENTITY_H
#define MILTER_HTML_ENTITY_H

#include "lib/text.h"

struct html_reference {
	size_t len;      /* octets of the reference, the ampersand included */
	uint32_t first;  /* the character */
	uint32_t second; /* and the one behind it, or 0 */
};

/* The reference that `text` begins with; its first byte is the ampersand.  In
 * an attribute's value a name without a semicolon stays text before `=` and
 * alphanumerics.  -1: it is no reference. */
int html_reference_parse(struct span text, bool in_attribute, struct html_reference *reference_r);

/* The reference's characters as UTF-8, appended. */
void html_reference_add(const struct html_reference *reference, struct buf *out);

/* Appends `n` bytes with the references decoded, as in an attribute's value, and
 * NUL as U+FFFD.  Structure is seen in `mask`, bytes come from `bytes`.
 * `*wide_r`: a character beyond ASCII was written. */
void html_entity_decode(const char *mask, const char *bytes, size_t n, struct buf *out, bool *wide_r);

#endif
