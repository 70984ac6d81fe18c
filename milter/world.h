/*
 * All that the milter reads while it treats mail: configuration, key ring, zone
 * and DKIM keys.  Loaded at start and at each reload as one immutable value
 * inside a snapshot (lib/snapshot.h); only what the DNS says of a key, and the caches
 * of messages seen before, change in place.
 */
#ifndef MILTER_WORLD_H
#define MILTER_WORLD_H

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/dkimset.h"
#include "lib/keyring.h"
#include "milter/dkim.h"
#include "milter/mime_cache.h"
#include "milter/part.h"

struct world {
	struct conf *conf;
	struct keyring *ring;
	struct zone *zone;
	struct dkimset *keys;
	struct dkim_verifier *verifier;
	char *hostname;
	/* Change, under locks of their own. */
	struct mime_cache *maps;
	struct part_cache *parts;
};

/* Loads all that the file names.  NULL with the errors, one a line: every bad
 * key is named, not just the first. */
struct world *world_load(const char *conf_file, struct buf *errors);
void world_free(struct world **world);

/* Asks the DNS about each key (dkim_policy.dns) and logs what is new.  The
 * number of keys whose record is not known to be right. */
size_t world_check_dns(struct world *world);

#endif
