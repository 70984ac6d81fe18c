#include "webd/unsubscribe.h"

#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/store_pool.h"
#include "webd/journal.h"
#include "webd/record.h"
#include "webd/visitor.h"

#define STORE_AWAY_MS 2000

struct departure {
	struct store_change change;
	struct store_event event;
	char client[VISITOR_CLIENT_SIZE];
};

static void prepare(const struct webd_world *world, const struct http_request *request, const struct unsubscribe *what,
                    struct departure *d) {
	enum conf_privacy privacy = (enum conf_privacy)world->conf->log.privacy;
	struct span client = visitor_client(privacy, request->client, d->client);

	d->event = (struct store_event){.kind = STORE_UNSUBSCRIBE,
	                                .time_ms = request->now_ms,
	                                .campaign = what->campaign,
	                                .list = what->list,
	                                .address_key = what->address_key,
	                                .client = client,
	                                .user_agent = visitor_user_agent(privacy, request),
	                                .visitor = visitor_hash(world->ring, request)};
	d->change = (struct store_change){.address_key = what->address_key,
	                                  .address = what->address,
	                                  .list = what->list,
	                                  .status = STORE_UNSUBSCRIBED,
	                                  .reason = what->reason,
	                                  .detail = what->detail,
	                                  .who = client,
	                                  .campaign = what->campaign,
	                                  .time = (time_t)(request->now_ms / 1000),
	                                  .event = &d->event};
}

static int64_t now_ms(void) {
	return (int64_t)(metrics_now() / 1000000);
}

/* When one has waited in vain, the others of the next moments need not: each would
 * hold a worker, and the last of them would wait for minutes. */
static int into_store(struct app *app, const struct store_change *change, struct err *err) {
	struct store *store = NULL;
	int result = -1;

	if (now_ms() < atomic_load(&app->store_away_until))
		return err_set(err, "the store could not be written a moment ago");
	store = store_pool_take(app->stores, err);
	if (store != NULL) {
		result = store_change_status(store, change, 1, NULL, err);
		store_pool_give(app->stores, &store, result != 0);
	}
	if (result != 0)
		atomic_store(&app->store_away_until, now_ms() + STORE_AWAY_MS);
	return result;
}

int unsubscribe_now(struct app *app, const struct webd_world *world, const struct http_request *request,
                    const struct unsubscribe *what) {
	struct departure d;
	struct buf record;
	struct err err;
	int result;

	prepare(world, request, what, &d);
	if (into_store(app, &d.change, &err) == 0)
		return 0;
	buf_init(&record, JOURNAL_RECORD_MAX);
	record_add_change(&record, &d.change);
	result = record.failed ? -1 : journal_append_wait(app->journal, buf_span(&record));
	log_line(result == 0 ? CONF_LOG_WARNING : CONF_LOG_ERROR,
	         result == 0 ? "unsubscribe_waits" : "unsubscribe_failed", "reason", err.text, NULL);
	buf_free(&record);
	return result;
}

void unsubscribe_later(const struct webd_world *world, const struct http_request *request,
                       const struct unsubscribe *what, struct buf *record) {
	struct departure d;

	prepare(world, request, what, &d);
	record_add_change(record, &d.change);
}
