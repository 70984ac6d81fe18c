/*
 * Whom a mail to the bounce domain is for, by its local part:
 *
 *     b+TOKEN            a return path
 *     unsubscribe+TOKEN  the mailto: of List-Unsubscribe
 *     subscribe-LIST     empty mail to join a list
 *     unsubscribe-LIST   empty mail to leave it
 *     postmaster, abuse, mailer-daemon, fbl, b
 *                        an office: complaints, and what people write
 *     confirm            the sender of confirmation mails
 *
 * Words and names of lists are read in any case.  The domain is not looked at:
 * what Postfix sends here, it was told to.
 */
#ifndef BOUNCED_MAILBOX_H
#define BOUNCED_MAILBOX_H

#include "lib/conf.h"

enum mailbox_kind {
	MAILBOX_UNKNOWN,
	MAILBOX_RETURN,
	MAILBOX_UNSUBSCRIBE,
	MAILBOX_JOIN,
	MAILBOX_LEAVE,
	MAILBOX_OFFICE,
};

struct mailbox {
	enum mailbox_kind kind;
	struct span name;             /* for the record: "b", "subscribe-news"; never a token */
	struct span token;            /* what stands behind the + */
	const struct conf_list *list; /* of JOIN and LEAVE */
};

struct mailbox mailbox_of(const struct conf *conf, struct span recipient);

#endif
