#include "policyd/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "policyd/index.h"

struct recipient {
	struct index_node node; /* in `addresses`, by address key */
	struct transaction *transaction;
	TAILQ_ENTRY(recipient) link;
	struct ledger_entry entry;
};

struct transaction {
	struct index_node node; /* in `names` */
	char name[LEDGER_NAME_MAX + 1];
	char queue_id[64];
	TAILQ_HEAD(, recipient) recipients;
	size_t count;
	enum ledger_end end; /* OPEN, SENT or HELD */
	bool left;
	long long touched;
};

struct ledger {
	pthread_mutex_t lock;
	struct slices *slices;
	struct index names;
	struct index addresses;
	long timeout_ms;
	long leave_ms;
};

struct ledger *ledger_new(long timeout_ms, long leave_ms) {
	struct ledger *ledger = calloc(1, sizeof *ledger);

	if (ledger == NULL)
		return NULL;
	ledger->slices = slices_new();
	if (ledger->slices == NULL) {
		free(ledger);
		return NULL;
	}
	pthread_mutex_init(&ledger->lock, NULL);
	ledger_set_patience(ledger, timeout_ms, leave_ms);
	return ledger;
}

void ledger_set_patience(struct ledger *ledger, long timeout_ms, long leave_ms) {
	pthread_mutex_lock(&ledger->lock);
	ledger->timeout_ms = timeout_ms;
	ledger->leave_ms = leave_ms;
	pthread_mutex_unlock(&ledger->lock);
}

struct slices *ledger_slices(struct ledger *ledger) {
	return ledger->slices;
}

/* ---- under the lock ---- */

static void free_recipient(struct ledger *ledger, struct recipient *r) {
	if (r->entry.state == LEDGER_RESERVED)
		slices_give(ledger->slices, &r->entry.terms);
	TAILQ_REMOVE(&r->transaction->recipients, r, link);
	r->transaction->count--;
	index_remove(&ledger->addresses, &r->node);
	free(r);
}

static void free_transaction(struct ledger *ledger, struct transaction *t) {
	struct recipient *r;

	while ((r = TAILQ_FIRST(&t->recipients)) != NULL)
		free_recipient(ledger, r);
	index_remove(&ledger->names, &t->node);
	free(t);
}

static struct transaction *find_transaction(const struct ledger *ledger, struct span name) {
	struct index_node *node = index_find(&ledger->names, index_hash(INDEX_SEED, name));

	for (; node != NULL; node = index_next(node)) {
		struct transaction *t = INDEX_OWNER(node, struct transaction, node);

		if (span_equal(span_of(t->name), name))
			return t;
	}
	return NULL;
}

/* It is asked about: somebody is still at it. */
static void touch(struct transaction *t, const struct ledger_who *who) {
	if (who->queue_id.len > 0)
		snprintf(t->queue_id, sizeof t->queue_id, "%.*s", SPAN_ARG(who->queue_id));
	t->touched = slices_now();
	t->left = false;
}

/* NULL when out of memory, or over the ceilings. */
static struct transaction *open_transaction(struct ledger *ledger, const struct ledger_who *who) {
	struct transaction *t = find_transaction(ledger, who->transaction);

	if (t == NULL) {
		if (who->transaction.len > LEDGER_NAME_MAX || ledger->names.count >= LEDGER_TRANSACTIONS_MAX)
			return NULL;
		t = calloc(1, sizeof *t);
		if (t == NULL || index_add(&ledger->names, &t->node, index_hash(INDEX_SEED, who->transaction)) != 0) {
			free(t);
			return NULL;
		}
		memcpy(t->name, who->transaction.at, who->transaction.len);
		TAILQ_INIT(&t->recipients);
	}
	touch(t, who);
	return t;
}

static struct recipient *find_recipient(const struct transaction *t, const struct ledger *ledger,
                                        uint64_t address_key) {
	struct index_node *node = index_find(&ledger->addresses, address_key);

	for (; node != NULL; node = index_next(node)) {
		struct recipient *r = INDEX_OWNER(node, struct recipient, node);

		if (r->transaction == t)
			return r;
	}
	return NULL;
}

static struct recipient *open_recipient(struct ledger *ledger, const struct ledger_who *who) {
	struct transaction *t = open_transaction(ledger, who);
	struct recipient *r = t == NULL ? NULL : find_recipient(t, ledger, who->address_key);

	if (t == NULL || r != NULL)
		return r;
	if (t->count >= LEDGER_RECIPIENTS_MAX)
		return NULL;
	r = calloc(1, sizeof *r);
	if (r == NULL || index_add(&ledger->addresses, &r->node, who->address_key) != 0) {
		free(r);
		return NULL;
	}
	r->transaction = t;
	r->entry.address_key = who->address_key;
	r->entry.state = LEDGER_WAITS;
	TAILQ_INSERT_TAIL(&t->recipients, r, link);
	t->count++;
	return r;
}

static void set_entry(struct ledger *ledger, struct recipient *r, const struct ledger_who *who,
                      const struct slices_terms *terms, enum ledger_state state) {
	if (r->entry.state == LEDGER_RESERVED)
		slices_give(ledger->slices, &r->entry.terms);
	snprintf(r->entry.address, sizeof r->entry.address, "%.*s", SPAN_ARG(who->address));
	snprintf(r->entry.list, sizeof r->entry.list, "%.*s", SPAN_ARG(who->list));
	r->entry.terms = *terms;
	r->entry.state = state;
}

/* A unit of it is as good as a new one.  The day is the one on which it is spent. */
static bool same_terms(const struct slices_terms *a, const struct slices_terms *b) {
	return strcmp(a->stream, b->stream) == 0 && strcmp(a->day, b->day) == 0 &&
	       strcmp(a->provider, b->provider) == 0 && (a->limit == STORE_NO_LIMIT) == (b->limit == STORE_NO_LIMIT) &&
	       (a->provider_limit == STORE_NO_LIMIT) == (b->provider_limit == STORE_NO_LIMIT);
}

static bool has_unit(const struct recipient *r, const struct slices_terms *terms) {
	return (r->entry.state == LEDGER_RESERVED && same_terms(&r->entry.terms, terms)) ||
	       r->entry.state == LEDGER_SPENT;
}

/* The unit that another transaction has for the same address: that of the same
 * queue file, even if it was spent, else one reserved at RCPT. */
static struct recipient *find_heirless(const struct ledger *ledger, const struct ledger_who *who,
                                       const struct slices_terms *terms) {
	struct index_node *node = index_find(&ledger->addresses, who->address_key);
	struct recipient *found = NULL;

	for (; node != NULL; node = index_next(node)) {
		struct recipient *r = INDEX_OWNER(node, struct recipient, node);

		if (span_equal(span_of(r->transaction->name), who->transaction) ||
		    !span_starts(span_of(r->transaction->name), SPAN("i:")) || !same_terms(&r->entry.terms, terms))
			continue;
		if (span_equal(span_of(r->transaction->queue_id), who->queue_id) && who->queue_id.len > 0 &&
		    has_unit(r, terms))
			return r;
		if (r->entry.state == LEDGER_RESERVED && r->transaction->end == LEDGER_OPEN)
			found = r;
	}
	return found;
}

/* Only the milter takes over: its word is the last. */
static bool take_over(struct ledger *ledger, const struct ledger_who *who, const struct slices_terms *terms) {
	struct recipient *from, *to;
	enum ledger_state state;

	if (!span_starts(who->transaction, SPAN("m:")))
		return false;
	from = find_heirless(ledger, who, terms);
	to = from == NULL ? NULL : open_recipient(ledger, who);
	if (to == NULL)
		return false;
	state = from->entry.state;
	set_entry(ledger, to, who, terms, state);
	from->entry.state = LEDGER_WAITS; /* has no unit any more */
	free_recipient(ledger, from);
	return true;
}

/* ---- for others ---- */

void ledger_free(struct ledger **ledger) {
	struct ledger *l = *ledger;

	*ledger = NULL;
	if (l == NULL)
		return;
	ledger_tidy(l, true);
	slices_free(&l->slices);
	index_free(&l->names);
	index_free(&l->addresses);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Is a unit there already? */
static bool look(struct ledger *ledger, const struct ledger_who *who, const struct slices_terms *terms) {
	struct transaction *t = find_transaction(ledger, who->transaction);
	const struct recipient *r = t == NULL ? NULL : find_recipient(t, ledger, who->address_key);

	if (t != NULL)
		touch(t, who);
	return (r != NULL && has_unit(r, terms)) || take_over(ledger, who, terms);
}

enum slices_outcome ledger_reserve(struct ledger *ledger, struct store *store, const struct ledger_who *who,
                                   const struct slices_terms *terms, struct err *err) {
	enum slices_outcome outcome;
	struct recipient *r;

	pthread_mutex_lock(&ledger->lock);
	if (look(ledger, who, terms)) {
		pthread_mutex_unlock(&ledger->lock);
		return SLICES_TAKEN;
	}
	pthread_mutex_unlock(&ledger->lock);
	/* Without the lock: it may have to ask the store. */
	outcome = slices_take(ledger->slices, store, terms, err);
	if (outcome == SLICES_FAILED)
		return outcome;
	pthread_mutex_lock(&ledger->lock);
	r = open_recipient(ledger, who);
	if (r == NULL || (outcome == SLICES_TAKEN && has_unit(r, terms))) {
		/* A repeated question was quicker, or there is no room. */
		if (outcome == SLICES_TAKEN)
			slices_give(ledger->slices, terms);
		if (r == NULL) {
			err_set(err, "too many messages under way");
			outcome = SLICES_FAILED;
		}
	} else if (!has_unit(r, terms)) {
		set_entry(ledger, r, who, terms, outcome == SLICES_TAKEN ? LEDGER_RESERVED : LEDGER_WAITS);
	}
	pthread_mutex_unlock(&ledger->lock);
	return outcome;
}

int ledger_note(struct ledger *ledger, const struct ledger_who *who, const struct slices_terms *terms,
                enum ledger_state state) {
	struct recipient *r;

	pthread_mutex_lock(&ledger->lock);
	r = open_recipient(ledger, who);
	if (r != NULL && r->entry.state != LEDGER_SPENT)
		set_entry(ledger, r, who, terms, state);
	pthread_mutex_unlock(&ledger->lock);
	return r == NULL ? -1 : 0;
}

void ledger_forget(struct ledger *ledger, struct span transaction, uint64_t address_key) {
	struct transaction *t;
	struct recipient *r;

	pthread_mutex_lock(&ledger->lock);
	t = find_transaction(ledger, transaction);
	r = t == NULL ? NULL : find_recipient(t, ledger, address_key);
	if (r != NULL)
		free_recipient(ledger, r);
	pthread_mutex_unlock(&ledger->lock);
}

int ledger_entries(struct ledger *ledger, struct span transaction, struct ledger_entry **entries_r, size_t *count_r,
                   enum ledger_end *end_r) {
	const struct transaction *t;
	const struct recipient *r;
	int outcome = 0;

	*entries_r = NULL;
	*count_r = 0;
	*end_r = LEDGER_OPEN;
	pthread_mutex_lock(&ledger->lock);
	t = find_transaction(ledger, transaction);
	if (t != NULL) {
		*end_r = t->end;
		*entries_r = calloc(t->count + 1, sizeof **entries_r);
		if (*entries_r == NULL)
			outcome = -1;
		else
			for (r = TAILQ_FIRST(&t->recipients); r != NULL; r = TAILQ_NEXT(r, link))
				(*entries_r)[(*count_r)++] = r->entry;
	}
	pthread_mutex_unlock(&ledger->lock);
	return outcome;
}

static void end_one(struct ledger *ledger, struct recipient *r, enum ledger_end end, ledger_spent *note,
                    void *context) {
	if (end == LEDGER_SENT && r->entry.state == LEDGER_RESERVED) {
		r->entry.state = LEDGER_SPENT;
		note(context, &r->entry.terms, 1);
	} else if (end != LEDGER_SENT && (r->entry.state == LEDGER_RESERVED || r->entry.state == LEDGER_SPENT)) {
		if (r->entry.state == LEDGER_SPENT)
			note(context, &r->entry.terms, -1);
		r->entry.state = LEDGER_WAITS;
		slices_give(ledger->slices, &r->entry.terms);
	}
}

/* Do so many go, or wait? */
static bool has_all(const struct transaction *t, enum ledger_end end, size_t expected) {
	const struct recipient *r;
	size_t count = 0;

	if (end == LEDGER_FAILED || expected == 0)
		return true;
	if (t == NULL)
		return false;
	for (r = TAILQ_FIRST(&t->recipients); r != NULL; r = TAILQ_NEXT(r, link))
		count += r->entry.state != LEDGER_DISCARD && (end == LEDGER_HELD || r->entry.state != LEDGER_WAITS);
	return count >= expected;
}

int ledger_end(struct ledger *ledger, struct span transaction, enum ledger_end end, size_t expected, ledger_spent *note,
               void *context) {
	struct transaction *t;
	struct recipient *r;
	int outcome;

	pthread_mutex_lock(&ledger->lock);
	t = find_transaction(ledger, transaction);
	outcome = has_all(t, end, expected) ? 0 : -1;
	if (t != NULL && outcome == 0) {
		t->end = end == LEDGER_FAILED ? LEDGER_OPEN : end;
		t->left |= end == LEDGER_FAILED;
		t->touched = slices_now();
		for (r = TAILQ_FIRST(&t->recipients); r != NULL; r = TAILQ_NEXT(r, link))
			end_one(ledger, r, end, note, context);
	}
	pthread_mutex_unlock(&ledger->lock);
	return outcome;
}

void ledger_leave(struct ledger *ledger, struct span transaction) {
	struct transaction *t;

	pthread_mutex_lock(&ledger->lock);
	t = find_transaction(ledger, transaction);
	if (t != NULL) {
		t->left = true;
		t->touched = slices_now();
	}
	pthread_mutex_unlock(&ledger->lock);
}

struct tidy {
	struct ledger *ledger;
	long long now;
	bool all;
};

static void tidy_one(void *context, struct index_node *node) {
	struct transaction *t = INDEX_OWNER(node, struct transaction, node);
	struct tidy *tidy = context;
	long patience = t->left || t->end != LEDGER_OPEN ? tidy->ledger->leave_ms : tidy->ledger->timeout_ms;

	if (tidy->all || tidy->now - t->touched >= patience)
		free_transaction(tidy->ledger, t);
}

void ledger_tidy(struct ledger *ledger, bool all) {
	struct tidy tidy = {ledger, slices_now(), all};

	pthread_mutex_lock(&ledger->lock);
	index_each(&ledger->names, tidy_one, &tidy);
	pthread_mutex_unlock(&ledger->lock);
}

size_t ledger_count(struct ledger *ledger) {
	size_t count;

	pthread_mutex_lock(&ledger->lock);
	count = ledger->names.count;
	pthread_mutex_unlock(&ledger->lock);
	return count;
}
