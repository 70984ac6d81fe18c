/*
 * One value of a multipart/form-data body (RFC 7578), for forms of a few short
 * fields.
 */
#ifndef WEBD_MULTIPART_H
#define WEBD_MULTIPART_H

#include "lib/text.h"

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define MULTIPART_PARTS_MAX 64

/* The boundary of a Content-Type, or an empty span. */
struct span multipart_boundary(struct span content_type);

/* Appends the value of the first part of that name, as much as the buf takes;
 * nothing where there is none, or the body is not well-formed up to there. */
void multipart_value(struct span content_type, struct span body, struct span name, struct buf *out);

#endif
