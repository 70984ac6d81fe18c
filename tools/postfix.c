#include "tools/postfix.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1U << 30)
#define IDS_MAX (1U << 24)

/* What the child is asked for. */
enum task { TASK_LIST, TASK_LIFETIME, TASK_RELEASE, TASK_REQUEUE, TASK_DELETE, TASK_NOW, TASK_PICK_UP };

struct request {
	enum task task;
	uint32_t len; /* of the ids that follow */
};

struct reply {
	int status; /* of wait(2), or -1 */
	uint32_t len;
};

struct postfix {
	pid_t child;
	int to;
	int from;
};

/* ---- both ---- */

static int write_all(int fd, const void *bytes, size_t len) {
	const char *at = bytes;

	while (len > 0) {
		ssize_t wrote = write(fd, at, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		at += wrote;
		len -= (size_t)wrote;
	}
	return 0;
}

static int read_all(int fd, void *bytes, size_t len) {
	char *at = bytes;

	while (len > 0) {
		ssize_t got = read(fd, at, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

/* ---- the child ---- */

static void run_program(const char *config, enum task task, const char *id) {
	static char *const words[][4] = {
	        [TASK_LIST] = {"postqueue", "-j", NULL},
	        [TASK_LIFETIME] = {"postconf", "-h", "maximal_queue_lifetime", NULL},
	        [TASK_RELEASE] = {"postsuper", "-H", "-", NULL},
	        [TASK_REQUEUE] = {"postsuper", "-r", "-", "hold"},
	        [TASK_DELETE] = {"postsuper", "-d", "-", "hold"},
	        [TASK_NOW] = {"postqueue", "-i", NULL},
	        [TASK_PICK_UP] = {"postkick", "public", "pickup", "W"},
	};
	char *arguments[8];
	size_t count = 0, i;

	arguments[count++] = words[task][0];
	if (config[0] != '\0') {
		arguments[count++] = "-c";
		arguments[count++] = (char *)(uintptr_t)config;
	}
	for (i = 1; i < 4 && words[task][i] != NULL; i++)
		arguments[count++] = words[task][i];
	if (id != NULL)
		arguments[count++] = (char *)(uintptr_t)id;
	arguments[count] = NULL;
	execvp(arguments[0], arguments);
	fprintf(stderr, "todoku: %s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

/* Reads what the program writes, to the end, while a further process feeds it. */
static int collect(int fd, struct buf *output) {
	for (;;) {
		char *room = buf_reserve(output, 65536);
		ssize_t got = room == NULL ? -1 : read(fd, room, 65536);

		if (got < 0 && errno == EINTR && room != NULL)
			continue;
		if (got <= 0)
			return got == 0 ? 0 : -1;
		output->len += (size_t)got;
	}
}

static pid_t feed(int fd, struct span ids, int other) {
	pid_t pid = fork();

	if (pid == 0) {
		close(other);
		_exit(write_all(fd, ids.at, ids.len) == 0 ? 0 : 1);
	}
	return pid;
}

/* The status of wait(2), or -1. */
static int run(const char *config, enum task task, const char *id, struct span ids, struct buf *output) {
	int in[2], out[2], status = -1;
	pid_t pid, feeder;

	if (pipe(in) != 0)
		return -1;
	if (pipe(out) != 0) {
		close(in[0]);
		close(in[1]);
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		run_program(config, task, id);
	}
	close(in[0]);
	close(out[1]);
	feeder = pid < 0 ? -1 : feed(in[1], ids, out[0]);
	close(in[1]);
	if (pid > 0 && collect(out[0], output) != 0)
		kill(pid, SIGTERM);
	close(out[0]);
	if (feeder > 0)
		waitpid(feeder, NULL, 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Letters and digits alone: nothing of it is an option, a path or a command. */
static bool are_ids(struct span ids) {
	size_t i, len = 0;

	for (i = 0; i < ids.len; i++) {
		if (ids.at[i] == '\n' && len > 0 && len < 64)
			len = 0;
		else if (ascii_is_alnum(ids.at[i]))
			len++;
		else
			return false;
	}
	return len == 0;
}

/* postqueue takes one id at a time. */
static int hurry(const char *config, struct span ids, struct buf *output) {
	int status = 0;

	while (ids.len > 0 && status == 0) {
		ssize_t end = span_find_byte(ids, '\n');
		char id[64];

		snprintf(id, sizeof id, "%.*s", (int)end, ids.at);
		status = run(config, TASK_NOW, id, SPAN_NONE, output);
		ids = span_from(ids, (size_t)end + 1);
	}
	return status;
}

static int serve_one(const char *config, int from, int to) {
	struct request request;
	struct reply reply = {.status = -1};
	struct buf ids, output;
	char *room = NULL;
	int outcome = -1;

	if (read_all(from, &request, sizeof request) != 0)
		return -1;
	buf_init(&ids, IDS_MAX);
	buf_init(&output, OUTPUT_MAX);
	if (request.len > 0 &&
	    ((room = buf_reserve(&ids, request.len)) == NULL || read_all(from, room, request.len) != 0))
		goto out;
	ids.len = request.len;
	if (are_ids(buf_span(&ids)))
		reply.status = request.task == TASK_NOW ? hurry(config, buf_span(&ids), &output)
		                                        : run(config, request.task, NULL, buf_span(&ids), &output);
	reply.len = (uint32_t)output.len;
	outcome = write_all(to, &reply, sizeof reply) == 0 && write_all(to, output.at, output.len) == 0 ? 0 : -1;
out:
	buf_free(&ids);
	buf_free(&output);
	return outcome;
}

static void serve(const char *config, int from, int to) {
	static char path[] = "/usr/sbin:/usr/bin:/sbin:/bin";

	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", path, 1);
	while (serve_one(config, from, to) == 0)
		;
	_exit(0);
}

/* ---- the parent ---- */

struct postfix *postfix_open(const char *config, struct err *err) {
	struct postfix *postfix = calloc(1, sizeof *postfix);
	int there[2] = {-1, -1}, back[2] = {-1, -1};

	if (postfix == NULL || pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0)
		goto fail;
	fflush(NULL);
	postfix->child = fork();
	if (postfix->child < 0)
		goto fail;
	if (postfix->child == 0) {
		close(there[1]);
		close(back[0]);
		serve(config, there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	signal(SIGPIPE, SIG_IGN);
	postfix->to = there[1];
	postfix->from = back[0];
	return postfix;
fail:
	err_set(err, "can't run Postfix's commands: %s", strerror(errno));
	if (there[0] >= 0) {
		close(there[0]);
		close(there[1]);
	}
	if (back[0] >= 0) {
		close(back[0]);
		close(back[1]);
	}
	free(postfix);
	return NULL;
}

void postfix_close(struct postfix **postfix) {
	if (*postfix == NULL)
		return;
	close((*postfix)->to);
	close((*postfix)->from);
	waitpid((*postfix)->child, NULL, 0);
	free(*postfix);
	*postfix = NULL;
}

static int call(struct postfix *postfix, enum task task, struct span ids, struct buf *output, struct err *err) {
	struct request request = {.task = task, .len = (uint32_t)ids.len};
	struct reply reply;
	char *room;

	if (write_all(postfix->to, &request, sizeof request) != 0 || write_all(postfix->to, ids.at, ids.len) != 0 ||
	    read_all(postfix->from, &reply, sizeof reply) != 0)
		return err_set(err, "can't run Postfix's commands");
	if (reply.len > 0) {
		room = buf_reserve(output, reply.len);
		if (room == NULL || read_all(postfix->from, room, reply.len) != 0)
			return err_set(err, "can't read what Postfix's command says");
		output->len += reply.len;
	}
	if (reply.status == 0)
		return 0;
	return err_set(err, "Postfix's command failed with status %d; its words are above",
	               WIFEXITED(reply.status) ? WEXITSTATUS(reply.status) : reply.status);
}

int postfix_order(struct postfix *postfix, enum postfix_order order, struct span ids, struct err *err) {
	static const enum task tasks[] = {TASK_RELEASE, TASK_REQUEUE, TASK_DELETE};
	struct buf output;
	int outcome;

	if (ids.len == 0)
		return 0;
	buf_init(&output, OUTPUT_MAX);
	outcome = call(postfix, tasks[order], ids, &output, err);
	/* Let go they lie among the deferred, and wait for the next scan of them. */
	if (outcome == 0 && order == POSTFIX_RELEASE)
		outcome = call(postfix, TASK_NOW, ids, &output, err);
	/* As new they lie in the maildrop, where pickup(8) looks once a minute. */
	if (outcome == 0 && order == POSTFIX_REQUEUE)
		outcome = call(postfix, TASK_PICK_UP, SPAN_NONE, &output, err);
	buf_free(&output);
	return outcome;
}

/* "5d", "100s"; a bare number is days. */
int postfix_lifetime(struct postfix *postfix, long *seconds_r, struct err *err) {
	struct buf output;
	char *unit = NULL;
	long number;
	int outcome;

	buf_init(&output, 1024);
	outcome = call(postfix, TASK_LIFETIME, SPAN_NONE, &output, err);
	buf_add_byte(&output, '\0');
	if (outcome == 0 && !output.failed) {
		number = strtol(output.at, &unit, 10);
		*seconds_r = number * (*unit == 's'   ? 1
		                       : *unit == 'm' ? 60
		                       : *unit == 'h' ? 3600
		                       : *unit == 'w' ? 604800
		                                      : 86400);
		if (unit == output.at || number < 0 || number > 1000000)
			outcome = err_set(err, "maximal_queue_lifetime: found \"%.20s\"", output.at);
	}
	buf_free(&output);
	return outcome;
}

static int compare_mails(const void *a, const void *b) {
	return strcmp(((const struct postfix_mail *)a)->queue_id, ((const struct postfix_mail *)b)->queue_id);
}

static char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));

	return strdup(text == NULL ? "" : text);
}

static int read_mail(const json_t *said, struct postfix_mail *mail) {
	const json_t *recipients = json_object_get(said, "recipients");
	const char *address;
	size_t i;

	mail->queue_id = text_of(said, "queue_id");
	mail->queue = text_of(said, "queue_name");
	mail->arrival = (time_t)json_integer_value(json_object_get(said, "arrival_time"));
	if (mail->queue_id == NULL || mail->queue == NULL)
		return -1;
	for (i = 0; i < json_array_size(recipients); i++) {
		address = json_string_value(json_object_get(json_array_get(recipients, i), "address"));
		if (address != NULL && strings_add(&mail->recipients, span_of(address)) != 0)
			return -1;
	}
	return 0;
}

static int add_line(struct postfix_queue *queue, struct span line, size_t *room) {
	struct postfix_mail *mail;
	json_t *said;
	int outcome;

	if (queue->count == *room) {
		size_t more = *room == 0 ? 256 : *room * 2;
		struct postfix_mail *mails = reallocarray(queue->mails, more, sizeof *mails);

		if (mails == NULL)
			return -1;
		queue->mails = mails;
		*room = more;
	}
	said = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
	/* An address that is not UTF-8: none of ours, and no JSON. */
	if (said == NULL)
		return 0;
	mail = &queue->mails[queue->count++];
	*mail = (struct postfix_mail){0};
	outcome = read_mail(said, mail);
	json_decref(said);
	return outcome;
}

int postfix_read_queue(struct postfix *postfix, struct postfix_queue *queue_r, struct err *err) {
	struct buf output;
	struct span rest;
	size_t room = 0;
	int outcome;

	*queue_r = (struct postfix_queue){0};
	buf_init(&output, OUTPUT_MAX);
	outcome = call(postfix, TASK_LIST, SPAN_NONE, &output, err);
	for (rest = buf_span(&output); outcome == 0 && rest.len > 0;) {
		ssize_t end = span_find_byte(rest, '\n');
		size_t len = end < 0 ? rest.len : (size_t)end;

		if (add_line(queue_r, span_make(rest.at, len), &room) != 0)
			outcome = err_set(err, "out of memory");
		rest = span_from(rest, end < 0 ? len : len + 1);
	}
	buf_free(&output);
	if (outcome != 0)
		postfix_queue_free(queue_r);
	else if (queue_r->count > 0)
		qsort(queue_r->mails, queue_r->count, sizeof *queue_r->mails, compare_mails);
	return outcome;
}

void postfix_queue_free(struct postfix_queue *queue) {
	size_t i;

	for (i = 0; i < queue->count; i++) {
		free(queue->mails[i].queue_id);
		free(queue->mails[i].queue);
		strings_free(&queue->mails[i].recipients);
	}
	free(queue->mails);
	*queue = (struct postfix_queue){0};
}

const struct postfix_mail *postfix_find(const struct postfix_queue *queue, const char *queue_id) {
	struct postfix_mail sought = {.queue_id = (char *)(uintptr_t)queue_id};

	return queue->count == 0 ? NULL
	                         : bsearch(&sought, queue->mails, queue->count, sizeof *queue->mails, compare_mails);
}
