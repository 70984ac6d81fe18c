/* New rings and new keys in old ones: the half of lib/keyring.h that writes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/clock.h"
#include "lib/keyring_private.h"

static int write_all(int fd, struct span text) {
	while (text.len > 0) {
		ssize_t wrote = write(fd, text.at, text.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		text = span_from(text, (size_t)wrote);
	}
	return fsync(fd);
}

/* Until the folder is on disk, a power cut may undo a rename. */
static int sync_folder(const char *file) {
	const char *slash = strrchr(file, '/');
	char folder[PATH_MAX];
	int fd, result;

	if (slash == NULL)
		snprintf(folder, sizeof folder, ".");
	else
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - file) + 1, file);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	close(fd);
	return result;
}

static int add_secret(struct buf *text) {
	unsigned char secret[SECRET_SIZE];
	size_t i;

	if (getentropy(secret, sizeof secret) != 0)
		return -1;
	for (i = 0; i < sizeof secret; i++)
		buf_printf(text, "%02x", secret[i]);
	buf_add_byte(text, '\n');
	OPENSSL_cleanse(secret, sizeof secret);
	return text->failed ? -1 : 0;
}

static int add_new_key(struct buf *text, int id, time_t created) {
	char stamp[STAMP_SIZE];

	stamp_format(created, stamp);
	buf_printf(text, "key %d %s ", id, stamp);
	return add_secret(text);
}

int keyring_create(const char *file, time_t now, struct err *err) {
	char temp[PATH_MAX];
	struct buf text;
	int fd, result = -1;

	if (snprintf(temp, sizeof temp, "%s.XXXXXX", file) >= (int)sizeof temp)
		return err_set(err, "%s: name too long", file);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, "%s: %s", file, strerror(errno));
	buf_init(&text, RING_FILE_MAX);
	buf_reserve(&text, RING_FILE_MAX);
	buf_add_text(&text,
	             "# Key ring of todoku, see todoku-token(7).  A line lost breaks links in mail already sent.\n"
	             "address ");
	if (add_secret(&text) != 0 || add_new_key(&text, 1, now) != 0 || fchmod(fd, 0640) != 0 ||
	    write_all(fd, buf_span(&text)) != 0)
		err_set(err, "%s: %s", temp, strerror(errno));
	/* A link, unlike a rename, fails where the name is taken. */
	else if (link(temp, file) != 0)
		err_set(err, "%s: %s%s", file, strerror(errno),
		        errno == EEXIST ? " and stays as it is (todoku key rotate adds a key)" : "");
	else
		result = 0;
	keyring_wipe(&text);
	close(fd);
	unlink(temp);
	if (result == 0 && sync_folder(file) != 0)
		return err_set(err, "%s: made, but its folder could not be flushed: %s", file, strerror(errno));
	return result;
}

/* The ring open and locked.  The rename of another rotation may put a new file
 * there while this one waits for the lock of the old: then it starts over. */
static int lock_ring(const char *file, struct stat *st_r, struct err *err) {
	for (;;) {
		struct stat named;
		int fd = keyring_open(file, err), locked;

		if (fd < 0)
			return -1;
		do
			locked = flock(fd, LOCK_EX);
		while (locked != 0 && errno == EINTR);
		if (locked != 0 || fstat(fd, st_r) != 0) {
			err_set(err, "%s: %s", file, strerror(errno));
			close(fd);
			return -1;
		}
		if (stat(file, &named) == 0 && named.st_dev == st_r->st_dev && named.st_ino == st_r->st_ino)
			return fd;
		close(fd);
	}
}

/* Puts the text in the file's place, with the old file's owner, group and mode.
 * The caller has the lock, so a temporary file that is there is a leftover. */
static int replace_ring(const char *file, struct span text, const struct stat *old, struct err *err) {
	char temp[PATH_MAX];
	int fd, failed;

	if (snprintf(temp, sizeof temp, "%s.new", file) >= (int)sizeof temp)
		return err_set(err, "%s: name too long", file);
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, "%s: %s", temp, strerror(errno));
	failed = fchown(fd, old->st_uid, old->st_gid) != 0 || fchmod(fd, old->st_mode & 07777) != 0 ||
	         write_all(fd, text) != 0 || rename(temp, file) != 0;
	if (failed) {
		err_set(err, "%s: %s; the ring is as it was", temp, strerror(errno));
		unlink(temp);
	}
	close(fd);
	if (!failed && sync_folder(file) != 0)
		return err_set(err, "%s: has its new key, but its folder could not be flushed: %s", file,
		               strerror(errno));
	return failed ? -1 : 0;
}

/* The next id that is free, or -1. */
static int free_id(const struct keyring *ring) {
	int i;

	for (i = 1; i < RING_IDS; i++) {
		int id = (keyring_signer(ring) + i) % RING_IDS;

		if (!keyring_has(ring, (uint8_t)id))
			return id;
	}
	return -1;
}

static int rotate_locked(const char *file, int fd, const struct stat *old, time_t now, struct err *err) {
	struct buf text = {0};
	struct keyring *ring = NULL;
	int id, result = -1;

	if (keyring_read(fd, file, &text, err) != 0 || (ring = keyring_parse(file, buf_span(&text), err)) == NULL)
		goto out;
	id = free_id(ring);
	if (id < 0) {
		err_set(err, "%s: all %d key ids are taken", file, RING_IDS);
		goto out;
	}
	/* A clock that went back must not leave the old key the newest. */
	if (now < keyring_newest(ring))
		now = keyring_newest(ring);
	if (text.at[text.len - 1] != '\n')
		buf_add_byte(&text, '\n');
	if (add_new_key(&text, id, now) != 0 || text.len > RING_FILE_MAX)
		err_set(err, "%s: no room for one more key in %d octets; shorten its comments", file, RING_FILE_MAX);
	else
		result = replace_ring(file, buf_span(&text), old, err);
out:
	keyring_free(&ring);
	keyring_wipe(&text);
	return result;
}

int keyring_rotate(const char *file, time_t now, struct err *err) {
	char real[PATH_MAX];
	struct stat old;
	int fd, result;

	/* Through symbolic links, or the rename would replace the link. */
	if (realpath(file, real) == NULL)
		return err_set(err, "%s: %s", file, strerror(errno));
	fd = lock_ring(real, &old, err);
	if (fd < 0)
		return -1;
	result = rotate_locked(real, fd, &old, now, err);
	close(fd);
	return result;
}
