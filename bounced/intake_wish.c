/* Mail of people who want to leave a list or to join one. */
#include "bounced/intake_private.h"

#include <stdlib.h>

#include "bounced/fields.h"

#define MESSAGE_ID_MAX 250
#define LOOK_BACK 100 /* records of an address that are looked at */

static const char asked_to_join[] = "join_asked";
static const char asked_to_leave[] = "leave_asked";
static const char unsubscribed[] = "unsubscribe";

static int give_up(struct entry *entry, const char *fault) {
	entry->bounce.fault = span_of(fault);
	return 0;
}

/* In force for the list from the commit on; the figures count it with it. */
static int unsubscribe(struct intake *in, struct entry *entry, struct span address, struct err *err) {
	struct store_bounce *bounce = &entry->bounce;

	bounce->address = address;
	entry->changes = calloc(1, sizeof *entry->changes);
	if (entry->changes == NULL)
		return err_set(err, "out of memory");
	buf_printf(&entry->detail, "mail from %.*s to %.*s", SPAN_ARG(buf_span(&in->message->sender)),
	           SPAN_ARG(bounce->mailbox));
	entry->event = (struct store_event){
	        .kind = STORE_UNSUBSCRIBE,
	        .time_ms = (int64_t)in->now * 1000,
	        .campaign = bounce->campaign,
	        .list = bounce->list,
	        .address_key = bounce->address_key,
	};
	entry->changes[0] = (struct store_change){
	        .address_key = bounce->address_key,
	        .address = address,
	        .list = bounce->list,
	        .status = STORE_UNSUBSCRIBED,
	        .reason = SPAN("mail"),
	        .detail = buf_span(&entry->detail),
	        .who = buf_span(&in->message->sender),
	        .campaign = bounce->campaign,
	        .time = in->now,
	        .event = &entry->event,
	};
	bounce->category = SPAN(unsubscribed);
	bounce->changes = entry->changes;
	bounce->change_count = 1;
	return 0;
}

int intake_unsubscribe(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err) {
	struct store_bounce *bounce = &entry->bounce;
	const struct conf_list *list;
	enum token_fault fault;
	struct token token;
	struct buf bytes;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	fault = token_decode(in->world->ring, mailbox->token, &bytes, &token);
	buf_free(&bytes);
	bounce->category = span_of(report_category_name(in->report.results[0].category));
	if (fault != TOKEN_OK || token.purpose != TOKEN_UNSUBSCRIBE)
		return give_up(entry, "bad_token");
	if (token.shared)
		return give_up(entry, "shared");
	if (in->automatic)
		return give_up(entry, "automatic");
	/* A link holds for ever (U4), whether the send is on record still or not. */
	if (store_find_address(in->tools->store, token.address_key, &entry->sent.address, err) != 0)
		return -1;
	list = world_list(in->world, token.list);
	if (list == NULL)
		return give_up(entry, "no_list");
	bounce->campaign = token.campaign;
	bounce->address_key = token.address_key;
	bounce->list = span_of(list->name);
	bounce->stream = span_of(list->stream);
	return unsubscribe(in, entry, buf_span(&entry->sent.address), err);
}

struct asked {
	time_t since;
	size_t records;
	size_t count; /* of those, the ones that were sent a mail */
};

static int count_asked(void *context, const struct store_bounce_row *row) {
	struct asked *asked = context;

	asked->records += row->bounce.time > asked->since;
	asked->count += row->bounce.time > asked->since && row->bounce.fault.len == 0 &&
	                (span_equal(row->bounce.category, SPAN(asked_to_join)) ||
	                 span_equal(row->bounce.category, SPAN(asked_to_leave)));
	return 0;
}

/* May the address be sent a confirmation mail once more today? */
static int may_ask(struct intake *in, const struct entry *entry, bool *may_r, struct err *err) {
	struct store_bounce_which which = {.address_key = entry->bounce.address_key, .limit = LOOK_BACK};
	struct asked asked = {.since = in->now - RECENT_SECONDS};

	if (store_each_bounce(in->tools->store, &which, count_asked, &asked, err) != 0)
		return -1;
	/* With so many in a day the ones that count may lie behind those looked at. */
	*may_r = asked.records < LOOK_BACK && recent_allow(in->tools->recent, which.address_key, in->now, asked.count,
	                                                   (size_t)in->world->conf->webd.mails_per_address);
	return 0;
}

/* The proof of consent (U6), as far as a mail has any: which it was.  A link has to
 * hold it. */
static void write_proof(const struct intake *in, struct entry *entry) {
	struct span sender = buf_span(&in->message->sender);
	struct buf id;
	size_t i;

	if (sender.len > ADDR_MAX)
		sender.len = ADDR_MAX;
	buf_init(&id, MESSAGE_ID_MAX);
	fields_find(buf_span(&in->message->data), SPAN("Message-ID"), &id);
	for (i = 0; i < id.len; i++)
		if (id.at[i] < ' ' || id.at[i] == 127)
			id.at[i] = '?';
	buf_printf(&entry->detail, "mail to %.*s, envelope sender %.*s, Message-ID %.*s",
	           SPAN_ARG(entry->bounce.mailbox), SPAN_ARG(sender), SPAN_ARG(buf_span(&id)));
	buf_free(&id);
}

/* Before the commit: a mail that is on record has been sent. */
static int ask(struct intake *in, struct entry *entry, const struct conf_list *list, enum confirm_kind kind,
               struct err *err) {
	struct confirm confirm = {
	        .kind = kind,
	        .time = in->now,
	        .address = addr_span(&entry->address),
	};
	bool may;

	if (may_ask(in, entry, &may, err) != 0)
		return -1;
	if (!may)
		return give_up(entry, "too_often");
	entry->bounce.category = kind == CONFIRM_JOIN ? SPAN(asked_to_join) : SPAN(asked_to_leave);
	write_proof(in, entry);
	if (kind == CONFIRM_JOIN)
		confirm.proof = buf_span(&entry->detail);
	if (confirm_mail_send(in->world->mails, in->world->conf, in->world->ring, list, &confirm, err) == 0)
		return 0;
	recent_take_back(in->tools->recent, entry->bounce.address_key);
	return -1;
}

/* Our own mail come back: to answer it would never end. */
static bool is_ours(const struct intake *in, const struct conf_list *list, const struct addr *from) {
	size_t i;

	if (span_equal(addr_domain(from), span_of(in->world->conf->bounced.domain)))
		return true;
	for (i = 0; i < list->sender.len; i++)
		if (span_equal_nocase(span_of(list->sender.at[i]), addr_span(from)))
			return true;
	for (i = 0; i < list->from.len; i++)
		if (span_equal_nocase(span_of(list->from.at[i]), addr_span(from)))
			return true;
	return false;
}

int intake_join_or_leave(struct intake *in, struct entry *entry, const struct mailbox *mailbox, struct err *err) {
	struct store_bounce *bounce = &entry->bounce;
	struct addr sender;
	bool agree;

	bounce->category = span_of(report_category_name(in->report.results[0].category));
	bounce->list = span_of(mailbox->list->name);
	bounce->stream = span_of(mailbox->list->stream);
	if (in->automatic)
		return give_up(entry, "automatic");
	if (addr_parse_header(buf_span(&in->from), &entry->address) != 0)
		return give_up(entry, "no_sender");
	if (is_ours(in, mailbox->list, &entry->address))
		return give_up(entry, "automatic");
	bounce->recipient = addr_span(&entry->address);
	bounce->address_key = token_address_key(in->world->ring, bounce->recipient);
	if (mailbox->kind == MAILBOX_JOIN)
		return ask(in, entry, mailbox->list, CONFIRM_JOIN, err);
	agree = addr_parse(buf_span(&in->message->sender), &sender) == 0 &&
	        span_equal(addr_span(&sender), addr_span(&entry->address));
	return agree ? unsubscribe(in, entry, addr_span(&entry->address), err)
	             : ask(in, entry, mailbox->list, CONFIRM_LEAVE, err);
}
