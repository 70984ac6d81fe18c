/* Labels that need a reader's history (lib/store_event.h). */
#include "lib/store_reader.h"

#include <sqlite3.h>
#include <stdlib.h>

/* A burst is looked for among so many events before the click, and no further
 * than this behind it: events come nearly in order. */
#define HISTORY_MAX 64
#define HISTORY_MS 60000

static int relabel(struct store_sqlite *store, struct reader *reader, const struct chained *click,
                   enum store_machine label, struct sums *sums, struct err *err) {
	struct link_delta delta = {.human = -1};
	struct sqlite3_stmt *statement;
	struct store_month *month;
	struct reader_link *link;

	if (month_get(store, &month_events, chain_month(click->at), false, &month, err) != 0)
		return -1;
	statement = month_statement(store, month, EVENT_LABEL, err);
	if (statement == NULL)
		return -1;
	sql_bind_number(statement, 1, chain_id(click->at));
	sql_bind_number(statement, 2, label);
	sql_bind_number(statement, 3, STORE_RULES);
	if (sql_run(store, statement, err) != 0 || reader_link_of(reader, click->link, &link, err) != 0)
		return -1;
	if (link != NULL && link->human > 0 && --link->human == 0)
		delta.unique_human = -1;
	if (link_count(sums->links, reader->campaign, click->link, NULL, delta, err) != 0)
		return -1;
	return tally_count(sums->tally, reader->campaign, store_figure_kind(STORE_CLICK, STORE_HUMAN),
	                   click->time_ms / 1000, -1, err);
}

/* One who is left without a click of a human is none of the unique ones. */
static int settle(struct reader *reader, struct sums *sums, struct err *err) {
	uint64_t clicks;
	size_t links;

	reader_humans(reader, &clicks, &links);
	if (clicks > 0 || (reader->seen & READER_SEEN_HUMAN(STORE_CLICK)) == 0)
		return 0;
	reader->seen &= ~READER_SEEN_HUMAN(STORE_CLICK);
	return tally_count(sums->tally, reader->campaign, store_figure_kind(STORE_CLICK, STORE_UNIQUE_HUMAN),
	                   reader->human_hour, -1, err);
}

static int by_time(const void *a, const void *b) {
	const struct chained *x = a, *y = b;

	return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

/* The click and those near it that may be of one burst, by time. */
static int read_near(struct store_sqlite *store, const struct reader *reader, struct chained *near, size_t *count_r,
                     struct err *err) {
	uint64_t at = reader->newest;
	int64_t time_ms = 0;
	size_t seen;

	*count_r = 0;
	for (seen = 0; seen <= HISTORY_MAX; seen++) {
		struct chained event;
		bool found;

		if (chain_read(store, at, &event, &found, err) != 0)
			return -1;
		if (seen == 0)
			time_ms = event.time_ms;
		if (!found || event.time_ms < time_ms - HISTORY_MS)
			break;
		at = event.previous;
		if (event.kind == STORE_CLICK && llabs(event.time_ms - time_ms) <= STORE_BURST_MS &&
		    (event.machine == STORE_MACHINE_NONE || event.machine == STORE_MACHINE_BURST))
			near[(*count_r)++] = event;
	}
	qsort(near, *count_r, sizeof *near, by_time);
	return 0;
}

/* Are there three different links from `first` to `last`? */
static bool is_burst(const struct chained *near, size_t first, size_t last) {
	uint64_t links[STORE_BURST_LINKS];
	size_t known = 0, i, j;

	for (i = first; i <= last && known < STORE_BURST_LINKS; i++) {
		for (j = 0; j < known && links[j] != near[i].link; j++)
			;
		if (j == known)
			links[known++] = near[i].link;
	}
	return known == STORE_BURST_LINKS;
}

/* Every stretch of two seconds that holds the click and is a burst. */
static int find_bursts(struct store_sqlite *store, struct reader *reader, struct sums *sums, struct err *err) {
	struct chained near[HISTORY_MAX + 1];
	size_t count, first, last, click, i;

	if (read_near(store, reader, near, &count, err) != 0)
		return -1;
	for (click = 0; click < count && near[click].at != reader->newest; click++)
		;
	for (first = 0; first <= click && first < count; first++) {
		for (last = first; last + 1 < count; last++)
			if (near[last + 1].time_ms - near[first].time_ms > STORE_BURST_MS)
				break;
		if (last < click || !is_burst(near, first, last))
			continue;
		for (i = first; i <= last; i++) {
			if (near[i].machine != STORE_MACHINE_NONE)
				continue;
			if (relabel(store, reader, &near[i], STORE_MACHINE_BURST, sums, err) != 0)
				return -1;
			near[i].machine = STORE_MACHINE_BURST;
		}
	}
	return 0;
}

/* Every click without a label, back to the oldest. */
static int label_all(struct store_sqlite *store, struct reader *reader, uint64_t clicks, struct sums *sums,
                     struct err *err) {
	uint64_t at = reader->newest;

	while (clicks > 0) {
		struct chained event;
		bool found;

		if (chain_read(store, at, &event, &found, err) != 0)
			return -1;
		if (!found)
			break;
		at = event.previous;
		if (event.kind != STORE_CLICK || event.machine != STORE_MACHINE_NONE)
			continue;
		if (relabel(store, reader, &event, STORE_MACHINE_ALL_LINKS, sums, err) != 0)
			return -1;
		clicks--;
	}
	return 0;
}

static int find_all_links(struct store_sqlite *store, struct reader *reader, struct sums *sums, struct err *err) {
	uint64_t clicks;
	size_t links;
	int sent;

	reader_humans(reader, &clicks, &links);
	if (links < STORE_ALL_LINKS_MIN)
		return 0;
	if (send_links(store, reader->campaign, reader->key, &sent, err) != 0)
		return -1;
	if (sent < STORE_ALL_LINKS_MIN || links < (size_t)sent)
		return 0;
	return label_all(store, reader, clicks, sums, err);
}

int label_click(struct store_sqlite *store, struct reader *reader, struct sums *sums, struct err *err) {
	/* As for most readers: nothing of what follows can be. */
	if (reader_link_count(reader) < STORE_BURST_LINKS)
		return 0;
	if (find_bursts(store, reader, sums, err) != 0 || find_all_links(store, reader, sums, err) != 0)
		return -1;
	return settle(reader, sums, err);
}
