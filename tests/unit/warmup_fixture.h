/*
 * What the tests of warm-up have in common: a store, a stream of a configuration, a zone,
 * and mail that is sent and comes back, at any time.
 */
#ifndef TESTS_UNIT_WARMUP_FIXTURE_H
#define TESTS_UNIT_WARMUP_FIXTURE_H

#include "tests/unit/store_fixture.h"

#include "lib/store_bounce.h"
#include "lib/warmup.h"
#include "lib/warmup_ramp.h"

#define HOUR 3600

struct world {
	struct fixture *fixture;
	struct store *store;
	struct conf *conf;
	const struct conf_stream *stream; /* "main" */
	struct zone *zone;
	uint64_t reports; /* so far; of this process */
};

static inline struct conf *load_text(const char *text) {
	char file[] = "/tmp/todoku-warmup.XXXXXX";
	int fd = mkstemp(file);
	struct buf errors;
	struct conf *conf;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	buf_init(&errors, 4096);
	conf = conf_load(file, &errors);
	unlink(file);
	if (conf == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	return conf;
}

/* Another configuration for the same store: `options` of stream "main", then whatever follows. */
static inline void world_configure(struct world *world, const char *options, const char *sections) {
	char text[2048];

	conf_free(&world->conf);
	snprintf(text, sizeof text, "stream \"main\" { %s }\n%s\n", options, sections);
	world->conf = load_text(text);
	world->stream = conf_find_stream(world->conf, SPAN("main"));
}

static inline void world_make(struct world *world, struct fixture *fixture, const char *zone, const char *options) {
	struct store_send send = sample_send(1, 1000000);

	*world = (struct world){.fixture = fixture};
	fixture->conf.busy_timeout = 20;
	world->store = fixture_open(fixture);
	world->zone = zone_load(zone, NULL);
	assert_non_null(world->zone);
	world_configure(world, options, "");
	/* The campaign that all that comes back is of. */
	assert_int_equal(store_add_sends(world->store, &send, 1, NULL), 0);
}

static inline void world_free(struct world *world) {
	store_close(&world->store);
	conf_free(&world->conf);
	zone_free(&world->zone);
}

static inline int64_t day_of(const char *text) {
	int64_t day;

	assert_int_equal(day_parse(text, &day), 0);
	return day;
}

static inline void sent(struct world *world, const char *provider, time_t when, uint64_t count) {
	struct store_traffic traffic = {SPAN("main"), span_of(provider), when, count};
	struct err err;

	if (store_add_traffic(world->store, &traffic, 1, &err) != 0)
		fail_msg("%s", err.text);
}

static inline void came_back(struct world *world, const char *domain, time_t when, enum store_feedback_kind kind,
                             size_t count) {
	struct store_bounce *bounces = calloc(count + 1, sizeof *bounces);
	enum store_bounce_result *results = calloc(count + 1, sizeof *results);
	struct err err;
	bool alone;
	size_t i;

	for (i = 0; i < count; i++)
		bounces[i] = (struct store_bounce){.report = ++world->reports * 0x9e3779b97f4a7c15,
		                                   .time = when,
		                                   .campaign = 0xc0ffee,
		                                   .list = SPAN("news"),
		                                   .stream = SPAN("main"),
		                                   .domain = span_of(domain),
		                                   .feedback = kind};
	if (count > 0 && store_add_bounces(world->store, bounces, count, results, &alone, &err) != 0)
		fail_msg("%s", err.text);
	free(bounces);
	free(results);
}

static inline struct warmup_today refresh_at(struct world *world, time_t now) {
	struct warmup_today today;
	struct err err;

	if (warmup_refresh(world->store, world->conf, world->stream, world->zone, now, &today, &err) != 0)
		fail_msg("%s", err.text);
	return today;
}

static inline bool resume_at(struct world *world, time_t now, const char *why) {
	struct err err;
	bool resumed;

	if (warmup_resume(world->store, world->stream, world->zone, now, SPAN("operator"), span_of(why), &resumed,
	                  &err) != 0)
		fail_msg("%s", err.text);
	return resumed;
}

/* The start of a local day, and so many hours after it. */
static inline time_t at(const struct world *world, int64_t day, int hours) {
	return zone_day_start(world->zone, day) + hours * HOUR;
}

#endif
