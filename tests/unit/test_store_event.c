/* Events, their labels and figures. */
#include "tests/unit/store_disk.h"
#include "tests/unit/store_event_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

static void add_send(struct store *store, uint64_t reader, uint16_t links, time_t when) {
	struct store_send send = sample_send(reader + links, when);
	struct err err = {""};

	send.address_key = reader;
	send.links = links;
	if (store_add_sends(store, &send, 1, &err) != 0)
		fail_msg("store_add_sends: %s", err.text);
}

static int write_machine(void *context, const struct store_event *event) {
	buf_printf(context, "%s ", store_machine_name(event->machine));
	return 0;
}

/* The labels of a reader's events, oldest first. */
static void check_labels(struct store *store, uint64_t reader, const char *want) {
	struct store_event_query query = {.key = reader};
	struct err err = {""};
	struct buf text;

	buf_init(&text, 10000);
	buf_add_text(&text, "");
	if (store_each_event(store, &query, write_machine, &text, &err) != 0)
		fail_msg("store_each_event: %s", err.text);
	if (strcmp(text.at, want) != 0)
		fail_msg("got \"%s\", want \"%s\"", text.at, want);
	buf_free(&text);
}

static void test_names(void **state) {
	(void)state;
	assert_string_equal(store_event_kind_name(STORE_CONVERSION), "conversion");
	assert_string_equal(store_machine_name(STORE_MACHINE_ALL_LINKS), "all_links");
}

static void test_figures(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event proxy = sample_event(STORE_OPEN, READER, NOON_MS), events[6];

	proxy.machine = STORE_MACHINE_PROXY;
	events[0] = proxy;
	events[1] = sample_event(STORE_OPEN, READER, NOON_MS + 5000);
	events[2] = sample_event(STORE_OPEN, READER, NOON_MS + 7200000);
	events[3] = sample_event(STORE_OPEN, READER + 1, NOON_MS);
	events[4] = sample_click(READER, 1, NOON_MS);
	events[5] = sample_event(STORE_UNSUBSCRIBE, READER, NOON_MS);
	apply(store, events, 6);
	/* Repeated opens of one reader count once in unique figures. */
	check_kpi(store, CAMPAIGN, "click 1/1/1/1 open 4/3/2/2 unsubscribe 1/1/1/1 ");
	apply(store, events, 6);
	check_kpi(store, CAMPAIGN, "click 2/2/1/1 open 8/6/2/2 unsubscribe 2/2/1/1 ");
	check_rollup(fixture, "202611");
	check_kpi(store, CAMPAIGN + 1, "");
	store_close(&store);
}

static int write_hour(void *context, time_t hour, struct span kind, uint64_t count) {
	buf_printf(context, "%lld %.*s %llu ", (long long)(hour - NOON_NOV_22) / 3600, SPAN_ARG(kind),
	           (unsigned long long)count);
	return 0;
}

static void test_hours(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event events[] = {sample_event(STORE_OPEN, READER, NOON_MS + 3599999),
	                               sample_event(STORE_OPEN, READER, NOON_MS + 3600000)};
	struct buf text;

	add_send(store, READER, 3, NOON_NOV_22 + 1);
	events[1].machine = STORE_MACHINE_SCANNER;
	apply(store, events, 2);
	buf_init(&text, 1000);
	assert_int_equal(store_each_hour(store, CAMPAIGN, write_hour, &text, NULL), 0);
	assert_string_equal(text.at,
	                    "0 open 1 0 open.human 1 0 open.unique 1 0 open.unique.human 1 0 sent 1 1 open 1 ");
	buf_free(&text);
	store_close(&store);
}

/* Each link of a burst at its time: is it labelled? */
static void test_burst(void **state) {
	static const struct {
		const char *links; /* a digit each */
		int64_t at[6];
		const char *want;
	} cases[] = {
	        {"123", {0, 1000, 2000}, "burst burst burst "},
	        {"123", {0, 1000, 2001}, "none none none "},
	        {"121", {0, 100, 200}, "none none none "},
	        {"1213", {0, 100, 200, 300}, "burst burst burst burst "},
	        {"1234", {0, 100, 200, 2000}, "burst burst burst burst "},
	        /* The fourth is in two seconds of two of them. */
	        {"1234", {0, 1000, 2000, 3000}, "burst burst burst burst "},
	        {"1234", {0, 100, 200, 2150}, "burst burst burst none "},
	        {"1231", {0, 100, 200, 5000}, "burst burst burst none "},
	        /* They come in any order. */
	        {"321", {2000, 1000, 0}, "burst burst burst "},
	        {"12345", {0, 1500, 3000, 4500, 2500}, "none burst burst burst burst "},
	};
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	size_t i, j;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (j = 0; cases[i].links[j] != '\0'; j++) {
			struct store_event click =
			        sample_click(READER + i, (uint16_t)(cases[i].links[j] - '0'), NOON_MS + cases[i].at[j]);

			/* Whether in one transaction or in many. */
			apply(store, &click, 1);
		}
		check_labels(store, READER + i, cases[i].want);
	}
	check_rollup(fixture, "202611");
	store_close(&store);
}

/* The figures say what they would have said had the labels come first. */
static void test_burst_corrects(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event clicks[] = {sample_click(READER, 1, NOON_MS - 1000), sample_click(READER, 2, NOON_MS - 1),
	                               sample_click(READER, 3, NOON_MS), sample_click(READER, 1, NOON_MS + 60000)};

	apply(store, clicks, 2);
	check_kpi(store, CAMPAIGN, "click 2/2/1/1 ");
	apply(store, clicks + 2, 1);
	check_kpi(store, CAMPAIGN, "click 3/0/1/0 ");
	apply(store, clicks + 3, 1);
	check_kpi(store, CAMPAIGN, "click 4/1/1/1 ");
	check_labels(store, READER, "burst burst burst none ");
	check_rollup(fixture, "202611");
	assert_int_equal(fixture_number(fixture, "SELECT sum(rules = 1) FROM event_202611"), 3);
	store_close(&store);
}

static void test_burst_needs_clean_clicks(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event clicks[] = {sample_click(READER, 1, NOON_MS), sample_click(READER, 2, NOON_MS + 1),
	                               sample_click(READER, 3, NOON_MS + 2), sample_click(READER + 1, 4, NOON_MS + 2),
	                               sample_click(READER, 4, NOON_MS + 3)};

	/* What comes with a label keeps it, and is no part of the pattern; other readers
	 * and campaigns neither. */
	clicks[0].machine = STORE_MACHINE_TOO_SOON;
	clicks[4].campaign = CAMPAIGN + 1;
	apply(store, clicks, 5);
	check_labels(store, READER, "too_soon none none none ");
	store_close(&store);
}

static void test_all_links(void **state) {
	static const struct {
		uint16_t sent; /* 0: no record */
		const char *links;
		const char *want;
	} cases[] = {
	        {3, "123", "all_links all_links all_links "},
	        {3, "1123", "all_links all_links all_links all_links "},
	        {3, "12", "none none "},
	        {4, "123", "none none none "},
	        {2, "12", "none none "},
	        {0, "123", "none none none "},
	        /* Afterwards the reader is looked at anew. */
	        {3, "1231", "all_links all_links all_links none "},
	        {3, "123123", "all_links all_links all_links all_links all_links all_links "},
	};
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	size_t i, j;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (cases[i].sent > 0)
			add_send(store, READER + i, cases[i].sent, NOON_NOV_22);
		for (j = 0; cases[i].links[j] != '\0'; j++) {
			struct store_event click = sample_click(READER + i, (uint16_t)(cases[i].links[j] - '0'),
			                                        NOON_MS + (int64_t)j * 3600000);

			apply(store, &click, 1);
		}
		check_labels(store, READER + i, cases[i].want);
	}
	check_rollup(fixture, "202611");
	store_close(&store);
}

/* The largest message counts, in whichever month it was sent. */
static void test_all_links_months(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event clicks[] = {sample_click(READER, 1, NOON_MS), sample_click(READER, 2, NOON_MS + 3600000),
	                               sample_click(READER, 3, NOON_MS + 7200000),
	                               sample_click(READER, 4, NOON_MS + 9000000)};

	add_send(store, READER, 4, NOON_NOV_22 - 60 * 86400);
	add_send(store, READER, 3, NOON_NOV_22);
	apply(store, clicks, 3);
	check_labels(store, READER, "none none none ");
	apply(store, clicks + 3, 1);
	check_labels(store, READER, "all_links all_links all_links all_links ");
	store_close(&store);
}

/* Clicks of a burst are none of those that make all links. */
static void test_precedence(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event clicks[] = {sample_click(READER, 1, NOON_MS), sample_click(READER, 2, NOON_MS + 10),
	                               sample_click(READER, 3, NOON_MS + 20), sample_click(READER, 4, NOON_MS + 9000)};

	add_send(store, READER, 4, NOON_NOV_22);
	apply(store, clicks, 4);
	check_labels(store, READER, "burst burst burst none ");
	store_close(&store);
}

/* Who has no key is known as a visitor, and without that has no part in unique
 * figures. */
static void test_shared(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event events[4];
	size_t i;

	for (i = 0; i < 4; i++) {
		events[i] = sample_click(READER, 1, NOON_MS + (int64_t)i);
		events[i].shared = true;
		events[i].address_key = 0;
		events[i].visitor = i < 3 ? 7 + i / 2 : 0;
	}
	apply(store, events, 4);
	check_kpi(store, CAMPAIGN, "click 4/4/2/2 ");
	check_rollup(fixture, "202611");
	check_labels(store, READER, "");
	store_close(&store);
}

static int write_place(void *context, const struct store_event *event) {
	buf_printf(context, "%llx:%llx:%d ", (unsigned long long)event->campaign,
	           (unsigned long long)event->address_key, event->shared);
	return 0;
}

static void test_conversion(void **state) {
	static const struct {
		int64_t after_ms; /* the click */
		uint64_t visitor;
		const char *list;
		const char *want;
	} cases[] = {
	        {1, READER * 3, "news", "c0ffee:feed000000000001:0 "},
	        {0, READER * 3, "news", "c0ffee:feed000000000001:0 "},
	        {30 * DAY_MS, READER * 3, "news", "c0ffee:feed000000000001:0 "},
	        {30 * DAY_MS + 1, READER * 3, "news", "0:0:1 "},
	        {-1, READER * 3, "news", "0:0:1 "},
	        {1, READER * 3 + 1, "news", "0:0:1 "},
	        {1, 0, "news", "0:0:1 "},
	        {1, READER * 3, "shop", "0:0:1 "},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture *fixture = *state;
		struct store *store = fixture_open(fixture);
		struct store_event click = sample_click(READER, 1, NOON_MS), conversion;
		struct store_event_query query = {.by_campaign = true, .newest_first = true, .limit = 1};
		struct buf text;

		add_send(store, READER, 3, NOON_NOV_22); /* which says the campaign's list */
		apply(store, &click, 1);
		conversion = sample_event(STORE_CONVERSION, 0, NOON_MS + cases[i].after_ms);
		conversion.shared = true;
		conversion.campaign = 0;
		conversion.list = span_of(cases[i].list);
		conversion.visitor = cases[i].visitor;
		conversion.value = SPAN("1200 JPY");
		apply(store, &conversion, 1);
		query.key = strstr(cases[i].want, "c0ffee") != NULL ? CAMPAIGN : 0;
		if (cases[i].after_ms == 0)
			query.newest_first = true;
		buf_init(&text, 1000);
		buf_add_text(&text, "");
		assert_int_equal(store_each_event(store, &query, write_place, &text, NULL), 0);
		if (strcmp(text.at, cases[i].want) != 0)
			fail_msg("case %zu: got \"%s\", want \"%s\"", i, text.at, cases[i].want);
		check_kpi(store, CAMPAIGN, query.key != 0 ? "click 1/1/1/1 conversion 1/1/1/1 " : "click 1/1/1/1 ");
		buf_free(&text);
		store_close(&store);
		unlink(fixture->path);
	}
}

/* A click that turned out to be a machine's converts nothing; the one before does. */
static void test_conversion_of_humans(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event events[] = {
	        sample_click(READER, 1, NOON_MS),
	        sample_click(READER + 1, 1, NOON_MS + 60000),
	        sample_click(READER + 1, 2, NOON_MS + 60001),
	        sample_click(READER + 1, 3, NOON_MS + 60002),
	        sample_event(STORE_CONVERSION, 0, NOON_MS + 90000),
	};
	size_t i;

	for (i = 0; i < 5; i++)
		events[i].visitor = 77;
	add_send(store, READER, 3, NOON_NOV_22);
	apply(store, events, 5);
	check_labels(store, READER, "none none ");
	check_labels(store, READER + 1, "burst burst burst ");
	store_close(&store);
}

static int write_event(void *context, const struct store_event *event) {
	buf_printf(context, "%s %lld %llx %.*s %d %llx %d %.*s %.*s %s %d %.*s %.*s %llx\n",
	           store_event_kind_name(event->kind), (long long)(event->time_ms - NOON_MS),
	           (unsigned long long)event->campaign, SPAN_ARG(event->list), event->shared,
	           (unsigned long long)event->address_key, event->link, SPAN_ARG(event->target), SPAN_ARG(event->value),
	           store_machine_name(event->machine), event->rules, SPAN_ARG(event->client),
	           SPAN_ARG(event->user_agent), (unsigned long long)event->visitor);
	return 0;
}

static void check_each(struct store *store, struct store_event_query query, const char *want) {
	struct buf text;

	buf_init(&text, 10000);
	buf_add_text(&text, "");
	assert_int_equal(store_each_event(store, &query, write_event, &text, NULL), 0);
	if (strcmp(text.at, want) != 0)
		fail_msg("got:\n%swant:\n%s", text.at, want);
	buf_free(&text);
}

#define A "click 0 c0ffee news 0 5 1 https://example.com/1  none 9 192.0.2.7 Mozilla/5.0 f\n"
#define B "open 5000 beef shop 0 5 0   head 9 192.0.2.7 Mozilla/5.0 f\n"
#define C "click 1036800000 c0ffee news 0 5 2 https://example.com/2  none 9 192.0.2.7 Mozilla/5.0 f\n"
#define D "click 3 c0ffee news 0 6 1 https://example.com/1  none 9 192.0.2.7 Mozilla/5.0 12\n"

static void test_each(void **state) {
	struct store *store = fixture_open(*state);
	/* The second is of another campaign, the third of another month. */
	struct store_event events[] = {sample_click(5, 2, NOON_MS + 12 * DAY_MS), sample_click(5, 1, NOON_MS),
	                               sample_event(STORE_OPEN, 5, NOON_MS + 5000), sample_click(6, 1, NOON_MS + 3)};

	add_send(store, 5, 3, NOON_NOV_22);
	events[2].campaign = 0xbeef;
	events[2].list = SPAN("shop");
	events[2].machine = STORE_MACHINE_HEAD;
	apply(store, events, 4);
	check_each(store, (struct store_event_query){.key = 5}, A B C);
	check_each(store, (struct store_event_query){.key = 5, .newest_first = true}, C B A);
	check_each(store, (struct store_event_query){.key = 5, .newest_first = true, .limit = 2}, C B);
	check_each(store, (struct store_event_query){.key = 7}, "");
	check_each(store, (struct store_event_query){.by_campaign = true, .key = CAMPAIGN}, A D C);
	check_each(store, (struct store_event_query){.by_campaign = true, .key = CAMPAIGN, .newest_first = true},
	           C D A);
	check_each(store, (struct store_event_query){.by_campaign = true, .key = CAMPAIGN, .limit = 2}, A D);
	check_each(store,
	           (struct store_event_query){.by_campaign = true, .key = CAMPAIGN, .newest_first = true, .limit = 2},
	           C D);
	store_close(&store);
}

static int write_link(void *context, const struct store_link *link) {
	buf_printf(context, "%d %.*s ", link->number, SPAN_ARG(link->target));
	write_figure(context, "", link->clicks);
	return 0;
}

static void check_links(struct store *store, const char *want) {
	struct buf text;

	buf_init(&text, 10000);
	assert_int_equal(store_each_link(store, CAMPAIGN, write_link, &text, NULL), 0);
	assert_string_equal(text.at, want);
	buf_free(&text);
}

static void test_links(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event clicks[] = {sample_click(5, 1, NOON_MS),         sample_click(5, 1, NOON_MS + 9000),
	                               sample_click(6, 1, NOON_MS + 18000), sample_click(6, 2, NOON_MS + 27000),
	                               sample_click(7, 1, NOON_MS + 36000), sample_click(8, 1, NOON_MS)};

	clicks[4].target = SPAN("https://example.com/for-7");
	clicks[5].machine = STORE_MACHINE_SCANNER;
	apply(store, clicks, 6);
	check_links(store, "1 https://example.com/1  4/3/3/2 1 https://example.com/for-7  1/1/1/1 "
	                   "2 https://example.com/2  1/1/1/1 ");
	store_close(&store);
}

static void test_position(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event events[4];
	uint64_t position = 7;
	size_t i;

	for (i = 0; i < 4; i++) {
		events[i] = sample_event(STORE_OPEN, READER + i, NOON_MS);
		events[i].position = 10 * (i + 1);
	}
	assert_int_equal(store_event_position(store, SPAN("webd"), &position, NULL), 0);
	assert_int_equal(position, 0);
	assert_int_equal(store_apply_events(store, events, 2, SPAN("webd"), 25, NULL), 0);
	check_kpi(store, CAMPAIGN, "open 2/2/2/2 ");
	/* The same again, and one that is new; the third is one the journal passed by. */
	events[2].position = 25;
	assert_int_equal(store_apply_events(store, events, 4, SPAN("webd"), 40, NULL), 0);
	check_kpi(store, CAMPAIGN, "open 3/3/3/3 ");
	/* It never goes back. */
	assert_int_equal(store_apply_events(store, events, 4, SPAN("webd"), 30, NULL), 0);
	assert_int_equal(store_event_position(store, SPAN("webd"), &position, NULL), 0);
	assert_int_equal(position, 40);
	check_kpi(store, CAMPAIGN, "open 3/3/3/3 ");
	/* Another journal has its own. */
	assert_int_equal(store_apply_events(store, events, 4, SPAN("other"), 40, NULL), 0);
	check_kpi(store, CAMPAIGN, "open 7/7/4/4 ");
	assert_int_equal(store_forget_source(store, SPAN("webd"), NULL), 0);
	assert_int_equal(store_event_position(store, SPAN("webd"), &position, NULL), 0);
	assert_int_equal(position, 0);
	assert_int_equal(store_event_position(store, SPAN("other"), &position, NULL), 0);
	assert_int_equal(position, 40);
	store_close(&store);
}

static void test_refused(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event events[] = {sample_click(READER, 1, NOON_MS), sample_click(READER, 1, NOON_MS)};
	static const struct {
		enum store_event_kind kind;
		int64_t time_ms;
		enum store_machine machine;
	} cases[] = {
	        {STORE_CLICK, -1, STORE_MACHINE_NONE},
	        {STORE_CLICK, INT64_MAX, STORE_MACHINE_NONE},
	        {(enum store_event_kind)0, NOON_MS, STORE_MACHINE_NONE},
	        {(enum store_event_kind)6, NOON_MS, STORE_MACHINE_NONE},
	        {STORE_CLICK, NOON_MS, STORE_MACHINE_BURST},
	        {STORE_CLICK, NOON_MS, (enum store_machine)7},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {""};

		events[1].kind = cases[i].kind;
		events[1].time_ms = cases[i].time_ms;
		events[1].machine = cases[i].machine;
		assert_int_equal(store_check_event(&events[1], &err), -1);
		assert_string_not_equal(err.text, "");
		assert_int_equal(store_apply_events(store, events, 2, SPAN("webd"), 5, NULL), -1);
	}
	check_kpi(store, CAMPAIGN, "");
	store_close(&store);
}

/* What comes from the net comes back byte for byte. */
static void test_odd_bytes(void **state) {
	struct store *store = fixture_open(*state);
	struct store_event click = sample_click(5, 1, NOON_MS);

	click.list = SPAN("news");
	click.target = SPAN("https://example.com/\xff\xfe");
	click.user_agent = SPAN("'; DROP TABLE event_202611 --");
	click.client = SPAN("");
	apply(store, &click, 1);
	check_each(store, (struct store_event_query){.key = 5},
	           "click 0 c0ffee news 0 5 1 https://example.com/\xff\xfe  none 9  '; DROP TABLE event_202611 -- f\n");
	store_close(&store);
}

/* One who clicks more links than are looked after is counted all the same. */
static void test_many_links(void **state) {
	enum { CLICKS = 4200 };
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event *clicks = calloc(CLICKS, sizeof *clicks);
	size_t i;

	assert_non_null(clicks);
	for (i = 0; i < CLICKS; i++)
		clicks[i] = sample_click(READER, (uint16_t)(i + 1), NOON_MS + (int64_t)i * 1500);
	apply(store, clicks, CLICKS);
	check_kpi(store, CAMPAIGN, "click 4200/4200/1/1 ");
	free(clicks);
	store_close(&store);
}

static void test_full(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event events[] = {sample_click(READER, 1, NOON_MS),
	                               sample_click(READER, 2, NOON_MS + 40 * DAY_MS)};
	struct err err = {""};
	uint64_t position;

	events[0].position = 1;
	events[1].position = 2;
	assert_int_equal(store_apply_events(store, events, 1, SPAN("webd"), 1, NULL), 0);
	set_disk_full(true);
	assert_int_equal(store_apply_events(store, events, 2, SPAN("webd"), 2, &err), -1);
	assert_non_null(strstr(err.text, "full"));
	set_disk_full(false);
	assert_int_equal(store_event_position(store, SPAN("webd"), &position, NULL), 0);
	assert_int_equal(position, 1);
	assert_int_equal(store_apply_events(store, events, 2, SPAN("webd"), 2, &err), 0);
	check_kpi(store, CAMPAIGN, "click 2/2/1/1 ");
	store_close(&store);
}

static void test_locked_and_removed(void **state) {
	struct fixture *fixture = *state;
	struct store *store;
	struct store_event click = sample_click(READER, 1, NOON_MS);
	struct err err = {""};
	sqlite3 *db;

	fixture->conf.busy_timeout = 0;
	store = fixture_open(fixture);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_apply_events(store, &click, 1, SPAN_NONE, 0, &err), -1);
	assert_non_null(strstr(err.text, "locked"));
	check_kpi(store, CAMPAIGN, "");
	sqlite3_close(db);
	apply(store, &click, 1);
	check_kpi(store, CAMPAIGN, "click 1/1/1/1 ");
	unlink(fixture->path);
	assert_int_equal(store_apply_events(store, &click, 1, SPAN_NONE, 0, &err), -1);
	assert_non_null(strstr(err.text, "removed"));
	store_close(&store);
}

/* Who reads while events are added sees a state between two groups. */
static void test_read_while_adding(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture), *other = fixture_open(fixture);
	struct store_event click = sample_click(READER, 1, NOON_MS);
	sqlite3 *db;

	apply(store, &click, 1);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM rollup", NULL, NULL, NULL), SQLITE_OK);
	check_kpi(other, CAMPAIGN, "click 1/1/1/1 ");
	sqlite3_close(db);
	store_close(&store);
	store_close(&other);
}

static void test_expire(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event events[] = {sample_click(READER, 1, NOON_MS - 60 * DAY_MS), sample_click(READER, 2, NOON_MS),
	                               sample_click(READER + 1, 3, NOON_MS - 60 * DAY_MS),
	                               sample_click(READER, 3, NOON_MS + 9000)};
	int dropped;

	events[3].campaign = CAMPAIGN + 1;
	add_send(store, READER, 4, NOON_NOV_22 - 60 * 86400);
	add_send(store, READER, 5, NOON_NOV_22 - 100 * 86400);
	apply(store, events, 4);
	/* September has both, August sends alone. */
	assert_int_equal(store_expire(store, NOON_NOV_22, 1, &dropped, NULL), 0);
	assert_int_equal(dropped, 2);
	/* The figures stay; events, readers and links of dropped months go. */
	check_kpi(store, CAMPAIGN, "click 3/3/2/2 ");
	check_labels(store, READER, "none none ");
	check_labels(store, READER + 1, "");
	check_links(store, "2 https://example.com/2  1/1/1/1 ");
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM reader"), 2);
	/* The handle goes on with what is left, also behind the end of a chain. */
	events[1].time_ms += 20000;
	apply(store, &events[1], 1);
	check_labels(store, READER, "none none none ");
	assert_int_equal(store_expire(store, NOON_NOV_22, 1, &dropped, NULL), 0);
	assert_int_equal(dropped, 0);
	store_close(&store);
}

/* More readers than one step looks at, and more links of one campaign. */
static void test_expire_many(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event click = sample_click(READER, 1, NOON_MS);
	int dropped;

	apply(store, &click, 1);
	fixture_sql(fixture, "WITH RECURSIVE n(i) AS (SELECT -12500 UNION ALL SELECT i + 1 FROM n WHERE i < 12500)"
	                     " INSERT INTO reader SELECT i, 3, newest, seen, human_hour, links FROM n, reader;"
	                     "WITH RECURSIVE n(i) AS (SELECT -12500 UNION ALL SELECT i + 1 FROM n WHERE i < 12500)"
	                     " INSERT INTO link SELECT campaign, i, 2, i, last, 1, 1, 1, 1 FROM n, link;"
	                     "UPDATE link SET last = last + 5 WHERE id > 0 AND number = 2; UPDATE reader SET newest = "
	                     "newest + 5 WHERE key = 7");
	assert_int_equal(store_expire(store, NOON_NOV_22 + 65 * 86400, 1, &dropped, NULL), 0);
	assert_int_equal(dropped, 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM reader"), 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM link"), 12500);
	store_close(&store);
}

/* A large month goes in steps, each a transaction of its own. */
static void test_expire_in_steps(void **state) {
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_event click = sample_click(READER, 1, NOON_MS);
	int dropped, before;

	add_send(store, READER, 3, NOON_NOV_22);
	apply(store, &click, 1);
	fixture_sql(fixture,
	            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 35000)"
	            " INSERT INTO event_202611 SELECT NULL, 0, time, 2, campaign, key, 0, 0, 0, 0, i, '', '', '', ''"
	            " FROM n, event_202611;"
	            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
	            " INSERT INTO send_202611 SELECT campaign, i, i, time, '', '', '', 3, 0 FROM n, send_202611");
	before = syncs;
	assert_int_equal(store_expire(store, NOON_NOV_22 + 65 * 86400, 1, &dropped, NULL), 0);
	assert_true(syncs - before >= 4 + 3 + 1);
	assert_int_equal(dropped, 1);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '*_202611*'"), 0);
	store_close(&store);
}

static bool file_has(const char *path, const char *needle) {
	FILE *file = fopen(path, "r");
	char *bytes = NULL;
	bool found = false;
	long size;

	if (file == NULL)
		return false;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	if (size > 0) {
		bytes = malloc((size_t)size);
		assert_non_null(bytes);
		assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
		found = span_find(span_make(bytes, (size_t)size), span_of(needle)) >= 0;
	}
	free(bytes);
	fclose(file);
	return found;
}

static void check_gone(const struct fixture *fixture, const char *needle, bool want) {
	char wal[320];

	snprintf(wal, sizeof wal, "%s-wal", fixture->path);
	if ((file_has(fixture->path, needle) || file_has(wal, needle)) != want)
		fail_msg("%s: %s", needle, want ? "never was in the store" : "is still in the store");
}

/* U6: the person goes, the refusal and the figures stay. */
static void test_erase(void **state) {
	static const char *const traces[] = {"erase.me@example.jp",      "198.51.100.77",
	                                     "Agent of the erased",      "https://example.com/?for=erased",
	                                     "I agree, says the erased", "words about the erased",
	                                     "<erased@example.com>"};
	struct fixture *fixture = *state;
	struct store *store = fixture_open(fixture);
	struct store_send sends[] = {sample_send(1, NOON_NOV_22), sample_send(2, NOON_NOV_22),
	                             sample_send(3, NOON_NOV_22 - 40 * 86400)};
	struct store_event events[] = {sample_click(READER, 1, NOON_MS), sample_click(READER, 2, NOON_MS - 40 * DAY_MS),
	                               sample_click(READER + 1, 2, NOON_MS)};
	struct store_change changes[] = {
	        {.address_key = READER,
	         .address = span_of(traces[0]),
	         .list = SPAN("shop"),
	         .status = STORE_ACTIVE,
	         .reason = SPAN("confirmed"),
	         .who = span_of(traces[1]),
	         .proof = span_of(traces[4]),
	         .time = NOON_NOV_22},
	        {.address_key = READER,
	         .list = SPAN("news"),
	         .status = STORE_UNSUBSCRIBED,
	         .reason = SPAN("one_click"),
	         .detail = span_of(traces[5]),
	         .time = NOON_NOV_22 + 1},
	};
	struct store_standing standing;
	struct buf text;
	uint64_t count = 0;
	bool found;
	size_t i;

	for (i = 0; i < 3; i++) {
		sends[i].address_key = i == 1 ? READER + 1 : READER;
		sends[i].address = i == 1 ? SPAN("b@example.jp") : span_of(traces[0]);
		sends[i].message_id = i == 1 ? SPAN("<2@example.com>") : span_of(traces[6]);
	}
	assert_int_equal(store_add_sends(store, sends, 3, NULL), 0);
	events[0].client = events[1].client = span_of(traces[1]);
	events[0].user_agent = span_of(traces[2]);
	events[0].target = span_of(traces[3]);
	apply(store, events, 3);
	assert_int_equal(store_change_status(store, changes, 2, NULL, NULL), 0);
	assert_int_equal(store_mark_temporary(store, READER, SPAN(""), 5, NULL), 0);
	for (i = 0; i < sizeof traces / sizeof traces[0]; i++)
		check_gone(fixture, traces[i], true);

	assert_int_equal(store_erase_address(store, READER, NOON_NOV_22 + 99, &found, NULL), 0);
	assert_true(found);
	for (i = 0; i < sizeof traces / sizeof traces[0]; i++)
		check_gone(fixture, traces[i], false);
	check_labels(store, READER, "");
	check_labels(store, READER + 1, "none ");
	check_kpi(store, CAMPAIGN, "click 3/3/2/2 ");
	check_links(store, "1   1/1/1/1 2 https://example.com/2  2/2/2/2 ");
	assert_int_equal(store_each_send(store, CAMPAIGN, count_send, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_find_standing(store, READER, SPAN("news"), &standing, NULL), 0);
	assert_int_equal(standing.status, STORE_UNSUBSCRIBED);
	assert_int_equal(standing.since, NOON_NOV_22 + 1);
	assert_string_equal(standing.reason, "one_click");
	assert_int_equal(standing.temporary_failed, 0);
	/* What is said of one erased: that it was, and when. */
	assert_int_equal(fixture_number(fixture, "SELECT time FROM change WHERE reason = 'erased' AND list = ''"),
	                 NOON_NOV_22 + 99);
	assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM change"), 1);

	/* Mail alone does not bring the text back, a new consent does. */
	sends[0].message = 77;
	assert_int_equal(store_add_sends(store, sends, 1, NULL), 0);
	buf_init(&text, 100);
	assert_int_equal(store_find_address(store, READER, &text, NULL), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(store_change_status(store, changes, 1, NULL, NULL), 0);
	assert_int_equal(store_find_address(store, READER, &text, NULL), 0);
	assert_string_equal(text.at, traces[0]);
	buf_free(&text);

	assert_int_equal(store_erase_address(store, READER + 5, NOON_NOV_22, &found, NULL), 0);
	assert_false(found);
	store_close(&store);
}

static long long now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whoever holds one good link and clicks it all day, or every link, is no burden:
 * 100,000 clicks take seconds, not hours. */
static void test_stubborn_reader(void **state) {
	enum { CLICKS = 50000 };
	struct store *store = fixture_open(*state);
	struct store_event *clicks = calloc(CLICKS, sizeof *clicks);
	long long begin = now_ms();
	size_t i;

	assert_non_null(clicks);
	add_send(store, READER, 3, NOON_NOV_22);
	for (i = 0; i < CLICKS; i++)
		clicks[i] = sample_click(READER, (uint16_t)(1 + i % 2), NOON_MS + (int64_t)i);
	apply(store, clicks, CLICKS);
	check_kpi(store, CAMPAIGN, "click 50000/50000/1/1 ");
	/* Now and then the third: each pattern looks back. */
	for (i = 0; i < CLICKS; i++)
		clicks[i] = sample_click(READER, (uint16_t)(1 + i % 3), NOON_MS + CLICKS + (int64_t)i * 2500);
	apply(store, clicks, CLICKS);
	check_kpi(store, CAMPAIGN, "click 100000/2/1/1 ");
	if (now_ms() - begin > 60000)
		fail_msg("%lld ms", now_ms() - begin);
	free(clicks);
	store_close(&store);
}

struct storm {
	const struct conf_store *conf;
	_Atomic bool over;
	_Atomic unsigned groups;
};

/* Groups without a pause, as after an hour without the store. */
static void *apply_storm(void *context) {
	static struct store_event events[1000];
	struct storm *storm = context;
	struct store *store = store_open(storm->conf, NULL);
	uint64_t number = 0, i;

	while (store != NULL && !storm->over) {
		for (i = 0; i < 1000; i++) {
			events[i] = sample_click(++number * UINT64_C(0x9e3779b97f4a7c15), 1, NOON_MS);
			events[i].position = number;
		}
		if (store_apply_events(store, events, 1000, SPAN("webd"), number, NULL) != 0)
			break;
		storm->groups++;
	}
	store_close(&store);
	return NULL;
}

/* Who leaves gets in between the groups of a storm, and soon. */
static void test_leave_in_storm(void **state) {
	struct fixture *fixture = *state;
	struct store *store;
	struct storm storm = {.conf = &fixture->conf};
	unsigned longest = 0, sum = 0, i;
	pthread_t thread;

	fixture->conf.busy_timeout = 60;
	store = fixture_open(fixture);
	assert_int_equal(pthread_create(&thread, NULL, apply_storm, &storm), 0);
	for (i = 0; i < 40; i++) {
		unsigned before = storm.groups, waited;
		struct store_change change = {.address_key = i,
		                              .list = SPAN("news"),
		                              .status = STORE_UNSUBSCRIBED,
		                              .reason = SPAN("one_click"),
		                              .time = NOON_NOV_22};

		while (storm.groups == before)
			sched_yield();
		before++;
		assert_int_equal(store_change_status(store, &change, 1, NULL, NULL), 0);
		waited = storm.groups - before;
		sum += waited;
		if (waited > longest)
			longest = waited;
	}
	storm.over = true;
	pthread_join(thread, NULL);
	print_message("%u changes let %u groups pass, %u at most\n", i, sum, longest);
	assert_true(longest <= 10);
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        TEST(test_names),
	        TEST(test_figures),
	        TEST(test_hours),
	        TEST(test_burst),
	        TEST(test_burst_corrects),
	        TEST(test_burst_needs_clean_clicks),
	        TEST(test_all_links),
	        TEST(test_all_links_months),
	        TEST(test_precedence),
	        TEST(test_shared),
	        TEST(test_conversion),
	        TEST(test_conversion_of_humans),
	        TEST(test_each),
	        TEST(test_links),
	        TEST(test_position),
	        TEST(test_refused),
	        TEST(test_odd_bytes),
	        TEST(test_many_links),
	        TEST(test_full),
	        TEST(test_locked_and_removed),
	        TEST(test_read_while_adding),
	        TEST(test_expire),
	        TEST(test_expire_many),
	        TEST(test_expire_in_steps),
	        TEST(test_erase),
	        TEST(test_stubborn_reader),
	        TEST(test_leave_in_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
