#include "lib/warmup_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define STEPS_MAX 1000 /* as conf_check_plan() */

/* What the large senders publish for an address nobody knows. */
static const long long gradual[] = {200,    500,    1000,   2000,   5000,   10000,  20000,  40000,  50000,  75000,
                                    100000, 150000, 200000, 250000, 325000, 400000, 500000, 600000, 750000, 1000000};
#define GRADUAL_COUNT ((long)(sizeof gradual / sizeof gradual[0]))

#define MONTHLY_START 20 /* the first day is this part of the month */

/* A quarter more for each step, in two digits. */
static long long beyond_gradual(long steps) {
	long long amount = gradual[GRADUAL_COUNT - 1];

	for (; steps > 0 && amount < WARMUP_AMOUNT_MAX; steps--) {
		long long unit = 1;

		amount += amount / 4;
		while (amount / unit >= 100)
			unit *= 10;
		amount -= amount % unit;
	}
	return amount < WARMUP_AMOUNT_MAX ? amount : WARMUP_AMOUNT_MAX;
}

static long long monthly_amount(long long monthly, long step) {
	long long amount = (monthly + MONTHLY_START - 1) / MONTHLY_START;

	for (; step > 0 && amount < monthly; step--)
		amount *= 2;
	return amount < monthly ? amount : monthly;
}

long long warmup_plan_amount(const struct warmup_plan *plan, long step) {
	assert(step >= 0);
	switch (plan->kind) {
	case WARMUP_NONE:
		break;
	case WARMUP_GRADUAL:
		return step < GRADUAL_COUNT ? gradual[step] : beyond_gradual(step - GRADUAL_COUNT + 1);
	case WARMUP_MONTHLY:
		return monthly_amount(plan->monthly, step);
	case WARMUP_STEPS:
		return plan->steps[step < plan->count ? step : plan->count - 1];
	}
	return WARMUP_UNLIMITED;
}

long warmup_plan_next(const struct warmup_plan *plan, long step) {
	if (step >= WARMUP_STEP_MAX || plan->kind == WARMUP_NONE)
		return step;
	if (plan->kind == WARMUP_STEPS)
		return step + 1 < plan->count ? step + 1 : step;
	return warmup_plan_amount(plan, step + 1) > warmup_plan_amount(plan, step) ? step + 1 : step;
}

long warmup_plan_step_of(const struct warmup_plan *plan, long long amount) {
	long step = 0, best = 0;

	if (plan->kind == WARMUP_NONE || amount == WARMUP_UNLIMITED)
		return 0;
	while (true) {
		long next = warmup_plan_next(plan, step);

		if (warmup_plan_amount(plan, step) <= amount)
			best = step;
		if (next == step)
			return best;
		step = next;
	}
}

bool warmup_plan_is_aggressive(const struct warmup_plan *plan) {
	return plan->kind == WARMUP_MONTHLY;
}

/* FNV-1a, 64 bits. */
uint64_t warmup_plan_mark(const char *text) {
	uint64_t mark = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		mark = (mark ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return mark;
}

/* 1 to WARMUP_AMOUNT_MAX, taken off; 0 where it is none. */
static long long take_count(struct span *text) {
	long long value = 0;
	size_t i;

	for (i = 0; i < text->len && ascii_is_digit(text->at[i]); i++) {
		value = value * 10 + (text->at[i] - '0');
		if (value > WARMUP_AMOUNT_MAX)
			return 0;
	}
	*text = span_from(*text, i);
	return value;
}

static bool parse_steps(struct span text, struct warmup_plan *plan) {
	while (plan->count < STEPS_MAX) {
		long long amount = take_count(&text);

		if (amount == 0)
			return false;
		plan->steps[plan->count++] = amount;
		if (text.len == 0)
			return true;
		if (text.at[0] != ',')
			return false;
		text = span_from(text, 1);
	}
	return false;
}

static bool parse_monthly(struct span text, struct warmup_plan *plan) {
	plan->monthly = take_count(&text);
	return plan->monthly > 0 && text.len == 0;
}

int warmup_plan_parse(const char *text, struct warmup_plan *plan_r, struct err *err) {
	struct span given = span_of(text);
	bool good = true;

	*plan_r = (struct warmup_plan){.kind = WARMUP_NONE};
	if (span_equal(given, SPAN("gradual"))) {
		plan_r->kind = WARMUP_GRADUAL;
	} else if (span_starts(given, SPAN("monthly:"))) {
		plan_r->kind = WARMUP_MONTHLY;
		good = parse_monthly(span_from(given, strlen("monthly:")), plan_r);
	} else if (span_starts(given, SPAN("steps:"))) {
		plan_r->kind = WARMUP_STEPS;
		plan_r->steps = calloc(STEPS_MAX, sizeof *plan_r->steps);
		if (plan_r->steps == NULL)
			return err_set(err, "plan: out of memory");
		good = parse_steps(span_from(given, strlen("steps:")), plan_r);
	} else {
		good = span_equal(given, SPAN("none"));
	}
	if (good)
		return 0;
	warmup_plan_free(plan_r);
	return err_set(err, "plan: found \"%.64s\", allowed: none, gradual, monthly:N or steps:N,N,...", text);
}

void warmup_plan_free(struct warmup_plan *plan) {
	free(plan->steps);
	*plan = (struct warmup_plan){.kind = WARMUP_NONE};
}
