/*
 * What the tests of policyd have in common: a configuration, a key ring and a store in
 * a folder of their own, a day that the test sets, and questions as Postfix and the
 * milter put them.
 */
#ifndef TESTS_UNIT_POLICY_FIXTURE_H
#define TESTS_UNIT_POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/store_hold.h"
#include "lib/store_status.h"
#include "lib/token.h"
#include "policyd/decide.h"

/* 2026-12-01T03:00:00Z, a Tuesday noon in Japan: far from any midnight. */
#define POLICY_NOON 1796094000
#define POLICY_DAY 86400

struct policy_fixture {
	char dir[256];
	char file[300];
	char database[300];
	struct policy policy;
	struct decider *decider;
	struct decide_talk talk;
	struct buf answer;
	char action[POLICY_ACTION_MAX + 64];
};

static inline void policy_write(const struct policy_fixture *f, const char *name, const char *text) {
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* From now on it is that time, for the seconds that a test takes. */
static inline void policy_set_time(const struct policy_fixture *f, time_t when) {
	char offset[32];

	snprintf(offset, sizeof offset, "%lld", (long long)(when - time(NULL)));
	policy_write(f, "clock", offset);
}

static inline struct policy_fixture *policy_new(void) {
	struct policy_fixture *f = calloc(1, sizeof *f);
	const char *temporary = getenv("TMPDIR");
	char path[400];
	struct err err;

	assert_non_null(f);
	snprintf(f->dir, sizeof f->dir, "%s/todoku-policy.XXXXXX", temporary == NULL ? "/tmp" : temporary);
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof f->file, "%s/todoku.conf", f->dir);
	snprintf(f->database, sizeof f->database, "%s/todoku.db", f->dir);
	snprintf(path, sizeof path, "%s/token.keys", f->dir);
	assert_int_equal(keyring_create(path, time(NULL), &err), 0);
	snprintf(path, sizeof path, "%s/clock", f->dir);
	setenv("TODOKU_CLOCK", path, 1);
	policy_set_time(f, POLICY_NOON);
	buf_init(&f->answer, 1U << 20);
	return f;
}

/* Sections of lists and streams, and more for `policyd`. */
static inline void policy_configure(struct policy_fixture *f, const char *policyd, const char *rest) {
	char text[8192];

	snprintf(text, sizeof text,
	         "hostname = \"mail.example.com\"\ntimezone = \"Asia/Tokyo\"\ndata_dir = \"%s\"\n"
	         "token_keys = \"%s/token.keys\"\nlog { target = \"stderr\" level = \"error\" }\n"
	         "store { path = \"%s\" busy_timeout = \"1s\" }\npolicyd { time_limit = \"1s\" decisions = 1000 %s }\n"
	         "webd { base_url = \"https://t.example.com\" }\n%s",
	         f->dir, f->dir, f->database, policyd, rest);
	policy_write(f, "todoku.conf", text);
}

/* Starts what answers, as the daemon does. */
static inline void policy_start(struct policy_fixture *f) {
	struct policy_world *world;
	struct store *store;
	struct buf errors;
	struct err err;

	buf_init(&errors, 65536);
	world = policy_world_load(f->file, &errors);
	if (world == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	log_setup("test", &world->conf->log);
	store = store_open(&world->conf->store, &err);
	if (store == NULL)
		fail_msg("%s", err.text);
	store_close(&store);
	f->policy = (struct policy){0};
	if (policy_open(&f->policy, world, &err) != 0)
		fail_msg("%s", err.text);
	f->policy.log = decisions_open(f->dir, 1000, &err);
	assert_non_null(f->policy.log);
	f->decider = decider_new(&f->policy);
	assert_non_null(f->decider);
}

/* A regular end. */
static inline void policy_stop(struct policy_fixture *f) {
	if (f->decider == NULL)
		return;
	decider_leave(f->decider, &f->talk);
	decider_free(&f->decider);
	policy_close(&f->policy);
}

static inline void policy_remove(struct policy_fixture *f) {
	DIR *folder = opendir(f->dir);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder != NULL)
		closedir(folder);
	rmdir(f->dir);
	buf_free(&f->answer);
	free(f);
}

static inline const struct policy_world *policy_world(const struct policy_fixture *f) {
	struct snapshot *snapshot = snapshot_get(f->policy.worlds);
	const struct policy_world *world = snapshot_value(snapshot);

	/* The box keeps it. */
	snapshot_put(&snapshot);
	return world;
}

static inline struct store *policy_store(const struct policy_fixture *f) {
	struct err err;
	struct store *store = store_open(&policy_world(f)->conf->store, &err);

	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

/* The action, without "action=". */
static inline const char *policy_put(struct policy_fixture *f, const struct policy_request *request) {
	buf_reset(&f->answer);
	decider_answer(f->decider, &f->talk, request, &f->answer);
	assert_true(f->answer.len > 9 && memcmp(f->answer.at, "action=", 7) == 0);
	snprintf(f->action, sizeof f->action, "%.*s", (int)f->answer.len - 9, f->answer.at + 7);
	return f->action;
}

static inline struct policy_request policy_ask_rcpt(const char *instance, const char *recipient) {
	return (struct policy_request){
	        .kind = POLICY_ACCESS,
	        .state = POLICY_STATE_RCPT,
	        .instance = span_of(instance),
	        .sender = SPAN("news@example.com"),
	        .recipient = span_of(recipient),
	        .client_address = SPAN("127.0.0.1"),
	};
}

static inline const char *policy_rcpt(struct policy_fixture *f, const char *instance, const char *recipient) {
	struct policy_request request = policy_ask_rcpt(instance, recipient);

	return policy_put(f, &request);
}

/* END-OF-MESSAGE; `recipient` is given by Postfix where it is the only one. */
static inline const char *policy_end_of(struct policy_fixture *f, const char *instance, const char *recipient,
                                        unsigned long count, const char *queue_id) {
	struct policy_request request = policy_ask_rcpt(instance, recipient);

	request.state = POLICY_STATE_END;
	request.recipient_count = count;
	request.queue_id = span_of(queue_id);
	return policy_put(f, &request);
}

static inline const char *policy_milter(struct policy_fixture *f, const char *message, const char *list,
                                        const char *recipient) {
	struct policy_request request = {
	        .kind = POLICY_RECIPIENT,
	        .instance = span_of(message),
	        .queue_id = span_of(message),
	        .list = span_of(list),
	        .sender = SPAN("news@example.com"),
	        .recipient = span_of(recipient),
	        .message_id = SPAN("<1@example.com>"),
	};

	return policy_put(f, &request);
}

static inline const char *policy_milter_tells(struct policy_fixture *f, const char *message, const char *result,
                                              unsigned long count) {
	struct policy_request request = {
	        .kind = POLICY_END,
	        .instance = span_of(message),
	        .queue_id = span_of(message),
	        .result = span_of(result),
	        .recipient_count = count,
	};

	return policy_put(f, &request);
}

/* Of one recipient. */
static inline const char *policy_milter_end(struct policy_fixture *f, const char *message, const char *result) {
	return policy_milter_tells(f, message, result, 1);
}

static inline void policy_change(const struct policy_fixture *f, const char *address, const char *list,
                                 enum store_status status, const char *reason) {
	struct store *store = policy_store(f);
	struct store_change change = {
	        .address_key = token_address_key(policy_world(f)->ring, span_of(address)),
	        .address = span_of(address),
	        .list = span_of(list),
	        .status = status,
	        .reason = span_of(reason),
	        .detail = SPAN("said so"),
	        .time = POLICY_NOON - POLICY_DAY,
	};
	struct err err;

	if (store_change_status(store, &change, 1, NULL, &err) != 0)
		fail_msg("%s", err.text);
	store_close(&store);
}

static inline long long policy_number(const struct policy_fixture *f, const char *sql) {
	sqlite3_stmt *statement;
	long long number;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->database, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

/* Through SQLite, past the code under test. */
static inline void policy_sql(const struct policy_fixture *f, const char *sql) {
	char *why = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->database, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

#define assert_action(got, want) assert_string_equal((got), (want))
#define assert_begins(got, want)                                                                                       \
	do {                                                                                                           \
		const char *got_ = (got);                                                                              \
		if (strncmp(got_, (want), strlen(want)) != 0)                                                          \
			fail_msg("got \"%s\", want \"%s...\"", got_, (want));                                          \
	} while (0)
#define assert_says(got, want)                                                                                         \
	do {                                                                                                           \
		const char *said_ = (got);                                                                             \
		if (strstr(said_, (want)) == NULL)                                                                     \
			fail_msg("got \"%s\", which lacks \"%s\"", said_, (want));                                     \
	} while (0)

#endif
