/*
 * From root to a user of our own, for good (start-up of every daemon).
 */
#ifndef LIB_PRIV_H
#define LIB_PRIV_H

#include "lib/err.h"

/* Becomes the user and the group, without supplementary groups, and proves that
 * there is no way back.  Does nothing when not root.  -1 leaves the process in
 * an undefined state: exit. */
int priv_drop(const char *user, const char *group, struct err *err);

/* Makes the folder of a Unix socket's path fit to hold it: existing, owned by
 * the user and the group, 0750 or wider for the group; removes a stale socket. */
int priv_prepare_socket(const char *path, const char *user, const char *group, struct err *err);

#endif
