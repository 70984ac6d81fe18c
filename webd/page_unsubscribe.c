/* The page behind /u/TOKEN, in its three patterns (U3). */
#include "lib/token.h"
#include "webd/form_body.h"
#include "webd/guard.h"
#include "webd/pages_private.h"

enum typed { TYPED_NOTHING, TYPED_MISSING, TYPED_WRONG };

/* A shared link names nobody, so its page has to ask (B13). */
static enum conf_pattern pattern_of(const struct conf_list *list, const struct token *token) {
	return token->shared ? CONF_PATTERN_ADDRESS : (enum conf_pattern)list->unsubscribe.pattern;
}

static void show(const struct webd_world *world, const struct conf_list *list, enum conf_pattern pattern,
                 enum typed typed, struct span address, struct http_answer *answer) {
	struct template_value values[IN_UNSUBSCRIBE_VALUES] = {
	        [IN_UNSUBSCRIBE_ONCE] = PAGE_FLAG(pattern == CONF_PATTERN_ONCE),
	        [IN_UNSUBSCRIBE_CONFIRM] = PAGE_FLAG(pattern == CONF_PATTERN_CONFIRM),
	        [IN_UNSUBSCRIBE_ASK] = PAGE_FLAG(pattern == CONF_PATTERN_ADDRESS),
	        [IN_UNSUBSCRIBE_ADDRESS] = {.text = address},
	        [IN_UNSUBSCRIBE_ERROR] = PAGE_FLAG(typed != TYPED_NOTHING),
	        [IN_UNSUBSCRIBE_MISSING] = PAGE_FLAG(typed == TYPED_MISSING),
	        [IN_UNSUBSCRIBE_WRONG] = PAGE_FLAG(typed == TYPED_WRONG),
	};

	pages_show(world, list, PAGE_UNSUBSCRIBE, typed == TYPED_NOTHING ? 200 : 422, values, answer);
}

/* The mail goes whether or not the address is known: whoever has a shared link of a
 * list may be on it without a trace here, and nobody learns who is. */
static void ask(struct app *app, const struct webd_world *world, const struct http_request *request,
                const struct conf_list *list, const struct token *token, struct span typed,
                struct http_answer *answer) {
	struct confirm confirm = {.kind = CONFIRM_LEAVE,
	                          .time = (time_t)(request->now_ms / 1000),
	                          .campaign = token->campaign,
	                          .who = request->client};
	struct addr addr;

	typed = span_trim(typed);
	if (typed.len == 0 || pages_address(typed, &addr) != 0) {
		show(world, list, CONF_PATTERN_ADDRESS, typed.len == 0 ? TYPED_MISSING : TYPED_WRONG, typed, answer);
		return;
	}
	confirm.address = addr_span(&addr);
	pages_ask(app, world, request, list, &confirm, answer);
}

static void post(struct app *app, const struct webd_world *world, const struct http_request *request,
                 const struct conf_list *list, const struct token *token, struct http_answer *answer) {
	enum conf_pattern pattern = pattern_of(list, token);
	struct unsubscribe what = {
	        .address_key = token->address_key, .campaign = token->campaign, .reason = SPAN("page")};
	struct template_value none[IN_COMMON] = {0};
	struct form_body form;
	struct span action;

	if (!guard_same_site(world, request)) {
		pages_show_refused(world, list, 403, answer);
		return;
	}
	if (form_body_parse(http_field_value(request, "Content-Type"), request->body, &form) != 0) {
		form_body_free(&form);
		pages_show_refused(world, list, 400, answer);
		return;
	}
	action = form_body_value(&form, "action");
	if (pattern == CONF_PATTERN_ADDRESS)
		ask(app, world, request, list, token, form_body_value(&form, "address"), answer);
	else if (span_equal(action, SPAN("leave")))
		pages_leave(app, world, request, list, &what, answer);
	else if (span_equal(action, SPAN("keep")))
		pages_show(world, list, PAGE_KEPT, 200, none, answer);
	else
		pages_show_refused(world, list, 400, answer);
	form_body_free(&form);
}

void page_unsubscribe(struct app *app, const struct webd_world *world, const struct http_request *request,
                      struct http_answer *answer) {
	const struct conf_list *list = NULL;
	struct token token;
	struct buf bytes;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	if (token_decode(world->ring, request->rest, &bytes, &token) == TOKEN_OK && token.purpose == TOKEN_UNSUBSCRIBE)
		list = webd_world_list(world, token.list);
	if (list == NULL)
		pages_not_found(world, request, answer);
	else if (request->method == HTTP_GET || request->method == HTTP_HEAD)
		show(world, list, pattern_of(list, &token), TYPED_NOTHING, SPAN_NONE, answer);
	else if (request->method == HTTP_POST)
		post(app, world, request, list, &token, answer);
	else
		http_answer_not_allowed(answer, "GET, HEAD, POST");
	buf_free(&bytes);
}
