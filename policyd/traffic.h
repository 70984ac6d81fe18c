/*
 * What was let go, by stream and provider, until it is added to the store's figures
 * (lib/store_warmup.h).  Any thread may call.
 */
#ifndef POLICYD_TRAFFIC_H
#define POLICYD_TRAFFIC_H

#include <time.h>

#include "lib/err.h"
#include "lib/text.h"

struct store;
struct traffic;

/* NULL when out of memory. */
struct traffic *traffic_new(void);
void traffic_free(struct traffic **traffic);
/* `count` may be negative: what was counted before is taken back. */
void traffic_count(struct traffic *traffic, const char *stream, const char *provider, int count);
/* Adds what is there to the store; what could not be stays for the next time. */
int traffic_flush(struct traffic *traffic, struct store *store, time_t now, struct err *err);

#endif
