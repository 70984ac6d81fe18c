#include "lib/snapshot.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct snapshot {
	void *value;
	void (*destroy)(void *value); /* a snapshot may outlive its box */
	atomic_size_t holders;
};

struct snapshot_box {
	pthread_mutex_t lock; /* between reading `current` and counting oneself among its holders */
	struct snapshot *current;
	void (*destroy)(void *value);
};

struct snapshot_box *snapshot_box_new(void (*destroy)(void *value)) {
	struct snapshot_box *box = calloc(1, sizeof *box);

	if (box == NULL)
		return NULL;
	box->destroy = destroy;
	if (pthread_mutex_init(&box->lock, NULL) != 0) {
		free(box);
		return NULL;
	}
	return box;
}

void snapshot_box_free(struct snapshot_box **box) {
	if (box == NULL || *box == NULL)
		return;
	snapshot_put(&(*box)->current);
	pthread_mutex_destroy(&(*box)->lock);
	free(*box);
	*box = NULL;
}

int snapshot_set(struct snapshot_box *box, void *value) {
	struct snapshot *snapshot = malloc(sizeof *snapshot), *old;

	if (snapshot == NULL)
		return -1;
	snapshot->value = value;
	snapshot->destroy = box->destroy;
	atomic_init(&snapshot->holders, 1);
	pthread_mutex_lock(&box->lock);
	old = box->current;
	box->current = snapshot;
	pthread_mutex_unlock(&box->lock);
	/* Outside of the lock: to destroy a value may take its time. */
	snapshot_put(&old);
	return 0;
}

struct snapshot *snapshot_get(struct snapshot_box *box) {
	struct snapshot *snapshot;

	pthread_mutex_lock(&box->lock);
	snapshot = box->current;
	if (snapshot != NULL)
		atomic_fetch_add(&snapshot->holders, 1);
	pthread_mutex_unlock(&box->lock);
	return snapshot;
}

void snapshot_put(struct snapshot **snapshot) {
	struct snapshot *mine;
	size_t before;

	if (snapshot == NULL || *snapshot == NULL)
		return;
	mine = *snapshot;
	*snapshot = NULL;
	before = atomic_fetch_sub(&mine->holders, 1);
	assert(before > 0);
	if (before > 1)
		return;
	mine->destroy(mine->value);
	free(mine);
}

void *snapshot_value(const struct snapshot *snapshot) {
	return snapshot->value;
}
