#include "lib/warmup_ramp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"

#define REASON(ramp, ...) snprintf((ramp)->reason, sizeof(ramp)->reason, __VA_ARGS__)

long warmup_ramp_step(const struct store_ramp *ramp, const struct conf_stream *stream, const struct warmup_plan *plan) {
	if (ramp->plan == warmup_plan_mark(stream->plan))
		return ramp->step;
	return warmup_plan_step_of(plan, ramp->amount);
}

/* What belongs together: the step and what it amounts to in the plan in force. */
static void set_step(struct store_ramp *ramp, const struct conf_stream *stream, const struct warmup_plan *plan,
                     long step) {
	ramp->step = step;
	ramp->amount = warmup_plan_amount(plan, step);
	ramp->plan = warmup_plan_mark(stream->plan);
}

static void begin_anew(struct store_ramp *ramp, const struct conf_stream *stream, const struct warmup_plan *plan) {
	set_step(ramp, stream, plan, 0);
	ramp->hold_count = 0;
	ramp->last_used = INT64_MIN;
	ramp->verdict = WARMUP_HOLD;
}

struct store_ramp warmup_ramp_begin(const struct conf_stream *stream, const struct warmup_plan *plan, int64_t today) {
	struct store_ramp ramp = {.day = today};

	begin_anew(&ramp, stream, plan);
	REASON(&ramp, "%s", plan->kind == WARMUP_NONE ? "no plan" : "the plan's first day");
	return ramp;
}

struct store_ramp warmup_ramp_resume(const struct conf_stream *stream, const struct warmup_plan *plan,
                                     const struct store_ramp *was, int64_t today, time_t now) {
	struct store_ramp ramp = *was;

	if (was->stopped) {
		begin_anew(&ramp, stream, plan);
		ramp.day = today;
		REASON(&ramp, "resumed: the plan's first day");
	}
	ramp.stopped = false;
	ramp.breaker = 0;
	ramp.breaker_reason[0] = '\0';
	ramp.resumed = now;
	return ramp;
}

static struct store_ramp_hold *find_hold(struct store_ramp *ramp, const char *provider) {
	size_t i;

	for (i = 0; i < ramp->hold_count; i++)
		if (strcmp(ramp->holds[i].provider, provider) == 0)
			return &ramp->holds[i];
	return NULL;
}

static void drop_hold(struct store_ramp *ramp, struct store_ramp_hold *hold) {
	*hold = ramp->holds[--ramp->hold_count];
}

static void add_hold(struct store_ramp *ramp, const char *provider, long long amount, const char *reason) {
	struct store_ramp_hold *hold;

	if (ramp->hold_count == STORE_RAMP_HOLDS_MAX)
		return;
	hold = &ramp->holds[ramp->hold_count++];
	*hold = (struct store_ramp_hold){.amount = amount};
	snprintf(hold->provider, sizeof hold->provider, "%s", provider);
	snprintf(hold->reason, sizeof hold->reason, "%s", reason);
}

/* The provider takes mail again; is what it may have now no limit any more? */
static void grow_hold(const struct conf *conf, struct store_ramp *ramp, struct store_ramp_hold *hold,
                      const char *reason) {
	long long regular = provider_quota(conf, hold->provider, ramp->amount);

	if (regular == WARMUP_UNLIMITED || (ramp->amount != WARMUP_UNLIMITED && ramp->amount < regular))
		regular = ramp->amount;
	hold->amount *= 2;
	snprintf(hold->reason, sizeof hold->reason, "%.200s: twice as many", reason);
	if (hold->amount >= regular && regular != WARMUP_UNLIMITED)
		drop_hold(ramp, hold);
}

static void judge_provider(const struct conf *conf, const struct conf_stream *stream, struct store_ramp *ramp,
                           long long day_amount, const struct warmup_part *part) {
	struct store_ramp_hold *hold = find_hold(ramp, part->provider);
	long long could = hold != NULL ? hold->amount : provider_quota(conf, part->provider, day_amount);
	char reason[WARMUP_REASON_SIZE];
	enum warmup_verdict verdict;
	bool judged;

	verdict = warmup_gate_provider(stream, &part->counts, could, &judged, reason);
	if (!judged)
		return;
	if (verdict == WARMUP_GROW && hold != NULL)
		grow_hold(conf, ramp, hold, reason);
	else if (verdict == WARMUP_HOLD && hold != NULL)
		snprintf(hold->reason, sizeof hold->reason, "%s", reason);
	else if (verdict == WARMUP_HOLD)
		add_hold(ramp, part->provider, (long long)part->counts.sent, reason);
}

/* The words after which the day is as it is: "2026-12-05: ...". */
static void prefix_day(struct store_ramp *ramp, int64_t day, const char *text) {
	char name[DAY_SIZE];

	day_format(day, name);
	REASON(ramp, "%s: %.*s", name, (int)(sizeof ramp->reason - DAY_SIZE - 8), text);
}

static const char *judge_day(const struct conf *conf, const struct conf_stream *stream, const struct warmup_plan *plan,
                             const struct store_ramp *was, const struct warmup_figures *figures,
                             struct store_ramp *next) {
	long step = warmup_ramp_step(was, stream, plan);
	char reason[WARMUP_REASON_SIZE];
	size_t i;

	next->verdict = warmup_gate(stream, &figures->all, was->amount, reason);
	prefix_day(next, was->day, reason);
	switch (next->verdict) {
	case WARMUP_GROW:
		set_step(next, stream, plan, warmup_plan_next(plan, step));
		break;
	case WARMUP_HOLD:
		set_step(next, stream, plan, step);
		break;
	case WARMUP_BACK:
		set_step(next, stream, plan, step > 0 ? step - 1 : 0);
		break;
	case WARMUP_STOP:
		set_step(next, stream, plan, 0);
		next->stopped = true;
		next->hold_count = 0;
		return "stop";
	}
	for (i = 0; i < figures->count; i++)
		judge_provider(conf, stream, next, was->amount, &figures->parts[i]);
	return warmup_verdict_name(next->verdict);
}

struct store_ramp warmup_ramp_advance(const struct conf *conf, const struct conf_stream *stream,
                                      const struct warmup_plan *plan, const struct store_ramp *was, bool used,
                                      const struct warmup_figures *figures, int64_t today, const char **kind_r) {
	struct store_ramp next = *was;

	next.day = today;
	*kind_r = "hold";
	if (used)
		next.last_used = was->day;
	if (was->stopped)
		return next;
	next.verdict = WARMUP_HOLD;
	if (plan->kind == WARMUP_NONE) {
		begin_anew(&next, stream, plan);
		REASON(&next, "no plan");
		return next;
	}
	if (next.last_used == INT64_MIN) {
		set_step(&next, stream, plan, warmup_ramp_step(was, stream, plan));
		REASON(&next, "no mail yet");
		return next;
	}
	if (today - next.last_used > stream->idle_days) {
		REASON(&next, "no mail for %" PRId64 " days: the plan begins anew", today - next.last_used - 1);
		begin_anew(&next, stream, plan);
		*kind_r = "idle";
		return next;
	}
	*kind_r = judge_day(conf, stream, plan, was, figures, &next);
	return next;
}
