#include "lib/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAID_MAX 256

/* The child, and our ends of its pipes (-1: closed). */
struct child {
	pid_t pid;
	int input, output;
	struct span message;
	char said[SAID_MAX];
	size_t said_len;
};

static long long now_ms(void) {
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void close_end(int *fd) {
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In a daemon that serves the net the child must get nothing but its own three
 * descriptors: all of ours are close-on-exec.  Standard output and error are one. */
static int start(struct child *child, char *const *argv, struct err *err) {
	int in[2] = {-1, -1}, out[2] = {-1, -1}, status;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, ignored;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) != 0) {
		err_set(err, "no pipe: %s", strerror(errno));
		close_end(&in[0]), close_end(&in[1]), close_end(&out[0]), close_end(&out[1]);
		return -1;
	}
	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &ignored);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	status = posix_spawn(&child->pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close_end(&in[0]);
	close_end(&out[1]);
	child->input = in[1];
	child->output = out[0];
	if (status == 0)
		return 0;
	close_end(&child->input);
	close_end(&child->output);
	return err_set(err, "%s can't be run: %s", argv[0], strerror(status));
}

static void feed(struct child *child) {
	ssize_t put = write(child->input, child->message.at, child->message.len);

	if (put > 0)
		child->message = span_from(child->message, (size_t)put);
	/* One that has read enough, or nothing, says so by its status. */
	if (child->message.len == 0 || (put < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&child->input);
}

static void listen_to(struct child *child) {
	char rest[4096];
	size_t room = sizeof child->said - 1 - child->said_len;
	ssize_t got = room > 0 ? read(child->output, child->said + child->said_len, room)
	                       : read(child->output, rest, sizeof rest);

	if (got > 0 && room > 0)
		child->said_len += (size_t)got;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&child->output);
}

/* Until the child has closed its end; -1 when the time is over. */
static int talk(struct child *child, long long end) {
	if (child->message.len == 0)
		close_end(&child->input);
	while (child->input >= 0 || child->output >= 0) {
		struct pollfd fds[2] = {{.fd = child->input, .events = POLLOUT},
		                        {.fd = child->output, .events = POLLIN}};
		long long left = end - now_ms();

		if (left <= 0)
			return -1;
		if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
			return -1;
		if (fds[0].revents != 0)
			feed(child);
		if (fds[1].revents != 0)
			listen_to(child);
	}
	return 0;
}

/* What is left of the time goes to waiting for its end. */
static int await(struct child *child, long long end, int *status_r) {
	int fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	long long left;
	int got = 0;

	while (fd >= 0 && (left = end - now_ms()) > 0 && (got = poll(&ended, 1, (int)left)) < 0 && errno == EINTR)
		;
	if (got <= 0)
		kill(child->pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(child->pid, status_r, 0) < 0)
		if (errno != EINTR)
			return -1;
	return got > 0 ? 0 : -1;
}

int sendmail_run(const struct strings *command, const char *sender, const char *recipient, struct span message,
                 int timeout, struct err *err) {
	struct child child = {.input = -1, .output = -1, .message = message};
	char *argv[SENDMAIL_ARGUMENTS_MAX + 6];
	long long end = now_ms() + timeout * 1000LL;
	size_t count, i;
	int status = 0;

	if (command->len == 0 || command->len > SENDMAIL_ARGUMENTS_MAX)
		return err_set(err, "no command that takes mail");
	for (count = 0; count < command->len; count++)
		argv[count] = command->at[count];
	argv[count++] = (char[]){"-i"};
	argv[count++] = (char[]){"-f"};
	argv[count++] = (char *)(uintptr_t)sender;
	argv[count++] = (char[]){"--"};
	argv[count++] = (char *)(uintptr_t)recipient;
	argv[count] = NULL;
	if (start(&child, argv, err) != 0)
		return -1;
	if (talk(&child, end) != 0)
		end = 0;
	close_end(&child.input);
	close_end(&child.output);
	if (await(&child, end, &status) != 0)
		return err_set(err, "%s did not end within %d seconds", argv[0], timeout);
	if (status == 0)
		return 0;
	for (i = 0; i < child.said_len; i++)
		if (child.said[i] == '\n' || child.said[i] == '\r' || child.said[i] == '\0')
			child.said[i] = ' ';
	return WIFEXITED(status) ? err_set(err, "%s ended with status %d: %s", argv[0], WEXITSTATUS(status), child.said)
	                         : err_set(err, "%s ended by signal %d: %s", argv[0], WTERMSIG(status), child.said);
}
