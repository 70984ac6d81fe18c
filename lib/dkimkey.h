/*
 * DKIM private keys: made, read once, checked, and compared with their records
 * (RFC 6376 3.6, RFC 8301, RFC 8463).
 *
 * A loaded key is immutable and may sign in any number of threads at once.
 */
#ifndef LIB_DKIMKEY_H
#define LIB_DKIMKEY_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/text.h"

enum dkimkey_type { DKIMKEY_RSA, DKIMKEY_ED25519 };

struct dkimkey;

/* Reads a PEM private key.  NULL and the reason: unreadable, no key, RSA under
 * 1024 bits, another type, or a file that others than its owner and group may
 * read or write. */
struct dkimkey *dkimkey_load(const char *file, struct err *err);
void dkimkey_free(struct dkimkey **key);

enum dkimkey_type dkimkey_type(const struct dkimkey *key);
int dkimkey_bits(const struct dkimkey *key);
/* "rsa-sha256" or "ed25519-sha256": the a= tag. */
const char *dkimkey_algorithm(const struct dkimkey *key);

/* The TXT record's value: "v=DKIM1; k=rsa; p=..." (RFC 8463: p= is the bare 32
 * octets).  Lives as long as the key. */
const char *dkimkey_record(const struct dkimkey *key);

/* Signs the SHA-256 hash of the header input: PKCS #1 v1.5 for RSA, Ed25519 over
 * the hash (RFC 8463 3).  Appends the raw signature. */
int dkimkey_sign(const struct dkimkey *key, const unsigned char hash[32], struct buf *out);

/* Makes a key and writes it with mode 0600 (never over an existing file); bits
 * are for RSA, 1024-8192. */
int dkimkey_generate(const char *file, enum dkimkey_type type, int bits, struct err *err);

/* SELECTOR._domainkey.DOMAIN. in zone-file form, the value in strings of at most
 * 255 octets (RFC 6376 3.6.2.2), appended. */
void dkimkey_zone_record(const char *selector, const char *domain, const char *record, struct buf *out);

/* What the DNS says of a key (D6). */
enum dkimkey_dns {
	DKIMKEY_DNS_SAME,
	DKIMKEY_DNS_ABSENT, /* no such name, no TXT, or an empty p= (revoked) */
	DKIMKEY_DNS_DIFFERS,
	DKIMKEY_DNS_UNKNOWN, /* no answer: ask again later */
};

/* Looks the record up: in the file DIR/SELECTOR._domainkey.DOMAIN where `dir`
 * is not empty, else in the DNS (libresolv, a few seconds at most), and
 * compares k= and p= with the key.  `err` holds what was found. */
enum dkimkey_dns dkimkey_check_dns(const struct dkimkey *key, const char *selector, const char *domain, const char *dir,
                                   struct err *err);

#endif
