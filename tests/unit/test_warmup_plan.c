/* lib/warmup_plan.h: the amounts of each plan (W4), what its text may be, and what a change of plan keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/warmup_plan.h"

static struct warmup_plan parse(const char *text) {
	struct warmup_plan plan;
	struct err err;

	if (warmup_plan_parse(text, &plan, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return plan;
}

#define U WARMUP_UNLIMITED

/* W4, each plan as the requirement and the manuals have it. */
static void test_amounts(void **state) {
	static const struct {
		const char *plan;
		bool aggressive;
		long long want[14];
	} cases[] = {
	        {"W4 none: no limit", false, {U, U, U, U, U, U, U, U, U, U, U, U, U, U}},
	        {"gradual",
	         false,
	         {200, 500, 1000, 2000, 5000, 10000, 20000, 40000, 50000, 75000, 100000, 150000, 200000, 250000}},
	        {"monthly:100000",
	         true,
	         {5000, 10000, 20000, 40000, 80000, 100000, 100000, 100000, 100000, 100000, 100000, 100000, 100000,
	          100000}},
	        {"monthly:1000000",
	         true,
	         {50000, 100000, 200000, 400000, 800000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000,
	          1000000, 1000000}},
	        {"monthly:1", true, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	        {"monthly:30", true, {2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30}},
	        {"steps:50", false, {50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50}},
	        {"steps:7,70,7,1000",
	         false,
	         {7, 70, 7, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}},
	};
	size_t i;
	long step;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_plan plan = parse(i == 0 ? "none" : cases[i].plan);

		for (step = 0; step < 14; step++)
			if (warmup_plan_amount(&plan, step) != cases[i].want[step])
				fail_msg("%s, step %ld: want %lld, got %lld", cases[i].plan, step, cases[i].want[step],
				         warmup_plan_amount(&plan, step));
		assert_int_equal(warmup_plan_is_aggressive(&plan), cases[i].aggressive);
		warmup_plan_free(&plan);
		warmup_plan_free(&plan);
	}
}

/* Grows at every step, by half of a quarter at least and never to more than 2.5 times,
 * until it is at the ceiling; and each plan's next step is its last at some time. */
static void test_gradual_goes_on(void **state) {
	struct warmup_plan plan = parse("gradual");
	long step = 0, next;

	(void)state;
	while ((next = warmup_plan_next(&plan, step)) != step) {
		long long was = warmup_plan_amount(&plan, step), is = warmup_plan_amount(&plan, next);

		assert_int_equal(next, step + 1);
		if (is <= was || is * 2 > was * 5 || (is < WARMUP_AMOUNT_MAX && is * 8 < was * 9))
			fail_msg("step %ld: from %lld to %lld", next, was, is);
		step = next;
	}
	assert_int_equal(warmup_plan_amount(&plan, step), WARMUP_AMOUNT_MAX);
	assert_int_equal(warmup_plan_amount(&plan, WARMUP_STEP_MAX), WARMUP_AMOUNT_MAX);
}

static void test_last_steps(void **state) {
	static const struct {
		const char *plan;
		long step, want;
	} cases[] = {
	        {"none", 0, 0},      {"steps:5", 0, 0},        {"steps:5,6", 0, 1},
	        {"steps:5,6", 1, 1}, {"steps:5,6,5", 1, 2},    {"steps:5,5,6", 0, 1},
	        {"steps:5,6", 9, 9}, {"monthly:100000", 4, 5}, {"monthly:100000", 5, 5},
	        {"monthly:1", 0, 0}, {"gradual", 0, 1},        {"gradual", WARMUP_STEP_MAX, WARMUP_STEP_MAX},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_plan plan = parse(cases[i].plan);

		if (warmup_plan_next(&plan, cases[i].step) != cases[i].want)
			fail_msg("%s after %ld: want %ld, got %ld", cases[i].plan, cases[i].step, cases[i].want,
			         warmup_plan_next(&plan, cases[i].step));
		warmup_plan_free(&plan);
	}
}

/* A ramp of 20,000 a day goes on near that in any other plan, never above. */
static void test_step_of(void **state) {
	static const struct {
		const char *plan;
		long long amount;
		long want;
	} cases[] = {
	        {"gradual", 20000, 6}, {"gradual", 39999, 6},        {"gradual", 1, 0},
	        {"gradual", U, 0},     {"monthly:100000", 20000, 2}, {"monthly:100000", 1000000, 5},
	        {"steps:5,6,7", 6, 1}, {"steps:5,6,7", 100, 2},      {"steps:7,100,8", 10, 2},
	        {"none", 20000, 0},    {"steps:1000", 20, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_plan plan = parse(cases[i].plan);

		if (warmup_plan_step_of(&plan, cases[i].amount) != cases[i].want)
			fail_msg("%s, %lld: want %ld, got %ld", cases[i].plan, cases[i].amount, cases[i].want,
			         warmup_plan_step_of(&plan, cases[i].amount));
		warmup_plan_free(&plan);
	}
}

static void test_texts(void **state) {
	static const char *const refused[] = {"",
	                                      "None",
	                                      "gradual ",
	                                      "monthly:",
	                                      "monthly:0",
	                                      "monthly:x",
	                                      "monthly:10x",
	                                      "monthly:-1",
	                                      "steps:",
	                                      "steps:1,",
	                                      "steps:,1",
	                                      "steps:0",
	                                      "steps:1,,2",
	                                      "steps:1;2",
	                                      "linear",
	                                      "steps:1000000001",
	                                      "monthly:99999999999999999999"};
	char longer[8192] = "steps:1";
	struct warmup_plan plan;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		err.text[0] = '\0';
		if (warmup_plan_parse(refused[i], &plan, &err) == 0)
			fail_msg("\"%s\" is accepted", refused[i]);
		assert_non_null(strstr(err.text, "allowed: none, gradual"));
	}
	for (i = 1; i < 1000; i++)
		strcat(longer, ",1");
	plan = parse(longer);
	assert_int_equal(plan.count, 1000);
	warmup_plan_free(&plan);
	strcat(longer, ",1");
	assert_int_equal(warmup_plan_parse(longer, &plan, NULL), -1);
	assert_true(warmup_plan_mark("gradual") != warmup_plan_mark("none"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_amounts),    cmocka_unit_test(test_gradual_goes_on),
	        cmocka_unit_test(test_last_steps), cmocka_unit_test(test_step_of),
	        cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
