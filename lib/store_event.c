#include "lib/store_event.h"
#include "lib/store_driver.h"

#include <assert.h>
#include <string.h>

static const char *const kind_names[] = {
        [STORE_CLICK] = "click",
        [STORE_OPEN] = "open",
        [STORE_UNSUBSCRIBE] = "unsubscribe",
        [STORE_SUBSCRIBE] = "subscribe",
        [STORE_CONVERSION] = "conversion",
};
#define KINDS (sizeof kind_names / sizeof kind_names[0])

#define FIGURE(kind)                                                                                                   \
	{ kind, kind ".human", kind ".unique", kind ".unique.human" }
static const char *const figure_kinds[KINDS][4] = {
        [STORE_CLICK] = FIGURE("click"),
        [STORE_OPEN] = FIGURE("open"),
        [STORE_UNSUBSCRIBE] = FIGURE("unsubscribe"),
        [STORE_SUBSCRIBE] = FIGURE("subscribe"),
        [STORE_CONVERSION] = FIGURE("conversion"),
};

static const char *const machine_names[] = {
        [STORE_MACHINE_NONE] = "none",           [STORE_MACHINE_HEAD] = "head",
        [STORE_MACHINE_SCANNER] = "scanner",     [STORE_MACHINE_PROXY] = "proxy",
        [STORE_MACHINE_TOO_SOON] = "too_soon",   [STORE_MACHINE_BURST] = "burst",
        [STORE_MACHINE_ALL_LINKS] = "all_links",
};
#define MACHINES (sizeof machine_names / sizeof machine_names[0])

const char *store_event_kind_name(enum store_event_kind kind) {
	assert(kind >= STORE_CLICK && (size_t)kind < KINDS);
	return kind_names[kind];
}

const char *store_machine_name(enum store_machine machine) {
	assert((size_t)machine < MACHINES);
	return machine_names[machine];
}

const char *store_figure_kind(enum store_event_kind kind, enum store_figure_part part) {
	assert(kind >= STORE_CLICK && (size_t)kind < KINDS);
	return figure_kinds[kind][part];
}

int store_check_event(const struct store_event *event, struct err *err) {
	if (event->time_ms < 0 || event->time_ms / 1000 > STORE_SECONDS_MAX)
		return err_set(err, "time of an event: found %lld ms, allowed: years 1970 to 9999",
		               (long long)event->time_ms);
	if (event->kind < STORE_CLICK || (size_t)event->kind >= KINDS)
		return err_set(err, "kind of an event: found %d, allowed: %d to %zu", (int)event->kind, STORE_CLICK,
		               KINDS - 1);
	if ((int)event->machine < 0 || event->machine >= STORE_MACHINE_BURST)
		return err_set(err, "label of an event: found %d, allowed: 0 to %d", (int)event->machine,
		               STORE_MACHINE_BURST - 1);
	return 0;
}

int store_apply_events(struct store *store, const struct store_event *events, size_t count, struct span source,
                       uint64_t position, struct err *err) {
	size_t i;

	for (i = 0; i < count; i++)
		if (store_check_event(&events[i], err) != 0)
			return -1;
	return store->driver->event->apply(store, events, count, source, position, err);
}

int store_event_position(struct store *store, struct span source, uint64_t *position_r, struct err *err) {
	return store->driver->event->position(store, source, position_r, err);
}

int store_forget_source(struct store *store, struct span source, struct err *err) {
	return store->driver->event->forget_source(store, source, err);
}

int store_each_event(struct store *store, const struct store_event_query *query,
                     int (*each)(void *context, const struct store_event *event), void *context, struct err *err) {
	return store->driver->event->each(store, query, each, context, err);
}

/* Where a kind of the roll-up goes; NULL: nowhere. */
static uint64_t *find_place(struct store_kpi *kpi, struct span kind) {
	struct store_figure *figures[KINDS] = {
	        [STORE_CLICK] = &kpi->clicks,
	        [STORE_OPEN] = &kpi->opens,
	        [STORE_UNSUBSCRIBE] = &kpi->unsubscribes,
	        [STORE_SUBSCRIBE] = &kpi->subscribes,
	        [STORE_CONVERSION] = &kpi->conversions,
	};
	size_t i, part;

	if (span_equal(kind, SPAN("sent")))
		return &kpi->sent;
	if (span_equal(kind, SPAN("bounce")))
		return &kpi->bounced;
	if (span_equal(kind, SPAN("bounce.hard")))
		return &kpi->bounced_hard;
	for (i = STORE_CLICK; i < KINDS; i++) {
		uint64_t *places[4] = {
		        [STORE_TOTAL] = &figures[i]->total,
		        [STORE_HUMAN] = &figures[i]->human,
		        [STORE_UNIQUE] = &figures[i]->unique,
		        [STORE_UNIQUE_HUMAN] = &figures[i]->unique_human,
		};

		for (part = 0; part < 4; part++)
			if (span_equal(kind, span_of(figure_kinds[i][part])))
				return places[part];
	}
	return NULL;
}

static void add_kind(void *context, struct span kind, uint64_t count) {
	uint64_t *place = find_place(context, kind);

	if (place != NULL)
		*place += count;
}

int store_kpi(struct store *store, uint64_t campaign, struct store_kpi *kpi_r, struct err *err) {
	memset(kpi_r, 0, sizeof *kpi_r);
	return store->driver->event->each_kind(store, campaign, add_kind, kpi_r, err);
}

int store_each_hour(struct store *store, uint64_t campaign,
                    int (*each)(void *context, time_t hour, struct span kind, uint64_t count), void *context,
                    struct err *err) {
	return store->driver->event->each_hour(store, campaign, each, context, err);
}

int store_each_link(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_link *link),
                    void *context, struct err *err) {
	return store->driver->event->each_link(store, campaign, each, context, err);
}
