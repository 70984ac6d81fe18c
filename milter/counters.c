#include "milter/counters.h"

#include <stdio.h>

static const char *const fates[COUNTERS_FATES] = {
        "treated", "passed", "untreated", "tempfailed", "refused", "discarded",
};
static const char *const stages[COUNTERS_STAGES] = {
        "rewrite", "sign", "verify", "standing", "store",
};

void counters_open(struct counters *c, struct metrics *metrics) {
	char labels[METRICS_LABELS_SIZE];
	int i;

	for (i = 0; i < COUNTERS_FATES; i++) {
		snprintf(labels, sizeof labels, "fate=\"%s\"", fates[i]);
		c->messages[i] = metrics_get(metrics, METRICS_COUNTER, "todoku_milter_messages_total", labels,
		                             "Messages that came to their end, by what became of them.");
	}
	for (i = 0; i < COUNTERS_STAGES; i++) {
		snprintf(labels, sizeof labels, "stage=\"%s\"", stages[i]);
		c->stages[i] =
		        metrics_get(metrics, METRICS_HISTOGRAM, "todoku_milter_stage_seconds", labels,
		                    "Time of a stage: rewrite, sign, verify (processor); standing, store (elapsed).");
	}
	c->refused = metrics_get(metrics, METRICS_COUNTER, "todoku_milter_recipients_total", "fate=\"refused\"",
	                         "Recipients of list mail, by what became of them.");
	c->sent = metrics_get(metrics, METRICS_COUNTER, "todoku_milter_recipients_total", "fate=\"sent\"",
	                      "Recipients of list mail, by what became of them.");
	c->end = metrics_get(metrics, METRICS_HISTOGRAM, "todoku_milter_end_of_message_seconds", "",
	                     "From the end of a message to the answer.");
	c->memory = metrics_get(metrics, METRICS_GAUGE, "todoku_milter_memory_bytes", "",
	                        "Charged by the messages at hand.");
}
