#include "lib/store_driver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One call of store_writer_add(), on its caller's stack until it is answered. */
struct request {
	const struct store_send *sends;
	size_t count;
	long long deadline; /* for a store that is locked, as store_now_ms() */
	struct err *err;
	int outcome;
	bool answered;
	pthread_cond_t answer;
	struct request *next;
};

struct store_writer {
	struct conf_store conf; /* owns its texts */
	pthread_t thread;

	/* The thread's alone. */
	struct store *store; /* NULL: to be opened */
	bool suspect;        /* the last group failed: begin with a fresh handle */
	struct store_send *room;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work;
	struct request *first; /* oldest first */
	struct request **end;
	size_t callers; /* in store_writer_add() */
	pthread_cond_t idle;
	bool stopping;
};

/* What is left of the oldest request's time. */
static long time_left(const struct request *group) {
	long long left = group->deadline - store_now_ms();

	return left > 0 ? (long)left : 0;
}

/* Takes the head of the queue: one request, or as many as fit a group. */
static struct request *take_group(struct store_writer *writer) {
	struct request *group = writer->first, *last = group;
	size_t count = group->count;

	while (last->next != NULL && count + last->next->count <= STORE_GROUP_MAX) {
		last = last->next;
		count += last->count;
	}
	writer->first = last->next;
	if (writer->first == NULL)
		writer->end = &writer->first;
	last->next = NULL;
	return group;
}

/* The records of a group in a row: a lone request's where they are. */
static const struct store_send *gather(struct store_writer *writer, const struct request *group, size_t *count_r) {
	const struct request *request;
	size_t count = 0;

	*count_r = group->count;
	if (group->next == NULL)
		return group->sends;
	for (request = group; request != NULL; request = request->next) {
		memcpy(writer->room + count, request->sends, request->count * sizeof *request->sends);
		count += request->count;
	}
	*count_r = count;
	return writer->room;
}

static enum store_result commit_group(struct store_writer *writer, const struct request *group, struct err *err) {
	const struct store_driver *driver = store_driver_of(&writer->conf);
	const struct store_send *sends;
	enum store_result result;
	size_t count;

	if (writer->store != NULL && (writer->suspect || !driver->is_current(writer->store)))
		store_close(&writer->store);
	if (writer->store == NULL)
		writer->store = driver->open(&writer->conf, false, time_left(group), err);
	if (writer->store == NULL)
		return STORE_FAILED;
	sends = gather(writer, group, &count);
	result = driver->add_sends(writer->store, sends, count, time_left(group), err);
	writer->suspect = result == STORE_FAILED;
	return result;
}

/* A locked store fails only those whose time is up; the others go back to the
 * head of the queue.  The oldest one's time is up then, so this comes to an end. */
static void answer_group(struct store_writer *writer, struct request *group, enum store_result result,
                         const struct err *err) {
	struct request *kept = NULL, **kept_end = &kept, *request, *next;
	long long now = store_now_ms();

	for (request = group; request != NULL; request = next) {
		next = request->next;
		request->next = NULL;
		if (result == STORE_BUSY && request->deadline > now) {
			*kept_end = request;
			kept_end = &request->next;
			continue;
		}
		request->outcome = result == STORE_DONE ? 0 : err_set(request->err, "%s", err->text);
		request->answered = true;
		/* Under the lock: the request is gone as soon as its caller has it. */
		pthread_cond_signal(&request->answer);
	}
	if (kept == NULL)
		return;
	*kept_end = writer->first;
	if (writer->first == NULL)
		writer->end = kept_end;
	writer->first = kept;
}

static void *writer_main(void *argument) {
	struct store_writer *writer = argument;

	pthread_mutex_lock(&writer->lock);
	while (true) {
		struct err err = {""};
		struct request *group;
		enum store_result result;

		while (writer->first == NULL && !writer->stopping)
			pthread_cond_wait(&writer->work, &writer->lock);
		if (writer->first == NULL)
			break;
		group = take_group(writer);
		pthread_mutex_unlock(&writer->lock);
		result = commit_group(writer, group, &err);
		pthread_mutex_lock(&writer->lock);
		answer_group(writer, group, result, &err);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static void writer_free(struct store_writer *writer) {
	store_close(&writer->store);
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->work);
	pthread_cond_destroy(&writer->idle);
	free(writer->conf.path);
	free(writer->room);
	free(writer);
}

/* Signals are for the program's own threads. */
static int start_thread(struct store_writer *writer) {
	sigset_t all, old;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	result = pthread_create(&writer->thread, NULL, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return result;
}

struct store_writer *store_writer_start(const struct conf_store *conf, struct err *err) {
	struct store_writer *writer = calloc(1, sizeof *writer);
	int result;

	if (writer == NULL) {
		err_set(err, "store writer: out of memory");
		return NULL;
	}
	writer->conf = *conf;
	writer->conf.path = strdup(conf->path);
	writer->room = calloc(STORE_GROUP_MAX, sizeof *writer->room);
	writer->end = &writer->first;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->work, NULL);
	pthread_cond_init(&writer->idle, NULL);
	if (writer->conf.path == NULL || writer->room == NULL) {
		err_set(err, "store writer: out of memory");
		goto fail;
	}
	writer->store = store_open(&writer->conf, err);
	if (writer->store == NULL)
		goto fail;
	result = start_thread(writer);
	if (result != 0) {
		err_set(err, "store writer: can't start a thread: %s", strerror(result));
		goto fail;
	}
	return writer;
fail:
	writer_free(writer);
	return NULL;
}

void store_writer_stop(struct store_writer **writer) {
	if (*writer == NULL)
		return;
	pthread_mutex_lock(&(*writer)->lock);
	(*writer)->stopping = true;
	pthread_cond_signal(&(*writer)->work);
	/* Those who have their answer still need the lock to leave. */
	while ((*writer)->callers > 0)
		pthread_cond_wait(&(*writer)->idle, &(*writer)->lock);
	pthread_mutex_unlock(&(*writer)->lock);
	pthread_join((*writer)->thread, NULL);
	writer_free(*writer);
	*writer = NULL;
}

int store_writer_add(struct store_writer *writer, const struct store_send *sends, size_t count, struct err *err) {
	struct request request = {.sends = sends, .count = count, .err = err};

	if (count == 0)
		return 0;
	if (store_check_sends(sends, count, err) != 0)
		return -1;
	request.deadline = store_now_ms() + writer->conf.busy_timeout * 1000;
	pthread_cond_init(&request.answer, NULL);
	pthread_mutex_lock(&writer->lock);
	writer->callers++;
	*writer->end = &request;
	writer->end = &request.next;
	pthread_cond_signal(&writer->work);
	while (!request.answered)
		pthread_cond_wait(&request.answer, &writer->lock);
	if (--writer->callers == 0 && writer->stopping)
		pthread_cond_signal(&writer->idle);
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_destroy(&request.answer);
	return request.outcome;
}
