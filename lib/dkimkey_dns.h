/*
 * What dkimkey_check_dns() is made of: for lib/dkimkey_dns.c and its tests.
 */
#ifndef LIB_DKIMKEY_DNS_H
#define LIB_DKIMKEY_DNS_H

#include <netinet/in.h>

#include "lib/dkimkey.h"

/* Compares the text of one record with the key (RFC 6376 3.6.1).  Tags may come
 * in any order and have blanks around and within them; k= is rsa where absent. */
enum dkimkey_dns dkimkey_compare(const struct dkimkey *key, struct span text, struct err *err);

/* As dkimkey_check_dns() without a folder; `server` is asked instead of the
 * system's name servers where it is not NULL. */
enum dkimkey_dns dkimkey_ask(const struct dkimkey *key, const char *selector, const char *domain,
                             const struct sockaddr_in *server, struct err *err);

#endif
