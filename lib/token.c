#include "lib/token.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/cursor.h"

#define PURPOSE_BITS 0x0f
#define VERSION_BITS 0x70
#define SHARED_BIT 0x80

#define HEAD_SIZE 14 /* purpose, key id, time or list, campaign */
#define ADDRESS_KEY_SIZE 8
#define LINK_SIZE 2
#define CONFIRM_SIZE 5 /* list, kind */

static const char *const purpose_names[TOKEN_PURPOSES] = {
        [TOKEN_CLICK] = "click",   [TOKEN_OPEN] = "open",     [TOKEN_UNSUBSCRIBE] = "unsubscribe",
        [TOKEN_BOUNCE] = "bounce", [TOKEN_ORIGIN] = "origin", [TOKEN_CONFIRM] = "confirm",
        [TOKEN_SEAL] = "seal",     [TOKEN_FORM] = "form",
};

const char *token_purpose_name(enum token_purpose purpose) {
	assert(purpose >= TOKEN_CLICK && purpose < TOKEN_PURPOSES);
	return purpose_names[purpose];
}

const char *token_fault_text(enum token_fault fault) {
	switch (fault) {
	case TOKEN_OK:
		return "valid";
	case TOKEN_BAD_ENCODING:
		return "no token: not the spelling of one";
	case TOKEN_BAD_LAYOUT:
		return "no token: its fields don't add up";
	case TOKEN_BAD_KEY:
		return "made with a key that the ring doesn't have";
	case TOKEN_BAD_TAG:
		return "changed or made up: its tag doesn't verify";
	case TOKEN_BAD_PURPOSE:
		return "not for this use";
	}
	return "unknown fault";
}

uint32_t token_list_id(const struct keyring *ring, struct span list_name) {
	return (uint32_t)(keyring_hash(ring, "list", &list_name, 1) >> 32);
}

uint64_t token_address_key(const struct keyring *ring, struct span canonical_address) {
	return keyring_hash(ring, "address", &canonical_address, 1);
}

static bool is_token(unsigned purpose) {
	return (purpose >= TOKEN_CLICK && purpose <= TOKEN_BOUNCE) || purpose == TOKEN_CONFIRM;
}

/* All but the target of a click or the contents of a confirm. */
static size_t fixed_size(enum token_purpose purpose, bool shared) {
	size_t own = purpose == TOKEN_CLICK ? LINK_SIZE : purpose == TOKEN_CONFIRM ? CONFIRM_SIZE : 0;

	return (size_t)HEAD_SIZE + (shared ? 0 : ADDRESS_KEY_SIZE) + own + KEYRING_TAG_SIZE;
}

/* Do its fields go together? */
static bool is_whole(const struct token *token) {
	switch (token->purpose) {
	case TOKEN_CLICK:
		return token->link > 0 && token->target.len > 0;
	case TOKEN_CONFIRM:
		return !token->shared && token->target.len > 0;
	default:
		return token->target.len == 0;
	}
}

size_t token_click_size(size_t target_len, bool shared) {
	return base64url_size(fixed_size(TOKEN_CLICK, shared) + target_len);
}

size_t token_click_room(size_t octets, bool shared) {
	/* Six bits a digit; what is left of the last byte holds nothing. */
	size_t bytes = octets / 4 * 3 + octets % 4 * 6 / 8, fixed = fixed_size(TOKEN_CLICK, shared);

	return bytes > fixed ? bytes - fixed : 0;
}

static unsigned char *put(unsigned char *to, uint64_t value, unsigned size) {
	unsigned i;

	for (i = 0; i < size; i++)
		to[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
	return to + size;
}

/* Seals the bytes, or opens them: the tag is never the same for two contents. */
static int seal(const struct keyring *ring, uint8_t key_id, const unsigned char tag[KEYRING_TAG_SIZE], void *bytes,
                size_t len) {
	unsigned char number[4], stream[KEYRING_TAG_SIZE], *at = bytes;
	struct span parts[2] = {span_make((const char *)tag, KEYRING_TAG_SIZE),
	                        span_make((const char *)number, sizeof number)};
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % sizeof stream == 0) {
			put(number, i / sizeof stream, sizeof number);
			if (keyring_tag(ring, TOKEN_SEAL, key_id, parts, 2, stream) != 0)
				return -1;
		}
		at[i] ^= stream[i % sizeof stream];
	}
	return 0;
}

/* How many octets the token takes, tag included; 0 where it has no layout. */
static size_t pack(const struct keyring *ring, const struct token *token, unsigned char bytes_r[TOKEN_BYTES_MAX]) {
	uint8_t key_id = keyring_signer(ring);
	unsigned char *to = bytes_r, *target;
	struct span signed_part;

	assert(is_token(token->purpose));
	if (!is_whole(token) || token->target.len > TOKEN_BYTES_MAX - fixed_size(token->purpose, token->shared))
		return 0;
	to = put(to, token->purpose | (token->shared ? SHARED_BIT : 0), 1);
	to = put(to, key_id, 1);
	to = put(to, token->purpose == TOKEN_UNSUBSCRIBE ? token->list : token->time, 4);
	to = put(to, token->campaign, 8);
	if (!token->shared)
		to = put(to, token->address_key, ADDRESS_KEY_SIZE);
	if (token->purpose == TOKEN_CLICK)
		to = put(to, token->link, LINK_SIZE);
	if (token->purpose == TOKEN_CONFIRM)
		to = put(put(to, token->list, 4), token->kind, 1);
	target = to;
	if (token->target.len > 0)
		memcpy(target, token->target.at, token->target.len);
	to += token->target.len;
	signed_part = span_make((const char *)bytes_r, (size_t)(to - bytes_r));
	if (keyring_tag(ring, token->purpose, key_id, &signed_part, 1, to) != 0)
		return 0;
	if (token->purpose == TOKEN_CONFIRM && seal(ring, key_id, to, target, token->target.len) != 0)
		return 0;
	return signed_part.len + KEYRING_TAG_SIZE;
}

static int encode(const struct keyring *ring, const struct token *token, struct buf *out,
                  void (*spell)(struct buf *, const void *, size_t)) {
	unsigned char bytes[TOKEN_BYTES_MAX];
	size_t size = pack(ring, token, bytes);

	if (size == 0)
		return -1;
	spell(out, bytes, size);
	return out->failed ? -1 : 0;
}

int token_encode(const struct keyring *ring, const struct token *token, struct buf *out) {
	return encode(ring, token, out, base64url_encode);
}

int token_encode_base32(const struct keyring *ring, const struct token *token, struct buf *out) {
	return encode(ring, token, out, base32_encode);
}

static enum token_fault verify(const struct keyring *ring, enum token_purpose purpose, uint8_t key_id,
                               struct span bytes) {
	struct span signed_part = span_make(bytes.at, bytes.len - KEYRING_TAG_SIZE);
	unsigned char tag[KEYRING_TAG_SIZE];

	if (keyring_tag(ring, purpose, key_id, &signed_part, 1, tag) != 0)
		return TOKEN_BAD_KEY;
	/* In constant time, or the tag could be found byte by byte (S2). */
	if (CRYPTO_memcmp(tag, bytes.at + signed_part.len, sizeof tag) != 0)
		return TOKEN_BAD_TAG;
	return TOKEN_OK;
}

/* Opens the contents where they lie.  What the tag then does not prove is wiped
 * by the caller's next use of the buffer, and never shown. */
static enum token_fault open_contents(const struct keyring *ring, struct buf *bytes, const struct token *token) {
	const char *tag = bytes->at + bytes->len - KEYRING_TAG_SIZE;

	if (token->purpose != TOKEN_CONFIRM)
		return TOKEN_OK;
	return seal(ring, token->key_id, (const unsigned char *)tag, bytes->at + (token->target.at - bytes->at),
	            token->target.len) == 0
	               ? TOKEN_OK
	               : TOKEN_BAD_KEY;
}

static enum token_fault unpack(const struct keyring *ring, struct buf *bytes, struct token *token_r) {
	struct cursor c = cursor_make(buf_span(bytes));
	uint8_t first = cursor_u8(&c);
	unsigned purpose = first & PURPOSE_BITS;
	struct token token = {.purpose = TOKEN_CLICK, .shared = (first & SHARED_BIT) != 0};
	enum token_fault fault;
	uint32_t time_or_list;
	size_t fixed;

	if (!is_token(purpose))
		return c.failed ? TOKEN_BAD_LAYOUT : TOKEN_BAD_PURPOSE;
	token.purpose = (enum token_purpose)purpose;
	token.key_id = cursor_u8(&c);
	time_or_list = cursor_u32(&c);
	*(token.purpose == TOKEN_UNSUBSCRIBE ? &token.list : &token.time) = time_or_list;
	token.campaign = cursor_u64(&c);
	token.address_key = token.shared ? 0 : cursor_u64(&c);
	token.link = token.purpose == TOKEN_CLICK ? cursor_u16(&c) : 0;
	if (token.purpose == TOKEN_CONFIRM) {
		token.list = cursor_u32(&c);
		token.kind = cursor_u8(&c);
	}
	fixed = fixed_size(token.purpose, token.shared);
	if (bytes->len < fixed || (first & VERSION_BITS) != 0)
		return TOKEN_BAD_LAYOUT;
	token.target = cursor_take(&c, bytes->len - fixed);
	if (!is_whole(&token))
		return TOKEN_BAD_LAYOUT;
	fault = open_contents(ring, bytes, &token);
	*token_r = token;
	return fault != TOKEN_OK ? fault : verify(ring, token.purpose, token.key_id, buf_span(bytes));
}

static enum token_fault decode(const struct keyring *ring, struct span text, struct buf *bytes, struct token *token_r,
                               int (*read)(struct buf *, struct span), size_t max) {
	struct token token;
	enum token_fault fault;

	*token_r = (struct token){.purpose = TOKEN_CLICK};
	buf_reset(bytes);
	if (text.len == 0 || text.len > max || read(bytes, text) != 0)
		return TOKEN_BAD_ENCODING;
	fault = unpack(ring, bytes, &token);
	if (fault == TOKEN_OK)
		*token_r = token;
	return fault;
}

enum token_fault token_decode(const struct keyring *ring, struct span text, struct buf *bytes, struct token *token_r) {
	return decode(ring, text, bytes, token_r, base64url_decode, base64url_size(TOKEN_BYTES_MAX));
}

enum token_fault token_decode_base32(const struct keyring *ring, struct span text, struct buf *bytes,
                                     struct token *token_r) {
	return decode(ring, text, bytes, token_r, base32_decode, base32_size(TOKEN_BYTES_MAX));
}

/* Clears what it read where the token was for something else. */
static enum token_fault require(bool fits, enum token_fault fault, struct token *token_r) {
	if (fault == TOKEN_OK && !fits) {
		*token_r = (struct token){.purpose = TOKEN_CLICK};
		return TOKEN_BAD_PURPOSE;
	}
	return fault;
}

static enum token_fault find_base64url(const struct keyring *ring, struct span text, enum token_purpose purpose,
                                       struct buf *bytes, struct token *token_r) {
	enum token_fault fault = token_decode(ring, text, bytes, token_r);

	return require(token_r->purpose == purpose, fault, token_r);
}

static enum token_fault find_base32(const struct keyring *ring, struct span text, struct buf *bytes,
                                    struct token *token_r) {
	enum token_fault fault = token_decode_base32(ring, text, bytes, token_r);

	return require(token_r->purpose == TOKEN_BOUNCE, fault, token_r);
}

/* What stands behind the last separator; *before_r is what stands before it. */
static struct span last_part(struct span text, char separator, struct span *before_r) {
	const char *at = text.len == 0 ? NULL : memrchr(text.at, separator, text.len);
	size_t before = at == NULL ? 0 : (size_t)(at - text.at);

	*before_r = span_make(text.at, before);
	return at == NULL ? text : span_from(text, before + 1);
}

static enum token_fault find_in_link(const struct keyring *ring, struct span text, struct buf *bytes,
                                     struct token *token_r) {
	const struct span gif = SPAN(".gif");
	struct span rest, last, form;

	/* A query may hold slashes; what stands there is no part of the path. */
	if (span_find_byte(text, '?') >= 0 || span_find_byte(text, '#') >= 0)
		return TOKEN_BAD_ENCODING;
	last = last_part(text, '/', &rest);
	form = last_part(rest, '/', &rest);
	if (span_equal(form, SPAN("c")))
		return find_base64url(ring, last, TOKEN_CLICK, bytes, token_r);
	if (span_equal(form, SPAN("u")))
		return find_base64url(ring, last, TOKEN_UNSUBSCRIBE, bytes, token_r);
	if (span_equal(form, SPAN("j")))
		return find_base64url(ring, last, TOKEN_CONFIRM, bytes, token_r);
	if (!span_equal(form, SPAN("o")) || last.len < gif.len || !span_equal(span_from(last, last.len - gif.len), gif))
		return TOKEN_BAD_ENCODING;
	last.len -= gif.len;
	return find_base64url(ring, last, TOKEN_OPEN, bytes, token_r);
}

static enum token_fault find_in_address(const struct keyring *ring, struct span text, struct buf *bytes,
                                        struct token *token_r) {
	const struct span bounce = SPAN("b+"), unsubscribe = SPAN("unsubscribe+");
	struct span local;

	if (text.len > 1 && text.at[0] == '<' && text.at[text.len - 1] == '>')
		text = span_make(text.at + 1, text.len - 2);
	(void)last_part(text, '@', &local);
	if (span_starts_nocase(local, bounce))
		return find_base32(ring, span_from(local, bounce.len), bytes, token_r);
	if (span_starts_nocase(local, unsubscribe))
		return find_base64url(ring, span_from(local, unsubscribe.len), TOKEN_UNSUBSCRIBE, bytes, token_r);
	return TOKEN_BAD_ENCODING;
}

static enum token_fault find_bare(const struct keyring *ring, struct span text, struct buf *bytes,
                                  struct token *token_r) {
	enum token_fault fault = token_decode(ring, text, bytes, token_r), fault32;

	if (fault == TOKEN_OK)
		return require(token_r->purpose != TOKEN_BOUNCE, fault, token_r);
	fault32 = find_base32(ring, text, bytes, token_r);
	/* Of two failures, the reading that got further says more. */
	return fault32 == TOKEN_OK || fault32 > fault ? fault32 : fault;
}

enum token_fault token_find(const struct keyring *ring, struct span text, struct buf *bytes, struct token *token_r) {
	*token_r = (struct token){.purpose = TOKEN_CLICK};
	text = span_trim(text);
	if (span_find_byte(text, '/') >= 0)
		return find_in_link(ring, text, bytes, token_r);
	if (span_find_byte(text, '@') >= 0)
		return find_in_address(ring, text, bytes, token_r);
	return find_bare(ring, text, bytes, token_r);
}
