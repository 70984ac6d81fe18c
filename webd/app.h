/*
 * What the handlers of todoku-webd share, and the table that finds the handler.
 *
 * `struct webd_world` is what a reload replaces: immutable, in a counted
 * snapshot.  A handler gets the world of its request and keeps no pointer into
 * it.  `struct app` lives as long as the process.
 *
 * Handlers of kind ROUTE_FAST run on the threads that serve connections: they
 * must not wait for anything, least of all the store.  Handlers of kind
 * ROUTE_SLOW run on worker threads and may wait for the store, at most about a
 * second (answer 503 then).  The connection waits meanwhile, and no other.
 */
#ifndef WEBD_APP_H
#define WEBD_APP_H

#include <stdatomic.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/keyring.h"
#include "lib/snapshot.h"
#include "lib/store_status.h"
#include "webd/http.h"

struct pages; /* webd/pages.h: templates, read at start and at each reload */
struct rate;
struct journal; /* webd/journal.h: events on their way into the store */

/* The number of each list in unsubscribe tokens, in the order of conf->lists. */
struct webd_world {
	uint32_t *list_ids;
	struct conf *conf;
	struct keyring *ring;
	struct zone *zone;
	struct pages *pages;
	struct span base_url; /* https://HOST[:PORT], points into conf; the only thing URLs are built from (S3) */
	struct span host;     /* HOST[:PORT] of it */
};

struct app {
	struct snapshot_box *worlds; /* of struct webd_world */
	struct journal *journal;
	struct rate *rates;        /* webd/rate.h: of forms and confirmation mails */
	atomic_int mailing;        /* confirmation mails that are being handed over */
	struct store_pool *stores; /* handles wait for a locked store at most STORE_PATIENCE */
	/* webd/unsubscribe.c: until then (ms of a clock that nobody sets) the store is not
	 * waited for, since it could not be written a moment ago. */
	_Atomic int64_t store_away_until;
};

#define STORE_PATIENCE_MS 1000

typedef void route_handler(struct app *app, const struct webd_world *world, const struct http_request *request,
                           struct http_answer *answer);

/* All that the file names, or NULL with the errors, one a line. */
struct webd_world *webd_world_load(const char *conf_file, struct buf *errors);
void webd_world_free(struct webd_world **world);

enum route_kind { ROUTE_FAST, ROUTE_SLOW };

/* A path matches a prefix that ends in "/" when it begins with it, and has
 * `suffix` at its end; request->rest is what lies between.  Another prefix is the
 * whole path.  Tables end with a prefix of NULL. */
struct route {
	const char *prefix;
	const char *suffix;
	enum route_kind kind;
	route_handler *handle;
	/* ROUTE_SLOW: instead of `handle`, on the connection's thread, when too much waits
	 * for the workers; NULL: 503. */
	route_handler *overflow;
	const char *name; /* in metrics */
};

/* NULL where there is none: pages_not_found().  Sets request->rest. */
const struct route *route_find(const struct route *table, struct http_request *request);

/* 503 with Retry-After. */
void app_answer_busy(struct http_answer *answer);

/* The list of that number in unsubscribe tokens (token_list_id()), or NULL. */
const struct conf_list *webd_world_list(const struct webd_world *world, uint32_t list_id);

#endif
