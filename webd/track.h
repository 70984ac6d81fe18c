/*
 * Clicks, opens and conversions: /c/TOKEN, /o/TOKEN.gif, /v/LIST.gif?v=VALUE
 * (T1-T3, S1).  All of them are of kind ROUTE_FAST: what they need is in the
 * token, and their event goes to the journal.
 */
#ifndef WEBD_TRACK_H
#define WEBD_TRACK_H

#include "webd/app.h"

void track_click(struct app *app, const struct webd_world *world, const struct http_request *request,
                 struct http_answer *answer);
void track_open(struct app *app, const struct webd_world *world, const struct http_request *request,
                struct http_answer *answer);
void track_conversion(struct app *app, const struct webd_world *world, const struct http_request *request,
                      struct http_answer *answer);

#endif
