/*
 * One recipient's part of a message, as it is judged; private to bounced/intake*.c.
 */
#ifndef BOUNCED_INTAKE_PRIVATE_H
#define BOUNCED_INTAKE_PRIVATE_H

#include "bounced/intake.h"
#include "bounced/mailbox.h"
#include "lib/addr.h"
#include "lib/store_event.h"
#include "lib/token.h"
#include "report/report.h"

struct entry {
	struct store_bounce bounce;
	struct store_sent sent; /* of the token, as far as it is on record */
	struct addr address;    /* of who wants to join or leave */
	struct store_soft soft;
	struct store_change *changes;
	struct store_event event; /* of one that unsubscribes */
	struct buf detail;
};

struct intake {
	const struct intake_tools *tools; /* for the time of intake_read() */
	const struct world *world;
	const struct lmtp_message *message;
	time_t now;
	struct report report;
	struct buf subject;
	struct buf from; /* the field From */
	uint64_t digest; /* of the message, without what its way added */
	bool automatic;  /* not written by a person: never an answer, never a wish */
	struct entry *entries;
	struct store_bounce *bounces;
	size_t count;
};

/* intake_charge.c: a report to a return path or an office */
int intake_charge(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err);
/* The send that a bounce token speaks of; the fault is set where it proves nothing. */
int intake_find_sent(struct intake *in, struct entry *entry, const struct token *token, struct err *err);

/* intake_effect.c: what follows from a result */
int intake_effect(struct intake *in, struct entry *entry, const struct report_result *result, struct err *err);

/* intake_wish.c: mail of people who want to leave or to join */
int intake_unsubscribe(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err);
int intake_join_or_leave(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err);

#endif
