/*
 * Plans of a warm-up (W4): how many recipients a stream may have on each day of
 * it, from the text of the option `plan`:
 *
 *     none               no limit
 *     gradual            200, 500, 1,000, 2,000, 5,000, ... (below)
 *     monthly:N          N/20 on the first day, twice as many on each further
 *                        one, up to N: 5,000, 10,000, 20,000, ... for 100,000.
 *                        The sending services' manuals have it so; for an
 *                        address nobody knows it is aggressive.
 *     steps:N,N,...      as given
 *
 * A day has a step, counted from 0; whether the next day takes the next step is
 * for lib/warmup_gate.h.  The last amount holds from then on; `gradual` has no
 * last one: beyond its table each step is a quarter more.
 *
 * Pure: no store, no clock.
 */
#ifndef LIB_WARMUP_PLAN_H
#define LIB_WARMUP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* As an amount, a quota: no limit. */
#define WARMUP_UNLIMITED (-1)
/* No amount is over it, and no step over the other. */
#define WARMUP_AMOUNT_MAX 1000000000LL
#define WARMUP_STEP_MAX 9999

enum warmup_kind { WARMUP_NONE, WARMUP_GRADUAL, WARMUP_MONTHLY, WARMUP_STEPS };

struct warmup_plan {
	enum warmup_kind kind;
	long long monthly;
	long long *steps; /* of steps:; owned */
	long count;
};

/* Takes what conf_check_plan() lets pass.  0; -1 where it is no plan, or memory ran out. */
int warmup_plan_parse(const char *text, struct warmup_plan *plan_r, struct err *err);
void warmup_plan_free(struct warmup_plan *plan);

/* The day's amount, WARMUP_UNLIMITED for `none`; a step behind the last is the last. */
long long warmup_plan_amount(const struct warmup_plan *plan, long step);
/* The step after this one: itself where it is the last. */
long warmup_plan_next(const struct warmup_plan *plan, long step);
/* The highest step whose amount is not over that one; 0 where none is.  Where a
 * plan takes over that has another text. */
long warmup_plan_step_of(const struct warmup_plan *plan, long long amount);
/* Starts far higher than a new sender should. */
bool warmup_plan_is_aggressive(const struct warmup_plan *plan);
/* Tells plans apart: a hash of the text. */
uint64_t warmup_plan_mark(const char *text);

#endif
