/* milter/standing.h: who is taken out of a message, what the sender is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/token.h"
#include "milter/standing.h"
#include "tests/unit/fixture.h"

#define NOV_28_LATE 1795881600 /* 2026-11-28T16:00:00Z, the 29th in Tokyo */

struct bench {
	struct fixture fixture;
	struct store *store;
	struct store_pool *pool;
	char refused[512]; /* addresses in the order of the calls */
};

static int set_up(void **state) {
	struct bench *b = calloc(1, sizeof *b);
	struct err err;

	assert_non_null(b);
	fixture_open(&b->fixture, "");
	b->store = store_open(&b->fixture.world->conf->store, &err);
	assert_non_null(b->store);
	b->pool = store_pool_new(&b->fixture.world->conf->store, &err);
	assert_non_null(b->pool);
	*state = b;
	return 0;
}

static int tear_down(void **state) {
	struct bench *b = *state;

	store_pool_free(&b->pool);
	store_close(&b->store);
	fixture_close(&b->fixture);
	free(b);
	return 0;
}

static void change(struct bench *b, const char *address, const char *list, enum store_status status) {
	struct store_change change = {
	        .address_key = token_address_key(b->fixture.world->ring, span_of(address)),
	        .address = span_of(address),
	        .list = span_of(list),
	        .status = status,
	        .reason = SPAN("hand"),
	        .detail = SPAN("by phone"),
	        .time = NOV_28_LATE,
	};
	struct err err;

	assert_int_equal(store_change_status(b->store, &change, 1, NULL, &err), 0);
}

static void on_refused(void *context, const struct recipient *recipient, const struct store_standing *standing) {
	struct bench *b = context;
	struct span text = message_recipient_text(recipient);

	assert_int_not_equal(standing->status, STORE_ACTIVE);
	snprintf(b->refused + strlen(b->refused), sizeof b->refused - strlen(b->refused), "%.*s ", SPAN_ARG(text));
}

static const struct conf_list *list_of(const struct bench *b, const char *name) {
	const struct conf_list *list = conf_find_list(b->fixture.world->conf, span_of(name));

	assert_non_null(list);
	return list;
}

static void assert_recipients(const struct message *m, const char *want, size_t refused) {
	char got[512] = "";
	size_t i;

	for (i = 0; i < m->recipient_count; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s ",
		         SPAN_ARG(message_recipient_text(&m->recipients[i])));
	assert_string_equal(got, want);
	assert_int_equal(m->refused_count, refused);
}

static void test_check(void **state) {
	static const char *const recipients[] = {"<a@example.jp>",       "<left@example.jp>", "<b@example.jp>",
	                                         "<Blocked@EXAMPLE.jp>", "<c@example.jp>",    NULL};
	struct bench *b = *state;
	struct message m;
	struct err err;
	size_t i;

	change(b, "left@example.jp", "news", STORE_UNSUBSCRIBED);
	change(b, "c@example.jp", "other", STORE_UNSUBSCRIBED);
	change(b, "Blocked@example.jp", "", STORE_BLOCKED);
	message_init(&m, 65536);
	for (i = 0; recipients[i] != NULL; i++)
		message_add_recipient(&m, span_of(recipients[i]), NULL);
	assert_int_equal(standing_check(b->pool, b->fixture.world, list_of(b, "news"), &m, on_refused, b, &err), 0);
	assert_recipients(&m, "a@example.jp b@example.jp c@example.jp ", 2);
	assert_string_equal(b->refused, "Blocked@example.jp left@example.jp ");
	message_free(&m);
}

/* The store is gone: an error, and all recipients stay. */
static void test_no_store(void **state) {
	struct bench *b = *state;
	const char *path = b->fixture.world->conf->store.path;
	char away[512];
	struct message m;
	struct err err = {""};

	change(b, "left@example.jp", "news", STORE_UNSUBSCRIBED);
	message_init(&m, 65536);
	message_add_recipient(&m, SPAN("<left@example.jp>"), NULL);
	snprintf(away, sizeof away, "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(standing_check(b->pool, b->fixture.world, list_of(b, "news"), &m, on_refused, b, &err), -1);
	assert_true(strlen(err.text) > 0);
	assert_recipients(&m, "left@example.jp ", 0);
	assert_int_equal(rename(away, path), 0);
	assert_int_equal(standing_check(b->pool, b->fixture.world, list_of(b, "news"), &m, on_refused, b, &err), 0);
	assert_recipients(&m, "", 1);
	message_free(&m);
}

static void test_text(void **state) {
	static const struct {
		struct store_standing standing;
		const char *want;
	} cases[] = {
	        {{STORE_UNSUBSCRIBED, false, NOV_28_LATE, "one_click", "", 0},
	         "a@example.jp has unsubscribed from list news since 2026-11-29: one_click; remove it from the list"},
	        {{STORE_BLOCKED, true, NOV_28_LATE, "user_unknown", "550 5.1.1 no such user", 0},
	         "a@example.jp is blocked since 2026-11-29: user_unknown (550 5.1.1 no such user); remove it from the "
	         "list, or if it is alive again: todoku address unblock"},
	        {{STORE_BLOCKED, false, NOV_28_LATE, "complaint", "", 0},
	         "a@example.jp is blocked for list news since 2026-11-29: complaint; remove it from the list, or if it "
	         "is alive again: todoku address unblock"},
	        /* What a reply can't carry is left out. */
	        {{STORE_BLOCKED, true, NOV_28_LATE, "hand", "電話", 0},
	         "a@example.jp is blocked since 2026-11-29: hand; remove it from the list, or if it is alive again: "
	         "todoku address unblock"},
	};
	struct bench *b = *state;
	struct message m;
	char text[STANDING_TEXT_SIZE];
	size_t i;

	message_init(&m, 65536);
	message_add_recipient(&m, SPAN("<a@example.jp>"), NULL);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		standing_text(b->fixture.world->zone, list_of(b, "news"), m.recipients, &cases[i].standing, text);
		assert_string_equal(text, cases[i].want);
	}
	message_free(&m);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH_BENCH(test_check),
	        WITH_BENCH(test_no_store),
	        WITH_BENCH(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
