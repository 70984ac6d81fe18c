/*
 * All that bounced reads while it judges what came: configuration, key ring, zone,
 * rules of classification, texts of confirmation mails.  Loaded at start and at
 * each reload as one immutable value inside a snapshot (lib/snapshot.h).
 */
#ifndef BOUNCED_WORLD_H
#define BOUNCED_WORLD_H

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/confirm_mail.h"
#include "lib/keyring.h"
#include "report/rules.h"

struct world {
	struct conf *conf;
	struct keyring *ring;
	struct zone *zone;
	struct rules *rules;
	struct confirm_mails *mails;
	uint32_t *list_ids; /* token_list_id() of each list of the configuration */
};

/* NULL with the errors, one a line. */
struct world *world_load(const char *conf_file, struct buf *errors);
void world_free(struct world **world);

/* The list of an unsubscribe token, or NULL. */
const struct conf_list *world_list(const struct world *world, uint32_t id);

#endif
