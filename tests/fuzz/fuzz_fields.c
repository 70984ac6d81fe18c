/*
 * Header fields of what comes back: what is found has no line end, and what stands
 * behind the trace is the message's end.
 */
#include <assert.h>
#include <stdint.h>

#include "bounced/fields.h"

#define VALUE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const char *const names[] = {"From", "Auto-Submitted", "Received"};
	struct span message = span_make((const char *)data, size), behind = fields_behind_trace(message);
	struct buf value;
	size_t i;

	assert(behind.len <= message.len && span_equal(behind, span_from(message, message.len - behind.len)));
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		buf_init(&value, VALUE_MAX);
		if (!fields_find(message, span_of(names[i]), &value))
			assert(value.len == 0);
		assert(span_find_byte(buf_span(&value), '\n') < 0 && span_find_byte(buf_span(&value), '\r') < 0);
		buf_free(&value);
	}
	return 0;
}
