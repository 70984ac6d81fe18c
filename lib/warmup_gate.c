#include "lib/warmup_gate.h"

#include <assert.h>
#include <stdio.h>

#include "lib/warmup_plan.h"

#define REASON(reason, ...) snprintf(reason, WARMUP_REASON_SIZE, __VA_ARGS__)

const char *warmup_verdict_name(enum warmup_verdict verdict) {
	static const char *const names[] = {"grow", "hold", "back", "stop"};

	assert(verdict <= WARMUP_STOP);
	return names[verdict];
}

/* 0.1 is a little more than a tenth: a count that is exactly at a limit must reach it. */
static bool reaches(uint64_t count, uint64_t sent, double limit) {
	return count > 0 && (double)count >= (double)sent * limit - 1e-6;
}

/* In per cent; bounces of earlier days' mail can make it more than 100. */
static double percent(uint64_t count, uint64_t sent) {
	return sent == 0 ? 0.0 : 100.0 * (double)count / (double)sent;
}

static uint64_t sample_needed(long min_sample, long long amount) {
	return amount != WARMUP_UNLIMITED && amount < min_sample ? (uint64_t)amount : (uint64_t)min_sample;
}

/* A rate that decides, and from where on it does. */
struct limit {
	enum warmup_verdict verdict;
	const char *what;
	uint64_t count;
	double from;
};

/* The first that is reached; NULL where none is. */
static const struct limit *first_reached(const struct limit *limits, size_t count, uint64_t sent) {
	size_t i;

	for (i = 0; i < count; i++)
		if (reaches(limits[i].count, sent, limits[i].from))
			return &limits[i];
	return NULL;
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum warmup_verdict warmup_gate(const struct conf_stream *conf, const struct warmup_counts *day, long long amount,
                                char reason[WARMUP_REASON_SIZE]) {
	static const char *const then[] = {
	        [WARMUP_HOLD] = "the next day doesn't grow",
	        [WARMUP_BACK] = "the next day goes a step back",
	        [WARMUP_STOP] = "the stream stops",
	};
	/* The worst first. */
	const struct limit limits[] = {
	        {WARMUP_STOP, "hard bounces", day->hard, conf->bounce_stop},
	        {WARMUP_STOP, "complaints", day->complaints, conf->complaint_stop},
	        {WARMUP_BACK, "hard bounces", day->hard, conf->bounce_back},
	        {WARMUP_HOLD, "hard bounces", day->hard, conf->bounce_hold},
	        {WARMUP_HOLD, "complaints", day->complaints, conf->complaint_hold},
	};
	uint64_t needed = sample_needed(conf->min_sample, amount);
	const struct limit *limit;

	if (day->sent < needed) {
		REASON(reason, "%llu sent: too few to judge by, %llu are needed", (unsigned long long)day->sent,
		       (unsigned long long)needed);
		return WARMUP_HOLD;
	}
	limit = first_reached(limits, COUNT(limits), day->sent);
	if (limit != NULL) {
		REASON(reason, "%llu %s in %llu sent: %.2f %%; from %g %% on %s", (unsigned long long)limit->count,
		       limit->what, (unsigned long long)day->sent, percent(limit->count, day->sent), limit->from * 100,
		       then[limit->verdict]);
		return limit->verdict;
	}
	if (amount != WARMUP_UNLIMITED && (double)day->sent < (double)amount * conf->min_use - 1e-6) {
		REASON(reason, "%llu of %lld used: %.0f %%; under %g %% the next day doesn't grow",
		       (unsigned long long)day->sent, amount, percent(day->sent, (uint64_t)amount),
		       conf->min_use * 100);
		return WARMUP_HOLD;
	}
	REASON(reason, "%llu sent, hard bounces %.2f %%, complaints %.3f %%: all well", (unsigned long long)day->sent,
	       percent(day->hard, day->sent), percent(day->complaints, day->sent));
	return WARMUP_GROW;
}

enum warmup_verdict warmup_gate_provider(const struct conf_stream *conf, const struct warmup_counts *day,
                                         long long amount, bool *judged_r, char reason[WARMUP_REASON_SIZE]) {
	uint64_t needed = sample_needed(conf->min_sample, amount);

	*judged_r = day->sent >= needed && needed > 0;
	if (!*judged_r) {
		REASON(reason, "%llu sent: too few to judge by, %llu are needed", (unsigned long long)day->sent,
		       (unsigned long long)needed);
		return WARMUP_HOLD;
	}
	if (reaches(day->refused, day->sent, conf->refusal_hold)) {
		REASON(reason, "%llu of %llu refused: %.2f %%; from %g %% on it doesn't grow",
		       (unsigned long long)day->refused, (unsigned long long)day->sent,
		       percent(day->refused, day->sent), conf->refusal_hold * 100);
		return WARMUP_HOLD;
	}
	REASON(reason, "%llu of %llu refused: %.2f %%", (unsigned long long)day->refused, (unsigned long long)day->sent,
	       percent(day->refused, day->sent));
	return WARMUP_GROW;
}

bool warmup_breaker(const struct conf_stream *conf, const struct warmup_counts *window,
                    char reason[WARMUP_REASON_SIZE]) {
	const struct limit limits[] = {
	        {WARMUP_STOP, "hard bounces", window->hard, conf->breaker_bounces},
	        {WARMUP_STOP, "complaints", window->complaints, conf->breaker_complaints},
	        {WARMUP_STOP, "refusals", window->refused, conf->breaker_refusals},
	};
	const struct limit *limit = NULL;

	if (conf->breaker != CONF_BREAKER_OFF && window->sent >= (uint64_t)conf->breaker_sample)
		limit = first_reached(limits, COUNT(limits), window->sent);
	if (limit == NULL) {
		REASON(reason, "%llu sent in %ld hours, hard bounces %.2f %%, complaints %.3f %%, refusals %.2f %%",
		       (unsigned long long)window->sent, conf->breaker_window / 3600,
		       percent(window->hard, window->sent), percent(window->complaints, window->sent),
		       percent(window->refused, window->sent));
		return false;
	}
	REASON(reason, "%llu %s in %llu sent in %ld hours: %.2f %%, limit %g %%", (unsigned long long)limit->count,
	       limit->what, (unsigned long long)window->sent, conf->breaker_window / 3600,
	       percent(limit->count, window->sent), limit->from * 100);
	return true;
}
