#include "webd/journal_record.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#define MAGIC SPAN("todokuj1")

static void put(unsigned char *to, uint64_t value, unsigned size) {
	unsigned i;

	for (i = 0; i < size; i++)
		to[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

static uint32_t checksum(uint64_t base, const char *record, size_t payload_len) {
	unsigned char before[8];
	uLong crc;

	put(before, base, 8);
	crc = crc32(0, before, sizeof before);
	crc = crc32(crc, (const unsigned char *)record, 4);
	return (uint32_t)crc32(crc, (const unsigned char *)record + JOURNAL_RECORD_HEAD_SIZE, (uInt)payload_len);
}

void journal_head_format(unsigned char out[JOURNAL_HEAD_SIZE], uint64_t base) {
	memcpy(out, MAGIC.at, MAGIC.len);
	put(out + MAGIC.len, base, 8);
}

int journal_head_check(struct span bytes, uint64_t base) {
	unsigned char want[JOURNAL_HEAD_SIZE];

	journal_head_format(want, base);
	return bytes.len >= sizeof want && memcmp(bytes.at, want, sizeof want) == 0 ? 0 : -1;
}

void journal_record_add(struct buf *out, struct span payload) {
	unsigned char head[JOURNAL_RECORD_HEAD_SIZE] = {0};

	assert(payload.len > 0 && payload.len <= JOURNAL_RECORD_MAX);
	put(head, payload.len, 4);
	if (buf_reserve(out, sizeof head + payload.len) == NULL)
		return;
	buf_add(out, head, sizeof head);
	buf_add_span(out, payload);
}

void journal_records_seal(char *bytes, size_t len, uint64_t base) {
	struct cursor c = cursor_make(span_make(bytes, len));

	while (cursor_left(&c) > 0) {
		char *record = bytes + (c.at - bytes);
		size_t payload_len = cursor_u32(&c);

		cursor_u32(&c);
		cursor_take(&c, payload_len);
		assert(!c.failed);
		put((unsigned char *)record + 4, checksum(base, record, payload_len), 4);
	}
}

enum journal_found journal_record_next(struct cursor *c, uint64_t base, struct span *payload_r) {
	struct cursor ahead = *c;
	uint32_t len, crc;

	*payload_r = SPAN_NONE;
	if (cursor_left(c) == 0)
		return JOURNAL_END;
	len = cursor_u32(&ahead);
	crc = cursor_u32(&ahead);
	if (ahead.failed || len == 0 || len > JOURNAL_RECORD_MAX)
		return JOURNAL_TORN;
	*payload_r = cursor_take(&ahead, len);
	if (ahead.failed || checksum(base, c->at, len) != crc) {
		*payload_r = SPAN_NONE;
		return JOURNAL_TORN;
	}
	*c = ahead;
	return JOURNAL_FOUND;
}
