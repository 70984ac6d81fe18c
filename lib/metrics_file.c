#include "lib/metrics_file.h"

#include <string.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

const uint64_t metrics_bounds[METRICS_BUCKETS] = {
        100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
        100 * MS, 250 * MS, 500 * MS, 1 * S,  2500 * MS, 5 * S,  10 * S,  30 * S,  60 * S,
};

static bool is_name(struct span s, bool colon) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.at[i]) && s.at[i] != '_' && !(colon && s.at[i] == ':') &&
		    !(i > 0 && ascii_is_digit(s.at[i])))
			return false;
	return s.len > 0;
}

bool metrics_name_is_good(struct span name) {
	return is_name(name, true);
}

/* Length of the quoted value that `s` begins with, quotes included; 0 for none. */
static size_t value_length(struct span s) {
	size_t i;

	if (s.len == 0 || s.at[0] != '"')
		return 0;
	for (i = 1; i < s.len && s.at[i] != '"'; i++) {
		if (s.at[i] < ' ' || s.at[i] > '~')
			return 0;
		if (s.at[i] == '\\' && (++i == s.len || strchr("\\\"n", s.at[i]) == NULL || s.at[i] == '\0'))
			return 0;
	}
	return i < s.len ? i + 1 : 0;
}

bool metrics_labels_are_good(struct span labels) {
	while (labels.len > 0) {
		ssize_t equals = span_find_byte(labels, '=');
		struct span key = span_make(labels.at, equals < 0 ? 0 : (size_t)equals);
		size_t len;

		if (!is_name(key, false) || span_equal(key, SPAN("le")) || span_starts(key, SPAN("__")))
			return false;
		labels = span_from(labels, key.len + 1);
		len = value_length(labels);
		if (len == 0)
			return false;
		labels = span_from(labels, len);
		if (labels.len > 0 && (labels.at[0] != ',' || labels.len == 1))
			return false;
		if (labels.len > 0)
			labels = span_from(labels, 1);
	}
	return true;
}

bool metrics_help_is_good(struct span help) {
	size_t i;

	for (i = 0; i < help.len; i++)
		if (help.at[i] < ' ' || help.at[i] > '~' || help.at[i] == '\\')
			return false;
	return help.len > 0;
}

static bool holds(const char *text, size_t size, bool (*is_good)(struct span)) {
	size_t len = strnlen(text, size);

	return len < size && is_good(span_make(text, len));
}

int metrics_check_file(const struct metrics_file *file, struct err *err) {
	size_t i;

	if (memcmp(file->magic, METRICS_MAGIC, sizeof file->magic) != 0)
		return err_set(err, "no file of metrics");
	if (file->layout != METRICS_LAYOUT || file->slots != METRICS_SLOTS)
		return err_set(err, "metrics of another layout");
	for (i = 0; i < METRICS_SLOTS; i++) {
		const struct metric *m = &file->slot[i];
		uint32_t kind = atomic_load_explicit(&m->kind, memory_order_acquire);

		if (kind == 0)
			continue;
		if (kind > METRICS_HISTOGRAM || !holds(m->name, sizeof m->name, metrics_name_is_good) ||
		    !holds(m->labels, sizeof m->labels, metrics_labels_are_good) ||
		    !holds(m->help, sizeof m->help, metrics_help_is_good))
			return err_set(err, "slot %zu is torn", i);
	}
	return 0;
}
