/*
 * Days and hours of a named zone, without the process's TZ.
 *
 * A `zone` is loaded once from the system's zone files and may be used by any
 * thread.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "lib/err.h"
#include "lib/text.h"

struct zone;

/* NULL where the system has no such zone. */
struct zone *zone_load(const char *name, struct err *err);
/* The contents of a zone file (TZif, RFC 8536); NULL where they are none, or
 * count leap seconds, or memory ran out. */
struct zone *zone_parse(struct span file);
void zone_free(struct zone **zone);

/* Processor time of this thread so far, in nanoseconds. */
uint64_t processor_time(void);

#define DAY_SIZE 11
/* The local day of an instant as 2026-12-01. */
void zone_day(const struct zone *zone, time_t when, char out[DAY_SIZE]);

/*
 * Days as numbers, to count with: 1970-01-01 is day 0.  A day of a zone is what
 * its clocks show, so it may have 23 or 25 hours, and one that the zone left
 * out (Apia had no 2011-12-30) has none.
 */
int64_t zone_day_number(const struct zone *zone, time_t when);
/* The first instant at which the zone's clocks show that day or a later one. */
time_t zone_day_start(const struct zone *zone, int64_t day);
/* 2026-12-01; days outside of the years 0 to 9999 as the nearest inside. */
void day_format(int64_t day, char out[DAY_SIZE]);
/* 0; -1 where the text is no day of the calendar. */
int day_parse(const char *text, int64_t *day_r);

/* An instant as 2026-11-22T04:05:06Z. */
#define STAMP_SIZE 21
void stamp_format(time_t when, char out[STAMP_SIZE]);
/* 0, or -1. */
int stamp_parse(const char *text, time_t *when_r);

#endif
