#include "webd/journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "webd/journal_record.h"

#define SUFFIX SPAN(".journal")
#define NAME_SIZE 32
#define CHUNK 262144

static const char *segment_name(char name[NAME_SIZE], uint64_t base) {
	snprintf(name, NAME_SIZE, "%016llx.journal", (unsigned long long)base);
	return name;
}

int journal_dir_open(const char *dir, struct err *err) {
	int fd;

	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_set(err, "%s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_set(err, "%s: %s", dir, strerror(errno));
	return fd;
}

/* Under another name first: a name that is there has its contents. */
static int make_id(int dir, char id_r[JOURNAL_ID_SIZE]) {
	uint64_t number;
	int fd, result = -1;

	if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
		return -1;
	hex64_format(id_r, number);
	fd = openat(dir, "id.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	if (journal_write_at(fd, id_r, JOURNAL_ID_SIZE - 1, 0) == 0 && fsync(fd) == 0 &&
	    renameat(dir, "id.new", dir, "id") == 0 && fsync(dir) == 0)
		result = 0;
	close(fd);
	return result;
}

int journal_dir_id(int dir, char id_r[JOURNAL_ID_SIZE], struct err *err) {
	int fd = openat(dir, "id", O_RDONLY | O_CLOEXEC);
	uint64_t number;
	ssize_t got;

	if (fd < 0 && errno == ENOENT)
		return make_id(dir, id_r) == 0 ? 0 : err_set(err, "journal/id: %s", strerror(errno));
	if (fd < 0)
		return err_set(err, "journal/id: %s", strerror(errno));
	got = journal_read_at(fd, id_r, JOURNAL_ID_SIZE - 1, 0);
	close(fd);
	id_r[JOURNAL_ID_SIZE - 1] = '\0';
	if (got != JOURNAL_ID_SIZE - 1 || hex64_parse(span_of(id_r), &number) != 0)
		return err_set(err, "journal/id: not 16 hexadecimal digits");
	return 0;
}

int journal_segments_add(struct journal_segments *list, struct journal_segment segment) {
	if (list->len == list->cap) {
		size_t cap = list->cap == 0 ? 16 : list->cap * 2;
		struct journal_segment *grown = realloc(list->at, cap * sizeof *grown);

		if (grown == NULL)
			return -1;
		list->at = grown;
		list->cap = cap;
	}
	list->at[list->len++] = segment;
	return 0;
}

static int by_base(const void *a, const void *b) {
	const struct journal_segment *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static bool read_name(const char *name, uint64_t *base_r) {
	struct span s = span_of(name);

	return s.len == 16 + SUFFIX.len && span_equal(span_from(s, 16), SUFFIX) &&
	       hex64_parse(span_make(s.at, 16), base_r) == 0;
}

static int list_entries(int dir, DIR *stream, struct journal_segments *list) {
	struct journal_segment segment;
	struct dirent *entry;
	struct stat st;

	while ((errno = 0, entry = readdir(stream)) != NULL) {
		if (!read_name(entry->d_name, &segment.base))
			continue;
		if (fstatat(dir, entry->d_name, &st, 0) != 0)
			return -1;
		segment.size = (uint64_t)st.st_size;
		if (journal_segments_add(list, segment) != 0)
			return -1;
	}
	return errno == 0 ? 0 : -1;
}

int journal_dir_list(int dir, struct journal_segments *list_r, struct err *err) {
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	int result = -1;

	*list_r = (struct journal_segments){NULL, 0, 0};
	if (stream != NULL)
		result = list_entries(dir, stream, list_r);
	if (result != 0)
		err_set(err, "journal: %s", strerror(errno));
	if (stream != NULL)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
	if (list_r->len > 0)
		qsort(list_r->at, list_r->len, sizeof *list_r->at, by_base);
	return result;
}

int journal_segment_create(int dir, uint64_t base, struct err *err) {
	unsigned char head[JOURNAL_HEAD_SIZE];
	char name[NAME_SIZE];
	int fd = openat(dir, segment_name(name, base), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_set(err, "journal/%s: %s", name, strerror(errno));
	journal_head_format(head, base);
	if (journal_write_at(fd, (const char *)head, sizeof head, 0) != 0 || fsync(fd) != 0 || fsync(dir) != 0) {
		err_set(err, "journal/%s: %s", name, strerror(errno));
		unlinkat(dir, name, 0);
		close(fd);
		return -1;
	}
	return fd;
}

int journal_segment_open(int dir, uint64_t base, int flags, struct err *err) {
	char name[NAME_SIZE];
	int fd = openat(dir, segment_name(name, base), flags | O_CLOEXEC);

	if (fd < 0)
		err_set(err, "journal/%s: %s", name, strerror(errno));
	return fd;
}

int journal_segment_remove(int dir, uint64_t base, struct err *err) {
	char name[NAME_SIZE];

	if (unlinkat(dir, segment_name(name, base), 0) != 0)
		return err_set(err, "journal/%s: %s", name, strerror(errno));
	return 0;
}

/* Where the good records end; or -1 with errno. */
static int64_t find_end(int fd, uint64_t base, struct buf *chunk) {
	uint64_t offset = JOURNAL_HEAD_SIZE;
	unsigned char head[JOURNAL_HEAD_SIZE];
	struct span payload;
	struct cursor c;
	ssize_t got = journal_read_at(fd, (char *)head, sizeof head, 0);

	if (got < 0)
		return -1;
	/* Then nobody reads it; it may tell a person something. */
	if (journal_head_check(span_make((char *)head, (size_t)got), base) != 0)
		return INT64_MAX;
	for (;;) {
		got = journal_read_at(fd, chunk->at, CHUNK, offset);
		if (got < 0)
			return -1;
		c = cursor_make(span_make(chunk->at, (size_t)got));
		while (journal_record_next(&c, base, &payload) == JOURNAL_FOUND)
			;
		if (c.at == NULL || c.at == chunk->at)
			return (int64_t)offset;
		offset += (uint64_t)(c.at - chunk->at);
	}
}

int journal_segment_mend(int dir, struct journal_segment *segment, struct err *err) {
	int fd = journal_segment_open(dir, segment->base, O_RDWR, err), result = -1;
	struct buf chunk;
	int64_t end = -1;

	if (fd < 0)
		return -1;
	buf_init(&chunk, CHUNK);
	if (buf_reserve(&chunk, CHUNK) != NULL)
		end = find_end(fd, segment->base, &chunk);
	if (end == INT64_MAX)
		end = (int64_t)segment->size;
	if (end >= 0 && ((uint64_t)end == segment->size || (ftruncate(fd, end) == 0 && fsync(fd) == 0))) {
		segment->size = (uint64_t)end;
		result = 0;
	} else {
		err_set(err, "journal/%016llx.journal: %s", (unsigned long long)segment->base, strerror(errno));
	}
	buf_free(&chunk);
	close(fd);
	return result;
}

int journal_write_at(int fd, const char *bytes, size_t len, uint64_t offset) {
	while (len > 0) {
		ssize_t wrote = pwrite(fd, bytes, len, (off_t)offset);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			if (wrote == 0)
				errno = ENOSPC;
			return -1;
		}
		bytes += wrote;
		len -= (size_t)wrote;
		offset += (uint64_t)wrote;
	}
	return 0;
}

ssize_t journal_read_at(int fd, char *bytes, size_t len, uint64_t offset) {
	size_t have = 0;

	while (have < len) {
		ssize_t got = pread(fd, bytes + have, len - have, (off_t)(offset + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}
