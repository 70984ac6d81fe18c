/* todoku bounce: what came back, and what it means. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "report/report.h"
#include "report/rules.h"
#include "tools/command.h"

#define MESSAGE_MAX (256U << 20)
#define ERRORS_MAX 65536

static void set_text(json_t *object, const char *name, const char *text) {
	if (text[0] != '\0')
		json_object_set_new(object, name, json_string(text));
}

static void print_result(const struct report *report, const struct report_result *r) {
	json_t *said = json_pack("{s:s, s:s, s:s, s:s}", "category", report_category_name(r->category), "recipient",
	                         r->recipient, "status", r->status, "action", report_action_name(r->action));

	if (r->reply != 0)
		json_object_set_new(said, "reply", json_integer(r->reply));
	set_text(said, "original", r->original);
	set_text(said, "final", r->final);
	set_text(said, "phase", r->phase);
	set_text(said, "remote", r->remote);
	set_text(said, "provider", r->provider);
	set_text(said, "family", report->family);
	set_text(said, "rule", r->rule);
	set_text(said, "diagnostic", r->diagnostic);
	set_text(said, "feedback_type", report->feedback_type);
	set_text(said, "message_id", report->message_id);
	json_dumpf(said, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(said);
}

static int slurp(FILE *file, struct buf *room) {
	size_t got = 1;

	while (got > 0) {
		char *to = buf_reserve(room, 65536);

		if (to == NULL)
			return -1;
		got = fread(to, 1, 65536, file);
		room->len += got;
	}
	return ferror(file) ? -1 : 0;
}

static int classify(const struct rules *rules, const char *name, FILE *file) {
	struct report report;
	struct buf message;
	size_t i;
	int status = EX_OK;

	buf_init(&message, MESSAGE_MAX);
	if (slurp(file, &message) != 0) {
		status = command_fail(EX_NOINPUT, "%s: %s", name,
		                      message.failed ? "larger than 256 MiB" : strerror(errno));
	} else if (report_read(rules, buf_span(&message), &report) != 0) {
		status = command_fail(EX_OSERR, "%s: out of memory", name);
	} else {
		for (i = 0; i < report.count; i++)
			print_result(&report, &report.results[i]);
		report_free(&report);
	}
	buf_free(&message);
	return status;
}

static struct rules *load(const char *path) {
	struct buf errors;
	struct rules *rules;
	char *found = path == NULL ? rules_find() : strdup(path);

	if (found == NULL) {
		command_fail(EX_NOINPUT, "no bounce-rules found: name the file by --rules");
		return NULL;
	}
	buf_init(&errors, ERRORS_MAX);
	rules = rules_load(found, &errors);
	if (rules == NULL)
		fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&errors)));
	buf_free(&errors);
	free(found);
	return rules;
}

int bounce_classify(struct command *command) {
	struct rules *rules = load(command_option(command, "--rules", NULL));
	int status = EX_OK, one, i;

	if (rules == NULL)
		return EX_CONFIG;
	report_init();
	if (command->argc == 0)
		status = classify(rules, "standard input", stdin);
	for (i = 0; i < command->argc; i++) {
		FILE *file = fopen(command->argv[i], "rb");

		if (file == NULL) {
			status = command_fail(EX_NOINPUT, "%s: %s", command->argv[i], strerror(errno));
			continue;
		}
		one = classify(rules, command->argv[i], file);
		status = one == EX_OK ? status : one;
		fclose(file);
	}
	rules_free(&rules);
	return status;
}
