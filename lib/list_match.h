/*
 * Which list mail belongs to, by its envelope and origin: SASL login, else envelope
 * sender, else From address, else client, as the `list` sections say.
 *
 * The milter and policyd go by the same rules, and see different things:
 *
 *   wiring              policyd at RCPT sees             the milter at its end sees
 *   split, reinject     the sender                       all, by the front's X-Todoku-Origin
 *   inline              login, sender, client            all
 *   sendmail(1)         (split) the sender, else         all but client and login
 *                       is not asked
 *
 * X-Todoku-List and From stand in the header, which policyd does not see.  So a list
 * that is known only by those, or behind the splitter by login or client, is decided
 * upon at the milter's end, which asks policyd then (policyd/protocol.h).
 */
#ifndef LIB_LIST_MATCH_H
#define LIB_LIST_MATCH_H

#include "lib/addr.h"
#include "lib/conf.h"

struct list_traits {
	struct span login;         /* empty: none */
	const struct addr *sender; /* NULL: the null sender, or no address */
	const struct addr *from;   /* NULL: unknown */
	struct span client;        /* address; empty: none */
};

/* NULL: of no list. */
const struct conf_list *list_match(const struct conf *conf, const struct list_traits *traits);

/* May a client's mail be a list's?  One in `trusted`, or with a SASL login, or
 * sendmail(1) (no client). */
bool list_trusts(const struct conf *conf, struct span client, struct span login);

#endif
