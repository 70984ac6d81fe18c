/*
 * Who of a message's recipients may not have it (W6): those who left its list,
 * and those whose address is blocked.  Other lists' mail goes on to who left one.
 *
 * Asked at the end of the message, from the store: an unsubscribe that was
 * committed before counts.
 */
#ifndef MILTER_STANDING_H
#define MILTER_STANDING_H

#include "lib/store_pool.h"
#include "lib/store_status.h"
#include "milter/message.h"
#include "milter/world.h"

/* Called for each one refused. */
typedef void standing_refused(void *context, const struct recipient *recipient, const struct store_standing *standing);

/* Puts them behind those that get the message (message_refuse), of which none may be
 * left.  -1 when the store can't say; the message is as it was then. */
int standing_check(struct store_pool *pool, const struct world *world, const struct conf_list *list, struct message *m,
                   standing_refused *refused, void *context, struct err *err);

/* For the one who sent it: address, status, date, reason and what to do, in one line of ASCII. */
#define STANDING_TEXT_SIZE 512
void standing_text(const struct zone *zone, const struct conf_list *list, const struct recipient *recipient,
                   const struct store_standing *standing, char out[STANDING_TEXT_SIZE]);

#endif
