/* The pool of handles, by many threads at once. */
#include "tests/unit/store_event_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/store_pool.h"

#define THREADS 8
#define ROUNDS 60

static struct store_pool *make_pool(const struct fixture *fixture) {
	struct err err = {""};
	struct store_pool *pool = store_pool_new(&fixture->conf, &err);

	if (pool == NULL)
		fail_msg("store_pool_new: %s", err.text);
	return pool;
}

static struct store *take(struct store_pool *pool) {
	struct err err = {""};
	struct store *store = store_pool_take(pool, &err);

	if (store == NULL)
		fail_msg("store_pool_take: %s", err.text);
	return store;
}

static void test_handles_are_kept(void **state) {
	struct store *made = fixture_open(*state), *first, *second, *third;
	struct store_pool *pool = make_pool(*state);

	first = take(pool);
	second = take(pool);
	assert_ptr_not_equal(first, second);
	third = first;
	store_pool_give(pool, &first, false);
	assert_null(first);
	first = take(pool);
	assert_ptr_equal(first, third);
	store_pool_give(pool, &second, false);
	/* One that failed is not seen again: two are open at most, so this is new. */
	store_pool_give(pool, &first, true);
	assert_null(first);
	store_pool_free(&pool);
	assert_null(pool);
	store_pool_free(&pool);
	store_close(&made);
}

static void test_removed_and_replaced(void **state) {
	struct fixture *fixture = *state;
	struct store *made = fixture_open(fixture), *store;
	struct store_pool *pool = make_pool(fixture);
	struct store_event open = sample_event(STORE_OPEN, READER, NOON_MS);
	struct err err = {""};

	apply(made, &open, 1);
	store_close(&made);
	store = take(pool);
	check_kpi(store, CAMPAIGN, "open 1/1/1/1 ");
	store_pool_give(pool, &store, false);
	/* It makes no new one in the place of one that is gone. */
	fixture_sql(fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
	unlink(fixture->path);
	assert_null(store_pool_take(pool, &err));
	assert_non_null(strstr(err.text, fixture->path));
	assert_int_equal(access(fixture->path, F_OK), -1);
	made = fixture_open(fixture);
	store = take(pool);
	check_kpi(store, CAMPAIGN, "");
	store_pool_give(pool, &store, false);
	store_close(&made);
	store_pool_free(&pool);
}

/* A pool needs no store to begin with. */
static void test_none_yet(void **state) {
	struct store_pool *pool = make_pool(*state);
	struct store *made, *store;

	assert_null(store_pool_take(pool, NULL));
	made = fixture_open(*state);
	store = take(pool);
	store_pool_give(pool, &store, false);
	store_close(&made);
	store_pool_free(&pool);
}

struct worker {
	struct store_pool *pool;
	uint64_t number;
	_Atomic int *failures;
};

/* Readers leave and are asked about by all threads; what one said, all see. */
static void *work(void *context) {
	struct worker *worker = context;
	uint64_t i;

	for (i = 0; i < ROUNDS; i++) {
		struct store_event event = sample_event(STORE_UNSUBSCRIBE, 1 + worker->number * ROUNDS + i, NOON_MS);
		struct store_change change = {.address_key = event.address_key,
		                              .list = SPAN("news"),
		                              .status = STORE_UNSUBSCRIBED,
		                              .reason = SPAN("one_click"),
		                              .time = NOON_NOV_22,
		                              .event = &event};
		struct store *store = store_pool_take(worker->pool, NULL), *other;
		struct store_standing standing;
		bool failed;

		if (store == NULL) {
			++*worker->failures;
			continue;
		}
		failed = store_change_status(store, &change, 1, NULL, NULL) != 0;
		other = store_pool_take(worker->pool, NULL);
		if (other == NULL || failed ||
		    store_find_standing(other, event.address_key, SPAN("news"), &standing, NULL) != 0 ||
		    standing.status != STORE_UNSUBSCRIBED)
			++*worker->failures;
		if (other != NULL)
			store_pool_give(worker->pool, &other, i % 7 == 0);
		store_pool_give(worker->pool, &store, failed);
	}
	return NULL;
}

static void test_threads(void **state) {
	struct fixture *fixture = *state;
	struct store *made;
	struct store_pool *pool;
	_Atomic int failures = 0;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	size_t i;

	fixture->conf.busy_timeout = 60;
	made = fixture_open(fixture);
	pool = make_pool(fixture);
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){pool, i, &failures};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	check_kpi(made, CAMPAIGN, "unsubscribe 480/480/480/480 ");
	store_pool_free(&pool);
	store_close(&made);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
	        TEST(test_handles_are_kept),
	        TEST(test_removed_and_replaced),
	        TEST(test_none_yet),
	        TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
