/*
 * Tokens: what a link or a return path says, proven by a MAC (todoku-token(7)).
 *
 *   offset size
 *   0      1    bits 0-3 purpose, bits 4-6 version (0), bit 7 shared
 *   1      1    key id
 *   2      4    click, open, bounce, confirm: seconds since 1970 when it was
 *               made; unsubscribe: number of the list
 *   6      8    campaign
 *   14     8    address key; absent in a shared token (B13)
 *          2    click only: number of the link in the message, from 1
 *          n    click only: the target, 1 octet at least
 *          4    confirm only: number of the list
 *          1    confirm only: what is to be confirmed (lib/confirm.h)
 *          n    confirm only: the contents, sealed, 1 octet at least
 *   end-16 16   HMAC-SHA-256, cut to 128 bits, of all before it under the
 *               purpose's key
 *
 * The contents of a confirm token hold an address, so they are sealed (SIV, in
 * the manner of RFC 5297): the tag is made over the open contents, which are then
 * XORed with the key stream HMAC-SHA-256(seal key, tag, number of the block), cut
 * to 128 bits a block, blocks numbered from 0 in 4 octets.
 *
 * Integers are big-endian.  In URLs and in unsubscribe+TOKEN@ it is written in
 * base64url, in the return path in lower-case base32 read in either case.
 */
#ifndef LIB_TOKEN_H
#define LIB_TOKEN_H

#include "lib/keyring.h"

#define TOKEN_URL_MAX 2000   /* octets of an emitted link (B10) */
#define TOKEN_BYTES_MAX 2048 /* a longer token is never decoded */

struct token {
	enum token_purpose purpose;
	bool shared;    /* names no recipient; address_key is 0 */
	uint8_t key_id; /* token_decode() only */
	uint32_t time;  /* not in unsubscribe */
	uint32_t list;  /* unsubscribe and confirm: token_list_id() */
	uint64_t campaign;
	uint64_t address_key;
	uint16_t link;      /* click only */
	uint8_t kind;       /* confirm only: enum confirm_kind */
	struct span target; /* of a click; contents of a confirm; decoded: points into `bytes` */
};

/* Number of a list in unsubscribe tokens: the same on every host. */
uint32_t token_list_id(const struct keyring *ring, struct span list_name);
uint64_t token_address_key(const struct keyring *ring, struct span canonical_address);

/* Appends the token in base64url (or base32); 0, or -1 when out of memory or
 * over the ceiling of `out`, or for a click without link number or target, a
 * confirm without contents, or one over TOKEN_BYTES_MAX. */
int token_encode(const struct keyring *ring, const struct token *token, struct buf *out);
int token_encode_base32(const struct keyring *ring, const struct token *token, struct buf *out);

/* Octets that token_encode() would append for a click on a target of `len`. */
size_t token_click_size(size_t target_len, bool shared);
/* The longest target whose click takes no more than `octets`; 0 where none does. */
size_t token_click_room(size_t octets, bool shared);

/* Why a token is not ours; a reader of the open web is told none of it. */
enum token_fault {
	TOKEN_OK,
	TOKEN_BAD_ENCODING,
	TOKEN_BAD_LAYOUT,
	TOKEN_BAD_KEY,
	TOKEN_BAD_TAG,
	TOKEN_BAD_PURPOSE,
};
const char *token_fault_text(enum token_fault fault);

/* Decodes and verifies one token of any purpose.  `bytes` is memory for its
 * contents, replaced by each call, which `token_r->target` points into. */
enum token_fault token_decode(const struct keyring *ring, struct span text, struct buf *bytes, struct token *token_r);
enum token_fault token_decode_base32(const struct keyring *ring, struct span text, struct buf *bytes,
                                     struct token *token_r);

/* Finds and verifies the token in a link (.../c/TOKEN, /o/TOKEN.gif, /u/TOKEN,
 * /j/TOKEN), an address (b+TOKEN@..., unsubscribe+TOKEN@...) or a bare token in either
 * spelling; the form must fit the purpose. */
enum token_fault token_find(const struct keyring *ring, struct span text, struct buf *bytes, struct token *token_r);

/* "click", "open", "unsubscribe", "bounce", "confirm"; "origin", "seal", "form". */
const char *token_purpose_name(enum token_purpose purpose);

#endif
