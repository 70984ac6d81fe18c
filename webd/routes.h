/*
 * The table of what readers may ask for, and what stands behind /u/.
 */
#ifndef WEBD_ROUTES_H
#define WEBD_ROUTES_H

#include "webd/app.h"

extern const struct route routes_public[];
extern const struct route routes_admin[];

/* The unsubscribe page of the token in request->rest, GET and POST. */
route_handler routes_unsubscribe_page;

#endif
