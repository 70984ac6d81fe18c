/*
 * Text that a report keeps: copies that live as long as the report does.
 *
 * Out of memory is sticky: keep functions then return "" and `failed` says so.
 */
#ifndef REPORT_KEEP_H
#define REPORT_KEEP_H

#include "lib/text.h"

struct report_text {
	struct keep_block *blocks;
	bool failed;
};

struct report_text *keep_new(void);
void keep_free(struct report_text **keep);
/* A copy for people to read: UTF-8, each run of blanks and control characters one
 * space, what is no UTF-8 a question mark, trimmed, cut at `max` octets. */
const char *keep_text(struct report_text *keep, struct span text, size_t max);
/* The same in lower case. */
const char *keep_lower(struct report_text *keep, struct span text, size_t max);
/* A copy of the bytes, with a NUL behind them. */
struct span keep_bytes(struct report_text *keep, struct span bytes);

#endif
