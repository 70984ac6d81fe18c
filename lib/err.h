/*
 * What went wrong, in words for an administrator.
 *
 * A function that can fail for reasons of the world's takes `struct err *` as
 * its last argument, returns -1 (or NULL), and has written one line without a
 * newline: what was found, and what is allowed or to be done.  Libraries never
 * log and never exit; their callers do.  The pointer may be NULL.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

struct err {
	char text[1024];
};

/* Writes the text; always returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "PREFIX: " before the text that is there; returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
