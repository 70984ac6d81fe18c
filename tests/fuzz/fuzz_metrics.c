/*
 * lib/metrics.h's reader: whatever the bytes of a file, what comes out is
 * Prometheus' text format: each line a comment or NAME{LABELS} NUMBER.
 *
 * A whole file is large and mostly zeros, so the input is a list of slots, laid
 * behind a good header: each begins where the last one's 512 octets end.  One
 * that begins with `#` is taken as a file's bytes as they are.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/metrics.h"

#define SLOT 512
#define FILE_SIZE ((METRICS_SLOTS + 1) * SLOT)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t name_length(struct span line) {
	size_t i = 0;

	while (i < line.len && (ascii_is_alnum(line.at[i]) || line.at[i] == '_' || line.at[i] == ':'))
		i++;
	assert(i > 0 && !ascii_is_digit(line.at[0]));
	return i;
}

/* Behind the closing brace. */
static struct span skip_labels(struct span line) {
	size_t i = 1;
	bool quoted = false;

	for (; quoted || line.at[i] != '}'; i++) {
		assert(i < line.len);
		if (line.at[i] == '\\')
			i++;
		else if (line.at[i] == '"')
			quoted = !quoted;
	}
	return span_from(line, i + 1);
}

static void check_line(struct span line) {
	char number[64], *end;

	assert(line.len > 0);
	if (line.at[0] == '#') {
		assert(span_starts(line, SPAN("# HELP ")) || span_starts(line, SPAN("# TYPE ")));
		return;
	}
	line = span_from(line, name_length(line));
	assert(line.len > 0);
	if (line.at[0] == '{')
		line = skip_labels(line);
	assert(line.len > 1 && line.len < sizeof number && line.at[0] == ' ');
	memcpy(number, line.at + 1, line.len - 1);
	number[line.len - 1] = '\0';
	strtod(number, &end);
	assert(end != number && *end == '\0');
}

static void check_text(struct span text) {
	while (text.len > 0) {
		ssize_t newline = span_find_byte(text, '\n');

		assert(newline >= 0);
		check_line(span_make(text.at, (size_t)newline));
		text = span_from(text, (size_t)newline + 1);
	}
}

static void try_file(struct span file) {
	struct metrics_set *set = metrics_set_new();
	struct buf out;
	struct err err;

	buf_init(&out, 4 << 20);
	/* Twice: as of two daemons. */
	if (set != NULL && metrics_set_add(set, file, &err) == 0 && metrics_set_add(set, file, &err) == 0) {
		metrics_set_write(set, &out);
		assert(!out.failed);
		check_text(buf_span(&out));
	}
	buf_free(&out);
	metrics_set_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *file = calloc(1, FILE_SIZE);
	uint32_t header[2] = {1, METRICS_SLOTS};

	if (file == NULL || (size > 0 && data[0] == '#')) {
		try_file(span_make((const char *)data, size));
	} else {
		memcpy(file, "todoku-metrics\n", 16);
		memcpy(file + 16, header, sizeof header);
		if (size > 0)
			memcpy(file + SLOT, data, size < FILE_SIZE - SLOT ? size : FILE_SIZE - SLOT);
		try_file(span_make(file, FILE_SIZE));
	}
	free(file);
	return 0;
}
