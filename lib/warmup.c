#include "lib/warmup.h"

#include <stdio.h>
#include <string.h>

#include "lib/warmup_ramp.h"

#define HOUR 3600
/* Each try that fails means that another process took a step. */
#define TRIES 64

/* What all of this is about. */
struct subject {
	struct store *store;
	const struct conf *conf;
	const struct conf_stream *stream;
	const struct zone *zone;
	time_t now;
	struct warmup_plan plan;
	int64_t start; /* the plan's first day; INT64_MIN: any */
	int64_t today; /* by the clock */
};

/* A change of a ramp that is called for. */
struct step {
	const char *kind; /* NULL: none is */
	struct store_ramp ramp;
	const char *reason; /* within the ramp */
};

static int subject_make(struct subject *subject_r, struct store *store, const struct conf *conf,
                        const struct conf_stream *stream, const struct zone *zone, time_t now, struct err *err) {
	*subject_r = (struct subject){.store = store,
	                              .conf = conf,
	                              .stream = stream,
	                              .zone = zone,
	                              .now = now,
	                              .start = INT64_MIN,
	                              .today = zone_day_number(zone, now)};
	if (stream->start[0] != '\0' && day_parse(stream->start, &subject_r->start) != 0)
		return err_set(err, "stream \"%s\": start: found \"%.32s\", allowed: a day, as 2026-12-01",
		               stream->name, stream->start);
	if (warmup_plan_parse(stream->plan, &subject_r->plan, err) != 0)
		return err_prefix(err, "stream \"%s\"", stream->name);
	return 0;
}

static time_t hour_of(time_t when) {
	return when - when % HOUR;
}

/* What came back before a stream was resumed is past; hours can't be told apart within. */
static time_t since_resumed(const struct store_ramp *ramp, time_t from) {
	time_t past = ramp->resumed == 0 ? 0 : hour_of(ramp->resumed) + HOUR;

	return from > past ? from : past;
}

/* The day's figures: of all of it, or of what is to be judged of it. */
static int read_day(const struct subject *subject, const struct store_ramp *ramp, bool all,
                    struct warmup_figures *figures_r, struct err *err) {
	time_t start = zone_day_start(subject->zone, ramp->day);

	return warmup_figures_read(
	        subject->store, subject->conf, span_of(subject->stream->name), all ? start : since_resumed(ramp, start),
	        zone_day_start(subject->zone, ramp->day + 1), ramp->day, subject->now, figures_r, err);
}

/* The day after the ramp's, or `today` where that is later. */
static int advance(const struct subject *subject, const struct store_ramp *ramp, int64_t today, struct step *step_r,
                   struct err *err) {
	struct warmup_figures figures;
	bool used;

	if (read_day(subject, ramp, true, &figures, err) != 0)
		return -1;
	used = figures.all.sent > 0;
	if (ramp->resumed != 0) {
		warmup_figures_free(&figures);
		if (read_day(subject, ramp, false, &figures, err) != 0)
			return -1;
	}
	step_r->ramp = warmup_ramp_advance(subject->conf, subject->stream, &subject->plan, ramp, used, &figures, today,
	                                   &step_r->kind);
	step_r->reason = step_r->ramp.reason;
	warmup_figures_free(&figures);
	return 0;
}

static int look_at_breaker(const struct subject *subject, const struct store_ramp *ramp, struct step *step_r,
                           struct err *err) {
	time_t end = hour_of(subject->now) + HOUR, from = end - subject->stream->breaker_window / HOUR * HOUR;
	char reason[WARMUP_REASON_SIZE];
	struct warmup_counts window;
	bool open;

	if (subject->stream->breaker == CONF_BREAKER_OFF && ramp->breaker == 0)
		return 0;
	if (warmup_figures_sum(subject->store, span_of(subject->stream->name), since_resumed(ramp, from), end, &window,
	                       err) != 0)
		return -1;
	open = warmup_breaker(subject->stream, &window, reason);
	if (open == (ramp->breaker != 0))
		return 0;
	step_r->kind = open ? "open" : "close";
	step_r->ramp = *ramp;
	step_r->ramp.breaker = open ? subject->now : 0;
	snprintf(step_r->ramp.breaker_reason, sizeof step_r->ramp.breaker_reason, "%s", reason);
	step_r->reason = step_r->ramp.breaker_reason;
	return 0;
}

/* The plan waits for its day. */
static bool is_waiting(const struct subject *subject, const struct store_ramp *ramp) {
	return ramp->version == 0 && subject->plan.kind != WARMUP_NONE && subject->today < subject->start;
}

/* The change that the time calls for, one of them. */
static int find_step(const struct subject *subject, const struct store_ramp *ramp, struct step *step_r,
                     struct err *err) {
	*step_r = (struct step){.kind = NULL};
	if (is_waiting(subject, ramp))
		return 0;
	if (ramp->version == 0) {
		step_r->kind = "start";
		step_r->ramp = warmup_ramp_begin(subject->stream, &subject->plan, subject->today);
		step_r->reason = step_r->ramp.reason;
		return 0;
	}
	if (subject->today > ramp->day)
		return advance(subject, ramp, subject->today, step_r, err);
	return look_at_breaker(subject, ramp, step_r, err);
}

static void answer_waiting(const struct subject *subject, struct warmup_today *today_r) {
	today_r->waiting = true;
	today_r->day = subject->today;
	today_r->ends = zone_day_start(subject->zone, subject->start);
	snprintf(today_r->reason, sizeof today_r->reason, "the plan begins on %s", subject->stream->start);
}

static void answer(const struct subject *subject, const struct store_ramp *ramp, struct warmup_today *today_r) {
	today_r->ramp = *ramp;
	if (is_waiting(subject, ramp)) {
		answer_waiting(subject, today_r);
		return;
	}
	today_r->day = ramp->day;
	today_r->ends = zone_day_start(subject->zone, ramp->day + 1);
	today_r->stopped = ramp->stopped;
	today_r->open = ramp->breaker != 0;
	snprintf(today_r->breaker_reason, sizeof today_r->breaker_reason, "%s", ramp->breaker_reason);
	snprintf(today_r->reason, sizeof today_r->reason, "%s", ramp->reason);
	/* By the plan in force, which may be newer than the ramp's last step. */
	today_r->quota = ramp->stopped ? 0
	                               : warmup_plan_amount(&subject->plan,
	                                                    warmup_ramp_step(ramp, subject->stream, &subject->plan));
}

static int take_step(const struct subject *subject, const struct step *step, struct warmup_today *today_r,
                     struct err *err) {
	struct store_ramp_event event = {
	        .kind = span_of(step->kind), .reason = span_of(step->reason), .who = SPAN(""), .time = subject->now};
	bool changed;

	if (store_change_ramp(subject->store, span_of(subject->stream->name), &step->ramp, &event, &changed, err) != 0)
		return -1;
	if (!changed)
		return 0;
	today_r->now_stopped |= strcmp(step->kind, "stop") == 0;
	today_r->now_open |= strcmp(step->kind, "open") == 0;
	today_r->now_closed |= strcmp(step->kind, "close") == 0;
	return 0;
}

static int refresh(const struct subject *subject, struct warmup_today *today_r, struct err *err) {
	struct store_ramp ramp;
	struct step step;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (store_find_ramp(subject->store, span_of(subject->stream->name), &ramp, err) != 0 ||
		    find_step(subject, &ramp, &step, err) != 0)
			return -1;
		if (step.kind == NULL) {
			answer(subject, &ramp, today_r);
			return 0;
		}
		if (take_step(subject, &step, today_r, err) != 0)
			return -1;
	}
	return err_set(err, "stream \"%s\": others change its ramp all the time", subject->stream->name);
}

int warmup_refresh(struct store *store, const struct conf *conf, const struct conf_stream *stream,
                   const struct zone *zone, time_t now, struct warmup_today *today_r, struct err *err) {
	struct subject subject;
	int outcome;

	*today_r = (struct warmup_today){.quota = 0};
	if (subject_make(&subject, store, conf, stream, zone, now, err) != 0)
		return -1;
	outcome = refresh(&subject, today_r, err);
	warmup_plan_free(&subject.plan);
	return outcome;
}

/* At most: a beginning or a new day, and the breaker. */
static int look(const struct subject *subject, struct store_ramp *ramp_r, struct err *err) {
	struct step step;
	int steps;

	if (store_find_ramp(subject->store, span_of(subject->stream->name), ramp_r, err) != 0)
		return -1;
	for (steps = 0; steps < 2; steps++) {
		if (find_step(subject, ramp_r, &step, err) != 0)
			return -1;
		if (step.kind == NULL)
			return 0;
		step.ramp.version++;
		*ramp_r = step.ramp;
	}
	return 0;
}

int warmup_look(struct store *store, const struct conf *conf, const struct conf_stream *stream, const struct zone *zone,
                time_t now, struct warmup_today *today_r, struct err *err) {
	struct store_ramp ramp;
	struct subject subject;
	int outcome;

	*today_r = (struct warmup_today){.quota = 0};
	if (subject_make(&subject, store, conf, stream, zone, now, err) != 0)
		return -1;
	outcome = look(&subject, &ramp, err);
	if (outcome == 0)
		answer(&subject, &ramp, today_r);
	warmup_plan_free(&subject.plan);
	return outcome;
}

int warmup_forecast(struct store *store, const struct conf *conf, const struct conf_stream *stream,
                    const struct zone *zone, time_t now, struct store_ramp *tomorrow_r, struct err *err) {
	struct step step = {.kind = NULL};
	struct store_ramp ramp;
	struct subject subject;
	int outcome;

	if (subject_make(&subject, store, conf, stream, zone, now, err) != 0)
		return -1;
	outcome = look(&subject, &ramp, err);
	if (outcome == 0 && is_waiting(&subject, &ramp))
		step.ramp = warmup_ramp_begin(stream, &subject.plan, subject.start);
	else if (outcome == 0)
		outcome = advance(&subject, &ramp, ramp.day + 1, &step, err);
	*tomorrow_r = step.ramp;
	warmup_plan_free(&subject.plan);
	return outcome;
}

long long warmup_provider_quota(const struct conf *conf, const struct warmup_today *today, const char *provider) {
	long long quota = provider_quota(conf, provider, today->quota);
	size_t i;

	for (i = 0; i < today->ramp.hold_count; i++) {
		const struct store_ramp_hold *hold = &today->ramp.holds[i];

		if (strcmp(hold->provider, provider) == 0 && (quota == WARMUP_UNLIMITED || hold->amount < quota))
			quota = hold->amount;
	}
	return quota;
}

static int resume(const struct subject *subject, struct span who, struct span why, bool *resumed_r, struct err *err) {
	struct store_ramp_event event = {.kind = SPAN("resume"), .reason = why, .who = who, .time = subject->now};
	struct store_ramp ramp;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (store_find_ramp(subject->store, span_of(subject->stream->name), &ramp, err) != 0)
			return -1;
		*resumed_r = false;
		if (ramp.version == 0 || (!ramp.stopped && ramp.breaker == 0))
			return 0;
		ramp = warmup_ramp_resume(subject->stream, &subject->plan, &ramp, subject->today, subject->now);
		if (store_change_ramp(subject->store, span_of(subject->stream->name), &ramp, &event, resumed_r, err) !=
		    0)
			return -1;
		if (*resumed_r)
			return 0;
	}
	return err_set(err, "stream \"%s\": others change its ramp all the time", subject->stream->name);
}

int warmup_resume(struct store *store, const struct conf_stream *stream, const struct zone *zone, time_t now,
                  struct span who, struct span why, bool *resumed_r, struct err *err) {
	struct subject subject;
	int outcome;

	*resumed_r = false;
	if (subject_make(&subject, store, NULL, stream, zone, now, err) != 0)
		return -1;
	outcome = resume(&subject, who, why, resumed_r, err);
	warmup_plan_free(&subject.plan);
	return outcome;
}
