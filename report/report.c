#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "report/decode.h"
#include "report/job.h"
#include "report/kinds.h"
#include "report/rules_private.h"
#include "report/smtp.h"

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
	result->provider = keep_text(job->report->text, span_of(verdict->provider), JOB_FIELD_MAX);
	result->rule = keep_text(job->report->text, span_of(verdict->rule), 4200);
	result->status = keep_text(job->report->text, span_of(status), SMTP_STATUS_SIZE);
	result->reply = evidence->reply;
	result->phase = keep_text(job->report->text, span_of(evidence->phase), 16);
	result->diagnostic = keep_text(job->report->text, evidence->diagnostic, REPORT_DIAGNOSTIC_MAX);
	result->remote = keep_text(job->report->text, evidence->remote, JOB_FIELD_MAX);
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
	return keep_text(job->report->text, address, JOB_ADDRESS_MAX);
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
		add_other(job, kinds_is_auto_reply(&job->mail, job->subject) ? REPORT_AUTO_REPLY : REPORT_NOT_A_BOUNCE);
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
