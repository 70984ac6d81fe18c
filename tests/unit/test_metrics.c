/* lib/metrics.h: what is counted survives a restart, and Prometheus can read it. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/metrics.h"

#define FILE_SIZE ((METRICS_SLOTS + 1) * 512)

struct fixture {
	char top[64];
	char path[96];
};

static int set_up(void **state) {
	static struct fixture f;

	snprintf(f.top, sizeof f.top, "/tmp/test_metrics.XXXXXX");
	if (mkdtemp(f.top) == NULL)
		return -1;
	snprintf(f.path, sizeof f.path, "%s/metrics/test", f.top);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", f->top);
	return system(command);
}

static struct metrics *open_metrics(const struct fixture *f) {
	struct err err = {""};
	struct metrics *metrics = metrics_open(f->top, "test", &err);

	if (metrics == NULL)
		fail_msg("%s", err.text);
	return metrics;
}

static struct metric *counter(struct metrics *metrics, const char *labels) {
	return metrics_get(metrics, METRICS_COUNTER, "todoku_test_messages_total", labels, "Messages by fate.");
}

static void assert_printed(const struct fixture *f, const char *line, bool want) {
	struct buf out;

	buf_init(&out, 1 << 20);
	metrics_print(f->top, &out);
	assert_false(out.failed);
	if ((out.len > 0 && strstr(out.at, line) != NULL) != want)
		fail_msg("want%s: %s\ngot: %s", want ? "" : " no", line, out.len > 0 ? out.at : "");
	buf_free(&out);
}

static void test_survives(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);
	struct metric *treated = counter(metrics, "fate=\"treated\"");

	metric_add(treated, 3);
	metric_add(counter(metrics, "fate=\"passed\""), 1);
	assert_ptr_equal(counter(metrics, "fate=\"treated\""), treated);
	metrics_close(&metrics);
	assert_null(metrics);
	metrics = open_metrics(f);
	treated = counter(metrics, "fate=\"treated\"");
	assert_int_equal(metric_value(treated), 3);
	metric_add(treated, 2);
	assert_printed(f, "# TYPE todoku_test_messages_total counter\n", true);
	assert_printed(f, "\ntodoku_test_messages_total{fate=\"treated\"} 5\n", true);
	assert_printed(f, "\ntodoku_test_messages_total{fate=\"passed\"} 1\n", true);
	assert_printed(f, "\ntodoku_test_starts_total 2\n", true);
	metrics_close(&metrics);
}

static void test_kinds(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);
	struct metric *h = metrics_get(metrics, METRICS_HISTOGRAM, "todoku_test_wait_seconds", "op=\"a\"", "Waiting.");
	struct metric *g = metrics_get(metrics, METRICS_GAUGE, "todoku_test_open", "", "Open connections.");

	metric_observe(h, 100000); /* on the bound: in it */
	metric_observe(h, 100001);
	metric_observe(h, UINT64_C(61000000000));
	metric_set(g, -2.5);
	assert_printed(f, "# TYPE todoku_test_wait_seconds histogram\n", true);
	assert_printed(f, "todoku_test_wait_seconds_bucket{op=\"a\",le=\"0.0001\"} 1\n", true);
	assert_printed(f, "todoku_test_wait_seconds_bucket{op=\"a\",le=\"0.00025\"} 2\n", true);
	assert_printed(f, "todoku_test_wait_seconds_bucket{op=\"a\",le=\"60\"} 2\n", true);
	assert_printed(f, "todoku_test_wait_seconds_bucket{op=\"a\",le=\"+Inf\"} 3\n", true);
	assert_printed(f, "todoku_test_wait_seconds_count{op=\"a\"} 3\n", true);
	assert_printed(f, "todoku_test_wait_seconds_sum{op=\"a\"} 61.000200001\n", true);
	assert_printed(f, "todoku_test_open -2.5\n", true);
	metrics_close(&metrics);
}

/* Text that an outsider may choose can't end a label. */
static void test_labels(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);
	struct buf labels;

	buf_init(&labels, METRICS_LABELS_SIZE - 1);
	metrics_label(&labels, "stream", SPAN("a\"b\\c\nd\x01\xff"));
	metrics_label(&labels, "day", SPAN("x"));
	assert_string_equal(labels.at, "stream=\"a\\\"b\\\\c\\nd??\",day=\"x\"");
	metric_add(counter(metrics, labels.at), 1);
	assert_printed(f, "{stream=\"a\\\"b\\\\c\\nd??\",day=\"x\"} 1\n", true);
	buf_free(&labels);
	metrics_close(&metrics);
}

static void write_file(const struct fixture *f, size_t offset, const char *bytes, size_t len, int flags) {
	int fd = open(f->path, O_WRONLY | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)offset), len);
	close(fd);
}

/* Whatever lies there: started anew, and who still has the old file mapped is not hurt. */
static void test_started_anew(void **state) {
	static const struct {
		const char *name;
		off_t size; /* -1: as it was */
		size_t offset;
		const char *bytes;
	} cases[] = {
	        {"empty", 0, 0, ""},
	        {"cut", FILE_SIZE - 1, 0, ""},
	        {"longer", FILE_SIZE + 1, 0, ""},
	        {"foreign", -1, 0, "#!/bin/sh\n"},
	        {"another layout", -1, 16, "\x02"},
	        {"kind", -1, 512, "\x09"},
	        {"name", -1, 512 + 8, "\n"},
	        {"labels", -1, 512 + 88, "x\"} 1\n"},
	        {"help", -1, 512 + 184, "a\nb 1"},
	};
	const struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct metrics *old = open_metrics(f), *metrics;

		metric_add(counter(old, ""), 7);
		if (cases[i].size >= 0)
			assert_int_equal(truncate(f->path, cases[i].size), 0);
		write_file(f, cases[i].offset, cases[i].bytes, strlen(cases[i].bytes), 0);
		assert_printed(f, "todoku_test_messages_total", false);
		assert_printed(f, "# test: ", true);
		metrics = open_metrics(f);
		if (metric_value(counter(metrics, "")) != 0)
			fail_msg("%s: not started anew", cases[i].name);
		if (cases[i].size < 0)
			metric_add(counter(old, ""), 1);
		metrics_close(&metrics);
		metrics_close(&old);
	}
	unlink(f->path);
	assert_int_equal(symlink("/etc/passwd", f->path), 0);
	{
		struct metrics *metrics = open_metrics(f);
		struct stat st;

		assert_int_equal(lstat(f->path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		metrics_close(&metrics);
	}
}

/* The file's last torn state after a power cut: a slot whose texts came, but not its kind. */
static void test_half_slot(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);

	metrics_close(&metrics);
	write_file(f, 1024 + 8, "todoku_half", 11, 0);
	metrics = open_metrics(f);
	metric_add(counter(metrics, "a=\"b\""), 1);
	assert_printed(f, "todoku_half", false);
	assert_printed(f, "todoku_test_messages_total{a=\"b\"} 1\n", true);
	metrics_close(&metrics);
}

static void test_full(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);
	struct metric *last = NULL;
	char labels[32];
	int i;

	for (i = 0; i < METRICS_SLOTS; i++) {
		snprintf(labels, sizeof labels, "n=\"%d\"", i);
		last = counter(metrics, labels);
	}
	/* One is the starts'. */
	assert_null(last);
	metric_add(last, 1);
	metric_set(last, 1);
	metric_observe(last, 1);
	assert_int_equal(metric_value(last), 0);
	metrics_close(&metrics);
	assert_null(metrics_get(NULL, METRICS_GAUGE, "a", "", "h"));
	metrics_close(&metrics);
}

static void test_no_folder(void **state) {
	const struct fixture *f = *state;
	struct err err = {""};
	struct buf out;

	assert_null(metrics_open("/nonexistent", "test", &err));
	assert_string_equal(err.text, "/nonexistent/metrics: No such file or directory");
	buf_init(&out, 4096);
	metrics_print(f->top, &out);
	metrics_print("/nonexistent", &out);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

#define THREADS 4
#define CHILDREN 4
#define NAMES 200

struct worker {
	struct metrics *metrics;
	pthread_barrier_t *barrier; /* of all processes */
	int number;
};

/* All ask at the same time, each for another name, many of them new. */
static void *count(void *context) {
	struct worker *worker = context;
	char labels[32];
	int i;

	for (i = 0; i < NAMES; i++) {
		snprintf(labels, sizeof labels, "n=\"%d\"",
		         (i + worker->number * (NAMES / (THREADS + CHILDREN))) % NAMES);
		pthread_barrier_wait(worker->barrier);
		metric_add(counter(worker->metrics, labels), 1);
	}
	return NULL;
}

static void count_in_child(const struct fixture *f, struct worker worker) {
	worker.metrics = metrics_open(f->top, "test", NULL);
	count(&worker);
	metrics_close(&worker.metrics);
	_exit(worker.metrics == NULL ? 0 : 1);
}

static pthread_barrier_t *new_barrier(void) {
	pthread_barrier_t *barrier =
	        mmap(NULL, sizeof *barrier, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	assert_ptr_not_equal(barrier, MAP_FAILED);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pthread_barrier_init(barrier, &shared, THREADS + CHILDREN), 0);
	return barrier;
}

static void assert_counted(struct metrics *metrics) {
	char labels[32];
	int i;

	for (i = 0; i < NAMES; i++) {
		snprintf(labels, sizeof labels, "n=\"%d\"", i);
		assert_int_equal(metric_value(counter(metrics, labels)), THREADS + CHILDREN);
	}
}

/* Many threads and processes that ask for the same metrics share them and lose nothing. */
static void test_shared(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f);
	pthread_barrier_t *barrier = new_barrier();
	struct worker workers[THREADS + CHILDREN];
	pthread_t threads[THREADS];
	pid_t children[CHILDREN];
	int i, status;

	for (i = 0; i < THREADS + CHILDREN; i++)
		workers[i] = (struct worker){metrics, barrier, i};
	for (i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0)
			count_in_child(f, workers[THREADS + i]);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, &workers[i]), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < CHILDREN; i++)
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
	assert_counted(metrics);
	metrics_close(&metrics);
	munmap(barrier, sizeof *barrier);
}

/* What several daemons wrote, in one text that Prometheus' own checker takes. */
static void test_promtool(void **state) {
	const struct fixture *f = *state;
	struct metrics *metrics = open_metrics(f), *other = metrics_open(f->top, "other", NULL);
	char path[128], command[300];
	struct buf out;
	FILE *file;

	assert_non_null(other);
	metric_add(counter(metrics, "fate=\"treated\""), 3);
	metric_add(counter(other, "fate=\"treated\""), 4);
	metric_add(counter(other, "fate=\"z\""), 4);
	/* Of another kind in another daemon: left out, a name has one. */
	metrics_get(other, METRICS_GAUGE, "todoku_test_messages_total", "b=\"c\"", "Gauge.");
	metric_observe(metrics_get(metrics, METRICS_HISTOGRAM, "todoku_test_wait_seconds", "op=\"a\"", "Waiting."), 1);
	metric_observe(metrics_get(metrics, METRICS_HISTOGRAM, "todoku_test_rest_seconds", "", "Resting."), 1);
	assert_printed(f, "b=\"c\"", false);
	buf_init(&out, 1 << 20);
	metrics_print(f->top, &out);
	snprintf(path, sizeof path, "%s/text", f->top);
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite(out.at, 1, out.len, file);
	fclose(file);
	buf_free(&out);
	snprintf(command, sizeof command, "promtool check metrics <%s >&2", path);
	assert_int_equal(system(command), 0);
	metrics_close(&metrics);
	metrics_close(&other);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH_FOLDER(test_survives),     WITH_FOLDER(test_kinds),     WITH_FOLDER(test_labels),
	        WITH_FOLDER(test_started_anew), WITH_FOLDER(test_half_slot), WITH_FOLDER(test_full),
	        WITH_FOLDER(test_no_folder),    WITH_FOLDER(test_shared),    WITH_FOLDER(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
