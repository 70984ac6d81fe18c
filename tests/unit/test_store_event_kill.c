/*
 * A process that applies a journal is killed at a random moment, again and again,
 * and each life goes on where the store says: each event is there once, in its
 * order, and the roll-up counts exactly what is there.
 */
#include "tests/unit/store_event_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 10
#define GROUP 20

/* The journal: its event number N, from 1.  Bursts and all links are among them. */
static struct store_event journal(uint64_t number) {
	struct store_event event = sample_click(1 + number / 4 % 50, (uint16_t)(1 + number % 5),
	                                        NOON_MS + (int64_t)(number / 200) * 10000 +
	                                                (int64_t)(number % 200) * (number % 3 == 0 ? 40 : 900));

	if (number % 7 == 0)
		event.kind = STORE_OPEN;
	if (number % 11 == 0)
		event.machine = STORE_MACHINE_SCANNER;
	event.position = number;
	return event;
}

static ssize_t pwrite_slow(int fd, const void *bytes, size_t count, off_t at) {
	usleep(200);
	return pwrite(fd, bytes, count, at);
}

/* A slow disk: most kills fall between two writes of a commit. */
static void slow_down(void) {
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_slow);
	vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_slow);
}

/* Applies until it is killed, and tells how far it is. */
static void child(const struct fixture *fixture, int report) {
	struct store *store = store_open(&fixture->conf, NULL);
	uint64_t position, i;

	if (store == NULL || store_event_position(store, SPAN("webd"), &position, NULL) != 0)
		_exit(1);
	slow_down();
	while (true) {
		struct store_event events[GROUP];

		/* A journal is read from a little before where it was left. */
		position = position > 5 ? position - 5 : 0;
		for (i = 0; i < GROUP; i++)
			events[i] = journal(position + i + 1);
		position += GROUP;
		if (store_apply_events(store, events, GROUP, SPAN("webd"), position, NULL) != 0 ||
		    write(report, &position, sizeof position) != sizeof position)
			_exit(2);
	}
}

/* Returns the last position that was told. */
static uint64_t kill_at_random(pid_t pid, int report) {
	struct pollfd in = {.fd = report, .events = POLLIN};
	uint64_t position = 0;
	uint32_t wait_us;
	int status;

	assert_int_equal(getrandom(&wait_us, sizeof wait_us, 0), sizeof wait_us);
	assert_int_equal(poll(&in, 1, 60000), 1);
	nanosleep(&(struct timespec){0, (long)(wait_us % 150000) * 1000}, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("the child ended with %#x", (unsigned)status);
	while (read(report, &position, sizeof position) == sizeof position)
		;
	return position;
}

static void check(const struct fixture *fixture, uint64_t told) {
	struct store *store = fixture_open(fixture);
	uint64_t position;
	sqlite3_stmt *rows;
	sqlite3 *db;
	uint64_t i;

	assert_int_equal(store_event_position(store, SPAN("webd"), &position, NULL), 0);
	assert_true(position >= told && position <= told + GROUP);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(
	        sqlite3_prepare_v2(db, "SELECT time, kind, key FROM event_202611 ORDER BY id", -1, &rows, NULL),
	        SQLITE_OK);
	for (i = 1; i <= position; i++) {
		struct store_event want = journal(i);

		assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int64(rows, 0), want.time_ms);
		assert_int_equal(sqlite3_column_int(rows, 1), want.kind);
		assert_int_equal(sqlite3_column_int64(rows, 2), want.address_key);
	}
	assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	check_rollup(fixture, "202611");
	store_close(&store);
}

static void test_kill(void **state) {
	const struct fixture *fixture = *state;
	uint64_t told = 0, known;
	int round, report[2];

	for (round = 0; round < ROUNDS; round++) {
		pid_t pid;

		assert_int_equal(pipe(report), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(report[0]);
			child(fixture, report[1]);
		}
		close(report[1]);
		known = kill_at_random(pid, report[0]);
		close(report[0]);
		told = known > told ? known : told;
		check(fixture, told);
	}
	assert_true(fixture_number(fixture, "SELECT count(*) FROM event_202611 WHERE machine = 5") > 0);
	print_message("%llu events in %d lives\n", (unsigned long long)told, ROUNDS);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_kill, fixture_make, fixture_remove)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
