#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store_warmup.h"
#include "lib/warmup_ramp.h"
#include "tools/warmup.h"

#define MONTH_SIZE 8 /* 2026-12 */

static void month_of(int64_t day, char out[MONTH_SIZE]) {
	char text[DAY_SIZE];

	day_format(day, text);
	snprintf(out, MONTH_SIZE, "%.7s", text);
}

/* Where it begins: where the ramp is, or on the plan's first day. */
static int find_begin(struct warmup_calendar *calendar, struct store *store, const struct zone *zone, time_t now,
                      struct warmup_calendar_day *begin_r, struct err *err) {
	const struct conf_stream *stream = calendar->stream;
	struct warmup_today today;
	int64_t start = 0;

	*begin_r = (struct warmup_calendar_day){.day = zone_day_number(zone, now)};
	calendar->is_day_set = stream->start[0] != '\0' && day_parse(stream->start, &start) == 0;
	if (calendar->is_day_set && start > begin_r->day)
		begin_r->day = start;
	if (store == NULL)
		return 0;
	if (warmup_look(store, calendar->conf, stream, zone, now, &today, err) != 0)
		return -1;
	/* One that nobody has begun on record stands at its first step. */
	calendar->begun = today.ramp.last_used != INT64_MIN && !today.waiting;
	calendar->stopped = today.stopped;
	if (!calendar->begun)
		return 0;
	calendar->is_day_set = true;
	begin_r->day = today.day;
	begin_r->step = warmup_ramp_step(&today.ramp, stream, &calendar->plan);
	return 0;
}

int warmup_calendar_make(struct warmup_calendar *calendar_r, struct store *store, const struct conf *conf,
                         const struct conf_stream *stream, const struct zone *zone, time_t now, long days,
                         struct err *err) {
	struct warmup_calendar_day day;
	long i;

	*calendar_r = (struct warmup_calendar){.conf = conf, .stream = stream, .count = days};
	if (warmup_plan_parse(stream->plan, &calendar_r->plan, err) != 0)
		return -1;
	calendar_r->days = calloc((size_t)days, sizeof *calendar_r->days);
	if (calendar_r->days == NULL) {
		warmup_calendar_free(calendar_r);
		return err_set(err, "calendar: out of memory");
	}
	if (find_begin(calendar_r, store, zone, now, &day, err) != 0) {
		warmup_calendar_free(calendar_r);
		return -1;
	}
	for (i = 0; i < days; i++) {
		day.quota = warmup_plan_amount(&calendar_r->plan, day.step);
		calendar_r->days[i] = day;
		day.day++;
		day.step = warmup_plan_next(&calendar_r->plan, day.step);
	}
	return 0;
}

void warmup_calendar_free(struct warmup_calendar *calendar) {
	warmup_plan_free(&calendar->plan);
	free(calendar->days);
	calendar->days = NULL;
}

static void print_head(const struct warmup_calendar *calendar) {
	printf("stream %s: plan %.64s%s, days of %s\n", calendar->stream->name, calendar->stream->plan,
	       strlen(calendar->stream->plan) > 64 ? "..." : "", calendar->conf->timezone);
	if (warmup_plan_is_aggressive(&calendar->plan))
		printf("  aggressive: the manuals' way; for a sender nobody knows, \"gradual\" is safer\n");
	if (calendar->stopped)
		printf("  STOPPED: none of this before todoku warmup resume %s --why TEXT\n", calendar->stream->name);
	if (calendar->plan.kind == WARMUP_NONE)
		printf("  no plan: no limit\n");
	else if (!calendar->is_day_set)
		printf("  begins with the first mail; shown as if that came today\n");
}

void warmup_calendar_text(const struct warmup_calendar *calendar) {
	char date[DAY_SIZE], month[MONTH_SIZE], next[MONTH_SIZE];
	long long total = 0;
	long i;

	print_head(calendar);
	if (calendar->plan.kind == WARMUP_NONE)
		return;
	printf("  %4s  %-10s  %12s  %s\n", "step", "date", "recipients", "of the month so far");
	for (i = 0; i < calendar->count; i++) {
		const struct warmup_calendar_day *day = &calendar->days[i];

		day_format(day->day, date);
		month_of(day->day, month);
		month_of(day->day + 1, next);
		total += day->quota;
		printf("  %4ld  %s  %12lld  %lld\n", day->step + 1, date, day->quota, total);
		if (strcmp(month, next) == 0 && i + 1 < calendar->count)
			continue;
		printf("        %s     %12lld  in all\n", month, total);
		total = 0;
	}
	printf("  each day only if the one before went well and %g %% of it was used (todoku-warmup(7))\n",
	       calendar->stream->min_use * 100);
}

struct json_t *warmup_calendar_json(const struct warmup_calendar *calendar) {
	json_t *days = json_array(), *months = json_array();
	char date[DAY_SIZE], month[MONTH_SIZE], next[MONTH_SIZE];
	long long total = 0;
	long i;

	for (i = 0; i < calendar->count && calendar->plan.kind != WARMUP_NONE; i++) {
		const struct warmup_calendar_day *day = &calendar->days[i];

		day_format(day->day, date);
		month_of(day->day, month);
		month_of(day->day + 1, next);
		total += day->quota;
		json_array_append_new(days, json_pack("{s:s, s:I, s:I}", "date", date, "step",
		                                      (json_int_t)day->step + 1, "quota", (json_int_t)day->quota));
		if (strcmp(month, next) == 0 && i + 1 < calendar->count)
			continue;
		json_array_append_new(months, json_pack("{s:s, s:I}", "month", month, "quota", (json_int_t)total));
		total = 0;
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:o}", "stream", calendar->stream->name, "plan",
	                 calendar->stream->plan, "timezone", calendar->conf->timezone, "aggressive",
	                 warmup_plan_is_aggressive(&calendar->plan), "begun", calendar->begun, "stopped",
	                 calendar->stopped, "days", days, "months", months);
}
