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

/* An instant as 2026-11-22T04:05:06Z. */
#define STAMP_SIZE 21
void stamp_format(time_t when, char out[STAMP_SIZE]);
/* 0, or -1. */
int stamp_parse(const char *text, time_t *when_r);

#endif
