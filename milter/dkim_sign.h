/*
 * The steps of dkim_sign_message(), for milter/dkim_sign.c and its tests.
 */
#ifndef MILTER_DKIM_SIGN_H
#define MILTER_DKIM_SIGN_H

#include "milter/dkim.h"

/* A row of D3: a field that is signed, and whether it is oversigned, so that one
 * that is added later breaks the signature. */
struct signed_field {
	struct span name;
	bool oversigned;
};

/* Appends to `names` what h= lists, colons between, and to `input` those fields'
 * canonical form: of each row all instances, bottom up (RFC 6376 5.4.2), and
 * once more the name where it is oversigned.  -1 where a value can't be signed,
 * since it would not reach the peer as it is: a bare CR, a NUL, an LF that
 * doesn't fold (H7). */
int sign_collect(const struct dkim_message *message, const struct signed_field *rows, size_t count, struct buf *names,
                 struct buf *input, struct err *err);

/* Signs `input` and the DKIM-Signature field whose value, up to and with `b=`, is
 * given (RFC 6376 3.7); appends the raw signature. */
int sign_input(const struct dkimkey *key, struct buf *input, struct span value, struct buf *signature, struct err *err);

#endif
