#include "milter/mime_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *text;
	size_t len;
	size_t count;
	const char *malformed;
	struct mime_part parts[MIME_CACHE_PARTS_MAX];
};

struct mime_cache {
	pthread_mutex_t lock;
	size_t next; /* to be replaced */
	struct entry entries[MIME_CACHE_ENTRIES];
};

struct mime_cache *mime_cache_new(void) {
	struct mime_cache *cache = calloc(1, sizeof *cache);

	if (cache != NULL && pthread_mutex_init(&cache->lock, NULL) != 0) {
		free(cache);
		return NULL;
	}
	return cache;
}

void mime_cache_free(struct mime_cache **cache) {
	struct mime_cache *c = *cache;
	size_t i;

	*cache = NULL;
	if (c == NULL)
		return;
	for (i = 0; i < MIME_CACHE_ENTRIES; i++)
		free(c->entries[i].text);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static const struct entry *find(const struct mime_cache *cache, struct span text) {
	size_t i;

	for (i = 0; i < MIME_CACHE_ENTRIES; i++) {
		const struct entry *entry = &cache->entries[i];

		if (entry->text != NULL && span_equal(span_make(entry->text, entry->len), text))
			return entry;
	}
	return NULL;
}

static bool copy_map(const struct entry *entry, struct mime_map *map_r) {
	*map_r = (struct mime_map){.count = entry->count, .malformed = entry->malformed};
	if (entry->count == 0)
		return true;
	map_r->parts = malloc(entry->count * sizeof *map_r->parts);
	if (map_r->parts == NULL) {
		*map_r = (struct mime_map){0};
		return false;
	}
	memcpy(map_r->parts, entry->parts, entry->count * sizeof *map_r->parts);
	return true;
}

bool mime_cache_find(struct mime_cache *cache, struct span text, struct mime_map *map_r) {
	const struct entry *entry;
	bool found;

	if (cache == NULL || text.len > MIME_CACHE_TEXT_MAX)
		return false;
	pthread_mutex_lock(&cache->lock);
	entry = find(cache, text);
	found = entry != NULL && copy_map(entry, map_r);
	pthread_mutex_unlock(&cache->lock);
	return found;
}

void mime_cache_add(struct mime_cache *cache, struct span text, const struct mime_map *map) {
	struct entry *entry;
	char *copy;

	if (cache == NULL || text.len > MIME_CACHE_TEXT_MAX || map->count > MIME_CACHE_PARTS_MAX)
		return;
	copy = malloc(text.len + 1);
	if (copy == NULL)
		return;
	memcpy(copy, text.at, text.len);
	pthread_mutex_lock(&cache->lock);
	if (find(cache, text) == NULL) {
		entry = &cache->entries[cache->next];
		cache->next = (cache->next + 1) % MIME_CACHE_ENTRIES;
		free(entry->text);
		*entry =
		        (struct entry){.text = copy, .len = text.len, .count = map->count, .malformed = map->malformed};
		if (map->count > 0)
			memcpy(entry->parts, map->parts, map->count * sizeof *map->parts);
		copy = NULL;
	}
	pthread_mutex_unlock(&cache->lock);
	free(copy);
}
