#include "bounced/world.h"

#include <stdlib.h>

#include "lib/token.h"

static int number_lists(struct world *world) {
	size_t i;

	world->list_ids = calloc(world->conf->list_count + 1, sizeof *world->list_ids);
	if (world->list_ids == NULL)
		return -1;
	for (i = 0; i < world->conf->list_count; i++)
		world->list_ids[i] = token_list_id(world->ring, span_of(world->conf->lists[i].name));
	return 0;
}

static struct rules *load_rules(const struct conf *conf, struct buf *errors) {
	char *found = conf->bounced.rules[0] == '\0' ? rules_find() : NULL;
	const char *path = conf->bounced.rules[0] == '\0' ? found : conf->bounced.rules;
	struct rules *rules = NULL;

	if (path == NULL)
		buf_add_text(errors, "bounced.rules: no file of bounce rules was found\n");
	else
		rules = rules_load(path, errors);
	free(found);
	return rules;
}

/* All but the configuration; every fault is named. */
static bool load_rest(struct world *world, struct buf *errors) {
	struct err err = {""};

	world->ring = keyring_load(world->conf->token_keys, &err);
	if (world->ring == NULL)
		buf_printf(errors, "token_keys: %s\n", err.text);
	world->zone = zone_load(world->conf->timezone, &err);
	if (world->zone == NULL)
		buf_printf(errors, "timezone: %s\n", err.text);
	world->rules = load_rules(world->conf, errors);
	world->mails = confirm_mails_load(world->conf, &err);
	if (world->mails == NULL)
		buf_printf(errors, "%s\n", err.text);
	if (world->ring == NULL || world->zone == NULL || world->rules == NULL || world->mails == NULL)
		return false;
	if (number_lists(world) == 0)
		return true;
	buf_add_text(errors, "out of memory\n");
	return false;
}

struct world *world_load(const char *conf_file, struct buf *errors) {
	struct world *world = calloc(1, sizeof *world);

	if (world == NULL) {
		buf_add_text(errors, "out of memory\n");
		return NULL;
	}
	world->conf = conf_load(conf_file, errors);
	if (world->conf == NULL || !load_rest(world, errors))
		world_free(&world);
	return world;
}

void world_free(struct world **world) {
	struct world *w = *world;

	*world = NULL;
	if (w == NULL)
		return;
	free(w->list_ids);
	confirm_mails_free(&w->mails);
	rules_free(&w->rules);
	zone_free(&w->zone);
	keyring_free(&w->ring);
	conf_free(&w->conf);
	free(w);
}

const struct conf_list *world_list(const struct world *world, uint32_t id) {
	size_t i;

	for (i = 0; i < world->conf->list_count; i++)
		if (world->list_ids[i] == id)
			return &world->conf->lists[i];
	return NULL;
}
