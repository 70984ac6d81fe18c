/*
 * The table of what readers may ask for.
 */
#ifndef WEBD_ROUTES_H
#define WEBD_ROUTES_H

#include "webd/app.h"

extern const struct route routes_public[];
extern const struct route routes_admin[];

#endif
