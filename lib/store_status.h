/*
 * Who may have mail: the status of an address, its standing on each list, and
 * the record of every change (who, when, how: the proof of consent and of
 * refusal, U6).
 *
 * An address has a status of its own, `active` or `blocked` (a hard bounce, or
 * by hand), and on each list `active`, `unsubscribed` or `blocked` (a
 * complaint, or by hand).  Where nothing is on record it is `active`.  What
 * counts for mail of a list is the stronger of the two: blocked before
 * unsubscribed before active.
 *
 * A change to what already is changes nothing and adds no record: the first
 * reason and date stay.  `unsubscribed` does not weaken `blocked`; it is recorded
 * beside it, once, so that it is there when the block is lifted.  `active`
 * lifts what the same place (address, or that list) says, and no more.  The first
 * `active` for a place without a record is news, too: it is the consent.
 *
 * Every writer has committed when it returns 0; every other handle and process
 * sees it from then on.
 */
#ifndef LIB_STORE_STATUS_H
#define LIB_STORE_STATUS_H

#include "lib/store.h"

struct store_event;

enum store_status { STORE_ACTIVE, STORE_UNSUBSCRIBED, STORE_BLOCKED };
/* "active", "unsubscribed", "blocked". */
const char *store_status_name(enum store_status status);
/* 0, or -1. */
int store_status_parse(struct span name, enum store_status *status_r);

struct store_change {
	uint64_t address_key;
	struct span address; /* canonical; empty where only the key is known */
	struct span list;    /* its name; empty: the address itself (active or blocked) */
	enum store_status status;
	/* One word: why.  one_click, page, form, confirmed, mail, complaint, hand, import,
	 * erased, or a category of bounce (user_unknown, domain_unknown,
	 * permanent_other). */
	struct span reason;
	struct span detail; /* in words, for people: what the report said, what the operator wrote */
	struct span who;    /* client's IP address, login of the operator, or empty */
	struct span proof;  /* consent: the text that was agreed to, fields of the form; else empty */
	uint64_t campaign;  /* of the mail that led to it; 0: none */
	time_t time;
	/* Added (lib/store_event.h) where the change is news, in the same transaction, so
	 * that figures and status agree; or NULL. */
	const struct store_event *event;
};

#define STORE_PROOF_MAX 65536 /* octets of `proof`; more are cut */

/* All or none, in one transaction.  An address itself can't be `unsubscribed`.
 * `changed_r` (may be NULL): how many were news. */
int store_change_status(struct store *store, const struct store_change *changes, size_t count, size_t *changed_r,
                        struct err *err);

#define STORE_REASON_SIZE 33
#define STORE_DETAIL_SIZE 257

struct store_standing {
	enum store_status status;
	bool of_address; /* the address's own status decides, not the list's */
	time_t since;    /* 0 while active */
	char reason[STORE_REASON_SIZE];
	char detail[STORE_DETAIL_SIZE]; /* control characters as `?` */
	time_t temporary_failed;        /* when the mark of N9 was set; 0: it isn't */
};
/* The status for mail of that list; `list` empty: of the address alone.  An
 * address without a record is active. */
int store_find_standing(struct store *store, uint64_t address_key, struct span list, struct store_standing *standing_r,
                        struct err *err);

/* The canonical address, appended; nothing where it is unknown or erased. */
int store_find_address(struct store *store, uint64_t address_key, struct buf *address, struct err *err);

/* Calls back for the address itself (list empty) where it has a record, and for each
 * list with one (`active` where there is consent, whose reason it has).  Stops when it
 * returns non-zero (the result is 0 then, too). */
int store_each_standing(struct store *store, uint64_t address_key,
                        int (*each)(void *context, struct span list, const struct store_standing *standing),
                        void *context, struct err *err);
/* The record of changes, oldest first; spans live for the call, which must not use
 * the handle. */
int store_each_change(struct store *store, uint64_t address_key,
                      int (*each)(void *context, const struct store_change *change), void *context, struct err *err);

/* Sets the mark `temporary-failed` (N9), or with `when` 0 takes it away. */
int store_mark_temporary(struct store *store, uint64_t address_key, struct span address, time_t when, struct err *err);
struct store_mark {
	uint64_t address_key;
	struct span address; /* canonical, or empty */
	time_t when;
};
/* The same for many, all or none, in one transaction. */
int store_mark_all(struct store *store, const struct store_mark *marks, size_t count, struct err *err);

/* Erasure (U6): the address's text, its events, sends and proofs go, also the targets
 * that nobody else clicked; its key and what it refused stay, so that it is not
 * mailed again.  The figures stay.  `found_r`: was it known? */
int store_erase_address(struct store *store, uint64_t address_key, time_t now, bool *found_r, struct err *err);

/* Drops the records of change of over `keep_months` months before `now`, except
 * consent that is still in force; how many went, in steps as in store_expire(). */
int store_expire_changes(struct store *store, time_t now, int keep_months, uint64_t *dropped_r, struct err *err);

#endif
