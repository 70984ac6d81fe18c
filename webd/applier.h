/*
 * Brings the journal into the store: one thread of low priority, so that it does not
 * take the processor from clicks.
 *
 * Events go in groups, each in one transaction with the journal's position, so
 * that none is counted twice, whatever is killed when.  A change of status is
 * its own transaction, and is passed over where the store has a later one of the same list:
 * somebody may have come back meanwhile.  While the store can't be written, the
 * journal grows and the thread tries again.
 */
#ifndef WEBD_APPLIER_H
#define WEBD_APPLIER_H

#include "webd/journal.h"
#include "webd/stats.h"

struct applier;

/* `conf` and what it points to outlives the applier.  NULL with the reason. */
struct applier *applier_start(struct journal *journal, const struct conf_store *conf, struct stats *stats,
                              struct err *err);
/* Brings in what is durable, unless the store is not there, and ends. */
void applier_stop(struct applier **applier);

#endif
