#include "webd/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct work *first, **last;
	size_t waiting, queue;
	bool stopping;
	size_t count;
	pthread_t threads[];
};

static void *run(void *context) {
	struct workers *workers = context;
	struct work *work;

	pthread_setname_np(pthread_self(), "webd-worker");
	for (;;) {
		pthread_mutex_lock(&workers->lock);
		while (workers->first == NULL && !workers->stopping)
			pthread_cond_wait(&workers->wake, &workers->lock);
		work = workers->first;
		if (work != NULL) {
			workers->first = work->next;
			if (workers->first == NULL)
				workers->last = &workers->first;
			workers->waiting--;
		}
		pthread_mutex_unlock(&workers->lock);
		if (work == NULL)
			return NULL;
		work->run(work);
	}
}

struct workers *workers_start(size_t threads, size_t queue) {
	struct workers *workers = calloc(1, sizeof *workers + threads * sizeof *workers->threads);

	if (workers == NULL)
		return NULL;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->wake, NULL);
	workers->last = &workers->first;
	workers->queue = queue;
	for (; workers->count < threads; workers->count++)
		if (pthread_create(&workers->threads[workers->count], NULL, run, workers) != 0) {
			workers_stop(&workers);
			return NULL;
		}
	return workers;
}

void workers_stop(struct workers **workers) {
	struct workers *w = *workers;
	size_t i;

	*workers = NULL;
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < w->count; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void workers_push(struct workers *workers, struct work *work) {
	work->next = NULL;
	pthread_mutex_lock(&workers->lock);
	*workers->last = work;
	workers->last = &work->next;
	workers->waiting++;
	pthread_cond_signal(&workers->wake);
	pthread_mutex_unlock(&workers->lock);
}

bool workers_are_full(struct workers *workers) {
	bool full;

	pthread_mutex_lock(&workers->lock);
	full = workers->waiting >= workers->queue;
	pthread_mutex_unlock(&workers->lock);
	return full;
}
