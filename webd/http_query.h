/*
 * One value of a query, as application/x-www-form-urlencoded (WHATWG URL 5.1).
 */
#ifndef WEBD_HTTP_QUERY_H
#define WEBD_HTTP_QUERY_H

#include "lib/text.h"

/* Appends the value of the first pair of that name, decoded, as much as the buf
 * takes.  Control characters come out as "?".  Nothing where there is no such pair. */
void http_query_value(struct span query, struct span name, struct buf *out);

#endif
