/*
 * tools/import.h: whatever the file, rows of good addresses and known lists, or
 * errors that name lines; twice the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "tools/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char news[] = "news", plain[] = "plain";
static struct conf_list lists[] = {{.name = news}, {.name = plain}};

static void check_rows(const struct import *import) {
	size_t i;

	for (i = 0; i < import->count; i++) {
		const struct import_row *row = &import->rows[i];
		const char *address = import_address(import, row);

		assert(row->address < import->text.len);
		assert(strrchr(address, '@') != NULL && strlen(address) <= ADDR_MAX);
		assert(row->list <= 2 && row->line > 0 && strlen(import_state_name(row)) > 0);
		assert(row->status != STORE_UNSUBSCRIBED || row->list > 0);
	}
}

static void check_errors(struct span errors) {
	size_t lines = 0;

	assert(errors.len > 0 && errors.at[errors.len - 1] == '\n');
	while (errors.len > 0) {
		ssize_t end = span_find_byte(errors, '\n');

		assert(end > 0 && (ascii_is_digit(errors.at[0]) || span_starts(errors, SPAN("and "))));
		errors = span_from(errors, (size_t)end + 1);
		lines++;
	}
	assert(lines <= IMPORT_ERRORS_MAX + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct conf conf = {.lists = lists, .list_count = 2};
	struct import import;
	struct buf errors;
	int i;

	for (i = 0; i < 6; i++) {
		buf_init(&errors, 1 << 20);
		if (import_read(&import, span_make((const char *)data, size), (enum import_encoding)(i % 3), &conf,
		                (size_t)i / 3, &errors) == 0)
			check_rows(&import);
		else
			check_errors(buf_span(&errors));
		buf_free(&errors);
		import_free(&import);
	}
	return 0;
}
