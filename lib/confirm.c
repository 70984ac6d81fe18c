#include "lib/confirm.h"

#include <string.h>

#include "lib/cursor.h"

#define CONTENTS_MAX (2 + ADDR_MAX + 1 + CONFIRM_WHO_MAX + CONFIRM_PROOF_MAX)

int confirm_write(const struct keyring *ring, struct span list_name, const struct confirm *confirm, struct buf *out) {
	struct token token = {.purpose = TOKEN_CONFIRM, .time = (uint32_t)confirm->time, .campaign = confirm->campaign};
	struct buf contents;
	struct addr addr;
	int status;

	if (confirm->who.len > CONFIRM_WHO_MAX || confirm->proof.len > CONFIRM_PROOF_MAX ||
	    addr_parse(confirm->address, &addr) != 0)
		return -1;
	buf_init(&contents, CONTENTS_MAX);
	buf_add_byte(&contents, (char)(addr.len >> 8));
	buf_add_byte(&contents, (char)(addr.len & 0xff));
	buf_add_span(&contents, addr_span(&addr));
	buf_add_byte(&contents, (char)confirm->who.len);
	buf_add_span(&contents, confirm->who);
	buf_add_span(&contents, confirm->proof);
	token.address_key = token_address_key(ring, addr_span(&addr));
	token.list = token_list_id(ring, list_name);
	token.kind = (uint8_t)confirm->kind;
	token.target = buf_span(&contents);
	status = contents.failed ? -1 : token_encode(ring, &token, out);
	buf_free(&contents);
	return status;
}

int confirm_read(const struct token *token, struct confirm *confirm_r) {
	struct cursor c = cursor_make(token->target);
	struct addr addr;

	memset(confirm_r, 0, sizeof *confirm_r);
	if (token->purpose != TOKEN_CONFIRM || (token->kind != CONFIRM_JOIN && token->kind != CONFIRM_LEAVE))
		return -1;
	confirm_r->kind = (enum confirm_kind)token->kind;
	confirm_r->time = token->time;
	confirm_r->campaign = token->campaign;
	confirm_r->address = cursor_take(&c, cursor_u16(&c));
	confirm_r->who = cursor_take(&c, cursor_u8(&c));
	confirm_r->proof = cursor_take(&c, cursor_left(&c));
	/* What a newer version holds an address for may not be one here. */
	return c.failed || addr_parse(confirm_r->address, &addr) != 0 ||
	                       !span_equal(addr_span(&addr), confirm_r->address)
	               ? -1
	               : 0;
}
