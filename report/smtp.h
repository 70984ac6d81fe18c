/*
 * What SMTP leaves in a text: reply codes (RFC 5321 4.2), enhanced status codes
 * (RFC 3463), addresses; and lines.
 */
#ifndef REPORT_SMTP_H
#define REPORT_SMTP_H

#include "lib/text.h"

#define SMTP_STATUS_SIZE 12 /* "5.999.999" and a NUL */

struct smtp_codes {
	unsigned reply;                /* first 4xx or 5xx, or 0 */
	size_t at;                     /* where it stands */
	char status[SMTP_STATUS_SIZE]; /* of class 4 or 5: the first of those that say most (x.0.0, x.1.0, x.1.1) */
};

void smtp_find_codes(struct span text, struct smtp_codes *codes_r);
/* The whole of `text` is one enhanced status code, class 2, 4 or 5; what follows a
 * blank is ignored, as in "5.1.1 (bad destination)". */
bool smtp_read_status(struct span text, char status_r[SMTP_STATUS_SIZE]);
/* Does the code say no more than its class? */
bool smtp_status_is_vague(const char *status);
/* How much it says: 0 nothing (""), 1 its class (x.0.0), 2 what it is about ("other",
 * x.1.0, and faults of the protocol, x.5.x), 3 what it is. */
int smtp_status_weight(const char *status);

/* The next thing that looks like an address, without brackets and quotes around
 * the whole; false where there is none.  `rest` moves behind it. */
bool smtp_next_address(struct span *rest, struct span *address_r);
/* The next line without its line end; false at the end. */
bool smtp_next_line(struct span *rest, struct span *line_r);

#endif
