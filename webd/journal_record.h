/*
 * The bytes of a journal segment:
 *
 *   offset size
 *   0      8    "todokuj1"
 *   8      8    base: the position of the segment's first octet in the journal
 *
 * and then records, each
 *
 *   0      4    length of the payload, 1 to JOURNAL_RECORD_MAX
 *   4      4    CRC-32 (IEEE 802.3) of base, length and payload
 *   8      n    payload
 *
 * Integers are big-endian.  A segment ends at the first record that does not
 * verify: a kill or a power cut may have torn it.
 */
#ifndef WEBD_JOURNAL_RECORD_H
#define WEBD_JOURNAL_RECORD_H

#include "lib/cursor.h"

#define JOURNAL_HEAD_SIZE 16
#define JOURNAL_RECORD_HEAD_SIZE 8
#define JOURNAL_RECORD_MAX 8192

void journal_head_format(unsigned char out[JOURNAL_HEAD_SIZE], uint64_t base);
/* 0, or -1 where it is not the head of the segment of that base. */
int journal_head_check(struct span bytes, uint64_t base);

/* Appends the record.  The payload is not empty and within JOURNAL_RECORD_MAX. */
void journal_record_add(struct buf *out, struct span payload);
/* Fills in the checksums of all records in `bytes`: the base is known only
 * when they are written. */
void journal_records_seal(char *bytes, size_t len, uint64_t base);

enum journal_found { JOURNAL_FOUND, JOURNAL_END, JOURNAL_TORN };
/* The next record, skipped.  JOURNAL_END: nothing is left.  JOURNAL_TORN: what is
 * left is no whole, right record; the cursor stays. */
enum journal_found journal_record_next(struct cursor *c, uint64_t base, struct span *payload_r);

#endif
