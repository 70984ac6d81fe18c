/*
 * What the tests of the store have in common: a store in a folder of its own,
 * a sample record, and a second look at the file through SQLite itself.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/store.h"

#define NOON_NOV_22 1795348800 /* 2026-11-22T12:00:00Z */
#define DEC_1 1796083200       /* 2026-12-01T00:00:00Z */

struct fixture {
	char dir[256];
	char path[300];
	struct conf_store conf;
};

static inline int fixture_make(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *temporary = getenv("TMPDIR");

	snprintf(fixture->dir, sizeof fixture->dir, "%s/todoku-store.XXXXXX", temporary == NULL ? "/tmp" : temporary);
	if (mkdtemp(fixture->dir) == NULL)
		return -1;
	snprintf(fixture->path, sizeof fixture->path, "%s/todoku.db", fixture->dir);
	fixture->conf = (struct conf_store){.path = fixture->path, .busy_timeout = 1, .keep_months = 36};
	*state = fixture;
	return 0;
}

static inline int fixture_remove(void **state) {
	struct fixture *fixture = *state;
	DIR *folder = opendir(fixture->dir);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static inline struct store *fixture_open(const struct fixture *fixture) {
	struct err err = {""};
	struct store *store = store_open(&fixture->conf, &err);

	if (store == NULL)
		fail_msg("store_open: %s", err.text);
	return store;
}

/* Through SQLite, past the code under test. */
static inline void fixture_sql(const struct fixture *fixture, const char *sql) {
	char *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

static inline long long fixture_number(const struct fixture *fixture, const char *sql) {
	sqlite3_stmt *statement;
	long long number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static inline struct store_send sample_send(uint64_t message, time_t when) {
	return (struct store_send){
	        .campaign = 0xc0ffee,
	        .address_key = 0xa000000000000000 + message % 7,
	        .message = message,
	        .time = when,
	        .list = SPAN("news"),
	        .campaign_name = SPAN("2026-11-22"),
	        .stream = SPAN("main"),
	        .address = SPAN("a@example.jp"),
	        .queue_id = SPAN("4XYZ"),
	        .message_id = SPAN("<1@example.com>"),
	        .links = 3,
	        .flags = STORE_SEND_PIXEL,
	};
}

static inline int count_send(void *context, const struct store_send *send) {
	(void)send;
	++*(uint64_t *)context;
	return 0;
}

/* How many records a campaign has; the roll-up must say the same. */
static inline uint64_t count_records(struct store *store, uint64_t campaign) {
	struct err err = {""};
	uint64_t count = 0, rollup = 0;

	if (store_each_send(store, campaign, count_send, &count, &err) != 0 ||
	    store_rollup(store, campaign, SPAN("sent"), &rollup, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(rollup, count);
	return count;
}

#endif
