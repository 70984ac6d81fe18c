#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/metrics_file.h"

#define FILES_MAX 64

/* The slots in use of all files, copied: texts checked, numbers as they were. */
struct metrics_set {
	struct metric *slots;
	size_t count;
};

struct metrics_set *metrics_set_new(void) {
	return calloc(1, sizeof(struct metrics_set));
}

void metrics_set_free(struct metrics_set **set) {
	if (*set == NULL)
		return;
	free((*set)->slots);
	free(*set);
	*set = NULL;
}

int metrics_set_add(struct metrics_set *set, struct span bytes, struct err *err) {
	struct metrics_file *file;
	struct metric *slots;
	size_t i;

	if (bytes.len != sizeof *file)
		return err_set(err, "no file of metrics");
	file = malloc(sizeof *file); /* a copy that is aligned */
	slots = realloc(set->slots, (set->count + METRICS_SLOTS) * sizeof *slots);
	if (slots != NULL)
		set->slots = slots;
	if (file == NULL || slots == NULL) {
		free(file);
		return err_set(err, "out of memory");
	}
	memcpy(file, bytes.at, sizeof *file);
	if (metrics_check_file(file, err) != 0) {
		free(file);
		return -1;
	}
	for (i = 0; i < METRICS_SLOTS; i++)
		if (file->slot[i].kind != 0)
			memcpy(&set->slots[set->count++], &file->slot[i], sizeof *slots);
	free(file);
	return 0;
}

static int compare(const void *a, const void *b) {
	const struct metric *m = a, *n = b;
	int order = strcmp(m->name, n->name);

	if (order == 0 && m->kind != n->kind)
		return m->kind < n->kind ? -1 : 1;
	return order != 0 ? order : strcmp(m->labels, n->labels);
}

static void write_number(struct buf *out, double value) {
	if (isnan(value))
		buf_add_text(out, "NaN\n");
	else if (isinf(value))
		buf_add_text(out, value > 0 ? "+Inf\n" : "-Inf\n");
	else
		buf_printf(out, "%.15g\n", value);
}

static void write_histogram(struct buf *out, const struct metric *m) {
	const char *comma = m->labels[0] == '\0' ? "" : ",";
	const char *open = m->labels[0] == '\0' ? "" : "{", *close = m->labels[0] == '\0' ? "" : "}";
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < METRICS_BUCKETS; i++) {
		count += m->buckets[i];
		buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", m->name, m->labels, comma,
		           (double)metrics_bounds[i] / 1e9, (unsigned long long)count);
	}
	count += m->buckets[METRICS_BUCKETS];
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", m->name, m->labels, comma, (unsigned long long)count);
	buf_printf(out, "%s_sum%s%s%s ", m->name, open, m->labels, close);
	write_number(out, (double)m->value / 1e9);
	buf_printf(out, "%s_count%s%s%s %llu\n", m->name, open, m->labels, close, (unsigned long long)count);
}

static void write_sample(struct buf *out, const struct metric *m) {
	uint64_t value = m->value;
	double gauge;

	if (m->kind == METRICS_HISTOGRAM) {
		write_histogram(out, m);
		return;
	}
	buf_add_text(out, m->name);
	if (m->labels[0] != '\0')
		buf_printf(out, "{%s}", m->labels);
	if (m->kind == METRICS_GAUGE) {
		memcpy(&gauge, &value, sizeof gauge);
		buf_add_byte(out, ' ');
		write_number(out, gauge);
	} else {
		buf_printf(out, " %llu\n", (unsigned long long)value);
	}
}

void metrics_set_write(struct metrics_set *set, struct buf *out) {
	static const char *const kinds[] = {"untyped", "counter", "gauge", "histogram"};
	const struct metric *first = NULL, *last = NULL;
	size_t i;

	if (set->count > 0)
		qsort(set->slots, set->count, sizeof *set->slots, compare);
	for (i = 0; i < set->count; i++) {
		const struct metric *m = &set->slots[i];

		if (first == NULL || strcmp(first->name, m->name) != 0) {
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
			first = m;
		} else if (m->kind != first->kind || strcmp(last->labels, m->labels) == 0) {
			continue; /* a sample has one value, a name one kind */
		}
		write_sample(out, m);
		last = m;
	}
}

/* The whole file: what is read, not mapped, can't be pulled from under us. */
static int add_file(struct metrics_set *set, int folder, const char *name, struct err *err) {
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t size = sizeof(struct metrics_file), used = 0;
	char *bytes = malloc(size + 1);
	ssize_t got = -1;
	int result;

	while (fd >= 0 && bytes != NULL && used <= size && (got = read(fd, bytes + used, size + 1 - used)) > 0)
		used += (size_t)got;
	if (got < 0)
		result = err_set(err, "%s", strerror(errno));
	else
		result = metrics_set_add(set, span_make(bytes, used), err);
	free(bytes);
	if (fd >= 0)
		close(fd);
	return result;
}

static void say_unread(struct buf *out, const char *name, const struct err *err) {
	buf_add_text(out, "# ");
	log_neutralise(out, span_of(name));
	buf_printf(out, ": %s\n", err->text);
}

void metrics_print(const char *data_dir, struct buf *out) {
	struct metrics_set *set = metrics_set_new();
	char path[4096];
	const struct dirent *entry;
	DIR *folder = NULL;
	struct err err;
	int left = FILES_MAX;

	if (set != NULL && snprintf(path, sizeof path, "%s/metrics", data_dir) < (int)sizeof path)
		folder = opendir(path);
	while (folder != NULL && left > 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		left--;
		if (add_file(set, dirfd(folder), entry->d_name, &err) != 0)
			say_unread(out, entry->d_name, &err);
	}
	if (set != NULL)
		metrics_set_write(set, out);
	if (folder != NULL)
		closedir(folder);
	metrics_set_free(&set);
}
