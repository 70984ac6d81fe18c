/*
 * lib/warmup.h against a model of the rules (W1, W3, W4) that shares no code with it:
 * random days, mail, bounces, resumes, restarts and odd clocks; and several processes
 * at once on one store.
 */
#include "tests/unit/warmup_fixture.h"

#include <sys/wait.h>

/* The plan steps:100,200,400,800,1600 with the presets, and the breaker off. */
static const long long plan[] = {100, 200, 400, 800, 1600};
#define STEPS 5
#define HOURS_MAX 200000

struct model {
	long hour; /* now, in hours since the first day began (a zone without DST) */
	long day;  /* of the ramp; -1: not begun */
	int step;
	bool stopped;
	long used; /* last day with mail; -1: none */
	long cut;  /* feedback and mail before this hour are past */
	unsigned sent[HOURS_MAX], hard[HOURS_MAX], complaints[HOURS_MAX];
};

static unsigned sum(const unsigned *by_hour, long from, long end) {
	unsigned total = 0;

	for (; from < end; from++)
		total += by_hour[from];
	return total;
}

/* The rules, as a person would say them. */
static void model_new_day(struct model *m, long today) {
	long from = m->day * 24 > m->cut ? m->day * 24 : m->cut, end = m->day * 24 + 24;
	unsigned all = sum(m->sent, from, end), hard = sum(m->hard, from, end), bad = sum(m->complaints, from, end);
	unsigned needed = plan[m->step] < 100 ? (unsigned)plan[m->step] : 100;

	if (sum(m->sent, m->day * 24, end) > 0)
		m->used = m->day;
	m->day = today;
	if (m->stopped || m->used < 0)
		return;
	if (today - m->used > 30) {
		m->step = 0;
		m->used = -1;
	} else if (all >= needed && (hard * 10 >= all || bad * 1000 >= all * 3) && hard + bad > 0) {
		m->stopped = true;
		m->step = 0;
	} else if (all >= needed && hard * 20 >= all && hard > 0) {
		m->step -= m->step > 0;
	} else if (all >= needed && hard * 50 < all && bad * 1000 < all && all * 2 >= plan[m->step]) {
		m->step += m->step + 1 < STEPS;
	}
}

static void model_look(struct model *m) {
	long today = m->hour / 24;

	if (m->day < 0)
		*m = (m->day = today, *m);
	else if (today > m->day)
		model_new_day(m, today);
}

static void model_resume(struct model *m) {
	if (!m->stopped)
		return;
	m->stopped = false;
	m->step = 0;
	m->used = -1;
	m->day = m->hour / 24;
	m->cut = m->hour + 1;
}

static void compare(const struct model *m, const struct warmup_today *today, int64_t first, unsigned seed, int round) {
	long long quota = m->stopped ? 0 : plan[m->step];

	if (today->quota != quota || today->stopped != m->stopped || today->day != first + m->day)
		fail_msg("seed %u, round %d: want %lld on day %ld%s, got %lld on day %lld, \"%s\"", seed, round, quota,
		         m->day, m->stopped ? ", stopped" : "", today->quota, (long long)(today->day - first),
		         today->reason);
}

/* Mostly the next hours and days, now and then a month, or back. */
static void move_clock(struct model *m, unsigned *seed) {
	int kind = rand_r(seed) % 40;
	long by = kind < 20    ? rand_r(seed) % 5
	          : kind < 37  ? 24
	          : kind == 37 ? 24 * 29 + rand_r(seed) % 72
	                       : -(rand_r(seed) % 48);

	m->hour += by;
	if (m->hour < 0)
		m->hour = 0;
	if (m->hour >= HOURS_MAX - 48)
		m->hour = HOURS_MAX - 48;
}

/* Some mail and what comes back of it, in the hour that is. */
static void some_mail(struct world *world, struct model *m, time_t now, unsigned *seed) {
	static const int rates[] = {0, 0, 0, 0, 5, 15, 30, 60, 120};
	unsigned amount = (unsigned)plan[m->step] * (unsigned)(rand_r(seed) % 5) / 4;
	unsigned hard = amount * (unsigned)rates[rand_r(seed) % 9] / 1000;
	unsigned bad = rand_r(seed) % 8 == 0 ? (unsigned)rand_r(seed) % 3 : 0;
	/* As much as the day lets, no more: what a quota is for. */
	if (m->stopped)
		amount = hard = 0;
	if (amount > 0)
		sent(world, rand_r(seed) % 2 == 0 ? "gmail" : "other", now, amount);
	came_back(world, rand_r(seed) % 2 == 0 ? "gmail.com" : "b.example", now, STORE_FEEDBACK_HARD, hard);
	came_back(world, "b.example", now, STORE_FEEDBACK_COMPLAINT, bad);
	m->sent[m->hour] += amount;
	m->hard[m->hour] += hard;
	m->complaints[m->hour] += bad;
}

#define SEEDS 12
#define ROUNDS 400

static void test_model(void **state) {
	struct model *m = calloc(1, sizeof *m);
	int64_t first = day_of("2026-12-01");
	unsigned number, seed;
	int round, stops = 0;

	for (number = 1; number <= SEEDS; number++) {
		struct world world;

		seed = number;
		world_make(&world, *state, number % 2 == 0 ? "Asia/Tokyo" : "UTC",
		           "plan = \"steps:100,200,400,800,1600\" breaker = \"off\"");
		fixture_sql(*state,
		            "DELETE FROM ramp; DELETE FROM ramp_event; DELETE FROM ramp_hold; DELETE FROM traffic;"
		            "DELETE FROM feedback; DELETE FROM bounce");
		*m = (struct model){.hour = 30, .day = -1, .used = -1};
		for (round = 0; round < ROUNDS; round++) {
			struct warmup_today today;
			time_t now;

			move_clock(m, &seed);
			now = at(&world, first, 0) + m->hour * HOUR + rand_r(&seed) % HOUR;
			model_look(m);
			today = refresh_at(&world, now);
			compare(m, &today, first, number, round);
			stops += today.now_stopped;
			if (rand_r(&seed) % 3 != 0)
				some_mail(&world, m, now, &seed);
			if (rand_r(&seed) % 6 == 0) {
				assert_int_equal(resume_at(&world, now, "a try"), m->stopped);
				model_resume(m);
			}
			if (rand_r(&seed) % 10 == 0) {
				store_close(&world.store);
				world.store = fixture_open(world.fixture);
			}
		}
		world_free(&world);
	}
	/* Else it was no test of the stops. */
	assert_true(stops > 10);
	free(m);
}

#define PROCESSES 3
#define DAYS 40

/* Each sees each day begin, at its own pace, and adds its part of the day's mail. */
static void live_through(struct fixture *fixture, int number) {
	struct world world = {.fixture = fixture, .reports = (uint64_t)number << 32};
	int64_t first = day_of("2026-02-20");
	struct err err;
	int day;

	alarm(300); /* where another dies, its mail never comes */
	world.store = store_open(&fixture->conf, &err);
	world.zone = zone_load("America/New_York", NULL);
	world_configure(&world, "plan = \"gradual\"", "");
	if (world.store == NULL || world.zone == NULL)
		_exit(2);
	for (day = 0; day < DAYS; day++) {
		struct warmup_today today, again;

		if (warmup_refresh(world.store, world.conf, world.stream, world.zone, at(&world, first + day, number),
		                   &today, &err) != 0 ||
		    warmup_refresh(world.store, world.conf, world.stream, world.zone, at(&world, first + day, number),
		                   &again, &err) != 0)
			_exit(3);
		/* Nobody is ahead of the day; all see the same of one. */
		if (today.day != first + day || again.quota != today.quota)
			_exit(4);
		/* The gates of the next need all of them: wait until they are there. */
		sent(&world, "other", at(&world, first + day, number), 1000000000);
		while (fixture_number(fixture, "SELECT count(*) FROM traffic") < (day + 1) * PROCESSES)
			;
	}
	world_free(&world);
	_exit(0);
}

static void test_processes(void **state) {
	struct world world;
	pid_t child[PROCESSES];
	int i, status;

	world_make(&world, *state, "America/New_York", "plan = \"gradual\"");
	store_close(&world.store); /* no handle survives fork() */
	for (i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		if (child[i] == 0)
			live_through(*state, i);
	}
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	/* One step a day, whoever took it. */
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM ramp_event"), DAYS);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM ramp_event WHERE kind = 'grow'"), DAYS - 1);
	assert_int_equal(fixture_number(*state, "SELECT version FROM ramp"), DAYS);
	assert_int_equal(fixture_number(*state, "SELECT step FROM ramp"), DAYS - 1);
	world_free(&world);
}

/* All at the same day's first second, again and again. */
static void rush(struct fixture *fixture, int rounds) {
	struct world world = {.fixture = fixture};
	int64_t first = day_of("2026-02-20");
	int won = 0, i;

	world.store = store_open(&fixture->conf, NULL);
	world.zone = zone_load("Asia/Tokyo", NULL);
	world_configure(&world, "plan = \"gradual\" breaker_window = \"1h\"", "");
	for (i = 0; i < rounds; i++) {
		struct warmup_today today;

		if (warmup_refresh(world.store, world.conf, world.stream, world.zone, at(&world, first + i, 0), &today,
		                   NULL) != 0)
			_exit(100);
		won += today.now_open;
	}
	world_free(&world);
	_exit(won);
}

/* The breaker's alarm is raised by one process, whichever sees it first. */
static void test_one_alarm(void **state) {
	struct world world;
	pid_t child[PROCESSES];
	int i, status, won = 0;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"gradual\"");
	refresh_at(&world, at(&world, day_of("2026-02-20"), 0) - 1);
	for (i = 0; i < 20; i++) {
		sent(&world, "other", at(&world, day_of("2026-02-20") + i, 0), 1000);
		came_back(&world, "a.example", at(&world, day_of("2026-02-20") + i, 0), STORE_FEEDBACK_REFUSED,
		          i % 2 == 0 ? 500 : 0);
	}
	store_close(&world.store);
	for (i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		if (child[i] == 0)
			rush(*state, 20);
	}
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, fixture_number(*state, "SELECT count(*) FROM ramp_event WHERE kind = 'open'"));
	assert_true(won > 0);
	world_free(&world);
}

/* The window of the breaker, hour by hour, against sums made anew. */
static void test_window(void **state) {
	struct model *m = calloc(1, sizeof *m);
	int64_t first = day_of("2026-12-01");
	unsigned seed = 7;
	struct world world;
	int opened = 0, i;

	world_make(&world, *state, "UTC", "plan = \"none\" breaker_window = \"5h\" breaker_sample = 100");
	for (i = 0; i < 600; i++) {
		time_t now = at(&world, first, 0) + m->hour * HOUR + rand_r(&seed) % HOUR;
		unsigned amount = (unsigned)rand_r(&seed) % 80,
		         hard = rand_r(&seed) % 4 == 0 ? (unsigned)rand_r(&seed) % 20 : 0;
		long from = m->hour >= 4 ? m->hour - 4 : 0;
		struct warmup_today today;
		bool want;

		sent(&world, "gmail", now, amount);
		came_back(&world, "gmail.com", now, STORE_FEEDBACK_HARD, hard);
		m->sent[m->hour] += amount;
		m->hard[m->hour] += hard;
		if (m->cut > from)
			from = m->cut;
		want = sum(m->sent, from, m->hour + 1) >= 100 && sum(m->hard, from, m->hour + 1) > 0 &&
		       sum(m->hard, from, m->hour + 1) * 10 >= sum(m->sent, from, m->hour + 1);
		today = refresh_at(&world, now);
		if (today.open != want)
			fail_msg("round %d, hour %ld: want %d, got %d, \"%s\"", i, m->hour, want, today.open,
			         today.breaker_reason);
		opened += today.now_open;
		if (rand_r(&seed) % 30 == 0 && resume_at(&world, now, "a try"))
			m->cut = m->hour + 1;
		m->hour += rand_r(&seed) % 2;
	}
	assert_true(opened > 10);
	world_free(&world);
	free(m);
}

int main(void) {
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
	const struct CMUnitTest tests[] = {
	        WITH_STORE(test_model),
	        WITH_STORE(test_processes),
	        WITH_STORE(test_one_alarm),
	        WITH_STORE(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
