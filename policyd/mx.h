/*
 * Looks up the MX of domains in the background, by c-ares in a thread of its own.
 *
 * Whoever wants to know only says so: mx_want() never waits, for the DNS or for
 * anything else.  The answer comes by the callback, on the thread of the lookups.
 *
 * Bounded: MX_PENDING_MAX domains wait, MX_FLIGHT_MAX are asked for at a time, and what is
 * more is dropped: the next mail to that domain asks again.  A domain is asked for once in
 * MX_AGAIN seconds, whatever the answer, so that a dead name server is left in peace.
 */
#ifndef POLICYD_MX_H
#define POLICYD_MX_H

#include "lib/err.h"
#include "policyd/mx_answer.h"

#define MX_PENDING_MAX 1024
#define MX_FLIGHT_MAX 32
#define MX_AGAIN 300

struct mx;

struct mx_options {
	const char *servers; /* "ADDRESS:PORT", several by commas; "" for those of the system */
	int timeout_ms;      /* of the first try; each further one waits longer */
	int tries;
	int again; /* MX_AGAIN */
	/* Called for each answer, one at a time. */
	void (*answered)(void *context, struct span domain, const struct mx_answer *answer);
	void *context;
};
#define MX_OPTIONS(function, its_context)                                                                              \
	((struct mx_options){.servers = "",                                                                            \
	                     .timeout_ms = 3000,                                                                       \
	                     .tries = 3,                                                                               \
	                     .again = MX_AGAIN,                                                                        \
	                     .answered = (function),                                                                   \
	                     .context = (its_context)})

/* NULL with the reason. */
struct mx *mx_start(const struct mx_options *options, struct err *err);
/* Lookups under way are given up, without a callback. */
void mx_stop(struct mx **mx);

/* Any thread; `domain` is canonical. */
void mx_want(struct mx *mx, struct span domain);

struct mx_totals {
	uint64_t wanted;              /* taken in: each is answered once */
	uint64_t asked;               /* of them, so far */
	uint64_t found, none, failed; /* the answers */
	uint64_t dropped;
};
struct mx_totals mx_read_totals(struct mx *mx);

#endif
