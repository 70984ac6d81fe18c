#include "tools/sink_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_SIZE 40
#define INCOMING_PREFIX ".incoming-"
#define JSON_MAX 8388608

struct sink_store {
	int folder;
	bool discard;
	bool changed; /* since `count` was written */
	unsigned long last;
	unsigned long incoming; /* makes names of unfinished files */
	unsigned long messages;
	unsigned long recipients;
	unsigned long long bytes;
};

struct sink_message {
	struct sink_store *store;
	char name[NAME_SIZE]; /* of the unfinished file */
	int fd;               /* -1 before the first write */
	int fault;            /* errno of the first that went wrong */
	size_t size;
	struct buf pending;
};

/* N of "N.eml" and "N.json", or 0. */
static unsigned long number_of(const char *name) {
	char *end;
	unsigned long number;

	if (!ascii_is_digit(name[0]))
		return 0;
	number = strtoul(name, &end, 10);
	return strcmp(end, ".eml") == 0 || strcmp(end, ".json") == 0 ? number : 0;
}

/* Where to count on from; what an earlier process left half-done goes away. */
static int look_around(struct sink_store *store) {
	int fd = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (listing == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(listing)) != NULL) {
		unsigned long number = number_of(entry->d_name);

		if (number > store->last)
			store->last = number;
		if (strncmp(entry->d_name, INCOMING_PREFIX, strlen(INCOMING_PREFIX)) == 0)
			unlinkat(store->folder, entry->d_name, 0);
	}
	closedir(listing);
	return 0;
}

struct sink_store *sink_store_open(const char *folder, bool discard, struct err *err) {
	struct sink_store *store = calloc(1, sizeof *store);

	if (store == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	store->discard = discard;
	store->changed = true;
	store->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->folder < 0) {
		err_set(err, "%s: %s", folder, strerror(errno));
	} else if (flock(store->folder, LOCK_EX | LOCK_NB) != 0) {
		err_set(err, "%s: another sink writes there", folder);
	} else if (look_around(store) != 0) {
		err_set(err, "%s: %s", folder, strerror(errno));
	} else {
		return store;
	}
	sink_store_close(&store);
	return NULL;
}

void sink_store_close(struct sink_store **store) {
	if (*store == NULL)
		return;
	if ((*store)->folder >= 0)
		close((*store)->folder);
	free(*store);
	*store = NULL;
}

static int write_all(int fd, struct span bytes) {
	while (bytes.len > 0) {
		ssize_t done = write(fd, bytes.at, bytes.len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes = span_from(bytes, (size_t)done);
	}
	return 0;
}

static void incoming_name(struct sink_store *store, char name[NAME_SIZE]) {
	snprintf(name, NAME_SIZE, INCOMING_PREFIX "%lu", ++store->incoming);
}

static int create(const struct sink_store *store, const char *name) {
	return openat(store->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

/* A whole file, put in place by rename. */
static int write_file(struct sink_store *store, const char *name, struct span bytes) {
	char incoming[NAME_SIZE];
	int fault;
	int fd;

	incoming_name(store, incoming);
	fd = create(store, incoming);
	if (fd < 0)
		return -1;
	fault = write_all(fd, bytes) == 0 ? 0 : errno;
	if (close(fd) != 0 && fault == 0)
		fault = errno;
	if (fault == 0 && renameat(store->folder, incoming, store->folder, name) != 0)
		fault = errno;
	if (fault == 0)
		return 0;
	unlinkat(store->folder, incoming, 0);
	errno = fault;
	return -1;
}

int sink_store_write_count(struct sink_store *store, struct err *err) {
	struct buf json;
	int result;

	if (!store->discard || !store->changed)
		return 0;
	buf_init(&json, JSON_MAX);
	buf_printf(&json, "{\"messages\": %lu, \"recipients\": %lu, \"bytes\": %llu}\n", store->messages,
	           store->recipients, store->bytes);
	result = json.failed ? -1 : write_file(store, "count", buf_span(&json));
	if (result == 0)
		store->changed = false;
	else
		err_set(err, "count: %s", strerror(errno));
	buf_free(&json);
	return result;
}

struct sink_message *sink_message_begin(struct sink_store *store) {
	struct sink_message *message = calloc(1, sizeof *message);

	if (message == NULL)
		return NULL;
	message->store = store;
	message->fd = -1;
	buf_init(&message->pending, SINK_BLOCK);
	incoming_name(store, message->name);
	return message;
}

static void put(struct sink_message *message, struct span bytes) {
	if (message->fault != 0)
		return;
	if (message->fd < 0)
		message->fd = create(message->store, message->name);
	if (message->fd < 0 || write_all(message->fd, bytes) != 0)
		message->fault = errno;
}

static void flush(struct sink_message *message) {
	put(message, buf_span(&message->pending));
	buf_reset(&message->pending);
}

void sink_message_add(struct sink_message *message, struct span bytes) {
	if (message->fault != 0)
		return;
	if (bytes.len > SINK_MESSAGE_MAX - message->size) {
		message->fault = EMSGSIZE;
		return;
	}
	message->size += bytes.len;
	if (message->store->discard)
		return;
	if (message->pending.len + bytes.len > SINK_BLOCK)
		flush(message);
	if (bytes.len > SINK_BLOCK)
		put(message, bytes);
	else
		buf_add_span(&message->pending, bytes);
	if (message->pending.failed)
		message->fault = ENOMEM;
}

bool sink_message_too_big(const struct sink_message *message) {
	return message->fault == EMSGSIZE;
}

void sink_json_text(struct buf *out, struct span text) {
	size_t i;

	buf_add_byte(out, '"');
	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c == '"' || c == '\\')
			buf_add_byte(out, '\\');
		if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add_byte(out, (char)c);
	}
	buf_add_byte(out, '"');
}

static int write_envelope(struct sink_store *store, const char *name, const char *mail_from,
                          const struct strings *rcpt_to) {
	struct buf json;
	size_t i;
	int result;

	buf_init(&json, JSON_MAX);
	buf_add_text(&json, "{\"mail_from\": ");
	sink_json_text(&json, span_of(mail_from));
	buf_add_text(&json, ", \"rcpt_to\": [");
	for (i = 0; i < rcpt_to->len; i++) {
		buf_add_text(&json, i == 0 ? "" : ", ");
		sink_json_text(&json, span_of(rcpt_to->at[i]));
	}
	buf_add_text(&json, "]}\n");
	result = json.failed ? -1 : write_file(store, name, buf_span(&json));
	buf_free(&json);
	return result;
}

/* The rename of the finished N.eml, then N.json; neither, or both. */
static int put_in_place(struct sink_message *message, const char *mail_from, const struct strings *rcpt_to) {
	struct sink_store *store = message->store;
	unsigned long number = store->last + 1;
	char eml[NAME_SIZE];
	char json[NAME_SIZE];

	snprintf(eml, sizeof eml, "%lu.eml", number);
	snprintf(json, sizeof json, "%lu.json", number);
	if (renameat(store->folder, message->name, store->folder, eml) != 0)
		return -1;
	if (write_envelope(store, json, mail_from, rcpt_to) != 0) {
		int fault = errno;

		unlinkat(store->folder, eml, 0);
		errno = fault;
		return -1;
	}
	store->last = number;
	return 0;
}

static int keep(struct sink_message *message, const char *mail_from, const struct strings *rcpt_to) {
	int fd;

	flush(message);
	fd = message->fd;
	message->fd = -1;
	if (fd >= 0 && close(fd) != 0 && message->fault == 0)
		message->fault = errno;
	if (message->fault == 0 && put_in_place(message, mail_from, rcpt_to) != 0)
		message->fault = errno;
	if (message->fault == 0)
		return 0;
	unlinkat(message->store->folder, message->name, 0);
	return -1;
}

int sink_message_finish(struct sink_message **message, const char *mail_from, const struct strings *rcpt_to,
                        struct err *err) {
	struct sink_message *m = *message;
	struct sink_store *store = m->store;
	int result = m->fault == 0 ? 0 : -1;

	assert(rcpt_to->len > 0);
	if (result == 0 && !store->discard)
		result = keep(m, mail_from, rcpt_to);
	if (result == 0) {
		store->messages++;
		store->recipients += rcpt_to->len;
		store->bytes += m->size;
		store->changed = true;
	} else {
		err_set(err, "message not kept: %s", strerror(m->fault));
	}
	sink_message_drop(message);
	return result;
}

void sink_message_drop(struct sink_message **message) {
	struct sink_message *m = *message;

	if (m == NULL)
		return;
	if (m->fd >= 0) {
		close(m->fd);
		unlinkat(m->store->folder, m->name, 0);
	}
	buf_free(&m->pending);
	free(m);
	*message = NULL;
}
