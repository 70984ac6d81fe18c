#include "webd/record.h"

#include <assert.h>

#include "lib/cursor.h"

#define SHARED 1

static void add_number(struct buf *out, uint64_t value, unsigned size) {
	while (size-- > 0)
		buf_add_byte(out, (char)(value >> (8 * size)));
}

static void add_text(struct buf *out, struct span text) {
	if (text.len > STORE_TEXT_MAX)
		text.len = STORE_TEXT_MAX;
	add_number(out, text.len, 2);
	buf_add_span(out, text);
}

static void add_event(struct buf *out, enum record_type type, const struct store_event *event) {
	add_number(out, type, 1);
	add_number(out, event->kind, 1);
	add_number(out, event->shared ? SHARED : 0, 1);
	add_number(out, event->machine, 1);
	add_number(out, event->rules, 2);
	add_number(out, event->link, 2);
	add_number(out, (uint64_t)event->time_ms, 8);
	add_number(out, event->campaign, 8);
	add_number(out, event->address_key, 8);
	add_number(out, event->visitor, 8);
	add_text(out, event->list);
	add_text(out, event->target);
	add_text(out, event->value);
	add_text(out, event->client);
	add_text(out, event->user_agent);
}

void record_add_event(struct buf *out, const struct store_event *event) {
	add_event(out, RECORD_EVENT, event);
}

void record_add_change(struct buf *out, const struct store_change *change) {
	char status = (char)change->status;

	assert(change->event != NULL);
	add_event(out, RECORD_CHANGE, change->event);
	add_text(out, span_make(&status, 1));
	add_text(out, change->address);
	add_text(out, change->reason);
	add_text(out, change->detail);
	add_text(out, change->who);
}

static struct span take_text(struct cursor *c) {
	size_t len = cursor_u16(c);
	struct span text = cursor_take(c, len);

	if (text.len > STORE_TEXT_MAX)
		c->failed = true;
	return text;
}

static void read_event(struct cursor *c, struct store_event *event) {
	unsigned flags;

	event->kind = (enum store_event_kind)cursor_u8(c);
	flags = cursor_u8(c);
	event->shared = (flags & SHARED) != 0;
	event->machine = (enum store_machine)cursor_u8(c);
	event->rules = cursor_u16(c);
	event->link = cursor_u16(c);
	event->time_ms = (int64_t)cursor_u64(c);
	event->campaign = cursor_u64(c);
	event->address_key = cursor_u64(c);
	event->visitor = cursor_u64(c);
	event->list = take_text(c);
	event->target = take_text(c);
	event->value = take_text(c);
	event->client = take_text(c);
	event->user_agent = take_text(c);
	if ((flags & ~(unsigned)SHARED) != 0)
		c->failed = true;
}

static void read_change(struct cursor *c, const struct store_event *event, struct store_change *change) {
	struct span status = take_text(c);

	change->address_key = event->address_key;
	change->campaign = event->campaign;
	change->list = event->list;
	change->time = (time_t)(event->time_ms / 1000);
	change->address = take_text(c);
	change->reason = take_text(c);
	change->detail = take_text(c);
	change->who = take_text(c);
	if (status.len == 1 && status.at[0] >= STORE_ACTIVE && status.at[0] <= STORE_BLOCKED)
		change->status = (enum store_status)status.at[0];
	else
		c->failed = true;
}

int record_read(struct span payload, struct record *record_r) {
	struct cursor c = cursor_make(payload);
	unsigned type = cursor_u8(&c);

	*record_r = (struct record){.type = RECORD_EVENT};
	read_event(&c, &record_r->event);
	if (type == RECORD_CHANGE) {
		record_r->type = RECORD_CHANGE;
		read_change(&c, &record_r->event, &record_r->change);
	}
	if (c.failed || cursor_left(&c) > 0 || (type != RECORD_EVENT && type != RECORD_CHANGE) ||
	    store_check_event(&record_r->event, NULL) != 0)
		return -1;
	return 0;
}
