/* Complaints: RFC 5965 feedback reports, and Microsoft's that are none. */
#include "report/job.h"
#include "report/kinds.h"

static struct span find_feedback(struct job *job, const struct mail_part **part_r) {
	size_t i;

	for (i = 0; i < job->mail.count; i++) {
		const struct mail_part *p = &job->mail.parts[i];

		if (p->kind == MAIL_FEEDBACK ||
		    (p->kind == MAIL_TEXT && span_starts_nocase(span_trim(p->body), SPAN("Feedback-Type:")))) {
			*part_r = p;
			return job_decode(job, p, ROOM_PART);
		}
	}
	*part_r = NULL;
	return SPAN_NONE;
}

static const char *complainer(struct job *job, const struct mail_header *fields) {
	static const char *const names[] = {"Original-Rcpt-To", "Original-Recipient", "Removal-Recipient",
	                                    "Redacted-Address"};
	const char *address = "";
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names && address[0] == '\0'; i++)
		address = job_keep_address(job, mail_find(fields, span_of(names[i])));
	return address[0] != '\0' ? address : job_returned_recipient(job);
}

/* A report may name several (RFC 5965 3.2). */
static size_t count_recipients(const struct mail_header *fields) {
	size_t i, count = 0;

	for (i = 0; i < fields->count; i++)
		count += span_equal_nocase(fields->fields[i].name, SPAN("Original-Rcpt-To"));
	return count;
}

static void add_result(struct job *job, bool complaint, const char *address) {
	struct report_result *result = job_add(job, complaint ? REPORT_COMPLAINT : REPORT_NOT_A_BOUNCE);

	if (result != NULL)
		result->recipient = result->final = address;
}

bool job_read_feedback(struct job *job) {
	struct report *r = job->report;
	struct mail_header fields;
	const struct mail_part *part;
	struct span text = find_feedback(job, &part), type;
	bool complaint;
	size_t i;

	if (part == NULL) {
		if (!kinds_is_jmrp(&job->mail, job->subject))
			return false;
		r->family = "jmrp";
		r->feedback_type = "abuse";
		add_result(job, true, job_returned_recipient(job));
		return true;
	}
	text = span_trim(text);
	mail_read_header(text, &fields);
	type = mail_find(&fields, SPAN("Feedback-Type"));
	r->family = "arf";
	r->feedback_type = keep_lower(r->text, type.len == 0 ? SPAN("abuse") : type, 100);
	r->reported_domain = keep_text(r->text, mail_find(&fields, SPAN("Reported-Domain")), 300);
	r->source_ip = keep_text(r->text, mail_find(&fields, SPAN("Source-IP")), 100);
	r->arrival_date = keep_text(r->text, mail_find(&fields, SPAN("Arrival-Date")), 100);
	if (r->arrival_date[0] == '\0')
		r->arrival_date = keep_text(r->text, mail_find(&fields, SPAN("Received-Date")), 100);
	/* A DMARC failure report says so in other fields too. */
	complaint = kinds_is_complaint(span_of(r->feedback_type)) && mail_find(&fields, SPAN("Auth-Failure")).len == 0;
	if (count_recipients(&fields) < 2) {
		add_result(job, complaint, complainer(job, &fields));
		return true;
	}
	for (i = 0; i < fields.count; i++)
		if (span_equal_nocase(fields.fields[i].name, SPAN("Original-Rcpt-To")))
			add_result(job, complaint, job_keep_address(job, fields.fields[i].value));
	return true;
}
