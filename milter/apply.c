#include "milter/apply.h"

#include <stdint.h>
#include <string.h>

#include <libmilter/mfapi.h>

#define BODY_CHUNK 65535 /* MILTER_CHUNK_SIZE: what one packet holds */

/* What message_keep() returned is a C string; libmilter takes it without const. */
static char *c_string(struct span kept) {
	return (char *)(uintptr_t)kept.at;
}

/* Which of the fields of its name a given field is, from 1. */
static int occurrence(const struct message *m, size_t index) {
	size_t i;
	int nth = 1;

	for (i = 0; i < index; i++)
		nth += span_equal_nocase(m->fields[i].name, m->fields[index].name);
	return nth;
}

/* From the bottom up, so that what is taken away doesn't renumber the rest. */
int apply_fields(SMFICTX *ctx, struct message *m, bool control_only) {
	size_t i;

	for (i = m->given_count; i-- > 0;) {
		struct field *field = &m->fields[i];
		bool drop = field->fate == FIELD_DROPPED;

		if (field->fate == FIELD_KEPT || (control_only && !routing_is_control(field->name)))
			continue;
		if (smfi_chgheader(ctx, c_string(field->name), occurrence(m, i),
		                   drop ? NULL : c_string(field->value)) != MI_SUCCESS)
			return -1;
	}
	for (i = m->given_count; i < m->field_count && !control_only; i++)
		if (m->fields[i].fate == FIELD_ADDED &&
		    smfi_addheader(ctx, c_string(m->fields[i].name), c_string(m->fields[i].value)) != MI_SUCCESS)
			return -1;
	return m->failed ? -1 : 0;
}

/* Each call is a packet that Postfix waits for and takes up by itself: as few as
 * hold the body. */
static int apply_body(SMFICTX *ctx, const struct message *m) {
	unsigned char chunk[BODY_CHUNK];
	size_t used = 0, i;

	for (i = 0; i < m->piece_count; i++) {
		struct span piece = message_piece(m, i);

		while (piece.len > 0) {
			size_t len = piece.len < BODY_CHUNK - used ? piece.len : BODY_CHUNK - used;

			memcpy(chunk + used, piece.at, len);
			used += len;
			piece = span_from(piece, len);
			if (used == BODY_CHUNK && smfi_replacebody(ctx, chunk, BODY_CHUNK) != MI_SUCCESS)
				return -1;
			used %= BODY_CHUNK;
		}
	}
	return used == 0 || smfi_replacebody(ctx, chunk, (int)used) == MI_SUCCESS ? 0 : -1;
}

/* Those refused don't get it.  The return path, and that failures are reported to it whatever the client's
 * NOTIFY said: they are what the status of an address lives on. */
static int apply_envelope(SMFICTX *ctx, struct message *m, struct span sender) {
	static char notify[] = "NOTIFY=FAILURE";
	size_t i;

	for (i = 0; i < m->refused_count; i++)
		if (smfi_delrcpt(ctx, c_string(m->recipients[m->recipient_count + i].raw)) != MI_SUCCESS)
			return -1;
	if (sender.len == 0)
		return 0;
	if (smfi_chgfrom(ctx, c_string(sender), NULL) != MI_SUCCESS)
		return -1;
	for (i = 0; i < m->recipient_count; i++) {
		char *raw = c_string(m->recipients[i].raw);

		if (m->recipients[i].mute &&
		    (smfi_delrcpt(ctx, raw) != MI_SUCCESS || smfi_addrcpt_par(ctx, raw, notify) != MI_SUCCESS))
			return -1;
	}
	return 0;
}

int apply_treated(SMFICTX *ctx, struct message *m, const struct treated *treated) {
	static char name[] = "DKIM-Signature";
	size_t i;

	if (apply_fields(ctx, m, false) != 0 || (m->body_changed && apply_body(ctx, m) != 0))
		return -1;
	for (i = treated->signature_count; i-- > 0;)
		if (smfi_insheader(ctx, 0, name, c_string(treated->signatures[i])) != MI_SUCCESS)
			return -1;
	return apply_envelope(ctx, m, treated->sender);
}
