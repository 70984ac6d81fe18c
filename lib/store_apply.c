/* Events are added. */
#include "lib/store_reader.h"

#include <sqlite3.h>
#include <string.h>

#define CAMPAIGNS_KNOWN 64

/* While events are added. */
struct adding {
	struct store_sqlite *store;
	struct sums sums;
	struct reader reader;
	/* Campaigns that are on record, by their lowest bits. */
	struct {
		bool known;
		uint64_t id;
	} campaigns[CAMPAIGNS_KNOWN];
};

/* An event with what the store knows about it. */
struct found {
	const struct store_event *event;
	uint64_t campaign;
	uint64_t key; /* of the reader; 0: unknown */
	bool shared;
	uint64_t link;
};

static int ensure_campaign(struct adding *adding, const struct found *found, struct err *err) {
	size_t at = found->campaign % CAMPAIGNS_KNOWN;
	struct span list = found->campaign == 0 ? SPAN("") : found->event->list;

	if (adding->campaigns[at].known && adding->campaigns[at].id == found->campaign)
		return 0;
	if (campaign_ensure(adding->store, found->campaign, list, found->event->time_ms / 1000, err) != 0)
		return -1;
	adding->campaigns[at].known = true;
	adding->campaigns[at].id = found->campaign;
	return 0;
}

/* The last click of the same visitor on the list, in one month. */
static int find_click_in(struct store_sqlite *store, int number, struct found *found, bool *known_r, struct err *err) {
	static const int64_t back_ms = INT64_C(86400000) * STORE_CONVERSION_DAYS;
	struct sqlite3_stmt *find;
	struct store_month *month;
	int result, outcome = 0;

	*known_r = false;
	if (month_get(store, &month_events, number, false, &month, err) != 0)
		return -1;
	if (!month->present)
		return 0;
	find = month_statement(store, month, EVENT_CONVERTED, err);
	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, found->event->visitor);
	sql_bind_number(find, 2, found->event->time_ms - back_ms);
	sql_bind_number(find, 3, found->event->time_ms);
	sql_bind_text(find, 4, found->event->list);
	result = sqlite3_step(find);
	*known_r = result == SQLITE_ROW;
	if (*known_r) {
		found->campaign = sql_column_key(find, 0);
		found->key = sql_column_key(find, 1);
		found->shared = sqlite3_column_int(find, 2) != 0;
	} else if (result != SQLITE_DONE) {
		outcome = sql_fail(store, "click of a conversion", err);
	}
	sqlite3_reset(find);
	return outcome;
}

static int find_click(struct store_sqlite *store, struct found *found, struct err *err) {
	time_t when = found->event->time_ms / 1000, first = when - 86400 * STORE_CONVERSION_DAYS;
	int number;
	bool known = false;

	found->campaign = 0;
	found->key = 0;
	found->shared = true;
	if (found->event->visitor == 0)
		return 0;
	for (number = month_of(when); number >= month_of(first < 0 ? 0 : first) && !known; number--)
		if (find_click_in(store, number, found, &known, err) != 0)
			return -1;
	return 0;
}

static int insert(struct adding *adding, const struct found *found, uint64_t previous, uint64_t *pointer_r,
                  struct err *err) {
	const struct store_event *event = found->event;
	int number = month_of(event->time_ms / 1000);
	struct sqlite3_stmt *statement;
	struct store_month *month;

	if (month_get(adding->store, &month_events, number, true, &month, err) != 0)
		return -1;
	statement = month_statement(adding->store, month, EVENT_INSERT, err);
	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, previous);
	sql_bind_number(statement, 2, event->time_ms);
	sql_bind_number(statement, 3, event->kind);
	sql_bind_key(statement, 4, found->campaign);
	sql_bind_key(statement, 5, found->key);
	sql_bind_number(statement, 6, found->shared);
	sql_bind_key(statement, 7, found->link);
	sql_bind_number(statement, 8, event->machine);
	sql_bind_number(statement, 9, event->rules);
	sql_bind_key(statement, 10, event->visitor);
	sql_bind_text(statement, 11, event->list);
	sql_bind_text(statement, 12, event->value);
	sql_bind_text(statement, 13, event->client);
	sql_bind_text(statement, 14, event->user_agent);
	if (sql_run(adding->store, statement, err) != 0)
		return -1;
	*pointer_r = chain_pointer(sqlite3_last_insert_rowid(adding->store->db), number);
	return 0;
}

static int count(struct adding *adding, const struct found *found, enum store_figure_part part, struct err *err) {
	return tally_count(adding->sums.tally, found->campaign, store_figure_kind(found->event->kind, part),
	                   found->event->time_ms / 1000, 1, err);
}

static int count_event(struct adding *adding, const struct found *found, struct err *err) {
	bool human = found->event->machine == STORE_MACHINE_NONE;

	if (count(adding, found, STORE_TOTAL, err) != 0)
		return -1;
	return human ? count(adding, found, STORE_HUMAN, err) : 0;
}

static int count_reader(struct adding *adding, const struct found *found, struct err *err) {
	struct reader *reader = &adding->reader;
	const struct store_event *event = found->event;
	uint32_t seen = READER_SEEN(event->kind), human = READER_SEEN_HUMAN(event->kind);

	if ((reader->seen & seen) == 0 && count(adding, found, STORE_UNIQUE, err) != 0)
		return -1;
	reader->seen |= seen;
	if (event->machine != STORE_MACHINE_NONE || (reader->seen & human) != 0)
		return 0;
	reader->seen |= human;
	if (event->kind == STORE_CLICK)
		reader->human_hour = event->time_ms / 1000;
	return count(adding, found, STORE_UNIQUE_HUMAN, err);
}

static int count_link(struct adding *adding, const struct found *found, struct err *err) {
	bool human = found->event->machine == STORE_MACHINE_NONE;
	struct link_delta delta = {.total = 1, .human = human};
	struct reader_link *link = NULL;

	if (found->key != 0 && reader_link_of(&adding->reader, found->link, &link, err) != 0)
		return -1;
	if (link != NULL) {
		delta.unique = link->total++ == 0;
		delta.unique_human = human && link->human == 0;
		link->human += human;
	}
	return link_count(adding->sums.links, found->campaign, found->link, found->event, delta, err);
}

/* One event of a reader whose history may be known. */
static int add_for_reader(struct adding *adding, const struct found *found, struct err *err) {
	struct reader *reader = &adding->reader;
	uint64_t pointer;

	if (reader_load(adding->store, found->key, found->campaign, reader, err) != 0 ||
	    insert(adding, found, reader->newest, &pointer, err) != 0)
		return -1;
	reader->newest = pointer;
	if (count_reader(adding, found, err) != 0)
		return -1;
	if (found->event->kind == STORE_CLICK) {
		if (count_link(adding, found, err) != 0)
			return -1;
		if (found->event->machine == STORE_MACHINE_NONE &&
		    label_click(adding->store, reader, &adding->sums, err) != 0)
			return -1;
	}
	return reader_save(adding->store, reader, err);
}

static int add_for_nobody(struct adding *adding, const struct found *found, struct err *err) {
	uint64_t pointer;

	if (insert(adding, found, 0, &pointer, err) != 0)
		return -1;
	return found->event->kind == STORE_CLICK ? count_link(adding, found, err) : 0;
}

static int add_one(struct adding *adding, const struct store_event *event, struct err *err) {
	struct found found = {
	        .event = event,
	        .campaign = event->campaign,
	        .key = event->shared ? event->visitor : event->address_key,
	        .shared = event->shared,
	        .link = event->kind == STORE_CLICK ? link_id(event->link, event->target) : 0,
	};

	if (event->kind == STORE_CONVERSION && find_click(adding->store, &found, err) != 0)
		return -1;
	if (ensure_campaign(adding, &found, err) != 0 || count_event(adding, &found, err) != 0)
		return -1;
	return found.key != 0 ? add_for_reader(adding, &found, err) : add_for_nobody(adding, &found, err);
}

/* Those behind `after`, or all of them. */
static int add_all(struct adding *adding, const struct store_event *events, size_t count, const uint64_t *after,
                   struct err *err) {
	size_t i;

	for (i = 0; i < count; i++)
		if ((after == NULL || events[i].position > *after) && add_one(adding, &events[i], err) != 0)
			return -1;
	if (tally_write(adding->store, adding->sums.tally, err) != 0)
		return -1;
	return link_tally_write(adding->store, adding->sums.links, err);
}

static int add_behind(struct store_sqlite *store, const struct store_event *events, size_t count, const uint64_t *after,
                      struct err *err) {
	struct adding adding = {.store = store};
	int outcome = -1;

	reader_init(&adding.reader);
	adding.sums.tally = tally_new(err);
	if (adding.sums.tally != NULL)
		adding.sums.links = link_tally_new(err);
	if (adding.sums.links != NULL)
		outcome = add_all(&adding, events, count, after, err);
	link_tally_free(&adding.sums.links);
	tally_free(&adding.sums.tally);
	reader_free(&adding.reader);
	return outcome;
}

int events_add(struct store_sqlite *store, const struct store_event *events, size_t count, struct err *err) {
	return add_behind(store, events, count, NULL, err);
}

static int read_position(struct store_sqlite *store, struct span source, uint64_t *position_r, struct err *err) {
	static const char text[] = "SELECT position FROM source WHERE name = ?1";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	long long position;
	bool found;

	if (find == NULL)
		return -1;
	sql_bind_text(find, 1, source);
	if (sql_number(store, find, &found, &position, err) != 0)
		return -1;
	*position_r = (uint64_t)position;
	return 0;
}

static int write_position(struct store_sqlite *store, struct span source, uint64_t position, struct err *err) {
	static const char text[] = "INSERT INTO source (name, position) VALUES (?1, ?2)"
	                           " ON CONFLICT DO UPDATE SET position = excluded.position";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_text(statement, 1, source);
	sql_bind_key(statement, 2, position);
	return sql_run(store, statement, err);
}

/* Inside the transaction. */
static int apply(struct store_sqlite *store, const struct store_event *events, size_t count, struct span source,
                 uint64_t position, struct err *err) {
	uint64_t known;

	if (source.len == 0)
		return events_add(store, events, count, err);
	if (read_position(store, source, &known, err) != 0 || add_behind(store, events, count, &known, err) != 0)
		return -1;
	return position > known ? write_position(store, source, position, err) : 0;
}

/* Each event is of another reader, so a group touches as many places of a large
 * table, and the next group many of them again. */
static const char settings[] = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16000";

/* Groups that follow each other at once leave the others a moment. */
#define LARGE_GROUP 100
#define MOMENT_NS 2000000

int sqlite_apply_events(struct store *base, const struct store_event *events, size_t count, struct span source,
                        uint64_t position, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;

	if (source.len > 0 && store_work_hard(store, settings, err) != 0)
		return -1;
	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	if (apply(store, events, count, source, position, err) != 0 || store_commit(store, err) != 0) {
		store_rollback(store);
		return -1;
	}
	if (count >= LARGE_GROUP)
		nanosleep(&(struct timespec){0, MOMENT_NS}, NULL);
	return 0;
}

int sqlite_event_position(struct store *base, struct span source, uint64_t *position_r, struct err *err) {
	return read_position((struct store_sqlite *)base, source, position_r, err);
}

int sqlite_forget_source(struct store *base, struct span source, struct err *err) {
	static const char text[] = "DELETE FROM source WHERE name = ?1";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *statement;

	if (store_begin(store, base->wait_ms, err) != STORE_DONE)
		return -1;
	statement = sql_get(store, text, err);
	if (statement != NULL) {
		sql_bind_text(statement, 1, source);
		if (sql_run(store, statement, err) == 0 && store_commit(store, err) == 0)
			return 0;
	}
	store_rollback(store);
	return -1;
}
