/*
 * Mail addresses as the envelope and the From field write them (RFC 5321 4.1.2,
 * RFC 5322 3.4), the carriers' odd ones (`a..b@`, `a.@`, `.a@`) included.
 *
 * The canonical form is what two ways of writing one address have in common
 * (W7): no angle brackets, the local part unquoted and otherwise exact, the
 * domain in lower case as A-labels (IDNA 2008, by libidn2) without a final dot.
 * A domain literal ([192.0.2.1]) stays, in lower case.
 */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include "lib/text.h"

#define ADDR_MAX 320 /* octets of a canonical address: 64 + 1 + 255 */

struct addr {
	char text[ADDR_MAX + 1]; /* canonical, NUL-terminated */
	size_t len;
	size_t at; /* index of the @ that ends the local part */
};

/* One envelope address: `<a@b>`, `a@b`, `"a b"@c`; blanks around are allowed.
 * 0; -1 where it is no address (empty, no @, control characters, too long, a
 * domain that is no domain).  The null sender `<>` is no address. */
int addr_parse(struct span text, struct addr *addr_r);

/* The first mailbox of a From (or Sender) field's value: display names, quoted
 * strings, comments, encoded words, groups, folding.  -1 where it has none. */
int addr_parse_header(struct span value, struct addr *addr_r);

struct span addr_span(const struct addr *addr);
struct span addr_domain(const struct addr *addr);
struct span addr_local(const struct addr *addr);

/* A domain in lower case as A-labels, appended; -1 where it is none. */
int addr_domain_canonical(struct span domain, struct buf *out);

/* Is `domain` the same as `parent` or below it?  Both canonical. */
bool addr_domain_under(struct span domain, struct span parent);

/* Does a canonical address fit "user@example.com" or "@example.com" (that
 * domain exactly)? */
bool addr_matches(const struct addr *addr, struct span pattern);

#endif
