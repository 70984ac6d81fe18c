/*
 * What came back: the record of reports, complaints and mail to unsubscribe, what
 * each of them led to, and the counts made of them.
 *
 * One record is one message to one return path.  Its identity, `report`, is a
 * keyed hash of both: the same mail delivered twice is on record once, and its
 * second coming changes nothing.  A record, the changes of status it leads to, its
 * counts and the mail that is kept are one transaction.
 *
 * Counts, all by the hour the report came in, of records without a `fault` alone:
 *
 *  - roll-up (store_rollup) of the campaign: kind "bounce" for each failure,
 *    "bounce.hard" for the permanent ones, "bounce.CATEGORY" for each category,
 *    one for each send, however many reports come of it; "complaint", one for each
 *    campaign and address;
 *  - feedback by stream and domain of the recipient, which the warm-up's gates and
 *    the breaker read (store_each_feedback);
 *  - temporary failures of an address by local day (N9).
 */
#ifndef LIB_STORE_BOUNCE_H
#define LIB_STORE_BOUNCE_H

#include "lib/store_status.h"

/* The send that a token speaks of. */
struct store_sent {
	time_t time;
	struct buf list;    /* the campaign's */
	struct buf stream;  /* of the send */
	struct buf address; /* canonical; empty where it is unknown or erased */
};
void store_sent_init(struct store_sent *sent);
void store_sent_free(struct store_sent *sent);
/* The last send of the campaign to the address that was recorded between the two
 * times (months are looked at whole).  `found_r` false: that was never sent. */
int store_find_sent(struct store *store, uint64_t campaign, uint64_t address_key, time_t from, time_t to,
                    struct store_sent *sent_r, bool *found_r, struct err *err);

/* What the breaker and the gates are told. */
enum store_feedback_kind {
	STORE_FEEDBACK_NONE,
	STORE_FEEDBACK_HARD,      /* user_unknown, domain_unknown, permanent_other */
	STORE_FEEDBACK_SOFT,      /* connection_failed, mailbox_full, temporary_other, too_large, undetermined */
	STORE_FEEDBACK_REFUSED,   /* refused: reputation, authentication, content, lists of bad hosts */
	STORE_FEEDBACK_COMPLAINT, /* the recipient says spam */
};

/* A temporary failure that counts (N9): one for each send. */
struct store_soft {
	int64_t day; /* local, as zone_day_number() */
	bool full;   /* mailbox_full, which has a limit of its own */
	/* Marked temporary-failed after failures on so many different days, the last
	 * `within` days counted. */
	long limit;
	long within;
};

struct store_bounce {
	uint64_t report; /* identity */
	time_t time;     /* when it came in */
	/* Proven by the token, else 0 and empty. */
	uint64_t campaign;
	uint64_t address_key;
	time_t sent;         /* when the token was made: tells the sends of a campaign apart */
	struct span address; /* canonical; for the log: it is on record by its key */
	struct span list;
	struct span stream;
	struct span domain;  /* of the recipient */
	struct span mailbox; /* what it came to, without a token: "b", "unsubscribe", "fbl", ... */
	/* Why it changes nothing, in one word; empty where it counts: no_token,
	 * bad_token, expired, not_sent, shared, ... */
	struct span fault;
	/* What it says. */
	struct span category; /* of N6, or complaint, auto_reply, delayed, ..., unsubscribe, subscribe */
	struct span recipient;
	struct span status; /* enhanced status code */
	unsigned reply;     /* SMTP reply code, or 0 */
	struct span phase;
	struct span diagnostic;
	struct span remote;
	struct span family;
	struct span rule;
	struct span sender; /* envelope sender of the report; empty: null */
	struct span subject;
	/* What it leads to. */
	bool failure; /* of delivery: counted as "bounce" */
	enum store_feedback_kind feedback;
	const struct store_change *changes; /* of one address, or none */
	size_t change_count;
	const struct store_soft *soft; /* NULL: does not count */
	struct span mail;              /* kept, to be looked at and read again; empty: not */
};

enum store_bounce_result {
	STORE_BOUNCE_NEW,
	STORE_BOUNCE_KNOWN, /* was on record: nothing happened */
	STORE_BOUNCE_MARKED /* new, and the address is temporary-failed from now on */
};

/* All in one transaction.  `results_r`: count of them.  At -1 `alone_r` says that one
 * of them was the reason, so that the others could be added without it. */
int store_add_bounces(struct store *store, const struct store_bounce *bounces, size_t count,
                      enum store_bounce_result *results_r, bool *alone_r, struct err *err);

/* How much is kept: raw mails in octets, records that have a fault, and of all
 * records those from `since` on.  The oldest go first, some thousand at a time. */
struct store_keep {
	long long mail_octets;
	long long faulty;
	time_t since;
};
int store_trim_bounces(struct store *store, const struct store_keep *keep, struct err *err);

/* One on record. */
struct store_bounce_row {
	int64_t id;
	struct store_bounce bounce; /* what it led to is not kept: no changes, soft or mail */
	struct span address;        /* canonical; empty where unknown or erased */
	size_t mail_size;           /* of what is kept of it; 0: nothing */
};
/* Which: all fields that are not 0 have to fit. */
struct store_bounce_which {
	int64_t id;
	uint64_t address_key;
	uint64_t campaign;
	bool kept;  /* with its mail */
	long limit; /* the newest so many */
};
/* Newest first; stops when it returns non-zero.  The spans live for the call, which
 * must not use the handle. */
int store_each_bounce(struct store *store, const struct store_bounce_which *which,
                      int (*each)(void *context, const struct store_bounce_row *row), void *context, struct err *err);
/* The mail that is kept of it, appended; nothing where there is none. */
int store_bounce_mail(struct store *store, int64_t id, struct buf *mail, struct err *err);

/* Another judgement of a report on record that counts: category, rule, failure,
 * feedback and changes of `judged` take the place of what was, and the counts are
 * put right, in one transaction. */
int store_rejudge_bounce(struct store *store, int64_t id, const struct store_bounce *judged, struct err *err);

/* Counts of one campaign by category, from the roll-up: "bounce.CATEGORY" without
 * its head. */
int store_each_error(struct store *store, uint64_t campaign,
                     int (*each)(void *context, struct span category, uint64_t count), void *context, struct err *err);

/*
 * Feedback of a stream: what came back from `from` on and before `to`, whole hours,
 * summed by the domain of the recipient (canonical; empty where it is not known).
 * The provider of a domain is policyd's to know, by its MX.  How many were sent is
 * in policyd's own counts.  `stream` empty: all streams together.
 *
 * Reading costs the rows of those hours: some hundred domains an hour.
 */
struct store_feedback {
	struct span stream;
	struct span domain;
	uint64_t hard;
	uint64_t soft;
	uint64_t refused;
	uint64_t complaint;
	time_t last; /* the latest hour of them */
};
int store_each_feedback(struct store *store, struct span stream, time_t from, time_t to,
                        int (*each)(void *context, const struct store_feedback *feedback), void *context,
                        struct err *err);

#endif
