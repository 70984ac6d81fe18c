/*
 * A look at a configuration file's structure before libconfuse reads its
 * values, for what libconfuse doesn't do:
 *
 *  - it stops at an unknown name: here every one is told, with the closest that
 *    exists, and the statement blanked out, so that reading goes on;
 *  - it takes a second `option =` in silence: here it is an error;
 *  - it miscounts lines after a comment of the C kind, which is therefore
 *    blanked out, and after a string over several lines, which is an error;
 *  - it expands ${NAME} from the environment, drops stray characters in silence
 *    and cuts a string at \0: errors here.
 *
 * Where the structure is broken, the scan tells so only if it knows better than
 * libconfuse, and leaves the rest to it.
 */
#ifndef LIB_CONF_SCAN_H
#define LIB_CONF_SCAN_H

#include "lib/conf_issue.h"
#include "lib/conf_table.h"

#define CONF_SECTIONS_MAX 4096 /* in one file; libconfuse compares each title with all before it */

struct conf_scan {
	char *text; /* edited in place; every line keeps its number */
	size_t len;
	struct conf_issues *issues;
	bool broken;       /* the rest of the text couldn't be made out, and an issue says so */
	size_t statements; /* options and sections at the top */

	size_t at;
	long line;
	size_t sections;
};

/* `issues`, `text` and `len` are the caller's to set, the rest zero. */
void conf_scan(struct conf_scan *scan, const struct conf_section *top);

#endif
