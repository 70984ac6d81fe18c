#include "lib/store_filter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/store_driver.h"

#define ROOM_AT_FIRST 1024

struct store_filter {
	uint64_t *slots; /* open addressing; 0 is free */
	size_t room;     /* a power of two, at most half full */
	size_t count;
	bool has_zero;
	bool loaded;
	bool full; /* over STORE_FILTER_MAX, or out of memory */
	int64_t last;
	struct store_commit_mark mark;
};

struct store_filter *store_filter_new(void) {
	return calloc(1, sizeof(struct store_filter));
}

void store_filter_free(struct store_filter **filter) {
	if (*filter == NULL)
		return;
	free((*filter)->slots);
	free(*filter);
	*filter = NULL;
}

/* The keys are hashes already. */
static uint64_t *slot_of(uint64_t *slots, size_t room, uint64_t key) {
	size_t at = (size_t)(key ^ key >> 32) & (room - 1);

	while (slots[at] != 0 && slots[at] != key)
		at = (at + 1) & (room - 1);
	return &slots[at];
}

static int grow(struct store_filter *filter) {
	size_t room = filter->room == 0 ? ROOM_AT_FIRST : filter->room * 2, i;
	uint64_t *slots = calloc(room, sizeof *slots);

	if (slots == NULL)
		return -1;
	for (i = 0; i < filter->room; i++)
		if (filter->slots[i] != 0)
			*slot_of(slots, room, filter->slots[i]) = filter->slots[i];
	free(filter->slots);
	filter->slots = slots;
	filter->room = room;
	return 0;
}

static int add_key(void *context, uint64_t key) {
	struct store_filter *filter = context;
	uint64_t *slot;

	if (key == 0) {
		filter->has_zero = true;
		return 0;
	}
	if (filter->count >= STORE_FILTER_MAX || (filter->count * 2 >= filter->room && grow(filter) != 0)) {
		filter->full = true;
		return 1;
	}
	slot = slot_of(filter->slots, filter->room, key);
	filter->count += *slot == 0;
	*slot = key;
	return 0;
}

static void forget(struct store_filter *filter) {
	free(filter->slots);
	*filter = (struct store_filter){0};
}

/* What is new; or all, at first and where another store is in the place of the old one. */
static int look(struct store_filter *filter, struct store *store, const struct store_commit_mark *mark) {
	const struct store_filter_driver *driver = store->driver->filter;

	if (filter->loaded && filter->mark.identity != mark->identity)
		forget(filter);
	if (driver->each_key(store, filter->loaded ? filter->last : -1, add_key, filter, &filter->last, NULL) != 0) {
		forget(filter);
		return -1;
	}
	filter->loaded = true;
	filter->mark = *mark;
	return 0;
}

bool store_filter_is_active(struct store_filter *filter, struct store *store, uint64_t address_key) {
	struct store_commit_mark mark;

	/* The mark is taken first: what comes after it is asked about next time. */
	if (!store->driver->filter->mark(store, &mark))
		return false;
	if ((!filter->loaded || memcmp(&mark, &filter->mark, sizeof mark) != 0) && look(filter, store, &mark) != 0)
		return false;
	if (filter->full)
		return false;
	if (address_key == 0)
		return !filter->has_zero;
	return filter->room == 0 || *slot_of(filter->slots, filter->room, address_key) == 0;
}
