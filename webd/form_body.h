/*
 * The body of a POST: application/x-www-form-urlencoded (WHATWG URL 5.1) or
 * multipart/form-data (RFC 7578), as pairs of name and value.
 *
 * Both spellings of one form give the same pairs.  Files are passed over.  What is
 * no form, has more than FORM_PAIRS_MAX pairs, or is malformed multipart is
 * refused whole: nobody gets half of what was sent.
 */
#ifndef WEBD_FORM_BODY_H
#define WEBD_FORM_BODY_H

#include "lib/text.h"

#define FORM_PAIRS_MAX 64

struct form_pair {
	struct span name;
	struct span value;
};

struct form_body {
	struct form_pair pairs[FORM_PAIRS_MAX];
	size_t count;
	struct buf text; /* what the spans point into */
};

/* 0, or -1; then there are no pairs.  form_body_free() either way. */
int form_body_parse(struct span content_type, struct span body, struct form_body *form_r);
void form_body_free(struct form_body *form);

/* Of the first pair of that name; an empty span with NULL where there is none. */
struct span form_body_value(const struct form_body *form, const char *name);

#endif
