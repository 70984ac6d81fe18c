#include "milter/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 16384

struct message_chunk {
	struct message_chunk *next;
	size_t used;
	size_t size;
	char bytes[];
};

void message_init(struct message *m, size_t body_max) {
	*m = (struct message){0};
	/* The entity holds the Content-* fields before the body. */
	buf_init(&m->entity, body_max + MESSAGE_HEADER_MAX);
	buf_init(&m->fresh, 4 * body_max + MESSAGE_HEADER_MAX);
}

void message_free(struct message *m) {
	struct message_chunk *chunk = m->chunks, *next;

	for (; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(m->recipients);
	free(m->fields);
	free(m->pieces);
	buf_free(&m->entity);
	buf_free(&m->fresh);
	*m = (struct message){0};
}

/* Room for `len` octets and the NUL behind them. */
static char *keep_room(struct message *m, size_t len) {
	struct message_chunk *chunk = m->chunks;
	char *room;

	if (chunk == NULL || chunk->size - chunk->used <= len) {
		size_t size = len >= CHUNK_SIZE ? len + 1 : CHUNK_SIZE;

		chunk = malloc(sizeof *chunk + size);
		if (chunk == NULL) {
			m->failed = true;
			return NULL;
		}
		*chunk = (struct message_chunk){.next = m->chunks, .size = size};
		m->chunks = chunk;
	}
	room = chunk->bytes + chunk->used;
	room[len] = '\0';
	chunk->used += len + 1;
	return room;
}

struct span message_keep(struct message *m, struct span bytes) {
	char *room = keep_room(m, bytes.len);

	if (room == NULL)
		return SPAN_NONE;
	if (bytes.len > 0)
		memcpy(room, bytes.at, bytes.len);
	return span_make(room, bytes.len);
}

/* One more element behind `count`: its address, or NULL and failed. */
static void *grow(struct message *m, void **array, size_t count, size_t *room, size_t size) {
	if (count == *room) {
		size_t wider = *room == 0 ? 16 : *room * 2;
		void *grown = realloc(*array, wider * size);

		if (grown == NULL) {
			m->failed = true;
			return NULL;
		}
		*array = grown;
		*room = wider;
	}
	return (char *)*array + count * size;
}

static struct span strip_brackets(struct span s) {
	s = span_trim(s);
	if (s.len >= 2 && s.at[0] == '<' && s.at[s.len - 1] == '>')
		s = span_make(s.at + 1, s.len - 2);
	return s;
}

void message_set_sender(struct message *m, struct span argument) {
	m->sender = message_keep(m, strip_brackets(argument));
}

static bool silences_failures(char **arguments) {
	for (; arguments != NULL && *arguments != NULL; arguments++) {
		struct span argument = span_of(*arguments);

		if (span_starts_nocase(argument, SPAN("NOTIFY=")))
			return span_find_nocase(argument, SPAN("FAILURE")) < 0;
	}
	return false;
}

void message_add_recipient(struct message *m, struct span argument, char **arguments) {
	struct recipient *recipient =
	        grow(m, (void **)&m->recipients, m->recipient_count, &m->recipient_room, sizeof *recipient);

	if (recipient == NULL)
		return;
	*recipient = (struct recipient){.raw = message_keep(m, argument), .mute = silences_failures(arguments)};
	recipient->valid = addr_parse(argument, &recipient->addr) == 0;
	m->recipient_count++;
}

struct span message_recipient_text(const struct recipient *recipient) {
	return recipient->valid ? addr_span(&recipient->addr) : span_trim(recipient->raw);
}

void message_refuse(struct message *m, size_t index) {
	struct recipient refused = m->recipients[index];

	assert(index < m->recipient_count);
	m->recipient_count--;
	memmove(m->recipients + index, m->recipients + index + 1, (m->recipient_count - index) * sizeof refused);
	m->recipients[m->recipient_count] = refused;
	m->refused_count++;
}

static struct field *add_field(struct message *m, struct span name, struct span value, enum field_fate fate) {
	struct field *field;

	if (m->field_count >= MESSAGE_FIELDS_MAX) {
		m->failed = true;
		return NULL;
	}
	field = grow(m, (void **)&m->fields, m->field_count, &m->field_room, sizeof *field);
	if (field == NULL)
		return NULL;
	*field = (struct field){.name = name, .value = value, .fate = fate};
	m->field_count++;
	return field;
}

void message_add_field(struct message *m, struct span name, struct span value) {
	add_field(m, message_keep(m, name), message_keep(m, value), FIELD_KEPT);
}

/* A field's lines with CRLF, as the entity needs them. */
static void add_crlf_lines(struct buf *out, struct span value) {
	ssize_t newline;

	while ((newline = span_find_byte(value, '\n')) >= 0) {
		struct span line = span_make(value.at, (size_t)newline);

		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		buf_add_span(out, line);
		buf_add_text(out, "\r\n");
		value = span_from(value, (size_t)newline + 1);
	}
	buf_add_span(out, value);
	buf_add_text(out, "\r\n");
}

void message_begin_body(struct message *m) {
	size_t i;

	for (i = 0; i < m->field_count; i++) {
		const struct field *field = &m->fields[i];

		if (!span_starts_nocase(field->name, SPAN("Content-")) &&
		    !span_equal_nocase(field->name, SPAN("MIME-Version")))
			continue;
		buf_add_span(&m->entity, field->name);
		buf_add_byte(&m->entity, ':');
		add_crlf_lines(&m->entity, field->value);
	}
	m->given_count = m->field_count;
	buf_add_text(&m->entity, "\r\n");
	m->body_at = m->entity.len;
	m->failed |= m->entity.failed;
}

int message_add_body(struct message *m, struct span bytes) {
	buf_add_span(&m->entity, bytes);
	m->failed |= m->entity.failed;
	return m->failed ? -1 : 0;
}

void message_end_body(struct message *m) {
	if (m->entity.len == m->body_at)
		return;
	if (m->entity.len - m->body_at < 2 || memcmp(m->entity.at + m->entity.len - 2, "\r\n", 2) != 0)
		buf_add_text(&m->entity, "\r\n");
	m->failed |= m->entity.failed;
}

struct field *message_find(struct message *m, const char *name, size_t start) {
	struct span wanted = span_of(name);
	size_t i;

	for (i = start; i < m->field_count; i++)
		if (m->fields[i].fate != FIELD_DROPPED && span_equal_nocase(m->fields[i].name, wanted))
			return &m->fields[i];
	return NULL;
}

struct span message_value(struct message *m, const char *name) {
	struct field *field = message_find(m, name, 0);
	struct span folded;
	char *room;
	size_t i, len = 0;

	if (field == NULL)
		return SPAN_NONE;
	folded = span_trim(field->value);
	if (span_find_byte(folded, '\n') < 0)
		return folded;
	room = keep_room(m, folded.len);
	if (room == NULL)
		return SPAN_NONE;
	for (i = 0; i < folded.len; i++)
		if (folded.at[i] != '\r' && folded.at[i] != '\n')
			room[len++] = folded.at[i];
	return span_make(room, len);
}

void message_drop(struct message *m, const char *name) {
	struct field *field;

	while ((field = message_find(m, name, 0)) != NULL)
		field->fate = FIELD_DROPPED;
}

/* " value": the blank after the colon is ours to give. */
static struct span with_blank(struct message *m, struct span value) {
	char *room = keep_room(m, value.len + 1);

	if (room == NULL)
		return SPAN_NONE;
	room[0] = ' ';
	if (value.len > 0)
		memcpy(room + 1, value.at, value.len);
	return span_make(room, value.len + 1);
}

void message_put(struct message *m, const char *name, struct span value) {
	add_field(m, message_keep(m, span_of(name)), with_blank(m, value), FIELD_ADDED);
}

void message_change(struct message *m, struct field *field, struct span value) {
	field->value = with_blank(m, value);
	if (field->fate == FIELD_KEPT)
		field->fate = FIELD_CHANGED;
}

struct span message_body(const struct message *m) {
	return span_from(buf_span(&m->entity), m->body_at);
}

void message_add_piece(struct message *m, bool fresh, size_t at, size_t len) {
	struct piece *piece;

	if (len == 0)
		return;
	piece = grow(m, (void **)&m->pieces, m->piece_count, &m->piece_room, sizeof *piece);
	if (piece == NULL)
		return;
	*piece = (struct piece){fresh, at, len};
	m->piece_count++;
}

struct span message_piece(const struct message *m, size_t index) {
	const struct piece *piece = &m->pieces[index];

	return span_make((piece->fresh ? m->fresh.at : m->entity.at) + piece->at, piece->len);
}

size_t message_size(const struct message *m) {
	return m->entity.cap + m->fresh.cap;
}
