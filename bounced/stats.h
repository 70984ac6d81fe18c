/*
 * What bounced counts (lib/metrics.h): records by category and by fault, what came
 * again, what was put off, and how long a commit takes.
 *
 * Threads: any.
 */
#ifndef BOUNCED_STATS_H
#define BOUNCED_STATS_H

#include "lib/store_bounce.h"

struct stats;

/* Without a folder for metrics they count for nobody: `err` says why.  NULL only when
 * out of memory. */
struct stats *stats_new(const char *data_dir, struct err *err);
void stats_free(struct stats **stats);

void stats_bounce(struct stats *stats, const struct store_bounce *bounce, enum store_bounce_result result);
void stats_put_off(struct stats *stats);
void stats_commit(struct stats *stats, uint64_t nanoseconds);

#endif
