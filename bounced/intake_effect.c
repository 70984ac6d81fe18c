/* What follows from a report whose recipient is proven. */
#include "bounced/intake_private.h"

#include <stdlib.h>
#include <string.h>

#define DAY 86400

static void describe(struct store_bounce *bounce, const struct report_result *result) {
	bounce->category = span_of(report_category_name(result->category));
	bounce->recipient = span_of(result->recipient);
	bounce->status = span_of(result->status);
	bounce->reply = result->reply;
	bounce->phase = span_of(result->phase);
	bounce->diagnostic = span_of(result->diagnostic);
	bounce->remote = span_of(result->remote);
	bounce->rule = span_of(result->rule);
	bounce->failure = report_is_failure(result->category);
}

static enum store_feedback_kind feedback_of(const struct report_result *result) {
	if (report_is_permanent(result->category))
		return STORE_FEEDBACK_HARD;
	if (result->category == REPORT_REFUSED)
		return STORE_FEEDBACK_REFUSED;
	if (result->category == REPORT_COMPLAINT && result->action == REPORT_SUPPRESS)
		return STORE_FEEDBACK_COMPLAINT;
	return report_is_failure(result->category) ? STORE_FEEDBACK_SOFT : STORE_FEEDBACK_NONE;
}

static struct span domain_of(struct span address) {
	const char *at = address.len == 0 ? NULL : memrchr(address.at, '@', address.len);

	return at == NULL ? SPAN_NONE : span_from(address, (size_t)(at + 1 - address.at));
}

static struct store_change *add_change(struct intake *in, struct entry *entry) {
	struct store_bounce *bounce = &entry->bounce;
	struct store_change *change = &entry->changes[bounce->change_count++];

	*change = (struct store_change){
	        .address_key = bounce->address_key,
	        .address = buf_span(&entry->sent.address),
	        .status = STORE_BLOCKED,
	        .reason = bounce->category,
	        .detail = buf_span(&entry->detail),
	        .who = bounce->remote,
	        .campaign = bounce->campaign,
	        .time = in->now,
	};
	return change;
}

static bool have_changes(struct entry *entry, size_t count, struct err *err) {
	entry->changes = calloc(count, sizeof *entry->changes);
	entry->bounce.changes = entry->changes;
	if (entry->changes == NULL)
		err_set(err, "out of memory");
	return entry->changes != NULL;
}

/* What an operator will want to read: the words of the host that refused. */
static void write_detail(struct entry *entry, const struct report_result *result) {
	if (result->diagnostic[0] != '\0')
		buf_add_text(&entry->detail, result->diagnostic);
	else if (result->status[0] != '\0')
		buf_printf(&entry->detail, "status %s", result->status);
}

static int block_address(struct intake *in, struct entry *entry, struct err *err) {
	if (!have_changes(entry, 1, err))
		return -1;
	add_change(in, entry);
	return 0;
}

static bool share_domain(const struct strings *one, const struct strings *other) {
	size_t i, j;

	for (i = 0; i < one->len; i++)
		for (j = 0; j < other->len; j++)
			if (span_equal(domain_of(span_of(one->at[i])), domain_of(span_of(other->at[j]))))
				return true;
	return false;
}

/* Is a list one of the same sender's as that of the complaint, which may be gone
 * from the configuration? */
static bool is_of_sender(const struct conf_list *list, const struct conf_list *own, struct span stream) {
	if (list == own || (stream.len > 0 && span_equal(span_of(list->stream), stream)))
		return true;
	return own != NULL && (share_domain(&list->sender, &own->sender) || share_domain(&list->sender, &own->from) ||
	                       share_domain(&list->from, &own->sender) || share_domain(&list->from, &own->from));
}

static int block_lists(struct intake *in, struct entry *entry, struct err *err) {
	const struct conf *conf = in->world->conf;
	const struct conf_list *own = conf_find_list(conf, entry->bounce.list);
	size_t i;

	if (!have_changes(entry, conf->list_count + 1, err))
		return -1;
	add_change(in, entry)->list = entry->bounce.list;
	for (i = 0; i < conf->list_count; i++)
		if (&conf->lists[i] != own && is_of_sender(&conf->lists[i], own, entry->bounce.stream))
			add_change(in, entry)->list = span_of(conf->lists[i].name);
	return 0;
}

static void count_soft(struct intake *in, struct entry *entry, const struct report_result *result) {
	const struct conf_bounced *conf = &in->world->conf->bounced;
	bool full = result->category == REPORT_MAILBOX_FULL;

	entry->soft = (struct store_soft){
	        .day = zone_day_number(in->world->zone, in->now),
	        .full = full,
	        .limit = full ? conf->full_days : conf->soft_days,
	        .within = (full ? conf->full_within : conf->soft_within) / DAY,
	};
	entry->bounce.soft = &entry->soft;
}

int intake_effect(struct intake *in, struct entry *entry, const struct report_result *result, struct err *err) {
	struct store_bounce *bounce = &entry->bounce;

	describe(bounce, result);
	if (bounce->fault.len > 0)
		return 0;
	bounce->domain = domain_of(buf_span(&entry->sent.address));
	bounce->feedback = feedback_of(result);
	write_detail(entry, result);
	if (result->action == REPORT_COUNT_SOFT)
		count_soft(in, entry, result);
	if (result->action == REPORT_SUPPRESS && report_is_permanent(result->category))
		return block_address(in, entry, err);
	if (bounce->feedback == STORE_FEEDBACK_COMPLAINT)
		return block_lists(in, entry, err);
	return 0;
}
