/*
 * webd/journal_record.h and webd/record.h: whatever octets a disk gives back, only
 * whole records with their checksum are read, and one that is understood is
 * written again as the same octets.  The octets after the first are the file; the
 * first one says whether their checksums are put right before.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webd/journal_record.h"
#include "webd/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0x1234567890

/* As if each were written whole: then what is inside gets its turn too. */
static void seal(char *bytes, size_t len) {
	size_t at = 0;

	while (at + JOURNAL_RECORD_HEAD_SIZE < len) {
		size_t room = len - at - JOURNAL_RECORD_HEAD_SIZE;
		size_t payload = (unsigned char)bytes[at + 3];

		if (payload == 0 || payload > room)
			payload = room > JOURNAL_RECORD_MAX ? JOURNAL_RECORD_MAX : room;
		bytes[at] = bytes[at + 1] = 0;
		bytes[at + 2] = (char)(payload >> 8);
		bytes[at + 3] = (char)payload;
		journal_records_seal(bytes + at, JOURNAL_RECORD_HEAD_SIZE + payload, BASE);
		at += JOURNAL_RECORD_HEAD_SIZE + payload;
	}
}

static void check_record(struct span payload) {
	struct record record;
	struct buf again;

	if (record_read(payload, &record) != 0)
		return;
	assert(store_check_event(&record.event, NULL) == 0);
	buf_init(&again, JOURNAL_RECORD_MAX);
	if (record.type == RECORD_CHANGE) {
		record.change.event = &record.event;
		record_add_change(&again, &record.change);
	} else {
		record_add_event(&again, &record.event);
	}
	assert(span_equal(buf_span(&again), payload));
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span payload;
	struct cursor c;
	size_t read = 0;
	char *bytes;

	if (size < 1)
		return 0;
	bytes = malloc(size);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, data + 1, size - 1);
	if (data[0] & 1)
		seal(bytes, size - 1);
	c = cursor_make(span_make(bytes, size - 1));
	while (journal_record_next(&c, BASE, &payload) == JOURNAL_FOUND) {
		assert(payload.len > 0 && payload.len <= JOURNAL_RECORD_MAX);
		read += JOURNAL_RECORD_HEAD_SIZE + payload.len;
		check_record(payload);
	}
	assert(read <= size - 1 && (size == 1 || c.at == bytes + read));
	journal_head_check(span_make(bytes, size - 1), BASE);
	free(bytes);
	return 0;
}
