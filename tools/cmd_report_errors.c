/* todoku report errors: why mail of a campaign came back, and how often. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/store_bounce.h"
#include "report/report.h"
#include "tools/answer.h"

#define REASON_SIZE 64

struct row {
	char reason[REASON_SIZE];
	const char *kind;
	uint64_t count;
};

struct errors {
	const struct store_campaign *campaign;
	char id[HEX64_SIZE];
	struct row rows[REPORT_CATEGORY_COUNT];
	size_t count;
	uint64_t total;
};

/* The manuals' two, and what nobody could tell. */
static const char *kind_of(struct span reason) {
	enum report_category category;

	if (report_category_of(reason, &category) != 0 || category == REPORT_UNDETERMINED)
		return "undetermined";
	return report_is_permanent(category) ? "permanent" : "temporary";
}

static int gather(void *context, struct span reason, uint64_t count) {
	struct errors *errors = context;
	struct row *row = &errors->rows[errors->count];

	if (errors->count == REPORT_CATEGORY_COUNT)
		return 1;
	snprintf(row->reason, sizeof row->reason, "%.*s", SPAN_ARG(reason));
	row->kind = kind_of(reason);
	row->count = count;
	errors->total += count;
	errors->count++;
	return 0;
}

/* Of all errors, in percent. */
static double share_of(const struct errors *errors, const struct row *row) {
	return 100.0 * (double)row->count / (double)errors->total;
}

static void print_json(const struct errors *errors) {
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < errors->count; i++)
		json_array_append_new(rows,
		                      json_pack("{s:s, s:s, s:I, s:f}", "kind", errors->rows[i].kind, "reason",
		                                errors->rows[i].reason, "count", (json_int_t)errors->rows[i].count,
		                                "share", share_of(errors, &errors->rows[i])));
	answer_json(json_pack("{s:s, s:o, s:o, s:I, s:I, s:o}", "campaign", errors->id, "list",
	                      answer_text(span_of(errors->campaign->list)), "name",
	                      answer_text(span_of(errors->campaign->name)), "sent", (json_int_t)errors->campaign->sends,
	                      "errors", (json_int_t)errors->total, "reasons", rows));
}

static void print_csv(const struct errors *errors) {
	struct answer_record record;
	char share[24];
	size_t i;

	for (i = 0; i < errors->count; i++) {
		answer_begin(&record);
		answer_field(&record, span_of(errors->id));
		answer_field(&record, span_of(errors->rows[i].kind));
		answer_field(&record, span_of(errors->rows[i].reason));
		answer_number(&record, errors->rows[i].count);
		snprintf(share, sizeof share, "%.2f", share_of(errors, &errors->rows[i]));
		answer_field(&record, span_of(share));
		answer_end(&record);
	}
}

static void print_text(const struct errors *errors) {
	size_t i;

	answer_campaign(errors->campaign);
	printf("\n  sent %llu  errors %llu\n", (unsigned long long)errors->campaign->sends,
	       (unsigned long long)errors->total);
	if (errors->count == 0)
		return;
	printf("\n  %-12s  %-20s %10s %9s\n", "kind", "reason", "count", "share");
	for (i = 0; i < errors->count; i++)
		printf("  %-12s  %-20s %10llu %8.2f%%\n", errors->rows[i].kind, errors->rows[i].reason,
		       (unsigned long long)errors->rows[i].count, share_of(errors, &errors->rows[i]));
}

static int show(void *context, struct store *store, const struct store_campaign *campaign) {
	enum answer_form form = *(enum answer_form *)context;
	struct errors errors = {.campaign = campaign};
	struct err err;

	hex64_format(errors.id, campaign->id);
	if (store_each_error(store, campaign->id, gather, &errors, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (form == ANSWER_JSON)
		print_json(&errors);
	else if (form == ANSWER_CSV)
		print_csv(&errors);
	else
		print_text(&errors);
	return EX_OK;
}

int report_errors(struct command *command) {
	enum answer_form form = answer_form(command);

	return answer_campaigns(command, form == ANSWER_CSV ? "campaign,kind,reason,count,share" : NULL, show, &form);
}
