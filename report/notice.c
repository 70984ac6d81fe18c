#include "report/notice.h"

#include <stdlib.h>
#include <string.h>

#include "report/fold.h"
#include "report/smtp.h"

#define HITS_MAX 24      /* marks of one line */
#define LOOKED_MAX 4096U /* octets of a line that are looked at */

struct reading {
	struct notice *notice;
	const struct phrases *marks_set;
	struct buf folded;
	size_t now_index;
	size_t listed; /* lines that begin with an address */
	bool any;
	bool out_of_memory;
};

/* What the marks of a line say. */
struct line_marks {
	bool address;
	bool sender;
	bool origin;
	bool end;
	const char *phase;
	bool after_rcpt;
};

static uint32_t hash(struct span address) {
	uint32_t h = 2166136261U;
	size_t i;

	for (i = 0; i < address.len; i++)
		h = (h ^ (unsigned char)ascii_lower(address.at[i])) * 16777619U;
	return h;
}

static uint32_t *slot_of(const struct notice *n, struct span address) {
	size_t at = hash(address) & (n->slot_count - 1);

	while (n->slots[at] != 0 && !span_equal_nocase(n->items[n->slots[at] - 1].address, address))
		at = (at + 1) & (n->slot_count - 1);
	return &n->slots[at];
}

static bool grow_slots(struct notice *n) {
	size_t i, count = n->slot_count == 0 ? 32 : n->slot_count * 2;
	uint32_t *grown;

	if (n->slot_count > 2 * n->count)
		return true;
	grown = calloc(count, sizeof *grown);
	if (grown == NULL)
		return false;
	free(n->slots);
	n->slots = grown;
	n->slot_count = count;
	for (i = 0; i < n->count; i++)
		*slot_of(n, n->items[i].address) = (uint32_t)i + 1;
	return true;
}

static bool grow(void **at, size_t *room, size_t count, size_t size) {
	size_t more = *room == 0 ? 16 : *room * 2;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*at, more * size);
	if (grown == NULL)
		return false;
	*at = grown;
	*room = more;
	return true;
}

struct notice_item *notice_find(const struct notice *notice, struct span address) {
	uint32_t slot;

	if (notice->slot_count == 0)
		return NULL;
	slot = *slot_of(notice, address);
	return slot == 0 ? NULL : &notice->items[slot - 1];
}

/* The item of the address, a new one where there was none; NULL out of memory. */
static struct notice_item *item_for(struct reading *r, struct span address, enum notice_rank rank) {
	struct notice *n = r->notice;
	uint32_t *slot;

	if (!grow_slots(n) || !grow((void **)&n->items, &n->item_room, n->count, sizeof *n->items)) {
		r->out_of_memory = true;
		return NULL;
	}
	slot = slot_of(n, address);
	if (*slot == 0) {
		n->items[n->count++] = (struct notice_item){
		        .address = address, .rank = rank, .first = NOTICE_NO_PIECE, .last = NOTICE_NO_PIECE};
		*slot = (uint32_t)n->count;
	}
	if (n->items[*slot - 1].rank < rank)
		n->items[*slot - 1].rank = rank;
	return &n->items[*slot - 1];
}

static void add_piece(struct reading *r, struct notice_item *item, struct span text) {
	struct notice *n = r->notice;
	struct notice_piece *last;

	text = span_trim(text);
	if (text.len == 0)
		return;
	last = item->last == NOTICE_NO_PIECE ? NULL : &n->pieces[item->last];
	/* Lines that follow one another are one piece. */
	if (last != NULL && item->last + 1 == n->piece_count && text.at > last->text.at) {
		last->text.len = (size_t)(text.at + text.len - last->text.at);
		return;
	}
	if (!grow((void **)&n->pieces, &n->piece_room, n->piece_count, sizeof *n->pieces)) {
		r->out_of_memory = true;
		return;
	}
	if (item->last != NOTICE_NO_PIECE)
		n->pieces[item->last].next = (uint32_t)n->piece_count;
	else
		item->first = (uint32_t)n->piece_count;
	item->last = (uint32_t)n->piece_count;
	n->pieces[n->piece_count++] = (struct notice_piece){text, NOTICE_NO_PIECE};
}

/* A quoted local part: "a..b"@ */
static bool is_quoted_local(struct span line) {
	ssize_t end = line.len > 0 && line.at[0] == '"' ? span_find_byte(span_from(line, 1), '"') : -1;

	return end > 0 && (size_t)end + 2 < line.len && line.at[end + 2] == '@';
}

/* Without what lists and quotations put before a line. */
static struct span strip_bullets(struct span line) {
	while (line.len > 0) {
		unsigned char c = (unsigned char)line.at[0];

		if ((c == '>' && line.len > 1 && line.at[1] == '>') || is_quoted_local(line) ||
		    (c == '=' && line.len > 1 && line.at[1] == '?'))
			break;
		if (strchr(" \t*-<>\"'|([`=:#", c) != NULL && c != '\0')
			line = span_from(line, 1);
		else if (span_starts(line, SPAN("\xe3\x83\xbb")) || span_starts(line, SPAN("\xe2\x80\xa2")) ||
		         span_starts(line, SPAN("\xe3\x80\x80")))
			line = span_from(line, 3);
		else
			break;
	}
	if (span_starts_nocase(line, SPAN("mailto:")))
		line = span_from(line, 7);
	return line;
}

/* Is it a field of a header, so that an address in it is no news? */
static bool is_header_line(struct span line) {
	static const char *const names[] = {
	        "from:", "to:",       "cc:",  "reply-to:", "sender:",    "subject:", "return-path:", "message-id:",
	        "x-",    "received:", "bcc:", "date:",     "mail from:", "from :",   "to :"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (span_starts_nocase(line, span_of(names[i])))
			return true;
	return false;
}

/* A line only the returned message can hold. */
static bool is_returned_line(struct span line) {
	static const char *const names[] = {"Received: ", "Return-Path: ",  "DKIM-Signature: ", "X-Envelope-From: ",
	                                    "ARC-Seal: ", "Delivered-To: ", "MIME-Version: ",   "Message-ID: "};
	size_t i;

	while (line.len > 0 && (line.at[0] == '>' || line.at[0] == ' ' || line.at[0] == '\t'))
		line = span_from(line, 1);
	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (span_starts_nocase(line, span_of(names[i])))
			return true;
	return false;
}

static void read_marks(struct reading *r, struct span line, struct line_marks *said_r) {
	struct phrase_hit hits[HITS_MAX];
	size_t count, i, lead = 0;

	*said_r = (struct line_marks){0};
	buf_reset(&r->folded);
	fold_text(line, &r->folded);
	while (lead < r->folded.len && strchr("-=_*#>+~ <[", r->folded.at[lead]) != NULL)
		lead++;
	count = phrases_find(r->marks_set, buf_span(&r->folded), hits, HITS_MAX);
	for (i = 0; i < count; i++) {
		const struct mark *mark = &marks[hits[i].id];

		if (mark->kind == MARK_END) {
			said_r->end |= hits[i].start <= lead;
			continue;
		}
		if (r->notice->family == NULL && mark->family != NULL)
			r->notice->family = mark->family;
		r->notice->failed |= mark->kind == MARK_FAILED;
		r->notice->delayed |= mark->kind == MARK_DELAYED;
		r->notice->forwarded |= mark->kind == MARK_FORWARDED;
		r->notice->delivered |= mark->kind == MARK_DELIVERED;
		said_r->address |= mark->kind == MARK_ADDRESS;
		said_r->sender |= mark->kind == MARK_SENDER;
		said_r->origin |= mark->kind == MARK_ORIGIN;
		if (mark_phase(mark->kind) != NULL)
			said_r->phase = mark_phase(mark->kind);
		said_r->after_rcpt |= mark->kind == MARK_AFTER_RCPT;
	}
}

static void note_phase(struct reading *r, const struct line_marks *said) {
	const char **phase = r->any ? &r->notice->items[r->now_index].phase : &r->notice->phase;

	if (said->phase != NULL)
		*phase = said->phase;
}

static void begin_item(struct reading *r, struct span address, enum notice_rank rank) {
	struct notice_item *item = item_for(r, address, rank);

	if (item == NULL)
		return;
	r->now_index = (size_t)(item - r->notice->items);
	r->any = true;
}

/* The failed recipients that a line names; false where it names none. */
static bool read_recipients(struct reading *r, struct span line, const struct line_marks *said) {
	struct span bare = strip_bullets(line), rest, address;
	bool named = false;

	if (span_starts(bare, SPAN(">>>")))
		bare = span_trim(span_from(bare, 3));
	rest = bare;
	if (!smtp_next_address(&rest, &address))
		return false;
	if (said->origin && r->any) {
		r->notice->items[r->now_index].origin = address;
		return false;
	}
	/* The one that is listed, expanded to another on its way. */
	if (said->address && said->phase != NULL && r->listed == 1 && notice_find(r->notice, address) == NULL)
		return false;
	if (said->address && !said->sender) {
		do
			begin_item(r, address, NOTICE_NAMED);
		while (smtp_next_address(&rest, &address));
		return true;
	}
	if (address.at == bare.at) {
		begin_item(r, address, NOTICE_LISTED);
		r->listed++;
		named = true;
		/* "a@example.com, b@example.com" */
		while (smtp_next_address(&rest, &address))
			if (address.at > bare.at && address.at[-1] != ':' && rest.len == 0)
				item_for(r, address, NOTICE_MENTIONED);
		return named;
	}
	if (!said->sender && !is_header_line(bare))
		do
			item_for(r, address, NOTICE_MENTIONED);
		while (smtp_next_address(&rest, &address));
	return false;
}

/* False where the line begins the returned message. */
static bool read_line(struct reading *r, struct span line) {
	struct line_marks said;
	struct span looked = span_make(line.at, line.len < LOOKED_MAX ? line.len : LOOKED_MAX);

	read_marks(r, looked, &said);
	if (said.end)
		return false;
	if (span_find_byte(looked, '@') >= 0)
		read_recipients(r, looked, &said);
	note_phase(r, &said);
	if (r->any)
		add_piece(r, &r->notice->items[r->now_index], line);
	return true;
}

int notice_read(const struct phrases *marks_set, struct span text, struct notice *notice_r) {
	struct reading r = {.notice = notice_r, .marks_set = marks_set};
	struct span rest, line;
	const char *end;
	size_t lines = 0;

	*notice_r = (struct notice){0};
	if (text.at == NULL)
		text = SPAN("");
	if (text.len > NOTICE_MAX)
		text.len = NOTICE_MAX;
	rest = text;
	end = text.at + text.len;
	buf_init(&r.folded, LOOKED_MAX * 2 + 64);
	while (!r.out_of_memory && smtp_next_line(&rest, &line)) {
		if (span_trim(line).len == 0)
			continue;
		if (lines++ > 1 && is_returned_line(line)) {
			rest = span_make(line.at, (size_t)(text.at + text.len - line.at));
			end = line.at;
			break;
		}
		if (!read_line(&r, line)) {
			end = line.at;
			break;
		}
	}
	notice_r->returned = rest;
	notice_r->text = span_make(text.at, (size_t)(end - text.at));
	buf_free(&r.folded);
	if (r.out_of_memory) {
		notice_free(notice_r);
		return -1;
	}
	return 0;
}

void notice_free(struct notice *notice) {
	free(notice->items);
	free(notice->pieces);
	free(notice->slots);
	*notice = (struct notice){0};
}

void notice_speech(const struct notice *notice, const struct notice_item *item, struct buf *out) {
	uint32_t at;

	for (at = item->first; at != NOTICE_NO_PIECE; at = notice->pieces[at].next) {
		struct span text = notice->pieces[at].text;
		size_t room = out->len < NOTICE_SPEECH_MAX ? NOTICE_SPEECH_MAX - out->len : 0;

		if (room == 0)
			break;
		buf_add(out, text.at, text.len < room ? text.len : room);
		buf_add_byte(out, '\n');
	}
}
