/*
 * Events in SQLite, and what each reader did; private to lib/store_*.c.
 *
 * An event's record is appended to its month's table.  The events of one reader
 * and campaign are a chain: the row of `reader` points at the newest, and each
 * event at the one before.  So a reader's history needs no index of its own, which
 * every event would have to be sorted into.
 *
 * A pointer is the event's rowid and month in one number; 0 is the end.  It may
 * lead to a month that was dropped, which is the end, too.
 */
#ifndef LIB_STORE_READER_H
#define LIB_STORE_READER_H

#include "lib/store_sqlite.h"

extern const struct month_kind month_events;

enum { EVENT_INSERT, EVENT_LINK, EVENT_LABEL, EVENT_DELETE, EVENT_CONVERTED, EVENT_SHOW };

/* An event with its campaign's list and its link, as store_event_report.c reads them. */
#define EVENT_COLUMNS                                                                                                  \
	"SELECT time, kind, event.campaign, iif(event.list <> '', event.list, campaign.list), shared,"                 \
	" iif(shared, 0, key), number, target, value, machine, rules, client, user_agent, visitor FROM %s AS event"    \
	" LEFT JOIN campaign ON campaign.id = event.campaign"                                                          \
	" LEFT JOIN link ON link.campaign = event.campaign AND link.id = event.link "

/* What one reader did with one link. */
struct reader_link {
	uint64_t id;
	uint32_t total;
	uint32_t human;
};

/* What one reader did with one campaign; reader.key is the address key or, where
 * the token names nobody, the visitor. */
struct reader {
	uint64_t key;
	uint64_t campaign;
	uint64_t newest;
	uint32_t seen;     /* bits: READER_SEEN(), READER_SEEN_HUMAN() */
	time_t human_hour; /* in which the click was that made it one of unique human ones */
	struct buf links;  /* of struct reader_link, as they are in memory */
};
#define READER_SEEN(kind) (UINT32_C(1) << (2 * (kind)))
#define READER_SEEN_HUMAN(kind) (UINT32_C(2) << (2 * (kind)))

void reader_init(struct reader *reader);
void reader_free(struct reader *reader);
/* One that is not on record has no events.  May be called again and again. */
int reader_load(struct store_sqlite *store, uint64_t key, uint64_t campaign, struct reader *reader, struct err *err);
int reader_save(struct store_sqlite *store, const struct reader *reader, struct err *err);
size_t reader_link_count(const struct reader *reader);
struct reader_link *reader_links(const struct reader *reader);
/* Made where there is none.  NULL for one more than READER_LINKS_MAX, which is not
 * looked after: it takes no part in unique figures and labels.  -1: out of memory. */
#define READER_LINKS_MAX 4096
int reader_link_of(struct reader *reader, uint64_t id, struct reader_link **link_r, struct err *err);
/* Clicks without a label, and of how many links. */
void reader_humans(const struct reader *reader, uint64_t *clicks_r, size_t *links_r);

/* One event of a chain. */
struct chained {
	uint64_t at;
	uint64_t previous;
	int64_t time_ms;
	enum store_event_kind kind;
	enum store_machine machine;
	uint64_t link;
};
uint64_t chain_pointer(long long id, int month);
int chain_month(uint64_t pointer);
long long chain_id(uint64_t pointer);
/* `found_r` false: here the chain ends. */
int chain_read(struct store_sqlite *store, uint64_t pointer, struct chained *event_r, bool *found_r, struct err *err);

/* store_link.c: counts of links, added up in memory and written once. */

uint64_t link_id(uint16_t number, struct span target);

struct link_tally;
struct link_tally *link_tally_new(struct err *err);
void link_tally_free(struct link_tally **tally);
struct link_delta {
	int total, human, unique, unique_human;
};
/* `sample`: an event that tells number and target of a link that may be new; lives
 * until the tally is written.  NULL: the link is on record. */
int link_count(struct link_tally *tally, uint64_t campaign, uint64_t id, const struct store_event *sample,
               struct link_delta delta, struct err *err);
int link_tally_write(struct store_sqlite *store, const struct link_tally *tally, struct err *err);

/* store_label.c */

/* What is added up while events are added. */
struct sums {
	struct tally *tally;
	struct link_tally *links;
};
/* After a click without a label was added as the reader's newest: labels it and
 * others where the history says so. */
int label_click(struct store_sqlite *store, struct reader *reader, struct sums *sums, struct err *err);

#endif
