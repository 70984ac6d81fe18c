#include "lib/decisions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x3130636564646f74) /* "toddec01" */
#define FILE_MODE 0660
#define RECORDS_MAX 100000000U

struct head {
	uint64_t magic;
	uint64_t records;
	_Atomic uint64_t next; /* number of the next record, from 1 */
	char spare[1000];
};

/* One record; `number` is written last, and is 0 while the rest is. */
struct slot {
	_Atomic uint64_t number;
	int64_t time;
	uint64_t address_key;
	uint64_t check; /* of what follows */
	char stage[12];
	char outcome[12];
	char reason[24];
	char list[64];
	char stream[64];
	char queue_id[32];
	char sender[96];
	char address[128];
	char message_id[160];
	char text[400];
};

struct decisions {
	struct head *head;
	struct slot *slots;
	size_t size;
};

_Static_assert(sizeof(struct head) == 1024 && sizeof(struct slot) == 1024, "records lie on borders of 1 KiB");

static size_t size_of(uint64_t records) {
	return sizeof(struct head) + (size_t)records * sizeof(struct slot);
}

static uint64_t check_of(const struct slot *slot) {
	const unsigned char *at = (const unsigned char *)slot->stage, *end = (const unsigned char *)(slot + 1);
	uint64_t hash = 0xcbf29ce484222325U ^ slot->address_key ^ (uint64_t)slot->time;

	for (; at < end; at++)
		hash = (hash ^ *at) * 0x100000001b3U;
	return hash;
}

static bool fits(int fd, uint64_t records) {
	struct head head;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head &&
	       head.magic == MAGIC && head.records > 0 && head.records <= RECORDS_MAX &&
	       (uint64_t)st.st_size == size_of(head.records) && (records == 0 || head.records == records);
}

/* Made whole under another name: who opens it sees a good one. */
static int create(const char *path, uint64_t records, struct err *err) {
	struct head head = {.magic = MAGIC, .records = records, .next = 1};
	char draft[4200];
	int fd, outcome = -1;

	if (snprintf(draft, sizeof draft, "%s.XXXXXX", path) >= (int)sizeof draft)
		return err_set(err, "%s: the name is too long", path);
	fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, "%s: can't create the decision log: %s", path, strerror(errno));
	if (fchmod(fd, FILE_MODE) != 0 || pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
	    posix_fallocate(fd, 0, (off_t)size_of(records)) != 0 || rename(draft, path) != 0) {
		err_set(err, "%s: can't create the decision log: %s", path, strerror(errno));
		unlink(draft);
	} else {
		outcome = 0;
	}
	close(fd);
	return outcome;
}

static int map(struct decisions *log, int fd, bool writing, const char *path, struct err *err) {
	struct stat st;
	void *at;

	if (fstat(fd, &st) != 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | (writing ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return err_set(err, "%s: can't map the decision log: %s", path, strerror(errno));
	log->head = at;
	log->slots = (struct slot *)(void *)(log->head + 1);
	log->size = (size_t)st.st_size;
	return 0;
}

static int path_of(char path[4096], const char *data_dir, struct err *err) {
	if (snprintf(path, 4096, "%s/decisions", data_dir) >= 4096)
		return err_set(err, "%s: the name is too long", data_dir);
	return 0;
}

/* The file as it should be: the one that is there where it fits, else a new one.  Several
 * daemons start at once: the folder's lock lets one of them make it. */
static int open_file(const char *path, uint64_t records, struct err *err) {
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && fits(fd, records))
		return fd;
	if (fd >= 0)
		close(fd);
	if (create(path, records, err) != 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		err_set(err, "%s: %s", path, strerror(errno));
	return fd;
}

struct decisions *decisions_open(const char *data_dir, long records, struct err *err) {
	struct decisions *log = calloc(1, sizeof *log);
	char path[4096];
	int lock = -1, fd = -1, outcome = -1;

	if (log == NULL || path_of(path, data_dir, err) != 0)
		goto out;
	lock = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0) {
		err_set(err, "%s: %s", data_dir, strerror(errno));
		goto out;
	}
	fd = open_file(path, (uint64_t)records, err);
	if (fd >= 0)
		outcome = map(log, fd, true, path, err);
out:
	if (fd >= 0)
		close(fd);
	if (lock >= 0)
		close(lock);
	if (outcome != 0) {
		free(log);
		log = NULL;
	}
	return log;
}

void decisions_close(struct decisions **log) {
	if (*log == NULL)
		return;
	munmap((*log)->head, (*log)->size);
	free(*log);
	*log = NULL;
}

/* NUL-terminated. */
static void put(char *room, size_t size, struct span text) {
	size_t len = text.len < size ? text.len : size - 1;

	if (len > 0)
		memcpy(room, text.at, len);
	memset(room + len, 0, size - len);
}

/* Made aside, so that the check is of this record whoever else writes to the same slot: a
 * writer may be overtaken by a whole round of others. */
void decisions_add(struct decisions *log, const struct decision *d) {
	struct slot fresh = {0}, *slot;
	uint64_t number;

	if (log == NULL)
		return;
	fresh.time = d->time;
	fresh.address_key = d->address_key;
	put(fresh.stage, sizeof fresh.stage, d->stage);
	put(fresh.outcome, sizeof fresh.outcome, d->outcome);
	put(fresh.reason, sizeof fresh.reason, d->reason);
	put(fresh.list, sizeof fresh.list, d->list);
	put(fresh.stream, sizeof fresh.stream, d->stream);
	put(fresh.queue_id, sizeof fresh.queue_id, d->queue_id);
	put(fresh.sender, sizeof fresh.sender, d->sender);
	put(fresh.address, sizeof fresh.address, d->address);
	put(fresh.message_id, sizeof fresh.message_id, d->message_id);
	put(fresh.text, sizeof fresh.text, d->text);
	fresh.check = check_of(&fresh);
	number = atomic_fetch_add(&log->head->next, 1);
	slot = &log->slots[number % log->head->records];
	atomic_store(&slot->number, 0);
	memcpy((char *)slot + sizeof slot->number, (char *)&fresh + sizeof fresh.number,
	       sizeof fresh - sizeof fresh.number);
	atomic_store(&slot->number, number);
}

static struct span text_of(const char *room, size_t size) {
	return span_make(room, strnlen(room, size));
}

static bool wanted(const struct slot *slot, uint64_t address_key, struct span text) {
	return (address_key == 0 || slot->address_key == address_key) &&
	       (text.len == 0 || span_equal(text_of(slot->queue_id, sizeof slot->queue_id), text) ||
	        span_equal(text_of(slot->message_id, sizeof slot->message_id), text));
}

static void show(const struct slot *slot, void (*each)(void *context, const struct decision *decision), void *context) {
	struct decision d = {
	        .number = slot->number,
	        .time = (time_t)slot->time,
	        .stage = text_of(slot->stage, sizeof slot->stage),
	        .outcome = text_of(slot->outcome, sizeof slot->outcome),
	        .reason = text_of(slot->reason, sizeof slot->reason),
	        .text = text_of(slot->text, sizeof slot->text),
	        .list = text_of(slot->list, sizeof slot->list),
	        .stream = text_of(slot->stream, sizeof slot->stream),
	        .sender = text_of(slot->sender, sizeof slot->sender),
	        .address = text_of(slot->address, sizeof slot->address),
	        .address_key = slot->address_key,
	        .queue_id = text_of(slot->queue_id, sizeof slot->queue_id),
	        .message_id = text_of(slot->message_id, sizeof slot->message_id),
	};

	each(context, &d);
}

/* The log as it is; `head` is NULL where there is none. */
static int map_there(const char *data_dir, bool writing, struct decisions *log, struct err *err) {
	char path[4096];
	int fd;

	log->head = NULL;
	if (path_of(path, data_dir, err) != 0)
		return -1;
	fd = open(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, "%s: %s", path, strerror(errno));
	if (!fits(fd, 0) || map(log, fd, writing, path, err) != 0) {
		close(fd);
		return err_set(err, "%s: is no decision log", path);
	}
	close(fd);
	return 0;
}

int decisions_each(const char *data_dir, uint64_t address_key, struct span text,
                   void (*each)(void *context, const struct decision *decision), void *context, struct err *err) {
	struct decisions log;
	uint64_t next, number, records;

	if (map_there(data_dir, false, &log, err) != 0)
		return -1;
	if (log.head == NULL)
		return 0;
	next = atomic_load(&log.head->next);
	records = log.head->records;
	for (number = next > records ? next - records : 1; number < next; number++) {
		struct slot copy = log.slots[number % records];

		/* One that is being written, or written over meanwhile, is left out. */
		if (copy.number == number && copy.check == check_of(&copy) && wanted(&copy, address_key, text))
			show(&copy, each, context);
	}
	munmap(log.head, log.size);
	return 0;
}

int decisions_forget(const char *data_dir, uint64_t address_key, struct err *err) {
	struct decisions log;
	uint64_t i;

	if (map_there(data_dir, true, &log, err) != 0)
		return -1;
	if (log.head == NULL)
		return 0;
	for (i = 0; i < log.head->records; i++) {
		struct slot *slot = &log.slots[i];

		/* One that is being written over meanwhile is spoilt, and left out. */
		if (slot->address_key != address_key)
			continue;
		atomic_store(&slot->number, 0);
		memset(&slot->time, 0, sizeof *slot - offsetof(struct slot, time));
	}
	munmap(log.head, log.size);
	return 0;
}
