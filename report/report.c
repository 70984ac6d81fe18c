#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "report/decode.h"
#include "report/job.h"
#include "report/kinds.h"
#include "report/rules_private.h"
#include "report/smtp.h"

#define ADDRESS_MAX 400
#define FIELD_MAX 500

enum { ROOM_SUBJECT, ROOM_TEXT, ROOM_PART, ROOM_SCRATCH };

void report_init(void) {
	decode_init();
}

struct report_result *job_add(struct job *job, enum report_category category) {
	struct report *r = job->report;
	struct report_result *result;

	if (r->count == REPORT_RESULTS_MAX) {
		r->cut_off = true;
		return NULL;
	}
	if (r->count == job->room) {
		size_t room = job->room == 0 ? 1 : job->room * 4;

		result = realloc(r->results, room * sizeof *result);
		if (result == NULL) {
			job->out_of_memory = true;
			return NULL;
		}
		r->results = result;
		job->room = room;
	}
	result = &r->results[r->count++];
	*result = (struct report_result){.category = category,
	                                 .recipient = "",
	                                 .final = "",
	                                 .original = "",
	                                 .status = "",
	                                 .phase = "",
	                                 .diagnostic = "",
	                                 .remote = "",
	                                 .provider = "",
	                                 .rule = ""};
	if (category == REPORT_COMPLAINT)
		result->action = REPORT_SUPPRESS;
	return result;
}

void job_settle(struct job *job, const struct evidence *evidence, const struct verdict *verdict,
                struct report_result *result) {
	const char *status = evidence->status;

	/* What the report itself says, where it says more. */
	if (smtp_status_is_vague(status) && evidence->dsn_status[0] != '\0' &&
	    (status[0] == '\0' || !smtp_status_is_vague(evidence->dsn_status)))
		status = evidence->dsn_status;
	result->category = verdict->category;
	result->action = verdict->action;
	result->provider = keep_text(job->report->text, span_of(verdict->provider), FIELD_MAX);
	result->rule = keep_text(job->report->text, span_of(verdict->rule), 4200);
	result->status = keep_text(job->report->text, span_of(status), SMTP_STATUS_SIZE);
	result->reply = evidence->reply;
	result->phase = keep_text(job->report->text, span_of(evidence->phase), 16);
	result->diagnostic = keep_text(job->report->text, evidence->diagnostic, REPORT_DIAGNOSTIC_MAX);
	result->remote = keep_text(job->report->text, evidence->remote, FIELD_MAX);
}

/* The words of one reply: from its code to the end of its lines. */
static struct span first_reply(struct span speech) {
	struct span rest = speech, line;
	size_t len = 0;

	while (smtp_next_line(&rest, &line)) {
		struct span text = span_trim(line);

		if (len > 0 && (text.len == 0 || strchr("<>-.[", text.at[0]) != NULL) &&
		    !span_starts(text, SPAN("<http")))
			break;
		len = (size_t)(line.at + line.len - speech.at);
	}
	return span_make(speech.at, len);
}

void job_judge_speech(struct job *job, struct evidence *evidence, struct span speech, const struct smtp_codes *codes,
                      struct verdict *verdict_r) {
	if (codes->reply != 0) {
		evidence->diagnostic = first_reply(span_from(speech, codes->at));
		rules_judge(job->rules, evidence, verdict_r);
		if (verdict_r->by_text)
			return;
		evidence->diagnostic = span_from(speech, codes->at);
		rules_judge(job->rules, evidence, verdict_r);
		if (verdict_r->by_text)
			return;
	}
	evidence->diagnostic = speech;
	rules_judge(job->rules, evidence, verdict_r);
}

struct span job_decode(struct job *job, const struct mail_part *part, size_t room) {
	struct span body = part->body;

	if (body.len > NOTICE_MAX && part->kind != MAIL_STATUS)
		body.len = NOTICE_MAX;
	return decode_body(body, part->encoding, part->charset, &job->rooms[room]);
}

const char *job_keep_address(struct job *job, struct span value) {
	struct span address;

	if (!smtp_next_address(&value, &address))
		return "";
	return keep_text(job->report->text, address, ADDRESS_MAX);
}

/* The only address of a field; "" where there are more. */
static const char *only_address(struct job *job, struct span value) {
	struct span rest = value, address, more;

	if (!smtp_next_address(&rest, &address))
		return "";
	if (smtp_next_address(&rest, &more) && !span_equal_nocase(address, more))
		return "";
	return keep_text(job->report->text, address, ADDRESS_MAX);
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

/* HTML as text: tags left out, a line end for each that ends a line. */
static struct span without_tags(struct span html, struct buf *out) {
	size_t i = 0;

	buf_reset(out);
	while (i < html.len && !out->failed) {
		struct span rest = span_from(html, i);

		if (rest.at[0] != '<') {
			buf_add_byte(out, rest.at[0]);
			i++;
			continue;
		}
		if (span_starts_nocase(rest, SPAN("<style")) || span_starts_nocase(rest, SPAN("<script"))) {
			ssize_t end = span_find(span_from(rest, 1), SPAN("</"));

			i += end < 0 ? rest.len : (size_t)end + 1;
			continue;
		}
		if (span_starts_nocase(rest, SPAN("<br")) || span_starts_nocase(rest, SPAN("<p")) ||
		    span_starts_nocase(rest, SPAN("</")) || span_starts_nocase(rest, SPAN("<tr")) ||
		    span_starts_nocase(rest, SPAN("<div")))
			buf_add_byte(out, '\n');
		else
			buf_add_byte(out, ' ');
		while (i < html.len && html.at[i] != '>')
			i++;
		i++;
	}
	return buf_span(out);
}

/* Looks like a header: its first line is a field. */
static bool begins_with_field(struct span text) {
	static const char *const names[] = {
	        "Return-Path:", "Received:", "Message-ID:", "DKIM-Signature:", "Date:", "From:", "X-"};
	size_t i;

	text = span_trim(text);
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (span_starts_nocase(text, span_of(names[i])))
			return true;
	return false;
}

static void find_parts(struct job *job) {
	const struct mail *m = &job->mail;
	const struct mail_part *html = NULL, *attached = NULL;
	size_t i;

	for (i = 0; i < m->count; i++) {
		const struct mail_part *p = &m->parts[i];

		if (p->kind == MAIL_RETURNED || (p->kind == MAIL_TEXT && i > 0 && begins_with_field(p->body))) {
			if (job->returned.len == 0)
				job->returned = p->body;
			job->returned_part = true;
		} else if (p->kind == MAIL_TEXT && job->text.len == 0 && !p->attachment) {
			job->text = span_trim(job_decode(job, p, ROOM_TEXT));
		} else if (p->kind == MAIL_TEXT && attached == NULL && p->attachment) {
			attached = p;
		} else if (p->kind == MAIL_HTML && html == NULL && !p->attachment) {
			html = p;
		}
	}
	if (job->text.len == 0 && html == NULL && attached != NULL)
		job->text = span_trim(job_decode(job, attached, ROOM_TEXT));
	if (job->text.len == 0 && html != NULL)
		job->text = without_tags(job_decode(job, html, ROOM_PART), &job->rooms[ROOM_TEXT]);
}

static void begin(struct job *job, const struct rules *rules, struct span message, struct report *report) {
	size_t i;

	*report = (struct report){.family = "",
	                          .feedback_type = "",
	                          .reported_domain = "",
	                          .source_ip = "",
	                          .arrival_date = "",
	                          .message_id = "",
	                          .returned_from = "",
	                          .returned_to = "",
	                          .returned_subject = "",
	                          .text = keep_new()};
	job->rules = rules;
	job->report = report;
	job->room = 0;
	job->subject = job->text = job->returned = job->inner = SPAN_NONE;
	job->returned_part = false;
	job->returned_fields.count = 0;
	job->out_of_memory = report->text == NULL;
	for (i = 0; i < sizeof job->rooms / sizeof *job->rooms; i++)
		buf_init(&job->rooms[i], message.len * 4 + 65536);
}

static const char *keep_field(struct job *job, const char *name) {
	struct buf *room = &job->rooms[ROOM_SCRATCH];

	buf_reset(room);
	decode_words(mail_find(&job->returned_fields, span_of(name)), room);
	return keep_text(job->report->text, buf_span(room), FIELD_MAX);
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
	r->message_id = keep_text(r->text, id, FIELD_MAX);
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

static void read_subject(struct job *job) {
	struct buf *room = &job->rooms[ROOM_SUBJECT];

	decode_words(mail_find(&job->mail.header, SPAN("Subject")), room);
	job->subject = span_trim(buf_span(room));
}

/* Neither bounce nor complaint. */
static void add_other(struct job *job, enum report_category category) {
	struct report_result *result = job_add(job, category);

	if (result != NULL && category == REPORT_AUTO_REPLY)
		result->recipient = result->final = job_keep_address(job, mail_find(&job->mail.header, SPAN("From")));
}

static bool has_receipt(const struct mail *mail) {
	size_t i;

	for (i = 0; i < mail->count; i++)
		if (mail->parts[i].kind == MAIL_RECEIPT)
			return true;
	return false;
}

/* An answer that a machine wrote for a person.  A mail system marks its notices
 * as automatic too. */
static bool is_auto_reply(struct job *job) {
	const struct mail *m = &job->mail;

	if (has_receipt(m))
		return true;
	return kinds_is_auto_reply(m, job->subject) && !kinds_subject_of_bounce(job->subject) &&
	       mail_find(&m->header, SPAN("X-Failed-Recipients")).len == 0;
}

static void read_kinds(struct job *job) {
	if (job_read_feedback(job) || job_read_status(job) || job_read_ses(job))
		return;
	if (kinds_from_daemon(&job->mail) && !has_receipt(&job->mail) && job_read_notice(job))
		return;
	if (is_auto_reply(job))
		add_other(job, REPORT_AUTO_REPLY);
	else if (!job_read_notice(job))
		add_other(job, REPORT_NOT_A_BOUNCE);
	if (job->report->count == 0 && job->inner.len == 0)
		job_add(job, REPORT_UNDETERMINED);
}

/* What is in `inner_r` then is to be read instead. */
static int read_message(const struct rules *rules, struct span message, bool nested, struct report *report_r,
                        struct span *inner_r) {
	struct job *job = malloc(sizeof *job);
	size_t i;
	bool failed;

	if (job == NULL) {
		*report_r = (struct report){0};
		return -1;
	}
	begin(job, rules, message, report_r);
	job->nested = nested;
	if (!job->out_of_memory) {
		mail_read(message, &job->mail);
		read_subject(job);
		find_parts(job);
		job_read_returned(job);
		read_kinds(job);
	}
	failed = job->out_of_memory || report_r->text->failed;
	for (i = 0; i < sizeof job->rooms / sizeof *job->rooms; i++) {
		failed |= job->rooms[i].failed;
		buf_free(&job->rooms[i]);
	}
	*inner_r = failed ? SPAN_NONE : job->inner;
	free(job);
	if (failed)
		report_free(report_r);
	return failed ? -1 : 0;
}

int report_read(const struct rules *rules, struct span message, struct report *report_r) {
	struct span inner, innermost;

	if (read_message(rules, message, false, report_r, &inner) != 0)
		return -1;
	if (inner.len == 0)
		return 0;
	report_free(report_r);
	/* No deeper: what a notice within a notice holds is not looked at. */
	return read_message(rules, inner, true, report_r, &innermost);
}

void report_free(struct report *report) {
	free(report->results);
	keep_free(&report->text);
	*report = (struct report){0};
}

bool report_returned_field(const struct report *report, struct span name, struct buf *out) {
	struct mail_header *header = malloc(sizeof *header);
	struct span value = SPAN_NONE;
	size_t i;
	bool there;

	if (header == NULL)
		return false;
	mail_read_header(report->returned_header, header);
	value = mail_find(header, name);
	there = value.at != NULL;
	for (i = 0; i < value.len; i++)
		if (value.at[i] != '\r' && value.at[i] != '\n')
			buf_add_byte(out, value.at[i]);
	free(header);
	return there;
}
