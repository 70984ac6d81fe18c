#include "bounced/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bounced/intake.h"
#include "bounced/stats.h"
#include "bounced/trace.h"
#include "lib/daemon.h"
#include "lib/metrics.h"
#include "lib/now.h"
#include "lib/store_pool.h"

#define TRIM_EVERY 3600        /* seconds */
#define TRIM_AFTER_FAULTY 1000 /* or so many records that changed nothing */
#define MONTH (31 * 86400)

#define DONE "250 2.0.0 recorded"
#define PUT_OFF "451 4.3.0 not now: it could not be recorded"

struct pipeline {
	struct snapshot_box *worlds;
	struct store_pool *pool;
	struct recent *recent;
	struct stats *stats;
	struct job_queue *to_read, *to_commit;
	void (*done)(void *context, struct job *job);
	void *context;
	pthread_t *workers;
	long worker_count;
	pthread_t committer;
	bool committing; /* the thread runs */
	struct pipeline_totals totals;

	/* The committing thread's alone. */
	struct store_bounce *room;
	enum store_bounce_result *results;
	size_t room_for;
	time_t trimmed;
	size_t faulty; /* since then */
};

/* What a worker made of a message needs the configuration it was read by, to the
 * end of its commit. */
struct held {
	struct intake *intake;
	struct snapshot *snapshot;
};

static struct held *read_job(struct pipeline *pipeline, struct job *job, struct store *store, struct err *err) {
	struct held *held = calloc(1, sizeof *held);
	struct intake_tools tools = {.store = store, .recent = pipeline->recent};

	if (held == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	held->snapshot = snapshot_get(pipeline->worlds);
	tools.world = snapshot_value(held->snapshot);
	held->intake = intake_read(&tools, job->message, now_seconds(), err);
	if (held->intake == NULL) {
		snapshot_put(&held->snapshot);
		free(held);
		held = NULL;
	}
	return held;
}

static void let_go(struct job *job) {
	struct held *held = job->held;

	job->held = NULL;
	if (held == NULL)
		return;
	intake_free(&held->intake);
	snapshot_put(&held->snapshot);
	free(held);
}

static void put_off(struct pipeline *pipeline, struct job *job, const char *reason) {
	trace_put_off(job->message, reason);
	atomic_fetch_add(&pipeline->totals.put_off, 1);
	stats_put_off(pipeline->stats);
	let_go(job);
	job_reply(job, PUT_OFF);
	pipeline->done(pipeline->context, job);
}

static void *work(void *context) {
	struct pipeline *pipeline = context;
	struct job *job;

	while ((job = job_queue_pop(pipeline->to_read)) != NULL) {
		struct err err = {"out of memory"};
		struct store *store = store_pool_take(pipeline->pool, &err);

		if (store != NULL)
			job->held = read_job(pipeline, job, store, &err);
		if (store != NULL)
			store_pool_give(pipeline->pool, &store, job->held == NULL);
		if (job->held == NULL)
			put_off(pipeline, job, err.text);
		else
			job_queue_push(pipeline->to_commit, job);
	}
	return NULL;
}

static const struct store_bounce *bounces_of(const struct job *job, size_t *count_r) {
	return intake_bounces(((const struct held *)job->held)->intake, count_r);
}

static int make_room(struct pipeline *pipeline, size_t count) {
	struct store_bounce *room;
	enum store_bounce_result *results;

	if (count <= pipeline->room_for)
		return 0;
	room = realloc(pipeline->room, count * sizeof *room);
	if (room != NULL)
		pipeline->room = room;
	results = realloc(pipeline->results, count * sizeof *results);
	if (results != NULL)
		pipeline->results = results;
	if (room == NULL || results == NULL)
		return -1;
	pipeline->room_for = count;
	return 0;
}

/* The records of a group in a row. */
static int gather(struct pipeline *pipeline, const struct job *group, size_t *count_r) {
	const struct job *job;
	size_t count = 0, more;

	for (job = group; job != NULL; job = job->next) {
		const struct store_bounce *bounces = bounces_of(job, &more);

		if (make_room(pipeline, count + more) != 0)
			return -1;
		memcpy(pipeline->room + count, bounces, more * sizeof *bounces);
		count += more;
	}
	*count_r = count;
	return 0;
}

static int commit(struct pipeline *pipeline, const struct job *group, bool *alone_r, struct err *err) {
	uint64_t begun = metrics_now();
	struct store *store;
	size_t count;
	int outcome;

	*alone_r = false;
	if (gather(pipeline, group, &count) != 0)
		return err_set(err, "out of memory");
	store = store_pool_take(pipeline->pool, err);
	if (store == NULL)
		return -1;
	outcome = store_add_bounces(store, pipeline->room, count, pipeline->results, alone_r, err);
	store_pool_give(pipeline->pool, &store, outcome != 0);
	stats_commit(pipeline->stats, metrics_now() - begun);
	atomic_fetch_add(&pipeline->totals.groups, 1);
	return outcome;
}

static void tell(struct pipeline *pipeline, struct job *group) {
	struct job *job, *next;
	size_t at = 0, count, i;

	for (job = group; job != NULL; job = next) {
		const struct store_bounce *bounces = bounces_of(job, &count);

		next = job->next;
		for (i = 0; i < count; i++, at++) {
			bool new = pipeline->results[at] != STORE_BOUNCE_KNOWN;
			bool faulty = new &&bounces[i].fault.len > 0;

			trace_bounce(&bounces[i], pipeline->results[at]);
			stats_bounce(pipeline->stats, &bounces[i], pipeline->results[at]);
			atomic_fetch_add(new ? &pipeline->totals.recorded : &pipeline->totals.known, 1);
			atomic_fetch_add(&pipeline->totals.faulty, faulty);
			pipeline->faulty += faulty;
		}
		let_go(job);
		job_reply(job, DONE);
		pipeline->done(pipeline->context, job);
	}
}

/* Where one record is the reason, the others need not wait with it. */
static void commit_each(struct pipeline *pipeline, struct job *group) {
	struct job *job, *next;

	for (job = group; job != NULL; job = next) {
		struct err err = {""};
		bool alone;

		next = job->next;
		job->next = NULL;
		if (commit(pipeline, job, &alone, &err) == 0)
			tell(pipeline, job);
		else
			put_off(pipeline, job, err.text);
	}
}

static void commit_group(struct pipeline *pipeline, struct job *group) {
	struct err err = {""};
	struct job *job, *next;
	bool alone;

	if (commit(pipeline, group, &alone, &err) == 0) {
		tell(pipeline, group);
		return;
	}
	if (alone && group->next != NULL) {
		commit_each(pipeline, group);
		return;
	}
	for (job = group; job != NULL; job = next) {
		next = job->next;
		put_off(pipeline, job, err.text);
	}
}

/* After the answers: nobody waits for it. */
static void trim(struct pipeline *pipeline) {
	time_t now = now_seconds();
	struct snapshot *snapshot;
	const struct conf *conf;
	struct store_keep keep;
	struct store *store;
	struct err err;

	if (now < pipeline->trimmed + TRIM_EVERY && pipeline->faulty < TRIM_AFTER_FAULTY)
		return;
	pipeline->trimmed = now;
	pipeline->faulty = 0;
	snapshot = snapshot_get(pipeline->worlds);
	conf = ((const struct world *)snapshot_value(snapshot))->conf;
	keep = (struct store_keep){
	        .mail_octets = conf->bounced.keep_mail,
	        .faulty = conf->bounced.keep_faulty,
	        .since = now - conf->store.keep_months * MONTH,
	};
	store = store_pool_take(pipeline->pool, &err);
	if (store != NULL) {
		int outcome = store_trim_bounces(store, &keep, &err);

		if (outcome != 0)
			trace_warning("trim", err.text);
		store_pool_give(pipeline->pool, &store, outcome != 0);
	}
	snapshot_put(&snapshot);
}

static void *commit_all(void *context) {
	struct pipeline *pipeline = context;
	struct job *group;

	while ((group = job_queue_pop_some(pipeline->to_commit, PIPELINE_GROUP_MAX)) != NULL) {
		commit_group(pipeline, group);
		trim(pipeline);
	}
	return NULL;
}

/* Signals are the main thread's. */
static void *work_unsignalled(void *context) {
	daemon_block_signals();
	return work(context);
}

static void *commit_unsignalled(void *context) {
	daemon_block_signals();
	return commit_all(context);
}

static int start_threads(struct pipeline *pipeline, long workers, struct err *err) {
	int result = pthread_create(&pipeline->committer, NULL, commit_unsignalled, pipeline);

	pipeline->committing = result == 0;
	while (result == 0 && pipeline->worker_count < workers) {
		result = pthread_create(&pipeline->workers[pipeline->worker_count], NULL, work_unsignalled, pipeline);
		pipeline->worker_count += result == 0;
	}
	return result == 0 ? 0 : err_set(err, "can't start a thread: %s", strerror(result));
}

struct pipeline *pipeline_start(struct snapshot_box *worlds, const struct conf *conf,
                                void (*done)(void *context, struct job *job), void *context, struct err *err) {
	struct pipeline *pipeline = calloc(1, sizeof *pipeline);
	struct err no_metrics = {""};

	if (pipeline == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	pipeline->worlds = worlds;
	pipeline->done = done;
	pipeline->context = context;
	pipeline->pool = store_pool_new(&conf->store, err);
	pipeline->recent = recent_new();
	pipeline->stats = stats_new(conf->data_dir, &no_metrics);
	if (no_metrics.text[0] != '\0')
		trace_warning("no_metrics", no_metrics.text);
	pipeline->to_read = job_queue_new();
	pipeline->to_commit = job_queue_new();
	pipeline->workers = calloc((size_t)conf->bounced.workers, sizeof *pipeline->workers);
	if (pipeline->pool == NULL || pipeline->recent == NULL || pipeline->stats == NULL ||
	    pipeline->to_read == NULL || pipeline->to_commit == NULL || pipeline->workers == NULL) {
		err_set(err, "out of memory");
		pipeline_stop(&pipeline);
	} else if (start_threads(pipeline, conf->bounced.workers, err) != 0) {
		pipeline_stop(&pipeline);
	}
	return pipeline;
}

void pipeline_stop(struct pipeline **pipeline) {
	struct pipeline *p = *pipeline;
	long i;

	*pipeline = NULL;
	if (p == NULL)
		return;
	if (p->to_read != NULL)
		job_queue_close(p->to_read);
	for (i = 0; i < p->worker_count; i++)
		pthread_join(p->workers[i], NULL);
	if (p->to_commit != NULL)
		job_queue_close(p->to_commit);
	if (p->committing)
		pthread_join(p->committer, NULL);
	job_queue_free(&p->to_read);
	job_queue_free(&p->to_commit);
	store_pool_free(&p->pool);
	recent_free(&p->recent);
	stats_free(&p->stats);
	free(p->workers);
	free(p->room);
	free(p->results);
	free(p);
}

void pipeline_submit(struct pipeline *pipeline, struct job *job) {
	job_queue_push(pipeline->to_read, job);
}

const struct pipeline_totals *pipeline_totals(const struct pipeline *pipeline) {
	return &pipeline->totals;
}
