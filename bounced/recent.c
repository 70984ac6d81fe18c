#include "bounced/recent.h"

#include <pthread.h>
#include <stdlib.h>

#define KEPT 4096 /* the last so many of all addresses */

struct entry {
	uint64_t address_key;
	time_t time;
};

struct recent {
	pthread_mutex_t lock;
	struct entry entries[KEPT];
	size_t next;
};

struct recent *recent_new(void) {
	struct recent *recent = calloc(1, sizeof *recent);

	if (recent != NULL)
		pthread_mutex_init(&recent->lock, NULL);
	return recent;
}

void recent_free(struct recent **recent) {
	if (*recent == NULL)
		return;
	pthread_mutex_destroy(&(*recent)->lock);
	free(*recent);
	*recent = NULL;
}

bool recent_allow(struct recent *recent, uint64_t address_key, time_t now, size_t before, size_t limit) {
	size_t count = 0, i;
	bool allowed;

	pthread_mutex_lock(&recent->lock);
	for (i = 0; i < KEPT; i++)
		count +=
		        recent->entries[i].address_key == address_key && recent->entries[i].time > now - RECENT_SECONDS;
	/* What is on record may be counted here as well. */
	allowed = (count > before ? count : before) < limit;
	if (allowed) {
		recent->entries[recent->next] = (struct entry){address_key, now};
		recent->next = (recent->next + 1) % KEPT;
	}
	pthread_mutex_unlock(&recent->lock);
	return allowed;
}

void recent_take_back(struct recent *recent, uint64_t address_key) {
	size_t i;

	pthread_mutex_lock(&recent->lock);
	for (i = 0; i < KEPT && recent->entries[i].address_key != address_key; i++)
		;
	if (i < KEPT)
		recent->entries[i] = (struct entry){0};
	pthread_mutex_unlock(&recent->lock);
}
