/* lib/snapshot.h: a value lives exactly as long as someone holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/snapshot.h"

#define READERS 4
#define VALUES 2000
#define MAGIC 0x70646b75

struct value {
	unsigned magic;
	atomic_size_t *destroyed;
};

static void destroy(void *arg) {
	struct value *value = arg;

	assert(value->magic == MAGIC);
	value->magic = 0;
	atomic_fetch_add(value->destroyed, 1);
	free(value);
}

static struct value *value_new(atomic_size_t *destroyed) {
	struct value *value = malloc(sizeof *value);

	assert(value != NULL);
	value->magic = MAGIC;
	value->destroyed = destroyed;
	return value;
}

static void test_holders(void **state) {
	struct snapshot_box *box = snapshot_box_new(destroy);
	struct snapshot *first, *second, *third;
	atomic_size_t destroyed = 0;
	struct value *one = value_new(&destroyed), *two = value_new(&destroyed);

	(void)state;
	assert_null(snapshot_get(box));
	assert_int_equal(snapshot_set(box, one), 0);
	first = snapshot_get(box);
	second = snapshot_get(box);
	assert_ptr_equal(snapshot_value(first), one);
	assert_int_equal(snapshot_set(box, two), 0);
	third = snapshot_get(box);
	assert_ptr_equal(snapshot_value(third), two);
	assert_ptr_equal(snapshot_value(second), one);
	snapshot_put(&first);
	assert_null(first);
	assert_int_equal(destroyed, 0);
	snapshot_put(&second);
	assert_int_equal(destroyed, 1);
	snapshot_put(&second);
	snapshot_put(NULL);
	assert_int_equal(destroyed, 1);
	/* A connection may outlive the box. */
	snapshot_box_free(&box);
	assert_null(box);
	snapshot_box_free(&box);
	assert_int_equal(destroyed, 1);
	assert_int_equal(((struct value *)snapshot_value(third))->magic, MAGIC);
	snapshot_put(&third);
	assert_int_equal(destroyed, 2);
}

static void test_replaced_unheld(void **state) {
	struct snapshot_box *box = snapshot_box_new(destroy);
	atomic_size_t destroyed = 0;

	(void)state;
	assert_int_equal(snapshot_set(box, value_new(&destroyed)), 0);
	assert_int_equal(snapshot_set(box, value_new(&destroyed)), 0);
	assert_int_equal(destroyed, 1);
	snapshot_box_free(&box);
	assert_int_equal(destroyed, 2);
}

struct shared {
	struct snapshot_box *box;
	atomic_bool stop;
	atomic_size_t wrong, reads;
};

static void *read_values(void *arg) {
	struct shared *shared = arg;

	while (!atomic_load(&shared->stop)) {
		struct snapshot *one = snapshot_get(shared->box), *two = snapshot_get(shared->box);
		const struct value *value = snapshot_value(one);

		snapshot_put(&two);
		atomic_fetch_add(&shared->wrong, value->magic != MAGIC);
		snapshot_put(&one);
		atomic_fetch_add(&shared->reads, 1);
	}
	return NULL;
}

static void test_threads(void **state) {
	struct shared shared = {.box = snapshot_box_new(destroy)};
	atomic_size_t destroyed = 0;
	pthread_t readers[READERS];
	size_t i;

	(void)state;
	assert_int_equal(snapshot_set(shared.box, value_new(&destroyed)), 0);
	for (i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_values, &shared), 0);
	/* At least so many, and at least as many as the readers see some of. */
	for (i = 1; i < VALUES || atomic_load(&shared.reads) < VALUES; i++)
		assert_int_equal(snapshot_set(shared.box, value_new(&destroyed)), 0);
	atomic_store(&shared.stop, true);
	for (size_t j = 0; j < READERS; j++)
		pthread_join(readers[j], NULL);
	assert_int_equal(shared.wrong, 0);
	assert_int_equal(destroyed, i - 1);
	snapshot_box_free(&shared.box);
	assert_int_equal(destroyed, i);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_holders),
	        cmocka_unit_test(test_replaced_unheld),
	        cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
