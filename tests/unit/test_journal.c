/*
 * The journal: what was answered is there, once and in order, whatever tears it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "webd/journal.h"

struct fixture {
	char dir[64];
	uint64_t max;
	int troubles, recoveries;
	char reason[256];
};

static void on_trouble(void *context, const char *reason) {
	struct fixture *f = context;

	if (reason == NULL)
		f->recoveries++;
	else
		f->troubles++;
	snprintf(f->reason, sizeof f->reason, "%s", reason == NULL ? "" : reason);
}

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/todoku-journal.XXXXXX");
	f->max = UINT64_MAX;
	*state = f;
	return mkdtemp(f->dir) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	DIR *folder = opendir(f->dir);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir(f->dir);
	free(f);
	return 0;
}

static struct journal *must_open(struct fixture *f) {
	struct journal_options options = {.dir = f->dir, .max = f->max, .trouble = on_trouble, .context = f};
	struct err err = {""};
	struct journal *journal = journal_open(&options, &err);

	if (journal == NULL)
		fail_msg("journal_open: %s", err.text);
	return journal;
}

static int append(struct journal *journal, uint64_t number) {
	char text[32];

	snprintf(text, sizeof text, "record %llu", (unsigned long long)number);
	return journal_append_wait(journal, span_of(text));
}

struct numbers {
	uint64_t *at;
	size_t len, cap;
	uint64_t lost;
	uint64_t end;
};

static void numbers_add(struct numbers *n, uint64_t number) {
	if (n->len == n->cap) {
		n->cap = n->cap == 0 ? 1024 : n->cap * 2;
		n->at = realloc(n->at, n->cap * sizeof *n->at);
		assert_non_null(n->at);
	}
	n->at[n->len++] = number;
}

/* All numbers behind a position; positions grow. */
static struct numbers read_all(struct journal *journal, uint64_t position) {
	struct numbers n = {.end = position};
	struct journal_piece piece = {0};
	struct span payload;

	buf_init(&piece.bytes, JOURNAL_PIECE_MAX);
	for (;;) {
		struct cursor c;

		assert_int_equal(journal_read(journal, n.end, &piece, NULL), 0);
		if (piece.end == n.end)
			break;
		assert_true(piece.start >= n.end && piece.end > piece.start);
		c = cursor_make(buf_span(&piece.bytes));
		while (journal_record_next(&c, piece.base, &payload) == JOURNAL_FOUND) {
			char text[32] = "";

			memcpy(text, payload.at, payload.len < 31 ? payload.len : 31);
			numbers_add(&n, strtoull(text + strlen("record "), NULL, 10));
		}
		assert_int_equal(cursor_left(&c), 0);
		n.lost += piece.lost;
		n.end = piece.end;
	}
	buf_free(&piece.bytes);
	return n;
}

static void assert_counts_up(const struct numbers *n, uint64_t count) {
	uint64_t i;

	assert_int_equal(n->len, count);
	for (i = 0; i < count; i++)
		assert_int_equal(n->at[i], i);
}

/* The newest segment, and its size. */
static off_t newest(const struct fixture *f, char path[400]) {
	DIR *folder = opendir(f->dir);
	char name[256] = "";
	struct dirent *entry;
	struct stat st;

	while ((entry = readdir(folder)) != NULL)
		if (strstr(entry->d_name, ".journal") != NULL && strcmp(entry->d_name, name) > 0)
			snprintf(name, sizeof name, "%s", entry->d_name);
	closedir(folder);
	snprintf(path, 400, "%s/%s", f->dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static int count_segments(const struct fixture *f) {
	DIR *folder = opendir(f->dir);
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(folder)) != NULL)
		count += strstr(entry->d_name, ".journal") != NULL;
	closedir(folder);
	return count;
}

static void test_round_trip(void **state) {
	struct fixture *f = *state;
	struct journal *journal = must_open(f);
	struct numbers n;
	char id[32];
	uint64_t i, end;

	strcpy(id, journal_id(journal));
	for (i = 0; i < 100; i++)
		assert_int_equal(append(journal, i), 0);
	n = read_all(journal, 0);
	assert_counts_up(&n, 100);
	assert_int_equal(n.end, journal_durable(journal));
	end = n.end;
	free(n.at);
	journal_close(&journal);

	/* Another life: all of it is still there, what comes now comes behind. */
	journal = must_open(f);
	assert_string_equal(journal_id(journal), id);
	assert_true(journal_durable(journal) >= end);
	for (; i < 150; i++)
		assert_int_equal(append(journal, i), 0);
	n = read_all(journal, 0);
	assert_counts_up(&n, 150);
	assert_int_equal(n.lost, 0);
	free(n.at);
	n = read_all(journal, end);
	assert_int_equal(n.len, 50);
	assert_int_equal(n.at[0], 100);
	free(n.at);
	journal_close(&journal);
}

/* Every way to tear the last record: cut at any octet, or any octet changed. */
static void test_torn_tail(void **state) {
	struct fixture *f = *state;
	off_t whole, record = JOURNAL_RECORD_HEAD_SIZE + (off_t)strlen("record 9");
	off_t place;
	char path[400];

	for (place = 0; place < 2 * record; place++) {
		bool cut = place < record;
		struct journal *journal = must_open(f);
		struct numbers n;
		uint64_t i, end;

		for (i = 0; i < 10; i++)
			assert_int_equal(append(journal, i), 0);
		end = journal_durable(journal);
		journal_close(&journal);
		whole = newest(f, path);
		if (cut) {
			assert_int_equal(truncate(path, whole - record + place), 0);
		} else {
			int fd = open(path, O_RDWR);
			char c;

			assert_int_equal(pread(fd, &c, 1, whole - record + place - record), 1);
			c ^= 0x20;
			assert_int_equal(pwrite(fd, &c, 1, whole - record + place - record), 1);
			close(fd);
		}
		journal = must_open(f);
		/* No position comes twice, cut or not. */
		assert_true(journal_durable(journal) >= end - (uint64_t)record);
		assert_int_equal(append(journal, 9), 0);
		assert_true(journal_durable(journal) > end - (uint64_t)(cut ? record - place : 0));
		n = read_all(journal, 0);
		assert_counts_up(&n, 10);
		assert_int_equal(n.lost, 0);
		free(n.at);
		journal_close(&journal);
		assert_int_equal(newest(f, path) > 0, 1);
		while (count_segments(f) > 0) {
			newest(f, path);
			unlink(path);
		}
	}
}

/* A disk that loses octets in the middle: what is behind them in that segment is
 * passed over and counted, the next segments are read. */
static void test_damage(void **state) {
	struct fixture *f = *state;
	struct journal *journal = must_open(f);
	struct numbers n;
	char path[400];
	off_t size;
	int fd, i;

	for (i = 0; i < 10; i++)
		assert_int_equal(append(journal, (uint64_t)i), 0);
	journal_close(&journal);
	size = newest(f, path);
	journal = must_open(f);
	assert_int_equal(append(journal, 10), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "\0", 1, JOURNAL_HEAD_SIZE + 5 * (JOURNAL_RECORD_HEAD_SIZE + 8) + 3), 1);
	n = read_all(journal, 0);
	assert_int_equal(n.len, 6);
	assert_int_equal(n.at[4], 4);
	assert_int_equal(n.at[5], 10);
	assert_int_equal(n.lost, size - (JOURNAL_HEAD_SIZE + 5 * (JOURNAL_RECORD_HEAD_SIZE + 8)));
	free(n.at);
	/* Its head: none of its records can be believed. */
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	n = read_all(journal, 0);
	assert_int_equal(n.len, 1);
	free(n.at);
	close(fd);
	journal_close(&journal);
}

static void test_segments(void **state) {
	struct fixture *f = *state;
	struct journal *journal = must_open(f);
	char text[JOURNAL_RECORD_MAX];
	struct journal_waiter *waiters = calloc(5000, sizeof *waiters);
	struct numbers n;
	int i, segments;

	memset(text, 'x', sizeof text);
	for (i = 0; i < 5000; i++) {
		snprintf(text, 20, "record %d", i);
		journal_append(journal, span_make(text, sizeof text), &waiters[i]);
		/* At most 8 MiB may wait. */
		if (i % 500 == 499)
			assert_int_equal(journal_settle(journal, &waiters[i]), 0);
	}
	for (i = 0; i < 5000; i++)
		assert_int_equal(journal_settle(journal, &waiters[i]), 0);
	free(waiters);
	segments = count_segments(f);
	assert_true(segments == 2 || segments == 3);
	n = read_all(journal, 0);
	assert_counts_up(&n, 5000);
	journal_release(journal, JOURNAL_SEGMENT_MAX - 1);
	assert_int_equal(count_segments(f), segments);
	journal_release(journal, n.end);
	/* The newest knows how far positions have come. */
	assert_int_equal(count_segments(f), 1);
	assert_true(journal_size(journal) < JOURNAL_SEGMENT_MAX + JOURNAL_PENDING_MAX);
	free(n.at);
	n = read_all(journal, n.end);
	assert_int_equal(n.len, 0);
	journal_close(&journal);
	journal = must_open(f);
	assert_true(journal_durable(journal) >= n.end);
	journal_close(&journal);
}

/* Writes fail, as on a full disk: each is told, the reason is reported once, and
 * all goes on when there is room. */
static void test_full(void **state) {
	struct fixture *f = *state;
	struct journal *journal = must_open(f);
	struct rlimit before, limit;
	uint64_t before_it;
	struct numbers n;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(append(journal, 0), 0);
	before_it = journal_durable(journal);
	limit = before;
	limit.rlim_cur = JOURNAL_HEAD_SIZE + JOURNAL_RECORD_HEAD_SIZE + 8 + 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(append(journal, 100), -1);
	assert_int_equal(append(journal, 101), 0); /* in a new segment */
	/* Behind what was tried: nobody knows what is left of that on the disk. */
	assert_true(journal_durable(journal) >= before_it + 2 * (JOURNAL_RECORD_HEAD_SIZE + 10) + JOURNAL_HEAD_SIZE);
	limit.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(append(journal, 102), -1);
	assert_int_equal(append(journal, 103), -1);
	assert_false(journal_is_good(journal));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(append(journal, 1), 0);
	assert_true(journal_is_good(journal));
	assert_int_equal(f->troubles, 2);
	assert_int_equal(f->recoveries, 2);
	n = read_all(journal, 0);
	assert_int_equal(n.len, 3);
	assert_int_equal(n.at[0], 0);
	assert_int_equal(n.at[1], 101);
	assert_int_equal(n.at[2], 1);
	free(n.at);
	journal_close(&journal);
}

static void test_ceiling(void **state) {
	struct fixture *f = *state;
	struct journal *journal;
	int i;

	f->max = 200;
	journal = must_open(f);
	for (i = 0; append(journal, 1) == 0; i++)
		assert_true(i < 20);
	assert_int_equal(f->troubles, 1);
	assert_non_null(strstr(f->reason, "ceiling"));
	journal_close(&journal);
}

/* A flood of events leaves room for what people ask for. */
static void test_reserve(void **state) {
	struct fixture *f = *state;
	struct journal_waiter waiter;
	struct journal *journal;
	int i, outcome = 0;

	f->max = 20000;
	journal = must_open(f);
	for (i = 0; outcome == 0; i++) {
		assert_true(i < 2000);
		journal_append(journal, SPAN("event"), &waiter);
		outcome = journal_settle(journal, &waiter);
	}
	assert_int_equal(f->troubles, 1);
	for (i = 0; append(journal, 1) == 0; i++)
		assert_true(i < 100);
	assert_true(i >= 20);
	/* Nor is it told again, and nothing is said to be well. */
	assert_int_equal(f->troubles, 1);
	assert_true(journal_size(journal) <= f->max);
	journal_close(&journal);
}

struct appender {
	struct journal *journal;
	uint64_t first;
	int report;
};

static void *append_for_ever(void *context) {
	struct appender *a = context;

	for (;; a->first++)
		if (append(a->journal, a->first) != 0 ||
		    write(a->report, &a->first, sizeof a->first) != sizeof a->first)
			_exit(1);
	return NULL;
}

#define ROUNDS 10
#define THREADS 8

static void child(struct fixture *f, int round, int report) {
	struct journal *journal = must_open(f);
	struct appender appenders[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		pthread_t thread;

		appenders[i] = (struct appender){journal, (uint64_t)round << 40 | (uint64_t)i << 32, report};
		if (pthread_create(&thread, NULL, append_for_ever, &appenders[i]) != 0)
			_exit(2);
	}
	for (;;)
		pause();
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void test_kill(void **state) {
	struct fixture *f = *state;
	struct numbers told = {0}, found;
	struct journal *journal;
	uint64_t number;
	size_t i;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		int report[2], status;
		uint32_t wait_ms;
		pid_t pid;

		assert_int_equal(pipe(report), 0);
		assert_int_equal(getrandom(&wait_ms, sizeof wait_ms, 0), sizeof wait_ms);
		pid = fork();
		if (pid == 0)
			child(f, round, report[1]);
		close(report[1]);
		assert_int_equal(read(report[0], &number, sizeof number), sizeof number);
		numbers_add(&told, number);
		poll(NULL, 0, (int)(wait_ms % 60));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		while (read(report[0], &number, sizeof number) == sizeof number)
			numbers_add(&told, number);
		close(report[0]);
	}
	journal = must_open(f);
	found = read_all(journal, 0);
	assert_true(found.len >= told.len && found.len <= told.len + ROUNDS * THREADS);
	qsort(found.at, found.len, sizeof *found.at, compare);
	for (i = 0; i + 1 < found.len; i++)
		assert_true(found.at[i] != found.at[i + 1]);
	for (i = 0; i < told.len; i++)
		if (bsearch(&told.at[i], found.at, found.len, sizeof *found.at, compare) == NULL)
			fail_msg("record %llx was acknowledged and is lost", (unsigned long long)told.at[i]);
	print_message("%zu records acknowledged in %d lives\n", told.len, ROUNDS);
	free(told.at);
	free(found.at);
	journal_close(&journal);
}

/* The reader follows the writer. */
static void *append_many(void *context) {
	struct appender *a = context;
	uint64_t i;

	for (i = 0; i < 200; i++)
		assert_int_equal(append(a->journal, a->first + i), 0);
	return NULL;
}

static void test_threads(void **state) {
	struct fixture *f = *state;
	struct journal *journal = must_open(f);
	struct appender appenders[THREADS];
	pthread_t threads[THREADS];
	uint64_t position = 0;
	size_t seen = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		appenders[i] = (struct appender){journal, (uint64_t)i * 1000, -1};
		assert_int_equal(pthread_create(&threads[i], NULL, append_many, &appenders[i]), 0);
	}
	while (seen < THREADS * 200) {
		struct numbers n = read_all(journal, position);

		seen += n.len;
		position = n.end;
		assert_int_equal(n.lost, 0);
		free(n.at);
		journal_release(journal, position);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(seen, THREADS * 200);
	journal_close(&journal);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_torn_tail, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_segments, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_ceiling, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_reserve, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
