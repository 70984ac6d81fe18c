#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/store_quota.h"
#include "tools/answer.h"
#include "tools/warmup.h"

#define HOUR 3600
#define EVENTS 20 /* in JSON */
#define EVENTS_TEXT 5

/* Its part, made where there is none; NULL when out of memory. */
static struct warmup_report_part *part_of(struct warmup_report *report, struct span provider) {
	struct warmup_report_part *grown;
	size_t i;

	for (i = 0; i < report->part_count; i++)
		if (span_equal(span_of(report->parts[i].provider), provider))
			return &report->parts[i];
	grown = reallocarray(report->parts, report->part_count + 1, sizeof *grown);
	if (grown == NULL)
		return NULL;
	report->parts = grown;
	grown += report->part_count++;
	*grown = (struct warmup_report_part){.quota = WARMUP_UNLIMITED};
	snprintf(grown->provider, sizeof grown->provider, "%.*s", SPAN_ARG(provider));
	return grown;
}

static int take_leased(void *context, struct span provider, int64_t leased) {
	struct warmup_report *report = context;
	struct warmup_report_part *part;

	if (provider.len == 0) {
		report->leased = leased;
		return 0;
	}
	part = part_of(report, provider);
	if (part != NULL)
		part->leased = leased;
	return 0;
}

static int take_event(void *context, const struct store_ramp_event *event) {
	struct warmup_report *report = context;

	json_array_append_new(report->events, json_pack("{s:o, s:o, s:o, s:o}", "time", answer_time(event->time),
	                                                "kind", answer_text(event->kind), "reason",
	                                                answer_text(event->reason), "who", answer_text(event->who)));
	return 0;
}

/* Those with mail today, and those that are held. */
static void make_parts(struct warmup_report *report) {
	struct warmup_report_part *part;
	size_t i;

	for (i = 0; i < report->figures.count; i++) {
		part = part_of(report, span_of(report->figures.parts[i].provider));
		if (part != NULL)
			part->counts = report->figures.parts[i].counts;
	}
	for (i = 0; i < report->today.ramp.hold_count; i++) {
		part = part_of(report, span_of(report->today.ramp.holds[i].provider));
		if (part != NULL)
			snprintf(part->reason, sizeof part->reason, "%s", report->today.ramp.holds[i].reason);
	}
	for (i = 0; i < report->conf->provider_count; i++)
		(void)part_of(report, span_of(report->conf->providers[i].name));
	for (i = 0; i < report->part_count; i++)
		report->parts[i].quota = warmup_provider_quota(report->conf, &report->today, report->parts[i].provider);
}

static int compare_parts(const void *a, const void *b) {
	const struct warmup_report_part *one = a, *two = b;

	if (one->counts.sent != two->counts.sent)
		return one->counts.sent > two->counts.sent ? -1 : 1;
	return strcmp(one->provider, two->provider);
}

/* The window that the breaker looks at, as lib/warmup.c has it. */
static int read_window(struct warmup_report *report, struct store *store, time_t now, struct err *err) {
	time_t end = now - now % HOUR + HOUR, from = end - report->stream->breaker_window / HOUR * HOUR;
	time_t resumed = report->today.ramp.resumed;

	if (resumed != 0 && from < resumed - resumed % HOUR + HOUR)
		from = resumed - resumed % HOUR + HOUR;
	if (warmup_figures_sum(store, span_of(report->stream->name), from, end, &report->window, err) != 0)
		return -1;
	(void)warmup_breaker(report->stream, &report->window, report->window_reason);
	return 0;
}

static int read_report(struct warmup_report *report, struct store *store, const struct zone *zone, time_t now,
                       struct err *err) {
	struct span stream = span_of(report->stream->name);
	char day[DAY_SIZE];

	if (warmup_look(store, report->conf, report->stream, zone, now, &report->today, err) != 0 ||
	    warmup_forecast(store, report->conf, report->stream, zone, now, &report->tomorrow, err) != 0 ||
	    warmup_figures_read(store, report->conf, stream, zone_day_start(zone, report->today.day),
	                        report->today.ends, report->today.day, now, &report->figures, err) != 0 ||
	    read_window(report, store, now, err) != 0)
		return -1;
	day_format(report->today.day, day);
	if (store_quota_each(store, stream, span_of(day), take_leased, report, err) != 0 ||
	    store_each_ramp_event(store, stream, EVENTS, take_event, report, err) != 0)
		return -1;
	make_parts(report);
	if (report->part_count > 0)
		qsort(report->parts, report->part_count, sizeof *report->parts, compare_parts);
	return 0;
}

int warmup_report_make(struct warmup_report *report_r, struct store *store, const struct conf *conf,
                       const struct conf_stream *stream, const struct zone *zone, time_t now, struct err *err) {
	struct warmup_plan plan;

	*report_r = (struct warmup_report){.conf = conf, .stream = stream, .events = json_array()};
	if (warmup_plan_parse(stream->plan, &plan, err) == 0) {
		report_r->aggressive = warmup_plan_is_aggressive(&plan);
		warmup_plan_free(&plan);
		if (read_report(report_r, store, zone, now, err) == 0)
			return 0;
	}
	warmup_report_free(report_r);
	return -1;
}

void warmup_report_free(struct warmup_report *report) {
	warmup_figures_free(&report->figures);
	free(report->parts);
	json_decref(report->events);
	*report = (struct warmup_report){.conf = NULL};
}

static const char *amount_text(long long amount, char out[32]) {
	if (amount == WARMUP_UNLIMITED)
		snprintf(out, 32, "no limit");
	else
		snprintf(out, 32, "%lld", amount);
	return out;
}

static long long tomorrow_quota(const struct warmup_report *report) {
	return report->tomorrow.stopped ? 0 : report->tomorrow.amount;
}

/* grow, hold, back, or stop: by what the day's figures say so far. */
static const char *tomorrow_verdict(const struct warmup_report *report) {
	return report->tomorrow.stopped ? "stop" : warmup_verdict_name(report->tomorrow.verdict);
}

static void print_parts(const struct warmup_report *report) {
	char quota[32];
	size_t i;

	if (report->part_count == 0)
		return;
	printf("  %-16s %10s %10s %8s %10s %8s\n", "provider", "sent", "may have", "hard", "complaints", "refused");
	for (i = 0; i < report->part_count; i++) {
		const struct warmup_report_part *part = &report->parts[i];

		printf("  %-16s %10llu %10s %8llu %10llu %8llu%s%s\n", part->provider,
		       (unsigned long long)part->counts.sent,
		       part->quota == WARMUP_UNLIMITED ? "-" : amount_text(part->quota, quota),
		       (unsigned long long)part->counts.hard, (unsigned long long)part->counts.complaints,
		       (unsigned long long)part->counts.refused,
		       part->reason[0] == '\0' ? "" : "  held: ", part->reason);
	}
}

static void print_events(const struct warmup_report *report) {
	struct buf line;
	size_t i;

	for (i = 0; i < json_array_size(report->events) && i < EVENTS_TEXT; i++) {
		json_t *event = json_array_get(report->events, i);
		const char *who = json_string_value(json_object_get(event, "who"));

		buf_init(&line, 4096);
		buf_printf(&line, "%s  %-6s ", json_string_value(json_object_get(event, "time")),
		           json_string_value(json_object_get(event, "kind")));
		log_neutralise(&line, span_of(json_string_value(json_object_get(event, "reason"))));
		if (who[0] != '\0') {
			buf_add_text(&line, " by ");
			log_neutralise(&line, span_of(who));
		}
		printf("  %s\n", line.failed ? "" : line.at);
		buf_free(&line);
	}
}

void warmup_report_text(const struct warmup_report *report) {
	const struct warmup_today *today = &report->today;
	char day[DAY_SIZE], next[DAY_SIZE], one[32];

	day_format(today->day, day);
	day_format(report->tomorrow.day, next);
	printf("stream %s: plan %.64s%s\n", report->stream->name, report->stream->plan,
	       report->aggressive ? " (aggressive)" : "");
	if (today->stopped)
		printf("  STOPPED until todoku warmup resume %s --why TEXT: %s\n", report->stream->name, today->reason);
	else
		printf("  today     %s  %s, step %ld (%s)\n", day, amount_text(today->quota, one), today->ramp.step + 1,
		       today->reason);
	printf("  used      %lld taken, %llu sent\n", report->leased, (unsigned long long)report->figures.all.sent);
	printf("  tomorrow  %s  %s, as of now: %s (%s)\n", next, amount_text(tomorrow_quota(report), one),
	       tomorrow_verdict(report), report->tomorrow.reason);
	printf("  breaker   %s (%s)\n",
	       report->stream->breaker == CONF_BREAKER_OFF ? "off"
	       : today->open                               ? "OPEN"
	                                                   : "closed",
	       report->window_reason);
	print_parts(report);
	print_events(report);
}

static json_t *counts_json(const struct warmup_counts *counts) {
	return json_pack("{s:I, s:I, s:I, s:I}", "sent", (json_int_t)counts->sent, "hard_bounces",
	                 (json_int_t)counts->hard, "complaints", (json_int_t)counts->complaints, "refused",
	                 (json_int_t)counts->refused);
}

static json_t *quota_json(long long quota) {
	return quota == WARMUP_UNLIMITED ? json_null() : json_integer(quota);
}

static json_t *parts_json(const struct warmup_report *report) {
	json_t *parts = json_array();
	size_t i;

	for (i = 0; i < report->part_count; i++) {
		const struct warmup_report_part *part = &report->parts[i];
		json_t *said = counts_json(&part->counts);

		json_object_set_new(said, "provider", json_string(part->provider));
		json_object_set_new(said, "quota", quota_json(part->quota));
		json_object_set_new(said, "taken", json_integer(part->leased));
		json_object_set_new(said, "held", part->reason[0] == '\0' ? json_null() : json_string(part->reason));
		json_array_append_new(parts, said);
	}
	return parts;
}

struct json_t *warmup_report_json(const struct warmup_report *report) {
	const struct warmup_today *today = &report->today;
	char day[DAY_SIZE], next[DAY_SIZE];
	json_t *said;

	day_format(today->day, day);
	day_format(report->tomorrow.day, next);
	said = json_pack("{s:s, s:s, s:b, s:b, s:b}", "stream", report->stream->name, "plan", report->stream->plan,
	                 "aggressive", report->aggressive, "stopped", today->stopped, "waiting", today->waiting);
	json_object_set_new(said, "today",
	                    json_pack("{s:s, s:o, s:I, s:I, s:o, s:s, s:o}", "date", day, "quota",
	                              quota_json(today->quota), "step", (json_int_t)today->ramp.step + 1, "taken",
	                              (json_int_t)report->leased, "ends", answer_time(today->ends), "reason",
	                              today->reason, "figures", counts_json(&report->figures.all)));
	json_object_set_new(said, "tomorrow",
	                    json_pack("{s:s, s:o, s:s, s:s}", "date", next, "quota", quota_json(tomorrow_quota(report)),
	                              "verdict", tomorrow_verdict(report), "reason", report->tomorrow.reason));
	json_object_set_new(said, "breaker",
	                    json_pack("{s:b, s:b, s:o, s:s, s:o}", "open", today->open, "off",
	                              report->stream->breaker == CONF_BREAKER_OFF, "since",
	                              answer_time(today->ramp.breaker), "reason", report->window_reason, "figures",
	                              counts_json(&report->window)));
	json_object_set_new(said, "providers", parts_json(report));
	json_object_set(said, "events", report->events);
	return said;
}
