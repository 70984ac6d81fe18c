/* The MIME map: what it says lies where it says, in order, and within bounds. */
#include <stdlib.h>

#include "milter/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span entity = span_make((const char *)data, size);
	struct mime_map map;
	size_t i, done = 0;
	static int ready;

	if (!ready) {
		mime_init();
		ready = 1;
	}
	if (mime_map(entity, &map) != 0)
		return 0;
	for (i = 0; map.malformed == NULL && i < map.count; i++) {
		const struct mime_part *part = &map.parts[i];

		if (part->body_at < done || part->body_len > size - part->body_at ||
		    part->encoding_at + part->encoding_len > part->body_at)
			abort();
		if (part->encoding_len > 0 &&
		    !span_starts_nocase(span_from(entity, part->encoding_at), SPAN("Content-Transfer-Encoding")))
			abort();
		if (part->keep == MIME_CHANGEABLE && part->kind == MIME_OTHER)
			abort();
		done = part->body_at + part->body_len;
	}
	mime_map_free(&map);
	return 0;
}
