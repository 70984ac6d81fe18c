#include "milter/part.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SEEN 64 /* parts seen once that are remembered, by their hash */

/* `part` is first, so that its address is the whole's. */
struct opened {
	struct part part;
	_Atomic int holders;
	struct buf mask_room;
	char *own; /* copy of the raw body, of one that is kept */
	uint64_t hash;
	enum mime_kind kind;
	enum transfer encoding;
	enum charset charset;
};

struct part_cache {
	pthread_mutex_t lock;
	struct opened *entries[PART_CACHE_ENTRIES];
	size_t next; /* entry to be replaced */
	uint64_t seen[SEEN];
};

struct part_cache *part_cache_new(void) {
	struct part_cache *cache = calloc(1, sizeof *cache);

	if (cache != NULL && pthread_mutex_init(&cache->lock, NULL) != 0) {
		free(cache);
		return NULL;
	}
	return cache;
}

void part_cache_free(struct part_cache **cache) {
	struct part_cache *c = *cache;
	size_t i;

	*cache = NULL;
	if (c == NULL)
		return;
	for (i = 0; i < PART_CACHE_ENTRIES; i++) {
		const struct part *part = c->entries[i] == NULL ? NULL : &c->entries[i]->part;

		part_close(&part);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void part_close(const struct part **part) {
	struct opened *o = (struct opened *)(uintptr_t)*part;

	*part = NULL;
	if (o == NULL || atomic_fetch_sub(&o->holders, 1) > 1)
		return;
	transfer_free(&o->part.body);
	html_scan_free(&o->part.scan);
	buf_free(&o->mask_room);
	free(o->own);
	free(o);
}

/* Tells parts apart most of the time; the octets decide. */
static uint64_t hash_of(struct span raw) {
	const uint64_t multiplier = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t a = raw.len * multiplier, b = ~a, word[2];
	size_t i;

	for (i = 0; i + sizeof word <= raw.len; i += sizeof word) {
		memcpy(word, raw.at + i, sizeof word);
		a = (a ^ word[0]) * multiplier;
		b = (b ^ word[1]) * multiplier;
		a ^= a >> 32;
		b ^= b >> 32;
	}
	for (; i < raw.len; i++)
		a = (a ^ (unsigned char)raw.at[i]) * multiplier;
	/* 0 stands for an empty place. */
	return (a ^ (b << 1)) | 1;
}

static bool is_same(const struct opened *o, const struct mime_part *place, struct span raw, uint64_t hash) {
	return o != NULL && o->hash == hash && o->kind == place->kind && o->encoding == place->encoding &&
	       o->charset == place->charset && span_equal(o->part.body.raw, raw);
}

/* The part, held; or NULL, and whether it comes for the second time at least. */
static struct opened *find(struct part_cache *cache, const struct mime_part *place, struct span raw, uint64_t hash,
                           bool *again_r) {
	struct opened *found = NULL;
	size_t i;

	pthread_mutex_lock(&cache->lock);
	for (i = 0; i < PART_CACHE_ENTRIES && found == NULL; i++)
		if (is_same(cache->entries[i], place, raw, hash))
			found = cache->entries[i];
	if (found != NULL)
		atomic_fetch_add(&found->holders, 1);
	*again_r = cache->seen[hash % SEEN] == hash;
	cache->seen[hash % SEEN] = hash;
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static void keep(struct part_cache *cache, struct opened *o) {
	const struct part *old;

	atomic_fetch_add(&o->holders, 1);
	pthread_mutex_lock(&cache->lock);
	old = cache->entries[cache->next] == NULL ? NULL : &cache->entries[cache->next]->part;
	cache->entries[cache->next] = o;
	cache->next = (cache->next + 1) % PART_CACHE_ENTRIES;
	pthread_mutex_unlock(&cache->lock);
	part_close(&old);
}

/* Inline PGP is protected as multipart/signed is (B1). */
static bool is_armoured(struct span text) {
	return span_find(text, SPAN("-----BEGIN PGP ")) >= 0;
}

/* 1: opened; 0: passes through; -1: out of memory. */
static int fill(struct opened *o, struct span raw) {
	struct part *part = &o->part;

	if (transfer_decode(o->encoding, raw, &part->body) != 0 || is_armoured(part->body.text))
		return 0;
	buf_init(&o->mask_room, raw.len + 1);
	if (charset_mask(o->charset, part->body.text, &o->mask_room, &part->mask) != 0)
		return 0;
	return o->kind != MIME_HTML || html_scan(part->mask, part->body.text.at, part->body.text.len, &part->scan) == 0
	               ? 1
	               : -1;
}

int part_open(struct part_cache *cache, const struct mime_part *place, struct span raw, const struct part **part_r) {
	bool cached = cache != NULL && raw.len > 0 && raw.len <= PART_CACHE_RAW_MAX, again = false;
	uint64_t hash = cached ? hash_of(raw) : 0;
	struct opened *o = cached ? find(cache, place, raw, hash, &again) : NULL;
	const struct part *part;
	int outcome;

	*part_r = NULL;
	if (o != NULL) {
		*part_r = &o->part;
		return 0;
	}
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return -1;
	part = &o->part;
	o->holders = 1;
	o->hash = hash;
	o->kind = place->kind;
	o->encoding = place->encoding;
	o->charset = place->charset;
	if (again && (o->own = malloc(raw.len)) != NULL)
		raw = span_make(memcpy(o->own, raw.at, raw.len), raw.len);
	outcome = fill(o, raw);
	if (outcome == 1) {
		if (o->own != NULL)
			keep(cache, o);
		*part_r = part;
	} else {
		part_close(&part);
	}
	return outcome < 0 ? -1 : 0;
}
