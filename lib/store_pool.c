#include "lib/store_pool.h"
#include "lib/store_driver.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct store_pool {
	struct conf_store conf; /* owns its texts */
	pthread_mutex_t lock;   /* of what follows */
	struct store **idle;    /* the last one given back is the next one taken: its memory is warm */
	size_t idle_count;
	size_t idle_room;
	size_t taken;
};

struct store_pool *store_pool_new(const struct conf_store *conf, struct err *err) {
	struct store_pool *pool = calloc(1, sizeof *pool);
	char *path = strdup(conf->path);

	if (pool == NULL || path == NULL) {
		free(pool);
		free(path);
		err_set(err, "store pool: out of memory");
		return NULL;
	}
	pool->conf = *conf;
	pool->conf.path = path;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void store_pool_free(struct store_pool **pool) {
	size_t i;

	if (*pool == NULL)
		return;
	assert((*pool)->taken == 0);
	for (i = 0; i < (*pool)->idle_count; i++)
		store_close(&(*pool)->idle[i]);
	free((*pool)->idle);
	free((*pool)->conf.path);
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

static struct store *take_idle(struct store_pool *pool) {
	struct store *store = NULL;

	pthread_mutex_lock(&pool->lock);
	pool->taken++;
	if (pool->idle_count > 0)
		store = pool->idle[--pool->idle_count];
	pthread_mutex_unlock(&pool->lock);
	return store;
}

struct store *store_pool_take(struct store_pool *pool, struct err *err) {
	const struct store_driver *driver = store_driver_of(&pool->conf);
	struct store *store = take_idle(pool);

	/* Closing and opening wait for the disk: not under the lock. */
	while (store != NULL && !driver->is_current(store)) {
		store_pool_give(pool, &store, true);
		store = take_idle(pool);
	}
	if (store == NULL)
		store = driver->open(&pool->conf, false, pool->conf.busy_timeout * 1000, err);
	if (store == NULL) {
		pthread_mutex_lock(&pool->lock);
		pool->taken--;
		pthread_mutex_unlock(&pool->lock);
	}
	return store;
}

/* Room for every handle there is; false when out of memory. */
static bool make_room(struct store_pool *pool) {
	size_t room = pool->idle_room == 0 ? 16 : pool->idle_room * 2;
	struct store **bigger;

	if (pool->idle_count < pool->idle_room)
		return true;
	bigger = realloc(pool->idle, room * sizeof *bigger);
	if (bigger == NULL)
		return false;
	pool->idle = bigger;
	pool->idle_room = room;
	return true;
}

void store_pool_give(struct store_pool *pool, struct store **store, bool failed) {
	bool kept = false;

	assert(*store != NULL);
	pthread_mutex_lock(&pool->lock);
	pool->taken--;
	if (!failed && make_room(pool)) {
		pool->idle[pool->idle_count++] = *store;
		kept = true;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!kept)
		store_close(store);
	*store = NULL;
}
