/*
 * Who was sent a confirmation mail lately, so that nobody can have somebody else
 * flooded with them.  Counts in memory, under a lock; what happened before a
 * restart is in the store.
 */
#ifndef BOUNCED_RECENT_H
#define BOUNCED_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct recent;

#define RECENT_SECONDS 86400

/* NULL when out of memory. */
struct recent *recent_new(void);
void recent_free(struct recent **recent);
/* May the address get another, when `before` were sent that are on record?  Then
 * it is counted. */
bool recent_allow(struct recent *recent, uint64_t address_key, time_t now, size_t before, size_t limit);
/* Takes back one that was counted: its mail was not sent. */
void recent_take_back(struct recent *recent, uint64_t address_key);

#endif
