/*
 * A decider from inside: decide.c says what becomes of one recipient, request.c what
 * a request asks and is answered.
 */
#ifndef POLICYD_DECIDE_PRIVATE_H
#define POLICYD_DECIDE_PRIVATE_H

#include "lib/store_filter.h"
#include "policyd/answer.h"
#include "policyd/decide.h"
#include "policyd/limits.h"

/* Whose mail a domain is, as was found a moment ago. */
struct decide_domain {
	char name[128]; /* empty: nothing */
	int64_t day;
	long long looked;
	char provider[PROVIDER_NAME_SIZE];
};
#define DECIDE_DOMAINS 256 /* by a hash of the name; a power of two */

/* Whose list the last request's mail was: a campaign comes from one place. */
struct decide_origin {
	char client[64];
	char login[128];
	char sender[256];
	bool known;
	const struct conf_list *list; /* of the world at hand, or NULL */
};

struct decider {
	struct policy *policy;
	struct limits *limits;
	struct snapshot *snapshot; /* of the world; taken anew after a reload */
	unsigned generation;
	const struct policy_world *world;
	struct store *store; /* NULL: to be opened */
	long long opened;
	long long pause_to; /* the store failed: not asked before */
	struct err failure;
	struct decide_domain domains[DECIDE_DOMAINS];
	struct decide_origin origin;
	struct store_filter *filter;
	const char *held_for; /* the reason of the last that waits */
	uint64_t unnamed;     /* transactions without a name of their own */
};

/* One recipient of one message. */
struct question {
	struct span stage; /* rcpt, end, milter */
	struct ledger_who who;
	struct span sender;
	struct span message_id;
	const struct conf_list *list;
	const struct conf_stream *stream; /* NULL: the list has none */
	struct addr recipient;
	struct slices_terms terms;
	bool has_unit; /* out */
};

/* Opens the store where it isn't.  -1 while it does not answer. */
int decide_open_store(struct decider *d, struct err *err);
/* It failed: closed, and left alone for a while.  Returns -1. */
int decide_store_broke(struct decider *d, struct err *err);

/* The recipient and his key.  -1 where it is no address. */
int decide_name(const struct decider *d, struct question *q, struct span address);
/* What becomes of him; recorded, and noted in the ledger. */
void decide_one(struct decider *d, struct question *q, struct answer *answer);
void decide_count(struct decider *d, const struct answer *answer);

#endif
