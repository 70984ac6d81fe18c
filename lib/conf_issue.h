/*
 * The things wrong with one configuration file, in the words of lib/conf.h.
 *
 * The first CONF_ISSUES_MAX are kept; more only count.  What was found is shown
 * neutralised and cut, so that a file of garbage can't disturb a terminal.
 */
#ifndef LIB_CONF_ISSUE_H
#define LIB_CONF_ISSUE_H

#include "lib/text.h"

#define CONF_ISSUES_MAX 20

struct conf_issues {
	const char *file;
	struct {
		long line;
		char *text;
	} at[CONF_ISSUES_MAX];
	size_t len;
	size_t found; /* kept or not */
};

/* What is wrong with `option` of the section `where` (`list "news": track`).
 * Both may be empty.  Line 0 is the file as a whole. */
struct conf_place {
	struct span where;
	struct span option;
	long line;
};

void conf_issue_add(struct conf_issues *issues, struct conf_place place, struct span found, const char *allowed, ...)
        __attribute__((format(printf, 4, 5)));
/* Appends a section to a `where`: its name, and its title in quotes unless it
 * has none (SPAN_NONE). */
void conf_where_add(struct buf *where, const char *section, struct span title);
/* The lines in the file's order, each but the first after a newline. */
void conf_issues_print(struct conf_issues *issues, struct buf *out);
void conf_issues_free(struct conf_issues *issues);

/* The text in double quotes as todoku.conf(5) writes it; control characters,
 * quotes, backslashes and what is no UTF-8 escaped, so that it reads back the
 * same. */
void conf_quote(struct buf *out, struct span text);

#endif
