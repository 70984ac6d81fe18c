/*
 * What came back, read: delivery reports, complaints, receipts, auto-replies.
 *
 * report_read() takes one whole message as it arrived, header and body, with LF
 * or CRLF line ends, and says for each recipient that it speaks of what happened
 * and what to do (N1, N3-N9).  It knows RFC 3464, 6522 and 6533 reports, RFC 5965
 * complaints, RFC 8098 receipts, RFC 3834 auto-replies, and the free text of the
 * many programs that follow none of them (report/marks.h).  Nothing is believed:
 * whose bounce it is, the return path's token decides, and that is the caller's.
 *
 * A message yields at least one result.  An ordinary message has one of category
 * `not_a_bounce` and no recipient; an auto-reply or receipt one of `auto_reply`,
 * whose recipient is who sent it.
 *
 * Limits: the work is linear in the message's size.  REPORT_RESULTS_MAX results
 * (`cut_off` says that there were more); text kept of one result is bounded; a
 * returned message is looked at as far as REPORT_RETURNED_MAX octets of header.
 *
 * Threads: report_init() once, before the others.  A set of rules is immutable
 * and may be used by all threads; a report belongs to its caller.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "lib/text.h"

#define REPORT_RESULTS_MAX 20000
#define REPORT_DIAGNOSTIC_MAX 2000 /* octets kept of one diagnostic text */
#define REPORT_RETURNED_MAX 65536  /* octets kept of the returned header */

/* N6 in order; the last five are no failures. */
enum report_category {
	REPORT_USER_UNKNOWN,
	REPORT_DOMAIN_UNKNOWN,
	REPORT_PERMANENT_OTHER,
	REPORT_CONNECTION_FAILED,
	REPORT_MAILBOX_FULL,
	REPORT_TEMPORARY_OTHER,
	REPORT_REFUSED,
	REPORT_TOO_LARGE,
	REPORT_UNDETERMINED,
	REPORT_COMPLAINT,
	REPORT_AUTO_REPLY,
	REPORT_DELAYED,
	REPORT_DELIVERED,
	REPORT_NOT_A_BOUNCE,
};
#define REPORT_CATEGORY_COUNT (REPORT_NOT_A_BOUNCE + 1)

/* "user_unknown", ... */
const char *report_category_name(enum report_category category);
/* 0, or -1 where there is no category of that name. */
int report_category_of(struct span name, enum report_category *category_r);
/* One of the nine that are failures of delivery. */
bool report_is_failure(enum report_category category);
/* One of the three permanent ones. */
bool report_is_permanent(enum report_category category);

enum report_action {
	REPORT_NONE,
	REPORT_COUNT_SOFT, /* counts towards the limit of temporary failures (N9) */
	REPORT_SUPPRESS,   /* at once */
};
const char *report_action_name(enum report_action action);

/* All text is UTF-8 without control characters, NUL-terminated, and "" where the
 * message does not say. */
struct report_result {
	enum report_category category;
	enum report_action action;
	const char *recipient;  /* best address: what the sender wrote, as far as it is told */
	const char *final;      /* Final-Recipient, or the address the text names */
	const char *original;   /* Original-Recipient */
	const char *status;     /* enhanced status code, most specific: "5.1.1" */
	unsigned reply;         /* SMTP reply code, or 0 */
	const char *phase;      /* SMTP command that was answered: "rcpt", "data", ... */
	const char *diagnostic; /* the words that were judged */
	const char *remote;     /* host that answered */
	const char *provider;   /* by the rules' provider lines; "" */
	const char *rule;       /* what decided: "FILE:LINE", or "" */
};

struct report {
	struct report_result *results;
	size_t count;       /* 1 at least */
	bool cut_off;       /* there were more recipients */
	const char *family; /* who wrote it: "rfc3464", "arf", "qmail", "exim", ..., "" */

	/* Of an RFC 5965 report; else "". */
	const char *feedback_type; /* lower case: "abuse", "not-spam", ... */
	const char *reported_domain;
	const char *source_ip;
	const char *arrival_date;

	/* Of the message that is returned; else "".  Forged as easily as the rest. */
	const char *message_id;    /* without angle brackets */
	const char *returned_from; /* envelope sender: Return-Path, X-Envelope-From, ... */
	const char *returned_to;   /* header To */
	const char *returned_subject;
	struct span returned_header; /* raw, unfolded by nobody; empty where absent */

	struct report_text *text; /* holds what the pointers above point to */
};

struct rules;
struct err;

void report_init(void);

/* 0, or -1 when out of memory. */
int report_read(const struct rules *rules, struct span message, struct report *report_r);
void report_free(struct report *report);

/* A field of the returned header, unfolded, appended: false where it has none. */
bool report_returned_field(const struct report *report, struct span name, struct buf *out);

#endif
