/*
 * Header fields of a message as it arrived, for what a report's reader does not
 * say; with CRLF or LF.
 */
#ifndef BOUNCED_FIELDS_H
#define BOUNCED_FIELDS_H

#include "lib/text.h"

/* The first of that name, unfolded and trimmed, appended; false where there is none. */
bool fields_find(struct span message, struct span name, struct buf *out);

/* What is the same however often and by whatever way a message came: all behind the
 * last Received field, which each host on the way puts on top. */
struct span fields_behind_trace(struct span message);

#endif
