#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>

#define HOUR 3600

struct cell {
	const char *kind; /* NULL: free */
	uint64_t campaign;
	long long hour;
	long long delta;
};

/* Open addressing; at most half full.  `cap` is a power of two. */
struct tally {
	struct cell *cells;
	size_t cap;
	size_t len;
	struct cell *last; /* what follows is most often the same again */
};

struct tally *tally_new(struct err *err) {
	struct tally *tally = calloc(1, sizeof *tally);

	if (tally != NULL) {
		tally->cap = 64;
		tally->cells = calloc(tally->cap, sizeof *tally->cells);
	}
	if (tally == NULL || tally->cells == NULL) {
		free(tally);
		err_set(err, "roll-up: out of memory");
		return NULL;
	}
	return tally;
}

void tally_free(struct tally **tally) {
	if (*tally == NULL)
		return;
	free((*tally)->cells);
	free(*tally);
	*tally = NULL;
}

static bool is_at(const struct cell *cell, uint64_t campaign, const char *kind, long long hour) {
	return cell->kind == kind && cell->campaign == campaign && cell->hour == hour;
}

static struct cell *find(const struct tally *tally, uint64_t campaign, const char *kind, long long hour) {
	uint64_t mix = (campaign ^ (uint64_t)(uintptr_t)kind ^ (uint64_t)hour) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(mix >> 32);

	while (true) {
		struct cell *cell = &tally->cells[at++ & (tally->cap - 1)];

		if (cell->kind == NULL || is_at(cell, campaign, kind, hour))
			return cell;
	}
}

static int grow(struct tally *tally, struct err *err) {
	struct tally bigger = {.cap = tally->cap * 2, .len = tally->len};
	size_t i;

	bigger.cells = calloc(bigger.cap, sizeof *bigger.cells);
	if (bigger.cells == NULL)
		return err_set(err, "roll-up: out of memory");
	for (i = 0; i < tally->cap; i++) {
		const struct cell *cell = &tally->cells[i];

		if (cell->kind != NULL)
			*find(&bigger, cell->campaign, cell->kind, cell->hour) = *cell;
	}
	free(tally->cells);
	*tally = bigger;
	return 0;
}

int tally_count(struct tally *tally, uint64_t campaign, const char *kind, time_t when, long long delta,
                struct err *err) {
	long long hour = when - when % HOUR;
	struct cell *cell = tally->last;

	if (cell == NULL || !is_at(cell, campaign, kind, hour)) {
		if (tally->len * 2 >= tally->cap && grow(tally, err) != 0)
			return -1;
		cell = find(tally, campaign, kind, hour);
		if (cell->kind == NULL) {
			*cell = (struct cell){kind, campaign, hour, 0};
			tally->len++;
		}
		tally->last = cell;
	}
	cell->delta += delta;
	return 0;
}

static int write_cell(struct store_sqlite *store, const struct cell *cell, struct err *err) {
	static const char text[] = "INSERT INTO rollup (campaign, kind, hour, count) VALUES (?1, ?2, ?3, ?4)"
	                           " ON CONFLICT DO UPDATE SET count = count + excluded.count";
	struct sqlite3_stmt *statement = sql_get(store, text, err);

	if (statement == NULL)
		return -1;
	sql_bind_key(statement, 1, cell->campaign);
	sql_bind_text(statement, 2, span_of(cell->kind));
	sql_bind_number(statement, 3, cell->hour);
	sql_bind_number(statement, 4, cell->delta);
	return sql_run(store, statement, err);
}

int tally_write(struct store_sqlite *store, const struct tally *tally, struct err *err) {
	size_t i;

	for (i = 0; i < tally->cap; i++)
		if (tally->cells[i].kind != NULL && tally->cells[i].delta != 0 &&
		    write_cell(store, &tally->cells[i], err) != 0)
			return -1;
	return 0;
}

int campaign_ensure(struct store_sqlite *store, uint64_t campaign, struct span list, time_t when, struct err *err) {
	static const char text[] = "INSERT INTO campaign (id, list, name, first, last) VALUES (?1, ?2, '', ?3, ?3)"
	                           " ON CONFLICT DO NOTHING";
	struct sqlite3_stmt *add = sql_get(store, text, err);

	if (add == NULL)
		return -1;
	sql_bind_key(add, 1, campaign);
	sql_bind_text(add, 2, list);
	sql_bind_number(add, 3, when);
	return sql_run(store, add, err);
}
