#include "policyd/slices.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/index.h"

#define FORGET_MS 3600000 /* a counter that nobody uses */

struct slice {
	struct index_node node;
	char stream[SLICES_NAME_SIZE];
	char day[DAY_SIZE];
	char provider[PROVIDER_NAME_SIZE];
	uint32_t spare;
	bool leasing;       /* by a thread that is in the store */
	long long used;     /* when a unit was last taken or given */
	long long dry_to;   /* nothing was left: not asked again before */
	long long error_to; /* the store failed: not asked again before */
	struct err error;
};

struct slices {
	pthread_mutex_t lock;
	pthread_cond_t leased;
	struct index index;
};

long long slices_now(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct slices *slices_new(void) {
	struct slices *slices = calloc(1, sizeof *slices);

	if (slices == NULL)
		return NULL;
	pthread_mutex_init(&slices->lock, NULL);
	pthread_cond_init(&slices->leased, NULL);
	return slices;
}

static void free_slice(void *context, struct index_node *node) {
	struct slices *slices = context;

	index_remove(&slices->index, node);
	free(INDEX_OWNER(node, struct slice, node));
}

void slices_free(struct slices **slices) {
	struct slices *s = *slices;

	*slices = NULL;
	if (s == NULL)
		return;
	index_each(&s->index, free_slice, s);
	index_free(&s->index);
	pthread_cond_destroy(&s->leased);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* NULL when out of memory. */
static struct slice *slice_of(struct slices *slices, const struct slices_terms *terms, const char *provider) {
	uint64_t hash = index_hash(index_hash(index_hash(INDEX_SEED, span_of(terms->stream)), span_of(terms->day)),
	                           span_of(provider));
	struct index_node *node = index_find(&slices->index, hash);
	struct slice *slice;

	for (; node != NULL; node = index_next(node)) {
		slice = INDEX_OWNER(node, struct slice, node);
		if (strcmp(slice->stream, terms->stream) == 0 && strcmp(slice->day, terms->day) == 0 &&
		    strcmp(slice->provider, provider) == 0)
			return slice;
	}
	slice = calloc(1, sizeof *slice);
	if (slice == NULL || index_add(&slices->index, &slice->node, hash) != 0) {
		free(slice);
		return NULL;
	}
	snprintf(slice->stream, sizeof slice->stream, "%s", terms->stream);
	snprintf(slice->day, sizeof slice->day, "%s", terms->day);
	snprintf(slice->provider, sizeof slice->provider, "%s", provider);
	return slice;
}

/* The counters that have a limit: their slices, and those limits. */
struct wanted {
	struct slice *slice[2];
	int64_t limit[2];
	size_t count;
};

static int find_wanted(struct slices *slices, const struct slices_terms *terms, struct wanted *wanted_r) {
	size_t i;

	*wanted_r = (struct wanted){0};
	if (terms->limit != STORE_NO_LIMIT) {
		wanted_r->limit[wanted_r->count] = terms->limit;
		wanted_r->slice[wanted_r->count++] = slice_of(slices, terms, "");
	}
	if (terms->provider_limit != STORE_NO_LIMIT) {
		wanted_r->limit[wanted_r->count] = terms->provider_limit;
		wanted_r->slice[wanted_r->count++] = slice_of(slices, terms, terms->provider);
	}
	for (i = 0; i < wanted_r->count; i++)
		if (wanted_r->slice[i] == NULL)
			return -1;
	return 0;
}

/* Asks the store, without the lock, for the empty ones. */
static void lease(struct slices *slices, struct store *store, const struct wanted *wanted) {
	struct store_lease leases[2];
	struct slice *leased[2];
	struct err err = {""};
	size_t count = 0, i;
	long long now;
	int outcome;

	for (i = 0; i < wanted->count; i++) {
		struct slice *slice = wanted->slice[i];

		if (slice->spare > 0)
			continue;
		slice->leasing = true;
		leased[count] = slice;
		leases[count++] = (struct store_lease){
		        .counter = {span_of(slice->stream), span_of(slice->day), span_of(slice->provider)},
		        .limit = wanted->limit[i],
		        .want = SLICES_UNITS_MAX,
		        .parts = SLICES_PARTS,
		};
	}
	pthread_mutex_unlock(&slices->lock);
	outcome = store_quota_lease(store, leases, count, &err);
	pthread_mutex_lock(&slices->lock);
	now = slices_now();
	for (i = 0; i < count; i++) {
		leased[i]->leasing = false;
		leased[i]->used = now;
		leased[i]->spare += leases[i].granted;
		if (outcome != 0) {
			leased[i]->error = err;
			leased[i]->error_to = now + SLICES_PAUSE_MS;
		} else if (leases[i].granted == 0) {
			leased[i]->dry_to = now + SLICES_PAUSE_MS;
		}
	}
	pthread_cond_broadcast(&slices->leased);
}

/* What to do about the slices as they are; SLICES_TAKEN: take a unit of each. */
enum step { STEP_TAKE, STEP_LEASE, STEP_WAIT, STEP_OVER, STEP_FAIL };

static enum step next_step(const struct wanted *wanted, long long now, struct err *err) {
	enum step step = STEP_TAKE;
	size_t i;

	for (i = 0; i < wanted->count; i++) {
		const struct slice *slice = wanted->slice[i];

		if (slice->spare > 0)
			continue;
		if (slice->dry_to > now)
			return STEP_OVER;
		if (slice->error_to > now) {
			err_set(err, "%s", slice->error.text);
			return STEP_FAIL;
		}
		if (slice->leasing)
			step = STEP_WAIT;
		else if (step != STEP_WAIT)
			step = STEP_LEASE;
	}
	return step;
}

static enum slices_outcome take_locked(struct slices *slices, struct store *store, const struct slices_terms *terms,
                                       struct err *err) {
	struct wanted wanted;
	size_t i;

	while (true) {
		/* Anew each time: one may have been forgotten while this thread waited. */
		if (find_wanted(slices, terms, &wanted) != 0) {
			err_set(err, "out of memory");
			return SLICES_FAILED;
		}
		switch (next_step(&wanted, slices_now(), err)) {
		case STEP_TAKE:
			for (i = 0; i < wanted.count; i++) {
				wanted.slice[i]->spare--;
				wanted.slice[i]->used = slices_now();
			}
			return SLICES_TAKEN;
		case STEP_LEASE:
			lease(slices, store, &wanted);
			break;
		case STEP_WAIT:
			pthread_cond_wait(&slices->leased, &slices->lock);
			break;
		case STEP_OVER:
			return SLICES_OVER;
		case STEP_FAIL:
			return SLICES_FAILED;
		}
	}
}

enum slices_outcome slices_take(struct slices *slices, struct store *store, const struct slices_terms *terms,
                                struct err *err) {
	enum slices_outcome outcome;

	if (terms->limit == STORE_NO_LIMIT && terms->provider_limit == STORE_NO_LIMIT)
		return SLICES_TAKEN;
	pthread_mutex_lock(&slices->lock);
	outcome = take_locked(slices, store, terms, err);
	pthread_mutex_unlock(&slices->lock);
	return outcome;
}

void slices_give(struct slices *slices, const struct slices_terms *terms) {
	struct wanted wanted;
	size_t i;

	pthread_mutex_lock(&slices->lock);
	/* Without memory they are forfeited. */
	if (find_wanted(slices, terms, &wanted) == 0)
		for (i = 0; i < wanted.count; i++) {
			wanted.slice[i]->spare++;
			wanted.slice[i]->used = slices_now();
			wanted.slice[i]->dry_to = 0;
		}
	pthread_mutex_unlock(&slices->lock);
}

struct collect {
	struct slices *slices;
	long long now;
	long idle_ms;
	struct slice **idle;
	struct store_return *returns;
	size_t count;
};

static void collect_idle(void *context, struct index_node *node) {
	struct slice *slice = INDEX_OWNER(node, struct slice, node);
	struct collect *c = context;

	if (slice->leasing || c->now - slice->used < c->idle_ms)
		return;
	if (slice->spare == 0) {
		if (c->now - slice->used >= FORGET_MS)
			free_slice(c->slices, node);
		return;
	}
	/* Nobody frees or fills it meanwhile. */
	slice->leasing = true;
	c->idle[c->count] = slice;
	c->returns[c->count++] = (struct store_return){
	        .counter = {span_of(slice->stream), span_of(slice->day), span_of(slice->provider)},
	        .units = slice->spare,
	};
	slice->spare = 0;
}

int slices_return(struct slices *slices, struct store *store, long idle_ms, struct err *err) {
	struct collect c = {.slices = slices, .now = slices_now(), .idle_ms = idle_ms};
	int outcome = 0;
	size_t i;

	pthread_mutex_lock(&slices->lock);
	c.idle = calloc(slices->index.count + 1, sizeof *c.idle);
	c.returns = calloc(slices->index.count + 1, sizeof *c.returns);
	if (c.idle == NULL || c.returns == NULL) {
		outcome = err_set(err, "out of memory");
		goto out;
	}
	index_each(&slices->index, collect_idle, &c);
	if (c.count == 0)
		goto out;
	pthread_mutex_unlock(&slices->lock);
	outcome = store_quota_return(store, c.returns, c.count, err);
	pthread_mutex_lock(&slices->lock);
	for (i = 0; i < c.count; i++) {
		c.idle[i]->leasing = false;
		if (outcome != 0)
			c.idle[i]->spare += c.returns[i].units;
	}
	pthread_cond_broadcast(&slices->leased);
out:
	pthread_mutex_unlock(&slices->lock);
	free(c.idle);
	free(c.returns);
	return outcome;
}
