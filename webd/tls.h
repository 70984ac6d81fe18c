/*
 * The certificate of the listener, which a reload may replace while connections
 * are open: new handshakes get the new one.  Any thread may ask for it; one reloads.
 */
#ifndef WEBD_TLS_H
#define WEBD_TLS_H

#include "lib/err.h"

struct tls;

/* PEM: the certificate with its chain, and its private key.  NULL with the reason. */
struct tls *tls_load(const char *cert_file, const char *key_file, struct err *err);
/* -1 with the reason: the old ones stay. */
int tls_reload(struct tls *tls, const char *cert_file, const char *key_file, struct err *err);
/* No handshake is under way by then. */
void tls_free(struct tls **tls);

/* As GnuTLS has them: an array of gnutls_pcert_st and a gnutls_privkey_t.  They live
 * as long as `tls`, replaced or not. */
struct tls_pair {
	void *chain;
	unsigned length;
	void *key;
};
struct tls_pair tls_current(struct tls *tls);

#endif
