/* What the filter of addresses asks of SQLite. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

/* The head of the WAL index, twice: SQLite itself tells by it whether what it knows is still
 * the newest (sqlite.org/walformat.html, 2.1). */
#define HEAD_SIZE 48
#define INDEX_SIZE 32768

/* By the methods of SQLite's own file: the first part of the index, which is mapped since the
 * handle first read. */
static const volatile char *index_of(struct store_sqlite *store) {
	volatile void *index = NULL;
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods == NULL || file->pMethods->iVersion < 2 || file->pMethods->xShmMap == NULL ||
	    file->pMethods->xShmMap(file, 0, INDEX_SIZE, 0, &index) != SQLITE_OK)
		return NULL;
	return index;
}

static void copy(char *to, const volatile char *from) {
	size_t i;

	for (i = 0; i < HEAD_SIZE; i++)
		to[i] = from[i];
}

static bool mark(struct store *base, struct store_commit_mark *mark_r) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	const volatile char *index = index_of(store);
	char second[HEAD_SIZE];

	_Static_assert(sizeof mark_r->head == HEAD_SIZE, "a mark holds the head");
	memset(mark_r, 0, sizeof *mark_r);
	if (index == NULL)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	copy((char *)mark_r->head, index);
	atomic_thread_fence(memory_order_seq_cst);
	copy(second, index + HEAD_SIZE);
	mark_r->identity = (uint64_t)store->wal_inode ^ (uint64_t)store->wal_device << 40;
	/* Unlike: somebody is writing it. */
	return memcmp(mark_r->head, second, HEAD_SIZE) == 0;
}

static int each_row(struct store_sqlite *store, struct sqlite3_stmt *rows,
                    int (*each)(void *context, uint64_t address_key), void *context, struct err *err) {
	int result, outcome = 0;

	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		if (each(context, sql_column_key(rows, 0)) != 0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, sqlite3_sql(rows), err);
	sqlite3_reset(rows);
	return outcome;
}

/* The first and the last number of the news that are kept; 0 of none. */
static int bounds(struct store_sqlite *store, long long *first_r, long long *last_r, struct err *err) {
	static const char first_text[] = "SELECT min(id) FROM standing_news";
	static const char last_text[] = "SELECT max(id) FROM standing_news";
	struct sqlite3_stmt *first = sql_get(store, first_text, err), *last = sql_get(store, last_text, err);
	bool found;

	return first == NULL || last == NULL || sql_number(store, first, &found, first_r, err) != 0 ||
	                       sql_number(store, last, &found, last_r, err) != 0
	               ? -1
	               : 0;
}

static int each_key_in_view(struct store_sqlite *store, int64_t after, int (*each)(void *context, uint64_t address_key),
                            void *context, int64_t *last_r, struct err *err) {
	static const char all_text[] = "SELECT address_key FROM standing";
	static const char new_text[] = "SELECT address_key FROM standing_news WHERE id > ?1";
	struct sqlite3_stmt *rows;
	long long first, last;
	bool all;

	if (bounds(store, &first, &last, err) != 0)
		return -1;
	*last_r = last;
	if (after == last)
		return 0;
	/* What came behind `after` is not all there any more: everything, then. */
	all = after < 0 || after > last || after + 1 < first;
	rows = sql_get(store, all ? all_text : new_text, err);
	if (rows == NULL)
		return -1;
	if (!all)
		sql_bind_number(rows, 1, after);
	return each_row(store, rows, each, context, err);
}

static int each_key(struct store *base, int64_t after, int (*each)(void *context, uint64_t address_key), void *context,
                    int64_t *last_r, struct err *err) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	int outcome;

	if (store_begin_reading(store, err) != 0)
		return -1;
	outcome = each_key_in_view(store, after, each, context, last_r, err);
	store_rollback(store);
	return outcome;
}

const struct store_filter_driver sqlite_filter = {
        .mark = mark,
        .each_key = each_key,
};
