#include "bounced/trace.h"

#include <stdio.h>

#include "lib/log.h"

#define VALUE_SIZE 256

/* A copy that ends in a NUL; NULL, which leaves the pair out, where it is empty. */
static const char *value_of(char out[VALUE_SIZE], struct span text) {
	if (text.len == 0)
		return NULL;
	snprintf(out, VALUE_SIZE, "%.*s", SPAN_ARG(text));
	return out;
}

static const char *effect_of(const struct store_bounce *bounce, enum store_bounce_result result) {
	if (result == STORE_BOUNCE_KNOWN)
		return "known";
	if (bounce->fault.len > 0)
		return "none";
	if (bounce->change_count > 0)
		return bounce->changes[0].status == STORE_BLOCKED ? "blocked" : "unsubscribed";
	if (result == STORE_BOUNCE_MARKED)
		return "temporary_failed";
	return bounce->soft != NULL ? "counted" : "recorded";
}

void trace_bounce(const struct store_bounce *bounce, enum store_bounce_result result) {
	char values[6][VALUE_SIZE], campaign[HEX64_SIZE], address[LOG_ADDRESS_SIZE];

	hex64_format(campaign, bounce->campaign);
	/* What the report says in words may hold an address, which is not to be logged
	 * against the privacy setting: it is in the store. */
	log_line(CONF_LOG_INFO, "report", "mailbox", value_of(values[0], bounce->mailbox), "list",
	         value_of(values[1], bounce->list), "campaign", bounce->campaign == 0 ? NULL : campaign, "rcpt",
	         bounce->address_key == 0 ? NULL : log_address(address, bounce->address, bounce->address_key),
	         "category", value_of(values[2], bounce->category), "status", value_of(values[3], bounce->status),
	         "rule", value_of(values[4], bounce->rule), "fault", value_of(values[5], bounce->fault), "effect",
	         effect_of(bounce, result), NULL);
}

void trace_put_off(const struct lmtp_message *message, const char *reason) {
	char count[24];

	log_line(CONF_LOG_WARNING, "put_off", "recipients", log_number(count, (long long)message->recipients.len),
	         "reason", reason, NULL);
}

void trace_warning(const char *event, const char *reason) {
	log_line(CONF_LOG_WARNING, event, "reason", reason, NULL);
}
