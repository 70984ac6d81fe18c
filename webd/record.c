#include "webd/record.h"

#include <assert.h>

#include "lib/cursor.h"

#define SHARED 1
#define HEAD_SIZE 40
#define USUAL_SIZE 400

static unsigned char *put(unsigned char *to, uint64_t value, unsigned size) {
	unsigned i;

	for (i = 0; i < size; i++)
		to[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
	return to + size;
}

static void add_text(struct buf *out, struct span text) {
	unsigned char size[2];

	if (text.len > STORE_TEXT_MAX)
		text.len = STORE_TEXT_MAX;
	put(size, text.len, sizeof size);
	buf_add(out, size, sizeof size);
	buf_add_span(out, text);
}

static void add_event(struct buf *out, enum record_type type, const struct store_event *event) {
	unsigned char head[HEAD_SIZE], *to = head;

	to = put(to, type, 1);
	to = put(to, event->kind, 1);
	to = put(to, event->shared ? SHARED : 0, 1);
	to = put(to, event->machine, 1);
	to = put(to, event->rules, 2);
	to = put(to, event->link, 2);
	to = put(to, (uint64_t)event->time_ms, 8);
	to = put(to, event->campaign, 8);
	to = put(to, event->address_key, 8);
	to = put(to, event->visitor, 8);
	assert(to == head + sizeof head);
	/* In one piece of memory, most often. */
	if (buf_reserve(out, USUAL_SIZE) == NULL)
		return;
	buf_add(out, head, sizeof head);
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
