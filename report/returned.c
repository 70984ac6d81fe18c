/* What is told of the message that came back. */
#include "report/job.h"

/* The only address of a field; "" where there are more. */
static const char *only_address(struct job *job, struct span value) {
	struct span rest = value, address, more;

	if (!smtp_next_address(&rest, &address))
		return "";
	if (smtp_next_address(&rest, &more) && !span_equal_nocase(address, more))
		return "";
	return keep_text(job->report->text, address, JOB_ADDRESS_MAX);
}

/* "for <a@b>" of the last Received field, where it tells. */
static const char *received_for(struct job *job) {
	size_t i;

	for (i = 0; i < job->returned_fields.count; i++) {
		const struct mail_field *f = &job->returned_fields.fields[i];
		ssize_t at;

		if (!span_equal_nocase(f->name, SPAN("Received")))
			continue;
		at = span_find(f->value, SPAN("for <"));
		if (at < 0)
			at = span_find(f->value, SPAN("for "));
		if (at >= 0)
			return job_keep_address(job, span_from(f->value, (size_t)at + 4));
	}
	return "";
}

const char *job_returned_recipient(struct job *job) {
	static const char *const telling[] = {"X-HmXmrOriginalRecipient",
	                                      "X-Envelope-To",
	                                      "Envelope-To",
	                                      "X-Rcpt-To",
	                                      "X-Receiver",
	                                      "To",
	                                      "Apparently-To",
	                                      "X-Original-To",
	                                      "Delivered-To"};
	const char *address;
	size_t i;

	for (i = 0; i < sizeof telling / sizeof *telling; i++) {
		address = only_address(job, mail_find(&job->returned_fields, span_of(telling[i])));
		if (address[0] != '\0')
			return address;
	}
	return received_for(job);
}

static const char *keep_field(struct job *job, const char *name) {
	struct buf *room = &job->rooms[ROOM_SCRATCH];

	buf_reset(room);
	decode_words(mail_find(&job->returned_fields, span_of(name)), room);
	return keep_text(job->report->text, buf_span(room), JOB_FIELD_MAX);
}

/* What is told of the returned message. */
static void keep_returned(struct job *job) {
	static const char *const senders[] = {"Return-Path", "X-Envelope-From", "Envelope-From",
	                                      "X-Original-Return-Path"};
	struct report *r = job->report;
	struct span id = mail_find(&job->returned_fields, SPAN("Message-ID"));
	size_t i;

	if (id.len > 2 && id.at[0] == '<')
		id = span_make(id.at + 1, id.len - (id.at[id.len - 1] == '>' ? 2 : 1));
	r->message_id = keep_text(r->text, id, JOB_FIELD_MAX);
	for (i = 0; i < sizeof senders / sizeof *senders && r->returned_from[0] == '\0'; i++)
		r->returned_from = job_keep_address(job, mail_find(&job->returned_fields, span_of(senders[i])));
	r->returned_to = keep_field(job, "To");
	r->returned_subject = keep_field(job, "Subject");
}

void job_read_returned(struct job *job) {
	struct span text = job->returned, behind;

	if (text.len > REPORT_RETURNED_MAX)
		text.len = REPORT_RETURNED_MAX;
	while (text.len > 0 && (text.at[0] == '\r' || text.at[0] == '\n'))
		text = span_from(text, 1);
	behind = mail_read_header(text, &job->returned_fields);
	if (job->returned_fields.count == 0)
		return;
	job->report->returned_header = keep_bytes(job->report->text, span_make(text.at, (size_t)(behind.at - text.at)));
	keep_returned(job);
}
