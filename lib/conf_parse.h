/*
 * The parse: a configuration file's text into struct conf, by libconfuse.
 */
#ifndef LIB_CONF_PARSE_H
#define LIB_CONF_PARSE_H

#include "lib/conf_issue.h"
#include "lib/conf_note.h"
#include "lib/conf_table.h"

/* Reads `text`, which conf_scan() has gone over (`broken` is its finding), into
 * `conf`, which holds the defaults.  What is wrong goes into `issues`, and where
 * things stand into `notes`.  False where the text was not read to its end, so
 * that what is missing says nothing.  Threads wait for one another. */
bool conf_parse(struct conf *conf, struct span text, bool broken, struct conf_issues *issues, struct conf_notes *notes);

#endif
