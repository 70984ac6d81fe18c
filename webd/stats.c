#include "webd/stats.h"

#include <stdio.h>

#include "lib/log.h"

static const unsigned codes[STATS_CODES] = {200, 302, 303, 400, 404, 405, 413, 414, 421, 431, 503, 500};

static void name_requests(struct stats *stats, size_t i, const char *route) {
	char labels[METRICS_LABELS_SIZE];
	size_t j;

	for (j = 0; j < STATS_CODES; j++) {
		snprintf(labels, sizeof labels, "route=\"%s\",code=\"%u\"", route, codes[j]);
		stats->requests[i][j] = metrics_get(stats->metrics, METRICS_COUNTER, "todoku_webd_requests_total",
		                                    labels, "Requests answered.");
	}
	snprintf(labels, sizeof labels, "route=\"%s\"", route);
	stats->seconds[i] = metrics_get(stats->metrics, METRICS_HISTOGRAM, "todoku_webd_request_seconds", labels,
	                                "Time from the request's header to its answer.");
}

static struct metric *counter(struct stats *stats, const char *name, const char *help) {
	return metrics_get(stats->metrics, METRICS_COUNTER, name, "", help);
}

static struct metric *gauge(struct stats *stats, const char *name, const char *help) {
	return metrics_get(stats->metrics, METRICS_GAUGE, name, "", help);
}

void stats_open(struct stats *stats, const char *data_dir, const struct route *routes) {
	struct err err;
	size_t i;

	*stats = (struct stats){.routes = routes};
	stats->metrics = metrics_open(data_dir, "webd", &err);
	if (stats->metrics == NULL) {
		log_line(CONF_LOG_WARNING, "metrics_off", "reason", err.text, NULL);
		return;
	}
	for (i = 0; routes[i].prefix != NULL && i < STATS_ROUTES - 1; i++)
		name_requests(stats, i, routes[i].name);
	name_requests(stats, STATS_ROUTES - 1, "none");
	stats->recorded = counter(stats, "todoku_webd_events_recorded_total", "Events on disk.");
	stats->lost = counter(stats, "todoku_webd_events_lost_total", "Events that could not be written to disk.");
	stats->applied = counter(stats, "todoku_webd_events_applied_total", "Events that the store has taken.");
	stats->refused = counter(stats, "todoku_webd_events_refused_total", "Events that the store could not take.");
	stats->waiting = gauge(stats, "todoku_webd_journal_waiting_bytes", "Journal that the store has not taken.");
	stats->journal_bytes = gauge(stats, "todoku_webd_journal_bytes", "Journal on disk.");
	stats->open = gauge(stats, "todoku_webd_connections", "Connections open.");
	stats->displaced = gauge(stats, "todoku_webd_connections_displaced",
	                         "Connections shut down for newer ones since the start.");
	stats->timed_out = gauge(stats, "todoku_webd_connections_timed_out",
	                         "Connections shut down for being slow since the start.");
}

void stats_close(struct stats *stats) {
	metrics_close(&stats->metrics);
}

void stats_request(struct stats *stats, const struct route *route, unsigned status, uint64_t nanoseconds) {
	size_t i = route == NULL ? STATS_ROUTES - 1 : (size_t)(route - stats->routes), j = 0;

	if (i >= STATS_ROUTES)
		i = STATS_ROUTES - 1;
	while (j < STATS_CODES - 1 && codes[j] != status)
		j++;
	metric_add(stats->requests[i][j], 1);
	metric_observe(stats->seconds[i], nanoseconds);
}

void stats_connections(struct stats *stats, const struct conns_counts *counts) {
	metric_set(stats->open, (double)counts->open);
	metric_set(stats->displaced, (double)counts->displaced);
	metric_set(stats->timed_out, (double)counts->timed_out);
}
