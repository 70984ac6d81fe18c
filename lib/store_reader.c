#include "lib/store_reader.h"

#include <sqlite3.h>
#include <string.h>

/* A campaign's rows come one after the other in its index, whoever the readers
 * are; the index by visitor has the clicks that a conversion may belong to. */
const struct month_kind month_events = {
        .prefix = "event",
        .create = "CREATE TABLE %s ("
                  " id INTEGER PRIMARY KEY,"
                  " previous INTEGER NOT NULL,"
                  " time INTEGER NOT NULL," /* in milliseconds */
                  " kind INTEGER NOT NULL,"
                  " campaign INTEGER NOT NULL,"
                  " key INTEGER NOT NULL,"
                  " shared INTEGER NOT NULL,"
                  " link INTEGER NOT NULL,"
                  " machine INTEGER NOT NULL,"
                  " rules INTEGER NOT NULL,"
                  " visitor INTEGER NOT NULL,"
                  " list TEXT NOT NULL,"
                  " value TEXT NOT NULL,"
                  " client TEXT NOT NULL,"
                  " user_agent TEXT NOT NULL);"
                  "CREATE INDEX %s_campaign ON %s (campaign);"
                  "CREATE INDEX %s_visitor ON %s (visitor, time) WHERE kind = 1 AND machine = 0 AND visitor <> 0;",
        .drain = "DELETE FROM %s WHERE id < (SELECT min(id) FROM %s) + ?1",
        .statements =
                {
                        [EVENT_INSERT] =
                                "INSERT INTO %s (previous, time, kind, campaign, key, shared, link, machine, rules,"
                                " visitor, list, value, client, user_agent)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                        [EVENT_LINK] = "SELECT previous, time, kind, machine, link FROM %s WHERE id = ?1",
                        [EVENT_LABEL] = "UPDATE %s SET machine = ?2, rules = ?3 WHERE id = ?1",
                        [EVENT_DELETE] = "DELETE FROM %s WHERE id = ?1",
                        [EVENT_CONVERTED] =
                                "SELECT campaign, key, shared FROM %s AS click WHERE visitor = ?1 AND kind = 1"
                                " AND machine = 0 AND visitor <> 0 AND time BETWEEN ?2 AND ?3"
                                " AND iif(list <> '', list, (SELECT list FROM campaign WHERE id = click.campaign))"
                                " = ?4 ORDER BY time DESC, id DESC LIMIT 1",
                        [EVENT_SHOW] = EVENT_COLUMNS "WHERE event.id = ?1",
                },
};

void reader_init(struct reader *reader) {
	memset(reader, 0, sizeof *reader);
	buf_init(&reader->links, READER_LINKS_MAX * sizeof(struct reader_link));
}

void reader_free(struct reader *reader) {
	buf_free(&reader->links);
}

int reader_load(struct store_sqlite *store, uint64_t key, uint64_t campaign, struct reader *reader, struct err *err) {
	static const char text[] =
	        "SELECT newest, seen, human_hour, links FROM reader WHERE key = ?1 AND campaign = ?2";
	struct sqlite3_stmt *find = sql_get(store, text, err);
	int result, outcome = 0;

	if (find == NULL)
		return -1;
	reader->key = key;
	reader->campaign = campaign;
	reader->newest = 0;
	reader->seen = 0;
	reader->human_hour = 0;
	buf_reset(&reader->links);
	sql_bind_key(find, 1, key);
	sql_bind_key(find, 2, campaign);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		reader->newest = sql_column_key(find, 0);
		reader->seen = (uint32_t)sqlite3_column_int64(find, 1);
		reader->human_hour = sqlite3_column_int64(find, 2);
		buf_add_span(&reader->links, sql_column_text(find, 3));
		if (reader->links.failed)
			outcome = err_set(err, "links of a reader: out of memory");
	} else if (result != SQLITE_DONE) {
		outcome = sql_fail(store, text, err);
	}
	sqlite3_reset(find);
	return outcome;
}

int reader_save(struct store_sqlite *store, const struct reader *reader, struct err *err) {
	static const char text[] =
	        "INSERT INTO reader (key, campaign, newest, seen, human_hour, links)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET newest = excluded.newest,"
	        " seen = excluded.seen, human_hour = excluded.human_hour, links = excluded.links";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, reader->key);
	sql_bind_key(statement, 2, reader->campaign);
	sql_bind_key(statement, 3, reader->newest);
	sql_bind_number(statement, 4, reader->seen);
	sql_bind_number(statement, 5, reader->human_hour);
	sql_bind_blob(statement, 6, buf_span(&reader->links));
	return sql_run(store, statement, err);
}

size_t reader_link_count(const struct reader *reader) {
	return reader->links.len / sizeof(struct reader_link);
}

struct reader_link *reader_links(const struct reader *reader) {
	return (struct reader_link *)(void *)reader->links.at;
}

int reader_link_of(struct reader *reader, uint64_t id, struct reader_link **link_r, struct err *err) {
	struct reader_link new = {.id = id}, *links = reader_links(reader);
	size_t count = reader_link_count(reader), i;

	*link_r = NULL;
	for (i = 0; i < count; i++)
		if (links[i].id == id) {
			*link_r = &links[i];
			return 0;
		}
	if (count == READER_LINKS_MAX)
		return 0;
	buf_add(&reader->links, &new, sizeof new);
	if (reader->links.failed)
		return err_set(err, "links of a reader: out of memory");
	*link_r = &reader_links(reader)[count];
	return 0;
}

void reader_humans(const struct reader *reader, uint64_t *clicks_r, size_t *links_r) {
	const struct reader_link *links = reader_links(reader);
	size_t count = reader_link_count(reader), i;

	*clicks_r = 0;
	*links_r = 0;
	for (i = 0; i < count; i++) {
		*clicks_r += links[i].human;
		*links_r += links[i].human > 0;
	}
}

/* A month of the year 9999 takes 17 bits. */
#define MONTH_BITS 17

uint64_t chain_pointer(long long id, int month) {
	return (uint64_t)id << MONTH_BITS | (uint64_t)month;
}

int chain_month(uint64_t pointer) {
	return (int)(pointer & ((UINT64_C(1) << MONTH_BITS) - 1));
}

long long chain_id(uint64_t pointer) {
	return (long long)(pointer >> MONTH_BITS);
}

int chain_read(struct store_sqlite *store, uint64_t pointer, struct chained *event_r, bool *found_r, struct err *err) {
	struct sqlite3_stmt *find;
	struct store_month *month;
	int result, outcome = 0;

	*found_r = false;
	if (pointer == 0)
		return 0;
	if (month_get(store, &month_events, chain_month(pointer), false, &month, err) != 0)
		return -1;
	if (!month->present)
		return 0;
	find = month_statement(store, month, EVENT_LINK, err);
	if (find == NULL)
		return -1;
	sql_bind_number(find, 1, chain_id(pointer));
	result = sqlite3_step(find);
	*found_r = result == SQLITE_ROW;
	if (*found_r)
		*event_r = (struct chained){
		        .at = pointer,
		        .previous = sql_column_key(find, 0),
		        .time_ms = sqlite3_column_int64(find, 1),
		        .kind = (enum store_event_kind)sqlite3_column_int(find, 2),
		        .machine = (enum store_machine)sqlite3_column_int(find, 3),
		        .link = sql_column_key(find, 4),
		};
	else if (result != SQLITE_DONE)
		outcome = sql_fail(store, "events of a reader", err);
	sqlite3_reset(find);
	return outcome;
}
