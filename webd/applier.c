#include "webd/applier.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/store_pool.h"
#include "webd/record.h"

#define PAUSE_MS 100  /* between two looks at the journal: larger groups, less work */
#define RETRY_MS 1000 /* after the store could not be written */
#define NICE 10
#define GROUP_MAX 1024
/* Of one processor, it takes a quarter while clicks come: it rests three times as long as
 * it worked.  But a backlog has to end. */
#define REST_FACTOR 3
#define REST_MAX_MS 500
#define BACKLOG (256 * 1048576)
#define LAST_PIECES 4

struct applier {
	struct journal *journal;
	struct store_pool *pool;
	struct stats *stats;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;

	/* The thread's alone. */
	char source[32];
	struct journal_piece piece;
	struct store_event *events;
	size_t count;
	uint64_t position;
	bool knows_position;
	bool troubled;
};

static void stay_behind(void) {
	struct sched_param parameter = {0};

	/* Neither is worth a word where it is not allowed. */
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameter);
	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE) != 0)
		errno = 0;
}

/* False when it is time to end. */
static bool rest(struct applier *a, long ms) {
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&a->lock);
	while (!a->stopping && ms > 0 && pthread_cond_timedwait(&a->wake, &a->lock, &until) == 0)
		;
	go_on = !a->stopping;
	pthread_mutex_unlock(&a->lock);
	return go_on;
}

struct latest {
	const struct store_change *change;
	bool is_over;
};

/* One that was made at the same second in the other direction came before it: an
 * unsubscribe must not be lost. */
static int look_at_change(void *context, const struct store_change *made) {
	struct latest *latest = context;

	if (!span_equal(made->list, latest->change->list))
		return 0;
	if (made->status == STORE_ACTIVE ? made->time > latest->change->time : made->time >= latest->change->time)
		latest->is_over = true;
	return 0;
}

static int apply_change(struct store *store, struct record *record, struct err *err) {
	struct latest latest = {&record->change, false};

	if (store_each_change(store, record->change.address_key, look_at_change, &latest, err) != 0)
		return -1;
	if (latest.is_over)
		return 0;
	record->change.event = &record->event;
	return store_change_status(store, &record->change, 1, NULL, err);
}

/* Up to `position` all is in the store. */
static int flush(struct applier *a, struct store *store, uint64_t position, struct err *err) {
	if (store_apply_events(store, a->events, a->count, span_of(a->source), position, err) != 0)
		return -1;
	if (a->stats != NULL)
		metric_add(a->stats->applied, a->count);
	a->count = 0;
	a->position = position;
	return 0;
}

static void count_refused(struct applier *a, const char *what, uint64_t how_many) {
	char number[24];

	if (a->stats != NULL)
		metric_add(a->stats->refused, how_many);
	log_line(CONF_LOG_ERROR, "journal_damaged", "what", what, "count", log_number(number, (long long)how_many),
	         NULL);
}

static int take_record(struct applier *a, struct store *store, struct span payload, uint64_t start, uint64_t end,
                       struct err *err) {
	struct record record;

	if (record_read(payload, &record) != 0) {
		count_refused(a, "record", 1);
		return 0;
	}
	if (record.type == RECORD_CHANGE) {
		/* What came before it, first: its own position is not in its transaction, and
		 * it does no harm twice. */
		if (flush(a, store, start, err) != 0 || apply_change(store, &record, err) != 0)
			return -1;
		return flush(a, store, end, err);
	}
	record.event.position = end;
	a->events[a->count++] = record.event;
	return a->count < GROUP_MAX ? 0 : flush(a, store, end, err);
}

static int apply_piece(struct applier *a, struct store *store, struct err *err) {
	struct cursor c = cursor_make(buf_span(&a->piece.bytes));
	uint64_t start = a->piece.start, end;
	struct span payload;

	a->count = 0;
	while (journal_record_next(&c, a->piece.base, &payload) == JOURNAL_FOUND) {
		end = a->piece.start + (uint64_t)(c.at - a->piece.bytes.at);
		/* A retry begins at the piece's start; what was taken then is passed over. */
		if (end > a->position && take_record(a, store, payload, start, end, err) != 0)
			return -1;
		start = end;
	}
	if (a->piece.lost > 0)
		count_refused(a, "octets", a->piece.lost);
	return flush(a, store, a->piece.end, err);
}

static int find_position(struct applier *a, struct store *store, struct err *err) {
	if (!a->knows_position && store_event_position(store, span_of(a->source), &a->position, err) != 0)
		return -1;
	a->knows_position = true;
	return 0;
}

/* One step: 1 when there was something, 0 when not, -1 when the store or the
 * journal could not. */
static int step(struct applier *a, struct err *err) {
	struct store *store = NULL;
	int result = -1;

	if (a->knows_position && journal_durable(a->journal) <= a->position)
		return 0;
	store = store_pool_take(a->pool, err);
	if (store == NULL)
		return -1;
	if (find_position(a, store, err) == 0 && journal_read(a->journal, a->position, &a->piece, err) == 0) {
		result = a->piece.end > a->position ? 1 : 0;
		if (result == 1 && apply_piece(a, store, err) != 0)
			result = -1;
	}
	store_pool_give(a->pool, &store, result < 0);
	/* The store may be another by the next time. */
	if (result < 0)
		a->knows_position = false;
	else
		journal_release(a->journal, a->position);
	return result;
}

static void tell(struct applier *a, bool good, const struct err *err) {
	if (a->stats != NULL) {
		uint64_t durable = journal_durable(a->journal);

		metric_set(a->stats->waiting, durable > a->position ? (double)(durable - a->position) : 0);
		metric_set(a->stats->journal_bytes, (double)journal_size(a->journal));
	}
	if (a->troubled == !good)
		return;
	a->troubled = !good;
	if (good)
		log_line(CONF_LOG_INFO, "store_back", "effect", "events are brought in from the journal", NULL);
	else
		log_line(CONF_LOG_WARNING, "store_away", "reason", err->text, "effect", "events wait in the journal",
		         NULL);
}

static long now_ms(void) {
	return (long)(metrics_now() / 1000000);
}

static long rest_after(const struct applier *a, long worked_ms) {
	long pause = worked_ms * REST_FACTOR + 1;

	if (journal_durable(a->journal) - a->position > BACKLOG)
		return 0;
	return pause < REST_MAX_MS ? pause : REST_MAX_MS;
}

static void *run(void *context) {
	struct applier *a = context;
	struct err err = {{0}};
	int result, last;
	long pause;

	pthread_setname_np(pthread_self(), "webd-applier");
	stay_behind();
	do {
		long begun = now_ms();

		result = step(a, &err);
		tell(a, result >= 0, &err);
		pause = result < 0 ? RETRY_MS : PAUSE_MS;
		if (result > 0)
			pause = rest_after(a, now_ms() - begun);
	} while (rest(a, pause));
	/* What came in since; but nobody waits long for what the next start does too. */
	for (last = 0; result >= 0 && last < LAST_PIECES && step(a, &err) > 0; last++)
		;
	return NULL;
}

struct applier *applier_start(struct journal *journal, const struct conf_store *conf, struct stats *stats,
                              struct err *err) {
	struct applier *a = calloc(1, sizeof *a);

	if (a == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	a->journal = journal;
	a->stats = stats;
	snprintf(a->source, sizeof a->source, "webd:%s", journal_id(journal));
	buf_init(&a->piece.bytes, JOURNAL_PIECE_MAX);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->wake, NULL);
	a->events = calloc(GROUP_MAX, sizeof *a->events);
	a->pool = store_pool_new(conf, err);
	if (a->events != NULL && a->pool != NULL && pthread_create(&a->thread, NULL, run, a) == 0)
		return a;
	if (a->pool != NULL)
		err_set(err, "out of memory or threads");
	a->thread = pthread_self();
	applier_stop(&a);
	return NULL;
}

void applier_stop(struct applier **applier) {
	struct applier *a = *applier;

	*applier = NULL;
	if (a == NULL)
		return;
	if (!pthread_equal(a->thread, pthread_self())) {
		pthread_mutex_lock(&a->lock);
		a->stopping = true;
		pthread_cond_signal(&a->wake);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	store_pool_free(&a->pool);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	buf_free(&a->piece.bytes);
	free(a->events);
	free(a);
}
