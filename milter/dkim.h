/*
 * DKIM signatures over a message as it will leave (RFC 6376, relaxed/relaxed, no
 * l=), by keys that are loaded once; and their verification by libopendkim, an
 * implementation that shares nothing with ours, before the mail leaves (D2).
 *
 * The message is given as its header fields, top to bottom, and its body in
 * pieces; nothing is copied.  Field values are those of SMFIP_HDR_LEADSPC (the
 * blank after the colon included), lines folded by LF or CRLF.
 */
#ifndef MILTER_DKIM_H
#define MILTER_DKIM_H

#include <time.h>

#include "lib/dkimkey.h"
#include "lib/err.h"
#include "lib/text.h"

struct dkim_field {
	struct span name;  /* without the colon */
	struct span value; /* from behind the colon to before the final line end */
};

struct dkim_message {
	const struct dkim_field *fields;
	size_t field_count;
	const struct span *body; /* CRLF line ends; concatenated they are the body */
	size_t body_count;
};

struct dkim_signer {
	const struct dkimkey *key;
	const char *domain;   /* d= */
	const char *selector; /* s= */
};

/* Is a field one of those that h= lists (D3)? */
bool dkim_signs(struct span name);

/* SHA-256 of the body, relaxed (RFC 6376 3.4.4): one for all signatures.  0, or
 * -1 when out of memory. */
int dkim_body_hash(const struct dkim_message *message, unsigned char hash_r[32]);

/*
 * The value of one DKIM-Signature field, appended: begins with a blank, folded
 * with LF, no line over 76 but where a tag can't be split.  h= as D3 says:
 * signed fields that are there (each instance, bottom up) and the oversigned
 * ones once more.  `t=` is now, `x=` now + expire.  0, or -1.
 */
int dkim_sign_message(const struct dkim_message *message, const unsigned char body_hash[32],
                      const struct dkim_signer *signer, time_t now, long expire, struct buf *value_out,
                      struct err *err);

/*
 * Verifies, with libopendkim, the signatures at the head of the message's
 * fields: all of `signers` must be there and hold under the keys given (no DNS).
 * One library handle serves all threads.  0, or -1 and which one failed why.
 * libopendkim has no room for the record of an RSA key far over 4096 bits, nor
 * for an h= over 4,095 octets: such a signature fails here.
 */
struct dkim_verifier;
struct dkim_verifier *dkim_verifier_new(struct err *err);
void dkim_verifier_free(struct dkim_verifier **verifier);
int dkim_verify_message(struct dkim_verifier *verifier, const struct dkim_message *message,
                        const struct dkim_signer *signers, size_t signer_count, struct err *err);

#endif
