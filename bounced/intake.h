/*
 * What a message to the bounce domain leads to, for each of its recipients: a
 * record, and what follows from it.  Nothing is written here.
 *
 * A return path's token decides whose bounce it is, whatever the report says (N2).
 * Without one that verifies, is of the last `token_age`, and speaks of a send on
 * record, nothing follows: the record says why in `fault`, and the mail is kept.
 *
 *     no_token   the address had none
 *     bad_token  not made with our keys, or damaged
 *     shared     made for several recipients (B13): it proves no one
 *     expired    older than token_age, or from the future
 *     not_sent   nothing was sent to that address for that campaign
 *     automatic  an automatic answer to an address that people write to
 *     no_list    of a list that is not configured
 *     no_sender  a wish to join or leave from no readable address
 *     too_often  asked for another confirmation mail in a day than is allowed
 *
 * What follows of a report that counts:
 *
 *  - a permanent failure: the address is blocked;
 *  - a temporary one: counted by days (N9);
 *  - a complaint: the address is blocked for every list of the sender, that is for
 *    the list itself and all that share its stream or a domain of its senders;
 *    complaints come to other addresses than return paths, so the return path or
 *    unsubscribe link within the returned message proves them too;
 *  - unsubscribe+TOKEN@: unsubscribed;
 *  - unsubscribe-LIST@: unsubscribed, where From and envelope sender are one
 *    address; else a mail to From asks for confirmation, as From is easily forged;
 *  - subscribe-LIST@: a mail to From asks for confirmation.
 *
 * Threads: any, each with a store handle of its own.
 */
#ifndef BOUNCED_INTAKE_H
#define BOUNCED_INTAKE_H

#include <time.h>

#include "bounced/lmtp.h"
#include "bounced/recent.h"
#include "bounced/world.h"
#include "lib/store_bounce.h"

/* Octets of a mail that are kept for people to look at. */
#define INTAKE_KEEP_MAX 65536

struct intake;

struct intake_tools {
	const struct world *world; /* must outlive the intake */
	struct store *store;       /* read only */
	struct recent *recent;
};

/* May such mail come here at all?  NULL, or the reply. */
const char *intake_refuse(const struct world *world, struct span sender, struct span recipient);

/* Reads a message.  `message` must outlive the intake.  NULL when it can't be done
 * now: the store can't be read, or sendmail(1) does not take a mail. */
struct intake *intake_read(const struct intake_tools *tools, const struct lmtp_message *message, time_t now,
                           struct err *err);
void intake_free(struct intake **intake);

/* One for each recipient of the message, in order; they live as long as the intake. */
const struct store_bounce *intake_bounces(const struct intake *intake, size_t *count_r);

#endif
