/*
 * What the tests of webd/ have in common: a folder with a configuration, a ring, a
 * store and a journal, and requests to the handlers without a listener.
 */
#ifndef TESTS_UNIT_WEB_FIXTURE_H
#define TESTS_UNIT_WEB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/store_event.h"
#include "lib/store_pool.h"
#include "lib/token.h"
#include "webd/app.h"
#include "webd/journal.h"
#include "webd/record.h"
#include "webd/routes.h"

#define WEB_NOW_MS 1795348800000 /* 2026-11-22T12:00:00Z */
#define WEB_BROWSER "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

struct web {
	char dir[64];
	struct conf_store store;
	struct webd_world *world;
	struct app app;
	struct http_request request;
	struct http_answer answer;
	struct buf path;
	struct buf token;
};

static inline void web_write_conf(const struct web *web, const char *added) {
	const char *source = getenv("TODOKU_SRC");
	char path[128];
	FILE *out;

	snprintf(path, sizeof path, "%s/todoku.conf", web->dir);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out,
	        "hostname = \"mx.example.com\"\ndata_dir = \"%1$s\"\ntoken_keys = \"%1$s/token.keys\"\n"
	        "store { path = \"%1$s/todoku.db\" }\n"
	        "webd { base_url = \"https://t.example.com\" pages = \"%2$s/conf/pages\" }\n"
	        "list \"news\" { sender = { \"news@example.com\" } }\n%3$s\n",
	        web->dir, source == NULL ? "." : source, added);
	fclose(out);
}

static inline void web_load(struct web *web) {
	struct buf errors;
	char path[128];

	buf_init(&errors, 65536);
	snprintf(path, sizeof path, "%s/todoku.conf", web->dir);
	web->world = webd_world_load(path, &errors);
	if (web->world == NULL)
		fail_msg("%.*s", SPAN_ARG(buf_span(&errors)));
	buf_free(&errors);
}

static inline struct journal *web_journal(const struct web *web) {
	struct journal_options options = {.max = UINT64_MAX};
	char path[128];
	struct err err;
	struct journal *journal;

	snprintf(path, sizeof path, "%s/journal", web->dir);
	options.dir = path;
	journal = journal_open(&options, &err);
	if (journal == NULL)
		fail_msg("%s", err.text);
	return journal;
}

static inline int web_set_up(void **state) {
	struct web *web = calloc(1, sizeof *web);
	struct store *store;
	char path[128];
	struct err err;

	strcpy(web->dir, "/tmp/todoku-web.XXXXXX");
	assert_non_null(mkdtemp(web->dir));
	snprintf(path, sizeof path, "%s/token.keys", web->dir);
	assert_int_equal(keyring_create(path, 1795000000, &err), 0);
	web_write_conf(web, "");
	web_load(web);
	web->store = web->world->conf->store;
	web->store.busy_timeout = 1;
	store = store_open(&web->store, &err);
	assert_non_null(store);
	store_close(&store);
	web->app.stores = store_pool_new(&web->store, &err);
	web->app.journal = web_journal(web);
	http_answer_init(&web->answer);
	buf_init(&web->path, 8192);
	buf_init(&web->token, 8192);
	*state = web;
	return 0;
}

static inline int web_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline int web_tear_down(void **state) {
	struct web *web = *state;

	http_answer_free(&web->answer);
	buf_free(&web->path);
	buf_free(&web->token);
	journal_close(&web->app.journal);
	store_pool_free(&web->app.stores);
	webd_world_free(&web->world);
	nftw(web->dir, web_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(web);
	return 0;
}

/* A token as text; lives until the next. */
static inline const char *web_token(struct web *web, const struct token *token) {
	buf_reset(&web->token);
	assert_int_equal(token_encode(web->world->ring, token, &web->token), 0);
	return web->token.at;
}

/* The next request: path as printf has it. */
static inline void web_request(struct web *web, enum http_method method, const char *format, ...) {
	va_list args;
	char path[4096];
	struct span left;
	ssize_t mark;

	va_start(args, format);
	vsnprintf(path, sizeof path, format, args);
	va_end(args);
	buf_reset(&web->path);
	buf_add_text(&web->path, path);
	left = buf_span(&web->path);
	mark = span_find_byte(left, '?');
	web->request = (struct http_request){.method = method, .client = SPAN("192.0.2.1"), .now_ms = WEB_NOW_MS};
	web->request.path = mark < 0 ? left : span_make(left.at, (size_t)mark);
	web->request.query = mark < 0 ? SPAN_NONE : span_from(left, (size_t)mark + 1);
	web->request.fields[0] = (struct http_field){SPAN("User-Agent"), SPAN(WEB_BROWSER)};
	web->request.field_count = 1;
}

static inline void web_field(struct web *web, struct span name, struct span value) {
	web->request.fields[web->request.field_count++] = (struct http_field){name, value};
}

/* The handler's answer to it; 404 where there is none. */
static inline unsigned web_ask(struct web *web) {
	const struct route *route;

	http_answer_reset(&web->answer);
	route = route_find(routes_public, &web->request);
	if (route == NULL)
		return 404;
	route->handle(&web->app, web->world, &web->request, &web->answer);
	return web->answer.status;
}

#endif
