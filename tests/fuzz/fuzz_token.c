/*
 * lib/token.h: what verifies has been made with the ring, in that very
 * spelling; what is made verifies, and no longer after one bit has changed.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cursor.h"
#include "lib/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char ring_text[] =
        "address 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "key 1 2026-11-22T04:05:06Z 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n";

static struct keyring *load_ring(void) {
	int fd = memfd_create("ring", MFD_CLOEXEC);
	struct keyring *ring;
	char name[64];

	if (fd < 0 || fchmod(fd, 0600) != 0 || write(fd, ring_text, sizeof ring_text - 1) < 0)
		abort();
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ring = keyring_load(name, NULL);
	close(fd);
	if (ring == NULL)
		abort();
	return ring;
}

/* A token that verifies is the encoding of what it says. */
static void check_found(const struct keyring *ring, struct span text, const struct token *token) {
	bool bounce = token->purpose == TOKEN_BOUNCE;
	struct buf out;

	buf_init(&out, 8192);
	assert((token->purpose >= TOKEN_CLICK && token->purpose <= TOKEN_BOUNCE) || token->purpose == TOKEN_CONFIRM);
	assert((bounce ? token_encode_base32(ring, token, &out) : token_encode(ring, token, &out)) == 0);
	assert((bounce ? span_find_nocase(text, buf_span(&out)) : span_find(text, buf_span(&out))) >= 0);
	buf_free(&out);
}

static bool same(const struct token *a, const struct token *b) {
	return a->purpose == b->purpose && a->shared == b->shared && a->time == b->time && a->list == b->list &&
	       a->campaign == b->campaign && a->address_key == b->address_key && a->link == b->link &&
	       a->kind == b->kind && span_equal(a->target, b->target);
}

static void check_made(const struct keyring *ring, struct span seed, struct buf *bytes) {
	struct cursor c = cursor_make(seed);
	uint32_t change = cursor_u32(&c);
	struct token token = {.purpose = (enum token_purpose)(1 + change % 4), .shared = (change & 4) != 0}, got;
	bool confirm = (change & 0x80000000) != 0, bounce, click;
	struct buf out;

	if (confirm)
		token = (struct token){.purpose = TOKEN_CONFIRM, .list = cursor_u32(&c), .kind = cursor_u8(&c)};
	bounce = token.purpose == TOKEN_BOUNCE;
	click = token.purpose == TOKEN_CLICK;
	*(token.purpose == TOKEN_UNSUBSCRIBE ? &token.list : &token.time) = cursor_u32(&c);
	token.campaign = cursor_u64(&c);
	token.address_key = token.shared ? 0 : cursor_u64(&c);
	token.link = click ? cursor_u16(&c) : 0;
	token.target = click || confirm ? cursor_take(&c, cursor_left(&c)) : SPAN_NONE;
	buf_init(&out, 8192);
	if ((bounce ? token_encode_base32(ring, &token, &out) : token_encode(ring, &token, &out)) == 0) {
		assert(!click || out.len == token_click_size(token.target.len, token.shared));
		assert(token_find(ring, buf_span(&out), bytes, &got) == TOKEN_OK && same(&got, &token));
		out.at[(change >> 8) % out.len] ^= bounce ? 1 : (char)(1 << (change >> 4) % 7);
		assert(token_find(ring, buf_span(&out), bytes, &got) != TOKEN_OK);
	} else {
		assert(click || confirm);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_make((const char *)data, size);
	struct keyring *ring = load_ring();
	struct token token;
	struct buf bytes;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	if (token_find(ring, text, &bytes, &token) == TOKEN_OK)
		check_found(ring, text, &token);
	if (token_decode(ring, text, &bytes, &token) == TOKEN_OK && token.purpose != TOKEN_BOUNCE)
		check_found(ring, text, &token);
	if (token_decode_base32(ring, text, &bytes, &token) == TOKEN_OK && token.purpose == TOKEN_BOUNCE)
		check_found(ring, text, &token);
	check_made(ring, text, &bytes);
	buf_free(&bytes);
	keyring_free(&ring);
	return 0;
}
