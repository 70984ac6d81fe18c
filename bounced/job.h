/*
 * One message on its way from LMTP to the store and back as replies, and the
 * queues between the threads.
 *
 * The server makes a job, workers read its message, one thread commits, and the
 * server answers.  A job belongs to whichever of them has it.
 */
#ifndef BOUNCED_JOB_H
#define BOUNCED_JOB_H

#include "bounced/lmtp.h"

struct connection;

struct job {
	struct lmtp_message *message;
	const char **replies; /* one a recipient; texts that stay */
	size_t count;
	struct connection *connection; /* the server's */
	void *held;                    /* what became of it, until it is committed */
	struct job *next;
};

/* The message is the job's from then on.  NULL when out of memory: it is still
 * the caller's. */
struct job *job_new(struct lmtp_message *message, struct connection *connection);
void job_free(struct job **job);
/* The same reply to all of its recipients. */
void job_reply(struct job *job, const char *text);

/* A queue: any thread may push, any number may wait.  First in, first out. */
struct job_queue;
struct job_queue *job_queue_new(void);
/* It must be empty, and nobody wait. */
void job_queue_free(struct job_queue **queue);
void job_queue_push(struct job_queue *queue, struct job *job);
/* Waits for one; NULL once the queue is closed and empty. */
struct job *job_queue_pop(struct job_queue *queue);
/* Waits for one and takes what is there with it, in order, at most so many jobs. */
struct job *job_queue_pop_some(struct job_queue *queue, size_t limit);
/* What is there without waiting, in order; NULL: nothing. */
struct job *job_queue_pop_all(struct job_queue *queue);
/* Nothing is pushed from now on. */
void job_queue_close(struct job_queue *queue);

#endif
