#include "milter/world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static char *find_hostname(const struct conf *conf) {
	char name[256] = "localhost";

	if (conf->hostname[0] != '\0')
		return strdup(conf->hostname);
	if (gethostname(name, sizeof name - 1) != 0)
		strcpy(name, "localhost");
	return strdup(name);
}

struct world *world_load(const char *conf_file, struct buf *errors) {
	struct world *world = calloc(1, sizeof *world);
	struct err err = {{0}};

	if (world == NULL) {
		buf_add_text(errors, "out of memory\n");
		return NULL;
	}
	world->conf = conf_load(conf_file, errors);
	if (world->conf == NULL) {
		world_free(&world);
		return NULL;
	}
	world->ring = keyring_load(world->conf->token_keys, &err);
	if (world->ring == NULL)
		buf_printf(errors, "token_keys: %s\n", err.text);
	world->zone = zone_load(world->conf->timezone, &err);
	if (world->zone == NULL)
		buf_printf(errors, "timezone: %s\n", err.text);
	world->verifier = dkim_verifier_new(&err);
	if (world->verifier == NULL)
		buf_printf(errors, "libopendkim: %s\n", err.text);
	world->keys = dkimset_load(world->conf, errors);
	world->hostname = find_hostname(world->conf);
	world->maps = mime_cache_new();
	world->parts = part_cache_new();
	if (world->ring == NULL || world->zone == NULL || world->verifier == NULL || world->keys == NULL ||
	    world->hostname == NULL || world->maps == NULL || world->parts == NULL)
		world_free(&world);
	return world;
}

void world_free(struct world **world) {
	struct world *w = *world;

	*world = NULL;
	if (w == NULL)
		return;
	dkimset_free(&w->keys);
	free(w->hostname);
	mime_cache_free(&w->maps);
	part_cache_free(&w->parts);
	dkim_verifier_free(&w->verifier);
	zone_free(&w->zone);
	keyring_free(&w->ring);
	conf_free(&w->conf);
	free(w);
}

static void log_record(void *context, const struct dkimset_key *key, const char *dns, const char *found) {
	bool same = strcmp(dns, "same") == 0;

	(void)context;
	log_line(same ? CONF_LOG_INFO : CONF_LOG_WARNING, "dkim_record", "domain", key->domain, "selector",
	         key->selector, "dns", dns, "found", same ? NULL : found, NULL);
}

size_t world_check_dns(struct world *world) {
	if (world->conf->dkim_policy.dns == CONF_DKIM_DNS_OFF)
		return 0;
	return dkimset_check_dns(world->keys, log_record, NULL);
}
