#include "bounced/intake_private.h"

#include <stdlib.h>
#include <string.h>

#include "bounced/fields.h"

#define FIELD_MAX 4096

const char *intake_refuse(const struct world *world, struct span sender, struct span recipient) {
	/* A null sender's may be a report: it is never refused (and if it is for
	 * nobody, it is kept). */
	if (sender.len == 0 || mailbox_of(world->conf, recipient).kind != MAILBOX_UNKNOWN)
		return NULL;
	return "550 5.1.1 there is no such address here";
}

/* RFC 3834, and what lists and mass mail wear; the reader knows of reports,
 * receipts and most auto-replies by itself. */
static bool is_automatic(const struct intake *in) {
	static const char *const bulk[] = {"bulk", "list", "junk", "auto_reply"};
	struct span message = buf_span(&in->message->data);
	struct buf value;
	bool automatic = in->message->sender.len == 0 || in->report.results[0].category != REPORT_NOT_A_BOUNCE;
	size_t i;

	buf_init(&value, FIELD_MAX);
	if (fields_find(message, SPAN("Auto-Submitted"), &value))
		automatic |= !span_starts_nocase(buf_span(&value), SPAN("no"));
	buf_reset(&value);
	if (fields_find(message, SPAN("Precedence"), &value))
		for (i = 0; i < sizeof bulk / sizeof *bulk; i++)
			automatic |= span_equal_nocase(buf_span(&value), span_of(bulk[i]));
	buf_reset(&value);
	automatic |= fields_find(message, SPAN("List-Id"), &value);
	buf_free(&value);
	return automatic;
}

/* The same for the same mail to the same address, whatever way it took and however
 * the address is written; nobody without the ring can foretell it. */
static uint64_t identity(const struct intake *in, const struct mailbox *mailbox, struct span recipient) {
	const char *at = recipient.len == 0 ? NULL : memrchr(recipient.at, '@', recipient.len);
	struct span local = at == NULL ? recipient : span_make(recipient.at, (size_t)(at - recipient.at));
	struct span parts[2] = {SPAN_NONE, span_make((const char *)&in->digest, sizeof in->digest)};
	struct buf lower;
	uint64_t hash;
	size_t i;

	buf_init(&lower, FIELD_MAX);
	for (i = 0; i < local.len; i++)
		buf_add_byte(&lower, mailbox->kind == MAILBOX_UNSUBSCRIBE ? local.at[i] : ascii_lower(local.at[i]));
	parts[0] = buf_span(&lower);
	hash = keyring_hash(in->world->ring, "report", parts, 2);
	buf_free(&lower);
	return hash;
}

/* A token is never on record (S5). */
static struct span shown_mailbox(const struct mailbox *mailbox) {
	struct span name = mailbox->name;
	ssize_t plus = span_find_byte(name, '+');

	return plus < 0 ? name : span_make(name.at, (size_t)plus);
}

static int read_entry(struct intake *in, struct entry *entry, struct span recipient, struct err *err) {
	struct mailbox mailbox = mailbox_of(in->world->conf, recipient);

	entry->bounce = (struct store_bounce){
	        .report = identity(in, &mailbox, recipient),
	        .time = in->now,
	        .mailbox = shown_mailbox(&mailbox),
	        .family = span_of(in->report.family),
	        .sender = buf_span(&in->message->sender),
	        .subject = buf_span(&in->subject),
	};
	store_sent_init(&entry->sent);
	buf_init(&entry->detail, FIELD_MAX);
	switch (mailbox.kind) {
	case MAILBOX_UNSUBSCRIBE:
		return intake_unsubscribe(in, entry, &mailbox, err);
	case MAILBOX_JOIN:
	case MAILBOX_LEAVE:
		return intake_join_or_leave(in, entry, &mailbox, err);
	default:
		return intake_charge(in, entry, &mailbox, err);
	}
}

/* What nobody understood, or what changed nothing though it might have had to. */
static void keep_mail(const struct intake *in, struct store_bounce *bounce) {
	struct span mail = buf_span(&in->message->data);
	bool understood = bounce->fault.len == 0 && !in->message->cut_off &&
	                  !span_equal(bounce->category, SPAN("undetermined")) &&
	                  !span_equal(bounce->category, SPAN("not_a_bounce"));

	if (!understood)
		bounce->mail = mail.len > INTAKE_KEEP_MAX ? span_make(mail.at, INTAKE_KEEP_MAX) : mail;
}

static int read_all(struct intake *in, struct err *err) {
	struct span message = buf_span(&in->message->data);
	struct span behind = fields_behind_trace(message);
	const struct strings *recipients = &in->message->recipients;
	size_t i;

	if (report_read(in->world->rules, message, &in->report) != 0)
		return err_set(err, "out of memory");
	in->automatic = is_automatic(in);
	in->digest = keyring_hash(in->world->ring, "report", &behind, 1);
	fields_find(message, SPAN("Subject"), &in->subject);
	fields_find(message, SPAN("From"), &in->from);
	for (i = 0; i < in->count; i++) {
		if (read_entry(in, &in->entries[i], span_of(recipients->at[i]), err) != 0)
			return -1;
		keep_mail(in, &in->entries[i].bounce);
		in->bounces[i] = in->entries[i].bounce;
	}
	return 0;
}

struct intake *intake_read(const struct intake_tools *tools, const struct lmtp_message *message, time_t now,
                           struct err *err) {
	struct intake *in = calloc(1, sizeof *in);

	if (in == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	in->tools = tools;
	in->world = tools->world;
	in->message = message;
	in->now = now;
	in->count = message->recipients.len;
	in->entries = calloc(in->count, sizeof *in->entries);
	in->bounces = calloc(in->count, sizeof *in->bounces);
	buf_init(&in->subject, FIELD_MAX);
	buf_init(&in->from, FIELD_MAX);
	if (in->entries == NULL || in->bounces == NULL) {
		err_set(err, "out of memory");
		intake_free(&in);
	} else if (read_all(in, err) != 0) {
		intake_free(&in);
	}
	if (in != NULL)
		in->tools = NULL;
	return in;
}

void intake_free(struct intake **intake) {
	struct intake *in = *intake;
	size_t i;

	*intake = NULL;
	if (in == NULL)
		return;
	for (i = 0; in->entries != NULL && i < in->count; i++) {
		store_sent_free(&in->entries[i].sent);
		buf_free(&in->entries[i].detail);
		free(in->entries[i].changes);
	}
	report_free(&in->report);
	buf_free(&in->subject);
	buf_free(&in->from);
	free(in->entries);
	free(in->bounces);
	free(in);
}

const struct store_bounce *intake_bounces(const struct intake *intake, size_t *count_r) {
	*count_r = intake->count;
	return intake->bounces;
}
