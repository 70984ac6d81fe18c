#include "webd/guard.h"

#include <string.h>

#include <openssl/crypto.h>

#define HEAD_SIZE 5 /* key id, time */

bool guard_same_site(const struct webd_world *world, const struct http_request *request) {
	struct span site = http_field_value(request, "Sec-Fetch-Site"), origin = http_field_value(request, "Origin");

	/* `none`: typed in, or a reload, which repeats what the reader did here. */
	if (site.len > 0)
		return span_equal(site, SPAN("same-origin")) || span_equal(site, SPAN("none"));
	return origin.len == 0 || span_equal_nocase(origin, world->base_url);
}

static int tag_of(const struct webd_world *world, struct span what, const unsigned char head[HEAD_SIZE],
                  unsigned char tag_r[KEYRING_TAG_SIZE]) {
	struct span parts[2] = {span_make((const char *)head, HEAD_SIZE), what};

	return keyring_tag(world->ring, TOKEN_FORM, head[0], parts, 2, tag_r);
}

int guard_token(const struct webd_world *world, struct span what, time_t now, char out[GUARD_TOKEN_SIZE]) {
	unsigned char bytes[HEAD_SIZE + KEYRING_TAG_SIZE];
	struct buf text;
	int i;

	bytes[0] = keyring_signer(world->ring);
	for (i = 0; i < 4; i++)
		bytes[1 + i] = (unsigned char)((uint32_t)now >> (24 - 8 * i));
	if (tag_of(world, what, bytes, bytes + HEAD_SIZE) != 0)
		return -1;
	buf_init(&text, GUARD_TOKEN_SIZE - 1);
	base64url_encode(&text, bytes, sizeof bytes);
	if (!text.failed)
		memcpy(out, text.at, text.len + 1);
	i = text.failed ? -1 : 0;
	buf_free(&text);
	return i;
}

bool guard_token_holds(const struct webd_world *world, struct span what, time_t now, struct span token) {
	unsigned char tag[KEYRING_TAG_SIZE];
	const unsigned char *head;
	struct buf bytes;
	bool good = false;
	uint32_t made;

	buf_init(&bytes, HEAD_SIZE + KEYRING_TAG_SIZE);
	if (base64url_decode(&bytes, token) == 0 && bytes.len == HEAD_SIZE + KEYRING_TAG_SIZE) {
		head = (const unsigned char *)bytes.at;
		made = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
		/* A minute's grace for the clocks of two hosts. */
		good = tag_of(world, what, head, tag) == 0 && CRYPTO_memcmp(tag, head + HEAD_SIZE, sizeof tag) == 0 &&
		       now >= (time_t)made - 60 && now < (time_t)made + GUARD_TOKEN_HOURS * 3600;
	}
	buf_free(&bytes);
	return good;
}
