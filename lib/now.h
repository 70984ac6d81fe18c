/*
 * The time that days and quotas go by.
 *
 * It is the system's.  For tests alone, the environment variable TODOKU_CLOCK may
 * name a file that holds a number of seconds to add, as "86400": a test changes the
 * day of a running daemon by writing the file.  It is read at each call.  A file that can't be
 * read or holds no number adds nothing.
 */
#ifndef LIB_NOW_H
#define LIB_NOW_H

#include <time.h>

time_t now_seconds(void);

#endif
