/*
 * POST /u/TOKEN with the body List-Unsubscribe=One-Click (RFC 8058 3.2, U2).
 * All else at /u/ is the pages'.
 */
#ifndef WEBD_ONECLICK_H
#define WEBD_ONECLICK_H

#include "webd/app.h"

/* Is it such a POST, urlencoded or multipart/form-data?  The token is not looked at. */
bool oneclick_is(const struct http_request *request);

/* The handlers of /u/: ROUTE_SLOW, and for when the workers have too much to do. */
void oneclick_unsubscribe(struct app *app, const struct webd_world *world, const struct http_request *request,
                          struct http_answer *answer);
void oneclick_overflow(struct app *app, const struct webd_world *world, const struct http_request *request,
                       struct http_answer *answer);

#endif
