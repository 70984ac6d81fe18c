/*
 * Maps of messages seen before.
 *
 * The copies of one message that the splitter hands over, one a recipient, have
 * one structure: what GMime made of its lines (mime_condense.h) is kept for the
 * next.  Identity is the lines themselves, octet for octet.
 *
 * Threads: any number at once.
 */
#ifndef MILTER_MIME_CACHE_H
#define MILTER_MIME_CACHE_H

#include "milter/mime.h"

#define MIME_CACHE_ENTRIES 16
#define MIME_CACHE_TEXT_MAX 16384 /* octets of lines; longer ones are read each time */
#define MIME_CACHE_PARTS_MAX 32

struct mime_cache;

/* NULL when out of memory. */
struct mime_cache *mime_cache_new(void);
void mime_cache_free(struct mime_cache **cache);

/* True, and the map (the caller's, in places of `text`), where these lines were
 * seen before.  A NULL cache knows none. */
bool mime_cache_find(struct mime_cache *cache, struct span text, struct mime_map *map_r);
/* Keeps a copy in place of the oldest. */
void mime_cache_add(struct mime_cache *cache, struct span text, const struct mime_map *map);

#endif
