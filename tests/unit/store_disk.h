/*
 * The disk below SQLite: counts its syncs, and fills up when told to.
 */
#ifndef TESTS_UNIT_STORE_DISK_H
#define TESTS_UNIT_STORE_DISK_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/store_disk_full.h"
#include "tests/unit/store_fixture.h"

/* SQLite's calls end here, so that syncs can be counted. */
static atomic_int syncs;

int fdatasync(int fd) {
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

static int tear_down(void **state) {
	set_disk_full(false);
	return fixture_remove(state);
}

#endif
