/*
 * Public keys that libopendkim asks OpenSSL to decode, decoded once.
 *
 * libopendkim decodes the key of a record anew for each signature, and OpenSSL 3.0
 * looks for a decoder among all it has each time: a fifth of what verifying costs,
 * for a handful of keys that are always the same.  This file stands before
 * libcrypto's d2i_PUBKEY_bio(), which nobody else here calls, and gives what it
 * gave before for the same octets.
 */
#ifndef MILTER_DKIM_PUBKEY_H
#define MILTER_DKIM_PUBKEY_H

/* Forgets all; any thread may be verifying meanwhile. */
void dkim_pubkey_forget(void);

#endif
