/*
 * A configuration file as text.
 */
#ifndef LIB_CONF_FILE_H
#define LIB_CONF_FILE_H

#include "lib/conf_issue.h"

#define CONF_FILE_MAX 1048576

/* The contents of issues->file, appended: a regular file of at most
 * CONF_FILE_MAX octets of UTF-8 without control characters but TAB, CR and LF;
 * a byte order mark is left out.  -1 with an issue otherwise. */
int conf_file_read(struct buf *text, struct conf_issues *issues);

#endif
