/*
 * Content transfer encodings (RFC 2045 6) with splices: decode a part's body,
 * change some spans of what it says, and write it again so that every other
 * byte stays as it was (B2, B3).
 *
 * The body of a part arrives with CRLF line ends, as on the wire.  Bare CR and
 * LF and NUL are data.
 */
#ifndef MILTER_TRANSFER_H
#define MILTER_TRANSFER_H

#include "lib/text.h"

enum transfer {
	TRANSFER_7BIT,
	TRANSFER_8BIT,
	TRANSFER_BINARY,
	TRANSFER_QP,
	TRANSFER_BASE64,
	TRANSFER_UNKNOWN, /* x-uuencode and the like: the part passes through */
};

/* From the value of Content-Transfer-Encoding, comments and blanks around it
 * removed by the caller; empty is 7bit. */
enum transfer transfer_of(struct span value);

#define TRANSFER_LINE_MAX 998 /* octets without CRLF (RFC 5322 2.1.1) */

struct transfer_body {
	enum transfer encoding;
	struct span raw;  /* as on the wire; not owned */
	struct span text; /* decoded: `raw` itself for 7bit/8bit/binary, else in `room` */
	struct buf room;
	/* Where lines begin, decoded and raw: transfer_private.h. */
	struct transfer_mark *marks;
	size_t mark_count;
};

/* Decodes.  0; -1: not well-formed in a way that a splice could not survive
 * (quoted-printable with `=` before something else, base64 with foreign
 * characters within, without its padding, or with data behind it), or out of
 * memory: the part passes through.  Tolerated and kept: lower-case hex, lines
 * over 76, trailing blanks on quoted-printable lines, 8-bit bytes in
 * quoted-printable, a soft line break at its very end with or without the CRLF, a
 * missing final line end. */
int transfer_decode(enum transfer encoding, struct span raw, struct transfer_body *body_r);
void transfer_free(struct transfer_body *body);

/* Replace [at, at+len) of the decoded text by `bytes`; len 0 inserts. */
struct transfer_edit {
	size_t at;
	size_t len;
	struct span bytes;
};

/*
 * Appends the part's new raw body.  Edits are sorted by `at` and don't overlap.
 *
 * 7bit/8bit/binary: spliced in place.
 * quoted-printable: only the edited spans are encoded anew, soft line breaks
 *   around them (or one character away where one would not fit there); no line
 *   gets over 76 by it, no =XX is split, and a blank or dot at a line's end or
 *   start stays safe (a line of ours never ends in a blank).  A CRLF that an edit
 *   tears apart becomes =0D and =0A.  Where the part has a line over
 *   TRANSFER_LINE_MAX, the whole body is encoded anew.
 * base64: same up to the line with the first edit; from there on encoded anew
 *   with the part's own line length (76 at most; from the start where it has
 *   longer ones).  Empty lines at the end stay.
 *
 * Where an edited 7bit/8bit/binary body would have a line over
 * TRANSFER_LINE_MAX, or its first 8-bit byte in 7bit, `*became_r` is TRANSFER_QP and
 * the whole body is written in quoted-printable; the caller changes the header
 * field.  Else it is `body->encoding`.  A body without edits is copied as it is.
 *
 * 0, or -1 when out of memory or over the ceiling of `out`.
 */
int transfer_splice(const struct transfer_body *body, const struct transfer_edit *edits, size_t count, struct buf *out,
                    enum transfer *became_r);

/* Text with CRLF line ends in quoted-printable, appended: lines at most 76. */
void transfer_encode_qp(struct span text, struct buf *out);

#endif
