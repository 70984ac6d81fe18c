/*
 * The phrases by which free-text notices are known and read: one table (marks.c),
 * a row for each phrase of each program.  A new family is new rows.
 *
 * What the phrases are for is told by their kind; none of them decides what a
 * failure means, which is the rules' business (rules.h).
 */
#ifndef REPORT_MARKS_H
#define REPORT_MARKS_H

#include "report/phrases.h"

enum mark_kind {
	MARK_FAMILY,    /* tells who writes, and nothing else */
	MARK_FAILED,    /* says that mail could not be delivered */
	MARK_DELAYED,   /* says that it will be tried further */
	MARK_DELIVERED, /* says that it was */
	MARK_ADDRESS,   /* the failed address follows in the same line */
	MARK_SENDER,    /* the address in this line is not the failed one */
	MARK_ORIGIN,    /* the address that the sender wrote follows */
	MARK_FORWARDED, /* a person passes on what follows */
	MARK_END,       /* the line begins the returned message, or what is no news */
	MARK_CONNECT,   /* the SMTP command that was answered: connection, EHLO */
	MARK_MAIL,
	MARK_RCPT,
	MARK_DATA,
	MARK_AFTER_RCPT, /* a sequel of refused recipients, whatever was said of DATA */
};

struct mark {
	enum mark_kind kind;
	const char *family; /* NULL: many write so */
	const char *phrase; /* folded (fold.h) */
};

extern const struct mark marks[];
extern const size_t marks_count;

/* Hits' ids are indices of `marks`.  NULL when out of memory. */
struct phrases *marks_compile(void);
/* "rcpt", "data", ...; NULL for a kind that is no phase. */
const char *mark_phase(enum mark_kind kind);

#endif
