/*
 * A MIME entity without what can't be structure: for milter/mime.c, so that
 * GMime need not look at each line of a body.
 *
 * Only a line that begins with "--" can be a boundary (RFC 2046 5.1.1), and a
 * header follows only such a line.  Of the lines between an empty line and the
 * next line with dashes, the first and the last two stay, so that a part's start
 * and end do (to GMime a line end may be longer than it is), and those between are
 * left out.
 */
#ifndef MILTER_MIME_CONDENSE_H
#define MILTER_MIME_CONDENSE_H

#include "lib/text.h"

struct condensed {
	struct span text; /* the whole entity where nothing can be left out */
	struct buf room;
	/* Where text goes on that others preceded: `at` in it, `original` in the
	 * entity. */
	struct condensed_gap {
		size_t at;
		size_t original;
	} * gaps;
	size_t gap_count;
};

/* `entity` must stay.  0, or -1 when out of memory. */
int mime_condense(struct span entity, struct condensed *condensed_r);
void condensed_free(struct condensed *condensed);

/* The place in the entity of an offset into the text. */
size_t condensed_original(const struct condensed *condensed, size_t at);

#endif
