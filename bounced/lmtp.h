/*
 * LMTP (RFC 2033), the server's side of one session, without its socket.
 *
 * lmtp_feed() takes bytes as they come and appends replies to `out`.  It stops
 * taking any when a message is whole (lmtp_message() is not NULL then) or the
 * session is over; after lmtp_answer() it goes on, so that a client may pipeline
 * (RFC 2920) as it likes.  Offered: PIPELINING, 8BITMIME, SMTPUTF8,
 * ENHANCEDSTATUSCODES, and SIZE without a limit.
 *
 * No message is refused for its size, since Postfix would destroy a report that
 * is: of one over `max_message` the first octets are kept, where a report says
 * what it has to say, and `cut_off` tells so.
 *
 * The end of a message is CRLF "." CRLF and nothing else; a bare CR or LF is a
 * byte like others.  Commands may end with a bare LF.
 *
 * Threads: a session belongs to one thread at a time, a message taken from it to
 * whoever took it.
 */
#ifndef BOUNCED_LMTP_H
#define BOUNCED_LMTP_H

#include "lib/text.h"

#define LMTP_LINE_MAX 4096      /* octets of a command with its CRLF */
#define LMTP_RECIPIENTS_MAX 100 /* of a message; 452 to more: Postfix sends them in the next */
#define LMTP_ERRORS_MAX 50      /* commands refused before the session is ended */

struct lmtp_message {
	struct buf sender;         /* envelope sender without the brackets; empty: the null sender */
	struct strings recipients; /* those that were accepted, as they were written */
	struct buf data;           /* dot-unstuffed, CRLF as sent, without the final dot */
	bool cut_off;
	size_t reserved; /* octets that `room` granted */
};
void lmtp_message_free(struct lmtp_message **message);

struct lmtp_hooks {
	const char *hostname;
	size_t max_message;
	/* May this come here?  NULL for yes, or the reply without its CRLF. */
	const char *(*recipient)(void *context, struct span sender, struct span recipient);
	/* May so many more octets be kept?  Else the message is put off with 452. */
	bool (*room)(void *context, size_t octets);
	/* Those granted for a message that came to nothing. */
	void (*give_back)(void *context, size_t octets);
	void *context;
};

struct lmtp;

/* Greets.  `hooks` must outlive the session.  NULL when out of memory. */
struct lmtp *lmtp_new(const struct lmtp_hooks *hooks, struct buf *out);
void lmtp_free(struct lmtp **lmtp);

/* How many of the bytes were taken. */
size_t lmtp_feed(struct lmtp *lmtp, struct span bytes, struct buf *out);
/* The session is over: write what is in `out`, and close. */
bool lmtp_is_over(const struct lmtp *lmtp);
/* Between two messages, nothing of one under way? */
bool lmtp_is_idle(const struct lmtp *lmtp);
/* Ends the session with 421 and the reason, unless a message waits for its answer. */
void lmtp_end(struct lmtp *lmtp, const char *reason, struct buf *out);

/* The message that waits for its answer, or NULL.  lmtp_take() makes it the
 * caller's, once; the session waits on. */
bool lmtp_has_message(const struct lmtp *lmtp);
struct lmtp_message *lmtp_take(struct lmtp *lmtp);
/* One reply a recipient, in their order, without CRLF. */
void lmtp_answer(struct lmtp *lmtp, const char *const *replies, size_t count, struct buf *out);

#endif
