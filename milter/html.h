/*
 * HTML, as far as links go: a tokeniser that follows the WHATWG tokenisation
 * rules (HTML Living Standard 13.2.5) over bytes in place, and a tree builder
 * without a tree (milter/html_tree.h), so that it sees the links that a reader's
 * program would: RCDATA, RAWTEXT, script data, PLAINTEXT, CDATA in foreign
 * content, what a `<select>` or a `<frameset>` ignores.
 *
 * It reads a *mask* of the part: the same length as its bytes, in which ASCII
 * characters stand for themselves and every other byte is 0x80 or above
 * (charset.h).  So one tokeniser serves every charset, and offsets into the
 * mask are offsets into the bytes.
 *
 * Found are (B6): `href` of `<a>` and `<area>`, the first such attribute of the
 * tag; inside conditional comments whose condition names mso also of
 * `<v:roundrect>`.  Other comments, script, style, textarea, title are opaque.
 *
 * Bounds: time and memory are linear in the input; at most HTML_LINKS_MAX links
 * are reported (`truncated` says that there were more).
 *
 * Threads: a scan is its caller's.
 */
#ifndef MILTER_HTML_H
#define MILTER_HTML_H

#include "lib/text.h"

#define HTML_LINKS_MAX 65535
#define HTML_TEXT_MAX 512 /* octets of an element's text that are looked at */

struct html_link {
	size_t value_at; /* first byte of the raw attribute value, behind its quote */
	size_t value_len;
	char quote;     /* '"', '\'' or 0 */
	size_t tag_at;  /* the tag's `<` */
	size_t tag_end; /* one past the tag's `>` */
	/* Into html_scan.decoded: the value with character references decoded, bytes
	 * taken from the original, TAB CR LF not yet removed.  (References to
	 * non-ASCII characters come out as UTF-8; `wide_reference` is then set to
	 * tell a caller whose charset is not UTF-8.  NUL comes out as U+FFFD.) */
	size_t url_at;
	size_t url_len;
	bool wide_reference; /* a reference, or NUL, gave a non-ASCII character */
	bool opted_out;      /* an opt-out attribute of B8 is there */
	bool in_comment;     /* inside a conditional comment */
	/* Into html_scan.decoded: the element's text content, references decoded,
	 * trimmed, when it is no longer than HTML_TEXT_MAX, not empty, and is text
	 * alone (has_text); up to the end tag or whatever else ends the element.
	 * Tags within are left out, breaks and blocks stand for a blank; images,
	 * fields and the like are no text. */
	bool has_text;
	size_t text_at;
	size_t text_len;
};

struct html_scan {
	struct html_link *links; /* in order of position */
	size_t count;
	bool truncated;
	bool has_body_end;
	size_t body_end; /* the `<` of the last real </body> */
	bool open_ended; /* ends inside a comment, raw text, a tag or PLAINTEXT: nothing shows when appended */
	struct buf decoded;
};

/* Scans `n` bytes.  `mask` may be the same pointer as `bytes`.  0, or -1 when
 * out of memory. */
int html_scan(const char *mask, const char *bytes, size_t n, struct html_scan *scan_r);
void html_scan_free(struct html_scan *scan);

/* Decodes the character references of an attribute's value (13.2.5.72 and on),
 * appending UTF-8. */
void html_decode_attribute(struct span value, struct buf *out);

#endif
