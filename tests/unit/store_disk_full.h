/*
 * A disk below SQLite that fills up, or can only be read, when told to.
 */
#ifndef TESTS_UNIT_STORE_DISK_FULL_H
#define TESTS_UNIT_STORE_DISK_FULL_H

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

static inline ssize_t pwrite_full(int fd, const void *bytes, size_t count, off_t at) {
	(void)fd, (void)bytes, (void)count, (void)at;
	errno = ENOSPC;
	return -1;
}

static inline void set_disk_full(bool full) {
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, "pwrite", full ? (sqlite3_syscall_ptr)pwrite_full : NULL);
	vfs->xSetSystemCall(vfs, "pwrite64", full ? (sqlite3_syscall_ptr)pwrite_full : NULL);
}

static inline int open_readonly(const char *path, int flags, int mode) {
	if ((flags & O_ACCMODE) == O_RDONLY)
		return open(path, flags, mode);
	errno = EROFS;
	return -1;
}

/* For handles that are opened from now on. */
static inline void set_disk_readonly(bool readonly) {
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, "open", readonly ? (sqlite3_syscall_ptr)open_readonly : NULL);
}

#endif
