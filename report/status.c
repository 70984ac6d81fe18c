/* Delivery reports with the machine-readable part (dsn.h). */
#include <string.h>

#include "report/dsn.h"
#include "report/job.h"
#include "report/kinds.h"
#include "report/smtp.h"

struct status_reading {
	struct job *job;
	struct dsn dsn;
	struct notice notice; /* of the text for people */
	size_t failed;
};

/* The part, or the text that holds what should be one. */
static bool find_status(struct job *job, struct span *text_r) {
	size_t i;

	for (i = 0; i < job->mail.count; i++)
		if (job->mail.parts[i].kind == MAIL_STATUS) {
			*text_r = job_decode(job, &job->mail.parts[i], ROOM_PART);
			return true;
		}
	for (i = 0; i < job->mail.count; i++) {
		const struct mail_part *p = &job->mail.parts[i];

		if (p->kind != MAIL_TEXT && p->kind != MAIL_OTHER)
			continue;
		*text_r = p->encoding == DECODE_PLAIN ? p->body : job_decode(job, p, ROOM_PART);
		if (!dsn_is_in(*text_r))
			continue;
		if (p->encoding == DECODE_PLAIN)
			*text_r = job_decode(job, p, ROOM_PART);
		return true;
	}
	return false;
}

/* What became of the recipient (RFC 3464 2.3.3). */
static enum report_category outcome(const struct dsn_group *g) {
	char status[SMTP_STATUS_SIZE] = "";

	if (span_starts_nocase(g->action, SPAN("delayed")))
		return REPORT_DELAYED;
	if (span_starts_nocase(g->action, SPAN("delivered")) || span_starts_nocase(g->action, SPAN("relayed")) ||
	    span_starts_nocase(g->action, SPAN("expanded")) || span_starts_nocase(g->action, SPAN("success")) ||
	    span_starts_nocase(g->action, SPAN("deliverable")))
		return REPORT_DELIVERED;
	if (g->action.len == 0 && smtp_read_status(g->status, status) && status[0] == '2')
		return REPORT_DELIVERED;
	return REPORT_UNDETERMINED;
}

static const char *keep_dsn_address(struct job *job, struct span field) {
	struct buf *room = &job->rooms[ROOM_SCRATCH];

	buf_reset(room);
	if (!dsn_address(field, room))
		return "";
	return keep_text(job->report->text, buf_span(room), JOB_ADDRESS_MAX);
}

/* Where no field holds an address. */
static const char *other_recipient(struct status_reading *r, struct span final) {
	struct job *job = r->job;
	const char *address = job_keep_address(job, mail_find(&job->mail.header, SPAN("X-Failed-Recipients")));
	size_t i;

	if (address[0] == '\0' && final.len > 1 && final.at[0] != '@')
		address = job_keep_address(job, final);
	for (i = 0; i < r->notice.count && address[0] == '\0'; i++)
		if (r->notice.items[i].rank >= NOTICE_LISTED)
			address = keep_text(job->report->text, r->notice.items[i].address, JOB_ADDRESS_MAX);
	return address[0] != '\0' ? address : job_returned_recipient(job);
}

/* Quoted, as a local part with two dots has to be, where the other form is not. */
static bool is_quoted_form(const char *quoted, const char *plain) {
	size_t len = strlen(plain), i = 1;

	if (quoted[0] != '"')
		return false;
	while (i <= len && quoted[i] == plain[i - 1] && plain[i - 1] != '@')
		i++;
	return quoted[i] == '"' && strcmp(quoted + i + 1, plain + i - 1) == 0;
}

static void name_recipient(struct status_reading *r, const struct dsn_group *g, struct report_result *result) {
	result->final = keep_dsn_address(r->job, g->final);
	result->original = keep_dsn_address(r->job, g->original);
	if (result->final[0] == '\0')
		result->final = keep_dsn_address(r->job, g->actual);
	result->recipient = result->original[0] == '\0' || is_quoted_form(result->final, result->original)
	                            ? result->final
	                            : result->original;
	if (result->recipient[0] == '\0')
		result->recipient = other_recipient(r, dsn_untyped(g->final));
}

/* Codes that name no cause, so that the text for people may: the vague ones, other
 * and undefined ones, protocol faults, and "expired", whose cause is another. */
static bool is_unspecific(const char *status) {
	static const char *const detail[] = {".0.0", ".2.0", ".3.0", ".4.0", ".4.7", ".1.0", ".7.0"};
	size_t i;

	if (status[0] == '\0' || strncmp(status + 1, ".5.", 3) == 0)
		return true;
	for (i = 0; i < sizeof detail / sizeof *detail; i++)
		if (strcmp(status + 1, detail[i]) == 0)
			return true;
	return false;
}

static const struct notice_item *item_of(const struct status_reading *r, const struct report_result *result) {
	const struct notice_item *item = notice_find(&r->notice, span_of(result->final));

	return item != NULL ? item : notice_find(&r->notice, span_of(result->recipient));
}

/* What the text for people says of the recipient; all of it where there is one. */
static struct span speech_of(struct status_reading *r, const struct notice_item *item) {
	struct buf *room = &r->job->rooms[ROOM_SCRATCH];

	buf_reset(room);
	if (item != NULL && item->first != NOTICE_NO_PIECE && (r->failed > 1 || item->rank >= NOTICE_LISTED))
		notice_speech(&r->notice, item, room);
	else if (r->failed == 1)
		buf_add(room, r->notice.text.at,
		        r->notice.text.len < JOB_SPEECH_MAX ? r->notice.text.len : JOB_SPEECH_MAX);
	return buf_span(room);
}

static struct span remote_host(struct span field) {
	struct span host = dsn_untyped(field);
	size_t len = 0;

	while (len < host.len && !ascii_is_blank(host.at[len]) && host.at[len] != '(' && host.at[len] != '[')
		len++;
	return span_make(host.at, len);
}

/* What is said before the recipient is named, where it is the only one. */
static void judge_all(const struct status_reading *r, struct evidence *evidence, struct verdict *verdict) {
	struct span said = evidence->diagnostic;
	struct verdict all;

	evidence->diagnostic =
	        span_make(r->notice.text.at, r->notice.text.len < JOB_SPEECH_MAX ? r->notice.text.len : JOB_SPEECH_MAX);
	rules_judge(r->job->rules, evidence, &all);
	if (all.by_text)
		*verdict = all;
	else
		evidence->diagnostic = said;
}

static void judge(struct status_reading *r, const struct dsn_group *g, struct report_result *result) {
	const struct notice_item *item = item_of(r, result);
	struct smtp_codes codes, spoken;
	char dsn_status[SMTP_STATUS_SIZE] = "";
	struct evidence e = {.diagnostic = dsn_untyped(g->diagnostic),
	                     .remote = remote_host(g->remote),
	                     .recipient = span_of(result->final),
	                     .dsn_status = dsn_status,
	                     .phase = ""};
	struct verdict verdict;
	struct span speech;

	smtp_read_status(g->status, dsn_status);
	smtp_find_codes(e.diagnostic, &codes);
	if (item != NULL && item->phase != NULL)
		e.phase = item->phase;
	else if (r->notice.phase != NULL)
		e.phase = r->notice.phase;
	else if (r->failed == 1 && r->notice.count > 0 && r->notice.items[r->notice.count - 1].phase != NULL)
		e.phase = r->notice.items[r->notice.count - 1].phase;
	e.status = codes.status;
	e.reply = codes.reply;
	rules_judge(r->job->rules, &e, &verdict);
	speech = speech_of(r, item);
	if (!verdict.by_text && is_unspecific(codes.status) && is_unspecific(dsn_status) && speech.len > 0) {
		smtp_find_codes(speech, &spoken);
		if (codes.reply == 0)
			e.reply = spoken.reply;
		if (codes.status[0] == '\0')
			e.status = spoken.status;
		job_judge_speech(r->job, &e, speech, &spoken, &verdict);
		if (!verdict.by_text && r->failed == 1 && item != NULL)
			judge_all(r, &e, &verdict);
	}
	job_settle(r->job, &e, &verdict, result);
}

static void add_group(struct status_reading *r, const struct dsn_group *g) {
	struct report_result *result = job_add(r->job, outcome(g));
	char status[SMTP_STATUS_SIZE] = "";

	if (result == NULL)
		return;
	name_recipient(r, g, result);
	if (result->category == REPORT_UNDETERMINED) {
		judge(r, g, result);
		return;
	}
	smtp_read_status(g->status, status);
	result->status = keep_text(r->job->report->text, span_of(status), SMTP_STATUS_SIZE);
	result->diagnostic = keep_text(r->job->report->text, dsn_untyped(g->diagnostic), REPORT_DIAGNOSTIC_MAX);
	result->remote = keep_text(r->job->report->text, remote_host(g->remote), 300);
}

bool job_read_status(struct job *job) {
	struct status_reading r = {.job = job};
	struct span text;
	size_t i;

	if (!find_status(job, &text))
		return false;
	if (dsn_read(text, &r.dsn) != 0 || notice_read(rules_marks(job->rules), job->text, &r.notice) != 0) {
		job->out_of_memory = true;
		dsn_free(&r.dsn);
		return true;
	}
	for (i = 0; i < r.dsn.count; i++)
		r.failed += outcome(&r.dsn.groups[i]) == REPORT_UNDETERMINED;
	for (i = 0; i < r.dsn.count; i++)
		add_group(&r, &r.dsn.groups[i]);
	job->report->family = r.notice.family != NULL ? r.notice.family : "rfc3464";
	job->report->cut_off |= r.dsn.cut_off;
	job->report->arrival_date = keep_text(job->report->text, r.dsn.arrival, 100);
	notice_free(&r.notice);
	dsn_free(&r.dsn);
	return job->report->count > 0;
}
