/*
 * One SMTP session of the sink, server side (RFC 5321), as a machine without a
 * socket: bytes in, replies out.
 *
 * Announced: PIPELINING (RFC 2920), 8BITMIME (RFC 6152), SIZE (RFC 1870),
 * ENHANCEDSTATUSCODES (RFC 2034).  Commands end in CRLF, a message in CRLF.CRLF
 * and nothing else; within a message NUL, bare CR, bare LF and lines of any
 * length are data.  Commands out of order get 503.
 *
 * The recipient's domain says what the answer is:
 *
 *     reply-CODE-STATUS.test    CODE STATUS at RCPT, as reply-550-5.1.1.test
 *     data-CODE-STATUS.test     CODE STATUS behind the message's final dot
 *     tempfail.test             451 4.7.1 at RCPT
 *
 * CODE begins with 2, 4 or 5.  With a 2 the recipient (the message) is taken;
 * 421 also closes the connection (RFC 5321 3.8).  Of several data- recipients
 * the first that refuses answers for the message.
 *
 * Ceilings: SMTP_LINE_MAX octets a command line (500), SMTP_RCPT_MAX recipients
 * (452), SINK_MESSAGE_MAX octets a message (552).
 */
#ifndef TOOLS_SINK_SMTP_H
#define TOOLS_SINK_SMTP_H

#include "tools/sink_store.h"

#define SMTP_LINE_MAX 4096
#define SMTP_RCPT_MAX 1000

struct smtp;

/* NULL when out of memory.  The store outlives the session. */
struct smtp *smtp_new(struct sink_store *store);
/* A message that is not finished leaves nothing behind. */
void smtp_free(struct smtp **smtp);

/* What the server says first. */
void smtp_greet(struct buf *replies);

/* Takes the bytes and appends the replies.  False: close the connection when
 * they are sent (QUIT, 421); further bytes are ignored. */
bool smtp_feed(struct smtp *smtp, struct span bytes, struct buf *replies);

/* An answer that a domain asks for: "reply-550-5.1.1.test" with the prefix
 * "reply-" gives 550 and 5.1.1.  False where the domain asks for none. */
struct smtp_answer {
	char code[4];
	char status[12];
};
bool smtp_answer_of(struct span domain, struct span prefix, struct smtp_answer *answer_r);

#endif
