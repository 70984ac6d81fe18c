/*
 * What the files behind transfer.h share.
 *
 * A mark is a place where decoding can begin anew: the start of a line; in
 * base64 only one that is the start of a group of four digits, too.  Marks are
 * in order; the first is at 0, 0 in quoted-printable.
 */
#ifndef MILTER_TRANSFER_PRIVATE_H
#define MILTER_TRANSFER_PRIVATE_H

#include "milter/transfer.h"

#define TRANSFER_ENCODED_LINE_MAX 76 /* RFC 2045 6.7 (5), 6.8 */

struct transfer_mark {
	size_t text_at;
	size_t raw_at;
};

/* 0, or -1 when out of memory. */
int transfer_mark_add(struct transfer_body *body, size_t text_at, size_t raw_at);
/* The last mark at or before `text_at`; NULL where there is none. */
const struct transfer_mark *transfer_mark_find(const struct transfer_body *body, size_t text_at);

/* Where the CRLF at or behind `at` begins; `raw.len` where there is none. */
size_t transfer_line_end(struct span raw, size_t at);
/* Octets of the longest line, without its CRLF. */
size_t transfer_longest_line(struct span raw);
/* The decoded text from `start` on with the edits made, appended; no edit is
 * before `start`. */
void transfer_edited_text(struct span text, size_t start, const struct transfer_edit *edits, size_t count,
                          struct buf *out);

/* Decode `body->raw` into `body->room`: 0 or -1. */
int qp_decode(struct transfer_body *body);
int base64_decode(struct transfer_body *body);

/* Append the raw body with its edits, of which there is at least one. */
void qp_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out);
void base64_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out);

/*
 * Writes quoted-printable from the start of a line.  `limit` is how long the
 * current line may get: TRANSFER_ENCODED_LINE_MAX, or more where the line was
 * longer already.
 */
struct qp_writer {
	struct buf *out;
	size_t line; /* where in `out` the current line begins */
	size_t limit;
};

struct qp_writer qp_writer_make(struct buf *out);
size_t qp_column(const struct qp_writer *w);
/* Text of ours: CRLF as hard line breaks, bare CR and LF encoded, a blank at the
 * end of a line or of the text encoded. */
void qp_write(struct qp_writer *w, struct span text);
/* One byte as =XX. */
void qp_write_escape(struct qp_writer *w, char c);
/* A soft line break at the end of the current line: before its last character
 * where the break would not fit behind it, or when that character had better
 * begin the new line and takes no more than `carry_max` octets (0: none). */
void qp_write_soft_break(struct qp_writer *w, size_t carry_max);
/* Makes the end of the line safe for a hard line break or the end of the body: a
 * blank there would be lost. */
void qp_write_blank_guard(struct qp_writer *w);

#endif
