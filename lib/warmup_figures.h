/*
 * The figures of a stream in a time: what was sent and what came back, together
 * and by provider.
 *
 * Feedback is on record by the domain of the recipient; a domain's provider is
 * the one it has on the day asked for, as for its sends.
 */
#ifndef LIB_WARMUP_FIGURES_H
#define LIB_WARMUP_FIGURES_H

#include <time.h>

#include "lib/provider.h"
#include "lib/store.h"
#include "lib/warmup_gate.h"

struct warmup_part {
	char provider[PROVIDER_NAME_SIZE];
	struct warmup_counts counts;
};

struct warmup_figures {
	struct warmup_counts all;
	struct warmup_part *parts; /* in the order they were met */
	size_t count;
};

/* The hours that begin in [from, end); `day` for the providers of domains. */
int warmup_figures_read(struct store *store, const struct conf *conf, struct span stream, time_t from, time_t end,
                        int64_t day, time_t now, struct warmup_figures *figures_r, struct err *err);
/* The sums alone, which cost no look at the domains. */
int warmup_figures_sum(struct store *store, struct span stream, time_t from, time_t end, struct warmup_counts *sum_r,
                       struct err *err);
void warmup_figures_free(struct warmup_figures *figures);

/* Adds to the sums and to the provider's; -1 when out of memory. */
int warmup_figures_add(struct warmup_figures *figures, struct span provider, const struct warmup_counts *more);
/* The provider's, all 0 where there are none. */
struct warmup_counts warmup_figures_of(const struct warmup_figures *figures, const char *provider);

#endif
