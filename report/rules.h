/*
 * The rules that say what an answer means: todoku-bounce-rules(5).
 *
 * A set is compiled once: all phrases into one automaton, so that a text is read
 * once however many rules there are.  It is immutable, for all threads.
 */
#ifndef REPORT_RULES_H
#define REPORT_RULES_H

#include "lib/text.h"
#include "report/report.h"

/* Reads a file and what it includes.  NULL with one line "FILE:LINE: what is
 * wrong" in `errors` for each thing wrong. */
struct rules *rules_load(const char *path, struct buf *errors);
/* The same of text at hand, named `name` in errors; nothing can be included. */
struct rules *rules_parse(const char *name, struct span text, struct buf *errors);
void rules_free(struct rules **rules);
struct phrases;
/* Of free-text notices (marks.h). */
const struct phrases *rules_marks(const struct rules *rules);
size_t rules_count(const struct rules *rules);

/* The file to use where none is named: the administrator's, else the installed
 * one, else that of the source tree the running program was built from.  NULL
 * where there is none; the caller frees it. */
char *rules_find(void);

/* What is known of one failure. */
struct evidence {
	struct span diagnostic; /* the remote's words: UTF-8 */
	struct span remote;     /* host that answered, "" unknown */
	struct span recipient;
	const char *status;     /* enhanced code within the remote's words, "" none */
	const char *dsn_status; /* the report's own Status, "" none */
	unsigned reply;         /* 0 none */
	const char *phase;      /* SMTP command answered: "rcpt", "data", ...; "" unknown */
};

struct verdict {
	enum report_category category;
	enum report_action action;
	const char *provider; /* the rules', or "" */
	const char *rule;     /* "FILE:LINE" of the rules', or "" where none fitted */
	bool by_text;
};

/* Always decides (N5, N6): by the order of todoku-bounce-rules(5). */
void rules_judge(const struct rules *rules, const struct evidence *evidence, struct verdict *verdict_r);

#endif
