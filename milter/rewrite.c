#include "milter/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "milter/footer.h"
#include "milter/mime.h"
#include "milter/part.h"

#define FOOTER_MAX 8192

/* A part that may be changed, and how it is. */
struct work {
	const struct mime_part *place;
	const struct part *part;
	struct transfer_edit *edits;
	size_t edit_count;
	size_t edit_room;
};

struct rewrite {
	struct message *m;
	const struct rewrite_rules *rules;
	struct rewrite_result *result;
	struct links_rules links;
	struct mime_map map;
	struct work *works;
	size_t work_count;
	struct buf url; /* the link being made */
	struct buf target;
	bool failed;
};

static int open_works(struct rewrite *rw) {
	size_t i;

	rw->works = calloc(rw->map.count + 1, sizeof *rw->works);
	if (rw->works == NULL)
		return -1;
	for (i = 0; i < rw->map.count; i++) {
		const struct mime_part *place = &rw->map.parts[i];
		struct work *work = &rw->works[rw->work_count];
		struct span raw = span_make(rw->m->entity.at + place->body_at, place->body_len);

		work->place = place;
		if (place->keep != MIME_CHANGEABLE)
			continue;
		if (part_open(rw->rules->parts, place, raw, &work->part) != 0)
			return -1;
		rw->work_count += work->part != NULL;
	}
	return 0;
}

static void close_works(struct rewrite *rw) {
	size_t i;

	for (i = 0; i < rw->work_count; i++) {
		part_close(&rw->works[i].part);
		free(rw->works[i].edits);
	}
	free(rw->works);
}

static void add_edit(struct rewrite *rw, struct work *work, size_t at, size_t len, struct span bytes) {
	if (work->edit_count == work->edit_room) {
		size_t room = work->edit_room == 0 ? 32 : work->edit_room * 2;
		struct transfer_edit *grown = realloc(work->edits, room * sizeof *grown);

		if (grown == NULL) {
			rw->failed = true;
			return;
		}
		work->edits = grown;
		work->edit_room = room;
	}
	work->edits[work->edit_count++] = (struct transfer_edit){at, len, message_keep(rw->m, bytes)};
}

/* Where {{unsubscribe_url}} stands next in ASCII state, from `at` on; -1. */
static ssize_t find_placeholder(const struct work *work, size_t at) {
	struct span mask = span_make(work->part->mask, work->part->body.text.len);
	ssize_t found;

	while ((found = span_find_byte(span_from(mask, at), '{')) >= 0) {
		at += (size_t)found;
		if (span_starts(span_from(mask, at), SPAN(REWRITE_PLACEHOLDER)))
			return (ssize_t)at;
		at++;
	}
	return -1;
}

static void edit_placeholders(struct rewrite *rw, struct work *work) {
	ssize_t at = find_placeholder(work, 0);

	for (; at >= 0; at = find_placeholder(work, (size_t)at + sizeof REWRITE_PLACEHOLDER - 1)) {
		add_edit(rw, work, (size_t)at, sizeof REWRITE_PLACEHOLDER - 1, rw->rules->unsubscribe_url);
		rw->result->placeholders++;
	}
}

/* BASE_URL/c/TOKEN for the target in rw->target, or BASE_URL/o/TOKEN.gif. */
static struct span make_url(struct rewrite *rw, enum token_purpose purpose) {
	struct token token = rw->rules->token;

	token.purpose = purpose;
	token.link = (uint16_t)(rw->result->links + 1);
	token.target = buf_span(&rw->target);
	buf_reset(&rw->url);
	buf_add_text(&rw->url, rw->rules->base_url);
	buf_add_text(&rw->url, purpose == TOKEN_CLICK ? "/c/" : "/o/");
	if (token_encode(rw->rules->ring, &token, &rw->url) != 0)
		rw->failed = true;
	if (purpose == TOKEN_OPEN)
		buf_add_text(&rw->url, ".gif");
	return buf_span(&rw->url);
}

/* Judges one link and, where it is to be counted, puts ours in its place. */
static void edit_link(struct rewrite *rw, struct work *work, const struct links_candidate *link, size_t at,
                      size_t len) {
	enum links_verdict verdict;

	buf_reset(&rw->target);
	verdict = links_judge(&rw->links, link, &rw->target);
	if (verdict == LINKS_REWRITE && rw->result->links >= HTML_LINKS_MAX)
		verdict = LINKS_TOO_LONG;
	if (verdict != LINKS_REWRITE) {
		rw->result->left[verdict]++;
		return;
	}
	add_edit(rw, work, at, len, make_url(rw, TOKEN_CLICK));
	rw->result->links++;
}

static void edit_html_links(struct rewrite *rw, struct work *work) {
	const struct html_scan *scan = &work->part->scan;
	bool utf8 = work->place->charset == CHARSET_UTF8 || work->place->charset == CHARSET_ASCII;
	size_t i;

	for (i = 0; i < scan->count; i++) {
		const struct html_link *link = &scan->links[i];
		struct span raw = span_make(work->part->body.text.at + link->value_at, link->value_len);
		struct links_candidate candidate = {
		        .url = span_make(scan->decoded.at + link->url_at, link->url_len),
		        .utf8 = utf8,
		        .opted_out = link->opted_out,
		        .has_text = link->has_text,
		        .text = span_make(scan->decoded.at + link->text_at, link->text_len),
		};

		/* A NUL, which HTML makes U+FFFD, is no part of a URL anybody meant. */
		if (span_find_byte(raw, '\0') >= 0)
			rw->result->left[LINKS_CONTROL]++;
		else
			edit_link(rw, work, &candidate, link->value_at, link->value_len);
	}
}

struct text_context {
	struct rewrite *rw;
	struct work *work;
};

static int edit_text_link(void *context, size_t at, size_t len) {
	struct text_context *text = context;
	struct links_candidate candidate = {
	        .url = span_make(text->work->part->body.text.at + at, len),
	        .utf8 = true,
	};

	edit_link(text->rw, text->work, &candidate, at, len);
	return 0;
}

static void edit_links(struct rewrite *rw, struct work *work) {
	const struct conf_track *track = &rw->rules->list->track;
	struct text_context context = {rw, work};

	if (work->place->kind == MIME_HTML && track->clicks)
		edit_html_links(rw, work);
	else if (work->place->kind == MIME_TEXT && track->text)
		links_each_in_text(work->part->mask, work->part->body.text.len, edit_text_link, &context);
}

/* Does the mail already show its reader how to leave (U5)? */
static bool has_own_unsubscribe(const struct rewrite *rw) {
	struct span uri = rw->rules->unsubscribe_uri;
	size_t i, j;

	for (i = 0; i < rw->work_count; i++) {
		const struct work *work = &rw->works[i];

		if (find_placeholder(work, 0) >= 0)
			return true;
		/* Ours was made a moment ago: it can be in no body yet. */
		if (uri.len == 0 || span_equal(uri, rw->rules->unsubscribe_url))
			continue;
		if (span_find(work->part->body.text, uri) >= 0)
			return true;
		for (j = 0; j < work->part->scan.count; j++)
			if (span_equal(
			            span_trim(span_make(work->part->scan.decoded.at + work->part->scan.links[j].url_at,
			                                work->part->scan.links[j].url_len)),
			            uri))
				return true;
	}
	return false;
}

/* The footer in the part's charset; in ASCII where it has no place for it. */
static void add_text_footer(struct rewrite *rw, struct work *work, struct buf *out) {
	const struct rewrite_rules *rules = rw->rules;
	struct span text = work->part->body.text;
	struct span label = work->place->label[0] == '\0' ? SPAN("us-ascii") : span_of(work->place->label);
	struct buf utf8;
	size_t start;

	if (text.len > 0 && text.at[text.len - 1] != '\n')
		buf_add_text(out, "\r\n");
	start = out->len;
	buf_init(&utf8, FOOTER_MAX);
	footer_text(rules->list, rules->unsubscribe_url, &utf8);
	if (utf8.failed || charset_encode(label, buf_span(&utf8), out) != 0) {
		out->len = start;
		footer_text_ascii(rules->list, rules->unsubscribe_url, out);
	}
	buf_free(&utf8);
}

/* Footer and pixel go before the last </body>, else to the end. */
static void edit_end(struct rewrite *rw, struct work *work, bool footer, bool pixel) {
	bool html = work->place->kind == MIME_HTML;
	size_t at = html && work->part->scan.has_body_end ? work->part->scan.body_end : work->part->body.text.len;
	struct buf out;

	/* Before the final line end, so that the body still ends in one. */
	if (html && at == work->part->body.text.len && at >= 2 &&
	    memcmp(work->part->body.text.at + at - 2, "\r\n", 2) == 0)
		at -= 2;
	/* What is appended to an unclosed comment or tag would show nothing. */
	if (html && !work->part->scan.has_body_end && work->part->scan.open_ended)
		return;
	buf_init(&out, 4 * FOOTER_MAX);
	if (footer && html)
		footer_html(rw->rules->list, rw->rules->unsubscribe_url, &out);
	else if (footer)
		add_text_footer(rw, work, &out);
	rw->result->footer |= footer;
	if (pixel) {
		buf_reset(&rw->target);
		buf_add_text(&out, "<img src=\"");
		buf_add_span(&out, make_url(rw, TOKEN_OPEN));
		buf_add_text(&out, "\" width=\"1\" height=\"1\" alt=\"\" style=\"border:0\">");
		rw->result->pixel = true;
	}
	rw->failed |= out.failed;
	if (out.len > 0)
		add_edit(rw, work, at, 0, buf_span(&out));
	buf_free(&out);
}

static int by_position(const void *a, const void *b) {
	const struct transfer_edit *left = a, *right = b;

	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	/* An insertion goes before what it touches. */
	return left->len < right->len ? -1 : left->len > right->len;
}

static void edit_all(struct rewrite *rw) {
	const struct conf_list *list = rw->rules->list;
	bool footer =
	        list->footer == CONF_FOOTER_ALWAYS || (list->footer == CONF_FOOTER_AUTO && !has_own_unsubscribe(rw));
	bool seen_html = false, seen_text = false;
	size_t i;

	for (i = 0; i < rw->work_count; i++) {
		struct work *work = &rw->works[i];
		bool html = work->place->kind == MIME_HTML;
		bool first = html ? !seen_html : !seen_text;

		edit_placeholders(rw, work);
		edit_links(rw, work);
		edit_end(rw, work, footer && first, list->track.opens && html && first);
		seen_html |= html;
		seen_text |= !html;
		if (work->edit_count > 1)
			qsort(work->edits, work->edit_count, sizeof *work->edits, by_position);
	}
}

/* The part's header says its new encoding; the message's own header for a
 * message of one part. */
static void change_encoding(struct rewrite *rw, const struct mime_part *part, size_t *done) {
	static const char field[] = "Content-Transfer-Encoding: quoted-printable\r\n";
	struct message *m = rw->m;
	struct field *given;

	if (part->encoding_at >= m->body_at) {
		message_add_piece(m, false, *done, part->encoding_at - *done);
		message_add_piece(m, true, m->fresh.len, sizeof field - 1);
		buf_add_text(&m->fresh, field);
		*done = part->encoding_at + part->encoding_len;
		return;
	}
	given = message_find(m, "Content-Transfer-Encoding", 0);
	if (given != NULL)
		message_change(m, given, SPAN("quoted-printable"));
	else
		message_put(m, "Content-Transfer-Encoding", SPAN("quoted-printable"));
	/* Without MIME-Version the encoding would mean nothing (RFC 2045 4). */
	if (message_find(m, "MIME-Version", 0) == NULL)
		message_put(m, "MIME-Version", SPAN("1.0"));
}

static void splice_all(struct rewrite *rw) {
	struct message *m = rw->m;
	size_t done = m->body_at, i;

	for (i = 0; i < rw->work_count; i++) {
		const struct work *work = &rw->works[i];
		size_t start = m->fresh.len, body_at;
		enum transfer became;

		if (work->edit_count == 0)
			continue;
		if (transfer_splice(&work->part->body, work->edits, work->edit_count, &m->fresh, &became) != 0) {
			rw->failed = true;
			return;
		}
		body_at = start;
		start = m->fresh.len;
		if (became != work->place->encoding)
			change_encoding(rw, work->place, &done);
		message_add_piece(m, false, done, work->place->body_at - done);
		message_add_piece(m, true, body_at, start - body_at);
		done = work->place->body_at + work->place->body_len;
		m->body_changed = true;
	}
	if (m->body_changed)
		message_add_piece(m, false, done, m->entity.len - done);
}

int rewrite_body(struct message *m, const struct rewrite_rules *rules, struct rewrite_result *result_r,
                 struct err *err) {
	struct rewrite rw = {.m = m, .rules = rules, .result = result_r};

	*result_r = (struct rewrite_result){0};
	rw.links = (struct links_rules){
	        .base_url = span_of(rules->base_url),
	        .from_domain = rules->from_domain,
	        .unsubscribe_uri = rules->unsubscribe_uri,
	        .no_track = &rules->list->no_track,
	};
	/* The longest target whose link, BASE_URL/c/TOKEN, still fits. */
	if (rw.links.base_url.len + 3 < TOKEN_URL_MAX)
		rw.links.target_max = token_click_room(TOKEN_URL_MAX - 3 - rw.links.base_url.len, rules->token.shared);
	buf_init(&rw.url, TOKEN_URL_MAX + 64);
	buf_init(&rw.target, TOKEN_URL_MAX + 64);
	if (mime_map(rules->maps, buf_span(&m->entity), &rw.map) != 0)
		rw.failed = true;
	else if (rw.map.malformed != NULL)
		result_r->untouched = rw.map.malformed;
	else if (open_works(&rw) != 0)
		rw.failed = true;
	else
		edit_all(&rw);
	if (!rw.failed && !m->failed)
		splice_all(&rw);
	close_works(&rw);
	mime_map_free(&rw.map);
	buf_free(&rw.url);
	buf_free(&rw.target);
	return rw.failed || m->failed || m->fresh.failed ? err_set(err, "out of memory for the body") : 0;
}
