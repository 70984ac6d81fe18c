#include "webd/oneclick.h"

#include "lib/log.h"
#include "lib/token.h"
#include "webd/form_body.h"
#include "webd/pages.h"
#include "webd/unsubscribe.h"

bool oneclick_is(const struct http_request *request) {
	struct span type = http_field_value(request, "Content-Type");
	struct form_body form;
	bool is;

	if (request->method != HTTP_POST)
		return false;
	/* Whoever forgets the type means the simple one. */
	if (type.len == 0)
		type = SPAN("application/x-www-form-urlencoded");
	is = form_body_parse(type, request->body, &form) == 0 &&
	     span_equal(form_body_value(&form, "List-Unsubscribe"), SPAN("One-Click"));
	form_body_free(&form);
	return is;
}

enum found { BAD_TOKEN, SHARED_TOKEN, GOOD_TOKEN };

static enum found find(const struct webd_world *world, const struct http_request *request, struct unsubscribe *what_r) {
	const struct conf_list *list = NULL;
	struct token token;
	struct buf bytes;
	bool good;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	good = token_decode(world->ring, request->rest, &bytes, &token) == TOKEN_OK &&
	       token.purpose == TOKEN_UNSUBSCRIBE;
	buf_free(&bytes);
	if (!good)
		return BAD_TOKEN;
	list = webd_world_list(world, token.list);
	if (list == NULL) {
		log_line(CONF_LOG_WARNING, "unsubscribe_of_no_list", "effect",
		         "a link of a list that is no longer in the configuration", NULL);
		return BAD_TOKEN;
	}
	*what_r = (struct unsubscribe){.address_key = token.address_key,
	                               .campaign = token.campaign,
	                               .list = span_of(list->name),
	                               .reason = SPAN("one_click")};
	return token.shared ? SHARED_TOKEN : GOOD_TOKEN;
}

static void answer_done(struct http_answer *answer) {
	http_answer_text(answer, 200, "text/plain; charset=utf-8", "Unsubscribed. / 配信を停止しました。\n");
}

/* Who it is, a shared link can't say (B13): a person finds the form there. */
static void answer_who(struct app *app, const struct webd_world *world, const struct http_request *request,
                       struct http_answer *answer) {
	page_unsubscribe(app, world, request, answer);
	answer->status = 400;
}

void oneclick_unsubscribe(struct app *app, const struct webd_world *world, const struct http_request *request,
                          struct http_answer *answer) {
	struct unsubscribe what;
	enum found found;

	if (!oneclick_is(request)) {
		page_unsubscribe(app, world, request, answer);
		return;
	}
	found = find(world, request, &what);
	if (found == BAD_TOKEN)
		pages_not_found(world, request, answer);
	else if (found == SHARED_TOKEN)
		answer_who(app, world, request, answer);
	else if (unsubscribe_now(app, world, request, &what) == 0)
		answer_done(answer);
	else
		app_answer_busy(answer);
}

void oneclick_overflow(struct app *app, const struct webd_world *world, const struct http_request *request,
                       struct http_answer *answer) {
	struct unsubscribe what;

	(void)app;
	if (oneclick_is(request) && find(world, request, &what) == GOOD_TOKEN) {
		answer_done(answer);
		unsubscribe_later(world, request, &what, &answer->record);
		answer->record_matters = true;
	} else {
		app_answer_busy(answer);
	}
}
