/* lib/warmup.h on a store: days, gates, stops, idle time, providers and the breaker, with the time as an argument. */
#include "tests/unit/warmup_fixture.h"

static const long long gradual[] = {200,    500,    1000,   2000,   5000,   10000,  20000,  40000,  50000,  75000,
                                    100000, 150000, 200000, 250000, 325000, 400000, 500000, 600000, 750000, 1000000};

/* W1, W4: forty days, each used up and well: each is a step on, and begins at the zone's
 * midnight, over a change of the clocks and over a leap day. */
static void test_forty_days(void **state) {
	static const struct {
		const char *zone, *first;
		long change; /* seconds by which the forty days are shorter */
	} cases[] = {
	        {"America/New_York", "2026-02-20", 3600}, {"America/New_York", "2026-10-10", -3600},
	        {"America/New_York", "2028-02-10", 3600}, {"Asia/Tokyo", "2026-02-20", 0},
	        {"Asia/Tokyo", "2028-02-10", 0},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_today today = {0};
		long long was = 0;
		struct world world;
		int64_t first = day_of(cases[i].first);
		int day;

		world_make(&world, *state, cases[i].zone, "plan = \"gradual\"");
		fixture_sql(*state, "DELETE FROM ramp; DELETE FROM ramp_event; DELETE FROM traffic");
		for (day = 0; day < 40; day++) {
			time_t begin = at(&world, first + day, 0), end = at(&world, first + day + 1, 0);

			today = refresh_at(&world, begin);
			if (day < 20 && today.quota != gradual[day])
				fail_msg("%s %s, day %d: want %lld, got %lld", cases[i].zone, cases[i].first, day,
				         gradual[day], today.quota);
			assert_true(today.quota > was);
			was = today.quota;
			assert_int_equal(today.day, first + day);
			assert_int_equal(today.ends, end);
			assert_int_equal(begin % HOUR, 0);
			/* From its first second to its last. */
			sent(&world, "other", begin, (uint64_t)today.quota / 2);
			sent(&world, "gmail", end - 1, (uint64_t)(today.quota - today.quota / 2));
			today = refresh_at(&world, end - 1);
			assert_int_equal(today.day, first + day);
			assert_int_equal(today.quota, was);
		}
		assert_int_equal(at(&world, first + 40, 0) - at(&world, first, 0), 40 * 86400L - cases[i].change);
		assert_int_equal(fixture_number(*state, "SELECT count(*) FROM ramp_event WHERE kind = 'grow'"), 39);
		world_free(&world);
	}
}

/* W3 in the store: what a day's figures make of the next, of the plan 100, 1000, 2000, 4000,
 * on whose third day it is. */
static void test_gates(void **state) {
	static const struct {
		const char *name;
		uint64_t sent;
		size_t hard, complaints, refused;
		long long want;
		bool stopped;
		const char *say, *kind;
	} cases[] = {
	        {"W3 all well", 2000, 0, 0, 0, 4000, false, "all well", "grow"},
	        {"W3 under 2 %", 2000, 39, 0, 0, 4000, false, "1.95 %", "grow"},
	        {"W3 2 % hold", 2000, 40, 0, 0, 2000, false, "40 hard bounces in 2000 sent", "hold"},
	        {"W3 5 % a step back", 2000, 100, 0, 0, 1000, false, "a step back", "back"},
	        {"W3 10 % stop", 2000, 200, 0, 0, 0, true, "the stream stops", "stop"},
	        {"W3 complaints 0.1 % hold", 2000, 0, 2, 0, 2000, false, "2 complaints", "hold"},
	        {"W3 complaints 0.3 % stop", 2000, 0, 6, 0, 0, true, "6 complaints", "stop"},
	        {"W3 refusals don't hold the stream", 2000, 0, 0, 400, 4000, false, "all well", "grow"},
	        {"W3 too small a sample", 99, 0, 0, 0, 2000, false, "too few", "hold"},
	        {"W3 too little used", 999, 0, 0, 0, 2000, false, "999 of 2000 used", "hold"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t day = day_of("2026-12-03");
		struct warmup_today today;
		struct world world;

		world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:100,1000,2000,4000\" breaker = \"off\"");
		fixture_sql(*state,
		            "DELETE FROM ramp; DELETE FROM ramp_event; DELETE FROM ramp_hold; DELETE FROM traffic;"
		            "DELETE FROM feedback; DELETE FROM bounce");
		refresh_at(&world, at(&world, day - 2, 10));
		sent(&world, "other", at(&world, day - 2, 11), 100);
		refresh_at(&world, at(&world, day - 1, 10));
		sent(&world, "other", at(&world, day - 1, 11), 1000);
		assert_int_equal(refresh_at(&world, at(&world, day, 0)).quota, 2000);
		sent(&world, "other", at(&world, day, 0), cases[i].sent);
		came_back(&world, "a.example", at(&world, day, 1), STORE_FEEDBACK_HARD, cases[i].hard);
		came_back(&world, "b.example", at(&world, day, 23), STORE_FEEDBACK_COMPLAINT, cases[i].complaints);
		came_back(&world, "b.example", at(&world, day, 23), STORE_FEEDBACK_REFUSED, cases[i].refused);
		came_back(&world, "b.example", at(&world, day, 23), STORE_FEEDBACK_SOFT, 500);
		/* Of the day after: it has no part in this. */
		came_back(&world, "b.example", at(&world, day, 24), STORE_FEEDBACK_HARD, 500);
		today = refresh_at(&world, at(&world, day, 24));
		if (today.quota != cases[i].want || today.stopped != cases[i].stopped ||
		    strstr(today.reason, cases[i].say) == NULL || strncmp(today.reason, "2026-12-03: ", 12) != 0)
			fail_msg("%s: want %lld with \"%s\", got %lld, \"%s\"", cases[i].name, cases[i].want,
			         cases[i].say, today.quota, today.reason);
		assert_int_equal(today.now_stopped, cases[i].stopped);
		assert_false(refresh_at(&world, at(&world, day, 24)).now_stopped);
		{
			char sql[128];

			snprintf(sql, sizeof sql, "SELECT kind = '%s' FROM ramp_event ORDER BY id DESC LIMIT 1",
			         cases[i].kind);
			assert_int_equal(fixture_number(*state, sql), 1);
		}
		world_free(&world);
	}
}

/* W3: a stop lasts until it is resumed, which restarts the ramp; what came back before is past. */
static void test_stop_and_resume(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;
	int i;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:100,200,400\" breaker = \"off\"");
	assert_false(resume_at(&world, at(&world, day, 0), "nothing is there yet"));
	for (i = 0; i < 2; i++) {
		today = refresh_at(&world, at(&world, day + i, 0));
		sent(&world, "other", at(&world, day + i, 1), (uint64_t)today.quota);
	}
	assert_false(resume_at(&world, at(&world, day + 1, 2), "nothing has stopped"));
	came_back(&world, "a.example", at(&world, day + 1, 2), STORE_FEEDBACK_HARD, 20);
	for (i = 2; i < 9; i++) {
		today = refresh_at(&world, at(&world, day + i, 5));
		assert_true(today.stopped);
		assert_int_equal(today.quota, 0);
		assert_int_equal(today.now_stopped, i == 2);
		assert_non_null(strstr(today.reason, "2026-12-02: 20 hard bounces in 200 sent: 10.00 %"));
	}
	came_back(&world, "a.example", at(&world, day + 8, 6), STORE_FEEDBACK_HARD, 50);
	assert_true(resume_at(&world, at(&world, day + 8, 6), "the list was cleaned"));
	assert_false(resume_at(&world, at(&world, day + 8, 6), "again"));
	today = refresh_at(&world, at(&world, day + 8, 7));
	assert_false(today.stopped);
	assert_int_equal(today.quota, 100);
	assert_string_equal(today.reason, "resumed: the plan's first day");
	sent(&world, "other", at(&world, day + 8, 7), 100);
	today = refresh_at(&world, at(&world, day + 9, 0));
	assert_int_equal(today.quota, 200);
	assert_int_equal(fixture_number(*state,
	                                "SELECT count(*) FROM ramp_event WHERE kind = 'resume' AND who = 'operator'"
	                                " AND reason = 'the list was cleaned'"),
	                 1);
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM ramp_event WHERE kind = 'resume'"), 1);
	world_free(&world);
}

/* W4: thirty days without mail start it anew, one less does not; whether the host was on or off. */
static void test_idle(void **state) {
	static const struct {
		int idle;
		bool on;
		long long want;
	} cases[] = {{29, false, 400}, {29, true, 400}, {30, false, 100},
	             {30, true, 100},  {0, true, 800},  {500, false, 100}};
	size_t i;
	int d;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t day = day_of("2027-12-20");
		struct warmup_today today;
		struct world world;

		world_make(&world, *state, "America/New_York", "plan = \"steps:100,200,400,800\"");
		fixture_sql(*state, "DELETE FROM ramp; DELETE FROM traffic");
		for (d = 0; d < 3; d++) {
			today = refresh_at(&world, at(&world, day + d, 3));
			sent(&world, "other", at(&world, day + d, 4),
			     d < 2 || cases[i].idle == 0 ? (uint64_t)today.quota : 1);
		}
		assert_int_equal(today.quota, 400);
		/* Mail last on `day` + 2; then so many days without. */
		for (d = 3; cases[i].on && d < 3 + cases[i].idle; d++)
			assert_int_equal(refresh_at(&world, at(&world, day + d, 5)).quota, 400);
		today = refresh_at(&world, at(&world, day + 3 + cases[i].idle, 5));
		if (today.quota != cases[i].want)
			fail_msg("%d days, %s: want %lld, got %lld, \"%s\"", cases[i].idle, cases[i].on ? "on" : "off",
			         cases[i].want, today.quota, today.reason);
		if (cases[i].want == 100)
			assert_non_null(strstr(today.reason, "the plan begins anew"));
		world_free(&world);
	}
}

/* Days on which the host was off don't grow anything; a clock that goes back opens no day
 * twice; one that was far ahead is put right by hand. */
static void test_odd_clocks(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:100,200,400,800\" breaker = \"off\"");
	today = refresh_at(&world, at(&world, day, 1));
	sent(&world, "other", at(&world, day, 1), 100);
	today = refresh_at(&world, at(&world, day + 5, 1));
	assert_int_equal(today.quota, 200);
	assert_int_equal(today.day, day + 5);
	sent(&world, "other", at(&world, day + 5, 1), 200);
	today = refresh_at(&world, at(&world, day + 4, 1));
	assert_int_equal(today.quota, 200);
	assert_int_equal(today.day, day + 5);
	assert_int_equal(today.ends, at(&world, day + 6, 0));
	today = refresh_at(&world, at(&world, day + 6, 0));
	assert_int_equal(today.quota, 400);
	/* No mail since: the plan begins anew. */
	today = refresh_at(&world, at(&world, day + 4000, 0));
	assert_int_equal(today.quota, 100);
	today = refresh_at(&world, at(&world, day + 7, 0));
	assert_int_equal(today.day, day + 4000);
	sent(&world, "other", at(&world, day + 4000, 0), 100);
	came_back(&world, "a.example", at(&world, day + 4000, 1), STORE_FEEDBACK_HARD, 100);
	today = refresh_at(&world, at(&world, day + 4001, 0));
	assert_true(today.stopped);
	assert_true(resume_at(&world, at(&world, day + 8, 0), "the clock was wrong"));
	today = refresh_at(&world, at(&world, day + 8, 1));
	assert_int_equal(today.day, day + 8);
	assert_int_equal(today.quota, 100);
	world_free(&world);
}

/* W4: nothing before the plan's first day, whenever that was set. */
static void test_start(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:100,200\" start = \"2026-12-01\"");
	today = refresh_at(&world, at(&world, day, 0) - 1);
	assert_true(today.waiting);
	assert_int_equal(today.quota, 0);
	assert_int_equal(today.ends, at(&world, day, 0));
	assert_string_equal(today.reason, "the plan begins on 2026-12-01");
	today = refresh_at(&world, at(&world, day, 0));
	assert_false(today.waiting);
	assert_int_equal(today.quota, 100);
	/* Later, without any mail: still the first step. */
	today = refresh_at(&world, at(&world, day + 100, 0));
	assert_int_equal(today.quota, 100);
	assert_string_equal(today.reason, "no mail yet");
	world_configure(&world, "plan = \"none\" start = \"2027-12-01\"", "");
	today = refresh_at(&world, at(&world, day + 101, 0));
	assert_int_equal(today.quota, WARMUP_UNLIMITED);
	world_free(&world);
}

/* Another plan goes on near the amount that was reached, at once, and back. */
static void test_plan_changes(void **state) {
	int64_t day = day_of("2026-12-01");
	struct world world;
	int i;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"gradual\"");
	for (i = 0; i < 5; i++)
		sent(&world, "other", at(&world, day + i, 1),
		     (uint64_t)refresh_at(&world, at(&world, day + i, 0)).quota);
	assert_int_equal(refresh_at(&world, at(&world, day + 4, 2)).quota, 5000);
	world_configure(&world, "plan = \"monthly:50000\"", "");
	assert_int_equal(refresh_at(&world, at(&world, day + 4, 3)).quota, 5000);
	world_configure(&world, "plan = \"steps:50\"", "");
	assert_int_equal(refresh_at(&world, at(&world, day + 4, 3)).quota, 50);
	world_configure(&world, "plan = \"monthly:40000\"", "");
	assert_int_equal(refresh_at(&world, at(&world, day + 4, 4)).quota, 4000);
	assert_int_equal(refresh_at(&world, at(&world, day + 5, 0)).quota, 8000);
	world_configure(&world, "plan = \"none\"", "");
	assert_int_equal(refresh_at(&world, at(&world, day + 5, 1)).quota, WARMUP_UNLIMITED);
	world_free(&world);
}

/* W3: a provider's refusals hold that provider, at what it got, and nobody else; it then
 * doubles until that is no limit any more.  W1: by its own share. */
static void test_provider_holds(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:1000,2000,4000,8000,16000\" breaker = \"off\"");
	world_configure(&world, "plan = \"steps:1000,2000,4000,8000,16000\" breaker = \"off\"",
	                "provider \"yahoo\" { share = 0.1 } provider \"gmail\" { quota = 1500 }");
	today = refresh_at(&world, at(&world, day, 0));
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 1500);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "yahoo"), 100);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "other"), WARMUP_UNLIMITED);
	sent(&world, "gmail", at(&world, day, 1), 400);
	sent(&world, "yahoo", at(&world, day, 1), 100);
	sent(&world, "other", at(&world, day, 1), 500);
	came_back(&world, "gmail.com", at(&world, day, 2), STORE_FEEDBACK_REFUSED, 20);
	came_back(&world, "a.example", at(&world, day, 2), STORE_FEEDBACK_REFUSED, 24);
	today = refresh_at(&world, at(&world, day + 1, 0));
	assert_int_equal(today.quota, 2000);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 400);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "yahoo"), 200);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "other"), WARMUP_UNLIMITED);
	assert_int_equal(today.ramp.hold_count, 1);
	assert_non_null(strstr(today.ramp.holds[0].reason, "20 of 400 refused: 5.00 %"));
	/* It refuses again: as before. */
	sent(&world, "gmail", at(&world, day + 1, 1), 400);
	sent(&world, "other", at(&world, day + 1, 1), 1600);
	came_back(&world, "gmail.com", at(&world, day + 1, 2), STORE_FEEDBACK_REFUSED, 400);
	today = refresh_at(&world, at(&world, day + 2, 0));
	assert_int_equal(today.quota, 4000);
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 400);
	/* Too few for a word: as before. */
	sent(&world, "gmail", at(&world, day + 2, 1), 99);
	sent(&world, "other", at(&world, day + 2, 1), 3000);
	today = refresh_at(&world, at(&world, day + 3, 0));
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 400);
	/* It takes them: twice as many, then all that it may have. */
	sent(&world, "gmail", at(&world, day + 3, 1), 400);
	today = refresh_at(&world, at(&world, day + 4, 0));
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 800);
	sent(&world, "gmail", at(&world, day + 4, 1), 800);
	today = refresh_at(&world, at(&world, day + 5, 0));
	assert_int_equal(warmup_provider_quota(world.conf, &today, "gmail"), 1500);
	assert_int_equal(today.ramp.hold_count, 0);
	world_free(&world);
}

/* W1: what comes back counts for the provider that the domain's mail was counted for. */
static void test_provider_by_mx(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_figures figures;
	struct world world;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"gradual\"");
	assert_int_equal(store_set_domain(world.store, SPAN("corp.example"), SPAN("gmail"), day, 0, INT64_MAX, NULL),
	                 0);
	sent(&world, "gmail", at(&world, day + 1, 0), 10);
	came_back(&world, "corp.example", at(&world, day, 1), STORE_FEEDBACK_HARD, 1);
	came_back(&world, "corp.example", at(&world, day + 1, 1), STORE_FEEDBACK_HARD, 2);
	came_back(&world, "gmail.com", at(&world, day + 1, 1), STORE_FEEDBACK_COMPLAINT, 4);
	came_back(&world, "", at(&world, day + 1, 1), STORE_FEEDBACK_REFUSED, 8);
	assert_int_equal(warmup_figures_read(world.store, world.conf, SPAN("main"), at(&world, day + 1, 0),
	                                     at(&world, day + 2, 0), day + 1, 0, &figures, NULL),
	                 0);
	assert_int_equal(figures.all.sent, 10);
	assert_int_equal(figures.all.hard, 2);
	assert_int_equal(figures.all.refused, 8);
	assert_int_equal(warmup_figures_of(&figures, "gmail").hard, 2);
	assert_int_equal(warmup_figures_of(&figures, "gmail").complaints, 4);
	assert_int_equal(warmup_figures_of(&figures, "gmail").sent, 10);
	assert_int_equal(warmup_figures_of(&figures, PROVIDER_OTHER).refused, 8);
	assert_int_equal(warmup_figures_of(&figures, "yahoo").sent, 0);
	warmup_figures_free(&figures);
	assert_int_equal(warmup_figures_read(world.store, world.conf, SPAN("main"), at(&world, day, 0),
	                                     at(&world, day + 1, 0), day, 0, &figures, NULL),
	                 0);
	assert_int_equal(warmup_figures_of(&figures, PROVIDER_OTHER).hard, 1);
	warmup_figures_free(&figures);
	world_free(&world);
}

/* Opens with its figures, once for all processes; closes by itself when the window has
 * passed, or by hand. */
static void test_breaker(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;
	time_t start;
	int hour;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"none\" breaker_window = \"6h\"");
	start = at(&world, day, 10);
	today = refresh_at(&world, start);
	assert_false(today.open);
	sent(&world, "other", start, 1000);
	came_back(&world, "a.example", start + 60, STORE_FEEDBACK_HARD, 99);
	assert_false(refresh_at(&world, start + 100).open);
	came_back(&world, "b.example", start + 120, STORE_FEEDBACK_HARD, 1);
	today = refresh_at(&world, start + 200);
	assert_true(today.open && today.now_open && !today.now_closed);
	assert_non_null(strstr(today.breaker_reason, "100 hard bounces in 1000 sent in 6 hours: 10.00 %, limit 10 %"));
	today = refresh_at(&world, start + 201);
	assert_true(today.open && !today.now_open);
	for (hour = 1; hour < 6; hour++)
		assert_true(refresh_at(&world, start + hour * HOUR).open);
	today = refresh_at(&world, start + 6 * HOUR);
	assert_true(!today.open && today.now_closed);
	assert_false(refresh_at(&world, start + 6 * HOUR).now_closed);
	/* N7: refusals feed it. By hand it closes at once, and what was is past. */
	sent(&world, "other", start + 7 * HOUR, 300);
	came_back(&world, "b.example", start + 7 * HOUR, STORE_FEEDBACK_REFUSED, 90);
	assert_true(refresh_at(&world, start + 7 * HOUR).now_open);
	assert_true(resume_at(&world, start + 7 * HOUR + 5, "talked to them"));
	today = refresh_at(&world, start + 7 * HOUR + 6);
	assert_true(!today.open && !today.now_closed);
	assert_int_equal(today.quota, WARMUP_UNLIMITED);
	assert_false(refresh_at(&world, start + 8 * HOUR).open);
	/* After it, all counts again. */
	sent(&world, "other", start + 8 * HOUR, 300);
	came_back(&world, "b.example", start + 9 * HOUR, STORE_FEEDBACK_COMPLAINT, 1);
	today = refresh_at(&world, start + 9 * HOUR);
	assert_true(today.open);
	assert_non_null(strstr(today.breaker_reason, "1 complaints in 300 sent"));
	world_free(&world);
}

/* The breaker leaves the ramp as it is. */
static void test_breaker_and_ramp(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today today;
	struct world world;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:200,400,800\"");
	refresh_at(&world, at(&world, day, 0));
	sent(&world, "other", at(&world, day, 0), 200);
	refresh_at(&world, at(&world, day + 1, 0));
	sent(&world, "other", at(&world, day + 1, 0), 400);
	came_back(&world, "b.example", at(&world, day + 1, 0), STORE_FEEDBACK_REFUSED, 200);
	today = refresh_at(&world, at(&world, day + 1, 1));
	assert_true(today.open);
	assert_int_equal(today.quota, 400);
	assert_true(resume_at(&world, at(&world, day + 1, 2), "go on"));
	today = refresh_at(&world, at(&world, day + 1, 2));
	assert_false(today.open);
	assert_int_equal(today.quota, 400);
	world_free(&world);
}

static long long changes(struct world *world) {
	return fixture_number(world->fixture, "SELECT coalesce(sum(version), 0) FROM ramp");
}

/* Who only looks writes nothing, and sees what a refresh would make. */
static void test_look(void **state) {
	int64_t day = day_of("2026-12-01");
	struct warmup_today looked, today;
	struct store_ramp tomorrow;
	struct world world;
	int i;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"steps:100,200,400,800\" start = \"2026-12-01\"");
	for (i = -1; i < 6; i++) {
		time_t now = at(&world, day + i, 5);
		long long was = changes(&world);
		struct err err;

		if (warmup_look(world.store, world.conf, world.stream, world.zone, now, &looked, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(changes(&world), was);
		today = refresh_at(&world, now);
		assert_int_equal(looked.quota, today.quota);
		assert_int_equal(looked.day, today.day);
		assert_int_equal(looked.stopped, today.stopped);
		assert_int_equal(looked.waiting, today.waiting);
		assert_string_equal(looked.reason, today.reason);
		if (i >= 0)
			sent(&world, "other", now, (uint64_t)today.quota);
		if (i == 4)
			came_back(&world, "a.example", now, STORE_FEEDBACK_HARD, (size_t)today.quota);
		was = changes(&world);
		assert_int_equal(
		        warmup_forecast(world.store, world.conf, world.stream, world.zone, now, &tomorrow, NULL), 0);
		assert_int_equal(changes(&world), was);
		assert_int_equal(tomorrow.stopped, i >= 4);
		if (i < 4)
			assert_int_equal(tomorrow.amount, i == -1 ? 100 : i == 0 ? 200 : i == 1 ? 400 : 800);
	}
	world_free(&world);
}

/* What a damaged row says is said, and read no further. */
static void test_damaged(void **state) {
	struct warmup_today today;
	struct world world;
	struct err err;

	world_make(&world, *state, "Asia/Tokyo", "plan = \"gradual\"");
	refresh_at(&world, DEC_1);
	fixture_sql(*state, "UPDATE ramp SET step = -1");
	assert_int_equal(warmup_refresh(world.store, world.conf, world.stream, world.zone, DEC_1, &today, &err), -1);
	assert_non_null(strstr(err.text, "found step -1"));
	fixture_sql(*state, "UPDATE ramp SET step = 1, day = 9999999999999");
	assert_int_equal(warmup_refresh(world.store, world.conf, world.stream, world.zone, DEC_1, &today, &err), 0);
	fixture_sql(*state, "UPDATE ramp SET step = 9223372036854775807, amount = -5, verdict = 3");
	assert_int_equal(warmup_refresh(world.store, world.conf, world.stream, world.zone, DEC_1, &today, &err), 0);
	world_free(&world);
}

int main(void) {
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
	const struct CMUnitTest tests[] = {
	        WITH_STORE(test_forty_days),       WITH_STORE(test_gates),
	        WITH_STORE(test_stop_and_resume),  WITH_STORE(test_idle),
	        WITH_STORE(test_odd_clocks),       WITH_STORE(test_start),
	        WITH_STORE(test_plan_changes),     WITH_STORE(test_provider_holds),
	        WITH_STORE(test_provider_by_mx),   WITH_STORE(test_breaker),
	        WITH_STORE(test_breaker_and_ramp), WITH_STORE(test_look),
	        WITH_STORE(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
