/*
 * Mailbox providers: who runs the mail of a domain (W1).
 *
 * A table of the larger ones is built in; `provider` sections of the
 * configuration come before it.  A name stands for itself and all below it
 * ("ezweb.ne.jp" for "a.ezweb.ne.jp"); the longest that fits decides.
 *
 * The domain of an address is asked first.  Where it says nothing, the name of
 * its MX host does: policyd looks that up in the background and records the
 * answer in the store.  Until then the provider is PROVIDER_OTHER.
 *
 * Names given back live as long as the configuration.
 */
#ifndef LIB_PROVIDER_H
#define LIB_PROVIDER_H

#include <stdint.h>
#include <time.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/text.h"

struct store;

/* As conf_check_name(): at most 63 octets and a NUL. */
#define PROVIDER_NAME_SIZE 64
#define PROVIDER_OTHER "other"

/* NULL where the tables have none.  Canonical domains (lib/addr.h). */
const char *provider_by_domain(const struct conf *conf, struct span domain);
const char *provider_by_mx(const struct conf *conf, struct span host);

/* By the tables, else by what is on record of the domain, else PROVIDER_OTHER: never
 * waits for the DNS.  `day` is the local day (lib/clock.h).  `fresh_r` (may be NULL):
 * need not be looked up now. */
int provider_find(const struct conf *conf, struct store *store, struct span domain, int64_t day, time_t now,
                  char name_r[PROVIDER_NAME_SIZE], bool *fresh_r, struct err *err);

/* What the configuration grants a provider of a day's amount (WARMUP_UNLIMITED
 * for none of its own): its share, rounded up, and its quota. */
long long provider_quota(const struct conf *conf, const char *name, long long amount);

/* The built-in names, in order; NULL behind the last. */
const char *provider_builtin(size_t index);

#endif
