/* todoku warmup: the calendar of a plan, where a stream stands, and resuming one. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/now.h"
#include "lib/warmup.h"
#include "lib/warmup_ramp.h"
#include "tools/answer.h"
#include "tools/warmup.h"

#define DAYS_PRESET 30
#define DAYS_MAX 3660

/* What a verb is run for. */
struct subject {
	const struct command *command;
	struct conf *conf;
	struct zone *zone;
	struct store *store; /* NULL: there is none yet */
	time_t now;
};

static void close_subject(struct subject *subject) {
	store_close(&subject->store);
	zone_free(&subject->zone);
	conf_free(&subject->conf);
}

/* EX_OK, or the status after having said what is wrong. */
static int open_subject(struct subject *subject_r, const struct command *command, bool make_store) {
	struct err err;

	*subject_r = (struct subject){.command = command, .now = now_seconds()};
	subject_r->conf = command_conf(command);
	if (subject_r->conf == NULL)
		return EX_CONFIG;
	subject_r->zone = zone_load(subject_r->conf->timezone, &err);
	if (subject_r->zone == NULL) {
		close_subject(subject_r);
		return command_fail(EX_CONFIG, "timezone: %s", err.text);
	}
	/* Who only asks what will be makes no store. */
	if (!make_store && access(subject_r->conf->store.path, F_OK) != 0)
		return EX_OK;
	subject_r->store = answer_store(subject_r->conf);
	if (subject_r->store != NULL)
		return EX_OK;
	close_subject(subject_r);
	return EX_IOERR;
}

/* The verb for one stream, or for all where none is named. */
static int for_streams(const struct subject *subject, int (*run)(const struct subject *, const struct conf_stream *)) {
	const struct command *command = subject->command;
	const struct conf_stream *stream;
	int status = EX_OK;
	size_t i;

	if (command->argc == 1) {
		stream = conf_find_stream(subject->conf, span_of(command->argv[0]));
		return stream != NULL
		               ? run(subject, stream)
		               : command_fail(1, "no stream \"%s\" in %s", command->argv[0], subject->conf->file);
	}
	if (subject->conf->stream_count == 0)
		return command_fail(1, "no stream in %s", subject->conf->file);
	for (i = 0; i < subject->conf->stream_count && status == EX_OK; i++)
		status = run(subject, &subject->conf->streams[i]);
	return status;
}

/* What `warmup plan` was asked for besides the stream. */
struct plan_request {
	struct subject subject; /* first, so that it can be found from it */
	long days;
};

static int show_plan(const struct subject *subject, const struct conf_stream *stream) {
	const struct plan_request *request = (const struct plan_request *)(const void *)subject;
	struct warmup_calendar calendar;
	struct err err;
	int outcome;

	outcome = warmup_calendar_make(&calendar, subject->store, subject->conf, stream, subject->zone, subject->now,
	                               request->days, &err);
	if (outcome != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (subject->command->json)
		answer_json(warmup_calendar_json(&calendar));
	else
		warmup_calendar_text(&calendar);
	warmup_calendar_free(&calendar);
	return EX_OK;
}

int warmup_plan(struct command *command) {
	const char *days = command_option(command, "--days", NULL);
	struct plan_request request = {.days = DAYS_PRESET};
	char *end = NULL;
	int status;

	if (days != NULL)
		request.days = strtol(days, &end, 10);
	if (command->argc > 1 || request.days < 1 || request.days > DAYS_MAX ||
	    (end != NULL && (*end != '\0' || end == days)))
		return command_usage(command, "one stream at most, and 1 to 3660 days");
	status = open_subject(&request.subject, command, false);
	if (status != EX_OK)
		return status;
	status = for_streams(&request.subject, show_plan);
	close_subject(&request.subject);
	return status;
}

static int show_status(const struct subject *subject, const struct conf_stream *stream) {
	struct warmup_report report;
	struct err err;

	if (warmup_report_make(&report, subject->store, subject->conf, stream, subject->zone, subject->now, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (subject->command->json)
		answer_json(warmup_report_json(&report));
	else
		warmup_report_text(&report);
	warmup_report_free(&report);
	return EX_OK;
}

int warmup_status(struct command *command) {
	struct subject subject;
	int status;

	if (command->argc > 1)
		return command_usage(command, "one stream at most");
	status = open_subject(&subject, command, true);
	if (status != EX_OK)
		return status;
	status = for_streams(&subject, show_status);
	close_subject(&subject);
	return status;
}

static int resume_stream(const struct subject *subject, const struct conf_stream *stream, const char *why) {
	struct warmup_today today;
	struct err err;
	bool resumed;

	/* First what the days since have made of it, where no daemon has seen them. */
	if (warmup_refresh(subject->store, subject->conf, stream, subject->zone, subject->now, &today, &err) != 0 ||
	    warmup_resume(subject->store, stream, subject->zone, subject->now, span_of(answer_operator()), span_of(why),
	                  &resumed, &err) != 0 ||
	    warmup_look(subject->store, subject->conf, stream, subject->zone, subject->now, &today, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (!resumed)
		return command_fail(1, "stream \"%s\" is neither stopped nor is its breaker open", stream->name);
	if (subject->command->json)
		answer_json(json_pack("{s:s, s:b, s:I, s:o}", "stream", stream->name, "resumed", true, "quota",
		                      (json_int_t)today.quota, "reason", answer_text(span_of(today.reason))));
	else if (today.quota == WARMUP_UNLIMITED)
		printf("stream %s goes on, without a limit\n", stream->name);
	else
		printf("stream %s goes on: %lld recipients today (%s)\n", stream->name, today.quota, today.reason);
	return EX_OK;
}

int warmup_resume_run(struct command *command) {
	const char *why = command_option(command, "--why", NULL);
	const struct conf_stream *stream;
	struct subject subject;
	int status;

	if (command->argc != 1 || why == NULL || why[0] == '\0')
		return command_usage(command, "one stream and a reason are needed");
	status = open_subject(&subject, command, true);
	if (status != EX_OK)
		return status;
	stream = conf_find_stream(subject.conf, span_of(command->argv[0]));
	status = stream != NULL ? resume_stream(&subject, stream, why)
	                        : command_fail(1, "no stream \"%s\" in %s", command->argv[0], subject.conf->file);
	close_subject(&subject);
	return status;
}
