#include <stdlib.h>

#include "lib/token.h"
#include "webd/app.h"
#include "webd/pages.h"

static int find_list_ids(struct webd_world *world) {
	size_t i;

	world->list_ids = calloc(world->conf->list_count + 1, sizeof *world->list_ids);
	if (world->list_ids == NULL)
		return -1;
	for (i = 0; i < world->conf->list_count; i++)
		world->list_ids[i] = token_list_id(world->ring, span_of(world->conf->lists[i].name));
	return 0;
}

static struct span host_of(struct span base_url) {
	return span_from(base_url, sizeof "https://" - 1);
}

struct webd_world *webd_world_load(const char *conf_file, struct buf *errors) {
	struct webd_world *world = calloc(1, sizeof *world);
	struct err err = {{0}};

	if (world == NULL) {
		buf_add_text(errors, "out of memory\n");
		return NULL;
	}
	world->conf = conf_load(conf_file, errors);
	if (world->conf == NULL) {
		webd_world_free(&world);
		return NULL;
	}
	world->ring = keyring_load(world->conf->token_keys, &err);
	if (world->ring == NULL)
		buf_printf(errors, "token_keys: %s\n", err.text);
	world->zone = zone_load(world->conf->timezone, &err);
	if (world->zone == NULL)
		buf_printf(errors, "timezone: %s\n", err.text);
	world->pages = pages_load(world->conf, &err);
	if (world->pages == NULL)
		buf_printf(errors, "%s\n", err.text);
	if (world->conf->webd.base_url[0] == '\0')
		buf_printf(errors, "%s: webd: base_url: not set; without it no Host is ours\n", conf_file);
	world->base_url = span_of(world->conf->webd.base_url);
	world->host = host_of(world->base_url);
	if (world->ring == NULL || world->zone == NULL || world->pages == NULL || world->base_url.len == 0 ||
	    find_list_ids(world) != 0)
		webd_world_free(&world);
	return world;
}

void webd_world_free(struct webd_world **world) {
	struct webd_world *w = *world;

	*world = NULL;
	if (w == NULL)
		return;
	free(w->list_ids);
	pages_free(&w->pages);
	zone_free(&w->zone);
	keyring_free(&w->ring);
	conf_free(&w->conf);
	free(w);
}

const struct conf_list *webd_world_list(const struct webd_world *world, uint32_t list_id) {
	size_t i;

	for (i = 0; i < world->conf->list_count; i++)
		if (world->list_ids[i] == list_id)
			return &world->conf->lists[i];
	return NULL;
}
