/*
 * Parts of mail as UTF-8 text: transfer encoding undone, charset converted, also
 * where the label is absent or wrong.  The only file that uses GMime; a report's
 * structure is read by mail.h, since GMime repairs what it finds malformed, and
 * here the malformed is the rule.
 *
 * Threads: decode_init() once, before the others.
 */
#ifndef REPORT_DECODE_H
#define REPORT_DECODE_H

#include "lib/text.h"

enum decode_encoding { DECODE_PLAIN, DECODE_QP, DECODE_BASE64, DECODE_UUENCODE };

void decode_init(void);
/* Of a Content-Transfer-Encoding; what is unknown is plain. */
enum decode_encoding decode_encoding_of(struct span value);

/* The body as UTF-8: the body itself where nothing is to be done, else what is
 * put into `room` (whose contents are lost).  What fits no charset becomes "?".
 * Empty when out of memory. */
struct span decode_body(struct span body, enum decode_encoding encoding, struct span charset, struct buf *room);

/* A header field's value: encoded words (RFC 2047) decoded, in UTF-8, appended. */
void decode_words(struct span value, struct buf *out);

#endif
