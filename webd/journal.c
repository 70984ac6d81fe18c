#include "webd/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "webd/journal_file.h"

#define OPEN_ENDED UINT64_MAX /* size of the segment that is being written */

struct journal {
	struct journal_options options;
	char id[JOURNAL_ID_SIZE];
	int dir;

	pthread_mutex_t lock;
	pthread_cond_t settled; /* a group was written */
	struct buf pending;
	bool is_pending_urgent; /* holds what may use the reserve */
	struct journal_waiter *first, **last;
	bool is_writing;

	/* Of the thread that writes. */
	int fd;        /* the segment that is being written, or -1 */
	uint64_t base; /* its base, or that of the next */
	uint64_t used; /* octets of it */
	struct buf group;
	bool is_group_urgent;
	_Atomic bool troubled;

	_Atomic uint64_t durable;
	_Atomic uint64_t size;
	pthread_mutex_t list_lock;
	struct journal_segments list;
};

/* Behind all that was ever written here, so that no position comes twice. */
static int take_over(struct journal *j, struct err *err) {
	struct journal_segment *newest;
	size_t i;

	if (journal_dir_list(j->dir, &j->list, err) != 0)
		return -1;
	if (j->list.len > 0) {
		newest = &j->list.at[j->list.len - 1];
		j->base = newest->base + newest->size;
		if (journal_segment_mend(j->dir, newest, err) != 0)
			return -1;
	}
	for (i = 0; i < j->list.len; i++)
		j->size += j->list.at[i].size;
	j->durable = j->base;
	return 0;
}

struct journal *journal_open(const struct journal_options *options, struct err *err) {
	struct journal *j = calloc(1, sizeof *j);

	if (j == NULL) {
		err_set(err, "journal: out of memory");
		return NULL;
	}
	j->options = *options;
	j->dir = j->fd = -1;
	j->last = &j->first;
	pthread_mutex_init(&j->lock, NULL);
	pthread_mutex_init(&j->list_lock, NULL);
	pthread_cond_init(&j->settled, NULL);
	buf_init(&j->pending, JOURNAL_PENDING_MAX);
	buf_init(&j->group, JOURNAL_PENDING_MAX);
	j->dir = journal_dir_open(options->dir, err);
	if (j->dir < 0 || journal_dir_id(j->dir, j->id, err) != 0 || take_over(j, err) != 0)
		journal_close(&j);
	return j;
}

void journal_close(struct journal **journal) {
	struct journal *j = *journal;

	*journal = NULL;
	if (j == NULL)
		return;
	assert(j->first == NULL && !j->is_writing);
	if (j->fd >= 0)
		close(j->fd);
	if (j->dir >= 0)
		close(j->dir);
	pthread_cond_destroy(&j->settled);
	pthread_mutex_destroy(&j->list_lock);
	pthread_mutex_destroy(&j->lock);
	buf_free(&j->pending);
	buf_free(&j->group);
	free(j->list.at);
	free(j);
}

const char *journal_id(const struct journal *journal) {
	return journal->id;
}

uint64_t journal_durable(const struct journal *journal) {
	return atomic_load(&journal->durable);
}

bool journal_is_good(const struct journal *journal) {
	return !atomic_load(&journal->troubled);
}

uint64_t journal_size(const struct journal *journal) {
	return atomic_load(&journal->size);
}

/* The last of the list gets its final size. */
static void end_segment(struct journal *j) {
	pthread_mutex_lock(&j->list_lock);
	assert(j->list.len > 0);
	j->list.at[j->list.len - 1].size = j->used;
	pthread_mutex_unlock(&j->list_lock);
	close(j->fd);
	j->fd = -1;
}

static int begin_segment(struct journal *j, struct err *err) {
	struct journal_segment segment = {j->base, OPEN_ENDED};
	int result;

	j->fd = journal_segment_create(j->dir, j->base, err);
	if (j->fd < 0)
		return -1;
	pthread_mutex_lock(&j->list_lock);
	result = journal_segments_add(&j->list, segment);
	pthread_mutex_unlock(&j->list_lock);
	if (result != 0) {
		close(j->fd);
		j->fd = -1;
		journal_segment_remove(j->dir, j->base, NULL);
		return err_set(err, "journal: out of memory");
	}
	j->used = JOURNAL_HEAD_SIZE;
	atomic_fetch_add(&j->size, JOURNAL_HEAD_SIZE);
	atomic_store(&j->durable, j->base + j->used);
	return 0;
}

/* What a failed write or sync left behind, nobody knows: no position of it is
 * used again. */
static void abandon(struct journal *j, size_t tried) {
	uint64_t next = j->base + j->used + tried;

	if (ftruncate(j->fd, (off_t)j->used) != 0)
		atomic_fetch_add(&j->size, tried);
	end_segment(j);
	j->base = next;
}

/* The rest is for what people asked for (journal_append_wait()). */
static uint64_t ceiling_of_events(const struct journal *j) {
	return j->options.max - j->options.max / JOURNAL_RESERVE_PARTS;
}

static int write_group(struct journal *j, struct err *err) {
	struct buf *group = &j->group;

	if (atomic_load(&j->size) + group->len > (j->is_group_urgent ? j->options.max : ceiling_of_events(j)))
		return err_set(err, "journal: over its ceiling of %llu octets: the store does not take the events",
		               (unsigned long long)j->options.max);
	if (j->fd >= 0 && j->used >= JOURNAL_SEGMENT_MAX) {
		end_segment(j);
		j->base += j->used;
	}
	if (j->fd < 0 && begin_segment(j, err) != 0)
		return -1;
	journal_records_seal(group->at, group->len, j->base);
	if (journal_write_at(j->fd, group->at, group->len, j->used) != 0 || fdatasync(j->fd) != 0) {
		err_set(err, "journal: %s", strerror(errno));
		abandon(j, group->len);
		return -1;
	}
	j->used += group->len;
	atomic_fetch_add(&j->size, group->len);
	atomic_store(&j->durable, j->base + j->used);
	return 0;
}

static void tell_trouble(struct journal *j, bool good, const struct err *err) {
	if (j->troubled == !good)
		return;
	j->troubled = !good;
	if (j->options.trouble != NULL)
		j->options.trouble(j->options.context, good ? NULL : err->text);
}

/* The pending records and those who wait for them. */
static struct journal_waiter *take_group(struct journal *j) {
	struct journal_waiter *waiters = j->first;
	struct buf empty;

	buf_reset(&j->group);
	empty = j->group;
	j->group = j->pending;
	j->pending = empty;
	j->is_group_urgent = j->is_pending_urgent;
	j->is_pending_urgent = false;
	j->first = NULL;
	j->last = &j->first;
	return waiters;
}

/* Whoever sees an outcome may forget the waiter: it is the last thing done to it. */
static void settle_all(struct journal_waiter *waiter, bool durable) {
	struct journal_waiter *next;

	for (; waiter != NULL; waiter = next) {
		next = waiter->next;
		atomic_store_explicit(&waiter->outcome, durable ? JOURNAL_DURABLE : JOURNAL_LOST, memory_order_release);
	}
}

/* With the lock, which is let go meanwhile. */
static void write_pending(struct journal *j) {
	struct journal_waiter *waiters = take_group(j);
	struct err err;
	bool good;

	j->is_writing = true;
	pthread_mutex_unlock(&j->lock);
	good = write_group(j, &err) == 0;
	/* One for whom there is the reserve says nothing of the others. */
	if (!good || atomic_load(&j->size) <= ceiling_of_events(j))
		tell_trouble(j, good, &err);
	pthread_mutex_lock(&j->lock);
	settle_all(waiters, good);
	j->is_writing = false;
	pthread_cond_broadcast(&j->settled);
}

static void append(struct journal *journal, struct span record, bool is_urgent, struct journal_waiter *waiter) {
	*waiter = (struct journal_waiter){NULL, JOURNAL_PENDING};
	pthread_mutex_lock(&journal->lock);
	journal_record_add(&journal->pending, record);
	if (journal->pending.failed) {
		journal->pending.failed = false;
		waiter->outcome = JOURNAL_LOST;
	} else {
		*journal->last = waiter;
		journal->last = &waiter->next;
		journal->is_pending_urgent |= is_urgent;
	}
	pthread_mutex_unlock(&journal->lock);
}

void journal_append(struct journal *journal, struct span record, struct journal_waiter *waiter) {
	append(journal, record, false, waiter);
}

static enum journal_outcome outcome_of(struct journal_waiter *waiter) {
	return (enum journal_outcome)atomic_load_explicit(&waiter->outcome, memory_order_acquire);
}

bool journal_is_settled(struct journal_waiter *waiter) {
	return outcome_of(waiter) != JOURNAL_PENDING;
}

int journal_settle(struct journal *journal, struct journal_waiter *waiter) {
	if (outcome_of(waiter) == JOURNAL_PENDING) {
		pthread_mutex_lock(&journal->lock);
		while (outcome_of(waiter) == JOURNAL_PENDING) {
			if (journal->is_writing)
				pthread_cond_wait(&journal->settled, &journal->lock);
			else
				write_pending(journal);
		}
		pthread_mutex_unlock(&journal->lock);
	}
	return outcome_of(waiter) == JOURNAL_DURABLE ? 0 : -1;
}

int journal_append_wait(struct journal *journal, struct span record) {
	struct journal_waiter waiter;

	append(journal, record, true, &waiter);
	return journal_settle(journal, &waiter);
}

static uint64_t segment_end(const struct journal *j, const struct journal_segment *segment) {
	return segment->size == OPEN_ENDED ? atomic_load(&j->durable) : segment->base + segment->size;
}

/* The first segment with something durable behind the position. */
static bool find_segment(struct journal *j, uint64_t position, struct journal_piece *piece) {
	bool found = false;
	size_t i;

	pthread_mutex_lock(&j->list_lock);
	for (i = 0; i < j->list.len && !found; i++) {
		const struct journal_segment *segment = &j->list.at[i];
		uint64_t start = segment->base + JOURNAL_HEAD_SIZE;

		piece->base = segment->base;
		piece->start = position > start ? position : start;
		piece->end = segment_end(j, segment);
		found = piece->end > piece->start;
	}
	pthread_mutex_unlock(&j->list_lock);
	if (!found)
		piece->start = piece->end = position;
	return found;
}

/* What is no record ends the segment; what there is before it counts. */
static void keep_records(struct journal_piece *piece, bool is_all) {
	struct cursor c = cursor_make(buf_span(&piece->bytes));
	struct span payload;
	size_t good;

	while (journal_record_next(&c, piece->base, &payload) == JOURNAL_FOUND)
		;
	good = c.at == NULL ? 0 : (size_t)(c.at - piece->bytes.at);
	piece->bytes.len = good;
	if (is_all || good == 0)
		piece->lost = piece->end - (piece->start + good);
	else
		piece->end = piece->start + good;
}

static int read_piece(struct journal *j, struct journal_piece *piece, struct err *err) {
	int fd = journal_segment_open(j->dir, piece->base, O_RDONLY, err);
	unsigned char head[JOURNAL_HEAD_SIZE] = {0};
	uint64_t want = piece->end - piece->start;
	bool is_all = want <= JOURNAL_PIECE_MAX;
	ssize_t got = -1;
	char *room;

	if (fd < 0)
		return -1;
	room = buf_reserve(&piece->bytes, is_all ? (size_t)want : JOURNAL_PIECE_MAX);
	if (room == NULL)
		errno = ENOMEM;
	else if (journal_read_at(fd, (char *)head, sizeof head, 0) >= 0)
		got = journal_read_at(fd, room, is_all ? (size_t)want : JOURNAL_PIECE_MAX, piece->start - piece->base);
	if (got < 0)
		err_set(err, "journal/%016llx.journal: %s", (unsigned long long)piece->base, strerror(errno));
	close(fd);
	if (got < 0)
		return -1;
	if (journal_head_check(span_make((char *)head, sizeof head), piece->base) == 0)
		piece->bytes.len = (size_t)got;
	keep_records(piece, is_all);
	return 0;
}

int journal_read(struct journal *journal, uint64_t position, struct journal_piece *piece, struct err *err) {
	buf_reset(&piece->bytes);
	piece->lost = 0;
	if (!find_segment(journal, position, piece))
		return 0;
	return read_piece(journal, piece, err);
}

void journal_release(struct journal *journal, uint64_t position) {
	struct journal_segments *list = &journal->list;

	pthread_mutex_lock(&journal->list_lock);
	while (list->len > 1 && segment_end(journal, &list->at[0]) <= position &&
	       journal_segment_remove(journal->dir, list->at[0].base, NULL) == 0) {
		atomic_fetch_sub(&journal->size, list->at[0].size);
		list->len--;
		memmove(list->at, list->at + 1, list->len * sizeof *list->at);
	}
	pthread_mutex_unlock(&journal->list_lock);
}
