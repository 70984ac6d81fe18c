/*
 * Is a POST one that a page of ours led to?
 *
 * Browsers say where a POST comes from: by Sec-Fetch-Site (Fetch Metadata), else by
 * Origin (RFC 6454 7).  What they say counts: another site's page can't make a
 * reader's browser join or leave a list.  What comes without both is no browser's of
 * today, and a form's token has to do: a MAC over the list and the time, given
 * out with the form.  It says that the form was looked at not long ago.
 */
#ifndef WEBD_GUARD_H
#define WEBD_GUARD_H

#include "webd/app.h"

#define GUARD_TOKEN_SIZE 40
#define GUARD_TOKEN_HOURS 24 /* that a form may lie open */

/* Not sent by a page of another site. */
bool guard_same_site(const struct webd_world *world, const struct http_request *request);

/* `what` is the path of the form.  -1 when the ring can't do it. */
int guard_token(const struct webd_world *world, struct span what, time_t now, char out[GUARD_TOKEN_SIZE]);
bool guard_token_holds(const struct webd_world *world, struct span what, time_t now, struct span token);

#endif
