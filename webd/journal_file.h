/*
 * The files of a journal's folder: `id`, and for each segment its base as 16 hex
 * digits and ".journal".  Private to webd/journal*.c.
 */
#ifndef WEBD_JOURNAL_FILE_H
#define WEBD_JOURNAL_FILE_H

#include "lib/err.h"
#include "lib/text.h"

#define JOURNAL_ID_SIZE 17

struct journal_segment {
	uint64_t base;
	uint64_t size;
};

struct journal_segments {
	struct journal_segment *at; /* by base */
	size_t len;
	size_t cap;
};

/* The folder itself, as a descriptor; made where there is none. */
int journal_dir_open(const char *dir, struct err *err);
/* Reads the id, or makes one. */
int journal_dir_id(int dir, char id_r[JOURNAL_ID_SIZE], struct err *err);
int journal_dir_list(int dir, struct journal_segments *list_r, struct err *err);
int journal_segments_add(struct journal_segments *list, struct journal_segment segment);

/* A new segment with its head, durable; or -1. */
int journal_segment_create(int dir, uint64_t base, struct err *err);
int journal_segment_open(int dir, uint64_t base, int flags, struct err *err);
int journal_segment_remove(int dir, uint64_t base, struct err *err);

/* Cuts off what follows the last good record.  -1 where the file could not be
 * read or cut. */
int journal_segment_mend(int dir, struct journal_segment *segment, struct err *err);

/* All of it, at that place; -1 with errno. */
int journal_write_at(int fd, const char *bytes, size_t len, uint64_t offset);
/* How much could be read, at most `len`; -1 with errno. */
ssize_t journal_read_at(int fd, char *bytes, size_t len, uint64_t offset);

#endif
