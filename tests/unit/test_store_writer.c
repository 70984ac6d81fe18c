/* The writer: many callers, and a store that is locked, full, gone or broken. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define CAMPAIGN 0xc0ffee
#define THREADS 100

static double now(void) {
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct store_writer *start(const struct fixture *fixture) {
	struct err err = {""};
	struct store_writer *writer = store_writer_start(&fixture->conf, &err);

	if (writer == NULL)
		fail_msg("store_writer_start: %s", err.text);
	return writer;
}

static int add_one(struct store_writer *writer, uint64_t message, struct err *err) {
	struct store_send send = sample_send(message, NOON_NOV_22);

	return store_writer_add(writer, &send, 1, err);
}

static void must_add(struct store_writer *writer, uint64_t message) {
	struct err err = {""};

	if (add_one(writer, message, &err) != 0)
		fail_msg("store_writer_add: %s", err.text);
}

/* Fails, says why, and does not take longer than a lock may be waited for. */
static void must_fail(struct store_writer *writer, uint64_t message, const char *want) {
	struct err err = {""};
	double begin = now();

	assert_int_equal(add_one(writer, message, &err), -1);
	if (strstr(err.text, want) == NULL)
		fail_msg("got \"%s\", want \"%s\"", err.text, want);
	assert_true(now() - begin < 1.5);
}

static uint64_t count_all(const struct fixture *fixture) {
	struct store *store = fixture_open(fixture);
	uint64_t count = count_records(store, CAMPAIGN);

	store_close(&store);
	return count;
}

/* One thread that adds; cmocka's asserts are for the main thread alone. */
struct caller {
	pthread_t thread;
	struct store_writer *writer;
	uint64_t message; /* the first of `calls` */
	int calls;
	size_t each; /* records in a call */
	int failed;
	double slowest;
	atomic_bool done;
};

static void *caller_main(void *argument) {
	struct caller *caller = argument;
	struct store_send *sends = calloc(caller->each, sizeof *sends);
	size_t i;
	int n;

	for (n = 0; n < caller->calls; n++) {
		double begin = now();

		for (i = 0; i < caller->each; i++)
			sends[i] = sample_send(caller->message++, NOON_NOV_22);
		caller->failed += store_writer_add(caller->writer, sends, caller->each, NULL) != 0;
		/* The memory is the caller's again. */
		memset(sends, 0xff, caller->each * sizeof *sends);
		if (now() - begin > caller->slowest)
			caller->slowest = now() - begin;
	}
	free(sends);
	atomic_store(&caller->done, true);
	return NULL;
}

static void caller_start(struct caller *caller, struct store_writer *writer, int index, int calls, size_t each) {
	memset(caller, 0, sizeof *caller);
	caller->writer = writer;
	caller->message = (uint64_t)index << 32;
	caller->calls = calls;
	caller->each = each;
	assert_int_equal(pthread_create(&caller->thread, NULL, caller_main, caller), 0);
}

static void test_many_callers(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	static struct caller callers[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		caller_start(&callers[i], writer, i, 20, 1 + (size_t)i % 3);
	for (i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failed, 0);
	}
	store_writer_stop(&writer);
	assert_null(writer);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 20 * (34 * 1 + 33 * 2 + 33 * 3));
}

static sqlite3 *lock_store(const struct fixture *fixture) {
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void unlock_store(sqlite3 *db) {
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Those who came while the thread was busy share one commit. */
static void test_grouping(void **state) {
	struct fixture *fixture = *state;
	static struct caller callers[THREADS];
	struct store_writer *writer;
	sqlite3 *lock;
	int i, before;

	fixture->conf.busy_timeout = 60;
	writer = start(fixture);
	must_add(writer, UINT64_C(1) << 63);
	lock = lock_store(fixture);
	before = atomic_load(&syncs);
	for (i = 0; i < THREADS; i++)
		caller_start(&callers[i], writer, i, 1, 1);
	usleep(300000);
	unlock_store(lock);
	for (i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failed, 0);
	}
	assert_true(atomic_load(&syncs) - before < THREADS / 2);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), THREADS + 1);
}

/* A call is never torn, however large. */
static void test_large_calls(void **state) {
	static const size_t sizes[] = {1, 999, 1000, 1001, 5000, 700, 700, 700};
	struct fixture *fixture = *state;
	static struct caller callers[8];
	struct store_writer *writer;
	uint64_t want = 0;
	sqlite3 *lock;
	int i;

	fixture->conf.busy_timeout = 60;
	writer = start(fixture);
	lock = lock_store(fixture);
	for (i = 0; i < 8; i++) {
		caller_start(&callers[i], writer, i, 1, sizes[i]);
		want += sizes[i];
	}
	usleep(100000);
	unlock_store(lock);
	for (i = 0; i < 8; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failed, 0);
	}
	assert_int_equal(store_writer_add(writer, NULL, 0, NULL), 0);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), want);
}

static void test_locked(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	static struct caller callers[20];
	sqlite3 *lock = lock_store(fixture);
	int i;

	/* Coming one after the other, each has its own second and no more. */
	for (i = 0; i < 20; i++) {
		caller_start(&callers[i], writer, i, 1, 1);
		usleep(80000);
	}
	for (i = 0; i < 20; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failed, 1);
		assert_true(callers[i].slowest > 0.95 && callers[i].slowest < 1.5);
	}
	must_fail(writer, 1, "database is locked");
	unlock_store(lock);
	must_add(writer, 2);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 1);
}

static void *stop_main(void *argument) {
	struct store_writer *writer = argument;

	store_writer_stop(&writer);
	return NULL;
}

/* Calls under way when the daemon ends are answered, not dropped. */
static void test_stop_waits(void **state) {
	struct fixture *fixture = *state;
	static struct caller callers[20];
	struct store_writer *writer;
	pthread_t stopper;
	sqlite3 *lock;
	int i;

	fixture->conf.busy_timeout = 60;
	writer = start(fixture);
	lock = lock_store(fixture);
	for (i = 0; i < 20; i++)
		caller_start(&callers[i], writer, i, 1, 90);
	usleep(200000);
	assert_int_equal(pthread_create(&stopper, NULL, stop_main, writer), 0);
	usleep(50000);
	unlock_store(lock);
	pthread_join(stopper, NULL);
	for (i = 0; i < 20; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].failed, 0);
	}
	assert_int_equal(count_all(fixture), 20 * 90);
}

/* The one whose time is up does not take those with it that came later. */
static void test_lock_released_in_time(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	struct caller early, late;
	sqlite3 *lock = lock_store(fixture);

	caller_start(&early, writer, 1, 1, 1);
	usleep(700000);
	caller_start(&late, writer, 2, 1, 1);
	pthread_join(early.thread, NULL);
	assert_false(atomic_load(&late.done));
	unlock_store(lock);
	pthread_join(late.thread, NULL);
	assert_int_equal(early.failed, 1);
	assert_int_equal(late.failed, 0);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 1);
}

static void test_full(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);

	must_add(writer, 1);
	set_disk_full(true);
	must_fail(writer, 2, "database or disk is full");
	/* With a fresh handle, which finds no place for its -shm. */
	must_fail(writer, 3, "No space left on device");
	set_disk_full(false);
	must_add(writer, 4);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 2);
}

/* Moves the store's three files, or those that are there. */
static void move_store(const char *from, const char *to) {
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char old[400], new[400];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(old, sizeof old, "%s%s", from, suffixes[i]);
		snprintf(new, sizeof new, "%s%s", to, suffixes[i]);
		if (rename(old, new) != 0)
			unlink(new);
	}
}

static void test_removed(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	char away[320];

	snprintf(away, sizeof away, "%s/away.db", fixture->dir);
	must_add(writer, 1);
	move_store(fixture->path, away);
	must_fail(writer, 2, "No such file or directory");
	must_fail(writer, 3, fixture->path);
	/* No empty store was made in its place. */
	assert_int_equal(access(fixture->path, F_OK), -1);
	move_store(away, fixture->path);
	must_add(writer, 4);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 2);
}

static void test_replaced(void **state) {
	struct fixture *fixture = *state, other = *fixture;
	struct store_writer *writer = start(fixture);
	struct store *store;

	snprintf(other.path, sizeof other.path, "%s/other.db", fixture->dir);
	other.conf.path = other.path;
	store = fixture_open(&other);
	store_close(&store);
	must_add(writer, 1);
	must_add(writer, 2);
	move_store(other.path, fixture->path);
	must_add(writer, 3);
	assert_int_equal(count_all(fixture), 1);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 1);
}

/* Only the -wal file: what went to it would be lost with the process. */
static void test_wal_removed(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	char wal[320];

	snprintf(wal, sizeof wal, "%s-wal", fixture->path);
	must_add(writer, 1);
	assert_int_equal(unlink(wal), 0);
	must_add(writer, 2);
	assert_int_equal(access(wal, F_OK), 0);
	assert_int_equal(count_all(fixture), 2);
	store_writer_stop(&writer);
}

static void test_corrupt(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	char away[320];
	FILE *file;

	snprintf(away, sizeof away, "%s/away.db", fixture->dir);
	must_add(writer, 1);
	move_store(fixture->path, away);
	file = fopen(fixture->path, "w");
	assert_non_null(file);
	fputs("This was a database before the disk went bad, and is one no more.", file);
	fclose(file);
	must_fail(writer, 2, "file is not a database");
	must_fail(writer, 3, "file is not a database");
	move_store(away, fixture->path);
	must_add(writer, 4);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 2);
}

/* Pages overwritten in place: what the handle has not in its cache is garbage. */
static void test_corrupt_pages(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	static struct store_send sends[1000];
	char pages[64 * 1024];
	struct stat st;
	FILE *file;
	size_t i;

	for (i = 0; i < 1000; i++)
		sends[i] = sample_send(i, NOON_NOV_22);
	assert_int_equal(store_writer_add(writer, sends, 1000, NULL), 0);
	store_writer_stop(&writer);
	writer = start(fixture);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_true(st.st_size > (off_t)sizeof pages);
	memset(pages, 0x5a, sizeof pages);
	file = fopen(fixture->path, "r+");
	assert_non_null(file);
	fseek(file, 4096, SEEK_SET);
	assert_int_equal(fwrite(pages, 1, sizeof pages, file), sizeof pages);
	fclose(file);
	must_fail(writer, 5000, "malformed");
	must_fail(writer, 5001, "malformed");
	store_writer_stop(&writer);
}

static void test_bad_record_fails_alone(void **state) {
	struct fixture *fixture = *state;
	struct store_writer *writer = start(fixture);
	struct store_send sends[2] = {sample_send(1, NOON_NOV_22), sample_send(2, -1)};
	struct caller other;
	struct err err = {""};
	int i;

	caller_start(&other, writer, 1, 50, 1);
	for (i = 0; i < 50; i++)
		assert_int_equal(store_writer_add(writer, sends, 2, &err), -1);
	assert_non_null(strstr(err.text, "1970 to 9999"));
	pthread_join(other.thread, NULL);
	assert_int_equal(other.failed, 0);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 50);
}

static void test_start_fails(void **state) {
	struct fixture *fixture = *state;
	struct err err = {""};
	char path[320];

	snprintf(path, sizeof path, "%s/none/todoku.db", fixture->dir);
	fixture->conf.path = path;
	assert_null(store_writer_start(&fixture->conf, &err));
	assert_non_null(strstr(err.text, "No such file or directory"));
}

/* A reload replaces the configuration that the writer was started with. */
static void test_configuration_may_go(void **state) {
	struct fixture *fixture = *state;
	struct conf_store conf = fixture->conf;
	struct store_writer *writer;

	conf.path = strdup(fixture->path);
	writer = store_writer_start(&conf, NULL);
	memset(conf.path, 'x', strlen(conf.path));
	free(conf.path);
	memset(&conf, 0xff, sizeof conf);
	must_add(writer, 1);
	/* Opening it again asks for the path. */
	set_disk_full(true);
	must_fail(writer, 2, "full");
	set_disk_full(false);
	must_add(writer, 3);
	store_writer_stop(&writer);
	assert_int_equal(count_all(fixture), 2);
}

static void test_signals_pass_by(void **state) {
	struct store_writer *writer = start(*state);
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* Would end the process if a thread took it. */
	kill(getpid(), SIGUSR1);
	must_add(writer, 1);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR1, SIG_DFL);
	store_writer_stop(&writer);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_many_callers),
	        TEST(test_grouping),
	        TEST(test_large_calls),
	        TEST(test_locked),
	        TEST(test_lock_released_in_time),
	        TEST(test_stop_waits),
	        TEST(test_full),
	        TEST(test_removed),
	        TEST(test_replaced),
	        TEST(test_wal_removed),
	        TEST(test_corrupt),
	        TEST(test_corrupt_pages),
	        TEST(test_bad_record_fails_alone),
	        TEST(test_start_fails),
	        TEST(test_configuration_may_go),
	        TEST(test_signals_pass_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
