/*
 * Who has reserved a unit of the day's quota, until the end of his message is known.
 *
 * A transaction is one message: of Postfix by its `instance`, of the milter by a name
 * of its own.  It holds recipients, each with a unit that is reserved, and then
 * spent or given back.  Asked again for a recipient that has a unit already, the
 * answer is the same and costs nothing: Postfix repeats what timed out.
 *
 * Where the milter is wired, it decides at the end, under its own name: it takes over
 * the unit that was reserved at RCPT for the same address of the same stream.
 *
 * A transaction that nobody ends gives its units back after `timeout_ms`; one whose
 * connection went on to another message, or was closed, after `leave_ms`: Postfix
 * may still repeat a question on a new connection.  What was ended is remembered
 * as long, for the same reason.
 *
 * A unit counts for the day on which it is spent: one reserved before midnight is
 * exchanged.
 *
 * Any thread may call.
 */
#ifndef POLICYD_LEDGER_H
#define POLICYD_LEDGER_H

#include "lib/addr.h"
#include "policyd/slices.h"

/* Messages under way, all over. */
#define LEDGER_TRANSACTIONS_MAX 200000
#define LEDGER_RECIPIENTS_MAX 10000 /* of one message */
#define LEDGER_NAME_MAX 255         /* octets of a transaction's name */

struct ledger;

/* NULL when out of memory. */
struct ledger *ledger_new(long timeout_ms, long leave_ms);
void ledger_free(struct ledger **ledger);
/* After a reload. */
void ledger_set_patience(struct ledger *ledger, long timeout_ms, long leave_ms);

/* A recipient of a message, as a request names him. */
struct ledger_who {
	struct span transaction; /* "i:" and the instance, or "m:" and the milter's name */
	struct span queue_id;    /* empty where it isn't known yet */
	struct span list;
	struct span address; /* canonical */
	uint64_t address_key;
};

enum ledger_state {
	LEDGER_RESERVED,
	LEDGER_SPENT,
	LEDGER_WAITS,   /* over quota, or the breaker is open: to be held */
	LEDGER_DISCARD, /* to be dropped in silence */
	LEDGER_FREE,    /* goes without a unit */
};

/* Reserves a unit; with SLICES_OVER the recipient is noted as LEDGER_WAITS. */
enum slices_outcome ledger_reserve(struct ledger *ledger, struct store *store, const struct ledger_who *who,
                                   const struct slices_terms *terms, struct err *err);
/* Notes a recipient without a unit; one that he has is given back.  -1 when out of memory. */
int ledger_note(struct ledger *ledger, const struct ledger_who *who, const struct slices_terms *terms,
                enum ledger_state state);
/* Takes a recipient out: refused after all.  His unit is given back. */
void ledger_forget(struct ledger *ledger, struct span transaction, uint64_t address_key);

struct ledger_entry {
	char address[ADDR_MAX + 1];
	uint64_t address_key;
	char list[SLICES_NAME_SIZE];
	struct slices_terms terms;
	enum ledger_state state;
};
enum ledger_end {
	LEDGER_OPEN, /* not ended yet */
	LEDGER_SENT,
	LEDGER_HELD,
	LEDGER_FAILED, /* it may be tried again, and is as open as before */
};

/* The recipients of a transaction, in the order in which they came; the array is the
 * caller's to free.  `end_r`: OPEN, SENT or HELD.  None where it is unknown; -1 when out of
 * memory. */
int ledger_entries(struct ledger *ledger, struct span transaction, struct ledger_entry **entries_r, size_t *count_r,
                   enum ledger_end *end_r);

/* How many units were spent (or, negative, were not after all), for the figures.  Must
 * not call the ledger. */
typedef void ledger_spent(void *context, const struct slices_terms *terms, int units);
/* The end: with LEDGER_SENT units that are reserved are spent, with the others all that are
 * reserved or spent are given back.  -1, and nothing happens, where fewer than `expected`
 * recipients are known to go (or to wait, with LEDGER_HELD): the rest was forgotten, because
 * its time was up, and must not go uncounted. */
int ledger_end(struct ledger *ledger, struct span transaction, enum ledger_end end, size_t expected, ledger_spent *note,
               void *context);

/* Its connection is done with it. */
void ledger_leave(struct ledger *ledger, struct span transaction);
/* Gives back what timed out; from time to time.  With `all` everything reserved. */
void ledger_tidy(struct ledger *ledger, bool all);

struct slices *ledger_slices(struct ledger *ledger);
/* How many messages are under way, or remembered. */
size_t ledger_count(struct ledger *ledger);

#endif
