/*
 * What a new day makes of a ramp: the gates' verdict on the day that was, the
 * plan's step, idle days, and the providers that refused mail.
 *
 * A provider is held at what it got on the day it refused.  From then on each day that it
 * takes (refusals under the limit, sample large enough) doubles what it may have, until
 * that is what it would have had anyway.
 *
 * Pure: no store, no clock.
 */
#ifndef LIB_WARMUP_RAMP_H
#define LIB_WARMUP_RAMP_H

#include "lib/store_warmup.h"
#include "lib/warmup_figures.h"
#include "lib/warmup_plan.h"

/* The first day of a plan: on record from then on. */
struct store_ramp warmup_ramp_begin(const struct conf_stream *stream, const struct warmup_plan *plan, int64_t today);

/* `was` speaks of an earlier day than `today`, and `figures` of what is to be judged of that
 * day; `used`: it had mail.  `kind_r`: start, grow, hold, back, stop or idle, for the
 * history. */
struct store_ramp warmup_ramp_advance(const struct conf *conf, const struct conf_stream *stream,
                                      const struct warmup_plan *plan, const struct store_ramp *was, bool used,
                                      const struct warmup_figures *figures, int64_t today, const char **kind_r);

/* A stop is over: the plan's first day is `today`. */
struct store_ramp warmup_ramp_resume(const struct conf_stream *stream, const struct warmup_plan *plan,
                                     const struct store_ramp *was, int64_t today, time_t now);

/* The step that a ramp has in this plan, which may be another than the one it was
 * counted in: then the highest that isn't over the amount it had. */
long warmup_ramp_step(const struct store_ramp *ramp, const struct conf_stream *stream, const struct warmup_plan *plan);

#endif
