#include "policyd/index.h"

#include <stdlib.h>

#define SIZE_AT_FIRST 64

/* FNV-1a; the length keeps ("ab","c") and ("a","bc") apart. */
uint64_t index_hash(uint64_t seed, struct span bytes) {
	uint64_t hash = (seed ^ bytes.len) * 0x100000001b3U;
	size_t i;

	for (i = 0; i < bytes.len; i++)
		hash = (hash ^ (unsigned char)bytes.at[i]) * 0x100000001b3U;
	return hash;
}

/* Upper bits count too: an address key is used as it is. */
static size_t slot_of(const struct index *index, uint64_t hash) {
	return (size_t)((hash * 0x9e3779b97f4a7c15U) >> 32) & (index->size - 1);
}

static int grow(struct index *index) {
	struct index bigger = {.size = index->size == 0 ? SIZE_AT_FIRST : index->size * 2};
	size_t i;

	bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
	if (bigger.slots == NULL)
		return -1;
	for (i = 0; i < index->size; i++) {
		struct index_node *node = index->slots[i], *next;

		for (; node != NULL; node = next) {
			size_t slot = slot_of(&bigger, node->hash);

			next = node->next;
			node->next = bigger.slots[slot];
			bigger.slots[slot] = node;
		}
	}
	bigger.count = index->count;
	free(index->slots);
	*index = bigger;
	return 0;
}

int index_add(struct index *index, struct index_node *node, uint64_t hash) {
	size_t slot;

	if (index->count >= index->size && grow(index) != 0 && index->size == 0)
		return -1;
	slot = slot_of(index, hash);
	*node = (struct index_node){hash, index->slots[slot]};
	index->slots[slot] = node;
	index->count++;
	return 0;
}

void index_remove(struct index *index, struct index_node *node) {
	struct index_node **at = &index->slots[slot_of(index, node->hash)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	index->count--;
}

static struct index_node *from(struct index_node *node, uint64_t hash) {
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct index_node *index_find(const struct index *index, uint64_t hash) {
	return index->size == 0 ? NULL : from(index->slots[slot_of(index, hash)], hash);
}

struct index_node *index_next(const struct index_node *node) {
	return from(node->next, node->hash);
}

void index_each(struct index *index, void (*each)(void *context, struct index_node *node), void *context) {
	size_t i;

	for (i = 0; i < index->size; i++) {
		struct index_node *node = index->slots[i], *next;

		for (; node != NULL; node = next) {
			next = node->next;
			each(context, node);
		}
	}
}

void index_free(struct index *index) {
	free(index->slots);
	*index = (struct index){0};
}
