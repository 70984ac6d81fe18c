#include "milter/trace.h"

#include <stdio.h>

#include "lib/now.h"
#include "lib/token.h"

void trace_recipient(const struct trace *t, const struct recipient *recipient, const char *outcome, const char *reason,
                     const char *text) {
	struct span address = message_recipient_text(recipient);
	struct decision decision = {
	        .time = now_seconds(),
	        .stage = SPAN("treat"),
	        .outcome = span_of(outcome),
	        .reason = span_of(reason),
	        .text = span_of(text),
	        .list = span_of(t->list == NULL ? "" : t->list->name),
	        .stream = span_of(t->list == NULL ? "" : t->list->stream),
	        .sender = t->message->sender,
	        .address = address,
	        .address_key = token_address_key(t->world->ring, address),
	        .queue_id = t->queue_id,
	        .message_id = message_value(t->message, "Message-ID"),
	};

	decisions_add(t->log, &decision);
}

void trace_all(const struct trace *t, const char *outcome, const char *reason, const char *text) {
	size_t i;

	for (i = 0; i < t->message->recipient_count; i++)
		trace_recipient(t, &t->message->recipients[i], outcome, reason, text);
}

void trace_treated(const struct trace *t, const struct treated *treated) {
	const struct rewrite_result *body = &treated->body;
	char text[512];

	if (treated->list == NULL)
		snprintf(text, sizeof text, "%zu signatures; no list", treated->signature_count);
	else
		snprintf(text, sizeof text, "%u links, %s, %s, %zu signatures, return path %s; body %s%s",
		         (unsigned)body->links, body->pixel ? "pixel" : "no pixel",
		         body->footer ? "footer" : "no footer", treated->signature_count,
		         treated->sender.len > 0 ? "set" : "as it was",
		         body->untouched == NULL ? "understood" : "left as it was: ",
		         body->untouched == NULL ? "" : body->untouched);
	trace_all(t, treated->shadow ? "shadow" : "treated", treated->list == NULL ? "signed" : "list", text);
}
