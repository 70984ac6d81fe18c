#include "policyd/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/list_match.h"
#include "lib/log.h"
#include "lib/now.h"
#include "lib/store_hold.h"
#include "lib/store_status.h"
#include "lib/token.h"
#include "policyd/answer.h"
#include "policyd/limits.h"

/* What the world is told; the log has the reason. */
#define STORE_DOWN "the store does not answer; try again later"
#define HANDLE_MS 1000 /* between two looks whether the store is still the same file */

struct decider {
	struct policy *policy;
	struct limits *limits;
	const struct policy_world *world; /* of the request at hand */
	long long limits_of;              /* the world's `loaded` */
	struct store *store;              /* NULL: to be opened */
	long long opened;
	long long pause_to; /* the store failed: not asked before */
	struct err failure;
	uint64_t unnamed; /* transactions without a name of their own */
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
};

struct decider *decider_new(struct policy *policy) {
	struct decider *decider = calloc(1, sizeof *decider);

	if (decider == NULL)
		return NULL;
	decider->policy = policy;
	decider->limits = limits_new();
	if (decider->limits == NULL)
		decider_free(&decider);
	return decider;
}

void decider_free(struct decider **decider) {
	struct decider *d = *decider;

	*decider = NULL;
	if (d == NULL)
		return;
	if (d->store != NULL)
		store_pool_give(d->policy->pool, &d->store, false);
	limits_free(&d->limits);
	free(d);
}

/* ---- the store ---- */

static int store_broke(struct decider *d, struct err *err) {
	if (d->store != NULL)
		store_pool_give(d->policy->pool, &d->store, true);
	if (d->pause_to == 0)
		log_line(CONF_LOG_ERROR, "store_failed", "reason", err->text, "effect", "answers are those of on_error",
		         NULL);
	d->pause_to = slices_now() + DECIDE_PAUSE_MS;
	d->failure = *err;
	return -1;
}

static int open_store(struct decider *d, struct err *err) {
	long long now = slices_now();

	if (d->pause_to > now)
		return err_set(err, "%s", d->failure.text);
	if (d->store != NULL && now - d->opened >= HANDLE_MS)
		store_pool_give(d->policy->pool, &d->store, false);
	if (d->store != NULL)
		return 0;
	d->store = store_pool_take(d->policy->pool, err);
	d->opened = now;
	return d->store == NULL ? store_broke(d, err) : 0;
}

static void store_works(struct decider *d) {
	if (d->pause_to != 0)
		log_line(CONF_LOG_INFO, "store_answers_again", NULL);
	d->pause_to = 0;
}

/* ---- one recipient ---- */

static int check_standing(struct decider *d, const struct question *q, struct answer *answer, struct err *err) {
	const struct conf *conf = d->world->conf;
	struct store_standing standing;

	if (store_find_standing(d->store, q->who.address_key, span_of(q->list->name), &standing, err) != 0)
		return -1;
	if (standing.status != STORE_ACTIVE)
		answer_suppressed(answer, conf, addr_span(&q->recipient), q->list, &standing);
	else if (standing.temporary_failed != 0 && conf->policyd.temporary_failed == CONF_TEMPORARY_FAILED_REJECT)
		answer_temporary_failed(answer, addr_span(&q->recipient), &standing);
	return 0;
}

static int find_provider(struct decider *d, const struct question *q, const struct warmup_today *today, time_t now,
                         char name_r[PROVIDER_NAME_SIZE], struct err *err) {
	struct span domain = addr_domain(&q->recipient);
	bool fresh = true;

	if (provider_find(d->world->conf, d->store, domain, today->day, now, name_r, &fresh, err) != 0)
		return -1;
	if (!fresh && d->policy->look_up != NULL)
		d->policy->look_up(d->policy->look_up_context, domain);
	return 0;
}

/* At RCPT nobody counts what has no limit. */
static bool needs_unit(const struct question *q) {
	return q->terms.limit != STORE_NO_LIMIT || q->terms.provider_limit != STORE_NO_LIMIT ||
	       !span_equal(q->stage, SPAN("rcpt"));
}

static int check_quota(struct decider *d, struct question *q, struct answer *answer, struct err *err) {
	const struct policy_world *world = d->world;
	time_t now = now_seconds();
	const struct warmup_today *today =
	        limits_today(d->limits, d->store, world->conf, q->stream, world->zone, now, err);
	char provider[PROVIDER_NAME_SIZE];

	if (today == NULL || find_provider(d, q, today, now, provider, err) != 0)
		return -1;
	if (d->policy->alert != NULL && (today->now_stopped || today->now_open || today->now_closed))
		d->policy->alert(d->policy->alert_context, world->conf, q->stream, today);
	limits_terms(world->conf, q->stream, today, provider, &q->terms);
	if (q->list->shadow)
		return 0;
	if (today->open) {
		answer_breaker(answer, q->stream, today);
		return answer->kind == ANSWER_HOLD &&
		                       ledger_note(d->policy->ledger, &q->who, &q->terms, LEDGER_WAITS) != 0
		               ? err_set(err, "out of memory")
		               : 0;
	}
	if (!needs_unit(q))
		return 0;
	switch (ledger_reserve(d->policy->ledger, d->store, &q->who, &q->terms, err)) {
	case SLICES_TAKEN:
		return 0;
	case SLICES_OVER:
		answer_over_quota(answer, q->stream, today, provider,
		                  q->terms.provider_limit == STORE_NO_LIMIT ? WARMUP_UNLIMITED
		                                                            : q->terms.provider_limit,
		                  world->zone);
		return 0;
	default:
		return -1;
	}
}

/* Who is refused has no place in the transaction; who is dropped is noted, for the end. */
static void settle(struct decider *d, const struct question *q, const struct answer *answer) {
	if (answer->kind == ANSWER_DISCARD)
		ledger_note(d->policy->ledger, &q->who, &q->terms, LEDGER_DISCARD);
	else if (answer->kind != ANSWER_PASS && answer->kind != ANSWER_HOLD)
		ledger_forget(d->policy->ledger, q->who.transaction, q->who.address_key);
}

static void count(struct policy_totals *totals, const struct answer *answer) {
	switch (answer->kind) {
	case ANSWER_PASS:
		totals->passed++;
		break;
	case ANSWER_HOLD:
		totals->held++;
		break;
	case ANSWER_DISCARD:
		totals->discarded++;
		break;
	case ANSWER_DEFER:
		totals->deferred++;
		break;
	case ANSWER_REJECT:
		totals->rejected++;
		break;
	case ANSWER_ERROR:
		totals->errors++;
		break;
	}
}

/* What passes or waits at RCPT is decided upon at the end, and told then. */
static void record(struct decider *d, const struct question *q, const struct answer *answer) {
	bool final = !span_equal(q->stage, SPAN("rcpt"));
	char rcpt[LOG_ADDRESS_SIZE], queue_id[64];
	struct decision decision = {
	        .time = now_seconds(),
	        .stage = q->stage,
	        .outcome = span_of(q->list->shadow ? "shadow" : answer_kind_name(answer->kind)),
	        .reason = span_of(answer->reason),
	        .text = span_of(answer->text),
	        .list = span_of(q->list->name),
	        .stream = span_of(q->list->stream),
	        .sender = q->sender,
	        .address = addr_span(&q->recipient),
	        .address_key = q->who.address_key,
	        .queue_id = q->who.queue_id,
	        .message_id = q->message_id,
	};

	count(&d->policy->totals, answer);
	if (!final && (answer->kind == ANSWER_PASS || answer->kind == ANSWER_HOLD || answer->kind == ANSWER_DISCARD))
		return;
	decisions_add(d->policy->log, &decision);
	if (answer->kind == ANSWER_PASS)
		return;
	snprintf(queue_id, sizeof queue_id, "%.*s", SPAN_ARG(q->who.queue_id));
	log_line(CONF_LOG_INFO, q->list->shadow ? "would_refuse" : answer_kind_name(answer->kind), "queue_id",
	         queue_id[0] == '\0' ? NULL : queue_id, "list", q->list->name, "rcpt",
	         log_address(rcpt, addr_span(&q->recipient), q->who.address_key), "reason", answer->reason, "text",
	         answer->text, NULL);
}

static void decide(struct decider *d, struct question *q, struct answer *answer) {
	struct err err = {""};

	answer_pass(answer, "quota");
	q->stream = q->list->stream[0] == '\0' ? NULL : conf_find_stream(d->world->conf, span_of(q->list->stream));
	if (open_store(d, &err) != 0) {
		answer_error(answer, d->world->conf, STORE_DOWN);
	} else if (check_standing(d, q, answer, &err) != 0 ||
	           (answer->kind == ANSWER_PASS && q->stream != NULL && check_quota(d, q, answer, &err) != 0)) {
		store_broke(d, &err);
		answer_error(answer, d->world->conf, STORE_DOWN);
	} else {
		store_works(d);
	}
	if (!q->list->shadow)
		settle(d, q, answer);
	record(d, q, answer);
	if (q->list->shadow)
		answer_pass(answer, "shadow");
}

/* ---- requests ---- */

/* The list that envelope and origin say; NULL: none of our business. */
static const struct conf_list *list_of(const struct conf *conf, const struct policy_request *r) {
	struct list_traits traits = {.login = r->sasl_username, .client = r->client_address};
	struct addr sender;

	if (!list_trusts(conf, r->client_address, r->sasl_username))
		return NULL;
	if (addr_parse(r->sender, &sender) == 0)
		traits.sender = &sender;
	return list_match(conf, &traits);
}

static struct question ask(struct decider *d, const struct policy_request *r, struct span stage,
                           const struct decide_talk *talk, const struct conf_list *list) {
	(void)d;
	return (struct question){
	        .stage = stage,
	        .who = {.transaction = span_of(talk->transaction),
	                .queue_id = r->queue_id,
	                .list = span_of(list->name)},
	        .sender = r->sender,
	        .message_id = r->message_id,
	        .list = list,
	};
}

static int name_recipient(struct decider *d, struct question *q, struct span address) {
	if (addr_parse(address, &q->recipient) != 0)
		return -1;
	q->who.address = addr_span(&q->recipient);
	q->who.address_key = token_address_key(d->world->ring, q->who.address);
	return 0;
}

static void on_spent(void *context, const struct slices_terms *terms, int units) {
	traffic_count(context, terms->stream, terms->provider, units);
}

static void end_transaction(struct decider *d, struct span transaction, enum ledger_end end) {
	ledger_end(d->policy->ledger, transaction, end, on_spent, d->policy->traffic);
}

static void answer_rcpt(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                        struct buf *out) {
	const struct conf_list *list = list_of(d->world->conf, r);
	struct question q;
	struct answer answer;

	if (list == NULL) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	q = ask(d, r, SPAN("rcpt"), talk, list);
	if (name_recipient(d, &q, r->recipient) != 0) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	decide(d, &q, &answer);
	/* Without an instance nobody can come back to it: it counts as it is. */
	if (r->instance.len == 0)
		end_transaction(d, q.who.transaction, LEDGER_SENT);
	answer_action(&answer, false, out);
}

static void answer_recipient(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                             struct buf *out) {
	const struct conf_list *list = conf_find_list(d->world->conf, r->list);
	struct question q;
	struct answer answer;

	if (list == NULL) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	q = ask(d, r, SPAN("milter"), talk, list);
	if (name_recipient(d, &q, r->recipient) != 0) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	decide(d, &q, &answer);
	answer_action(&answer, true, out);
}

/* Rows of who waits; all of the message waits for the last of them. */
static int hold(struct decider *d, const struct ledger_entry *entries, size_t count_, struct span queue_id,
                struct err *err) {
	struct store_held *rows = calloc(count_ + 1, sizeof *rows);
	size_t used = 0, i;
	int outcome;

	if (rows == NULL)
		return err_set(err, "out of memory");
	for (i = 0; i < count_; i++)
		if (entries[i].state != LEDGER_DISCARD)
			rows[used++] = (struct store_held){
			        .host = span_of(d->world->hostname),
			        .queue_id = queue_id,
			        .stream = span_of(entries[i].terms.stream),
			        .list = span_of(entries[i].list),
			        .provider = span_of(entries[i].terms.provider),
			        .address = span_of(entries[i].address),
			        .address_key = entries[i].address_key,
			        .why = SPAN("quota"),
			        .time = now_seconds(),
			};
	outcome = open_store(d, err) != 0                          ? -1
	          : store_hold_add(d->store, rows, used, err) != 0 ? store_broke(d, err)
	                                                           : 0;
	free(rows);
	return outcome;
}

static void answer_failure(struct decider *d, const char *reason, struct buf *out) {
	struct answer answer;

	answer_error(&answer, d->world->conf, reason);
	count(&d->policy->totals, &answer);
	answer_action(&answer, true, out);
}

/* A message that waits must be on record: never is the answer on_error's. */
static void answer_not_held(const struct err *err, struct buf *out) {
	struct answer answer = {.kind = ANSWER_ERROR, .reason = "error"};

	snprintf(answer.text, sizeof answer.text, "can't record that it is to be held: %.300s", err->text);
	answer_action(&answer, true, out);
}

/* The milter tells the end. */
static void answer_end(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                       struct buf *out) {
	struct span transaction = span_of(talk->transaction);
	struct ledger_entry *entries;
	struct err err = {"out of memory"};
	size_t found;
	enum ledger_end end;

	if (!span_equal(r->result, SPAN("held"))) {
		end_transaction(d, transaction, span_equal(r->result, SPAN("sent")) ? LEDGER_SENT : LEDGER_FAILED);
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	if (ledger_entries(d->policy->ledger, transaction, &entries, &found, &end) != 0 ||
	    hold(d, entries, found, r->queue_id, &err) != 0) {
		answer_not_held(&err, out);
	} else {
		end_transaction(d, transaction, LEDGER_HELD);
		policy_answer(out, SPAN("DUNNO"));
	}
	free(entries);
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

/* Asks anew for each that RCPT let pass: much may have happened since. */
static void decide_all(struct decider *d, const struct question *base, const struct ledger_entry *entries, size_t found,
                       struct answer *answer) {
	struct answer one;
	bool dropped = false;
	size_t i;

	for (i = 0; i < found; i++) {
		struct question q = *base;

		if (name_recipient(d, &q, span_of(entries[i].address)) != 0)
			continue;
		decide(d, &q, &one);
		dropped |= one.kind == ANSWER_DISCARD;
		if (i == 0 || weighs_more(&one, answer))
			*answer = one;
	}
	if (dropped && answer->kind != ANSWER_DISCARD && answer->kind < ANSWER_DEFER) {
		answer->kind = ANSWER_REJECT;
		answer->reason = "suppressed";
		snprintf(answer->text, sizeof answer->text,
		         "one of its recipients may not have mail of list %s: send to each alone", base->list->name);
	}
}

/* Postfix repeats the question: the same again. */
static void repeat(enum ledger_end end, struct answer *answer) {
	answer_pass(answer, "repeated");
	if (end == LEDGER_HELD) {
		answer->kind = ANSWER_HOLD;
		snprintf(answer->text, sizeof answer->text, "waits for quota");
	}
}

static void finish(struct decider *d, const struct question *base, struct answer *answer, struct buf *out) {
	struct span transaction = base->who.transaction;
	struct ledger_entry *entries = NULL;
	struct err err = {"out of memory"};
	size_t found;
	enum ledger_end end;

	if (answer->kind == ANSWER_HOLD &&
	    (ledger_entries(d->policy->ledger, transaction, &entries, &found, &end) != 0 ||
	     hold(d, entries, found, base->who.queue_id, &err) != 0)) {
		answer_not_held(&err, out);
		end_transaction(d, transaction, LEDGER_FAILED);
	} else {
		end_transaction(d, transaction,
		                answer->kind == ANSWER_PASS   ? LEDGER_SENT
		                : answer->kind == ANSWER_HOLD ? LEDGER_HELD
		                                              : LEDGER_FAILED);
		answer_action(answer, true, out);
	}
	free(entries);
}

/* Has its stream a limit?  Then a message whose recipients were forgotten (a restart) may
 * not pass uncounted. */
static bool unknown_matters(struct decider *d, const struct conf_list *list) {
	const struct conf_stream *stream = conf_find_stream(d->world->conf, span_of(list->stream));

	return !list->shadow && stream != NULL && strcmp(stream->plan, "none") != 0;
}

static void answer_end_of_message(struct decider *d, const struct decide_talk *talk, const struct policy_request *r,
                                  struct buf *out) {
	const struct conf_list *list = list_of(d->world->conf, r);
	struct ledger_entry *entries = NULL;
	struct question base;
	struct answer answer;
	enum ledger_end end;
	size_t found;

	if (list == NULL || r->instance.len == 0) {
		policy_answer(out, SPAN("DUNNO"));
		return;
	}
	base = ask(d, r, SPAN("end"), talk, list);
	if (ledger_entries(d->policy->ledger, base.who.transaction, &entries, &found, &end) != 0) {
		answer_failure(d, "out of memory", out);
		return;
	}
	answer_pass(&answer, "quota");
	if (end != LEDGER_OPEN) {
		repeat(end, &answer);
		answer_action(&answer, true, out);
	} else {
		/* Refused by others after all: their units come back. */
		while (r->recipient_count > 0 && found > r->recipient_count)
			ledger_forget(d->policy->ledger, base.who.transaction, entries[--found].address_key);
		if (found > 0) {
			decide_all(d, &base, entries, found, &answer);
		} else if (name_recipient(d, &base, r->recipient) == 0) {
			decide(d, &base, &answer);
		} else if (unknown_matters(d, list)) {
			answer.kind = ANSWER_DEFER;
			answer.reason = "restarted";
			snprintf(answer.text, sizeof answer.text,
			         "its recipients are not known here any more; send it again");
		}
		finish(d, &base, &answer, out);
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

void decider_answer(struct decider *d, struct decide_talk *talk, const struct policy_request *request,
                    struct buf *out) {
	struct snapshot *snapshot = snapshot_get(d->policy->worlds);

	d->world = snapshot_value(snapshot);
	if (d->limits_of != d->world->loaded) {
		limits_reset(d->limits);
		d->limits_of = d->world->loaded;
	}
	d->policy->totals.requests++;
	dispatch(d, talk, request, out);
	d->world = NULL;
	snapshot_put(&snapshot);
}
