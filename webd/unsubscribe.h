/*
 * Leaving a list: the one way by which routes and pages do it (U1, U2, U6).
 *
 * The change goes to the store, and is in force for every later message when this
 * returns.  Where the store can't take it within STORE_PATIENCE_MS it goes to the
 * journal and comes into force when the store is back.  It is never answered
 * before it is durable in one of the two.
 *
 * For handlers of kind ROUTE_SLOW.
 */
#ifndef WEBD_UNSUBSCRIBE_H
#define WEBD_UNSUBSCRIBE_H

#include "lib/token.h"
#include "webd/app.h"

struct unsubscribe {
	uint64_t address_key;
	uint64_t campaign;   /* 0: none */
	struct span list;    /* its name */
	struct span address; /* canonical; empty where only the key is known */
	struct span reason;  /* one_click, page, ... (store_status.h) */
	struct span detail;
};

/* 0, also for one who had left or whom nobody knows; -1 when nothing took it: 503. */
int unsubscribe_now(struct app *app, const struct webd_world *world, const struct http_request *request,
                    const struct unsubscribe *what);
/* The same as a record for `answer->record`, where there is no time for the store. */
void unsubscribe_later(const struct webd_world *world, const struct http_request *request,
                       const struct unsubscribe *what, struct buf *record);

#endif
