/*
 * What the milter does to one message, from end to end, without libmilter: it
 * changes the model (message.h) and says what else Postfix is to be told.  The
 * session applies it; tests and fuzzers call it directly.
 */
#ifndef MILTER_TREAT_H
#define MILTER_TREAT_H

#include "lib/store.h"
#include "milter/message.h"
#include "milter/rewrite.h"
#include "milter/routing.h"
#include "milter/world.h"

enum treat_verdict {
	TREAT_PASS,     /* not ours: only control fields go */
	TREAT_CHANGED,  /* as the model says */
	TREAT_TEMPFAIL, /* could not be done whole: 4xx, try again */
};

/* How long each stage took, in nanoseconds of this thread's processor time. */
struct treat_cost {
	uint64_t rewrite;
	uint64_t sign;
	uint64_t verify;
};

struct treated {
	enum treat_verdict verdict;
	char reason[1024];            /* of a pass or a tempfail, one line */
	const struct conf_list *list; /* NULL: no list */
	struct campaign campaign;
	bool shadow; /* nothing is applied but the end of the control fields */
	bool shared;
	struct rewrite_result body;
	struct span sender; /* new envelope sender, or empty */
	/* Values of DKIM-Signature, to stand above all other fields, the first on
	 * top; each begins with a blank. */
	struct span signatures[DKIMSET_SIGNERS_MAX];
	size_t signature_count;
	/* One record for each recipient, to be committed before Postfix hears that
	 * all is well; in the message's memory. */
	struct store_send *sends;
	size_t send_count;
	struct treat_cost cost;
};

/*
 * What envelope and header alone decide: whose mail it is, and which keys sign
 * it.  Made after the last field; the message must not change until it is used.
 */
struct treat_plan {
	enum treat_verdict verdict;   /* TREAT_CHANGED: to be treated */
	char reason[1024];            /* of another verdict */
	const struct conf_list *list; /* NULL: no list, to be signed alone */
	bool has_from;
	struct addr from;
	struct dkim_signer signers[DKIMSET_SIGNERS_MAX];
	size_t signer_count;
};
void treat_plan(const struct world *world, const struct origin *origin, struct message *m, struct treat_plan *plan_r);

/* Carries the plan out on the whole message.  `queue_id` is for the record. */
void treat_message(const struct world *world, const struct treat_plan *plan, struct message *m, struct span queue_id,
                   time_t now, struct treated *treated_r);

#endif
