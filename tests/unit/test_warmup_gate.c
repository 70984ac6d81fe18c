/* lib/warmup_gate.h: what a day's figures say of the next (W3), and the breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/warmup_gate.h"
#include "lib/warmup_plan.h"

/* As the requirement has them, and as todoku.conf(5) presets them (test_presets). */
static const struct conf_stream preset = {
        .idle_days = 30,
        .min_sample = 100,
        .min_use = 0.5,
        .bounce_hold = 0.02,
        .bounce_back = 0.05,
        .bounce_stop = 0.10,
        .complaint_hold = 0.001,
        .complaint_stop = 0.003,
        .refusal_hold = 0.05,
        .breaker = CONF_BREAKER_HOLD,
        .breaker_window = 86400,
        .breaker_sample = 200,
        .breaker_bounces = 0.10,
        .breaker_complaints = 0.003,
        .breaker_refusals = 0.30,
};

static void test_presets(void **state) {
	char file[] = "/tmp/todoku-gate.XXXXXX";
	int fd = mkstemp(file);
	const struct conf_stream *stream;
	struct buf errors;
	struct conf *conf;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "stream \"main\" {\n}\n", 18), 18);
	close(fd);
	buf_init(&errors, 4096);
	conf = conf_load(file, &errors);
	unlink(file);
	if (conf == NULL)
		fail_msg("%s", errors.at);
	stream = conf_find_stream(conf, SPAN("main"));
	assert_int_equal(stream->idle_days, preset.idle_days);
	assert_int_equal(stream->min_sample, preset.min_sample);
	assert_int_equal(stream->breaker, preset.breaker);
	assert_int_equal(stream->breaker_window, preset.breaker_window);
	assert_int_equal(stream->breaker_sample, preset.breaker_sample);
#define SAME(field) assert_true(stream->field == preset.field)
	SAME(min_use);
	SAME(bounce_hold);
	SAME(bounce_back);
	SAME(bounce_stop);
	SAME(complaint_hold);
	SAME(complaint_stop);
	SAME(refusal_hold);
	SAME(breaker_bounces);
	SAME(breaker_complaints);
	SAME(breaker_refusals);
	conf_free(&conf);
	buf_free(&errors);
}

#define U WARMUP_UNLIMITED

static void test_gates(void **state) {
	static const struct {
		const char *name;
		uint64_t sent, hard, complaints, refused;
		long long amount;
		enum warmup_verdict want;
		const char *say;
	} cases[] = {
	        {"W3 nothing came back", 1000, 0, 0, 0, 1000, WARMUP_GROW, "all well"},
	        {"W3 hard bounces under 2 % grow", 1000, 19, 0, 0, 1000, WARMUP_GROW, "1.90 %"},
	        {"W3 2 % hold", 1000, 20, 0, 0, 1000, WARMUP_HOLD, "20 hard bounces in 1000 sent: 2.00 %"},
	        {"W3 under 5 % hold", 1000, 49, 0, 0, 1000, WARMUP_HOLD, "4.90 %"},
	        {"W3 5 % a step back", 1000, 50, 0, 0, 1000, WARMUP_BACK, "5.00 %; from 5 % on the next day goes"},
	        {"W3 under 10 % a step back", 1000, 99, 0, 0, 1000, WARMUP_BACK, "9.90 %"},
	        {"W3 10 % stop", 1000, 100, 0, 0, 1000, WARMUP_STOP, "10.00 %; from 10 % on the stream stops"},
	        {"W3 all bounced", 1000, 1000, 0, 0, 1000, WARMUP_STOP, "100.00 %"},
	        {"W3 complaints under 0.1 % grow", 10000, 0, 9, 0, 10000, WARMUP_GROW, "0.090 %"},
	        {"W3 0.1 % hold", 10000, 0, 10, 0, 10000, WARMUP_HOLD, "10 complaints in 10000 sent: 0.10 %"},
	        {"W3 under 0.3 % hold", 10000, 0, 29, 0, 10000, WARMUP_HOLD, "0.29 %"},
	        {"W3 0.3 % stop", 10000, 0, 30, 0, 10000, WARMUP_STOP, "30 complaints in 10000 sent: 0.30 %"},
	        {"W3 the worse decides", 10000, 500, 10, 0, 10000, WARMUP_BACK, "hard bounces"},
	        {"W3 the worse decides, the other way", 10000, 500, 30, 0, 10000, WARMUP_STOP, "complaints"},
	        {"W3 a sample too small", 99, 0, 0, 0, 1000, WARMUP_HOLD, "99 sent: too few to judge by, 100 are"},
	        {"W3 a sample too small doesn't stop", 99, 99, 9, 0, 1000, WARMUP_HOLD, "too few"},
	        {"W3 no mail at all", 0, 0, 0, 0, 1000, WARMUP_HOLD, "0 sent: too few"},
	        {"W3 no mail, but bounces of earlier days", 0, 50, 1, 0, 1000, WARMUP_HOLD, "0 sent: too few"},
	        {"W3 a whole quota is a sample", 50, 0, 0, 0, 50, WARMUP_GROW, "all well"},
	        {"W3 all but one of it is none", 49, 0, 0, 0, 50, WARMUP_HOLD, "50 are needed"},
	        {"W3 a whole small quota can stop", 50, 5, 0, 0, 50, WARMUP_STOP, "10.00 %"},
	        {"W3 a provider's refusals hold only that provider", 1000, 0, 0, 1000, 1000, WARMUP_GROW, "all well"},
	        {"half of the quota is used", 2500, 0, 0, 0, 5000, WARMUP_GROW, "all well"},
	        {"less than half is used", 2499, 0, 0, 0, 5000, WARMUP_HOLD, "2499 of 5000 used: 50 %; under 50 %"},
	        {"little used, but much bounced", 200, 10, 0, 0, 5000, WARMUP_BACK, "10 hard bounces"},
	        {"no quota", 100, 0, 0, 0, U, WARMUP_GROW, "all well"},
	        {"more came back than was sent", 100, 500, 0, 0, 100, WARMUP_STOP, "500.00 %"},
	        {"large figures", UINT64_C(1000000000), 19999999, 0, 0, 1000000000, WARMUP_GROW, "2.00 %"},
	};
	char reason[WARMUP_REASON_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_counts day = {cases[i].sent, cases[i].hard, cases[i].complaints, cases[i].refused};
		enum warmup_verdict got = warmup_gate(&preset, &day, cases[i].amount, reason);

		if (got != cases[i].want || strstr(reason, cases[i].say) == NULL)
			fail_msg("%s: want %s with \"%s\", got %s, \"%s\"", cases[i].name,
			         warmup_verdict_name(cases[i].want), cases[i].say, warmup_verdict_name(got), reason);
	}
}

/* Whatever the limits: a count that is exactly at one reaches it, one less doesn't. */
static void test_exactly_at_a_limit(void **state) {
	char reason[WARMUP_REASON_SIZE];
	int percent, hundreds;

	(void)state;
	for (percent = 1; percent <= 100; percent++)
		for (hundreds = 1; hundreds < 400; hundreds++) {
			struct conf_stream limits = preset;
			struct warmup_counts day = {.sent = (uint64_t)hundreds * 100,
			                            .hard = (uint64_t)hundreds * (uint64_t)percent};

			limits.bounce_hold = percent / 100.0;
			limits.bounce_back = limits.bounce_stop = 1.0;
			if (percent < 100)
				assert_int_equal(warmup_gate(&limits, &day, (long long)day.sent, reason), WARMUP_HOLD);
			day.hard--;
			assert_int_equal(warmup_gate(&limits, &day, (long long)day.sent, reason), WARMUP_GROW);
		}
}

static void test_providers(void **state) {
	static const struct {
		const char *name;
		uint64_t sent, refused;
		long long amount;
		enum warmup_verdict want;
		bool judged;
	} cases[] = {
	        {"W3 refusals under 5 %", 1000, 49, U, WARMUP_GROW, true},
	        {"W3 5 % hold that provider", 1000, 50, U, WARMUP_HOLD, true},
	        {"all refused", 1000, 1000, U, WARMUP_HOLD, true},
	        {"too few", 99, 99, U, WARMUP_HOLD, false},
	        {"a small share, used up", 20, 0, 20, WARMUP_GROW, true},
	        {"a small share, used up and refused", 20, 20, 20, WARMUP_HOLD, true},
	        {"none", 0, 0, U, WARMUP_HOLD, false},
	        {"none of none", 0, 0, 0, WARMUP_HOLD, false},
	};
	char reason[WARMUP_REASON_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_counts day = {.sent = cases[i].sent, .refused = cases[i].refused, .hard = cases[i].sent};
		bool judged;
		enum warmup_verdict got = warmup_gate_provider(&preset, &day, cases[i].amount, &judged, reason);

		if (got != cases[i].want || judged != cases[i].judged)
			fail_msg("%s: got %s, \"%s\"", cases[i].name, warmup_verdict_name(got), reason);
	}
}

static void test_breaker(void **state) {
	static const struct {
		const char *name;
		uint64_t sent, hard, complaints, refused;
		bool want;
		const char *say;
	} cases[] = {
	        {"nothing", 0, 0, 0, 0, false, "0 sent in 24 hours"},
	        {"all well", 1000, 99, 2, 299, false, "hard bounces 9.90 %, complaints 0.200 %, refusals 29.90 %"},
	        {"hard bounces", 1000, 100, 0, 0, true,
	         "100 hard bounces in 1000 sent in 24 hours: 10.00 %, limit 10 %"},
	        {"complaints", 1000, 0, 3, 0, true, "3 complaints in 1000 sent in 24 hours: 0.30 %, limit 0.3 %"},
	        {"N7 refusals feed the breaker", 1000, 0, 0, 300, true, "300 refusals in 1000 sent"},
	        {"a sample too small", 199, 199, 199, 199, false, "199 sent"},
	        {"the smallest sample", 200, 20, 0, 0, true, "20 hard bounces"},
	};
	struct conf_stream off = preset;
	char reason[WARMUP_REASON_SIZE];
	size_t i;

	(void)state;
	off.breaker = CONF_BREAKER_OFF;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct warmup_counts window = {cases[i].sent, cases[i].hard, cases[i].complaints, cases[i].refused};
		bool got = warmup_breaker(&preset, &window, reason);

		if (got != cases[i].want || strstr(reason, cases[i].say) == NULL)
			fail_msg("%s: want %d with \"%s\", got %d, \"%s\"", cases[i].name, cases[i].want, cases[i].say,
			         got, reason);
		assert_false(warmup_breaker(&off, &window, reason));
	}
}

/* More that comes back never closes it, more that goes out never opens it. */
static void test_breaker_is_monotone(void **state) {
	unsigned seed = 1;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		struct warmup_counts window = {(uint64_t)rand_r(&seed) % 2000, (uint64_t)rand_r(&seed) % 200,
		                               (uint64_t)rand_r(&seed) % 8, (uint64_t)rand_r(&seed) % 600};
		struct warmup_counts more = window, further = window;
		char reason[WARMUP_REASON_SIZE];
		bool open = warmup_breaker(&preset, &window, reason);

		more.hard += (uint64_t)rand_r(&seed) % 50;
		more.complaints += (uint64_t)rand_r(&seed) % 3;
		more.refused += (uint64_t)rand_r(&seed) % 50;
		if (open)
			assert_true(warmup_breaker(&preset, &more, reason));
		further.sent += (uint64_t)rand_r(&seed) % 500;
		if (!open && window.sent >= 200)
			assert_false(warmup_breaker(&preset, &further, reason));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_presets),
	        cmocka_unit_test(test_gates),
	        cmocka_unit_test(test_exactly_at_a_limit),
	        cmocka_unit_test(test_providers),
	        cmocka_unit_test(test_breaker),
	        cmocka_unit_test(test_breaker_is_monotone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
