/*
 * The body of list mail: links, pixel, footer and {{unsubscribe_url}}, spliced
 * into the original bytes (B1-B13, U5).
 */
#ifndef MILTER_REWRITE_H
#define MILTER_REWRITE_H

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/token.h"
#include "milter/links.h"
#include "milter/message.h"

#define REWRITE_PLACEHOLDER "{{unsubscribe_url}}"

struct mime_cache;
struct part_cache;

struct rewrite_rules {
	const struct keyring *ring;
	/* Of messages seen before; may be NULL. */
	struct mime_cache *maps;
	struct part_cache *parts;
	const struct conf_list *list;
	const char *base_url;
	struct span from_domain;
	struct span unsubscribe_url; /* ours, for this recipient */
	struct span unsubscribe_uri; /* the https URI of the List-Unsubscribe that goes out */
	/* Campaign, recipient (or shared) and time of the tokens. */
	struct token token;
};

struct rewrite_result {
	size_t links;                    /* rewritten */
	size_t left[LINKS_TOO_LONG + 1]; /* left alone, by verdict */
	size_t placeholders;
	bool pixel;
	bool footer;
	const char *untouched; /* why the whole body passes through; NULL */
};

/*
 * Makes the message's pieces (and, where its only part becomes quoted-printable,
 * changes its Content-Transfer-Encoding).  Parts that may not or cannot be
 * changed stay as they are.  0; -1 when out of memory.
 */
int rewrite_body(struct message *m, const struct rewrite_rules *rules, struct rewrite_result *result_r,
                 struct err *err);

#endif
