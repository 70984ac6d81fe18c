#include "bounced/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/metrics.h"

static const char *const categories[] = {
        "user_unknown", "domain_unknown", "permanent_other", "connection_failed", "mailbox_full", "temporary_other",
        "refused",      "too_large",      "undetermined",    "complaint",         "auto_reply",   "delayed",
        "delivered",    "not_a_bounce",   "unsubscribe",     "join_asked",        "leave_asked",
};
#define CATEGORY_COUNT (sizeof categories / sizeof *categories)

static const char *const faults[] = {
        "no_token", "bad_token", "shared", "expired", "not_sent", "automatic", "no_list", "no_sender", "too_often",
};
#define FAULT_COUNT (sizeof faults / sizeof *faults)

struct stats {
	struct metrics *metrics;
	struct metric *categories[CATEGORY_COUNT];
	struct metric *faults[FAULT_COUNT];
	struct metric *known, *marked, *put_off, *commit;
};

static struct metric *counter(struct stats *stats, const char *name, const char *label, const char *value,
                              const char *help) {
	char labels[METRICS_LABELS_SIZE] = "";

	if (label != NULL)
		snprintf(labels, sizeof labels, "%s=\"%s\"", label, value);
	return metrics_get(stats->metrics, METRICS_COUNTER, name, labels, help);
}

struct stats *stats_new(const char *data_dir, struct err *err) {
	struct stats *stats = calloc(1, sizeof *stats);
	size_t i;

	if (stats == NULL)
		return NULL;
	stats->metrics = metrics_open(data_dir, "bounced", err);
	for (i = 0; i < CATEGORY_COUNT; i++)
		stats->categories[i] = counter(stats, "todoku_bounced_reports_total", "category", categories[i],
		                               "what came back, as far as it is proven");
	for (i = 0; i < FAULT_COUNT; i++)
		stats->faults[i] = counter(stats, "todoku_bounced_faulty_total", "fault", faults[i],
		                           "what came back and changed nothing");
	stats->known = counter(stats, "todoku_bounced_repeated_total", NULL, NULL, "what was delivered before");
	stats->marked = counter(stats, "todoku_bounced_marked_total", NULL, NULL, "addresses marked temporary-failed");
	stats->put_off = counter(stats, "todoku_bounced_put_off_total", NULL, NULL, "messages answered with 4xx");
	stats->commit = metrics_get(stats->metrics, METRICS_HISTOGRAM, "todoku_bounced_commit_seconds", "",
	                            "how long a transaction takes");
	return stats;
}

void stats_free(struct stats **stats) {
	if (*stats == NULL)
		return;
	metrics_close(&(*stats)->metrics);
	free(*stats);
	*stats = NULL;
}

static void count(struct metric *const *metrics, const char *const *names, size_t name_count, struct span name) {
	size_t i;

	for (i = 0; i < name_count; i++)
		if (span_equal(span_of(names[i]), name)) {
			metric_add(metrics[i], 1);
			return;
		}
}

void stats_bounce(struct stats *stats, const struct store_bounce *bounce, enum store_bounce_result result) {
	if (result == STORE_BOUNCE_KNOWN)
		metric_add(stats->known, 1);
	else if (bounce->fault.len > 0)
		count(stats->faults, faults, FAULT_COUNT, bounce->fault);
	else
		count(stats->categories, categories, CATEGORY_COUNT, bounce->category);
	if (result == STORE_BOUNCE_MARKED)
		metric_add(stats->marked, 1);
}

void stats_put_off(struct stats *stats) {
	metric_add(stats->put_off, 1);
}

void stats_commit(struct stats *stats, uint64_t nanoseconds) {
	metric_observe(stats->commit, nanoseconds);
}
