/*
 * What can only be checked once the whole file is known: what is required, and
 * what one section says of another.
 */
#ifndef LIB_CONF_REFS_H
#define LIB_CONF_REFS_H

#include "lib/conf_issue.h"
#include "lib/conf_note.h"
#include "lib/conf_table.h"

void conf_refs_check(const struct conf *conf, const struct conf_notes *notes, struct conf_issues *issues);

#endif
