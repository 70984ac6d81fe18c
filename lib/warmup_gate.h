/*
 * The gates of a warm-up (W3) and the breaker: what a day's figures say of the
 * next one.  The limits are options of `stream` (todoku.conf(5)); a limit counts
 * from its very value on ("5 % a step back": 5.0 % goes back).
 *
 * A rate is the count by the recipients accepted.  One of 0 with no such count
 * passes always, whatever the limit.
 *
 * Pure: no store, no clock.
 */
#ifndef LIB_WARMUP_GATE_H
#define LIB_WARMUP_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/conf.h"

/* What happened to a stream, or to one provider's part of it, in a time. */
struct warmup_counts {
	uint64_t sent;       /* recipients accepted: committed units */
	uint64_t hard;       /* hard bounces: the permanent categories of N6 */
	uint64_t complaints; /* ARF abuse */
	uint64_t refused;    /* for the sender's sake: N7 */
};

/* Worse is greater. */
enum warmup_verdict { WARMUP_GROW, WARMUP_HOLD, WARMUP_BACK, WARMUP_STOP };
/* "grow", "hold", "back", "stop". */
const char *warmup_verdict_name(enum warmup_verdict verdict);

#define WARMUP_REASON_SIZE 256

/*
 * Of a whole stream: `amount` was the day's quota.  Too small a sample holds, and
 * never stops: needed are min_sample recipients, or the whole quota where that is
 * less.  `reason` says why, in words and figures.
 */
enum warmup_verdict warmup_gate(const struct conf_stream *limits, const struct warmup_counts *day, long long amount,
                                char reason[WARMUP_REASON_SIZE]);

/* Of one provider's part (`amount`: what the provider could have, or
 * WARMUP_UNLIMITED): WARMUP_GROW or WARMUP_HOLD, by its refusals alone.
 * `judged_r`: the sample was large enough for a word. */
enum warmup_verdict warmup_gate_provider(const struct conf_stream *limits, const struct warmup_counts *day,
                                         long long amount, bool *judged_r, char reason[WARMUP_REASON_SIZE]);

/* Is the breaker open, after what happened in the window? */
bool warmup_breaker(const struct conf_stream *limits, const struct warmup_counts *window,
                    char reason[WARMUP_REASON_SIZE]);

#endif
