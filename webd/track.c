#include "webd/track.h"

#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "lib/token.h"
#include "webd/form_body.h"
#include "webd/label.h"
#include "webd/pages.h"
#include "webd/record.h"
#include "webd/visitor.h"

#define VALUE_MAX 255 /* octets of a conversion's value */

/* 1x1, transparent. */
static const char pixel[] = "GIF89a\1\0\1\0\200\0\0\0\0\0\377\377\377!\371\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";

static bool is_read(const struct http_request *request, struct http_answer *answer) {
	if (request->method == HTTP_GET || request->method == HTTP_HEAD)
		return true;
	http_answer_not_allowed(answer, "GET, HEAD");
	return false;
}

static void record(const struct webd_world *world, const struct http_request *request, uint32_t made,
                   struct store_event *event, struct http_answer *answer) {
	struct label_input input = {.kind = event->kind,
	                            .is_head = request->method == HTTP_HEAD,
	                            .user_agent = http_field_value(request, "User-Agent"),
	                            .time_ms = request->now_ms,
	                            .made = made};
	enum conf_privacy privacy = (enum conf_privacy)world->conf->log.privacy;
	char client[VISITOR_CLIENT_SIZE];

	event->time_ms = request->now_ms;
	event->machine = label_find(&input);
	event->rules = LABEL_RULES;
	event->visitor = visitor_hash(world->ring, request);
	event->client = visitor_client(privacy, request->client, client);
	event->user_agent = visitor_user_agent(privacy, request);
	record_add_event(&answer->record, event);
}

static bool find_token(const struct webd_world *world, const struct http_request *request, enum token_purpose purpose,
                       struct buf *bytes, struct token *token_r) {
	return token_decode(world->ring, request->rest, bytes, token_r) == TOKEN_OK && token_r->purpose == purpose;
}

/* The MAC says that the milter put it there; this says that it leads to the web
 * and can stand in a header field, whoever had the keys (S1). */
static bool may_lead_to(struct span target) {
	size_t i;

	for (i = 0; i < target.len; i++)
		if ((unsigned char)target.at[i] < 0x20 || target.at[i] == 0x7f)
			return false;
	return span_starts_nocase(target, SPAN("http://")) || span_starts_nocase(target, SPAN("https://"));
}

/* The host of an absolute URL, without user and port. */
static struct span host_of(struct span target) {
	size_t start = (size_t)span_find(target, SPAN("://")) + 3, end = start, i;

	while (end < target.len && strchr("/?#\\", target.at[end]) == NULL)
		end++;
	for (i = start; i < end; i++)
		if (target.at[i] == '@')
			start = i + 1;
	for (i = start; i < end && target.at[start] != '['; i++)
		if (target.at[i] == ':')
			end = i;
	return span_make(target.at + start, end - start);
}

/* The target as a header field may hold it: what is not ASCII becomes A-labels in the host and
 * percent-encoded behind it, as a browser would have asked for it (B7); ASCII stays as it is. */
static void add_location(struct span target, struct buf *out) {
	struct span host = host_of(target);
	size_t at = (size_t)(host.at - target.at), i;

	for (i = 0; i < target.len; i++) {
		if (i == at && !span_is_ascii(host) && addr_domain_canonical(host, out) == 0)
			i += host.len;
		if (i < target.len && (unsigned char)target.at[i] >= 0x80)
			buf_printf(out, "%%%02X", (unsigned char)target.at[i]);
		else if (i < target.len)
			buf_add_byte(out, target.at[i]);
	}
}

static void answer_click(struct span target, struct http_answer *answer) {
	struct buf location;

	answer->status = 302;
	if (span_is_ascii(target)) {
		http_answer_field(answer, "Location", target);
		return;
	}
	buf_init(&location, 4 * TOKEN_BYTES_MAX);
	add_location(target, &location);
	http_answer_field(answer, "Location", buf_span(&location));
	buf_free(&location);
}

void track_click(struct app *app, const struct webd_world *world, const struct http_request *request,
                 struct http_answer *answer) {
	struct store_event event = {.kind = STORE_CLICK};
	struct token token;
	struct buf bytes;

	(void)app;
	if (!is_read(request, answer))
		return;
	buf_init(&bytes, TOKEN_BYTES_MAX);
	if (!find_token(world, request, TOKEN_CLICK, &bytes, &token) || !may_lead_to(token.target)) {
		pages_not_found(world, request, answer);
	} else {
		answer_click(token.target, answer);
		event.campaign = token.campaign;
		event.address_key = token.address_key;
		event.shared = token.shared;
		event.link = token.link;
		event.target = token.target;
		record(world, request, token.time, &event, answer);
	}
	buf_free(&bytes);
}

static void answer_pixel(struct http_answer *answer) {
	answer->status = 200;
	http_answer_field(answer, "Content-Type", SPAN("image/gif"));
	http_answer_field(answer, "Cache-Control", SPAN("no-store, private"));
	answer->constant_body = pixel;
	answer->constant_len = sizeof pixel - 1;
}

void track_open(struct app *app, const struct webd_world *world, const struct http_request *request,
                struct http_answer *answer) {
	struct store_event event = {.kind = STORE_OPEN};
	struct token token;
	struct buf bytes;

	(void)app;
	if (!is_read(request, answer))
		return;
	buf_init(&bytes, TOKEN_BYTES_MAX);
	if (!find_token(world, request, TOKEN_OPEN, &bytes, &token)) {
		pages_not_found(world, request, answer);
	} else {
		answer_pixel(answer);
		event.campaign = token.campaign;
		event.address_key = token.address_key;
		event.shared = token.shared;
		/* Who asks by HEAD saw no picture (T1). */
		if (request->method == HTTP_GET)
			record(world, request, token.time, &event, answer);
	}
	buf_free(&bytes);
}

/* What the page gave, without control characters, as much as is kept. */
static void add_value(struct span query, struct buf *out) {
	struct form_body form;

	if (form_body_parse(SPAN("application/x-www-form-urlencoded"), query, &form) == 0) {
		struct span value = form_body_value(&form, "v");
		size_t i;

		for (i = 0; i < value.len && i < VALUE_MAX; i++)
			buf_add_byte(out, (unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f ? '?' : value.at[i]);
	}
	form_body_free(&form);
}

void track_conversion(struct app *app, const struct webd_world *world, const struct http_request *request,
                      struct http_answer *answer) {
	struct store_event event = {.kind = STORE_CONVERSION, .shared = true};
	const struct conf_list *list = conf_find_list(world->conf, request->rest);
	struct buf value;

	(void)app;
	if (!is_read(request, answer))
		return;
	if (list == NULL) {
		pages_not_found(world, request, answer);
		return;
	}
	answer_pixel(answer);
	if (request->method != HTTP_GET)
		return;
	buf_init(&value, VALUE_MAX);
	add_value(request->query, &value);
	event.list = span_of(list->name);
	event.value = buf_span(&value);
	record(world, request, 0, &event, answer);
	buf_free(&value);
}
