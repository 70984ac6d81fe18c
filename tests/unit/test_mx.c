/* policyd/mx.h: real lookups from a real name server on loopback, which also is slow, silent, wrong and overrun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policyd/mx.h"
#include "tests/unit/dns_server.h"

#define ANSWERS_MAX 8192
#define WAIT_SECONDS 60

struct heard {
	char domain[MX_HOST_SIZE];
	struct mx_answer answer;
};

struct fixture {
	struct dns_server server;
	struct mx *mx;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct heard *heard;
	size_t count;
};

static void answered(void *context, struct span domain, const struct mx_answer *answer) {
	struct fixture *fixture = context;
	struct heard *heard;

	pthread_mutex_lock(&fixture->lock);
	if (fixture->count == ANSWERS_MAX)
		abort();
	heard = &fixture->heard[fixture->count++];
	snprintf(heard->domain, sizeof heard->domain, "%.*s", SPAN_ARG(domain));
	heard->answer = *answer;
	pthread_cond_signal(&fixture->more);
	pthread_mutex_unlock(&fixture->lock);
}

static int start(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct mx_options options = MX_OPTIONS(answered, fixture);
	struct err err;

	fixture->heard = calloc(ANSWERS_MAX, sizeof *fixture->heard);
	pthread_mutex_init(&fixture->lock, NULL);
	pthread_cond_init(&fixture->more, NULL);
	dns_server_start(&fixture->server);
	options.servers = fixture->server.address;
	options.timeout_ms = 100;
	options.tries = 2;
	fixture->mx = mx_start(&options, &err);
	if (fixture->mx == NULL)
		fail_msg("%s", err.text);
	*state = fixture;
	return 0;
}

static int stop(void **state) {
	struct fixture *fixture = *state;

	mx_stop(&fixture->mx);
	dns_server_stop(&fixture->server);
	pthread_mutex_destroy(&fixture->lock);
	pthread_cond_destroy(&fixture->more);
	free(fixture->heard);
	free(fixture);
	return 0;
}

/* Until that many answers are there. */
static void wait_for(struct fixture *fixture, size_t count) {
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&fixture->lock);
	while (fixture->count < count)
		if (pthread_cond_timedwait(&fixture->more, &fixture->lock, &end) != 0)
			fail_msg("want %zu answers, got %zu", count, fixture->count);
	pthread_mutex_unlock(&fixture->lock);
}

static struct mx_answer answer_of(struct fixture *fixture, const char *domain) {
	struct mx_answer answer = {0};
	bool found = false;
	size_t i;

	pthread_mutex_lock(&fixture->lock);
	for (i = 0; i < fixture->count; i++)
		if (strcmp(fixture->heard[i].domain, domain) == 0) {
			answer = fixture->heard[i].answer;
			found = true;
		}
	pthread_mutex_unlock(&fixture->lock);
	if (!found)
		fail_msg("no answer for %s", domain);
	return answer;
}

static void test_answers(void **state) {
	static const struct {
		const char *domain;
		enum mx_outcome outcome;
		const char *host;
		uint32_t ttl;
	} cases[] = {
	        {"one.test", MX_FOUND, "mx.example.net", 7200},
	        {"two.test", MX_FOUND, "mx1.example.net", 3600},
	        {"null.test", MX_NONE, "", 7200},
	        {"plain.test", MX_FOUND, "plain.test", 900},
	        {"nx.test", MX_NONE, "", 600},
	        {"refused.test", MX_FAILED, "", 0},
	        {"silent.test", MX_FAILED, "", 0},
	        {"garbage.test", MX_FAILED, "", 0},
	        {"stranger.test", MX_FAILED, "", 0},
	        {"loop.test", MX_FAILED, "", 0},
	        {"google.test", MX_FOUND, "aspmx.l.google.com", 7200},
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		mx_want(fixture->mx, span_of(cases[i].domain));
	wait_for(fixture, sizeof cases / sizeof cases[0]);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct mx_answer got = answer_of(fixture, cases[i].domain);

		if (got.outcome != cases[i].outcome || strcmp(got.host, cases[i].host) != 0 || got.ttl != cases[i].ttl)
			fail_msg("%s: want %d, %s, %u, got %d, %s, %u", cases[i].domain, cases[i].outcome,
			         cases[i].host, cases[i].ttl, got.outcome, got.host, got.ttl);
	}
}

/* An answer that ends in the middle has no record that can be read: never a wrong one. */
static void test_cut_answer(void **state) {
	struct fixture *fixture = *state;
	struct mx_answer got;

	mx_want(fixture->mx, SPAN("cut.test"));
	wait_for(fixture, 1);
	got = answer_of(fixture, "cut.test");
	assert_string_equal(got.host, "");
	assert_true(got.outcome == MX_FAILED);
}

static void test_asked_once(void **state) {
	struct fixture *fixture = *state;
	int i;

	for (i = 0; i < 1000; i++)
		mx_want(fixture->mx, SPAN("one.test"));
	mx_want(fixture->mx, SPAN("other.test"));
	wait_for(fixture, 2);
	for (i = 0; i < 1000; i++)
		mx_want(fixture->mx, SPAN("one.test"));
	assert_int_equal(mx_read_totals(fixture->mx).asked, 2);
	assert_int_equal(fixture->server.asked, 2);
}

/* A name server that is silent holds up nobody: neither who wants to know nor, for
 * long, the lookups that it does answer. */
static void test_silence(void **state) {
	struct fixture *fixture = *state;
	char domain[64];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(domain, sizeof domain, "silent.d%d.test", i);
		mx_want(fixture->mx, span_of(domain));
	}
	mx_want(fixture->mx, SPAN("one.test"));
	wait_for(fixture, 101);
	assert_int_equal(answer_of(fixture, "one.test").outcome, MX_FOUND);
	assert_int_equal(mx_read_totals(fixture->mx).failed, 100);
}

#define FLOOD 20000
#define FLOOD_THREADS 4

static void *flood(void *argument) {
	struct fixture *fixture = argument;
	char domain[64];
	int i;

	for (i = 0; i < FLOOD; i++) {
		snprintf(domain, sizeof domain, "d%d.t%lx.test", i, (unsigned long)pthread_self() % 4099);
		mx_want(fixture->mx, span_of(domain));
	}
	return NULL;
}

/* What doesn't fit is dropped and counted, what was taken is answered. */
static void test_flood(void **state) {
	struct fixture *fixture = *state;
	pthread_t threads[FLOOD_THREADS];
	struct mx_totals totals;
	int i;

	for (i = 0; i < FLOOD_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, fixture), 0);
	for (i = 0; i < FLOOD_THREADS; i++)
		pthread_join(threads[i], NULL);
	totals = mx_read_totals(fixture->mx);
	assert_true(totals.wanted >= MX_PENDING_MAX && totals.wanted < ANSWERS_MAX);
	assert_true(totals.dropped > 0);
	wait_for(fixture, (size_t)totals.wanted);
	totals = mx_read_totals(fixture->mx);
	assert_int_equal(totals.asked, totals.wanted);
	assert_int_equal(totals.found + totals.failed, totals.wanted);
}

/* A domain that found no room was not asked for: it may be when there is. */
static void test_full(void **state) {
	struct fixture *fixture = *state;
	struct mx_options options = MX_OPTIONS(answered, fixture);
	char domain[64];
	uint64_t wanted;
	int i;

	mx_stop(&fixture->mx);
	options.servers = fixture->server.address;
	options.timeout_ms = 10;
	options.tries = 1;
	fixture->mx = mx_start(&options, NULL);
	assert_non_null(fixture->mx);
	for (i = 0; mx_read_totals(fixture->mx).dropped == 0; i++) {
		snprintf(domain, sizeof domain, "silent.d%d.test", i);
		mx_want(fixture->mx, span_of(domain));
	}
	wanted = mx_read_totals(fixture->mx).wanted;
	wait_for(fixture, (size_t)wanted);
	mx_want(fixture->mx, span_of(domain));
	wait_for(fixture, (size_t)wanted + 1);
}

/* With lookups under way, and nothing said of them. */
static void test_stop_in_flight(void **state) {
	struct fixture *fixture = *state;
	char domain[64];
	int i;

	for (i = 0; i < 2000; i++) {
		snprintf(domain, sizeof domain, "silent.d%d.test", i);
		mx_want(fixture->mx, span_of(domain));
	}
	mx_stop(&fixture->mx);
	assert_null(fixture->mx);
	mx_stop(&fixture->mx);
}

/* Names that the DNS doesn't take, and addresses in the place of a domain. */
static void test_odd_domains(void **state) {
	static const char *const odd[] = {
	        "",
	        "[192.0.2.1]",
	        "..",
	        ".",
	        "a..b",
	        "-",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
	        "x y.test"};
	struct fixture *fixture = *state;
	char longer[400];
	size_t i;

	for (i = 0; i < sizeof odd / sizeof odd[0]; i++)
		mx_want(fixture->mx, span_of(odd[i]));
	memset(longer, 'a', sizeof longer);
	mx_want(fixture->mx, span_make(longer, sizeof longer));
	mx_want(fixture->mx, SPAN("one.test"));
	wait_for(fixture, 1);
	wait_for(fixture, (size_t)mx_read_totals(fixture->mx).wanted);
	assert_int_equal(answer_of(fixture, "one.test").outcome, MX_FOUND);
}

static void test_bad_servers(void **state) {
	struct mx_options options = MX_OPTIONS(answered, NULL);
	struct err err = {""};

	(void)state;
	options.servers = "no address";
	assert_null(mx_start(&options, &err));
	assert_non_null(strstr(err.text, "no address"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_answers, start, stop),
	        cmocka_unit_test_setup_teardown(test_cut_answer, start, stop),
	        cmocka_unit_test_setup_teardown(test_asked_once, start, stop),
	        cmocka_unit_test_setup_teardown(test_silence, start, stop),
	        cmocka_unit_test_setup_teardown(test_flood, start, stop),
	        cmocka_unit_test_setup_teardown(test_full, start, stop),
	        cmocka_unit_test_setup_teardown(test_stop_in_flight, start, stop),
	        cmocka_unit_test_setup_teardown(test_odd_domains, start, stop),
	        cmocka_unit_test(test_bad_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
