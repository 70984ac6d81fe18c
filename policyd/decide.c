#include "policyd/decide_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/now.h"
#include "lib/store_status.h"
#include "lib/token.h"
#include "policyd/index.h"

/* What the world is told; the log has the reason. */
#define STORE_DOWN "the store does not answer; try again later"
#define HANDLE_MS 1000 /* between two looks whether the store is still the same file */

struct decider *decider_new(struct policy *policy) {
	struct decider *decider = calloc(1, sizeof *decider);

	if (decider == NULL)
		return NULL;
	decider->policy = policy;
	decider->limits = limits_new();
	decider->filter = store_filter_new();
	if (decider->limits == NULL || decider->filter == NULL)
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
	if (d->snapshot != NULL)
		snapshot_put(&d->snapshot);
	limits_free(&d->limits);
	store_filter_free(&d->filter);
	free(d);
}

/* ---- the store ---- */

int decide_store_broke(struct decider *d, struct err *err) {
	if (d->store != NULL)
		store_pool_give(d->policy->pool, &d->store, true);
	if (d->pause_to == 0)
		log_line(CONF_LOG_ERROR, "store_failed", "reason", err->text, "effect", "answers are those of on_error",
		         NULL);
	d->pause_to = slices_now() + DECIDE_PAUSE_MS;
	d->failure = *err;
	return -1;
}

int decide_open_store(struct decider *d, struct err *err) {
	long long now = slices_now();

	if (d->pause_to > now)
		return err_set(err, "%s", d->failure.text);
	if (d->store != NULL && now - d->opened >= HANDLE_MS)
		store_pool_give(d->policy->pool, &d->store, false);
	if (d->store != NULL)
		return 0;
	d->store = store_pool_take(d->policy->pool, err);
	d->opened = now;
	return d->store == NULL ? decide_store_broke(d, err) : 0;
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

	/* Nearly everybody is. */
	if (store_filter_is_active(d->filter, d->store, q->who.address_key))
		return 0;
	if (store_find_standing(d->store, q->who.address_key, span_of(q->list->name), &standing, err) != 0)
		return -1;
	if (standing.status != STORE_ACTIVE)
		answer_suppressed(answer, conf, addr_span(&q->recipient), q->list, &standing);
	else if (standing.temporary_failed != 0 && conf->policyd.temporary_failed == CONF_TEMPORARY_FAILED_REJECT)
		answer_temporary_failed(answer, addr_span(&q->recipient), &standing);
	return 0;
}

/* Mail of a campaign goes to few domains again and again. */
static int find_provider(struct decider *d, const struct question *q, const struct warmup_today *today, time_t now,
                         const char **name_r, struct err *err) {
	struct span domain = addr_domain(&q->recipient);
	struct decide_domain *known = &d->domains[index_hash(INDEX_SEED, domain) & (DECIDE_DOMAINS - 1)];
	long long looked = slices_now();
	bool fresh = true;

	*name_r = known->provider;
	if (span_equal(span_of(known->name), domain) && known->day == today->day && looked - known->looked < HANDLE_MS)
		return 0;
	known->name[0] = '\0';
	if (provider_find(d->world->conf, d->store, domain, today->day, now, known->provider, &fresh, err) != 0)
		return -1;
	if (!fresh && d->policy->look_up != NULL)
		d->policy->look_up(d->policy->look_up_context, domain);
	known->day = today->day;
	known->looked = looked;
	/* A longer one is never found here, and asked for each time. */
	if (domain.len < sizeof known->name)
		snprintf(known->name, sizeof known->name, "%.*s", SPAN_ARG(domain));
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
	const char *provider;

	if (today == NULL || find_provider(d, q, today, now, &provider, err) != 0)
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
		q->has_unit = true;
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

/* Who is refused has no place in the transaction; who is dropped, or goes without a unit, is
 * noted for the end. */
static void settle(struct decider *d, const struct question *q, const struct answer *answer) {
	if (answer->kind == ANSWER_HOLD)
		d->held_for = answer->reason;
	if (answer->kind == ANSWER_DISCARD)
		ledger_note(d->policy->ledger, &q->who, &q->terms, LEDGER_DISCARD);
	else if (answer->kind == ANSWER_PASS && !q->has_unit && !span_equal(q->stage, SPAN("rcpt")))
		ledger_note(d->policy->ledger, &q->who, &q->terms, LEDGER_FREE);
	else if (answer->kind != ANSWER_PASS && answer->kind != ANSWER_HOLD)
		ledger_forget(d->policy->ledger, q->who.transaction, q->who.address_key);
}

void decide_count(struct decider *d, const struct answer *answer) {
	struct policy_totals *totals = &d->policy->totals;

	metric_add(d->policy->metrics.decisions[answer->kind], 1);
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
	default:
		totals->errors++;
		break;
	}
}

/* What passes or waits at RCPT is decided upon at the end, and told then. */
static bool is_final(const struct question *q, const struct answer *answer) {
	return !span_equal(q->stage, SPAN("rcpt")) ||
	       (answer->kind != ANSWER_PASS && answer->kind != ANSWER_HOLD && answer->kind != ANSWER_DISCARD);
}

static void record(struct decider *d, const struct question *q, const struct answer *answer) {
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

	decisions_add(d->policy->log, &decision);
	if (answer->kind == ANSWER_PASS)
		return;
	snprintf(queue_id, sizeof queue_id, "%.*s", SPAN_ARG(q->who.queue_id));
	log_line(CONF_LOG_INFO, q->list->shadow ? "would_refuse" : answer_kind_name(answer->kind), "queue_id",
	         queue_id[0] == '\0' ? NULL : queue_id, "list", q->list->name, "rcpt",
	         log_address(rcpt, addr_span(&q->recipient), q->who.address_key), "reason", answer->reason, "text",
	         answer->text, NULL);
}

int decide_name(const struct decider *d, struct question *q, struct span address) {
	if (addr_parse(address, &q->recipient) != 0)
		return -1;
	q->who.address = addr_span(&q->recipient);
	q->who.address_key = token_address_key(d->world->ring, q->who.address);
	return 0;
}

void decide_one(struct decider *d, struct question *q, struct answer *answer) {
	struct err err = {""};

	answer_pass(answer, "quota");
	q->stream = q->list->stream[0] == '\0' ? NULL : conf_find_stream(d->world->conf, span_of(q->list->stream));
	if (decide_open_store(d, &err) != 0) {
		answer_error(answer, d->world->conf, STORE_DOWN);
	} else if (check_standing(d, q, answer, &err) != 0 ||
	           (answer->kind == ANSWER_PASS && q->stream != NULL && check_quota(d, q, answer, &err) != 0)) {
		decide_store_broke(d, &err);
		answer_error(answer, d->world->conf, STORE_DOWN);
	} else {
		store_works(d);
	}
	if (!q->list->shadow)
		settle(d, q, answer);
	decide_count(d, answer);
	if (is_final(q, answer))
		record(d, q, answer);
	if (q->list->shadow)
		answer_pass(answer, "shadow");
}
