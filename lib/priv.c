#include "lib/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ENTRY_MAX 65536 /* octets of an entry of passwd or group */

struct ids {
	uid_t uid;
	gid_t gid;
};

static int find_ids(const char *user, const char *group, struct ids *ids_r, struct err *err) {
	char memory[ENTRY_MAX];
	struct passwd pw, *pw_found = NULL;
	struct group gr, *gr_found = NULL;
	int failed = getpwnam_r(user, &pw, memory, sizeof memory, &pw_found);

	if (pw_found == NULL)
		return err_set(err, "user \"%s\": %s", user, failed != 0 ? strerror(failed) : "there is none");
	ids_r->uid = pw.pw_uid;
	failed = getgrnam_r(group, &gr, memory, sizeof memory, &gr_found);
	if (gr_found == NULL)
		return err_set(err, "group \"%s\": %s", group, failed != 0 ? strerror(failed) : "there is none");
	ids_r->gid = gr.gr_gid;
	if (ids_r->uid == 0 || ids_r->gid == 0)
		return err_set(err, "user \"%s\" and group \"%s\": allowed: others than root", user, group);
	return 0;
}

static bool ids_are(struct ids ids) {
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;

	return getresuid(&real, &effective, &saved) == 0 && real == ids.uid && effective == ids.uid &&
	       saved == ids.uid && getresgid(&real_group, &effective_group, &saved_group) == 0 &&
	       real_group == ids.gid && effective_group == ids.gid && saved_group == ids.gid && getgroups(0, NULL) == 0;
}

int priv_drop(const char *user, const char *group, struct err *err) {
	struct ids ids;

	if (geteuid() != 0)
		return 0;
	if (find_ids(user, group, &ids, err) != 0)
		return -1;
	/* The groups first: afterwards it is no longer allowed. */
	if (setgroups(0, NULL) != 0 || setresgid(ids.gid, ids.gid, ids.gid) != 0 ||
	    setresuid(ids.uid, ids.uid, ids.uid) != 0)
		return err_set(err, "becoming user \"%s\", group \"%s\": %s", user, group, strerror(errno));
	if (!ids_are(ids) || setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0)
		return err_set(err, "became user \"%s\", group \"%s\", but could become root again", user, group);
	return 0;
}

static bool folder_is_empty(int folder) {
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool empty = dir != NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (dir != NULL)
		closedir(dir);
	return empty;
}

/* Gives the folder to the user and the group.  One that serves others, as /run
 * or /tmp, is left alone: taking it would harm the whole system. */
static int own_folder(int fd, const char *folder, const char *user, const char *group, struct err *err) {
	struct stat st;
	struct ids ids;

	if (find_ids(user, group, &ids, err) != 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return err_set(err, "%s: %s", folder, strerror(errno));
	if (st.st_uid != ids.uid && ((st.st_mode & S_ISVTX) != 0 || !folder_is_empty(fd)))
		return err_set(err,
		               "%s: belongs to another user than \"%s\" and is in use; the socket needs a folder "
		               "of its own",
		               folder, user);
	if ((st.st_uid != ids.uid || st.st_gid != ids.gid) && fchown(fd, ids.uid, ids.gid) != 0)
		return err_set(err, "%s: %s", folder, strerror(errno));
	return 0;
}

/* Whatever the umask: Postfix comes in through the group. */
static int open_to_group(int fd, const char *folder, struct err *err) {
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set(err, "%s: %s", folder, strerror(errno));
	if (st.st_uid != geteuid() && geteuid() != 0)
		return 0;
	if ((st.st_mode & 0750) != 0750 && fchmod(fd, (st.st_mode & 07777) | 0750) != 0)
		return err_set(err, "%s: %s", folder, strerror(errno));
	return 0;
}

/* 0 where nobody listens on the socket any more, and it could be removed. */
static int remove_stale(int fd, const char *path, const char *name, struct err *err) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int probe, answer;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "%s: is there and no socket; move it away", path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	answer = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
	close(probe);
	if (answer != ECONNREFUSED)
		return err_set(err, "%s: another process listens there", path);
	if (unlinkat(fd, name, 0) != 0 && errno != ENOENT)
		return err_set(err, "%s: %s", path, strerror(errno));
	return 0;
}

int priv_prepare_socket(const char *path, const char *user, const char *group, struct err *err) {
	const char *slash = strrchr(path, '/');
	char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
	int fd, result = 0;

	if (path[0] != '/' || slash == path || slash[1] == '\0' || strlen(path) >= sizeof folder)
		return err_set(err, "found \"%s\", allowed: a socket's whole path, in a folder, under %zu octets", path,
		               sizeof folder);
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		return err_set(err, "%s: %s", folder, strerror(errno));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, "%s: %s", folder, strerror(errno));
	if (geteuid() == 0)
		result = own_folder(fd, folder, user, group, err);
	else if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
		result = err_set(err, "%s: %s", folder, strerror(errno));
	if (result == 0)
		result = open_to_group(fd, folder, err);
	if (result == 0)
		result = remove_stale(fd, path, slash + 1, err);
	close(fd);
	return result;
}
