/* lib/csv.h: what is read and written again reads the same; lines only grow. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_record(const struct csv *csv, struct buf *out) {
	size_t i;

	for (i = 0; i < csv->count; i++)
		csv_add(out, csv->fields[i], i == 0);
	/* One empty field alone would be an empty line. */
	if (csv->count == 1 && csv->fields[0].len == 0)
		buf_add_text(out, "\"\"");
	csv_end(out);
}

static void read_again(const struct csv *want, struct span text) {
	struct csv csv;
	size_t i;

	csv_init(&csv, text);
	assert(csv_next(&csv) == 1 && csv.count == want->count);
	for (i = 0; i < csv.count; i++)
		assert(span_equal(csv.fields[i], want->fields[i]));
	assert(csv_next(&csv) == 0);
	csv_free(&csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct csv csv;
	struct buf out;
	size_t line = 0;
	int got;

	csv_init(&csv, span_make((const char *)data, size));
	buf_init(&out, 8 << 20);
	while ((got = csv_next(&csv)) == 1) {
		assert(csv.line > line && csv.count > 0);
		line = csv.line;
		buf_reset(&out);
		write_record(&csv, &out);
		read_again(&csv, buf_span(&out));
	}
	assert(got == 0 || csv.problem != NULL);
	buf_free(&out);
	csv_free(&csv);
	return 0;
}
