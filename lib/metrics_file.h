/*
 * The layout of a file of metrics; private to lib/metrics*.c.
 *
 * A header and METRICS_SLOTS slots of fixed size, in the host's byte order.  A
 * slot's texts are written before `kind`, which says that it is in use; from then
 * on only its numbers change.
 */
#ifndef LIB_METRICS_FILE_H
#define LIB_METRICS_FILE_H

#include <stdatomic.h>

#include "lib/metrics.h"

#define METRICS_MAGIC "todoku-metrics\n"
#define METRICS_LAYOUT 1
#define METRICS_BUCKETS 18 /* with a bound; one more has none */

struct metric {
	_Atomic uint32_t kind; /* 0: free */
	uint32_t unused;
	char name[METRICS_NAME_SIZE];
	char labels[METRICS_LABELS_SIZE];
	char help[METRICS_HELP_SIZE];
	_Atomic uint64_t value; /* a gauge's: the bits of a double; a histogram's: nanoseconds in all */
	_Atomic uint64_t buckets[METRICS_BUCKETS + 1]; /* each for itself, not cumulated */
	uint64_t filler[8];
};

struct metrics_file {
	char magic[16];
	uint32_t layout;
	uint32_t slots;
	char unused[488];
	struct metric slot[METRICS_SLOTS];
};
_Static_assert(sizeof(struct metric) == 512, "a slot is of one size");
_Static_assert(sizeof(struct metrics_file) == 512 * (METRICS_SLOTS + 1), "no gaps");

/* Upper bounds in nanoseconds. */
extern const uint64_t metrics_bounds[METRICS_BUCKETS];

/* Well-formed: header, and the texts of each slot in use. */
int metrics_check_file(const struct metrics_file *file, struct err *err);
bool metrics_name_is_good(struct span name);
/* KEY="VALUE",...: escapes \\ \" \n, no `le`; or empty. */
bool metrics_labels_are_good(struct span labels);
/* One line of printable text without backslashes. */
bool metrics_help_is_good(struct span help);

#endif
