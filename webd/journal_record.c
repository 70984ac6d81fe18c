#include "webd/journal_record.h"

#include <assert.h>
#include <string.h>

#define MAGIC SPAN("todokuj1")

static void put(unsigned char *to, uint64_t value, unsigned size) {
	unsigned i;

	for (i = 0; i < size; i++)
		to[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

/* Four bits at a time, of the reflected polynomial EDB88320. */
static uint32_t crc_add(uint32_t crc, const void *bytes, size_t len) {
	static const uint32_t table[16] = {
	        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const unsigned char *at = bytes;

	for (; len > 0; len--, at++) {
		crc ^= *at;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

static uint32_t checksum(uint64_t base, const char *record, size_t payload_len) {
	unsigned char before[8];
	uint32_t crc;

	put(before, base, 8);
	crc = crc_add(0xffffffff, before, sizeof before);
	crc = crc_add(crc, record, 4);
	return ~crc_add(crc, record + JOURNAL_RECORD_HEAD_SIZE, payload_len);
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
