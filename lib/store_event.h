/*
 * What readers did: clicks, opens, unsubscribes, subscriptions, conversions.
 *
 * Events are added in groups, each in one transaction with the hourly roll-up,
 * the readers' unique figures, the counts of links, and the position of the
 * journal that they come from.  So a report costs the hours it shows, and a
 * journal that is read again after a crash adds nothing twice.
 *
 * Machines (T3) are labelled, never dropped.  The first of these that holds is
 * the label:
 *
 *   1. what comes with the event: head, scanner, proxy, too_soon (whoever took
 *      the request knows them from the request alone, and decides their order);
 *   2. burst: three different links clicked by one reader of one campaign in two
 *      seconds;
 *   3. all_links: every link of a message that has three at least, as its send
 *      record says.
 *
 * The store decides 2 and 3, among clicks that carry no other label (burst also
 * takes those that it labelled itself, so that the fourth joins three), and labels
 * the earlier clicks too; the figures are corrected in the same transaction.
 * Once `all_links` was found, the reader's later clicks are looked at anew.
 * `rules` of a label that the store gave is STORE_RULES.
 *
 * Figures: total is every event; human those without a label; unique counts a
 * reader once for each campaign, in the hour of the first; unique human likewise
 * among those without a label.  The reader is the address key or, where the
 * token names nobody, the visitor; an event with neither has no part in unique
 * figures.
 *
 * A conversion names no reader: it belongs to the last click without a label of
 * the same visitor on the same list in the 30 days before it, whose campaign and
 * address key it takes.  Without one it is kept with campaign 0.
 *
 * Records are kept by month (UTC) and dropped by store_expire().  The roll-up stays.
 */
#ifndef LIB_STORE_EVENT_H
#define LIB_STORE_EVENT_H

#include "lib/store.h"

enum store_event_kind {
	STORE_CLICK = 1,
	STORE_OPEN,
	STORE_UNSUBSCRIBE,
	STORE_SUBSCRIBE,
	STORE_CONVERSION,
};
/* "click", "open", "unsubscribe", "subscribe", "conversion". */
const char *store_event_kind_name(enum store_event_kind kind);

enum store_machine {
	STORE_MACHINE_NONE,
	STORE_MACHINE_HEAD,
	STORE_MACHINE_SCANNER,
	STORE_MACHINE_PROXY,
	STORE_MACHINE_TOO_SOON,
	STORE_MACHINE_BURST,     /* the store's own */
	STORE_MACHINE_ALL_LINKS, /* the store's own */
};
/* "none", "head", "scanner", "proxy", "too_soon", "burst", "all_links". */
const char *store_machine_name(enum store_machine machine);

#define STORE_BURST_LINKS 3
#define STORE_BURST_MS 2000
#define STORE_ALL_LINKS_MIN 3
#define STORE_CONVERSION_DAYS 30
/* Version of the rules that the store applies itself. */
#define STORE_RULES 1

struct store_event {
	enum store_event_kind kind;
	int64_t time_ms;   /* since 1970 */
	uint64_t position; /* in the journal it comes from; see store_apply_events() */
	uint64_t campaign; /* 0: none, or a conversion */
	struct span list;  /* its name; empty: the campaign's.  A conversion has one */
	bool shared;       /* the token names nobody (B13), or there was none: address_key is 0 */
	uint64_t address_key;
	uint16_t link;      /* click: number in the message, from 1 */
	struct span target; /* click: where it leads */
	struct span value;  /* conversion: as the page gave it */
	enum store_machine machine;
	uint16_t rules;         /* version of the rules that gave `machine` */
	struct span client;     /* IP address, as far as the privacy setting lets it be kept */
	struct span user_agent; /* the same */
	uint64_t visitor;       /* keyed hash of client address and User-Agent; 0: unknown */
};

/* Can it be recorded?  Years 1970 to 9999, known kind and label (none of the
 * store's own).  One that can't would keep the rest of its group out. */
int store_check_event(const struct store_event *event, struct err *err);

/*
 * All or none, in one transaction.  `source` names a journal and `position` says
 * how far it is read now; both are the caller's to choose, so long as positions
 * grow.  Events at or before the position on record for the source are passed
 * over.  With an empty source there is no journal: all are added, `position` has
 * no meaning.  Groups of some thousand are fastest.
 */
int store_apply_events(struct store *store, const struct store_event *events, size_t count, struct span source,
                       uint64_t position, struct err *err);
/* 0 where nothing of that source was added. */
int store_event_position(struct store *store, struct span source, uint64_t *position_r, struct err *err);
/* Forgets a journal that is no more. */
int store_forget_source(struct store *store, struct span source, struct err *err);

/* Either one reader's events of all campaigns, or one campaign's of all readers. */
struct store_event_query {
	bool by_campaign;
	uint64_t key; /* the campaign's, or the address's */
	bool newest_first;
	size_t limit; /* 0: all */
};
/* In the order of their times; stops when `each` returns non-zero (the result is
 * 0 then, too).  The spans live for the call, which must not use the same handle.
 * A target that was cut or erased comes as it is kept; `position` is 0. */
int store_each_event(struct store *store, const struct store_event_query *query,
                     int (*each)(void *context, const struct store_event *event), void *context, struct err *err);

struct store_figure {
	uint64_t total;
	uint64_t human;
	uint64_t unique;
	uint64_t unique_human;
};

struct store_kpi {
	uint64_t sent;
	uint64_t bounced; /* addresses that bounced, hard ones included */
	uint64_t bounced_hard;
	struct store_figure opens;
	struct store_figure clicks;
	struct store_figure unsubscribes;
	struct store_figure subscribes;
	struct store_figure conversions;
};
/* From the roll-up: kinds "sent", "bounce", "bounce.hard", and for each kind of
 * event KIND, "KIND.human", "KIND.unique" and "KIND.unique.human". */
int store_kpi(struct store *store, uint64_t campaign, struct store_kpi *kpi_r, struct err *err);

/* The same by the hour: calls back for each hour and kind that has a count, hours
 * in order. */
int store_each_hour(struct store *store, uint64_t campaign,
                    int (*each)(void *context, time_t hour, struct span kind, uint64_t count), void *context,
                    struct err *err);

struct store_link {
	uint16_t number;
	struct span target; /* empty: of readers that were erased */
	struct store_figure clicks;
};
/* The links that were clicked, by number, then by clicks.  They are kept as long as
 * the events. */
int store_each_link(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_link *link),
                    void *context, struct err *err);

#endif
