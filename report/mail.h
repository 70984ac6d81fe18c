/*
 * A message taken apart where it lies: header fields and MIME parts as spans.
 *
 * Written for reports, which are malformed more often than not: LF or CRLF, a
 * header that ends without an empty line, a multipart without a boundary
 * parameter, parts that nothing closes.  A returned message is one part and is
 * not looked into.  Linear; what is beyond the limits is left out.
 */
#ifndef REPORT_MAIL_H
#define REPORT_MAIL_H

#include "lib/text.h"
#include "report/decode.h"

#define MAIL_FIELDS_MAX 500
#define MAIL_PARTS_MAX 40
#define MAIL_DEPTH_MAX 12 /* deeper multiparts are parts of text */

struct mail_field {
	struct span name;
	struct span value; /* folded as it was, trimmed */
};

struct mail_header {
	struct mail_field fields[MAIL_FIELDS_MAX];
	size_t count;
};

enum mail_kind {
	MAIL_TEXT, /* and what says nothing of its type */
	MAIL_HTML,
	MAIL_STATUS,   /* message/delivery-status, message/global-delivery-status */
	MAIL_FEEDBACK, /* message/feedback-report */
	MAIL_RECEIPT,  /* message/disposition-notification and its global form */
	MAIL_RETURNED, /* message/rfc822, text/rfc822-headers and their global forms */
	MAIL_OTHER,
};

struct mail_part {
	enum mail_kind kind;
	struct span body;
	struct span charset;
	enum decode_encoding encoding;
	bool attachment; /* Content-Disposition says so */
};

struct mail {
	struct mail_header header;
	struct span type; /* of the whole: Content-Type's value */
	struct span body;
	struct mail_part parts[MAIL_PARTS_MAX];
	size_t count;
};

void mail_read(struct span message, struct mail *mail_r);

/* Reads the fields that `text` begins with; what is behind the header. */
struct span mail_read_header(struct span text, struct mail_header *header_r);
/* The first field of that name; empty where there is none. */
struct span mail_find(const struct mail_header *header, struct span name);
/* A parameter of a field as "boundary"; without quotes.  Empty where absent. */
struct span mail_parameter(struct span value, struct span name);

#endif
