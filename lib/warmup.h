/*
 * Where a stream stands today: its ramp brought up to date in the store, and
 * what that grants.
 *
 * warmup_refresh() is for whoever is about to spend quota (policyd, before each
 * lease or some seconds apart) and for those who only look (`todoku warmup
 * status`, read-only by warmup_look()).  At the first call of a day it judges
 * the days before by the gates and takes the next step, once, whatever the
 * number of processes; calls after it change nothing but the breaker.
 *
 * The day that counts is `day` of the answer, not the clock's: a clock that
 * goes back doesn't open a day twice.
 *
 * Time is an argument: no function here reads a clock.
 */
#ifndef LIB_WARMUP_H
#define LIB_WARMUP_H

#include "lib/clock.h"
#include "lib/store_warmup.h"
#include "lib/warmup_plan.h"

struct warmup_today {
	int64_t day;
	time_t ends;     /* when the next day begins: the time at which to try again */
	long long quota; /* recipients of this day, or WARMUP_UNLIMITED; 0 while stopped or not begun */
	bool stopped;
	bool waiting; /* for the plan's first day */
	char reason[WARMUP_REASON_SIZE];
	bool open; /* the breaker */
	char breaker_reason[WARMUP_REASON_SIZE];
	/* This call, and no other process, made it so: the one to raise the alarm. */
	bool now_stopped, now_open, now_closed;
	struct store_ramp ramp;
};

int warmup_refresh(struct store *store, const struct conf *conf, const struct conf_stream *stream,
                   const struct zone *zone, time_t now, struct warmup_today *today_r, struct err *err);
/* The same, and nothing is written: what a refresh would say. */
int warmup_look(struct store *store, const struct conf *conf, const struct conf_stream *stream, const struct zone *zone,
                time_t now, struct warmup_today *today_r, struct err *err);

/* What a provider may have of the day, or WARMUP_UNLIMITED: its share and quota by
 * the configuration, and less while it refuses mail.  The stream's quota counts
 * besides. */
long long warmup_provider_quota(const struct conf *conf, const struct warmup_today *today, const char *provider);

/* The day after, were it to begin now: what the figures of today so far make of it. */
int warmup_forecast(struct store *store, const struct conf *conf, const struct conf_stream *stream,
                    const struct zone *zone, time_t now, struct store_ramp *tomorrow_r, struct err *err);

/* A stop is over and the plan begins anew (W3); a breaker that is open closes.  What came
 * back until the end of this hour is past for both.  `resumed_r` false: there was
 * nothing to resume. */
int warmup_resume(struct store *store, const struct conf_stream *stream, const struct zone *zone, time_t now,
                  struct span who, struct span why, bool *resumed_r, struct err *err);

#endif
