#include "lib/store_export.h"

#include <sqlite3.h>

#include "lib/store_sqlite.h"

static int sqlite_each_address(struct store *base,
                               int (*each)(void *context, uint64_t address_key, struct span address), void *context,
                               struct err *err) {
	static const char text[] = "SELECT key, address FROM address UNION ALL"
	                           " SELECT DISTINCT address_key, NULL FROM standing"
	                           " WHERE NOT EXISTS (SELECT 1 FROM address WHERE key = address_key)";
	struct store_sqlite *store = (struct store_sqlite *)base;
	struct sqlite3_stmt *rows = sql_get(store, text, err);
	int result, outcome = 0;

	if (rows == NULL)
		return -1;
	while ((result = sqlite3_step(rows)) == SQLITE_ROW)
		if (each(context, sql_column_key(rows, 0), sql_column_text(rows, 1)) != 0)
			break;
	if (result != SQLITE_DONE && result != SQLITE_ROW)
		outcome = sql_fail(store, text, err);
	sqlite3_reset(rows);
	return outcome;
}

const struct store_export_driver sqlite_export = {.each_address = sqlite_each_address};

int store_each_address(struct store *store, int (*each)(void *context, uint64_t address_key, struct span address),
                       void *context, struct err *err) {
	return store->driver->export->each_address(store, each, context, err);
}
