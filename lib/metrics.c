#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/metrics_file.h"

struct metrics {
	struct metrics_file *file;
	int folder;           /* locked while a slot is taken: other processes share the file */
	pthread_mutex_t lock; /* the same among the threads of this process */
};

/* The file in place, mapped, if it is one of ours; else NULL. */
static struct metrics_file *map_old(int folder, const char *daemon) {
	int fd = openat(folder, daemon, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct metrics_file *file = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)sizeof *file)
		file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (file == MAP_FAILED)
		return NULL;
	if (metrics_check_file(file, NULL) == 0)
		return file;
	munmap(file, sizeof *file);
	return NULL;
}

/* A new one takes the old one's place at once: nobody who has that mapped is hurt.
 * Its room is taken now, since a full disk would otherwise be a SIGBUS. */
static struct metrics_file *map_new(int folder, const char *daemon) {
	char name[METRICS_NAME_SIZE + 8];
	struct metrics_file *file = MAP_FAILED;
	int fd, failed;

	snprintf(name, sizeof name, ".%s.new", daemon);
	unlinkat(folder, name, 0);
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return NULL;
	failed = posix_fallocate(fd, 0, sizeof *file);
	if (failed == 0)
		file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	else
		errno = failed;
	if (file != MAP_FAILED) {
		memcpy(file->magic, METRICS_MAGIC, sizeof file->magic);
		file->layout = METRICS_LAYOUT;
		file->slots = METRICS_SLOTS;
	}
	if (file != MAP_FAILED && renameat(folder, name, folder, daemon) == 0) {
		close(fd);
		return file;
	}
	failed = errno;
	if (file != MAP_FAILED)
		munmap(file, sizeof *file);
	close(fd);
	unlinkat(folder, name, 0);
	errno = failed;
	return NULL;
}

static int open_folder(const char *data_dir, char *path, size_t size, struct err *err) {
	int fd;

	if (snprintf(path, size, "%s/metrics", data_dir) >= (int)size)
		return err_set(err, "%s/metrics: too long", data_dir);
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return err_set(err, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : err_set(err, "%s: %s", path, strerror(errno));
}

struct metrics *metrics_open(const char *data_dir, const char *daemon, struct err *err) {
	struct metrics *metrics = calloc(1, sizeof *metrics);
	char path[4096], name[METRICS_NAME_SIZE];

	assert(metrics_name_is_good(span_of(daemon)) && strlen(daemon) < METRICS_NAME_SIZE / 2);
	if (metrics == NULL || pthread_mutex_init(&metrics->lock, NULL) != 0) {
		err_set(err, "out of memory");
		free(metrics);
		return NULL;
	}
	metrics->folder = open_folder(data_dir, path, sizeof path, err);
	if (metrics->folder >= 0) {
		flock(metrics->folder, LOCK_EX);
		metrics->file = map_old(metrics->folder, daemon);
		if (metrics->file == NULL)
			metrics->file = map_new(metrics->folder, daemon);
		if (metrics->file == NULL)
			err_set(err, "%s/%s: %s", path, daemon, strerror(errno));
		flock(metrics->folder, LOCK_UN);
	}
	if (metrics->file == NULL) {
		metrics_close(&metrics);
		return NULL;
	}
	snprintf(name, sizeof name, "todoku_%s_starts_total", daemon);
	metric_add(metrics_get(metrics, METRICS_COUNTER, name, "", "Starts of the daemon."), 1);
	return metrics;
}

void metrics_close(struct metrics **metrics) {
	if (*metrics == NULL)
		return;
	if ((*metrics)->file != NULL)
		munmap((*metrics)->file, sizeof *(*metrics)->file);
	if ((*metrics)->folder >= 0)
		close((*metrics)->folder);
	pthread_mutex_destroy(&(*metrics)->lock);
	free(*metrics);
	*metrics = NULL;
}

static void take_slot(struct metric *m, enum metrics_kind kind, const char *name, const char *labels,
                      const char *help) {
	snprintf(m->name, sizeof m->name, "%s", name);
	snprintf(m->labels, sizeof m->labels, "%s", labels);
	snprintf(m->help, sizeof m->help, "%s", help);
	/* Last, so that who sees the slot in use sees its texts. */
	atomic_store_explicit(&m->kind, kind, memory_order_release);
}

static struct metric *find_slot(struct metrics_file *file, enum metrics_kind kind, const char *name, const char *labels,
                                const char *help) {
	size_t i;

	for (i = 0; i < METRICS_SLOTS; i++) {
		struct metric *m = &file->slot[i];
		uint32_t found = atomic_load_explicit(&m->kind, memory_order_acquire);

		if (found == 0) {
			take_slot(m, kind, name, labels, help);
			return m;
		}
		if (found == kind && strcmp(m->name, name) == 0 && strcmp(m->labels, labels) == 0)
			return m;
	}
	return NULL;
}

struct metric *metrics_get(struct metrics *metrics, enum metrics_kind kind, const char *name, const char *labels,
                           const char *help) {
	struct metric *found;

	assert(metrics_name_is_good(span_of(name)) && strlen(name) < METRICS_NAME_SIZE);
	assert(metrics_labels_are_good(span_of(labels)) && strlen(labels) < METRICS_LABELS_SIZE);
	assert(metrics_help_is_good(span_of(help)) && strlen(help) < METRICS_HELP_SIZE);
	assert(kind != METRICS_COUNTER || span_ends_nocase(span_of(name), SPAN("_total")));
	assert(kind != METRICS_HISTOGRAM || span_ends_nocase(span_of(name), SPAN("_seconds")));
	if (metrics == NULL)
		return NULL;
	pthread_mutex_lock(&metrics->lock);
	flock(metrics->folder, LOCK_EX);
	found = find_slot(metrics->file, kind, name, labels, help);
	flock(metrics->folder, LOCK_UN);
	pthread_mutex_unlock(&metrics->lock);
	return found;
}

void metrics_label(struct buf *labels, const char *key, struct span value) {
	size_t i;

	buf_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", key);
	for (i = 0; i < value.len; i++) {
		if (value.at[i] == '\n')
			buf_add_text(labels, "\\n");
		else if (value.at[i] == '"' || value.at[i] == '\\')
			buf_printf(labels, "\\%c", value.at[i]);
		else
			/* Labels are words; a control character or a byte of UTF-8 that may be half isn't one. */
			buf_add_byte(labels, value.at[i] < ' ' || value.at[i] > '~' ? '?' : value.at[i]);
	}
	buf_add_byte(labels, '"');
}

void metric_add(struct metric *metric, uint64_t more) {
	if (metric != NULL)
		atomic_fetch_add_explicit(&metric->value, more, memory_order_relaxed);
}

void metric_set(struct metric *metric, double value) {
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	if (metric != NULL)
		atomic_store_explicit(&metric->value, bits, memory_order_relaxed);
}

void metric_observe(struct metric *metric, uint64_t nanoseconds) {
	size_t i = 0;

	if (metric == NULL)
		return;
	while (i < METRICS_BUCKETS && nanoseconds > metrics_bounds[i])
		i++;
	atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, nanoseconds, memory_order_relaxed);
}

uint64_t metric_value(const struct metric *metric) {
	return metric == NULL ? 0 : atomic_load_explicit(&metric->value, memory_order_relaxed);
}

uint64_t metrics_now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
