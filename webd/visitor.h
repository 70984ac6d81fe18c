/*
 * Who a reader is, when no token says so: a keyed hash of address and
 * User-Agent, by which a conversion finds its click; and how much of both may be
 * kept (log.privacy).
 */
#ifndef WEBD_VISITOR_H
#define WEBD_VISITOR_H

#include "webd/app.h"

/* Never 0. */
uint64_t visitor_hash(const struct keyring *ring, const struct http_request *request);

#define VISITOR_CLIENT_SIZE 64
/* The client's address as far as it may be kept: whole ("full"), its network of 24
 * or 48 bits ("domain"), nothing ("key"). */
struct span visitor_client(enum conf_privacy privacy, struct span client, char out[VISITOR_CLIENT_SIZE]);
/* The User-Agent likewise: whole, or nothing with "key". */
struct span visitor_user_agent(enum conf_privacy privacy, const struct http_request *request);

#endif
