/*
 * A hash table whose nodes are part of what it holds.
 *
 * It finds by a 64-bit hash; two things may have the same one, so whoever looks goes
 * through all that index_find() and index_next() give, and compares.  It owns none of
 * them.  No locks.
 */
#ifndef POLICYD_INDEX_H
#define POLICYD_INDEX_H

#include "lib/text.h"

struct index_node {
	uint64_t hash;
	struct index_node *next;
};

struct index {
	struct index_node **slots;
	size_t size; /* a power of two; 0: nothing was ever added */
	size_t count;
};

#define INDEX_SEED 0xcbf29ce484222325U
/* Of several spans in turn: begin with INDEX_SEED, go on with what was returned. */
uint64_t index_hash(uint64_t seed, struct span bytes);

/* 0, or -1 when out of memory. */
int index_add(struct index *index, struct index_node *node, uint64_t hash);
void index_remove(struct index *index, struct index_node *node);
/* The first with that hash, and the next one; NULL. */
struct index_node *index_find(const struct index *index, uint64_t hash);
struct index_node *index_next(const struct index_node *node);
/* Calls back for all; the call may remove its node, and no other. */
void index_each(struct index *index, void (*each)(void *context, struct index_node *node), void *context);
void index_free(struct index *index);

/* The structure that has the node as its member. */
#define INDEX_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
