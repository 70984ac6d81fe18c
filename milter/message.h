/*
 * One message as Postfix hands it over, and what is to become of it.
 *
 * A `message` is filled by the callbacks of the session: envelope, header
 * fields, body.  All text lives in the message's own memory.  Treating it
 * (treat.h) changes the model: fields are marked as dropped, replaced or added,
 * and the body becomes a list of pieces of the original and of fresh bytes.
 * What the model then says is what is signed; the session tells Postfix the
 * same changes, so that both are the same bytes.
 *
 * Values of fields are those of SMFIP_HDR_LEADSPC: all that stands behind the
 * colon, the blank too, lines folded by LF.
 */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "lib/addr.h"
#include "lib/text.h"

#define MESSAGE_FIELDS_MAX 20000
#define MESSAGE_HEADER_MAX (8U << 20) /* octets of all fields together */

enum field_fate {
	FIELD_KEPT,
	FIELD_DROPPED,
	FIELD_CHANGED, /* the value is new */
	FIELD_ADDED,   /* behind all that Postfix gave */
};

struct field {
	struct span name;
	struct span value;
	enum field_fate fate;
};

struct recipient {
	struct span raw; /* as in the command, brackets and all */
	bool mute;       /* NOTIFY says that failures are not to be reported */
	bool valid;      /* addr holds it */
	struct addr addr;
};

/* A piece of the body that leaves: of the original, or of the fresh bytes. */
struct piece {
	bool fresh;
	size_t at;
	size_t len;
};

struct message {
	struct span sender;           /* envelope sender without brackets; empty for <> */
	struct recipient *recipients; /* behind the ones that get it: those refused */
	size_t recipient_count;
	size_t refused_count;
	size_t recipient_room;

	struct field *fields; /* top to bottom */
	size_t field_count;
	size_t field_room;
	size_t given_count; /* so many fields are Postfix's; what follows is added */

	/* The Content-* and MIME-Version fields, an empty line, and the body from
	 * `body_at` on: what the MIME map reads. */
	struct buf entity;
	size_t body_at;

	/* Where the body that leaves differs: pieces, in order. */
	bool body_changed;
	struct piece *pieces;
	size_t piece_count;
	size_t piece_room;
	struct buf fresh;

	struct message_chunk *chunks; /* memory of all spans above */
	bool failed;                  /* out of memory, or over a ceiling */
};

/* `body_max` is the ceiling of the body, in octets. */
void message_init(struct message *m, size_t body_max);
void message_free(struct message *m);

/* Copies bytes into the message's memory, with a NUL behind them, so that what
 * it returns is a C string too; SPAN_NONE (and failed) without memory. */
struct span message_keep(struct message *m, struct span bytes);

void message_set_sender(struct message *m, struct span argument);
/* `arguments` are the ESMTP parameters, NULL-terminated. */
void message_add_recipient(struct message *m, struct span argument, char **arguments);
void message_add_field(struct message *m, struct span name, struct span value);
/* After the last field, before the body. */
void message_begin_body(struct message *m);
/* 0; -1 when over the ceiling or out of memory. */
int message_add_body(struct message *m, struct span bytes);
/* Makes the body end in CRLF (unless it is empty), as Postfix sends it. */
void message_end_body(struct message *m);

/* What a recipient is known by: canonical where it is an address, else as it is. */
struct span message_recipient_text(const struct recipient *recipient);
/* Puts a recipient behind those that get the message. */
void message_refuse(struct message *m, size_t index);

/* The first field of that name that is not dropped, from `start` on; NULL.  To
 * go on: message_find(m, name, found - m->fields + 1). */
struct field *message_find(struct message *m, const char *name, size_t start);
/* Its value without folding and blanks at the ends; empty where it is absent. */
struct span message_value(struct message *m, const char *name);
void message_drop(struct message *m, const char *name);
/* Adds a field behind the others: " value" with its leading blank is made here. */
void message_put(struct message *m, const char *name, struct span value);
void message_change(struct message *m, struct field *field, struct span value);

/* The body as Postfix gave it. */
struct span message_body(const struct message *m);
void message_add_piece(struct message *m, bool fresh, size_t at, size_t len);
struct span message_piece(const struct message *m, size_t index);
/* How many octets the model holds, for the budget. */
size_t message_size(const struct message *m);

#endif
