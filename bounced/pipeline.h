/*
 * From a message to its commit: workers read, one thread commits.
 *
 * All that is read while the committing thread is busy is in its next transaction,
 * as with the writer of sends (lib/store.h): nobody waits for a timer, and a storm
 * makes large groups by itself.  A job comes back with its replies after the
 * commit: 250 for what is on record, 4xx where it could not be, and nothing of it
 * was; never 5xx.
 */
#ifndef BOUNCED_PIPELINE_H
#define BOUNCED_PIPELINE_H

#include <stdatomic.h>

#include "bounced/job.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/snapshot.h"

#define PIPELINE_GROUP_MAX 500 /* jobs of one transaction */

/* Since the start. */
struct pipeline_totals {
	atomic_ullong recorded; /* records that were new */
	atomic_ullong known;    /* delivered again: nothing happened */
	atomic_ullong faulty;   /* of the new: changed nothing */
	atomic_ullong put_off;  /* messages answered with 4xx */
	atomic_ullong groups;   /* transactions */
};

struct pipeline;

/* `worlds` holds struct world.  `done` is called by other threads. */
struct pipeline *pipeline_start(struct snapshot_box *worlds, const struct conf *conf,
                                void (*done)(void *context, struct job *job), void *context, struct err *err);
/* Finishes what was submitted. */
void pipeline_stop(struct pipeline **pipeline);
void pipeline_submit(struct pipeline *pipeline, struct job *job);
const struct pipeline_totals *pipeline_totals(const struct pipeline *pipeline);

#endif
