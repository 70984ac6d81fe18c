/*
 * Header fields and bodies of the mails that we write ourselves: UTF-8 in, ASCII
 * out.  Line ends are LF, as sendmail(1) takes them.
 *
 * No value ends its field (H7): control characters become blanks.
 */
#ifndef LIB_MAILTEXT_H
#define LIB_MAILTEXT_H

#include <time.h>

#include "lib/text.h"

/* "NAME: value": encoded words where it isn't ASCII (RFC 2047: base64, at most 75
 * octets each, never a character split), folded at 76. */
void mailtext_field(struct buf *out, const char *name, struct span value);
/* "NAME: display <address>"; without a display name only the address.  An ASCII
 * display name goes as a quoted string. */
void mailtext_mailbox(struct buf *out, const char *name, struct span display, struct span address);
/* "Date: ..." in UTC (RFC 5322 3.3). */
void mailtext_date(struct buf *out, time_t when);
/* base64 in lines of 76, with CRLF as the text's line ends (RFC 2045 6.8). */
void mailtext_base64(struct buf *out, struct span text);

#endif
