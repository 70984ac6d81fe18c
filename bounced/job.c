#include "bounced/job.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct job *job_new(struct lmtp_message *message, struct connection *connection) {
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->replies = calloc(message->recipients.len, sizeof *job->replies);
	if (job->replies == NULL) {
		free(job);
		return NULL;
	}
	job->message = message;
	job->count = message->recipients.len;
	job->connection = connection;
	return job;
}

void job_free(struct job **job) {
	if (*job == NULL)
		return;
	assert((*job)->held == NULL);
	lmtp_message_free(&(*job)->message);
	free((*job)->replies);
	free(*job);
	*job = NULL;
}

void job_reply(struct job *job, const char *text) {
	size_t i;

	for (i = 0; i < job->count; i++)
		job->replies[i] = text;
}

struct job_queue {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct job *first;
	struct job **end;
	bool closed;
};

struct job_queue *job_queue_new(void) {
	struct job_queue *queue = calloc(1, sizeof *queue);

	if (queue == NULL)
		return NULL;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->news, NULL);
	queue->end = &queue->first;
	return queue;
}

void job_queue_free(struct job_queue **queue) {
	if (*queue == NULL)
		return;
	assert((*queue)->first == NULL);
	pthread_mutex_destroy(&(*queue)->lock);
	pthread_cond_destroy(&(*queue)->news);
	free(*queue);
	*queue = NULL;
}

void job_queue_push(struct job_queue *queue, struct job *job) {
	job->next = NULL;
	pthread_mutex_lock(&queue->lock);
	*queue->end = job;
	queue->end = &job->next;
	pthread_cond_signal(&queue->news);
	pthread_mutex_unlock(&queue->lock);
}

/* The head of the queue, at most so many. */
static struct job *take(struct job_queue *queue, size_t limit) {
	struct job *first = queue->first, *last = first;

	if (first == NULL)
		return NULL;
	while (--limit > 0 && last->next != NULL)
		last = last->next;
	queue->first = last->next;
	if (queue->first == NULL)
		queue->end = &queue->first;
	last->next = NULL;
	return first;
}

struct job *job_queue_pop_some(struct job_queue *queue, size_t limit) {
	struct job *jobs;

	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closed)
		pthread_cond_wait(&queue->news, &queue->lock);
	jobs = take(queue, limit);
	pthread_mutex_unlock(&queue->lock);
	return jobs;
}

struct job *job_queue_pop(struct job_queue *queue) {
	return job_queue_pop_some(queue, 1);
}

struct job *job_queue_pop_all(struct job_queue *queue) {
	struct job *jobs;

	pthread_mutex_lock(&queue->lock);
	jobs = take(queue, SIZE_MAX);
	pthread_mutex_unlock(&queue->lock);
	return jobs;
}

void job_queue_close(struct job_queue *queue) {
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_broadcast(&queue->news);
	pthread_mutex_unlock(&queue->lock);
}
