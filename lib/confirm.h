/*
 * What a reader is asked to confirm: that an address joins a list, or leaves it.
 *
 * Nothing is stored before the answer: what was asked for is sealed into the
 * token of the link in the confirmation mail (TOKEN_CONFIRM, todoku-token(7)).
 * So whoever fills in forms with the addresses of others fills no table, any
 * host can take the answer, and no log of a proxy shows an address.
 *
 * Contents of the token, integers big-endian:
 *
 *     length (2)  the canonical address
 *     length (1)  who asked: the client's address
 *     rest        the proof: the text agreed to, and the fields of the form
 */
#ifndef LIB_CONFIRM_H
#define LIB_CONFIRM_H

#include <time.h>

#include "lib/addr.h"
#include "lib/token.h"

enum confirm_kind { CONFIRM_JOIN = 1, CONFIRM_LEAVE = 2 };

#define CONFIRM_WHO_MAX 64
#define CONFIRM_PROOF_MAX 900 /* octets; what the store keeps of a proof, and a link can hold */

struct confirm {
	enum confirm_kind kind;
	time_t time;         /* when it was asked for */
	uint64_t campaign;   /* of the mail that led to it; 0: none */
	struct span address; /* canonical */
	struct span who;     /* the client that asked; empty for mail */
	struct span proof;   /* of consent: what was agreed to, in words; empty for leaving */
};

/* Appends the token; -1 when out of memory, or where a part is over its limit or
 * the address is none. */
int confirm_write(const struct keyring *ring, struct span list_name, const struct confirm *confirm, struct buf *out);

/* Opens a token of purpose TOKEN_CONFIRM that token_decode() has verified; the
 * spans point into its bytes.  -1 where its contents don't add up. */
int confirm_read(const struct token *token, struct confirm *confirm_r);

#endif
