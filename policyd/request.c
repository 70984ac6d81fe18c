#include "policyd/decide_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list_match.h"
#include "lib/log.h"
#include "lib/now.h"
#include "lib/store_hold.h"
#include "policyd/index.h"

static const struct conf_list *find_list(const struct conf *conf, const struct policy_request *r) {
	struct list_traits traits = {.login = r->sasl_username, .client = r->client_address};
	struct addr sender;

	if (!list_trusts(conf, r->client_address, r->sasl_username))
		return NULL;
	if (addr_parse(r->sender, &sender) == 0)
		traits.sender = &sender;
	return list_match(conf, &traits);
}

static bool keep(char *room, size_t size, struct span text) {
	if (text.len >= size || (text.len > 0 && memchr(text.at, '\0', text.len) != NULL))
		return false;
	snprintf(room, size, "%.*s", SPAN_ARG(text));
	return true;
}

/* The list that envelope and origin say; NULL: none of our business. */
static const struct conf_list *list_of(struct decider *d, const struct policy_request *r) {
	struct decide_origin *last = &d->origin;

	if (last->known && span_equal(span_of(last->sender), r->sender) &&
	    span_equal(span_of(last->client), r->client_address) && span_equal(span_of(last->login), r->sasl_username))
		return last->list;
	last->list = find_list(d->world->conf, r);
	last->known = keep(last->client, sizeof last->client, r->client_address) &&
	              keep(last->login, sizeof last->login, r->sasl_username) &&
	              keep(last->sender, sizeof last->sender, r->sender);
	return last->list;
}

static struct question ask(const struct policy_request *r, struct span stage, const struct decide_talk *talk,
                           const struct conf_list *list) {
	return (struct question){
	        .stage = stage,
	        .who = {.transaction = span_of(talk->transaction),
	                .queue_id = r->queue_id,
	                .list = list == NULL ? r->list : span_of(list->name)},
	        .sender = r->sender,
	        .message_id = r->message_id,
	        .list = list,
	};
}

static void on_spent(void *context, const struct slices_terms *terms, int units) {
	traffic_count(context, terms->stream, terms->provider, units);
}

static int end_transaction(struct decider *d, struct span transaction, enum ledger_end end, size_t expected) {
	return ledger_end(d->policy->ledger, transaction, end, expected, on_spent, d->policy->traffic);
}

static void answer_rcpt(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                        struct buf *out) {
	const struct conf_list *list = list_of(d, r);
	struct question q;
	struct answer answer;

	if (list == NULL) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	q = ask(r, SPAN("rcpt"), talk, list);
	if (decide_name(d, &q, r->recipient) != 0) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	decide_one(d, &q, &answer);
	/* Without an instance nobody can come back to it: it counts as it is. */
	if (r->instance.len == 0)
		end_transaction(d, q.who.transaction, LEDGER_SENT, 0);
	answer_action(&answer, false, out);
}

static void answer_failure(struct decider *d, const char *reason, struct buf *out) {
	struct answer answer;

	answer_error(&answer, d->world->conf, reason);
	decide_count(d, &answer);
	answer_action(&answer, true, out);
}

/* The milter read a configuration that this process has not read yet, or no longer has.
 * Whose quota it is, nobody here can say. */
static void answer_unknown_list(struct decider *d, struct question *q, const struct policy_request *r,
                                struct buf *out) {
	char name[128], reason[256];

	snprintf(name, sizeof name, "%.*s", SPAN_ARG(r->list));
	snprintf(reason, sizeof reason, "todoku-policyd knows no list %s; reload it", name);
	log_line(CONF_LOG_WARNING, "unknown_list", "list", name, "reason", "the milter has another configuration",
	         NULL);
	q->who.address_key = index_hash(INDEX_SEED, r->recipient);
	ledger_note(d->policy->ledger, &q->who, &q->terms, LEDGER_FREE);
	answer_failure(d, reason, out);
}

static void answer_recipient(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                             struct buf *out) {
	const struct conf_list *list = conf_find_list(d->world->conf, r->list);
	struct question q;
	struct answer answer;

	q = ask(r, SPAN("milter"), talk, list);
	if (list == NULL) {
		answer_unknown_list(d, &q, r, out);
		return;
	}
	/* No address of ours, as "postmaster": it goes, and is counted at the end. */
	if (decide_name(d, &q, r->recipient) != 0) {
		q.who.address_key = index_hash(INDEX_SEED, r->recipient);
		ledger_note(d->policy->ledger, &q.who, &q.terms, LEDGER_FREE);
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	decide_one(d, &q, &answer);
	answer_action(&answer, true, out);
}

/* Rows of who waits; all of the message waits for the last of them.  Who needs no unit waits
 * along. */
static int hold(struct decider *d, const struct ledger_entry *entries, size_t count, struct span queue_id,
                struct err *err) {
	struct store_held *rows = calloc(count + 1, sizeof *rows);
	size_t used = 0, i;
	int outcome;

	if (rows == NULL)
		return err_set(err, "out of memory");
	for (i = 0; i < count; i++)
		if (entries[i].state != LEDGER_DISCARD && entries[i].state != LEDGER_FREE)
			rows[used++] = (struct store_held){
			        .host = span_of(d->world->hostname),
			        .queue_id = queue_id,
			        .stream = span_of(entries[i].terms.stream),
			        .list = span_of(entries[i].list),
			        .provider = span_of(entries[i].terms.provider),
			        .address = span_of(entries[i].address),
			        .address_key = entries[i].address_key,
			        .why = span_of(d->held_for == NULL ? "quota" : d->held_for),
			        .time = now_seconds(),
			};
	outcome = decide_open_store(d, err) != 0                   ? -1
	          : store_hold_add(d->store, rows, used, err) != 0 ? decide_store_broke(d, err)
	                                                           : 0;
	free(rows);
	return outcome;
}

/* What waits must be on record, and what goes be counted: never is the answer on_error's. */
static void answer_not_recorded(const struct err *err, struct buf *out) {
	struct answer answer = {.kind = ANSWER_ERROR, .reason = "error"};

	snprintf(answer.text, sizeof answer.text, "can't be recorded: %.300s", err->text);
	answer_action(&answer, true, out);
}

static enum ledger_end read_result(struct span result) {
	return span_equal(result, SPAN("sent"))   ? LEDGER_SENT
	       : span_equal(result, SPAN("held")) ? LEDGER_HELD
	                                          : LEDGER_FAILED;
}

/* Those who wait, on record; 0, or -1. */
static int hold_entries(struct decider *d, struct span transaction, struct span queue_id, struct err *err) {
	struct ledger_entry *entries;
	enum ledger_end end;
	size_t found;
	int outcome;

	if (ledger_entries(d->policy->ledger, transaction, &entries, &found, &end) != 0)
		return err_set(err, "out of memory");
	outcome = hold(d, entries, found, queue_id, err);
	free(entries);
	return outcome;
}

/* The milter tells the end. */
static void answer_end(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                       struct buf *out) {
	struct span transaction = span_of(talk->transaction);
	enum ledger_end end = read_result(r->result);
	struct err err = {"its units were given back meanwhile: it took too long"};

	if ((end == LEDGER_HELD && hold_entries(d, transaction, r->queue_id, &err) != 0) ||
	    end_transaction(d, transaction, end, r->recipient_count) != 0)
		answer_not_recorded(&err, out);
	else
		policy_answer(out, SPAN("DUNNO"));
}

/* ---- END-OF-MESSAGE ---- */

/* Of several answers the one that all must share: what is put off or refused is so
 * for all, what waits lets all wait.  Nobody is told of a recipient dropped beside others. */
static bool weighs_more(const struct answer *a, const struct answer *b) {
	static const int weight[] = {
	        [ANSWER_DISCARD] = 0, [ANSWER_PASS] = 1,  [ANSWER_HOLD] = 2,
	        [ANSWER_REJECT] = 3,  [ANSWER_DEFER] = 4, [ANSWER_ERROR] = 5,
	};

	return weight[a->kind] > weight[b->kind];
}

/* A message's recipients, all together. */
struct verdict {
	struct answer answer; /* the one that weighs most */
	size_t decided;
	bool dropped; /* one is to be dropped in silence */
};

static void decide_into(struct decider *d, const struct question *base, struct span address, struct verdict *verdict) {
	struct question q = *base;
	struct answer one;

	if (decide_name(d, &q, address) != 0)
		return;
	decide_one(d, &q, &one);
	verdict->dropped |= one.kind == ANSWER_DISCARD;
	if (verdict->decided++ == 0 || weighs_more(&one, &verdict->answer))
		verdict->answer = one;
}

/* Asks anew for each that RCPT let pass: much may have happened since.  Recipients that
 * Postfix counts and nobody here knows were forgotten over time or a restart, or are one address
 * twice; they were let pass at RCPT, and each takes a unit all the same. */
static void decide_all(struct decider *d, const struct question *base, const struct ledger_entry *entries, size_t found,
                       size_t counted, struct verdict *verdict) {
	char unknown[64];
	size_t i;

	for (i = 0; i < found; i++)
		decide_into(d, base, span_of(entries[i].address), verdict);
	for (; i < counted; i++) {
		snprintf(unknown, sizeof unknown, "unknown-%zu@recipient.invalid", i);
		decide_into(d, base, span_of(unknown), verdict);
	}
}

/* Postfix drops a message for all or for none. */
static void refuse_mixed(const struct conf_list *list, size_t count, struct verdict *verdict) {
	struct answer *answer = &verdict->answer;

	if (!verdict->dropped || answer->kind >= ANSWER_DEFER ||
	    (answer->kind == ANSWER_DISCARD && count <= verdict->decided))
		return;
	answer->kind = ANSWER_REJECT;
	answer->reason = "suppressed";
	snprintf(answer->text, sizeof answer->text,
	         "one of its recipients may not have mail of list %s: send to each alone", list->name);
}

/* Postfix repeats the question: the same again. */
static void repeat(enum ledger_end end, struct answer *answer) {
	answer_pass(answer, "repeated");
	if (end == LEDGER_HELD) {
		answer->kind = ANSWER_HOLD;
		snprintf(answer->text, sizeof answer->text, "waits for quota");
	}
}

static void finish(struct decider *d, const struct question *base, const struct answer *answer, size_t expected,
                   struct buf *out) {
	enum ledger_end end = answer->kind == ANSWER_PASS   ? LEDGER_SENT
	                      : answer->kind == ANSWER_HOLD ? LEDGER_HELD
	                                                    : LEDGER_FAILED;
	struct span transaction = base->who.transaction;
	struct err err = {"its units were given back meanwhile: it took too long"};

	if ((end == LEDGER_HELD && hold_entries(d, transaction, base->who.queue_id, &err) != 0) ||
	    end_transaction(d, transaction, end, expected) != 0) {
		answer_not_recorded(&err, out);
		end_transaction(d, transaction, LEDGER_FAILED, 0);
	} else {
		answer_action(answer, true, out);
	}
}

static void decide_message(struct decider *d, const struct question *base, const struct policy_request *r,
                           const struct ledger_entry *entries, size_t found, struct buf *out) {
	/* Without a stream there is nothing to count. */
	bool counts = conf_find_stream(d->world->conf, span_of(base->list->stream)) != NULL;
	size_t count = r->recipient_count > 0 ? r->recipient_count : found > 0 ? found : 1;
	struct verdict verdict = {.decided = 0};

	answer_pass(&verdict.answer, "quota");
	/* Refused by others after all: their units come back. */
	while (found > count)
		ledger_forget(d->policy->ledger, base->who.transaction, entries[--found].address_key);
	if (found == 0 && count == 1 && r->recipient.len > 0)
		decide_into(d, base, r->recipient, &verdict);
	else
		decide_all(d, base, entries, found, counts ? count : found, &verdict);
	refuse_mixed(base->list, count, &verdict);
	/* Only who could be decided upon is expected: "postmaster" is no address. */
	finish(d, base, &verdict.answer, verdict.decided, out);
}

static void answer_end_of_message(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                                  struct buf *out) {
	const struct conf_list *list = list_of(d, r);
	struct ledger_entry *entries = NULL;
	struct question base;
	struct answer answer;
	enum ledger_end end;
	size_t found;

	if (list == NULL || list->shadow || r->instance.len == 0) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	base = ask(r, SPAN("end"), talk, list);
	if (r->recipient_count > LEDGER_RECIPIENTS_MAX) {
		answer_failure(d, "more recipients than can be counted", out);
		return;
	}
	if (ledger_entries(d->policy->ledger, base.who.transaction, &entries, &found, &end) != 0) {
		answer_failure(d, "out of memory", out);
		return;
	}
	if (end != LEDGER_OPEN) {
		repeat(end, &answer);
		answer_action(&answer, true, out);
	} else {
		decide_message(d, &base, r, entries, found, out);
	}
	free(entries);
}

/* ---- dispatch ---- */

/* The name under which the ledger knows what the request is about.  A new one: the
 * connection is done with the one before. */
static void follow(struct decider *d, struct decide_talk *talk, const struct policy_request *r) {
	char name[sizeof talk->transaction];

	if (r->instance.len > 0)
		snprintf(name, sizeof name, "%s:%.*s", r->kind == POLICY_ACCESS ? "i" : "m", SPAN_ARG(r->instance));
	else
		snprintf(name, sizeof name, "i:?%p %llu", (void *)d, (unsigned long long)d->unnamed++);
	if (strcmp(name, talk->transaction) == 0)
		return;
	decider_leave(d, talk);
	memcpy(talk->transaction, name, sizeof name);
}

void decider_leave(struct decider *d, struct decide_talk *talk) {
	if (talk->transaction[0] != '\0')
		ledger_leave(d->policy->ledger, span_of(talk->transaction));
	talk->transaction[0] = '\0';
}

static void dispatch(struct decider *d, struct decide_talk *talk, const struct policy_request *r, struct buf *out) {
	follow(d, talk, r);
	if (r->kind == POLICY_RECIPIENT)
		answer_recipient(d, talk, r, out);
	else if (r->kind == POLICY_END)
		answer_end(d, talk, r, out);
	else if (r->state == POLICY_STATE_RCPT)
		answer_rcpt(d, talk, r, out);
	else if (r->state == POLICY_STATE_END)
		answer_end_of_message(d, talk, r, out);
	else
		policy_answer(out, SPAN("DUNNO"));
}

/* The world in force; what was remembered of another one is forgotten. */
static void take_world(struct decider *d) {
	unsigned generation = atomic_load(&d->policy->generation);

	if (d->snapshot != NULL && d->generation == generation)
		return;
	if (d->snapshot != NULL)
		snapshot_put(&d->snapshot);
	d->snapshot = snapshot_get(d->policy->worlds);
	d->generation = generation;
	d->world = snapshot_value(d->snapshot);
	limits_reset(d->limits);
	memset(d->domains, 0, sizeof d->domains);
	d->origin.known = false;
}

void decider_answer(struct decider *d, struct decide_talk *talk, const struct policy_request *request,
                    struct buf *out) {
	uint64_t started = metrics_now();

	take_world(d);
	dispatch(d, talk, request, out);
	metric_observe(d->policy->metrics.seconds, metrics_now() - started);
}
