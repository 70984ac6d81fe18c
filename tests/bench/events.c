/*
 * events FOLDER [MILLIONS [GROUP]]: events a second into an empty store and into one
 * that holds MILLIONS of them (1) of a campaign of as many sends, in groups of GROUP
 * (1000), while another handle reads the figures; and how long the figures and one
 * reader's events take.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/store_event.h"

#define CAMPAIGN 0xc0ffee
#define READERS 300000
#define SAMPLE 100000
#define BEGIN 1795348800 /* 2026-11-22T12:00:00Z */

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int outcome, const struct err *err) {
	if (outcome == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static uint64_t mix(uint64_t number) {
	number = (number ^ number >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 29;
}

/* One open in four is a click on one of five links. */
static struct store_event event_of(uint64_t number) {
	uint64_t reader = mix(mix(number) % READERS + 1);
	struct store_event event = {
	        .kind = number % 4 == 0 ? STORE_CLICK : STORE_OPEN,
	        .time_ms = INT64_C(1000) * BEGIN + (int64_t)number * 2000,
	        .campaign = CAMPAIGN,
	        .address_key = reader,
	        .position = number,
	        .client = SPAN("198.51.100.123"),
	        .user_agent =
	                SPAN("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
	                     "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"),
	        .visitor = reader ^ 77,
	        .rules = 1,
	};

	if (event.kind == STORE_CLICK) {
		event.link = (uint16_t)(1 + mix(number) % 5);
		event.target = SPAN("https://www.example.com/shop/items/2026/winter/sale?utm_source=mail");
	}
	return event;
}

/* Seconds. */
static double add_events(struct store *store, uint64_t first, uint64_t count, size_t group) {
	struct store_event *events = calloc(group, sizeof *events);
	double begin = now();
	uint64_t number, i;
	struct err err;

	for (number = first; number < first + count; number += group) {
		for (i = 0; i < group; i++)
			events[i] = event_of(number + i);
		must(store_apply_events(store, events, group, SPAN("bench"), number + group - 1, &err), &err);
	}
	free(events);
	return now() - begin;
}

static void add_sends(struct store *store, uint64_t count) {
	static struct store_send sends[10000];
	struct err err;
	uint64_t i;

	for (i = 0; i < count; i++) {
		sends[i % 10000] = (struct store_send){
		        .campaign = CAMPAIGN,
		        .address_key = mix(i + 1),
		        .message = i,
		        .time = BEGIN - 7200 + (time_t)(i / 300),
		        .list = SPAN("news"),
		        .campaign_name = SPAN("2026-11-22"),
		        .stream = SPAN("main"),
		        .queue_id = SPAN("4BENCHQUEUE"),
		        .message_id = SPAN("<20261201000000.4BENCH@mail.example.com>"),
		        .links = 5,
		};
		if (i % 10000 == 9999)
			must(store_add_sends(store, sends, 10000, &err), &err);
	}
}

struct reading {
	const struct conf_store *conf;
	_Atomic bool over;
	unsigned long reads;
	double longest;
};

static void *read_figures(void *context) {
	struct reading *reading = context;
	struct err err;
	struct store *store = store_open(reading->conf, &err);
	struct store_kpi kpi;

	while (store != NULL && !reading->over) {
		double begin = now();

		must(store_kpi(store, CAMPAIGN, &kpi, &err), &err);
		if (now() - begin > reading->longest)
			reading->longest = now() - begin;
		reading->reads++;
		usleep(20000);
	}
	store_close(&store);
	return NULL;
}

static double measure(struct store *store, const struct conf_store *conf, uint64_t first, size_t group) {
	struct reading reading = {.conf = conf};
	pthread_t thread;
	double seconds;

	pthread_create(&thread, NULL, read_figures, &reading);
	seconds = add_events(store, first, SAMPLE, group);
	reading.over = true;
	pthread_join(thread, NULL);
	printf("| %llu | %.0f | %lu, longest %.1f ms |\n", (unsigned long long)first - 1, SAMPLE / seconds,
	       reading.reads, reading.longest * 1e3);
	return SAMPLE / seconds;
}

static int count_event(void *context, const struct store_event *event) {
	(void)event;
	++*(size_t *)context;
	return 0;
}

static int count_link(void *context, const struct store_link *link) {
	(void)link;
	++*(size_t *)context;
	return 0;
}

static void time_reports(struct store *store) {
	struct store_event_query query = {.key = mix(mix(1) % READERS + 1)};
	struct store_kpi kpi;
	size_t events = 0, links = 0;
	double begin = now(), kpi_done, links_done, reader_done;
	struct err err;

	must(store_kpi(store, CAMPAIGN, &kpi, &err), &err);
	kpi_done = now();
	must(store_each_link(store, CAMPAIGN, count_link, &links, &err), &err);
	links_done = now();
	must(store_each_event(store, &query, count_event, &events, &err), &err);
	reader_done = now();
	printf("figures of %llu sends, %llu opens, %llu clicks: %.2f ms\n"
	       "its %zu links: %.2f ms\none reader's %zu events: %.2f ms\n",
	       (unsigned long long)kpi.sent, (unsigned long long)kpi.opens.total, (unsigned long long)kpi.clicks.total,
	       (kpi_done - begin) * 1e3, links, (links_done - kpi_done) * 1e3, events,
	       (reader_done - links_done) * 1e3);
}

int main(int argc, char **argv) {
	uint64_t fill = (uint64_t)((argc > 2 ? atof(argv[2]) : 1) * 1e6);
	size_t group = argc > 3 ? (size_t)atoi(argv[3]) : 1000;
	char path[4096];
	struct conf_store conf = {.busy_timeout = 5};
	struct store *store;
	double empty, full;
	struct err err;

	if (argc < 2 || SAMPLE % group != 0) {
		fprintf(stderr, "usage: events FOLDER [MILLIONS [GROUP]]\n");
		return 64;
	}
	snprintf(path, sizeof path, "%s/bench-events.db", argv[1]);
	conf.path = path;
	store = store_open(&conf, &err);
	must(store == NULL ? -1 : 0, &err);
	add_sends(store, fill);
	printf("| events there | events/s | reads of figures meanwhile |\n|---:|---:|---|\n");
	empty = measure(store, &conf, 1, group);
	if (fill > SAMPLE)
		add_events(store, 1 + SAMPLE, fill - SAMPLE, group);
	full = measure(store, &conf, 1 + fill, group);
	printf("ratio: %.2f\n", full / empty);
	time_reports(store);
	store_close(&store);
	return 0;
}
