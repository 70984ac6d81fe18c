/* Statuses are read. */
#include "lib/store_sqlite.h"

#include <sqlite3.h>
#include <string.h>

/* As much as fits, no character of UTF-8 torn, control characters as `?`. */
static void copy_text(char *out, size_t size, struct span text) {
	size_t len = text.len < size ? text.len : size - 1, i;

	while (len > 0 && len < text.len && ((unsigned char)text.at[len] & 0xc0) == 0x80)
		len--;
	for (i = 0; i < len; i++)
		out[i] = (unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f ? '?' : text.at[i];
	out[len] = '\0';
}

/* Columns: list, status, since, reason, detail, mark. */
static void read_standing(struct sqlite3_stmt *row, struct store_standing *standing) {
	standing->status = (enum store_status)sqlite3_column_int(row, 1);
	standing->of_address = sqlite3_column_bytes(row, 0) == 0;
	standing->since = standing->status == STORE_ACTIVE ? 0 : sqlite3_column_int64(row, 2);
	copy_text(standing->reason, sizeof standing->reason, sql_column_text(row, 3));
	copy_text(standing->detail, sizeof standing->detail, sql_column_text(row, 4));
	standing->temporary_failed = sqlite3_column_int64(row, 5);
}

/* Takes in one place's row; the stronger one stays, of equal ones the first. */
static void merge(struct store_standing *standing, struct sqlite3_stmt *row) {
	struct store_standing place;
	time_t mark = standing->temporary_failed;

	read_standing(row, &place);
	if (place.temporary_failed != 0)
		mark = place.temporary_failed;
	if (place.status > standing->status)
		*standing = place;
	standing->temporary_failed = mark;
}

static int sqlite_find_standing(struct store *base, uint64_t address_key, struct span list,
                                struct store_standing *standing_r, struct err *err) {
	/* One search for all of an address, which is nothing for nearly every one.  The
	 * address itself comes first. */
	static const char text[] = "SELECT list, status, since, reason, detail, temporary_failed FROM standing"
	                           " WHERE address_key = ?1 AND (+list = '' OR +list = ?2) ORDER BY list";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *find = sql_get(store, text, err);
	int result, outcome = 0;

	if (find == NULL)
		return -1;
	memset(standing_r, 0, sizeof *standing_r);
	sql_bind_key(find, 1, address_key);
	sql_bind_text(find, 2, list);
	while ((result = sqlite3_step(find)) == SQLITE_ROW)
		merge(standing_r, find);
	if (result != SQLITE_DONE)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(find);
	return outcome;
}

static int sqlite_find_address(struct store *base, uint64_t address_key, struct buf *address, struct err *err) {
	static const char text[] = "SELECT address FROM address WHERE key = ?1";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *find = sql_get(store, text, err);
	int result, outcome = 0;

	if (find == NULL)
		return -1;
	sql_bind_key(find, 1, address_key);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW)
		buf_add_span(address, sql_column_text(find, 0));
	else if (result != SQLITE_DONE)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(find);
	return outcome;
}

static int sqlite_each_standing(struct store *base, uint64_t address_key,
                                int (*each)(void *context, struct span list, const struct store_standing *standing),
                                void *context, struct err *err) {
	/* Consent is what the last word on record says where nothing else stands. */
	static const char text[] =
	        "SELECT list, status, since, reason, detail, temporary_failed FROM standing WHERE address_key = ?1"
	        " UNION ALL SELECT list, 0, 0, reason, detail, 0 FROM change AS said WHERE address_key = ?1"
	        " AND status = 0 AND id = (SELECT max(id) FROM change WHERE address_key = ?1 AND list = said.list)"
	        " AND NOT EXISTS (SELECT 1 FROM standing WHERE address_key = ?1 AND list = said.list) ORDER BY list";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, address_key);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_standing standing;

		read_standing(rows, &standing);
		if (each(context, sql_column_text(rows, 0), &standing) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

static int sqlite_each_change(struct store *base, uint64_t address_key,
                              int (*each)(void *context, const struct store_change *change), void *context,
                              struct err *err) {
	static const char text[] =
	        "SELECT address, list, status, reason, detail, who, proof, campaign, time FROM change"
	        " LEFT JOIN address ON address.key = change.address_key"
	        " WHERE address_key = ?1 ORDER BY id";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	sql_bind_key(rows, 1, address_key);
	while ((result = sqlite3_step(rows)) == SQLITE_ROW) {
		struct store_change change = {
		        .address_key = address_key,
		        .address = sql_column_text(rows, 0),
		        .list = sql_column_text(rows, 1),
		        .status = (enum store_status)sqlite3_column_int(rows, 2),
		        .reason = sql_column_text(rows, 3),
		        .detail = sql_column_text(rows, 4),
		        .who = sql_column_text(rows, 5),
		        .proof = sql_column_text(rows, 6),
		        .campaign = sql_column_key(rows, 7),
		        .time = sqlite3_column_int64(rows, 8),
		};

		if (each(context, &change) != 0)
			break;
	}
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

const struct store_status_driver sqlite_status = {
        .change = sqlite_change_status,
        .find_standing = sqlite_find_standing,
        .find_address = sqlite_find_address,
        .each_standing = sqlite_each_standing,
        .each_change = sqlite_each_change,
        .mark_temporary = sqlite_mark_temporary,
        .erase = sqlite_erase,
        .expire_changes = sqlite_expire_changes,
};
