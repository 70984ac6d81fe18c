/* lib/store_quota.h, lib/store_hold.h: leases never over a limit, and who waits. */
#include "tests/unit/store_fixture.h"

#include <sys/wait.h>

#include "lib/store_hold.h"

static struct store_counter counter_of(const char *day, const char *provider) {
	return (struct store_counter){SPAN("main"), span_of(day), span_of(provider)};
}

static struct store_lease lease_of(struct store *store, struct store_counter counter, int64_t limit, uint32_t want,
                                   uint32_t parts) {
	struct store_lease lease = {.counter = counter, .limit = limit, .want = want, .parts = parts};
	struct err err = {""};

	if (store_quota_lease(store, &lease, 1, &err) != 0)
		fail_msg("%s", err.text);
	return lease;
}

static int64_t leased(struct store *store, const char *day, const char *provider) {
	struct store_counter counter = counter_of(day, provider);
	struct err err = {""};
	int64_t units;

	if (store_quota_leased(store, &counter, &units, &err) != 0)
		fail_msg("%s", err.text);
	return units;
}

static void test_lease(void **state) {
	static const struct {
		const char *name;
		int64_t before, limit;
		uint32_t want, parts, granted;
		int64_t left;
	} rows[] = {
	        {"nothing is leased yet", 0, 100, 10, 1, 10, 100},
	        {"no more than is left", 95, 100, 10, 1, 5, 5},
	        {"a part of what is left", 20, 100, 50, 8, 10, 80},
	        {"one at least", 97, 100, 50, 8, 1, 3},
	        {"the last one", 99, 100, 50, 8, 1, 1},
	        {"none", 100, 100, 1, 8, 0, 0},
	        {"a limit that was lowered", 100, 50, 1, 1, 0, 0},
	        {"a limit of nothing", 0, 0, 1, 1, 0, 0},
	        {"only counted", 7, STORE_NO_LIMIT, 500, 20, 500, STORE_NO_LIMIT - 7},
	};
	struct store *store = fixture_open(*state);
	char day[16];
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_lease lease;

		snprintf(day, sizeof day, "2026-12-%02zu", i + 1);
		if (rows[i].before > 0)
			lease_of(store, counter_of(day, ""), STORE_NO_LIMIT, (uint32_t)rows[i].before, 1);
		lease = lease_of(store, counter_of(day, ""), rows[i].limit, rows[i].want, rows[i].parts);
		if (lease.granted != rows[i].granted || lease.left != rows[i].left ||
		    leased(store, day, "") != rows[i].before + rows[i].granted)
			fail_msg("%s: got %u of %lld", rows[i].name, lease.granted, (long long)lease.left);
	}
	store_close(&store);
}

/* Streams, days and providers are apart; what is given back may be leased again. */
static void test_counters(void **state) {
	struct store *store = fixture_open(*state);
	struct store_lease both[2] = {
	        {.counter = counter_of("2026-12-01", ""), .limit = 10, .want = 4, .parts = 1},
	        {.counter = counter_of("2026-12-01", "gmail"), .limit = 3, .want = 4, .parts = 1},
	};
	struct store_return back = {.counter = counter_of("2026-12-01", "gmail"), .units = 2};
	struct err err = {""};

	assert_int_equal(store_quota_lease(store, both, 2, &err), 0);
	assert_int_equal(both[0].granted, 4);
	assert_int_equal(both[1].granted, 3);
	assert_int_equal(leased(store, "2026-12-02", ""), 0);
	assert_int_equal(leased(store, "2026-12-01", "yahoo"), 0);
	assert_int_equal(store_quota_return(store, &back, 1, &err), 0);
	assert_int_equal(lease_of(store, counter_of("2026-12-01", "gmail"), 3, 9, 1).granted, 2);
	back.units = 99;
	assert_int_equal(store_quota_return(store, &back, 1, &err), 0);
	assert_int_equal(leased(store, "2026-12-01", "gmail"), 0);
	store_close(&store);
}

static struct store_held held_of(const char *queue_id, uint64_t key, const char *provider) {
	return (struct store_held){
	        .host = SPAN("mail.example.com"),
	        .queue_id = span_of(queue_id),
	        .stream = SPAN("main"),
	        .list = SPAN("news"),
	        .provider = span_of(provider),
	        .address = SPAN("a@example.jp"),
	        .address_key = key,
	        .why = SPAN("quota"),
	        .time = DEC_1,
	};
}

static void add(struct store *store, struct store_held row) {
	struct err err = {""};

	if (store_hold_add(store, &row, 1, &err) != 0)
		fail_msg("%s", err.text);
}

static int collect(void *context, const struct store_held *row) {
	char *ids = context;

	snprintf(ids + strlen(ids), 32, "%.*s%s ", SPAN_ARG(row->queue_id), row->released != 0 ? "!" : "");
	return 0;
}

static const char *waiting(struct store *store, const char *host, char ids[256]) {
	struct err err = {""};

	ids[0] = '\0';
	if (store_hold_each(store, span_of(host), collect, ids, &err) != 0)
		fail_msg("%s", err.text);
	return ids;
}

/* In their order; asked again they keep their place; a host sees its own. */
static void test_hold(void **state) {
	struct store *store = fixture_open(*state);
	struct store_held other = held_of("D", 4, "other");
	struct err err = {""};
	char ids[256];

	add(store, held_of("B", 1, "other"));
	add(store, held_of("A", 2, "other"));
	add(store, held_of("C", 3, "other"));
	add(store, held_of("B", 1, "other"));
	other.host = SPAN("else.example.com");
	add(store, other);
	assert_string_equal(waiting(store, "", ids), "B A C D ");
	assert_string_equal(waiting(store, "mail.example.com", ids), "B A C ");
	assert_int_equal(store_hold_drop(store, SPAN("mail.example.com"), SPAN("A"), &err), 0);
	assert_string_equal(waiting(store, "mail.example.com", ids), "B C ");
	store_close(&store);
}

/* Units are set aside for who waits, and go to nobody else. */
static void test_set_aside(void **state) {
	struct store *store = fixture_open(*state);
	struct store_lease lease = {.counter = counter_of("2026-12-02", ""), .limit = 3, .want = 1, .parts = 1};
	struct err err = {""};
	char ids[256];
	bool taken;

	add(store, held_of("A", 1, "gmail"));
	add(store, held_of("B", 2, "other"));
	assert_int_equal(lease_of(store, counter_of("2026-12-02", ""), 3, 9, 1).granted, 1);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", ""), 3, 9, 1).granted, 0);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", "gmail"), 5, 9, 1).granted, 4);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", "yahoo"), 5, 9, 1).granted, 5);
	assert_int_equal(store_hold_take(store, SPAN("mail.example.com"), SPAN("A"), &lease, 1, DEC_1, &taken, &err),
	                 0);
	assert_true(taken);
	assert_string_equal(waiting(store, "", ids), "A! B ");
	assert_int_equal(leased(store, "2026-12-02", ""), 2);
	store_close(&store);
}

/* Who can't go that day keeps no units from others: that of a provider which is used up none of
 * the stream's, what can't go at all none. */
static void test_park(void **state) {
	struct store *store = fixture_open(*state);
	struct err err = {""};
	bool changed;

	add(store, held_of("A", 1, "gmail"));
	add(store, held_of("B", 2, "other"));
	add(store, held_of("C", 3, "other"));
	assert_int_equal(store_hold_park_provider(store, SPAN("mail.example.com"), SPAN("main"), SPAN("gmail"),
	                                          SPAN("2026-12-02"), &err),
	                 0);
	assert_int_equal(
	        store_hold_park(store, SPAN("mail.example.com"), SPAN("B"), SPAN("2026-12-02"), &changed, &err), 0);
	assert_true(changed);
	assert_int_equal(
	        store_hold_park(store, SPAN("mail.example.com"), SPAN("B"), SPAN("2026-12-02"), &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", ""), 5, 9, 1).granted, 4);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", "gmail"), 5, 9, 1).granted, 4);
	assert_int_equal(lease_of(store, counter_of("2026-12-02", "other"), 5, 9, 1).granted, 4);
	/* The next day is another. */
	assert_int_equal(lease_of(store, counter_of("2026-12-03", ""), 5, 9, 1).granted, 2);
	store_close(&store);
}

/* All units of a message, or none. */
static void test_take(void **state) {
	struct store *store = fixture_open(*state);
	struct store_lease bill[2] = {
	        {.counter = counter_of("2026-12-02", ""), .limit = 10, .want = 2, .parts = 1},
	        {.counter = counter_of("2026-12-02", "gmail"), .limit = 1, .want = 2, .parts = 1},
	};
	struct err err = {""};
	char ids[256];
	bool taken;

	add(store, held_of("A", 1, "gmail"));
	add(store, held_of("A", 2, "gmail"));
	assert_int_equal(store_hold_take(store, SPAN("mail.example.com"), SPAN("A"), bill, 2, DEC_1, &taken, &err), 0);
	assert_false(taken);
	assert_int_equal(bill[1].left, 1);
	/* Also of a counter behind one that lacks. */
	bill[0].limit = 1;
	assert_int_equal(store_hold_take(store, SPAN("mail.example.com"), SPAN("A"), bill, 2, DEC_1, &taken, &err), 0);
	assert_false(taken);
	assert_int_equal(bill[0].left, 1);
	assert_int_equal(bill[1].left, 1);
	bill[0].limit = 10;
	assert_int_equal(leased(store, "2026-12-02", ""), 0);
	assert_string_equal(waiting(store, "", ids), "A A ");
	bill[1].limit = 2;
	assert_int_equal(store_hold_take(store, SPAN("mail.example.com"), SPAN("A"), bill, 2, DEC_1, &taken, &err), 0);
	assert_true(taken);
	assert_int_equal(leased(store, "2026-12-02", "gmail"), 2);
	assert_string_equal(waiting(store, "", ids), "A! A! ");
	store_close(&store);
}

/* Several processes that lease until nothing is left have exactly the limit together. */
static void test_processes(void **state) {
	enum { PROCESSES = 4, LIMIT = 500 };
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	int i, status, pipes[2], total = 0, got;

	store_close(&store);
	assert_int_equal(pipe(pipes), 0);
	for (i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			int sum = 0, granted;
			struct err err;

			fixture->conf.busy_timeout = 60;
			store = store_open(&fixture->conf, &err);
			do {
				struct store_lease lease = {.counter = counter_of("2026-12-01", ""),
				                            .limit = LIMIT,
				                            .want = 50,
				                            .parts = 20};

				if (store == NULL || store_quota_lease(store, &lease, 1, &err) != 0)
					_exit(1);
				granted = (int)lease.granted;
				sum += granted;
			} while (granted > 0);
			_exit(write(pipes[1], &sum, sizeof sum) == sizeof sum ? 0 : 1);
		}
	for (i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_int_equal(read(pipes[0], &got, sizeof got), sizeof got);
		total += got;
	}
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(total, LIMIT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)
	const struct CMUnitTest tests[] = {
	        TEST(test_lease), TEST(test_counters), TEST(test_hold),      TEST(test_set_aside),
	        TEST(test_park),  TEST(test_take),     TEST(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
