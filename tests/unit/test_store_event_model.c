/*
 * Random events against a small model of the rules in lib/store_event.h: after
 * each group every label is the model's, and the figures are those of the events.
 * The model keeps all events in a row and looks at all of them each time.
 */
#include "tests/unit/store_event_fixture.h"

#include <inttypes.h>

#define EVENTS 2000
#define SEEDS 16

struct model {
	struct store_event events[EVENTS];
	size_t len;
	uint16_t links[8]; /* of each reader's message */
};

static uint64_t next_random(uint64_t *seed) {
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 16;
}

static bool is_same_reader(const struct store_event *a, const struct store_event *b) {
	return a->campaign == b->campaign && a->shared == b->shared &&
	       (a->shared ? a->visitor == b->visitor && a->visitor != 0 : a->address_key == b->address_key);
}

static bool is_click(const struct store_event *event, bool also_burst) {
	return event->kind == STORE_CLICK &&
	       (event->machine == STORE_MACHINE_NONE || (also_burst && event->machine == STORE_MACHINE_BURST));
}

/* Three different links within two seconds that include `click`, starting at `from`. */
static bool model_is_burst(const struct model *model, const struct store_event *click, int64_t from, size_t oldest) {
	bool links[16] = {false};
	size_t different = 0, i;

	for (i = oldest; i < model->len; i++) {
		const struct store_event *event = &model->events[i];

		if (!is_same_reader(event, click) || !is_click(event, true) || event->time_ms < from ||
		    event->time_ms > from + STORE_BURST_MS || links[event->link])
			continue;
		links[event->link] = true;
		different++;
	}
	return different >= STORE_BURST_LINKS;
}

static void model_bursts(struct model *model, const struct store_event *click) {
	bool mark[EVENTS] = {false};
	size_t oldest = model->len, same = 0, i, j;

	/* The 64 events of that reader before the click, none a minute older. */
	while (oldest > 0 && same <= 64) {
		const struct store_event *event = &model->events[oldest - 1];

		if (is_same_reader(event, click)) {
			if (event->time_ms < click->time_ms - 60000)
				break;
			same++;
		}
		if (same <= 64 + 1)
			oldest--;
	}
	for (i = oldest; i < model->len; i++) {
		const struct store_event *first = &model->events[i];

		if (!is_same_reader(first, click) || !is_click(first, true) || first->time_ms > click->time_ms ||
		    first->time_ms < click->time_ms - STORE_BURST_MS ||
		    !model_is_burst(model, click, first->time_ms, oldest))
			continue;
		for (j = oldest; j < model->len; j++)
			if (is_same_reader(&model->events[j], click) && is_click(&model->events[j], false) &&
			    model->events[j].time_ms >= first->time_ms &&
			    model->events[j].time_ms <= first->time_ms + STORE_BURST_MS)
				mark[j] = true;
	}
	for (j = oldest; j < model->len; j++)
		if (mark[j])
			model->events[j].machine = STORE_MACHINE_BURST;
}

static void model_all_links(struct model *model, const struct store_event *click) {
	uint16_t sent = click->shared ? 0 : model->links[click->address_key];
	bool links[16] = {false};
	size_t different = 0, i;

	for (i = 0; i < model->len; i++)
		if (is_same_reader(&model->events[i], click) && is_click(&model->events[i], false) &&
		    !links[model->events[i].link]) {
			links[model->events[i].link] = true;
			different++;
		}
	if (sent < STORE_ALL_LINKS_MIN || different < sent)
		return;
	for (i = 0; i < model->len; i++)
		if (is_same_reader(&model->events[i], click) && is_click(&model->events[i], false))
			model->events[i].machine = STORE_MACHINE_ALL_LINKS;
}

/* The last human click of the visitor on the list in the 30 days before. */
static void model_convert(const struct model *model, struct store_event *conversion) {
	const struct store_event *best = NULL;
	size_t i;

	for (i = 0; i < model->len; i++) {
		const struct store_event *event = &model->events[i];

		if (is_click(event, false) && event->visitor == conversion->visitor && event->visitor != 0 &&
		    event->time_ms <= conversion->time_ms &&
		    event->time_ms >= conversion->time_ms - INT64_C(86400000) * STORE_CONVERSION_DAYS &&
		    (best == NULL || event->time_ms >= best->time_ms))
			best = event;
	}
	conversion->campaign = best == NULL ? 0 : best->campaign;
	conversion->shared = best == NULL || best->shared;
	conversion->address_key = best == NULL || best->shared ? 0 : best->address_key;
}

static void model_add(struct model *model, const struct store_event *event) {
	struct store_event *added = &model->events[model->len];

	*added = *event;
	if (event->kind == STORE_CONVERSION)
		model_convert(model, added);
	model->len++;
	if (!is_click(added, false) || (added->shared && added->visitor == 0))
		return;
	model_bursts(model, added);
	model_all_links(model, added);
}

/* Most often of the reader of the one before, and in time order. */
static struct store_event random_event(uint64_t *seed, size_t number, int64_t *time_ms,
                                       const struct store_event *last) {
	static const int64_t steps[] = {1, 300, 700, 900, 3000, 70000, 5000000};
	static const enum store_event_kind kinds[] = {STORE_CLICK,     STORE_CLICK,     STORE_CLICK,
	                                              STORE_CLICK,     STORE_OPEN,      STORE_UNSUBSCRIBE,
	                                              STORE_SUBSCRIBE, STORE_CONVERSION};
	struct store_event event = sample_click(1 + next_random(seed) % 3, (uint16_t)(1 + next_random(seed) % 5), 0);

	*time_ms += steps[next_random(seed) % 7] + (int64_t)(next_random(seed) % 50);
	event.time_ms = *time_ms;
	/* Journals of several threads are not quite in order. */
	if (next_random(seed) % 8 == 0)
		event.time_ms -= (int64_t)(next_random(seed) % 1500);
	event.kind = kinds[next_random(seed) % 8];
	event.campaign = CAMPAIGN + next_random(seed) % 2;
	event.visitor = next_random(seed) % 4;
	event.visitor += event.visitor == 0 ? 0 : 100;
	event.list = SPAN("news");
	event.position = number + 1;
	if (last != NULL && next_random(seed) % 4 != 0) {
		event.campaign = last->campaign;
		event.shared = last->shared;
		event.address_key = last->address_key;
	}
	if (next_random(seed) % 6 == 0)
		event.machine = (enum store_machine)(next_random(seed) % STORE_MACHINE_BURST);
	if (next_random(seed) % 9 == 0 || event.kind == STORE_CONVERSION) {
		event.shared = true;
		event.address_key = 0;
	}
	if (event.kind != STORE_CLICK) {
		event.link = 0;
		event.target = SPAN_NONE;
	}
	return event;
}

static void compare(const struct fixture *fixture, const struct model *model, uint64_t seed) {
	sqlite3_stmt *rows;
	sqlite3 *db;
	size_t i;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(
	        sqlite3_prepare_v2(db,
	                           "SELECT machine, campaign, shared, iif(shared, 0, key), time FROM event_202611"
	                           " ORDER BY id",
	                           -1, &rows, NULL),
	        SQLITE_OK);
	for (i = 0; i < model->len; i++) {
		const struct store_event *want = &model->events[i];

		assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
		if (sqlite3_column_int(rows, 0) != (int)want->machine ||
		    sqlite3_column_int64(rows, 1) != (int64_t)want->campaign ||
		    sqlite3_column_int(rows, 2) != want->shared ||
		    sqlite3_column_int64(rows, 3) != (int64_t)want->address_key)
			fail_msg("seed %" PRIu64 ", event %zu of %zu at %" PRId64
			         ": got %s of campaign %llx, want %s of %llx",
			         seed, i, model->len, want->time_ms - NOON_MS,
			         store_machine_name((enum store_machine)sqlite3_column_int(rows, 0)),
			         (unsigned long long)sqlite3_column_int64(rows, 1), store_machine_name(want->machine),
			         (unsigned long long)want->campaign);
	}
	assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	check_rollup(fixture, "202611");
}

static void add_messages(struct store *store, struct model *model, uint64_t *seed) {
	uint64_t reader, campaign;

	for (reader = 1; reader <= 3; reader++) {
		model->links[reader] = (uint16_t)(2 + next_random(seed) % 4);
		for (campaign = 0; campaign < 2; campaign++) {
			struct store_send send = sample_send(reader, NOON_NOV_22);

			send.campaign = CAMPAIGN + campaign;
			send.address_key = reader;
			send.links = model->links[reader];
			assert_int_equal(store_add_sends(store, &send, 1, NULL), 0);
		}
	}
}

static void run_seed(struct fixture *fixture, uint64_t number) {
	struct store *store = fixture_open(fixture);
	struct model *model = calloc(1, sizeof *model);
	uint64_t seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	int64_t time_ms = NOON_MS;
	size_t len = 0, group, i;
	static struct store_event events[EVENTS];

	assert_non_null(model);
	add_messages(store, model, &seed);
	while (len < 300) {
		group = 1 + next_random(&seed) % 40;
		for (i = len; i < len + group; i++) {
			events[i] = random_event(&seed, i, &time_ms, i == 0 ? NULL : &events[i - 1]);
			model_add(model, &events[i]);
		}
		/* Some of what is known already comes again. */
		i = len - next_random(&seed) % (len + 1);
		assert_int_equal(
		        store_apply_events(store, &events[i], len + group - i, SPAN("webd"), len + group, NULL), 0);
		len += group;
		compare(fixture, model, number);
	}
	free(model);
	store_close(&store);
	unlink(fixture->path);
}

static void test_model(void **state) {
	const char *seeds = getenv("TODOKU_SEEDS");
	uint64_t last = seeds == NULL ? SEEDS : strtoull(seeds, NULL, 10), seed;

	for (seed = 1; seed <= last; seed++)
		run_seed(*state, seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_model, fixture_make, fixture_remove)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
