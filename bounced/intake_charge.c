/* Whose bounce it is. */
#include "bounced/intake_private.h"

#define DAY 86400
#define MONTH (31 * DAY)
#define FIELD_MAX 8192

static void set_fault(struct entry *entry, const char *fault) {
	entry->bounce.fault = span_of(fault);
}

int intake_find_sent(struct intake *in, struct entry *entry, const struct token *token, struct err *err) {
	/* Mail that waited before the splitter was recorded at its first try.  A link has
	 * no time, and holds for ever: any send on record will do. */
	const struct conf *conf = in->world->conf;
	bool is_bounce = token->purpose == TOKEN_BOUNCE, found;
	time_t made = is_bounce ? (time_t)token->time : in->now;
	time_t oldest = made - (is_bounce ? conf->bounced.token_age : conf->store.keep_months * MONTH);

	if (store_find_sent(in->tools->store, token->campaign, token->address_key, oldest > 0 ? oldest : 0, made + DAY,
	                    &entry->sent, &found, err) != 0)
		return -1;
	if (entry->sent.list.failed || entry->sent.stream.failed || entry->sent.address.failed)
		return err_set(err, "out of memory");
	if (!found) {
		set_fault(entry, "not_sent");
		return 0;
	}
	entry->bounce.campaign = token->campaign;
	entry->bounce.address_key = token->address_key;
	entry->bounce.sent = token->purpose == TOKEN_BOUNCE ? (time_t)token->time : entry->sent.time;
	entry->bounce.address = buf_span(&entry->sent.address);
	entry->bounce.list = buf_span(&entry->sent.list);
	entry->bounce.stream = buf_span(&entry->sent.stream);
	return 0;
}

/* By the return path: the fault stays empty where it proves a send. */
static int charge_token(struct intake *in, struct entry *entry, const struct token *token, struct err *err) {
	time_t made = (time_t)token->time;

	if (token->shared) {
		set_fault(entry, "shared");
		return 0;
	}
	if (token->purpose == TOKEN_BOUNCE &&
	    (made < in->now - in->world->conf->bounced.token_age || made > in->now + DAY)) {
		set_fault(entry, "expired");
		return 0;
	}
	return intake_find_sent(in, entry, token, err);
}

static int charge_return_path(struct intake *in, struct entry *entry, struct span text, struct err *err) {
	struct token token;
	struct buf bytes;
	enum token_fault fault;

	if (text.len == 0) {
		set_fault(entry, "no_token");
		return 0;
	}
	buf_init(&bytes, TOKEN_BYTES_MAX);
	fault = token_decode_base32(in->world->ring, text, &bytes, &token);
	buf_free(&bytes);
	if (fault != TOKEN_OK || token.purpose != TOKEN_BOUNCE) {
		set_fault(entry, "bad_token");
		return 0;
	}
	return charge_token(in, entry, &token, err);
}

/* A token in `text`, which is an address, a link or a mailto:. */
static bool find_token(const struct intake *in, struct span text, struct token *token_r) {
	ssize_t query = span_find_byte(text, '?');
	struct buf bytes;
	bool found;

	if (span_starts_nocase(text, SPAN("mailto:")))
		text = span_make(text.at + 7, (query < 0 ? text.len : (size_t)query) - 7);
	buf_init(&bytes, TOKEN_BYTES_MAX);
	found = token_find(in->world->ring, text, &bytes, token_r) == TOKEN_OK &&
	        (token_r->purpose == TOKEN_BOUNCE || token_r->purpose == TOKEN_UNSUBSCRIBE);
	buf_free(&bytes);
	return found;
}

/* In the URIs of a List-Unsubscribe. */
static bool find_in_uris(const struct intake *in, struct span value, struct token *token_r) {
	ssize_t open, close;

	while ((open = span_find_byte(value, '<')) >= 0) {
		value = span_from(value, (size_t)open + 1);
		close = span_find_byte(value, '>');
		if (close < 0)
			return false;
		if (find_token(in, span_make(value.at, (size_t)close), token_r))
			return true;
		value = span_from(value, (size_t)close + 1);
	}
	return false;
}

/* A complaint proves itself by what only the recipient's copy held: its return path,
 * or its link, as complaints come late. */
static int charge_returned(struct intake *in, struct entry *entry, struct err *err) {
	struct token token;
	struct buf value;
	bool found;

	if (find_token(in, span_of(in->report.returned_from), &token)) {
		set_fault(entry, "");
		if (charge_token(in, entry, &token, err) != 0)
			return -1;
		if (entry->bounce.fault.len == 0)
			return 0;
	}
	buf_init(&value, FIELD_MAX);
	found = report_returned_field(&in->report, SPAN("List-Unsubscribe"), &value) &&
	        find_in_uris(in, buf_span(&value), &token);
	buf_free(&value);
	if (!found)
		return 0;
	set_fault(entry, "");
	return charge_token(in, entry, &token, err);
}

static bool is_same_address(const char *text, struct span address) {
	struct addr addr;

	return text[0] != '\0' && addr_parse(span_of(text), &addr) == 0 && span_equal_nocase(addr_span(&addr), address);
}

static bool is_of_address(const struct report_result *result, struct span address) {
	return is_same_address(result->recipient, address) || is_same_address(result->final, address) ||
	       is_same_address(result->original, address);
}

/* Of several results the one that names the token's recipient.  Where none does,
 * the mail was forwarded: then the mildest of the failures, as the others may be
 * somebody else's. */
static const struct report_result *choose(const struct intake *in, const struct entry *entry) {
	const struct report *report = &in->report;
	const struct report_result *chosen = NULL;
	size_t i;

	if (report->count == 1 || entry->bounce.fault.len > 0)
		return &report->results[0];
	for (i = 0; i < report->count; i++) {
		const struct report_result *result = &report->results[i];

		if (is_of_address(result, buf_span(&entry->sent.address)))
			return result;
		if (report_is_failure(result->category) && (chosen == NULL || result->action < chosen->action))
			chosen = result;
	}
	return chosen != NULL ? chosen : &report->results[0];
}

int intake_charge(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err) {
	if (charge_return_path(in, entry, mailbox->kind == MAILBOX_RETURN ? mailbox->token : SPAN_NONE, err) != 0)
		return -1;
	if (entry->bounce.fault.len > 0 && in->report.results[0].category == REPORT_COMPLAINT &&
	    charge_returned(in, entry, err) != 0)
		return -1;
	return intake_effect(in, entry, choose(in, entry), err);
}
