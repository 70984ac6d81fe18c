#include "policyd/alert.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

/* What was told of late; the oldest gives way. */
#define TOLD_MAX 256
#define OWN_ARGUMENTS 3

struct told {
	char *stream; /* NULL: free */
	enum alert_kind kind;
	time_t when; /* of a clock that nobody sets */
};

struct pending {
	char **argv; /* NULL at its end */
	long timeout;
	struct pending *next;
};

struct alert {
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	struct pending *first, **end;
	size_t count;
	struct told told[TOLD_MAX];
	bool started, stopping;
	pid_t running; /* its process group; 0: none */
};

static time_t steady_seconds(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static const char *kind_name(enum alert_kind kind) {
	static const char *const names[] = {"stopped", "open", "closed"};

	return names[kind];
}

static void pending_free(struct pending **pending) {
	size_t i;

	if (*pending == NULL)
		return;
	for (i = 0; (*pending)->argv != NULL && (*pending)->argv[i] != NULL; i++)
		free((*pending)->argv[i]);
	free((*pending)->argv);
	free(*pending);
	*pending = NULL;
}

static struct pending *pending_new(const struct conf_policyd *conf, enum alert_kind kind, const char *stream,
                                   const char *reason) {
	const char *own[OWN_ARGUMENTS] = {kind_name(kind), stream, reason};
	struct pending *pending = calloc(1, sizeof *pending);
	size_t given = conf->alert_command.len, i;

	if (pending == NULL)
		return NULL;
	pending->timeout = conf->alert_timeout;
	pending->argv = calloc(given + OWN_ARGUMENTS + 1, sizeof *pending->argv);
	for (i = 0; pending->argv != NULL && i < given + OWN_ARGUMENTS; i++) {
		pending->argv[i] = strdup(i < given ? conf->alert_command.at[i] : own[i - given]);
		if (pending->argv[i] == NULL)
			break;
	}
	if (pending->argv == NULL || i < given + OWN_ARGUMENTS)
		pending_free(&pending);
	return pending;
}

/* Was the same told within the interval?  If not, it is now.  Under the lock. */
static bool told_lately(struct alert *alert, enum alert_kind kind, const char *stream, long interval) {
	struct told *place = &alert->told[0];
	time_t now = steady_seconds();
	size_t i;

	for (i = 0; i < TOLD_MAX; i++) {
		struct told *told = &alert->told[i];

		if (told->stream != NULL && told->kind == kind && strcmp(told->stream, stream) == 0) {
			if (now - told->when < interval)
				return true;
			told->when = now;
			return false;
		}
		if (told->stream == NULL || (place->stream != NULL && told->when < place->when))
			place = told;
	}
	free(place->stream);
	*place = (struct told){.stream = strdup(stream), .kind = kind, .when = now};
	return false;
}

void alert_raise(struct alert *alert, const struct conf_policyd *conf, enum alert_kind kind, const char *stream,
                 const char *reason) {
	const char *fault = NULL;
	struct pending *pending;

	if (conf->alert_command.len == 0)
		return;
	pending = pending_new(conf, kind, stream, reason);
	pthread_mutex_lock(&alert->lock);
	if (pending == NULL) {
		fault = "out of memory";
	} else if (alert->count == ALERT_PENDING_MAX) {
		fault = "too many wait";
	} else if (told_lately(alert, kind, stream, conf->alert_interval)) {
		fault = "told of late";
	} else {
		*alert->end = pending;
		alert->end = &pending->next;
		alert->count++;
		pending = NULL;
		pthread_cond_signal(&alert->more);
	}
	pthread_mutex_unlock(&alert->lock);
	pending_free(&pending);
	if (fault != NULL)
		log_line(CONF_LOG_WARNING, "alert_dropped", "kind", kind_name(kind), "stream", stream, "reason", fault,
		         NULL);
}

/* 0, or an errno.  Of its own process group, with no signal blocked or ignored. */
static int spawn(char *const argv[], pid_t *pid_r) {
	char *const environment[] = {(char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	                             (char[]){"LANG=C.UTF-8"}, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	result = posix_spawn(pid_r, argv[0], &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

/* Did it end in time? */
static bool wait_until_end(pid_t pid, long timeout) {
	struct pollfd watch = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	time_t end = steady_seconds() + timeout;
	int result = -1;

	if (watch.fd < 0)
		return false;
	while (result < 0) {
		time_t left = end - steady_seconds();

		result = poll(&watch, 1, left > 0 ? (int)left * 1000 : 0);
		if (result < 0 && errno != EINTR)
			break;
	}
	close(watch.fd);
	return result > 0;
}

/* So that alert_stop() can end it; not where that has begun already. */
static bool set_running(struct alert *alert, pid_t pid) {
	bool stopping;

	pthread_mutex_lock(&alert->lock);
	alert->running = pid;
	stopping = alert->stopping;
	pthread_mutex_unlock(&alert->lock);
	return !stopping;
}

static void run(struct alert *alert, const struct pending *pending) {
	const char *outcome = "done";
	int result, status = 0;
	char number[24];
	pid_t pid;

	result = spawn(pending->argv, &pid);
	if (result != 0) {
		log_line(CONF_LOG_ERROR, "alert_failed", "command", pending->argv[0], "reason", strerror(result), NULL);
		return;
	}
	if (!set_running(alert, pid) || !wait_until_end(pid, pending->timeout))
		outcome = "killed";
	/* What it left behind goes, too.  Its id is its own until it is waited for. */
	kill(-pid, SIGKILL);
	set_running(alert, 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	log_line(CONF_LOG_INFO, "alert", "command", pending->argv[0], "outcome", outcome, "status",
	         log_number(number, WIFEXITED(status) ? WEXITSTATUS(status) : -1), NULL);
}

static struct pending *pop(struct alert *alert) {
	struct pending *pending = alert->first;

	if (pending == NULL)
		return NULL;
	alert->first = pending->next;
	if (alert->first == NULL)
		alert->end = &alert->first;
	alert->count--;
	return pending;
}

static void *alert_main(void *argument) {
	struct alert *alert = argument;
	struct pending *pending;

	pthread_mutex_lock(&alert->lock);
	while (!alert->stopping) {
		pending = pop(alert);
		if (pending == NULL) {
			pthread_cond_wait(&alert->more, &alert->lock);
			continue;
		}
		pthread_mutex_unlock(&alert->lock);
		run(alert, pending);
		pending_free(&pending);
		pthread_mutex_lock(&alert->lock);
	}
	pthread_mutex_unlock(&alert->lock);
	return NULL;
}

struct alert *alert_start(struct err *err) {
	struct alert *alert = calloc(1, sizeof *alert);
	sigset_t all, old;
	int result;

	if (alert == NULL) {
		err_set(err, "alerts: out of memory");
		return NULL;
	}
	alert->end = &alert->first;
	pthread_mutex_init(&alert->lock, NULL);
	pthread_cond_init(&alert->more, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the program's own threads */
	result = pthread_create(&alert->thread, NULL, alert_main, alert);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	alert->started = result == 0;
	if (result != 0) {
		err_set(err, "alerts: can't start a thread: %s", strerror(result));
		alert_stop(&alert);
	}
	return alert;
}

void alert_stop(struct alert **alert) {
	struct pending *pending;
	size_t i;

	if (*alert == NULL)
		return;
	pthread_mutex_lock(&(*alert)->lock);
	(*alert)->stopping = true;
	if ((*alert)->running > 0)
		kill(-(*alert)->running, SIGKILL);
	pthread_cond_signal(&(*alert)->more);
	pthread_mutex_unlock(&(*alert)->lock);
	if ((*alert)->started)
		pthread_join((*alert)->thread, NULL);
	while ((pending = pop(*alert)) != NULL)
		pending_free(&pending);
	for (i = 0; i < TOLD_MAX; i++)
		free((*alert)->told[i].stream);
	pthread_mutex_destroy(&(*alert)->lock);
	pthread_cond_destroy(&(*alert)->more);
	free(*alert);
	*alert = NULL;
}
