#include "webd/admin.h"

#include "lib/metrics.h"
#include "lib/store_pool.h"
#include "webd/journal.h"

static bool is_read(const struct http_request *request, struct http_answer *answer) {
	if (request->method == HTTP_GET || request->method == HTTP_HEAD)
		return true;
	http_answer_not_allowed(answer, "GET, HEAD");
	return false;
}

static void check_store(struct app *app, struct buf *out) {
	struct err err;
	struct store *store = store_pool_take(app->stores, &err);

	if (store == NULL)
		buf_printf(out, "store: %s\n", err.text);
	else
		store_pool_give(app->stores, &store, false);
}

void admin_healthz(struct app *app, const struct webd_world *world, const struct http_request *request,
                   struct http_answer *answer) {
	(void)world;
	if (!is_read(request, answer))
		return;
	if (!journal_is_good(app->journal))
		buf_add_text(&answer->body, "journal: records can not be written; see the log\n");
	check_store(app, &answer->body);
	answer->status = answer->body.len == 0 ? 200 : 503;
	if (answer->body.len == 0)
		buf_add_text(&answer->body, "ok\n");
	http_answer_field(answer, "Content-Type", SPAN("text/plain; charset=utf-8"));
}

void admin_metrics(struct app *app, const struct webd_world *world, const struct http_request *request,
                   struct http_answer *answer) {
	(void)app;
	if (!is_read(request, answer))
		return;
	answer->status = 200;
	http_answer_field(answer, "Content-Type", SPAN("text/plain; version=0.0.4; charset=utf-8"));
	metrics_print(world->conf->data_dir, &answer->body);
}
