/*
 * The report reader: any message yields one result at least, all of it text that may
 * be shown, and what N7 and N9 say of category and action holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "report/report.h"
#include "report/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few rules of each kind: enough to reach the judge, and loaded in no time. */
static const char text[] = "provider one example.net\n"
                           "source the test\n"
                           "refused provider=one \"unknown user\"\n"
                           "refused phase=data \"unknown user\"\n"
                           "mailbox_full \"mailbox * full\" unless \"not full\"\n"
                           "user_unknown \"user unknown\" \"unknown user\" \"@ not\" \"\xe4\xb8\x8d\xe6\x98\x8e\"\n"
                           "permanent_other/count_soft \"relay \"\n"
                           "user_unknown status=5.1.1\n"
                           "domain_unknown status=5.1.2,5.4.x\n"
                           "mailbox_full reply=552\n";

static void check_text(const char *s) {
	struct span left = span_of(s);

	while (left.len > 0) {
		size_t octets = utf8_size(left);

		if (octets == 0 || utf8_is_control(left))
			abort();
		left = span_from(left, octets);
	}
}

static void check_result(const struct report_result *r) {
	const char *const texts[] = {r->recipient, r->final, r->original,   r->status,  r->phase,
	                             r->remote,    r->rule,  r->diagnostic, r->provider};
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		check_text(texts[i]);
	if (strlen(r->diagnostic) > REPORT_DIAGNOSTIC_MAX)
		abort();
	if (r->action == REPORT_SUPPRESS && !report_is_permanent(r->category) && r->category != REPORT_COMPLAINT)
		abort();
	if ((r->action != REPORT_NONE) != (report_is_failure(r->category) || r->category == REPORT_COMPLAINT))
		abort();
	/* Class 4 is never permanent. */
	if (r->reply >= 400 && r->reply < 500 && report_is_permanent(r->category))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct rules *rules;
	struct report report;
	size_t i;

	if (rules == NULL) {
		struct buf errors;

		buf_init(&errors, 4096);
		rules = rules_parse("rules", SPAN(text), &errors);
		if (rules == NULL)
			abort();
		buf_free(&errors);
		report_init();
	}
	if (report_read(rules, span_make((const char *)data, size), &report) != 0)
		abort();
	if (report.count == 0)
		abort();
	for (i = 0; i < report.count; i++)
		check_result(&report.results[i]);
	check_text(report.family);
	check_text(report.feedback_type);
	check_text(report.message_id);
	check_text(report.returned_from);
	check_text(report.returned_to);
	check_text(report.returned_subject);
	report_free(&report);
	return 0;
}
