/*
 * Relaxed canonicalisation (RFC 6376 3.4.2, 3.4.4): for milter/dkim_sign.c and
 * its tests.
 *
 * The body comes in pieces that may be cut anywhere, and goes out in runs as
 * long as they come: what need not change is handed on where it lies, and only
 * small runs are gathered first.  A line ends with CRLF; a bare CR or LF is
 * data like any other octet.
 */
#ifndef MILTER_DKIM_CANON_H
#define MILTER_DKIM_CANON_H

#include "lib/text.h"

#define CANON_GATHER 4096 /* octets gathered before they are handed on */

struct canon {
	void (*sink)(void *context, const char *bytes, size_t len);
	void *context;
	bool blanks;     /* blanks were read that are not yet a space or dropped */
	bool cr;         /* a CR was read that is not yet a line end or data */
	bool open;       /* octets of a line were handed on, its CRLF was not */
	size_t withheld; /* empty lines that are dropped if nothing follows */
	size_t gathered;
	char gather[CANON_GATHER];
};

void canon_begin(struct canon *canon, void (*sink)(void *context, const char *bytes, size_t len), void *context);
void canon_body(struct canon *canon, struct span piece);
void canon_end(struct canon *canon);

/* One header field with its CRLF, appended.  Lines may be folded by LF or CRLF. */
void canon_field(struct span name, struct span value, struct buf *out);

#endif
