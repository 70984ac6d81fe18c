#include "report/report.h"

static const char *const names[REPORT_CATEGORY_COUNT] = {
        [REPORT_USER_UNKNOWN] = "user_unknown",
        [REPORT_DOMAIN_UNKNOWN] = "domain_unknown",
        [REPORT_PERMANENT_OTHER] = "permanent_other",
        [REPORT_CONNECTION_FAILED] = "connection_failed",
        [REPORT_MAILBOX_FULL] = "mailbox_full",
        [REPORT_TEMPORARY_OTHER] = "temporary_other",
        [REPORT_REFUSED] = "refused",
        [REPORT_TOO_LARGE] = "too_large",
        [REPORT_UNDETERMINED] = "undetermined",
        [REPORT_COMPLAINT] = "complaint",
        [REPORT_AUTO_REPLY] = "auto_reply",
        [REPORT_DELAYED] = "delayed",
        [REPORT_DELIVERED] = "delivered",
        [REPORT_NOT_A_BOUNCE] = "not_a_bounce",
};

const char *report_category_name(enum report_category category) {
	return names[category];
}

int report_category_of(struct span name, enum report_category *category_r) {
	size_t i;

	for (i = 0; i < REPORT_CATEGORY_COUNT; i++)
		if (span_equal(name, span_of(names[i]))) {
			*category_r = (enum report_category)i;
			return 0;
		}
	return -1;
}

bool report_is_failure(enum report_category category) {
	return category <= REPORT_UNDETERMINED;
}

bool report_is_permanent(enum report_category category) {
	return category <= REPORT_PERMANENT_OTHER;
}

const char *report_action_name(enum report_action action) {
	static const char *const actions[] = {
	        [REPORT_NONE] = "none", [REPORT_COUNT_SOFT] = "count_soft", [REPORT_SUPPRESS] = "suppress"};

	return actions[action];
}
