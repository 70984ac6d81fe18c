#include "lib/warmup_figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store_bounce.h"
#include "lib/store_warmup.h"

/* What came back of a domain's mail, kept until the provider can be asked for: the
 * callback must not use the handle. */
struct domain {
	char *name;
	struct warmup_counts counts;
};

struct reading {
	struct warmup_figures *figures;
	struct domain *domains;
	size_t count;
	bool failed; /* out of memory */
};

static void counts_add(struct warmup_counts *to, const struct warmup_counts *more) {
	to->sent += more->sent;
	to->hard += more->hard;
	to->complaints += more->complaints;
	to->refused += more->refused;
}

static struct warmup_part *find_part(const struct warmup_figures *figures, struct span provider) {
	size_t i;

	for (i = 0; i < figures->count; i++)
		if (span_equal(span_of(figures->parts[i].provider), provider))
			return &figures->parts[i];
	return NULL;
}

int warmup_figures_add(struct warmup_figures *figures, struct span provider, const struct warmup_counts *more) {
	struct warmup_part *part = find_part(figures, provider);

	if (part == NULL) {
		struct warmup_part *grown = realloc(figures->parts, (figures->count + 1) * sizeof *grown);

		if (grown == NULL)
			return -1;
		figures->parts = grown;
		part = &grown[figures->count++];
		*part = (struct warmup_part){.counts = {0}};
		snprintf(part->provider, sizeof part->provider, "%.*s", SPAN_ARG(provider));
	}
	counts_add(&part->counts, more);
	counts_add(&figures->all, more);
	return 0;
}

struct warmup_counts warmup_figures_of(const struct warmup_figures *figures, const char *provider) {
	const struct warmup_part *part = find_part(figures, span_of(provider));

	return part == NULL ? (struct warmup_counts){0} : part->counts;
}

void warmup_figures_free(struct warmup_figures *figures) {
	free(figures->parts);
	*figures = (struct warmup_figures){.parts = NULL};
}

static int take_sent(void *context, struct span provider, uint64_t sent) {
	struct reading *reading = context;

	if (warmup_figures_add(reading->figures, provider, &(struct warmup_counts){.sent = sent}) != 0)
		reading->failed = true;
	return reading->failed;
}

static int take_feedback(void *context, const struct store_feedback *feedback) {
	struct reading *reading = context;
	struct domain *grown = realloc(reading->domains, (reading->count + 1) * sizeof *grown);

	reading->failed = grown == NULL;
	if (grown == NULL)
		return 1;
	reading->domains = grown;
	grown[reading->count] = (struct domain){
	        .name = strndup(feedback->domain.at == NULL ? "" : feedback->domain.at, feedback->domain.len),
	        .counts = {.hard = feedback->hard, .complaints = feedback->complaint, .refused = feedback->refused}};
	reading->failed = grown[reading->count].name == NULL;
	return reading->failed ? 1 : (reading->count++, 0);
}

static int add_feedback(struct reading *reading, struct store *store, const struct conf *conf, int64_t day, time_t now,
                        struct err *err) {
	char provider[PROVIDER_NAME_SIZE];
	size_t i;

	for (i = 0; i < reading->count; i++) {
		const struct domain *domain = &reading->domains[i];

		if (provider_find(conf, store, span_of(domain->name), day, now, provider, NULL, err) != 0)
			return -1;
		if (warmup_figures_add(reading->figures, span_of(provider), &domain->counts) != 0)
			return err_set(err, "figures of a stream: out of memory");
	}
	return 0;
}

int warmup_figures_read(struct store *store, const struct conf *conf, struct span stream, time_t from, time_t end,
                        int64_t day, time_t now, struct warmup_figures *figures_r, struct err *err) {
	struct reading reading = {.figures = figures_r};
	int outcome = -1;

	*figures_r = (struct warmup_figures){.parts = NULL};
	if (from >= end)
		return 0;
	if (store_each_traffic(store, stream, from, end, take_sent, &reading, err) == 0 &&
	    store_each_feedback(store, stream, from, end, take_feedback, &reading, err) == 0)
		outcome = reading.failed ? err_set(err, "figures of a stream: out of memory")
		                         : add_feedback(&reading, store, conf, day, now, err);
	while (reading.count > 0)
		free(reading.domains[--reading.count].name);
	free(reading.domains);
	if (outcome != 0)
		warmup_figures_free(figures_r);
	return outcome;
}

static int sum_sent(void *context, struct span provider, uint64_t sent) {
	(void)provider;
	counts_add(context, &(struct warmup_counts){.sent = sent});
	return 0;
}

static int sum_feedback(void *context, const struct store_feedback *feedback) {
	counts_add(context, &(struct warmup_counts){.hard = feedback->hard,
	                                            .complaints = feedback->complaint,
	                                            .refused = feedback->refused});
	return 0;
}

int warmup_figures_sum(struct store *store, struct span stream, time_t from, time_t end, struct warmup_counts *sum_r,
                       struct err *err) {
	*sum_r = (struct warmup_counts){0};
	if (from >= end)
		return 0;
	if (store_each_traffic(store, stream, from, end, sum_sent, sum_r, err) != 0)
		return -1;
	return store_each_feedback(store, stream, from, end, sum_feedback, sum_r, err);
}
