/* The store's schema, records and reports. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CAMPAIGN 0xc0ffee

static void add(struct store *store, const struct store_send *sends, size_t count) {
	struct err err = {""};

	if (store_add_sends(store, sends, count, &err) != 0)
		fail_msg("store_add_sends: %s", err.text);
}

static void test_file(void **state) {
	struct fixture *fixture = *state;
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	mode_t mask = umask(077);
	struct store *store = fixture_open(fixture);
	struct store_send send = sample_send(1, NOON_NOV_22);
	char path[320];
	struct stat st;
	size_t i;

	add(store, &send, 1);
	umask(mask);
	for (i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		snprintf(path, sizeof path, "%s%s", fixture->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0660);
	}
	assert_true(store_version(store) > 0);
	assert_int_equal(fixture_number(fixture, "PRAGMA user_version"), store_version(store));
	assert_int_equal(fixture_number(fixture, "PRAGMA application_id"), 0x746f646b);
	store_close(&store);
	assert_null(store);
	store_close(&store);
	/* No draft of the file is left over, nor -wal and -shm. */
	snprintf(path, sizeof path, "%s", fixture->path);
	unlink(path);
	assert_int_equal(rmdir(fixture->dir), 0);
}

static void write_file(const char *path, const char *bytes, size_t len) {
	FILE *file = fopen(path, "r+");

	if (file == NULL)
		file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void test_refused(void **state) {
	struct fixture *fixture = *state;
	static const struct {
		const char *name;
		const char *sql;   /* done to a good store */
		const char *bytes; /* written over its head */
		const char *want;
	} cases[] = {
	        {"newer", "PRAGMA user_version = 999", NULL, "schema version: found 999, allowed: 0 to "},
	        {"foreign", "PRAGMA application_id = 7", NULL, "application id: found 7"},
	        {"unmarked", "PRAGMA application_id = 0", NULL, "another program's database"},
	        {"header", NULL, "Not SQLite format 3, alas", "file is not a database"},
	        {"page size", NULL, "SQLite format 3\0\7\7", "file is not a database"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store *store = fixture_open(fixture);
		struct err err = {""};

		store_close(&store);
		if (cases[i].sql != NULL)
			fixture_sql(fixture, cases[i].sql);
		else
			write_file(fixture->path, cases[i].bytes, 18);
		store = store_open(&fixture->conf, &err);
		if (store != NULL || strstr(err.text, cases[i].want) == NULL || strstr(err.text, fixture->path) == NULL)
			fail_msg("%s: got \"%s\", want \"%s\"", cases[i].name, err.text, cases[i].want);
		unlink(fixture->path);
	}
}

static void test_foreign_stays_untouched(void **state) {
	struct fixture *fixture = *state;

	fixture_sql(fixture, "CREATE TABLE theirs (a)");
	assert_null(store_open(&fixture->conf, NULL));
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
	                 0);
}

static void test_no_folder(void **state) {
	struct fixture *fixture = *state;
	struct conf_store conf = fixture->conf;
	struct err err = {""};
	char path[320];

	snprintf(path, sizeof path, "%s/none/todoku.db", fixture->dir);
	conf.path = path;
	assert_null(store_open(&conf, &err));
	assert_non_null(strstr(err.text, "No such file or directory"));
}

/* Eight processes find no store and all want one. */
static void test_opened_by_many(void **state) {
	struct fixture *fixture = *state;
	int gate[2], round, i, status;
	char byte;

	for (round = 0; round < 20; round++) {
		struct store *store;

		assert_int_equal(pipe(gate), 0);
		for (i = 0; i < 8; i++)
			if (fork() == 0) {
				struct store_send send = sample_send((uint64_t)i, NOON_NOV_22);
				struct err err = {""};

				close(gate[1]);
				if (read(gate[0], &byte, 1) != 0)
					_exit(3);
				fixture->conf.busy_timeout = 30;
				store = store_open(&fixture->conf, &err);
				if (store != NULL && store_add_sends(store, &send, 1, &err) == 0)
					_exit(0);
				fprintf(stderr, "%s\n", err.text);
				_exit(1);
			}
		close(gate[0]);
		close(gate[1]);
		for (i = 0; i < 8; i++) {
			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
		store = fixture_open(fixture);
		assert_int_equal(count_records(store, CAMPAIGN), 8);
		store_close(&store);
		assert_int_equal(unlink(fixture->path), 0);
	}
}

static void *open_main(void *argument) {
	return store_open(argument, NULL);
}

/* A new file that another process has begun to write to.  SQLite itself would
 * not wait here: two that turn to WAL could wait for each other for ever. */
static void test_opened_while_another_creates(void **state) {
	struct fixture *fixture = *state;
	struct store *store;
	pthread_t thread;
	void *opened;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	fixture->conf.busy_timeout = 30;
	assert_int_equal(pthread_create(&thread, NULL, open_main, &fixture->conf), 0);
	usleep(200000);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	pthread_join(thread, &opened);
	assert_non_null(opened);
	store = opened;
	store_close(&store);
}

static int keep_send(void *context, const struct store_send *send) {
	struct {
		struct store_send send;
		char text[6][STORE_TEXT_MAX + 1];
		int count;
	} *seen = context;
	struct span *spans[6] = {&seen->send.list,    &seen->send.campaign_name, &seen->send.stream,
	                         &seen->send.address, &seen->send.queue_id,      &seen->send.message_id};
	int i;

	seen->send = *send;
	for (i = 0; i < 6; i++) {
		memcpy(seen->text[i], spans[i]->at, spans[i]->len);
		spans[i]->at = seen->text[i];
	}
	seen->count++;
	return 0;
}

static void test_round_trip(void **state) {
	struct fixture *fixture = *state;
	static char kanji[1005], binary[1005];
	const struct {
		struct span text;
		size_t want_len;
	} cases[] = {
	        {SPAN("plain"), 5},
	        {SPAN("\xe5\xb1\x8a\xe3\x81\x8f"), 6},
	        {SPAN("invalid \xe5\xb1 \xff\x80"), 13},
	        {SPAN("\xed\xa0\x80 a surrogate"), 15},
	        {SPAN("nul\0within"), 10},
	        {SPAN("nul at the end\0"), 15},
	        {SPAN(""), 0},
	        {SPAN_NONE, 0},
	        {{kanji, sizeof kanji}, 999}, /* 333 of three octets */
	        {{binary, sizeof binary}, 997},
	};
	struct store *store = fixture_open(fixture);
	size_t i;

	for (i = 0; i < sizeof kanji; i++)
		kanji[i] = "\xe5\xb1\x8a"[i % 3];
	memset(binary, 0x80, sizeof binary);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span text = cases[i].text, want = span_make(text.at, cases[i].want_len);
		struct store_send send = {
		        .campaign = UINT64_MAX - i,
		        .address_key = INT64_MAX + UINT64_C(1) + i,
		        .message = UINT64_MAX,
		        .time = INT64_C(253402300799),
		        .list = text,
		        .campaign_name = text,
		        .stream = text,
		        .address = text,
		        .queue_id = text,
		        .message_id = text,
		        .links = UINT16_MAX,
		        .flags = UINT8_MAX,
		};
		struct {
			struct store_send send;
			char text[6][STORE_TEXT_MAX + 1];
			int count;
		} seen = {.count = 0};

		add(store, &send, 1);
		assert_int_equal(store_each_send(store, send.campaign, keep_send, &seen, NULL), 0);
		assert_int_equal(seen.count, 1);
		assert_true(seen.send.campaign == send.campaign && seen.send.message == send.message);
		assert_true(seen.send.address_key == send.address_key && seen.send.time == send.time);
		assert_true(seen.send.links == send.links && seen.send.flags == send.flags);
		assert_true(span_equal(seen.send.list, want) && span_equal(seen.send.campaign_name, want));
		assert_true(span_equal(seen.send.stream, want) && span_equal(seen.send.address, want));
		assert_true(span_equal(seen.send.queue_id, want) && span_equal(seen.send.message_id, want));
	}
	/* SQLite's text functions may be let loose on what is called text. */
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM campaign WHERE typeof(name) = 'blob'"), 5);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM campaign WHERE typeof(name) = 'text'"), 5);
	store_close(&store);
}

static void test_bad_time_adds_nothing(void **state) {
	struct store *store = fixture_open(*state);
	static const time_t bad[] = {-1, INT64_MIN, INT64_C(253402300800), INT64_MAX};
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct store_send sends[] = {sample_send(1, NOON_NOV_22), sample_send(2, bad[i])};
		struct err err = {""};

		assert_int_equal(store_add_sends(store, sends, 2, &err), -1);
		assert_non_null(strstr(err.text, "1970 to 9999"));
	}
	assert_int_equal(count_records(store, CAMPAIGN), 0);
	store_close(&store);
}

/* The same send is one record, wherever and whenever it comes again. */
static void test_dedup(void **state) {
	static const struct {
		const char *name;
		time_t first, again;
	} cases[] = {
	        {"same time", NOON_NOV_22, NOON_NOV_22},
	        {"another hour", NOON_NOV_22, NOON_NOV_22 + 3600},
	        {"another day", NOON_NOV_22, NOON_NOV_22 + 5 * 86400},
	        {"behind the month's end", DEC_1 - 1, DEC_1},
	        {"behind the year's end", DEC_1 + 31 * 86400 - 1, DEC_1 + 31 * 86400 + 10},
	        {"clock set back over the month's begin", DEC_1, DEC_1 - 1},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture *fixture = *state;
		struct store *store = fixture_open(fixture);
		struct store_send sends[] = {sample_send(1, cases[i].first), sample_send(1, cases[i].again)};
		struct store_campaign *found;
		size_t count;

		add(store, &sends[0], 1);
		add(store, &sends[1], 1);
		add(store, sends, 2);
		if (count_records(store, CAMPAIGN) != 1)
			fail_msg("%s: counted again", cases[i].name);
		assert_int_equal(store_find_campaigns(store, SPAN("0000000000c0ffee"), &found, &count, NULL), 0);
		assert_true(found[0].first == cases[i].first && found[0].last == cases[i].first);
		store_campaigns_free(&found, count);
		store_close(&store);
		/* One call that holds both. */
		unlink(fixture->path);
		store = fixture_open(fixture);
		add(store, sends, 2);
		assert_int_equal(count_records(store, CAMPAIGN), 1);
		store_close(&store);
		unlink(fixture->path);
	}
}

static void test_identity(void **state) {
	struct store *store = fixture_open(*state);
	struct store_send base = sample_send(1, NOON_NOV_22), sends[4] = {base, base, base, base};

	sends[1].message++;
	sends[2].address_key++;
	sends[3].campaign++;
	add(store, sends, 4);
	assert_int_equal(count_records(store, CAMPAIGN), 3);
	assert_int_equal(count_records(store, CAMPAIGN + 1), 1);
	store_close(&store);
}

static void test_rollup(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	static struct store_send sends[1000];
	uint64_t count;
	size_t i;

	/* Two campaigns by turns, over ten hours and a month's end. */
	for (i = 0; i < 1000; i++) {
		sends[i] = sample_send(i, DEC_1 - 5 * 3600 + (time_t)i * 36);
		sends[i].campaign += i / 30 % 2;
	}
	add(store, sends, 1000);
	assert_int_equal(count_records(store, CAMPAIGN), 510);
	assert_int_equal(count_records(store, CAMPAIGN + 1), 490);
	assert_int_equal(count_records(store, 7), 0);
	assert_int_equal(store_rollup(store, CAMPAIGN, SPAN("clicked"), &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM rollup"), 20);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM rollup JOIN (SELECT campaign, time - time % 3600"
	                                         " AS hour, count(*) AS want FROM (SELECT campaign, time FROM"
	                                         " send_202611 UNION ALL SELECT campaign, time FROM send_202612)"
	                                         " GROUP BY 1, 2) USING (campaign, hour) WHERE count = want"),
	                 20);
	assert_int_equal(fixture_number(fixture, "SELECT min(hour) FROM rollup"), DEC_1 - 5 * 3600);
	store_close(&store);
}

static void test_campaigns(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_send sends[4];
	static const struct {
		struct span asked;
		size_t want_count;
		uint64_t want_first;
	} cases[] = {
	        {SPAN("2026-11-22"), 2, CAMPAIGN + 1}, /* the last used first */
	        {SPAN("0000000000c0ffee"), 1, CAMPAIGN},
	        {SPAN("0000000000C0FFEF"), 1, CAMPAIGN + 1},
	        {SPAN("0000000000c0fff0"), 1, CAMPAIGN + 2},
	        {SPAN("a\0b"), 1, CAMPAIGN + 2},
	        {SPAN("a"), 0, 0},
	        {SPAN(""), 0, 0},
	        {SPAN("0000000000000001"), 0, 0},
	        {SPAN("' OR 1 --"), 0, 0},
	};
	struct store_campaign *found;
	size_t i, count;

	for (i = 0; i < 4; i++)
		sends[i] = sample_send(i, NOON_NOV_22 + (time_t)i);
	sends[1].campaign++;
	sends[1].list = SPAN("plain");
	sends[2].campaign += 2;
	sends[2].campaign_name = SPAN("a\0b");
	sends[3].campaign++;
	add(store, sends, 4);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(store_find_campaigns(store, cases[i].asked, &found, &count, NULL), 0);
		assert_int_equal(count, cases[i].want_count);
		if (count > 0)
			assert_int_equal(found[0].id, cases[i].want_first);
		store_campaigns_free(&found, count);
		assert_null(found);
	}
	assert_int_equal(store_find_campaigns(store, SPAN("0000000000c0ffef"), &found, &count, NULL), 0);
	assert_string_equal(found[0].list, "plain");
	assert_string_equal(found[0].name, "2026-11-22");
	assert_int_equal(found[0].sends, 2);
	assert_int_equal(found[0].first, NOON_NOV_22 + 1);
	assert_int_equal(found[0].last, NOON_NOV_22 + 3);
	store_campaigns_free(&found, count);
	assert_int_equal(store_find_campaigns(store, SPAN("a\0b"), &found, &count, NULL), 0);
	assert_string_equal(found[0].name, "a?b");
	store_campaigns_free(&found, count);
	store_close(&store);
}

/* An older record that comes later moves `first`, and not `last`. */
static void test_campaign_times(void **state) {
	struct store *store = fixture_open(*state);
	static const time_t times[] = {NOON_NOV_22, NOON_NOV_22 - 86300, NOON_NOV_22 + 86400, NOON_NOV_22 - 5};
	struct store_campaign *found;
	size_t i, count;

	struct store_send again[2];

	for (i = 0; i < 4; i++) {
		struct store_send send = sample_send(i, times[i]);

		add(store, &send, 1);
	}
	/* A duplicate's time says nothing, before a new one of its hour neither. */
	again[0] = sample_send(1, times[1] - 10);
	again[1] = sample_send(9, times[1] + 10);
	add(store, again, 2);
	assert_int_equal(store_find_campaigns(store, SPAN("2026-11-22"), &found, &count, NULL), 0);
	assert_int_equal(found[0].first, NOON_NOV_22 - 86300);
	assert_int_equal(found[0].last, NOON_NOV_22 + 86400);
	store_campaigns_free(&found, count);
	store_close(&store);
}

struct order {
	time_t last;
	int count;
	int stop_at;
};

static int check_order(void *context, const struct store_send *send) {
	struct order *order = context;

	assert_true(send->time >= order->last);
	order->last = send->time;
	return ++order->count == order->stop_at ? 9 : 0;
}

static void test_order(void **state) {
	struct store *store = fixture_open(*state);
	struct order all = {.stop_at = 0}, some = {.stop_at = 17};
	static struct store_send sends[300];
	size_t i;

	/* Over ten months, in no order of time. */
	for (i = 0; i < 300; i++)
		sends[i] = sample_send(i, NOON_NOV_22 + (time_t)(i * 7919 % 300) * 86400);
	add(store, sends, 300);
	assert_int_equal(store_each_send(store, CAMPAIGN, check_order, &all, NULL), 0);
	assert_int_equal(all.count, 300);
	assert_int_equal(store_each_send(store, CAMPAIGN, check_order, &some, NULL), 0);
	assert_int_equal(some.count, 17);
	/* The handle is free for other work. */
	add(store, sends, 300);
	store_close(&store);
}

static void test_address(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_send send = sample_send(1, NOON_NOV_22), shared = sample_send(2, NOON_NOV_22);

	send.address_key = 5;
	shared.address_key = 0;
	shared.address = SPAN_NONE;
	add(store, &send, 1);
	add(store, &shared, 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM address"), 1);
	assert_int_equal(
	        fixture_number(fixture, "SELECT count(*) FROM address WHERE key = 5 AND address = 'a@example.jp'"), 1);
	/* Further mail changes nothing of what is known (U6: an erased one stays so). */
	fixture_sql(fixture, "UPDATE address SET address = NULL");
	send.message = 3;
	add(store, &send, 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM address WHERE address IS NULL"), 1);
	assert_int_equal(count_records(store, CAMPAIGN), 3);
	store_close(&store);
}

static void test_expire(void **state) {
	struct fixture *fixture = *state;
	static const struct {
		int keep;
		time_t now;
		int want_dropped;
		uint64_t want_left;
	} cases[] = {
	        /* Records are of the months 2026-07 to 2026-12. */
	        {5, DEC_1, 0, 6},
	        {4, DEC_1 - 1, 0, 6},
	        {4, DEC_1, 1, 5},
	        {1, DEC_1, 4, 2},
	        {0, DEC_1, 5, 1},
	        {36, DEC_1 + (3 * 365 - 5) * 86400, 4, 2},
	        {36, DEC_1 + 10 * 366 * 86400, 6, 0},
	};
	size_t i;
	int n;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store *store = fixture_open(fixture);
		struct store_campaign *found;
		uint64_t left = 0;
		size_t count;
		int dropped = -1;

		for (n = 0; n < 6; n++) {
			struct store_send send = sample_send((uint64_t)n, DEC_1 - n * 30 * 86400);

			add(store, &send, 1);
		}
		assert_int_equal(store_expire(store, cases[i].now, cases[i].keep, &dropped, NULL), 0);
		assert_int_equal(dropped, cases[i].want_dropped);
		assert_int_equal(store_each_send(store, CAMPAIGN, count_send, &left, NULL), 0);
		assert_int_equal(left, cases[i].want_left);
		assert_int_equal(store_find_campaigns(store, SPAN("2026-11-22"), &found, &count, NULL), 0);
		assert_int_equal(found[0].sends, 6);
		store_campaigns_free(&found, count);
		store_close(&store);
		unlink(fixture->path);
	}
}

/* A handle that knew a month's table goes on when another drops it. */
static void test_expired_by_another(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture), *other = fixture_open(fixture);
	struct store_send sends[] = {sample_send(1, NOON_NOV_22), sample_send(2, NOON_NOV_22)};
	uint64_t left = 0;
	int dropped = 0;

	add(store, &sends[0], 1);
	assert_int_equal(store_expire(other, DEC_1, 0, &dropped, NULL), 0);
	assert_int_equal(dropped, 1);
	add(store, &sends[1], 1);
	assert_int_equal(store_each_send(other, CAMPAIGN, count_send, &left, NULL), 0);
	assert_int_equal(left, 1);
	store_close(&store);
	store_close(&other);
}

static void test_newer_while_open(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_send send = sample_send(1, NOON_NOV_22);
	struct err err = {""};

	add(store, &send, 1);
	fixture_sql(fixture, "BEGIN; CREATE TABLE later (a); PRAGMA user_version = 998; COMMIT");
	send.message = 2;
	assert_int_equal(store_add_sends(store, &send, 1, &err), -1);
	assert_non_null(strstr(err.text, "schema version: found 998"));
	store_close(&store);
}

static void test_full(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture), *other = fixture_open(fixture);
	struct store_send sends[] = {sample_send(1, NOON_NOV_22), sample_send(2, DEC_1 + 40 * 86400),
	                             sample_send(3, DEC_1 + 80 * 86400)};
	struct err err = {""};

	add(store, &sends[0], 1);
	set_disk_full(true);
	assert_int_equal(store_add_sends(store, &sends[1], 1, &err), -1);
	assert_non_null(strstr(err.text, "full"));
	set_disk_full(false);
	assert_int_equal(count_records(store, CAMPAIGN), 1);
	/* The table of the second month went with the transaction. */
	add(store, &sends[1], 1);
	add(other, &sends[2], 1);
	assert_int_equal(count_records(other, CAMPAIGN), 3);
	store_close(&store);
	store_close(&other);
}

static void test_locked(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture), *other;
	struct store_send send = sample_send(1, NOON_NOV_22);
	struct err err = {""};
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_add_sends(store, &send, 1, &err), -1);
	assert_non_null(strstr(err.text, "database is locked"));
	/* Reading, and opening a store that is up to date, need no lock. */
	assert_int_equal(count_records(store, CAMPAIGN), 0);
	other = fixture_open(fixture);
	store_close(&other);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	add(store, &send, 1);
	store_close(&store);
}

/* "Committed when it returns 0" holds for a power cut by a sync before that. */
static void test_synced(void **state) {
	struct store *store = fixture_open(*state);
	int before, i;

	for (i = 0; i < 5; i++) {
		struct store_send send = sample_send((uint64_t)i, NOON_NOV_22);

		before = atomic_load(&syncs);
		add(store, &send, 1);
		assert_true(atomic_load(&syncs) > before);
	}
	store_close(&store);
}

/* What went to a file that has lost its name must not be called kept. */
static void test_replaced(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_send send = sample_send(1, NOON_NOV_22);
	struct err err = {""};

	add(store, &send, 1);
	unlink(fixture->path);
	assert_int_equal(store_add_sends(store, &send, 1, &err), -1);
	assert_non_null(strstr(err.text, "removed or replaced"));
	store_close(&store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_file),
	        TEST(test_refused),
	        TEST(test_foreign_stays_untouched),
	        TEST(test_no_folder),
	        TEST(test_opened_by_many),
	        TEST(test_opened_while_another_creates),
	        TEST(test_round_trip),
	        TEST(test_bad_time_adds_nothing),
	        TEST(test_dedup),
	        TEST(test_identity),
	        TEST(test_rollup),
	        TEST(test_campaigns),
	        TEST(test_campaign_times),
	        TEST(test_order),
	        TEST(test_address),
	        TEST(test_expire),
	        TEST(test_expired_by_another),
	        TEST(test_newer_while_open),
	        TEST(test_full),
	        TEST(test_locked),
	        TEST(test_synced),
	        TEST(test_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
