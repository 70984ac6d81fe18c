/*
 * Counters, gauges and latencies of a daemon, kept in one mapped file
 * DATA_DIR/metrics/DAEMON, so that they survive restarts and any process can
 * read them: webd shows all files of the folder as Prometheus' text format.
 *
 * A daemon asks for its metrics once (metrics_get) and then adds to them with
 * one atomic operation, without a lock, from any thread.  Several processes of
 * one kind may share the file.  Without a file (NULL metrics: the folder can't
 * be written) everything may still be called, and counts for nobody.
 *
 * Names and labels follow Prometheus' conventions: `todoku_DAEMON_WHAT_UNIT`,
 * counters end in `_total`, latencies in `_seconds`; a label has few values
 * (never an address).  The help of a name is the same everywhere.
 *
 * A file that is no file of ours, torn or of another layout, is replaced by a
 * new one.  Ceilings: METRICS_SLOTS metrics a file; what comes after is NULL.
 */
#ifndef LIB_METRICS_H
#define LIB_METRICS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

#define METRICS_SLOTS 256
#define METRICS_NAME_SIZE 80   /* with NUL; a daemon's name too */
#define METRICS_LABELS_SIZE 96 /* with NUL */
#define METRICS_HELP_SIZE 104  /* with NUL */

enum metrics_kind { METRICS_COUNTER = 1, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics;
struct metric;

/* NULL with the reason: log it, go on without.  Counts the start in
 * todoku_DAEMON_starts_total ("policyd", not "todoku-policyd", is the name). */
struct metrics *metrics_open(const char *data_dir, const char *daemon, struct err *err);
/* Its metrics are gone then, too. */
void metrics_close(struct metrics **metrics);

/* The metric of that name and labels (`fate="treated"`, or ""), made at zero where
 * there is none.  Takes a lock: not for the hot path.  NULL when there is no
 * room; name, labels and help that are not well-formed are a bug. */
struct metric *metrics_get(struct metrics *metrics, enum metrics_kind kind, const char *name, const char *labels,
                           const char *help);
/* Appends `key="value"` with what it must escape, behind a comma where `labels` holds
 * some; a value too long for a slot is cut by the caller. */
void metrics_label(struct buf *labels, const char *key, struct span value);

/* NULL is fine everywhere. */
void metric_add(struct metric *metric, uint64_t more);
void metric_set(struct metric *metric, double value);
/* Into a histogram: 0.1 ms to 60 s. */
void metric_observe(struct metric *metric, uint64_t nanoseconds);
uint64_t metric_value(const struct metric *metric);
/* Nanoseconds of a clock that nobody sets, for metric_observe(). */
uint64_t metrics_now(void);

/* All files of DATA_DIR/metrics, appended as Prometheus' text format 0.0.4; one
 * that can't be read is a comment.  Nothing where the folder is absent. */
void metrics_print(const char *data_dir, struct buf *out);

/* The same for files' bytes (metrics_print, tests, fuzzer): gather each, then write
 * all: the samples of a name stand together, whichever file they are from. */
struct metrics_set;
struct metrics_set *metrics_set_new(void);
void metrics_set_free(struct metrics_set **set);
/* -1 with the reason, and nothing taken of it, when it is no file of ours. */
int metrics_set_add(struct metrics_set *set, struct span file, struct err *err);
void metrics_set_write(struct metrics_set *set, struct buf *out);

#endif
