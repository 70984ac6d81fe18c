#include "lib/store_reader.h"

#include <sqlite3.h>
#include <stdlib.h>

struct cell {
	bool used;
	uint64_t campaign;
	uint64_t id;
	const struct store_event *sample;
	struct link_delta delta;
};

/* Open addressing; at most half full.  `cap` is a power of two. */
struct link_tally {
	struct cell *cells;
	size_t cap;
	size_t len;
};

/* FNV-1a, 64 bits: targets are the sender's own, proven by their token, so nobody
 * else can look for two that meet. */
uint64_t link_id(uint16_t number, struct span target) {
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ number;
	size_t i;

	hash *= UINT64_C(0x100000001b3);
	for (i = 0; i < target.len; i++)
		hash = (hash ^ (unsigned char)target.at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

struct link_tally *link_tally_new(struct err *err) {
	struct link_tally *tally = calloc(1, sizeof *tally);

	if (tally != NULL) {
		tally->cap = 64;
		tally->cells = calloc(tally->cap, sizeof *tally->cells);
	}
	if (tally == NULL || tally->cells == NULL) {
		free(tally);
		err_set(err, "counts of links: out of memory");
		return NULL;
	}
	return tally;
}

void link_tally_free(struct link_tally **tally) {
	if (*tally == NULL)
		return;
	free((*tally)->cells);
	free(*tally);
	*tally = NULL;
}

static struct cell *find(const struct link_tally *tally, uint64_t campaign, uint64_t id) {
	size_t at = (size_t)((campaign ^ id) * UINT64_C(0x9e3779b97f4a7c15) >> 32);

	while (true) {
		struct cell *cell = &tally->cells[at++ & (tally->cap - 1)];

		if (!cell->used || (cell->campaign == campaign && cell->id == id))
			return cell;
	}
}

static int grow(struct link_tally *tally, struct err *err) {
	struct link_tally bigger = {.cap = tally->cap * 2, .len = tally->len};
	size_t i;

	bigger.cells = calloc(bigger.cap, sizeof *bigger.cells);
	if (bigger.cells == NULL)
		return err_set(err, "counts of links: out of memory");
	for (i = 0; i < tally->cap; i++)
		if (tally->cells[i].used)
			*find(&bigger, tally->cells[i].campaign, tally->cells[i].id) = tally->cells[i];
	free(tally->cells);
	*tally = bigger;
	return 0;
}

int link_count(struct link_tally *tally, uint64_t campaign, uint64_t id, const struct store_event *sample,
               struct link_delta delta, struct err *err) {
	struct cell *cell;

	if (tally->len * 2 >= tally->cap && grow(tally, err) != 0)
		return -1;
	cell = find(tally, campaign, id);
	if (!cell->used) {
		*cell = (struct cell){.used = true, .campaign = campaign, .id = id};
		tally->len++;
	}
	if (cell->sample == NULL || (sample != NULL && sample->time_ms > cell->sample->time_ms))
		cell->sample = sample;
	cell->delta.total += delta.total;
	cell->delta.human += delta.human;
	cell->delta.unique += delta.unique;
	cell->delta.unique_human += delta.unique_human;
	return 0;
}

static int write_cell(struct store_sqlite *store, const struct cell *cell, struct err *err) {
	static const char add[] =
	        "INSERT INTO link (campaign, id, total, human, unique_total, unique_human, number, target, last)"
	        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET"
	        " total = total + excluded.total, human = human + excluded.human,"
	        " unique_total = unique_total + excluded.unique_total,"
	        " unique_human = unique_human + excluded.unique_human, last = max(last, excluded.last)";
	static const char correct[] = "UPDATE link SET total = total + ?3, human = human + ?4,"
	                              " unique_total = unique_total + ?5, unique_human = unique_human + ?6"
	                              " WHERE campaign = ?1 AND id = ?2";
	struct sqlite3_stmt *statement = sql_get(store, cell->sample != NULL ? add : correct, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, cell->campaign);
	sql_bind_key(statement, 2, cell->id);
	sql_bind_number(statement, 3, cell->delta.total);
	sql_bind_number(statement, 4, cell->delta.human);
	sql_bind_number(statement, 5, cell->delta.unique);
	sql_bind_number(statement, 6, cell->delta.unique_human);
	if (cell->sample != NULL) {
		sql_bind_number(statement, 7, cell->sample->link);
		sql_bind_text(statement, 8, cell->sample->target);
		sql_bind_number(statement, 9, month_of(cell->sample->time_ms / 1000));
	}
	return sql_run(store, statement, err);
}

int link_tally_write(struct store_sqlite *store, const struct link_tally *tally, struct err *err) {
	size_t i;

	for (i = 0; i < tally->cap; i++)
		if (tally->cells[i].used && write_cell(store, &tally->cells[i], err) != 0)
			return -1;
	return 0;
}

int sqlite_each_link(struct store *base, uint64_t campaign, int (*each)(void *context, const struct store_link *link),
                     void *context, struct err *err) {
	static const char text[] = "SELECT number, target, total, human, unique_total, unique_human FROM link"
	                           " WHERE campaign = ?1 ORDER BY number, total DESC, target";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, campaign);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_link link = {
		        .number = (uint16_t)sqlite3_column_int(rows, 0),
		        .target = sql_column_text(rows, 1),
		        .clicks = {.total = sql_column_key(rows, 2),
		                   .human = sql_column_key(rows, 3),
		                   .unique = sql_column_key(rows, 4),
		                   .unique_human = sql_column_key(rows, 5)},
		};

		if (each(context, &link) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}
