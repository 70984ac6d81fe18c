/*
 * The decision: may this recipient have this mail, now?
 *
 * In order: whose list is it; may the address have mail of it (lib/store_status.h);
 * is the breaker of its stream open; is there quota, of the stream's day and of the
 * provider.  The first that says no is the answer.
 *
 * Mail of no list passes, and of a list in `shadow` too: what would have been answered
 * is logged.  Where the store can't be asked the answer is on_error's, and the next
 * requests don't wait for it again for DECIDE_PAUSE_MS.
 *
 * A decider is one thread's.
 */
#ifndef POLICYD_DECIDE_H
#define POLICYD_DECIDE_H

#include "policyd/policy.h"
#include "policyd/protocol.h"

#define DECIDE_PAUSE_MS 500

struct decider;

/* NULL when out of memory. */
struct decider *decider_new(struct policy *policy);
void decider_free(struct decider **decider);

/* What a connection is about at the moment; zero at first. */
struct decide_talk {
	char transaction[LEDGER_NAME_MAX + 1]; /* empty: none yet */
};

/* Appends the answer, one always. */
void decider_answer(struct decider *decider, struct decide_talk *talk, const struct policy_request *request,
                    struct buf *out);
/* The connection was closed. */
void decider_leave(struct decider *decider, struct decide_talk *talk);

#endif
