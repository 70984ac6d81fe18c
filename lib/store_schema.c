#include "lib/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0660

/*
 * The migration at index N takes the schema from version N to N + 1; none is
 * ever changed.
 * The tables of sends, one a month, are made by store_month.c.
 */
static const char *const migrations[] = {
        /* 0 to 1 */
        "CREATE TABLE campaign ("
        " id INTEGER PRIMARY KEY,"
        " list TEXT NOT NULL,"
        " name TEXT NOT NULL,"
        " first INTEGER NOT NULL," /* time of the first send */
        " last INTEGER NOT NULL);"
        "CREATE INDEX campaign_name ON campaign (name);"

        /* An erased address has its key and status alone (U6). */
        "CREATE TABLE address ("
        " key INTEGER PRIMARY KEY,"
        " address TEXT,"
        " status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'unsubscribed', 'blocked')),"
        " reason TEXT,"
        " since INTEGER NOT NULL,"    /* when the status came to be */
        " temporary_failed INTEGER);" /* when the mark of N9 was set */

        /* What a report of one campaign reads lies together; the index serves those
	 * that go by the hour. */
        "CREATE TABLE rollup ("
        " campaign INTEGER NOT NULL REFERENCES campaign (id),"
        " kind TEXT NOT NULL,"
        " hour INTEGER NOT NULL," /* its first second */
        " count INTEGER NOT NULL,"
        " PRIMARY KEY (campaign, kind, hour)) WITHOUT ROWID;"
        "CREATE INDEX rollup_hour ON rollup (hour);",

        /* 1 to 2: statuses and events */

        /* An erased address has its key alone (U6). */
        "CREATE TABLE address_text (key INTEGER PRIMARY KEY, address TEXT);"
        "INSERT INTO address_text (key, address) SELECT key, address FROM address;"

        /* Where an address may not have mail, or is marked: few of many, so that
	 * policyd's look-ups stay in memory.  List '' is the address itself. */
        "CREATE TABLE standing ("
        " address_key INTEGER NOT NULL,"
        " list TEXT NOT NULL,"
        " status INTEGER NOT NULL CHECK (status IN (0, 1, 2)),"
        " since INTEGER NOT NULL,"
        " reason TEXT NOT NULL,"
        " detail TEXT NOT NULL,"
        " temporary_failed INTEGER NOT NULL DEFAULT 0," /* when the mark of N9 was set */
        " PRIMARY KEY (address_key, list)) WITHOUT ROWID;"
        "INSERT INTO standing (address_key, list, status, since, reason, detail, temporary_failed)"
        " SELECT key, '', iif(status = 'active', 0, 2), since, coalesce(reason, ''), '', coalesce(temporary_failed, 0)"
        " FROM address WHERE status <> 'active' OR temporary_failed IS NOT NULL;"
        "DROP TABLE address;"
        "ALTER TABLE address_text RENAME TO address;"

        "CREATE TABLE change ("
        " id INTEGER PRIMARY KEY,"
        " address_key INTEGER NOT NULL,"
        " list TEXT NOT NULL,"
        " status INTEGER NOT NULL,"
        " time INTEGER NOT NULL,"
        " reason TEXT NOT NULL,"
        " detail TEXT NOT NULL,"
        " who TEXT NOT NULL,"
        " proof TEXT NOT NULL,"
        " campaign INTEGER NOT NULL);"
        "CREATE INDEX change_address ON change (address_key, list);"
        "CREATE INDEX change_time ON change (time);"

        /* How far each journal of events was read. */
        "CREATE TABLE source (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;"

        /* What one reader did with one campaign: see store_reader.c. */
        "CREATE TABLE reader ("
        " key INTEGER NOT NULL,"
        " campaign INTEGER NOT NULL,"
        " newest INTEGER NOT NULL,"
        " seen INTEGER NOT NULL,"
        " human_hour INTEGER NOT NULL,"
        " links BLOB NOT NULL,"
        " PRIMARY KEY (key, campaign)) WITHOUT ROWID;"

        "CREATE TABLE link ("
        " campaign INTEGER NOT NULL,"
        " id INTEGER NOT NULL," /* a hash of number and target */
        " number INTEGER NOT NULL,"
        " target TEXT NOT NULL,"
        " last INTEGER NOT NULL," /* month of the last click */
        " total INTEGER NOT NULL,"
        " human INTEGER NOT NULL,"
        " unique_total INTEGER NOT NULL,"
        " unique_human INTEGER NOT NULL,"
        " PRIMARY KEY (campaign, id)) WITHOUT ROWID;",

        /* 2 to 3: leased quota and held mail */

        /* Provider '' is the stream's sum. */
        "CREATE TABLE quota ("
        " stream TEXT NOT NULL,"
        " day TEXT NOT NULL,"
        " provider TEXT NOT NULL,"
        " leased INTEGER NOT NULL,"
        " PRIMARY KEY (stream, day, provider)) WITHOUT ROWID;"

        "CREATE TABLE held ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT," /* the order of release */
        " host TEXT NOT NULL,"
        " queue_id TEXT NOT NULL,"
        " stream TEXT NOT NULL,"
        " list TEXT NOT NULL,"
        " provider TEXT NOT NULL,"
        " address TEXT NOT NULL,"
        " key INTEGER NOT NULL,"
        " why TEXT NOT NULL,"
        " time INTEGER NOT NULL,"
        " released INTEGER,"                 /* when units were taken for it */
        " parked TEXT NOT NULL DEFAULT '',"  /* day of which it needs no units of the stream */
        " stuck INTEGER NOT NULL DEFAULT 0," /* nor of its provider */
        " UNIQUE (host, queue_id, key));"
        "CREATE INDEX held_waiting ON held (stream, provider, parked, stuck) WHERE released IS NULL;",

        /* 3 to 4: warm-up */

        "CREATE TABLE ramp ("
        " stream TEXT PRIMARY KEY,"
        " version INTEGER NOT NULL,"
        " day INTEGER NOT NULL," /* days since 1970-01-01, as all of these */
        " last_used INTEGER NOT NULL,"
        " step INTEGER NOT NULL,"
        " amount INTEGER NOT NULL,"
        " plan INTEGER NOT NULL," /* a hash of its text */
        " verdict INTEGER NOT NULL,"
        " reason TEXT NOT NULL,"
        " stopped INTEGER NOT NULL,"
        " resumed INTEGER NOT NULL,"
        " breaker INTEGER NOT NULL," /* since when it is open, or 0 */
        " breaker_reason TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE ramp_hold ("
        " stream TEXT NOT NULL,"
        " provider TEXT NOT NULL,"
        " amount INTEGER NOT NULL,"
        " reason TEXT NOT NULL,"
        " PRIMARY KEY (stream, provider)) WITHOUT ROWID;"
        "CREATE TABLE ramp_event ("
        " id INTEGER PRIMARY KEY,"
        " stream TEXT NOT NULL,"
        " time INTEGER NOT NULL,"
        " kind TEXT NOT NULL,"
        " reason TEXT NOT NULL,"
        " who TEXT NOT NULL);"
        "CREATE INDEX ramp_event_stream ON ramp_event (stream, id);"
        "CREATE TABLE traffic ("
        " stream TEXT NOT NULL,"
        " hour INTEGER NOT NULL," /* its first second */
        " provider TEXT NOT NULL,"
        " sent INTEGER NOT NULL,"
        " PRIMARY KEY (stream, hour, provider)) WITHOUT ROWID;"
        "CREATE TABLE mx_domain ("
        " domain TEXT PRIMARY KEY,"
        " provider TEXT NOT NULL," /* from the day `since` on */
        " before TEXT NOT NULL,"   /* until then */
        " since INTEGER NOT NULL,"
        " expires INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX mx_domain_expires ON mx_domain (expires);",
        /* What came back.  A return path names campaign, address and the time it was
	 * made (sent); failure says that the record is counted as one. */
        "CREATE TABLE bounce ("
        " id INTEGER PRIMARY KEY,"
        " report INTEGER NOT NULL UNIQUE,"
        " time INTEGER NOT NULL,"
        " campaign INTEGER NOT NULL,"
        " address_key INTEGER NOT NULL,"
        " sent INTEGER NOT NULL,"
        " list TEXT NOT NULL,"
        " stream TEXT NOT NULL,"
        " domain TEXT NOT NULL,"
        " mailbox TEXT NOT NULL,"
        " fault TEXT NOT NULL,"
        " category TEXT NOT NULL,"
        " recipient TEXT NOT NULL,"
        " status TEXT NOT NULL,"
        " reply INTEGER NOT NULL,"
        " phase TEXT NOT NULL,"
        " diagnostic TEXT NOT NULL,"
        " remote TEXT NOT NULL,"
        " family TEXT NOT NULL,"
        " rule TEXT NOT NULL,"
        " sender TEXT NOT NULL,"
        " subject TEXT NOT NULL,"
        " failure INTEGER NOT NULL,"
        " feedback INTEGER NOT NULL);"
        "CREATE INDEX bounce_address ON bounce (address_key) WHERE address_key <> 0;"
        "CREATE INDEX bounce_campaign ON bounce (campaign) WHERE campaign <> 0;"
        "CREATE INDEX bounce_faulty ON bounce (id) WHERE fault <> '';"
        "CREATE TABLE bounce_mail ("
        " id INTEGER PRIMARY KEY REFERENCES bounce (id) ON DELETE CASCADE,"
        " size INTEGER NOT NULL,"
        " mail BLOB NOT NULL);"
        "CREATE INDEX bounce_mail_size ON bounce_mail (id, size);"

        /* Temporary failures of an address by local day, one a send (N9). */
        "CREATE TABLE soft ("
        " address_key INTEGER NOT NULL,"
        " campaign INTEGER NOT NULL,"
        " sent INTEGER NOT NULL,"
        " day INTEGER NOT NULL,"
        " is_full INTEGER NOT NULL,"
        " PRIMARY KEY (address_key, campaign, sent)) WITHOUT ROWID;"

        /* For gates and breaker. */
        "CREATE TABLE feedback ("
        " stream TEXT NOT NULL,"
        " hour INTEGER NOT NULL," /* its first second */
        " domain TEXT NOT NULL,"
        " hard INTEGER NOT NULL,"
        " soft INTEGER NOT NULL,"
        " refused INTEGER NOT NULL,"
        " complaint INTEGER NOT NULL,"
        " PRIMARY KEY (stream, hour, domain)) WITHOUT ROWID;"
        "CREATE INDEX feedback_hour ON feedback (hour);",

        /* News of standings, for the filters of addresses in memory. */
        "CREATE TABLE standing_news ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again */
        " address_key INTEGER NOT NULL);"
        "CREATE TRIGGER standing_added AFTER INSERT ON standing BEGIN"
        " INSERT INTO standing_news (address_key) VALUES (new.address_key);"
        " DELETE FROM standing_news WHERE id <= last_insert_rowid() - 10000;"
        "END;",
};
#define VERSION ((int)(sizeof migrations / sizeof migrations[0]))

int schema_create_file(const char *path, struct err *err) {
	size_t size = strlen(path) + sizeof ".XXXXXX";
	char *draft;
	int fd, outcome = 0;

	if (access(path, F_OK) == 0)
		return 0;
	draft = malloc(size);
	if (draft == NULL)
		return err_set(err, "%s: out of memory", path);
	/* Made under another name and closed before it gets its own: closing a
	 * file drops every lock that this process has on it (fcntl(2)), those of
	 * other handles too.  And -wal and -shm take their mode from this file, so it
	 * may not be seen before it has its own. */
	snprintf(draft, size, "%s.XXXXXX", path);
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0) {
		outcome = err_set(err, "%s: can't create the store: %s", path, strerror(errno));
		goto out;
	}
	if (fchmod(fd, FILE_MODE) != 0)
		outcome = err_set(err, "%s: can't set the mode: %s", path, strerror(errno));
	close(fd);
	if (outcome == 0 && link(draft, path) != 0 && errno != EEXIST)
		outcome = err_set(err, "%s: can't create the store: %s", path, strerror(errno));
	unlink(draft);
out:
	free(draft);
	return outcome;
}

int schema_check_version(struct store_sqlite *store, long long *version_r, struct err *err) {
	if (sql_pragma(store, "PRAGMA user_version", version_r, err) != 0)
		return -1;
	if (*version_r < 0 || *version_r > VERSION)
		return err_set(err,
		               "%s: schema version: found %lld, allowed: 0 to %d; a newer todoku made this store, "
		               "install that one",
		               store->path, *version_r, VERSION);
	return 0;
}

static int check_owner(struct store_sqlite *store, struct err *err) {
	long long id, tables;

	if (sql_pragma(store, "PRAGMA application_id", &id, err) != 0 ||
	    sql_pragma(store, "SELECT count(*) FROM sqlite_schema", &tables, err) != 0)
		return -1;
	if (id == STORE_APPLICATION_ID || (id == 0 && tables == 0))
		return 0;
	return err_set(err, "%s: application id: found %lld, allowed: %d; it is another program's database",
	               store->path, id, STORE_APPLICATION_ID);
}

/* Inside the transaction, so that of several processes one does it. */
static int migrate_locked(struct store_sqlite *store, struct err *err) {
	char pragmas[96];
	long long version;

	if (schema_check_version(store, &version, err) != 0)
		return -1;
	for (; version < VERSION; version++)
		if (sql_exec(store, migrations[version], err) != 0)
			return err_prefix(err, "schema version %lld", version + 1);
	snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
	         VERSION);
	return sql_exec(store, pragmas, err);
}

static int migrate(struct store_sqlite *store, struct err *err) {
	if (sql_exec(store, "BEGIN EXCLUSIVE", err) != 0)
		return -1;
	if (migrate_locked(store, err) == 0 && sql_exec(store, "COMMIT", err) == 0)
		return 0;
	sql_roll_back(store);
	return -1;
}

/* It stays as it was, without an error, where the file system can't do it. */
static int turn_to_wal(struct store_sqlite *store, struct err *err) {
	struct sqlite3_stmt *statement = sql_prepare(store, "PRAGMA journal_mode = WAL", err);
	int outcome = -1;

	if (statement == NULL)
		return -1;
	if (sqlite3_step(statement) != SQLITE_ROW)
		sql_fail(store, sqlite3_sql(statement), err);
	else if (span_equal(sql_column_text(statement, 0), SPAN("wal")))
		outcome = 0;
	else
		err_set(err, "%s: journal mode: found %.20s, allowed: wal; is the file system a local one?",
		        store->path, (const char *)sqlite3_column_text(statement, 0));
	sql_finalize(&statement);
	return outcome;
}

/* In one view: another process may be making the schema meanwhile. */
static int look(struct store_sqlite *store, long long *version_r, struct err *err) {
	int outcome;

	if (sql_exec(store, "BEGIN", err) != 0)
		return -1;
	outcome = check_owner(store, err) != 0 ? -1 : schema_check_version(store, version_r, err);
	sql_roll_back(store);
	return outcome;
}

int schema_open(struct store_sqlite *store, struct err *err) {
	long long version;

	/* Nothing is written to a file before it is known to be ours. */
	if (look(store, &version, err) != 0)
		return -1;
	if (turn_to_wal(store, err) != 0)
		return -1;
	if (version < VERSION && migrate(store, err) != 0)
		return -1;
	store->version = VERSION;
	return 0;
}
