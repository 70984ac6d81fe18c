/*
 * The machine-readable part of a delivery report: RFC 3464 and, for addresses in
 * UTF-8, RFC 6533.
 *
 * Tolerant: groups without the empty line between them, fields in any order, a
 * report quoted in another mail ("> Final-Recipient: ...").
 */
#ifndef REPORT_DSN_H
#define REPORT_DSN_H

#include "lib/text.h"

/* One recipient's fields, as they stand; empty where absent. */
struct dsn_group {
	struct span final;
	struct span original;
	struct span actual;
	struct span action;
	struct span status;
	struct span diagnostic;
	struct span remote;
};

struct dsn {
	struct dsn_group *groups;
	size_t count;
	size_t room;
	struct span arrival;
	bool cut_off; /* more than REPORT_RESULTS_MAX */
};

/* Does a line of the text begin with a recipient's field? */
bool dsn_is_in(struct span text);
/* 0, or -1 when out of memory.  The groups point into `text`. */
int dsn_read(struct span text, struct dsn *dsn_r);
void dsn_free(struct dsn *dsn);

/* The address of a field "rfc822; a@b" or "utf-8; ...": without the type, the
 * brackets and RFC 6533's \x{}; appended.  False where there is no address. */
bool dsn_address(struct span field, struct buf *out);
/* A field's value without its type: "smtp; 550 ...". */
struct span dsn_untyped(struct span field);

#endif
