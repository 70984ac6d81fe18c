/* The decision log: a ring of fixed size that several write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/decisions.h"

#define RECORDS 100

struct fixture {
	char dir[256];
	char path[300];
};

static int make(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	const char *temporary = getenv("TMPDIR");

	snprintf(fixture->dir, sizeof fixture->dir, "%s/todoku-decisions.XXXXXX",
	         temporary == NULL ? "/tmp" : temporary);
	if (mkdtemp(fixture->dir) == NULL)
		return -1;
	snprintf(fixture->path, sizeof fixture->path, "%s/decisions", fixture->dir);
	*state = fixture;
	return 0;
}

static int drop(void **state) {
	struct fixture *fixture = *state;

	unlink(fixture->path);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static struct decisions *open_log(const struct fixture *fixture, long records) {
	struct err err = {""};
	struct decisions *log = decisions_open(fixture->dir, records, &err);

	if (log == NULL)
		fail_msg("decisions_open: %s", err.text);
	return log;
}

static void add(struct decisions *log, uint64_t key, const char *queue_id, const char *text) {
	struct decision decision = {.time = 1000,
	                            .stage = SPAN("rcpt"),
	                            .outcome = SPAN("reject"),
	                            .reason = SPAN("blocked"),
	                            .text = span_of(text),
	                            .list = SPAN("news"),
	                            .stream = SPAN("main"),
	                            .sender = SPAN("news@example.com"),
	                            .address = SPAN("erase.me@example.jp"),
	                            .address_key = key,
	                            .queue_id = span_of(queue_id),
	                            .message_id = SPAN("<1@example.com>")};

	decisions_add(log, &decision);
}

static void write_decision(void *context, const struct decision *d) {
	buf_printf(context, "%llu:%.*s ", (unsigned long long)d->number, SPAN_ARG(d->text));
}

static void check(const struct fixture *fixture, uint64_t key, struct span text, const char *want) {
	struct err err = {""};
	struct buf got;

	buf_init(&got, 100000);
	buf_add_text(&got, "");
	if (decisions_each(fixture->dir, key, text, write_decision, &got, &err) != 0)
		fail_msg("decisions_each: %s", err.text);
	if (strcmp(got.at, want) != 0)
		fail_msg("got \"%s\", want \"%s\"", got.at, want);
	buf_free(&got);
}

static void test_find(void **state) {
	struct fixture *fixture = *state;
	struct decisions *log;
	struct stat st;

	check(fixture, 0, SPAN_NONE, "");
	log = open_log(fixture, RECORDS);
	check(fixture, 0, SPAN_NONE, "");
	add(log, 5, "4A", "one");
	add(log, 6, "4B", "two");
	add(log, 5, "4B", "three");
	check(fixture, 0, SPAN_NONE, "1:one 2:two 3:three ");
	check(fixture, 5, SPAN_NONE, "1:one 3:three ");
	check(fixture, 0, SPAN("4B"), "2:two 3:three ");
	check(fixture, 5, SPAN("4B"), "3:three ");
	check(fixture, 0, SPAN("<1@example.com>"), "1:one 2:two 3:three ");
	check(fixture, 7, SPAN_NONE, "");
	check(fixture, 0, SPAN("4"), "");
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777 & ~0660, 0);
	decisions_close(&log);
	assert_null(log);
	decisions_close(&log);
	/* It is there for the next one, who goes on. */
	log = open_log(fixture, RECORDS);
	add(log, 5, "4C", "four");
	check(fixture, 5, SPAN_NONE, "1:one 3:three 4:four ");
	decisions_close(&log);
	/* No log, no trouble. */
	add(NULL, 5, "4C", "nowhere");
}

/* The newest takes the place of the oldest; texts are cut, not spilt. */
static void test_ring(void **state) {
	struct fixture *fixture = *state;
	struct decisions *log = open_log(fixture, RECORDS);
	char text[2000], number[24], want[100];
	struct stat st;
	int i;

	for (i = 1; i <= 3 * RECORDS + 7; i++) {
		snprintf(number, sizeof number, "n%d", i);
		add(log, (uint64_t)i, "4A", number);
	}
	check(fixture, 2 * RECORDS + 7, SPAN_NONE, "");
	snprintf(want, sizeof want, "%d:n%d ", 2 * RECORDS + 8, 2 * RECORDS + 8);
	check(fixture, 2 * RECORDS + 8, SPAN_NONE, want);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	add(log, 1000000, "4A-which-is-longer-than-any-queue-id-that-there-is", text);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_size, 1024 * (RECORDS + 1));
	snprintf(want, sizeof want, "%d:n%d ", 3 * RECORDS + 7, 3 * RECORDS + 7);
	check(fixture, 3 * RECORDS + 7, SPAN_NONE, want);
	decisions_close(&log);
}

/* A file of another size or kind is made anew. */
static void test_other_file(void **state) {
	struct fixture *fixture = *state;
	struct decisions *log = open_log(fixture, RECORDS);
	struct err err = {""};
	FILE *file;

	add(log, 5, "4A", "one");
	decisions_close(&log);
	log = open_log(fixture, 2 * RECORDS);
	check(fixture, 0, SPAN_NONE, "");
	decisions_close(&log);
	file = fopen(fixture->path, "w");
	assert_non_null(file);
	fputs("something else", file);
	fclose(file);
	assert_int_equal(decisions_each(fixture->dir, 0, SPAN_NONE, write_decision, NULL, &err), -1);
	assert_non_null(strstr(err.text, fixture->path));
	assert_int_equal(decisions_forget(fixture->dir, 5, &err), -1);
	log = open_log(fixture, RECORDS);
	check(fixture, 0, SPAN_NONE, "");
	decisions_close(&log);
}

static bool file_has(const char *path, const char *needle) {
	static char bytes[1024 * (RECORDS + 1)];
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	return span_find(span_make(bytes, len), span_of(needle)) >= 0;
}

/* U6: nothing of the address stays in the file; other records do. */
static void test_forget(void **state) {
	struct fixture *fixture = *state;
	struct decisions *log;

	assert_int_equal(decisions_forget(fixture->dir, 5, NULL), 0);
	log = open_log(fixture, RECORDS);
	add(log, 5, "4A", "one");
	assert_true(file_has(fixture->path, "erase.me@example.jp"));
	assert_int_equal(decisions_forget(fixture->dir, 5, NULL), 0);
	assert_false(file_has(fixture->path, "erase.me@example.jp"));
	add(log, 6, "4B", "two");
	add(log, 5, "4C", "three");
	assert_int_equal(decisions_forget(fixture->dir, 5, NULL), 0);
	check(fixture, 0, SPAN_NONE, "2:two ");
	add(log, 5, "4D", "four");
	check(fixture, 0, SPAN_NONE, "2:two 4:four ");
	decisions_close(&log);
}

#define THREADS 4
#define ROUNDS 20000

struct writer {
	const struct fixture *fixture;
	_Atomic int *running;
	uint64_t key;
};

static void *write_many(void *context) {
	struct writer *writer = context;
	/* As several processes have it, each its own. */
	struct decisions *log = decisions_open(writer->fixture->dir, RECORDS, NULL);
	int i;

	for (i = 0; log != NULL && i < ROUNDS; i++)
		add(log, writer->key, "4A", writer->key % 2 == 0 ? "even" : "odd");
	decisions_close(&log);
	--*writer->running;
	return NULL;
}

static void check_whole(void *context, const struct decision *d) {
	const char *want = d->address_key % 2 == 0 ? "even" : "odd";

	++*(size_t *)context;
	if (!span_equal(d->text, span_of(want)) || !span_equal(d->address, SPAN("erase.me@example.jp")))
		fail_msg("record %llu is of two", (unsigned long long)d->number);
}

/* Who reads meanwhile sees whole records alone. */
static void test_writers(void **state) {
	struct fixture *fixture = *state;
	struct decisions *log = open_log(fixture, RECORDS);
	_Atomic int running = THREADS;
	struct writer writers[THREADS];
	pthread_t threads[THREADS];
	size_t seen = 0, i;

	for (i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){fixture, &running, i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
	}
	while (running > 0)
		assert_int_equal(decisions_each(fixture->dir, 0, SPAN_NONE, check_whole, &seen, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	seen = 0;
	assert_int_equal(decisions_each(fixture->dir, 0, SPAN_NONE, check_whole, &seen, NULL), 0);
	assert_true(seen > 0 && seen <= RECORDS);
	decisions_close(&log);
}

#define STARTS 200

struct starter {
	const struct fixture *fixture;
	pthread_barrier_t *barrier;
	struct decisions *log;
};

static void *start(void *context) {
	struct starter *starter = context;

	pthread_barrier_wait(starter->barrier);
	starter->log = decisions_open(starter->fixture->dir, RECORDS, NULL);
	return NULL;
}

static void count(void *context, const struct decision *d) {
	(void)d;
	++*(size_t *)context;
}

/* Daemons that start together write to one log. */
static void test_start_together(void **state) {
	struct fixture *fixture = *state;
	pthread_barrier_t barrier;
	int round, i;

	pthread_barrier_init(&barrier, NULL, 2);
	for (round = 0; round < STARTS; round++) {
		struct starter starters[2] = {{fixture, &barrier, NULL}, {fixture, &barrier, NULL}};
		pthread_t threads[2];
		size_t seen = 0;

		unlink(fixture->path);
		for (i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, start, &starters[i]), 0);
		for (i = 0; i < 2; i++) {
			pthread_join(threads[i], NULL);
			add(starters[i].log, 5, "5E", "five");
		}
		assert_int_equal(decisions_each(fixture->dir, 0, SPAN_NONE, count, &seen, NULL), 0);
		for (i = 0; i < 2; i++)
			decisions_close(&starters[i].log);
		assert_int_equal(seen, 2);
	}
	pthread_barrier_destroy(&barrier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
	const struct CMUnitTest tests[] = {TEST(test_find),   TEST(test_ring),    TEST(test_other_file),
	                                   TEST(test_forget), TEST(test_writers), TEST(test_start_together)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
