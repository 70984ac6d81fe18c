/*
 * Letting held mail go, in order, as quota opens (W5).
 *
 * A message goes when all its recipients may have mail of its list, the breaker of
 * its stream is closed, and units for all of them can be had: they are taken in the
 * transaction that marks it as released.  Then Postfix is told; only then is it
 * forgotten.  So a crash in between takes no unit twice and loses no mail: what is
 * marked and still held is told to Postfix again.
 *
 * In a stream the order is that of arrival, except that a provider whose quota is used
 * up lets those of others pass.  So does a message to more recipients than the day's
 * quota, which waits until that has grown, and one of whose recipients some have left,
 * which waits for a word by hand.
 *
 * The real queue counts.  What is on record and not in the hold queue is forgotten,
 * after RELEASE_FORGET_SECONDS: Postfix may be about to put it there.
 *
 * Mail that was held for longer than half of maximal_queue_lifetime is requeued as
 * new, since its first try would else be its last.  It may go through the content filter
 * again then, and passes there by its return path; without return paths
 * (bounced.domain) it is let go as it is.
 */
#ifndef TOOLS_RELEASE_H
#define TOOLS_RELEASE_H

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/decisions.h"
#include "lib/store.h"
#include "tools/postfix.h"

#define RELEASE_FORGET_SECONDS 600

struct release {
	const struct conf *conf;
	const struct zone *zone;
	struct store *store;
	struct postfix *postfix;
	struct decisions *log; /* may be NULL */
	const char *host;
	const struct strings *only; /* these queue ids, out of order; NULL: those whose turn it is */
	/* out */
	size_t released;
	size_t cancelled; /* all their recipients have left meanwhile */
	size_t waiting;
	size_t forgotten;
};

int release_run(struct release *release, time_t now, struct err *err);
/* Deletes held messages (all of `only`); forgets what isn't held any more. */
int release_cancel(struct release *release, time_t now, struct err *err);

#endif
