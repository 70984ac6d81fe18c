/*
 * What the milter counts, for Prometheus and for SIGUSR1: messages by fate, and
 * the time of each stage.
 */
#ifndef MILTER_COUNTERS_H
#define MILTER_COUNTERS_H

#include <stdint.h>

#include "lib/metrics.h"

enum counters_fate {
	COUNTERS_TREATED,
	COUNTERS_PASSED,     /* none of our business */
	COUNTERS_UNTREATED,  /* ours, but on_error = "accept" */
	COUNTERS_TEMPFAILED, /* 4xx */
	COUNTERS_REFUSED,    /* 550: every recipient left or is blocked */
	COUNTERS_DISCARDED,  /* the same, quietly */
	COUNTERS_FATES,
};

enum counters_stage {
	COUNTERS_REWRITE, /* processor time, as the next two */
	COUNTERS_SIGN,
	COUNTERS_VERIFY,
	COUNTERS_STANDING, /* the store asked who may have it; elapsed time */
	COUNTERS_STORE,    /* the records committed; elapsed time */
	COUNTERS_STAGES,
};

struct counters {
	struct metric *messages[COUNTERS_FATES];
	struct metric *stages[COUNTERS_STAGES];
	struct metric *refused; /* recipients, of mail that went to others too */
	struct metric *sent;    /* recipients */
	struct metric *end;     /* end of message until the answer */
	struct metric *memory;  /* octets charged */
};

/* `metrics` may be NULL: nobody will see them. */
void counters_open(struct counters *counters_r, struct metrics *metrics);

#endif
