/*
 * What the tests of events have in common: a sample event, figures in words, and
 * the roll-up counted again from the events themselves.
 */
#ifndef TESTS_UNIT_STORE_EVENT_FIXTURE_H
#define TESTS_UNIT_STORE_EVENT_FIXTURE_H

#include "tests/unit/store_fixture.h"

#include "lib/store_event.h"
#include "lib/store_status.h"

#define CAMPAIGN UINT64_C(0xc0ffee)
#define READER UINT64_C(0xfeed000000000001)
#define NOON_MS (INT64_C(1000) * NOON_NOV_22)

static const char *const sample_targets[] = {"https://example.com/0", "https://example.com/1", "https://example.com/2",
                                             "https://example.com/3", "https://example.com/4", "https://example.com/5"};

static inline struct store_event sample_click(uint64_t reader, uint16_t link, int64_t time_ms) {
	return (struct store_event){
	        .kind = STORE_CLICK,
	        .time_ms = time_ms,
	        .campaign = CAMPAIGN,
	        .address_key = reader,
	        .link = link,
	        .target = span_of(sample_targets[link % 6]),
	        .rules = 9,
	        .client = SPAN("192.0.2.7"),
	        .user_agent = SPAN("Mozilla/5.0"),
	        .visitor = reader * 3,
	};
}

static inline struct store_event sample_event(enum store_event_kind kind, uint64_t reader, int64_t time_ms) {
	struct store_event event = sample_click(reader, 0, time_ms);

	event.kind = kind;
	event.target = SPAN_NONE;
	event.list = SPAN("news");
	return event;
}

static inline void apply(struct store *store, const struct store_event *events, size_t count) {
	struct err err = {""};

	if (store_apply_events(store, events, count, SPAN_NONE, 0, &err) != 0)
		fail_msg("store_apply_events: %s", err.text);
}

/* "total/human/unique/unique human". */
static inline void write_figure(struct buf *text, const char *name, struct store_figure figure) {
	if (figure.total + figure.human + figure.unique + figure.unique_human > 0)
		buf_printf(text, "%s %llu/%llu/%llu/%llu ", name, (unsigned long long)figure.total,
		           (unsigned long long)figure.human, (unsigned long long)figure.unique,
		           (unsigned long long)figure.unique_human);
}

static inline void check_kpi(struct store *store, uint64_t campaign, const char *want) {
	struct store_kpi kpi;
	struct err err = {""};
	struct buf text;

	if (store_kpi(store, campaign, &kpi, &err) != 0)
		fail_msg("store_kpi: %s", err.text);
	buf_init(&text, 1000);
	buf_add_text(&text, "");
	write_figure(&text, "click", kpi.clicks);
	write_figure(&text, "open", kpi.opens);
	write_figure(&text, "unsubscribe", kpi.unsubscribes);
	write_figure(&text, "subscribe", kpi.subscribes);
	write_figure(&text, "conversion", kpi.conversions);
	if (strcmp(text.at, want) != 0)
		fail_msg("got \"%s\", want \"%s\"", text.at, want);
	buf_free(&text);
}

/* For each hour and kind that is not a unique one, the events and the roll-up say
 * the same; over all hours the unique ones do, too.  Events with a key only. */
static inline void check_rollup(const struct fixture *fixture, const char *month) {
	static const char *const kinds[] = {"", "click", "open", "unsubscribe", "subscribe", "conversion"};
	char sql[1000];
	size_t kind, human;

	for (kind = 1; kind < sizeof kinds / sizeof kinds[0]; kind++)
		for (human = 0; human < 2; human++) {
			snprintf(sql, sizeof sql,
			         "SELECT count(*) FROM (SELECT campaign, time / 3600000 * 3600 AS hour, count(*) AS n"
			         " FROM event_%s WHERE kind = %zu AND (machine = 0 OR %d) GROUP BY 1, 2) AS events"
			         " FULL JOIN (SELECT campaign, hour, count AS n FROM rollup WHERE kind = '%s%s' AND"
			         " count <> 0) AS sums USING (campaign, hour) WHERE events.n IS NOT sums.n",
			         month, kind, human == 0, kinds[kind], human ? ".human" : "");
			if (fixture_number(fixture, sql) != 0)
				fail_msg("%s%s: the roll-up differs from the events", kinds[kind],
				         human ? ".human" : "");
			snprintf(sql, sizeof sql,
			         "SELECT (SELECT count(*) FROM (SELECT DISTINCT campaign, key FROM event_%s WHERE kind "
			         "= %zu"
			         " AND (machine = 0 OR %d) AND key <> 0))"
			         " - (SELECT coalesce(sum(count), 0) FROM rollup WHERE kind = '%s.unique%s')",
			         month, kind, human == 0, kinds[kind], human ? ".human" : "");
			if (fixture_number(fixture, sql) != 0)
				fail_msg("%s.unique%s: the roll-up differs from the events", kinds[kind],
				         human ? ".human" : "");
		}
	snprintf(sql, sizeof sql,
	         "SELECT count(*) FROM (SELECT campaign, link AS id, count(*) AS a, sum(machine = 0) AS b,"
	         " count(DISTINCT nullif(key, 0)) AS c, count(DISTINCT iif(machine = 0, nullif(key, 0), NULL)) AS d"
	         " FROM event_%s WHERE kind = 1 GROUP BY 1, 2) AS events FULL JOIN link USING (campaign, id)"
	         " WHERE (a, b, c, d) IS NOT (total, human, unique_total, unique_human)",
	         month);
	if (fixture_number(fixture, sql) != 0)
		fail_msg("the counts of links differ from the events");
}

#endif
