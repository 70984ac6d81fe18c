/*
 * One message being read: what the readers of its kinds share.
 */
#ifndef REPORT_JOB_H
#define REPORT_JOB_H

#include "report/keep.h"
#include "report/mail.h"
#include "report/notice.h"
#include "report/report.h"
#include "report/rules.h"
#include "report/smtp.h"

#define JOB_SPEECH_MAX 8192U /* octets that are judged at once */
#define JOB_ADDRESS_MAX 400  /* octets kept of an address */
#define JOB_FIELD_MAX 500    /* octets kept of a field */

/* What decoded text lies in, until the next is put there. */
enum { ROOM_SUBJECT, ROOM_TEXT, ROOM_PART, ROOM_SCRATCH, ROOM_COUNT };

struct job {
	const struct rules *rules;
	struct mail mail;
	struct report *report;
	size_t room;          /* of report->results */
	struct span subject;  /* decoded */
	struct span text;     /* the first text, decoded; else the first HTML without its tags */
	struct span html;     /* the first HTML, decoded, without tags; where there is no text */
	struct span returned; /* header of the returned message, and more */
	bool returned_part;   /* it is a part of its own, as it came */
	struct mail_header returned_fields;
	struct span inner; /* a returned message that is the report itself: read it instead */
	struct buf rooms[ROOM_COUNT];
	bool nested; /* this is such a one */
	bool out_of_memory;
};

/* The readers: each adds results and returns true, or finds that it is not its
 * kind and returns false. */
bool job_read_feedback(struct job *job);
bool job_read_status(struct job *job);
bool job_read_ses(struct job *job);
bool job_read_notice(struct job *job);

/* A new result, emptied; NULL past the limit or out of memory. */
struct report_result *job_add(struct job *job, enum report_category category);
/* Fills in all but the recipients. */
void job_settle(struct job *job, const struct evidence *evidence, const struct verdict *verdict,
                struct report_result *result);
/* Judges what is said of a recipient: the words of the first reply in it, where a rule
 * knows them; else all from there on; else all of it.  What was judged is then the
 * evidence.  `codes` are those of `speech`. */
void job_judge_speech(struct job *job, struct evidence *evidence, struct span speech, const struct smtp_codes *codes,
                      struct verdict *verdict_r);
/* The part as text: decoded into one of the rooms. */
struct span job_decode(struct job *job, const struct mail_part *part, size_t room);
/* The address in a field's value, kept; "" where there is none. */
const char *job_keep_address(struct job *job, struct span value);
/* Whom the returned message was for, as far as it tells of one; "" else. */
const char *job_returned_recipient(struct job *job);

/* Reads the header of `returned` into the report. */
void job_read_returned(struct job *job);

#endif
