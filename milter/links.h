/*
 * Which links are rewritten, and to what they lead (B6-B11).
 *
 * A URL comes here as the reader's program would use it: character references
 * decoded.  It is trimmed, TAB, CR and LF within it are taken out (WHATWG URL
 * 4.4), and what is left is the target, byte for byte (B10).
 */
#ifndef MILTER_LINKS_H
#define MILTER_LINKS_H

#include <stdbool.h>

#include "lib/text.h"

/* What the links of one message have in common. */
struct links_rules {
	struct span base_url;           /* "https://t.example.com", no final slash */
	struct span from_domain;        /* canonical; empty where unknown */
	struct span unsubscribe_uri;    /* https URI of the List-Unsubscribe that goes out; may be empty */
	const struct strings *no_track; /* patterns with * and ? over the whole URL */
	size_t target_max;              /* longest target that fits a link (B10) */
};

enum links_verdict {
	LINKS_REWRITE,
	LINKS_NOT_HTTP,  /* other scheme, relative, #anchor, empty, http without a host */
	LINKS_TEMPLATE,  /* {{ }}, %% or *| |* left over */
	LINKS_OURS,      /* below base_url, or the unsubscribe URI (H3) */
	LINKS_OPTED_OUT, /* an attribute or a pattern says so (B8) */
	LINKS_SHOWN_URL, /* the text is itself a URL elsewhere (B9) */
	LINKS_NON_ASCII, /* non-ASCII characters in a charset other than UTF-8 (B7) */
	LINKS_CONTROL,   /* control characters or, in UTF-8, invalid bytes within */
	LINKS_TOO_LONG,  /* B10 */
};
/* "rewritten", "not http", ...: for logs and explanations. */
const char *links_verdict_name(enum links_verdict verdict);

struct links_candidate {
	struct span url; /* references decoded */
	bool utf8;       /* the part's charset is UTF-8 (or ASCII) */
	bool opted_out;
	bool has_text;
	struct span text; /* trimmed text of the element, as shown */
};

/* Appends the target to `target_out` only with LINKS_REWRITE. */
enum links_verdict links_judge(const struct links_rules *rules, const struct links_candidate *candidate,
                               struct buf *target_out);

/* The host of an absolute http or https URL, lower case not applied; empty where
 * there is none.  User information and port are left out. */
struct span links_host(struct span url);

/* Links in plain text (B11): calls back with the place of each, in order, in
 * text whose mask is given (charset.h).  A non-zero return stops and is
 * returned.  A URL that runs into a non-ASCII character is left alone, unless
 * the mask shows it to be Japanese punctuation or a wide blank in UTF-8, which
 * no reader takes for a part of the URL.  Linear in the input. */
int links_each_in_text(const char *mask, size_t n, int (*each)(void *context, size_t at, size_t len), void *context);

#endif
