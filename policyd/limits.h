/*
 * What the streams may have today, asked of lib/warmup.h and remembered for a second:
 * one for each thread.
 */
#ifndef POLICYD_LIMITS_H
#define POLICYD_LIMITS_H

#include "lib/warmup.h"
#include "policyd/slices.h"

struct limits;

/* NULL when out of memory. */
struct limits *limits_new(void);
void limits_free(struct limits **limits);
/* Forgets all: after a reload. */
void limits_reset(struct limits *limits);

/* NULL on failure; valid until the next call. */
const struct warmup_today *limits_today(struct limits *limits, struct store *store, const struct conf *conf,
                                        const struct conf_stream *stream, const struct zone *zone, time_t now,
                                        struct err *err);

/* The terms for one recipient of that provider. */
void limits_terms(const struct conf *conf, const struct conf_stream *stream, const struct warmup_today *today,
                  const char *provider, struct slices_terms *terms_r);

#endif
