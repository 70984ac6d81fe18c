/*
 * What webd counts (lib/metrics.h).  Without a file all of it counts for nobody.
 */
#ifndef WEBD_STATS_H
#define WEBD_STATS_H

#include "lib/metrics.h"
#include "webd/app.h"
#include "webd/conns.h"

#define STATS_ROUTES 16
#define STATS_CODES 12

struct stats {
	struct metrics *metrics;
	const struct route *routes;
	struct metric *requests[STATS_ROUTES][STATS_CODES]; /* the last route: none was found */
	struct metric *seconds[STATS_ROUTES];
	struct metric *recorded, *lost;              /* events: on disk, could not be */
	struct metric *applied, *refused;            /* events: in the store, not understood by it */
	struct metric *waiting, *journal_bytes;      /* octets that are not in the store yet; of all segments */
	struct metric *open, *displaced, *timed_out; /* connections */
};

void stats_open(struct stats *stats, const char *data_dir, const struct route *routes);
void stats_close(struct stats *stats);

/* `route` NULL: none was found. */
void stats_request(struct stats *stats, const struct route *route, unsigned status, uint64_t nanoseconds);
void stats_connections(struct stats *stats, const struct conns_counts *counts);

#endif
