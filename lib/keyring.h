/*
 * The key ring: the secrets behind links, return paths and address keys.
 *
 * File format, one entry a line, `#` begins a comment:
 *
 *     address HEX64                    the address secret: 32 bytes, one line, never rotated
 *     key ID CREATED HEX64             ID 0-255; CREATED as 2026-11-22T04:05:06Z; 32 bytes
 *
 * The newest key (by CREATED, then by position) signs; all verify.  The file is
 * refused when others than its owner and group may read it, when it is over
 * 64 KiB, or when a line is not understood: a ring that lost a key would break
 * links in mail already sent.
 *
 * The address secret makes the address key and the campaign id (64 bits, the
 * same on every host that has the ring).
 *
 * Threads: a loaded ring is immutable.
 */
#ifndef LIB_KEYRING_H
#define LIB_KEYRING_H

#include <stdint.h>
#include <time.h>

#include "lib/err.h"
#include "lib/text.h"

enum token_purpose {
	TOKEN_CLICK = 1,
	TOKEN_OPEN = 2,
	TOKEN_UNSUBSCRIBE = 3,
	TOKEN_BOUNCE = 4,
	TOKEN_ORIGIN = 5, /* what the front smtpd knew of a message; never leaves the host */
	TOKEN_CONFIRM = 6,
	TOKEN_SEAL = 7, /* hides what a confirm token holds; no token's purpose */
	TOKEN_FORM = 8, /* proves that a form is one that we gave out; no token's purpose */
	TOKEN_PURPOSES = 9,
};

#define KEYRING_TAG_SIZE 16 /* bytes of HMAC-SHA-256 kept */

struct keyring;

/* NULL, and what was wrong with file and line. */
struct keyring *keyring_load(const char *file, struct err *err);
void keyring_free(struct keyring **ring);

/* Writes a new ring; fails where the file exists. */
int keyring_create(const char *file, time_t now, struct err *err);
/* Adds a key to the ring in one rename; the old ones stay.  Fails when all 256
 * ids are taken. */
int keyring_rotate(const char *file, time_t now, struct err *err);

size_t keyring_size(const struct keyring *ring);
/* Id of the key that signs. */
uint8_t keyring_signer(const struct keyring *ring);
bool keyring_has(const struct keyring *ring, uint8_t id);

/* The tag over `parts`, concatenated, under the purpose's key of `id`.
 * 0, or -1 where the ring has no such key or memory ran out. */
int keyring_tag(const struct keyring *ring, enum token_purpose purpose, uint8_t id, const struct span *parts,
                size_t count, unsigned char tag_r[KEYRING_TAG_SIZE]);

/* 64-bit keyed hash of the parts under the address secret; `label` ("address",
 * "campaign", "list") keeps the uses apart.  Each part is length-prefixed, so
 * ("ab","c") and ("a","bc") differ. */
uint64_t keyring_hash(const struct keyring *ring, const char *label, const struct span *parts, size_t count);

#endif
