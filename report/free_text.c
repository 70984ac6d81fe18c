/* Notices in free text (notice.h), judged. */
#include <string.h>

#include "report/fold.h"
#include "report/job.h"
#include "report/kinds.h"
#include "report/smtp.h"

struct free_reading {
	struct job *job;
	struct notice notice;
	struct span failed;           /* X-Failed-Recipients */
	size_t listed;                /* recipients that the text lists or names */
	size_t bare;                  /* from this item on nothing is said of any, until ... */
	size_t speaker;               /* ... this one; looked for once, however long the list */
	enum report_category outcome; /* REPORT_UNDETERMINED: it failed */
};

/* Does the text name somebody as failed, or list somebody and quote a server? */
static bool is_specific(const struct free_reading *r) {
	struct smtp_codes codes;
	bool listed = false;
	size_t i;

	for (i = 0; i < r->notice.count; i++) {
		if (r->notice.items[i].rank == NOTICE_NAMED)
			return true;
		listed |= r->notice.items[i].rank == NOTICE_LISTED;
	}
	smtp_find_codes(r->notice.text, &codes);
	return codes.reply != 0 && (listed || codes.status[0] != '\0');
}

/* Machines that report do not ask. */
static bool asks(const struct free_reading *r) {
	struct span rest = r->notice.text, line;

	while (smtp_next_line(&rest, &line)) {
		line = span_trim(line);
		if (span_ends_nocase(line, SPAN("?")) || span_ends_nocase(line, SPAN("\xef\xbc\x9f")) ||
		    span_ends_nocase(line, SPAN("でしょうか。")) || span_ends_nocase(line, SPAN("ますか。")))
			return true;
	}
	return false;
}

/* Is it one at all?  Ordinary mail speaks of deliveries too. */
static bool is_notice(const struct free_reading *r) {
	const struct mail *mail = &r->job->mail;
	const struct notice *n = &r->notice;
	bool named = false, bounced = kinds_subject_of_bounce(r->job->subject);
	size_t i;

	if (r->failed.len > 0)
		return true;
	for (i = 0; i < n->count && !named; i++)
		named = n->items[i].rank == NOTICE_NAMED;
	if (kinds_from_mailer(mail))
		return true;
	if (!kinds_from_daemon(mail) && kinds_is_auto_reply(mail, SPAN_NONE) && !is_specific(r))
		return false;
	if (kinds_from_daemon(mail) || kinds_null_path(mail))
		return n->failed || n->delayed || n->delivered || n->family != NULL || named || bounced ||
		       is_specific(r);
	if (mail_find(&mail->header, SPAN("X-MLServer")).len > 0)
		return n->failed && n->family != NULL && strcmp(n->family, "fml") == 0;
	if (n->forwarded || kinds_is_talk(mail, r->job->subject) || asks(r))
		return false;
	return (n->failed || n->delayed || n->phase != NULL) &&
	       ((bounced && is_specific(r)) || (named && n->family != NULL));
}

static bool is_sender(const struct free_reading *r, struct span address) {
	struct span to = mail_find(&r->job->mail.header, SPAN("To")),
	            from = mail_find(&r->job->mail.header, SPAN("From"));
	struct span one;

	while (smtp_next_address(&to, &one))
		if (span_equal_nocase(one, address))
			return true;
	while (smtp_next_address(&from, &one))
		if (span_equal_nocase(one, address))
			return true;
	return span_equal_nocase(address, span_of(r->job->report->returned_from));
}

static bool is_role(struct span address) {
	static const char *const roles[] = {"postmaster@", "mailer-daemon@", "abuse@"};
	size_t i;

	for (i = 0; i < sizeof roles / sizeof *roles; i++)
		if (span_starts_nocase(address, span_of(roles[i])))
			return true;
	return false;
}

/* Nothing but the address: what is said may follow another. */
static bool is_bare(const struct free_reading *r, const struct notice_item *item) {
	struct buf speech, folded;
	size_t i;
	bool bare = true;

	buf_init(&speech, NOTICE_SPEECH_MAX + 16);
	buf_init(&folded, NOTICE_SPEECH_MAX * 2 + 64);
	notice_speech(&r->notice, item, &speech);
	fold_text(buf_span(&speech), &folded);
	for (i = 0; i < folded.len; i++)
		bare &= !ascii_is_alnum(folded.at[i]) && (unsigned char)folded.at[i] < 0x80;
	buf_free(&speech);
	buf_free(&folded);
	return bare;
}

/* All that may be about the recipient: what is said before anybody is named, and to
 * it; for one of a list of addresses, what is said behind the list. */
static struct span around(struct free_reading *r, const struct notice_item *item) {
	struct buf *room = &r->job->rooms[ROOM_SCRATCH];
	const struct notice *n = &r->notice;
	struct span all = n->text;
	size_t i;

	buf_reset(room);
	if (r->listed > 1 && item != NULL && item->first != NOTICE_NO_PIECE) {
		i = (size_t)(item - n->items);
		if (i > r->speaker || i < r->bare) {
			r->bare = i;
			while (i + 1 < n->count && is_bare(r, &n->items[i]))
				i++;
			r->speaker = i;
		}
		notice_speech(n, &n->items[r->speaker], room);
		all.len = (size_t)(n->pieces[0].text.at - all.at);
	}
	buf_add(room, all.at, all.len < JOB_SPEECH_MAX ? all.len : JOB_SPEECH_MAX);
	buf_add_text(room, "\n");
	buf_add_span(room, r->job->subject);
	return buf_span(room);
}

static void judge(struct free_reading *r, struct report_result *result, struct span speech,
                  const struct notice_item *item) {
	struct smtp_codes codes;
	struct evidence e = {.diagnostic = speech, .recipient = span_of(result->recipient), .dsn_status = ""};
	struct verdict verdict;

	smtp_find_codes(speech, &codes);
	e.status = codes.status;
	e.reply = codes.reply;
	e.phase = item != NULL && item->phase != NULL ? item->phase : r->notice.phase != NULL ? r->notice.phase : "";
	job_judge_speech(r->job, &e, speech, &codes, &verdict);
	if (!verdict.by_text && (codes.reply == 0 || smtp_status_is_vague(codes.status))) {
		e.diagnostic = around(r, item);
		if (codes.reply == 0 && codes.status[0] == '\0') {
			smtp_find_codes(e.diagnostic, &codes);
			e.status = codes.status;
			e.reply = codes.reply;
		}
		rules_judge(r->job->rules, &e, &verdict);
	}
	job_settle(r->job, &e, &verdict, result);
}

/* Of what did not fail there is nothing to judge. */
static void keep_codes(struct free_reading *r, struct report_result *result, struct span speech) {
	struct report_text *keep = r->job->report->text;
	struct smtp_codes codes;

	smtp_find_codes(speech, &codes);
	result->reply = codes.reply;
	result->status = keep_text(keep, span_of(codes.status), SMTP_STATUS_SIZE);
	result->diagnostic = keep_text(keep, speech, REPORT_DIAGNOSTIC_MAX);
}

static void add_item(struct free_reading *r, struct span address, const struct notice_item *item) {
	struct report_text *keep = r->job->report->text;
	struct report_result *result = job_add(r->job, r->outcome);
	struct buf speech;

	if (result == NULL)
		return;
	result->recipient = result->final = keep_text(keep, address, JOB_ADDRESS_MAX);
	if (item != NULL && item->origin.len > 0)
		result->recipient = result->original = keep_text(keep, item->origin, JOB_ADDRESS_MAX);
	buf_init(&speech, NOTICE_SPEECH_MAX + 16);
	if (item != NULL)
		notice_speech(&r->notice, item, &speech);
	if (r->outcome != REPORT_UNDETERMINED)
		keep_codes(r, result, buf_span(&speech));
	else
		judge(r, result, buf_span(&speech), item);
	buf_free(&speech);
}

/* Those that the header names; what is said of one that the text does not name is
 * what is said of the first it does. */
static bool add_failed_recipients(struct free_reading *r) {
	struct span rest = r->failed, address;
	size_t before = r->job->report->count, i, listed = r->notice.count;

	for (i = 0; i < r->notice.count && listed == r->notice.count; i++)
		if (r->notice.items[i].rank >= NOTICE_LISTED)
			listed = i;
	while (smtp_next_address(&rest, &address)) {
		const struct notice_item *item = notice_find(&r->notice, address);

		if (item == NULL && listed < r->notice.count)
			item = &r->notice.items[listed];
		add_item(r, address, item);
	}
	return r->job->report->count > before;
}

/* Does the text say that a server refused it? */
static bool is_answered(const struct free_reading *r, const struct notice_item *item) {
	struct smtp_codes codes;
	struct buf speech;

	buf_init(&speech, NOTICE_SPEECH_MAX + 16);
	notice_speech(&r->notice, item, &speech);
	smtp_find_codes(buf_span(&speech), &codes);
	buf_free(&speech);
	return codes.reply != 0;
}

/* Items of that rank; those that are the sender or a role only with `all`, and where
 * they are not named as failed, only with an answer. */
static bool add_items(struct free_reading *r, enum notice_rank least, bool all) {
	size_t before = r->job->report->count, i;

	for (i = 0; i < r->notice.count; i++) {
		const struct notice_item *item = &r->notice.items[i];

		if (item->rank < least)
			continue;
		if ((is_sender(r, item->address) || is_role(item->address)) &&
		    (!all || (item->rank < NOTICE_NAMED && !is_answered(r, item))))
			continue;
		add_item(r, item->address, item);
	}
	return r->job->report->count > before;
}

/* A gateway's notice that names nobody, around the report that does. */
static bool holds_report(const struct free_reading *r) {
	const struct mail_header *h = &r->job->returned_fields;
	struct span from = mail_find(h, SPAN("From"));

	return r->job->returned_part && !r->job->nested &&
	       (span_find_nocase(mail_find(h, SPAN("Content-Type")), SPAN("multipart/report")) >= 0 ||
	        span_find_nocase(from, SPAN("mailer-daemon")) >= 0 ||
	        mail_find(h, SPAN("X-Failed-Recipients")).len > 0);
}

static enum report_category outcome_of(const struct free_reading *r) {
	const struct notice *n = &r->notice;

	if (kinds_subject_of_delay(r->job->subject) || (n->delayed && !n->failed))
		return REPORT_DELAYED;
	return n->delivered && !n->failed ? REPORT_DELIVERED : REPORT_UNDETERMINED;
}

static void add_recipients(struct free_reading *r) {
	const char *returned;

	if (add_failed_recipients(r) || add_items(r, NOTICE_LISTED, false) || add_items(r, NOTICE_LISTED, true))
		return;
	if (holds_report(r)) {
		r->job->inner = r->job->returned;
		return;
	}
	returned = job_returned_recipient(r->job);
	if (returned[0] == '\0' && add_items(r, NOTICE_MENTIONED, false))
		return;
	add_item(r, span_of(returned), NULL);
}

bool job_read_notice(struct job *job) {
	struct free_reading r = {
	        .job = job, .failed = mail_find(&job->mail.header, SPAN("X-Failed-Recipients")), .bare = SIZE_MAX};
	size_t i;
	bool is;

	if (notice_read(rules_marks(job->rules), job->text, &r.notice) != 0) {
		job->out_of_memory = true;
		return true;
	}
	is = is_notice(&r);
	if (is) {
		if (job->returned.len == 0) {
			job->returned = r.notice.returned;
			job_read_returned(job);
		}
		r.outcome = outcome_of(&r);
		for (i = 0; i < r.notice.count; i++)
			r.listed += r.notice.items[i].rank >= NOTICE_LISTED;
		job->report->family = r.notice.family != NULL ? r.notice.family : "text";
		add_recipients(&r);
	}
	notice_free(&r.notice);
	return is;
}
