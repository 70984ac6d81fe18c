#include "milter/mime_condense.h"

#include <stdlib.h>
#include <string.h>

#define GAP_LEAST 256 /* octets that are worth leaving out */
#define GAPS_MAX 4096 /* behind that many, all stays */
#define NOWHERE SIZE_MAX

static size_t next_line(struct span entity, size_t at) {
	const char *newline = memchr(entity.at + at, '\n', entity.len - at);

	return newline == NULL ? entity.len : (size_t)(newline - entity.at) + 1;
}

static bool is_empty_line(struct span line) {
	return span_equal(line, SPAN("\r\n")) || span_equal(line, SPAN("\n"));
}

/* Leaves out [from, to); what is before it, from `*kept` on, stays. */
static void leave_out(struct condensed *c, struct span entity, size_t *kept, size_t from, size_t to) {
	if (to < from || to - from < GAP_LEAST || c->gap_count == GAPS_MAX)
		return;
	buf_add(&c->room, entity.at + *kept, from - *kept);
	c->gaps[c->gap_count++] = (struct condensed_gap){c->room.len, to};
	*kept = to;
}

/* `run`: behind the first line of those that no header can be among; `last`: the
 * start of the last two. */
static void condense(struct span entity, struct condensed *c) {
	size_t kept = 0, run = NOWHERE, last = 0, line = 0, at, next;
	bool header = true;

	for (at = 0; at < entity.len; last = line, line = at, at = next) {
		next = next_line(entity, at);
		if (entity.at[at] == '-' && next > at + 1 && entity.at[at + 1] == '-') {
			if (run != NOWHERE)
				leave_out(c, entity, &kept, run, last);
			header = true;
			run = NOWHERE;
		} else if (header) {
			header = !is_empty_line(span_make(entity.at + at, next - at));
		} else if (run == NOWHERE) {
			run = next;
		}
	}
	if (run != NOWHERE)
		leave_out(c, entity, &kept, run, last);
	buf_add(&c->room, entity.at + kept, entity.len - kept);
}

/* What a message/rfc822 part begins with is a header, without any dashes before
 * it; and in a multipart/digest parts need not even say that they are one. */
static bool may_nest_messages(struct span text) {
	return span_find_nocase(text, SPAN("message")) >= 0 || span_find_nocase(text, SPAN("digest")) >= 0;
}

int mime_condense(struct span entity, struct condensed *condensed_r) {
	*condensed_r = (struct condensed){.text = entity};
	buf_init(&condensed_r->room, entity.len);
	condensed_r->gaps = malloc(GAPS_MAX * sizeof *condensed_r->gaps);
	if (condensed_r->gaps == NULL)
		return -1;
	condense(entity, condensed_r);
	if (condensed_r->room.failed) {
		condensed_free(condensed_r);
		return -1;
	}
	if (may_nest_messages(buf_span(&condensed_r->room)))
		condensed_r->gap_count = 0;
	else
		condensed_r->text = buf_span(&condensed_r->room);
	return 0;
}

void condensed_free(struct condensed *condensed) {
	buf_free(&condensed->room);
	free(condensed->gaps);
	*condensed = (struct condensed){0};
}

size_t condensed_original(const struct condensed *condensed, size_t at) {
	size_t low = 0, high = condensed->gap_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (condensed->gaps[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? at : condensed->gaps[low - 1].original + (at - condensed->gaps[low - 1].at);
}
