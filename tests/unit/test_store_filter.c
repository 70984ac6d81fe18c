/* lib/store_filter.h: who is plainly active, and never one who isn't. */
#include "tests/unit/store_fixture.h"

#include <sys/wait.h>

#include "lib/store_filter.h"
#include "lib/store_status.h"

static void change_to(struct store *store, uint64_t key, const char *list, enum store_status status) {
	struct store_change change = {
	        .address_key = key,
	        .address = SPAN("a@example.jp"),
	        .list = span_of(list),
	        .status = status,
	        .reason = SPAN("hand"),
	        .time = DEC_1,
	};
	struct err err = {""};

	if (store_change_status(store, &change, 1, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static uint64_t key_of(uint64_t number) {
	return number * 0x9e3779b97f4a7c15U;
}

/* What another handle committed counts for the next question. */
static void test_at_once(void **state) {
	struct store *store = fixture_open(*state), *other = fixture_open(*state);
	struct store_filter *filter = store_filter_new();
	struct err err = {""};
	uint64_t i;

	for (i = 0; i < 300; i++) {
		assert_true(store_filter_is_active(filter, store, key_of(i)));
		if (i % 3 == 0)
			change_to(other, key_of(i), "", STORE_BLOCKED);
		else if (i % 3 == 1)
			change_to(other, key_of(i), "news", STORE_UNSUBSCRIBED);
		else
			assert_int_equal(store_mark_temporary(other, key_of(i), SPAN("a@example.jp"), DEC_1, &err), 0);
		assert_false(store_filter_is_active(filter, store, key_of(i)));
		assert_true(store_filter_is_active(filter, store, key_of(i + 1000)));
	}
	/* Its own handle's too. */
	change_to(store, key_of(2000), "", STORE_BLOCKED);
	assert_false(store_filter_is_active(filter, store, key_of(2000)));
	store_filter_free(&filter);
	store_close(&store);
	store_close(&other);
}

/* One that begins later, and one that was left behind by more news than are kept. */
static void test_much_news(void **state) {
	struct store *store = fixture_open(*state), *other = fixture_open(*state);
	struct store_filter *early = store_filter_new(), *late = store_filter_new();
	char sql[256];
	uint64_t i;

	change_to(store, key_of(1), "", STORE_BLOCKED);
	assert_false(store_filter_is_active(early, store, key_of(1)));
	snprintf(sql, sizeof sql,
	         "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 25009)"
	         " INSERT INTO standing (address_key, list, status, since, reason, detail)"
	         " SELECT i, '', 2, 1, 'hand', '' FROM n");
	fixture_sql(*state, sql);
	assert_true(fixture_number(*state, "SELECT count(*) FROM standing_news") <= 10000);
	for (i = 10; i < 25010; i++) {
		assert_false(store_filter_is_active(early, store, i));
		assert_false(store_filter_is_active(late, other, i));
	}
	assert_true(store_filter_is_active(early, store, 9));
	assert_false(store_filter_is_active(late, other, key_of(1)));
	store_filter_free(&early);
	store_filter_free(&late);
	store_close(&store);
	store_close(&other);
}

/* Erasure takes records away, and what came behind them is news all the same. */
static void test_erased(void **state) {
	struct store *store = fixture_open(*state), *other = fixture_open(*state);
	struct store_filter *filter = store_filter_new();
	struct err err = {""};
	bool found;

	change_to(other, key_of(1), "news", STORE_UNSUBSCRIBED);
	assert_false(store_filter_is_active(filter, store, key_of(1)));
	assert_int_equal(store_erase_address(other, key_of(1), DEC_1, &found, &err), 0);
	change_to(other, key_of(2), "news", STORE_UNSUBSCRIBED);
	assert_false(store_filter_is_active(filter, store, key_of(2)));
	assert_false(store_filter_is_active(filter, store, key_of(1)));
	store_filter_free(&filter);
	store_close(&store);
	store_close(&other);
}

/* Another process commits, one after the other; each is seen when its word has come. */
static void test_process(void **state) {
	enum { COUNT = 200 };
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_filter *filter = store_filter_new();
	int there[2], back[2], i, status;
	char byte = 0;

	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	store_close(&store);
	if (fork() == 0) {
		store = fixture_open(fixture);
		for (i = 0; i < COUNT && read(there[0], &byte, 1) == 1; i++) {
			change_to(store, key_of((uint64_t)i), "", STORE_BLOCKED);
			if (write(back[1], &byte, 1) != 1)
				_exit(1);
		}
		store_close(&store);
		_exit(0);
	}
	store = fixture_open(fixture);
	for (i = 0; i < COUNT; i++) {
		assert_true(store_filter_is_active(filter, store, key_of((uint64_t)i)));
		assert_int_equal(write(there[1], &byte, 1), 1);
		assert_int_equal(read(back[0], &byte, 1), 1);
		assert_false(store_filter_is_active(filter, store, key_of((uint64_t)i)));
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
	store_filter_free(&filter);
	store_close(&store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)
	const struct CMUnitTest tests[] = {
	        TEST(test_at_once),
	        TEST(test_much_news),
	        TEST(test_erased),
	        TEST(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
