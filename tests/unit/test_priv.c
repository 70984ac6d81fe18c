/* lib/priv.h: no way back to root, and folders for sockets.  As root they all run; else those that need no root. */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/priv.h"

#define USER "nobody"
#define GROUP "nogroup"

struct fixture {
	char top[64];
	char folder[80];
	char path[100];
};

static int set_up(void **state) {
	static struct fixture f;

	snprintf(f.top, sizeof f.top, "/tmp/test_priv.XXXXXX");
	if (mkdtemp(f.top) == NULL || chmod(f.top, 0755) != 0)
		return -1;
	snprintf(f.folder, sizeof f.folder, "%s/todoku", f.top);
	snprintf(f.path, sizeof f.path, "%s/a.sock", f.folder);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", f->top);
	return system(command);
}

/* What the function says in a process of its own: 0, or the number of the failed check. */
static int in_child(int (*run)(const struct fixture *), const struct fixture *f) {
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0)
		_exit(run(f));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int drop_and_try_back(const struct fixture *f) {
	const gid_t groups[] = {0, 1, 2};
	struct err err;
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	(void)f;
	if (setgroups(3, groups) != 0)
		return 1;
	if (priv_drop(USER, GROUP, &err) != 0)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setreuid(-1, 0) == 0 || setgid(0) == 0 || setegid(0) == 0)
		return 3;
	if (getgroups(0, NULL) != 0)
		return 4;
	getresuid(&real, &effective, &saved);
	getresgid(&real_group, &effective_group, &saved_group);
	if (real != getpwnam(USER)->pw_uid || effective != real || saved != real)
		return 5;
	if (real_group != getgrnam(GROUP)->gr_gid || effective_group != real_group || saved_group != real_group)
		return 6;
	if (open("/etc/shadow", O_RDONLY) >= 0)
		return 7;
	/* Not root any more: nothing to do, whoever is named. */
	return priv_drop("no-such-user", GROUP, &err) == 0 ? 0 : 8;
}

static void test_drop(void **state) {
	/* Only root has something to drop. */
	assert_int_equal(geteuid(), 0);
	assert_int_equal(in_child(drop_and_try_back, *state), 0);
}

static void test_drop_refuses(void **state) {
	static const struct {
		const char *user, *group, *want;
	} cases[] = {
	        {"no-such-user", GROUP, "user \"no-such-user\""},
	        {USER, "no-such-group", "group \"no-such-group\""},
	        {"root", GROUP, "others than root"},
	        {USER, "root", "others than root"},
	};
	size_t i;

	(void)state;
	assert_int_equal(geteuid(), 0);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {""};

		assert_int_equal(priv_drop(cases[i].user, cases[i].group, &err), -1);
		assert_non_null(strstr(err.text, cases[i].want));
		assert_int_equal(geteuid(), 0);
	}
}

static int listen_at(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void assert_folder(const struct fixture *f, mode_t mode) {
	struct stat st;

	assert_int_equal(stat(f->folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, getpwnam(USER)->pw_uid);
		assert_int_equal(st.st_gid, getgrnam(GROUP)->gr_gid);
	}
}

static void test_folder(void **state) {
	static const struct {
		int had; /* mode; -1: no folder */
		mode_t want;
	} cases[] = {{-1, 0750}, {0700, 0750}, {0750, 0750}, {0770, 0770}, {02755, 02755}};
	const struct fixture *f = *state;
	mode_t mask = umask(077);
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {""};

		rmdir(f->folder);
		if (cases[i].had >= 0) {
			assert_int_equal(mkdir(f->folder, 0700), 0);
			assert_int_equal(chmod(f->folder, (mode_t)cases[i].had), 0);
		}
		if (priv_prepare_socket(f->path, USER, GROUP, &err) != 0)
			fail_msg("%s", err.text);
		assert_folder(f, cases[i].want);
		/* And again, as a second daemon does that shares the folder. */
		assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), 0);
		assert_folder(f, cases[i].want);
	}
	umask(mask);
}

static void test_socket(void **state) {
	const struct fixture *f = *state;
	struct err err = {""};
	struct stat st;
	FILE *file;
	int fd;

	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), 0);
	fd = listen_at(f->path);
	/* In use: kept. */
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
	assert_non_null(strstr(err.text, "listens"));
	assert_int_equal(lstat(f->path, &st), 0);
	close(fd);
	/* Stale: removed. */
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), 0);
	assert_int_equal(lstat(f->path, &st), -1);
	/* No socket: kept. */
	file = fopen(f->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
	assert_non_null(strstr(err.text, "no socket"));
	assert_int_equal(lstat(f->path, &st), 0);
	unlink(f->path);
	assert_int_equal(symlink("/etc/passwd", f->path), 0);
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
	assert_int_equal(lstat(f->path, &st), 0);
}

static void test_bad_paths(void **state) {
	const struct fixture *f = *state;
	struct err err;
	char path[300];

	assert_int_equal(priv_prepare_socket("", USER, GROUP, &err), -1);
	assert_int_equal(priv_prepare_socket("a.sock", USER, GROUP, &err), -1);
	assert_int_equal(priv_prepare_socket("/a.sock", USER, GROUP, &err), -1);
	assert_int_equal(priv_prepare_socket("/tmp/x/", USER, GROUP, &err), -1);
	assert_int_equal(priv_prepare_socket("/nonexistent/todoku/a.sock", USER, GROUP, &err), -1);
	snprintf(path, sizeof path, "%s/%0200d", f->top, 0);
	assert_int_equal(priv_prepare_socket(path, USER, GROUP, &err), -1);
	assert_non_null(strstr(err.text, "108"));
	/* A link in the folder's place might lead anywhere. */
	snprintf(path, sizeof path, "%s/elsewhere", f->top);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(symlink(path, f->folder), 0);
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
}

/* Folders of others don't change hands: /run, /tmp, a spool folder. */
static void test_folder_of_others(void **state) {
	const struct fixture *f = *state;
	struct err err = {""};
	struct stat st;
	char path[120];
	int fd;

	assert_int_equal(geteuid(), 0);
	assert_int_equal(mkdir(f->folder, 0755), 0);
	snprintf(path, sizeof path, "%s/theirs", f->folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
	assert_non_null(strstr(err.text, "folder of its own"));
	unlink(path);
	assert_int_equal(chmod(f->folder, 01777), 0);
	assert_int_equal(priv_prepare_socket(f->path, USER, GROUP, &err), -1);
	assert_int_equal(stat(f->folder, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(priv_prepare_socket(f->path, "no-such-user", GROUP, &err), -1);
}

static int prepare_as_nobody(const struct fixture *f) {
	struct err err;

	if (priv_drop(USER, GROUP, &err) != 0)
		return 1;
	/* The folder is root's. */
	if (priv_prepare_socket(f->path, USER, GROUP, &err) == 0)
		return 2;
	return 0;
}

static void test_folder_not_ours(void **state) {
	const struct fixture *f = *state;

	assert_int_equal(geteuid(), 0);
	assert_int_equal(mkdir(f->folder, 0755), 0);
	assert_int_equal(in_child(prepare_as_nobody, f), 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH_FOLDER(test_drop),
	        WITH_FOLDER(test_drop_refuses),
	        WITH_FOLDER(test_folder),
	        WITH_FOLDER(test_socket),
	        WITH_FOLDER(test_bad_paths),
	        WITH_FOLDER(test_folder_of_others),
	        WITH_FOLDER(test_folder_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
