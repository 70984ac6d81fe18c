/* The page behind /j/TOKEN, the link of a confirmation mail. */
#include <stdio.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/store_event.h"
#include "lib/store_pool.h"
#include "webd/form_body.h"
#include "webd/guard.h"
#include "webd/pages_private.h"
#include "webd/visitor.h"

#define DETAIL_SIZE 160

enum joined { JOINED, BLOCKED, USED_UP, FAILED };

/* Consent, once: who repeats it changes nothing.  What blocks the address, a
 * complaint or the operator's hand, is not a form's to lift.  And one who left since
 * the mail was asked for has to ask again: their browser may send the form once more
 * when it restores its pages. */
static enum joined join_by(struct store *store, const struct store_change *change, time_t asked, struct err *err) {
	struct store_standing standing;

	if (store_find_standing(store, change->address_key, change->list, &standing, err) != 0)
		return FAILED;
	if (standing.status == STORE_BLOCKED)
		return BLOCKED;
	if (standing.status == STORE_UNSUBSCRIBED && asked < standing.since)
		return USED_UP;
	return store_change_status(store, change, 1, NULL, err) == 0 ? JOINED : FAILED;
}

static enum joined join(struct app *app, const struct webd_world *world, const struct http_request *request,
                        const struct conf_list *list, const struct token *token, const struct confirm *confirm) {
	enum conf_privacy privacy = (enum conf_privacy)world->conf->log.privacy;
	char client[VISITOR_CLIENT_SIZE], detail[DETAIL_SIZE], asked[STAMP_SIZE];
	struct store_event event = {.kind = STORE_SUBSCRIBE,
	                            .time_ms = request->now_ms,
	                            .campaign = confirm->campaign,
	                            .list = span_of(list->name),
	                            .address_key = token->address_key,
	                            .client = visitor_client(privacy, request->client, client),
	                            .user_agent = visitor_user_agent(privacy, request),
	                            .visitor = visitor_hash(world->ring, request)};
	struct store_change change = {.address_key = token->address_key,
	                              .address = confirm->address,
	                              .list = span_of(list->name),
	                              .status = STORE_ACTIVE,
	                              .reason = SPAN("confirmed"),
	                              .who = request->client,
	                              .proof = confirm->proof,
	                              .campaign = confirm->campaign,
	                              .time = (time_t)(request->now_ms / 1000),
	                              .event = &event};
	struct err err = {{0}};
	struct store *store = store_pool_take(app->stores, &err);
	enum joined joined = FAILED;

	stamp_format(confirm->time, asked);
	snprintf(detail, sizeof detail, "asked for at %s by %.*s", asked,
	         confirm->who.len > 0 ? (int)confirm->who.len : (int)sizeof "mail" - 1,
	         confirm->who.len > 0 ? confirm->who.at : "mail");
	change.detail = span_of(detail);
	if (store != NULL) {
		joined = join_by(store, &change, confirm->time, &err);
		store_pool_give(app->stores, &store, joined == FAILED);
	}
	if (joined == FAILED)
		log_line(CONF_LOG_ERROR, "join_failed", "list", list->name, "reason", err.text, NULL);
	return joined;
}

static void post(struct app *app, const struct webd_world *world, const struct http_request *request,
                 const struct conf_list *list, const struct token *token, const struct confirm *confirm,
                 struct http_answer *answer) {
	struct unsubscribe what = {.address_key = token->address_key,
	                           .campaign = confirm->campaign,
	                           .address = confirm->address,
	                           .reason = SPAN("confirmed")};
	struct form_body form;
	bool meant = form_body_parse(http_field_value(request, "Content-Type"), request->body, &form) == 0 &&
	             span_equal(form_body_value(&form, "action"), SPAN("confirm"));

	form_body_free(&form);
	if (!guard_same_site(world, request) || !meant) {
		pages_show_refused(world, list, meant ? 403 : 400, answer);
		return;
	}
	if (confirm->kind == CONFIRM_LEAVE) {
		pages_leave(app, world, request, list, &what, answer);
		return;
	}
	switch (join(app, world, request, list, token, confirm)) {
	case JOINED:
		pages_show_confirm(world, list, PAGE_JOINED, 200, confirm, answer);
		break;
	case BLOCKED:
		pages_show_confirm(world, list, PAGE_BLOCKED, 200, confirm, answer);
		break;
	case USED_UP:
		pages_show_confirm(world, list, PAGE_EXPIRED, 410, confirm, answer);
		break;
	case FAILED:
		pages_show_later(world, list, answer);
		break;
	}
}

void page_confirm(struct app *app, const struct webd_world *world, const struct http_request *request,
                  struct http_answer *answer) {
	const struct conf_list *list = NULL;
	struct confirm confirm;
	struct token token;
	struct buf bytes;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	if (token_decode(world->ring, request->rest, &bytes, &token) == TOKEN_OK && confirm_read(&token, &confirm) == 0)
		list = webd_world_list(world, token.list);
	if (list == NULL)
		pages_not_found(world, request, answer);
	else if (request->method == HTTP_OTHER)
		http_answer_not_allowed(answer, "GET, HEAD, POST");
	else if (request->now_ms / 1000 >= confirm.time + list->form.expire)
		pages_show_confirm(world, list, PAGE_EXPIRED, 410, &confirm, answer);
	else if (request->method == HTTP_POST)
		post(app, world, request, list, &token, &confirm, answer);
	else
		pages_show_confirm(world, list, PAGE_CONFIRM, 200, &confirm, answer);
	buf_free(&bytes);
}
