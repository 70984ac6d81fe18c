/*
 * The rules file: it is accepted, or refused with a line that names the place; a set
 * that was accepted judges any text, here the file itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/rules.h"
#include "report/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_make((const char *)data, size);
	struct rules *rules;
	struct buf errors;

	buf_init(&errors, 1U << 20);
	rules = rules_parse("rules", text, &errors);
	if (rules == NULL) {
		if (errors.failed == false && (errors.at == NULL || strncmp(errors.at, "rules:", 6) != 0))
			abort();
	} else {
		struct smtp_codes codes;
		struct evidence e = {
		        .diagnostic = text, .remote = text, .recipient = text, .dsn_status = "", .phase = "data"};
		struct verdict v;

		smtp_find_codes(text, &codes);
		e.status = codes.status;
		e.reply = codes.reply;
		rules_judge(rules, &e, &v);
		if (!report_is_failure(v.category) || v.action == REPORT_NONE ||
		    (v.action == REPORT_SUPPRESS && !report_is_permanent(v.category)))
			abort();
		rules_free(&rules);
	}
	buf_free(&errors);
	return 0;
}
