/*
 * What `todoku warmup` shows, put together: the calendar of a plan, and the report on a
 * stream.
 */
#ifndef TOOLS_WARMUP_H
#define TOOLS_WARMUP_H

#include "lib/store.h"
#include "lib/warmup.h"
#include "lib/warmup_figures.h"

struct json_t; /* jansson's */

/* Each day of a plan, were each to end well. */
struct warmup_calendar_day {
	int64_t day;
	long step;
	long long quota; /* or WARMUP_UNLIMITED */
};

struct warmup_calendar {
	const struct conf *conf;
	const struct conf_stream *stream;
	struct warmup_plan plan;
	struct warmup_calendar_day *days;
	long count;
	bool begun;      /* a ramp is on record: it begins today, where that is */
	bool stopped;    /* then nothing will be sent until it is resumed */
	bool is_day_set; /* by the option `start`, or begun: else the day of the first mail */
};

/* `store` NULL: nothing is on record. */
int warmup_calendar_make(struct warmup_calendar *calendar_r, struct store *store, const struct conf *conf,
                         const struct conf_stream *stream, const struct zone *zone, time_t now, long days,
                         struct err *err);
void warmup_calendar_free(struct warmup_calendar *calendar);
void warmup_calendar_text(const struct warmup_calendar *calendar);
struct json_t *warmup_calendar_json(const struct warmup_calendar *calendar);

/* Of one provider today. */
struct warmup_report_part {
	char provider[PROVIDER_NAME_SIZE];
	struct warmup_counts counts;
	long long leased;
	long long quota;                 /* or WARMUP_UNLIMITED */
	char reason[WARMUP_REASON_SIZE]; /* why it is held; else empty */
};

struct warmup_report {
	const struct conf *conf;
	const struct conf_stream *stream;
	bool aggressive;
	struct warmup_today today;
	struct store_ramp tomorrow;
	struct warmup_figures figures; /* of today */
	struct warmup_counts window;   /* of the breaker */
	char window_reason[WARMUP_REASON_SIZE];
	long long leased; /* of the day's quota: given out or at hand in policyd */
	struct warmup_report_part *parts;
	size_t part_count;
	struct json_t *events; /* the last ones, newest first */
};

int warmup_report_make(struct warmup_report *report_r, struct store *store, const struct conf *conf,
                       const struct conf_stream *stream, const struct zone *zone, time_t now, struct err *err);
void warmup_report_free(struct warmup_report *report);
void warmup_report_text(const struct warmup_report *report);
struct json_t *warmup_report_json(const struct warmup_report *report);

#endif
