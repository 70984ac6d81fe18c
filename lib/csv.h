/*
 * Tables as text with commas (RFC 4180): read and written.
 *
 * The reader takes CRLF, LF or CR as line ends, passes over empty lines, and takes
 * a quote inside an unquoted field as it stands.  Its error is sticky: NUL, text
 * behind a closing quote, an open quote, more than CSV_FIELDS_MAX fields, a record
 * over CSV_RECORD_MAX octets.
 */
#ifndef LIB_CSV_H
#define LIB_CSV_H

#include "lib/text.h"

#define CSV_FIELDS_MAX 256
#define CSV_RECORD_MAX 1048576

struct csv {
	struct span left;
	size_t next_line;
	size_t line; /* where the record began, from 1 */
	struct span fields[CSV_FIELDS_MAX];
	size_t count;
	const char *problem; /* what is wrong at `line`; NULL: nothing */
	struct buf memory;   /* of the record's fields */
};

void csv_init(struct csv *csv, struct span text);
void csv_free(struct csv *csv);
/* 1 with the next record, whose fields live until the next call; 0 at the end; -1
 * with `problem`. */
int csv_next(struct csv *csv);

/* One field, with a comma before it unless it is the record's first; quoted where it
 * must be. */
void csv_add(struct buf *out, struct span field, bool first);
/* The same for text that a stranger chose and a spreadsheet may open: what it would
 * take for a formula gets an apostrophe in front. */
void csv_add_foreign(struct buf *out, struct span field, bool first);
/* CRLF. */
void csv_end(struct buf *out);

#endif
