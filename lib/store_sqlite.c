#include "lib/store_sqlite.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/*
 * FULL: a commit is on the disk when it returns, in WAL mode by one sync.
 * The cache holds what a group of STORE_GROUP_MAX records touches, so that it
 * reaches the WAL once.  Longer checkpoints come less often; the WAL is cut back
 * after them.  Who writes little leaves them to those who write much: it answers
 * somebody who waits.
 */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cache_size = -16384;"
                               "PRAGMA wal_autocheckpoint = 24000;"
                               "PRAGMA journal_size_limit = 100663296";

static const char begin_text[] = "BEGIN IMMEDIATE";
static const char commit_text[] = "COMMIT";
static const char cookie_text[] = "PRAGMA schema_version";

static void sqlite_close(struct store *base) {
	struct store_sqlite *store = (struct store_sqlite *)base;
	int result;

	month_forget_all(store);
	sql_forget_all(store);
	result = sqlite3_close(store->db);
	assert(result == SQLITE_OK);
	(void)result;
	free(store->path);
	free(store->wal_path);
	free(store);
}

/* Called again and again while others hold a lock.  SQLite's own way waits longer
 * each time, up to 100 ms, and so never gets in between the groups of one who writes
 * all the time. */
static int wait_for_lock(void *context, int calls) {
	struct store_sqlite *store = context;

	if (calls == 0)
		store->waits_since = store_now_ms();
	if (store_now_ms() - store->waits_since >= store->patience_ms)
		return 0;
	nanosleep(&(struct timespec){0, 1000000}, NULL);
	return 1;
}

/* The schema, as soon as the locks of others allow it.  Turning to WAL fails at
 * once where another process does it too, whatever the time-out says. */
static int open_schema(struct store_sqlite *store, long wait_ms, struct err *err) {
	long long end = store_now_ms() + wait_ms;

	while (true) {
		long long left = end - store_now_ms();

		store->failure = 0;
		store->patience_ms = left > 0 ? (long)left : 0;
		if (schema_open(store, err) == 0 && sql_exec(store, settings, err) == 0)
			return 0;
		if (!sql_is_busy(store) || left <= 0)
			return -1;
		nanosleep(&(struct timespec){0, 5000000}, NULL);
	}
}

static int remember_file(struct store_sqlite *store, struct err *err) {
	struct stat wal;

	/* There since the schema was read, and until the last handle is closed. */
	if (stat(store->wal_path, &wal) != 0)
		return err_set(err, "%s: not found; was it removed?", store->wal_path);
	store->wal_device = wal.st_dev;
	store->wal_inode = wal.st_ino;
	store->cookie = -1;
	return 0;
}

static struct store *sqlite_open(const struct conf_store *conf, bool create, long wait_ms, struct err *err) {
	struct store_sqlite *store;

	if (create && schema_create_file(conf->path, err) != 0)
		return NULL;
	store = calloc(1, sizeof *store);
	if (store == NULL) {
		err_set(err, "%s: out of memory", conf->path);
		return NULL;
	}
	store->base = (struct store){&store_sqlite_driver, conf->busy_timeout * 1000};
	store->path = strdup(conf->path);
	if (store->path == NULL || asprintf(&store->wal_path, "%s-wal", conf->path) < 0) {
		store->wal_path = NULL;
		err_set(err, "%s: out of memory", conf->path);
		goto fail;
	}
	if (sqlite3_open_v2(store->path, &store->db,
	                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
		sql_fail(store, "can't open the store", err);
		goto fail;
	}
	sqlite3_busy_handler(store->db, wait_for_lock, store);
	if (open_schema(store, wait_ms, err) != 0 || remember_file(store, err) != 0)
		goto fail;
	return &store->base;
fail:
	sqlite_close(&store->base);
	return NULL;
}

static int sqlite_version(const struct store *base) {
	return ((const struct store_sqlite *)base)->version;
}

/* What is written to a file without a name is lost with the last handle. */
static bool sqlite_is_current(const struct store *base) {
	const struct store_sqlite *store = (const struct store_sqlite *)base;
	struct stat wal;
	int moved = 0;

	if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || moved)
		return false;
	return stat(store->wal_path, &wal) == 0 && wal.st_dev == store->wal_device && wal.st_ino == store->wal_inode;
}

/* Another process may have dropped tables, or migrated the schema. */
int store_look_at_schema(struct store_sqlite *store, struct err *err) {
	struct sqlite3_stmt *statement = sql_get(store, cookie_text, err);
	long long cookie, version;
	bool found;

	if (statement == NULL || sql_number(store, statement, &found, &cookie, err) != 0)
		return -1;
	if (cookie == store->cookie)
		return 0;
	month_forget_all(store);
	if (schema_check_version(store, &version, err) != 0)
		return -1;
	store->cookie = cookie;
	return 0;
}

int store_work_hard(struct store_sqlite *store, const char *settings_of_work, struct err *err) {
	if (store->works_hard)
		return 0;
	store->works_hard = true;
	return sql_exec(store, settings_of_work, err);
}

enum store_result store_begin(struct store_sqlite *store, long wait_ms, struct err *err) {
	struct sqlite3_stmt *begin = sql_get(store, begin_text, err);

	if (begin == NULL)
		return STORE_FAILED;
	if (!sqlite_is_current(&store->base)) {
		err_set(err, "%s: the file in use was removed or replaced", store->path);
		return STORE_FAILED;
	}
	store->patience_ms = wait_ms;
	if (sql_run(store, begin, err) != 0)
		return sql_is_busy(store) ? STORE_BUSY : STORE_FAILED;
	if (store_look_at_schema(store, err) == 0)
		return STORE_DONE;
	store_rollback(store);
	return STORE_FAILED;
}

int store_begin_reading(struct store_sqlite *store, struct err *err) {
	if (sql_exec(store, "BEGIN", err) != 0)
		return -1;
	if (store_look_at_schema(store, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

int store_commit(struct store_sqlite *store, struct err *err) {
	struct sqlite3_stmt *commit = sql_get(store, commit_text, err);

	return commit == NULL ? -1 : sql_run(store, commit, err);
}

void store_rollback(struct store_sqlite *store) {
	sql_roll_back(store);
	/* The tables made in the transaction are no more, and the cookie is what it
	 * was before it. */
	month_forget_all(store);
}

const struct store_driver store_sqlite_driver = {
        .name = "sqlite",
        .open = sqlite_open,
        .close = sqlite_close,
        .version = sqlite_version,
        .is_current = sqlite_is_current,
        .add_sends = sqlite_add_sends,
        .find_campaigns = sqlite_find_campaigns,
        .each_send = sqlite_each_send,
        .rollup = sqlite_rollup,
        .expire = sqlite_expire,
        .warmup = &sqlite_warmup,
        .quota = &sqlite_quota,
        .filter = &sqlite_filter,
        .status = &sqlite_status,
        .event = &sqlite_event,
        .export = &sqlite_export,
        .bounce = &sqlite_bounce,
};
