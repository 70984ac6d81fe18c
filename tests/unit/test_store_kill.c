/*
 * A process that adds records through the writer is killed at a random moment,
 * again and again: what it was told is committed is there, once, and the roll-up
 * counts exactly what is there.
 */
#include "tests/unit/store_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define CAMPAIGN 0xc0ffee
#define ROUNDS 10
#define THREADS 8

struct numbers {
	uint64_t *at;
	size_t len;
	size_t cap;
};

static void numbers_add(struct numbers *numbers, uint64_t number) {
	if (numbers->len == numbers->cap) {
		numbers->cap = numbers->cap == 0 ? 1024 : numbers->cap * 2;
		numbers->at = realloc(numbers->at, numbers->cap * sizeof *numbers->at);
		assert_non_null(numbers->at);
	}
	numbers->at[numbers->len++] = number;
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct child_thread {
	struct store_writer *writer;
	uint64_t message;
	int report; /* the pipe */
};

/* Adds until it is killed; a number goes into the pipe in one piece. */
static void *child_main(void *argument) {
	struct child_thread *self = argument;

	while (true) {
		struct store_send send = sample_send(self->message, NOON_NOV_22 + (time_t)(self->message % 100000));

		if (store_writer_add(self->writer, &send, 1, NULL) != 0 ||
		    write(self->report, &self->message, sizeof self->message) != sizeof self->message)
			_exit(1);
		self->message++;
	}
	return NULL;
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

static void child(const struct fixture *fixture, int round, int report) {
	struct store_writer *writer = store_writer_start(&fixture->conf, NULL);
	struct child_thread threads[THREADS];
	int i;

	if (writer == NULL)
		_exit(2);
	slow_down();
	for (i = 0; i < THREADS; i++) {
		pthread_t thread;

		threads[i] = (struct child_thread){writer, (uint64_t)round << 40 | (uint64_t)i << 32, report};
		if (pthread_create(&thread, NULL, child_main, &threads[i]) != 0)
			_exit(3);
	}
	while (true)
		pause();
}

static bool read_number(int pipe, struct numbers *told) {
	uint64_t number;
	ssize_t got = read(pipe, &number, sizeof number);

	if (got == 0)
		return false;
	assert_int_equal(got, sizeof number);
	numbers_add(told, number);
	return true;
}

static long long now_us(void) {
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* From the first answer on, some time between nothing and 150 ms. */
static void kill_at_random(pid_t pid, int pipe, struct numbers *told) {
	uint32_t wait_us;
	long long end;
	int status;

	assert_int_equal(getrandom(&wait_us, sizeof wait_us, 0), sizeof wait_us);
	if (!read_number(pipe, told)) {
		waitpid(pid, &status, 0);
		fail_msg("the child ended with %#x", status);
	}
	end = now_us() + wait_us % 150000;
	while (now_us() < end) {
		struct pollfd poll_in = {.fd = pipe, .events = POLLIN};

		if (poll(&poll_in, 1, 1) > 0)
			assert_true(read_number(pipe, told));
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read_number(pipe, told))
		;
}

static int collect(void *context, const struct store_send *send) {
	numbers_add(context, send->message);
	return 0;
}

static void check(const struct fixture *fixture, const struct numbers *told) {
	struct store *store = fixture_open(fixture);
	struct numbers found = {NULL, 0, 0};
	uint64_t rollup;
	size_t i;

	assert_int_equal(store_each_send(store, CAMPAIGN, collect, &found, NULL), 0);
	assert_int_equal(store_rollup(store, CAMPAIGN, SPAN("sent"), &rollup, NULL), 0);
	assert_int_equal(rollup, found.len);
	assert_true(found.len >= told->len);
	/* Each thread had one call under way when it was killed. */
	assert_true(found.len <= told->len + (size_t)ROUNDS * THREADS);
	qsort(found.at, found.len, sizeof *found.at, compare);
	for (i = 0; i + 1 < found.len; i++)
		assert_true(found.at[i] != found.at[i + 1]);
	for (i = 0; i < told->len; i++)
		if (bsearch(&told->at[i], found.at, found.len, sizeof *found.at, compare) == NULL)
			fail_msg("record %llx was acknowledged and is lost", (unsigned long long)told->at[i]);
	free(found.at);
	store_close(&store);
}

static void test_kill(void **state) {
	const struct fixture *fixture = *state;
	struct numbers told = {NULL, 0, 0};
	int round, report[2];

	for (round = 0; round < ROUNDS; round++) {
		pid_t pid;

		assert_int_equal(pipe(report), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(report[0]);
			child(fixture, round, report[1]);
		}
		close(report[1]);
		kill_at_random(pid, report[0], &told);
		close(report[0]);
		check(fixture, &told);
	}
	print_message("%zu records acknowledged in %d lives\n", told.len, ROUNDS);
	free(told.at);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_kill, fixture_make, fixture_remove)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
