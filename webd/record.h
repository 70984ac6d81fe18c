/*
 * What a record of the journal says: an event, or a change of status that the
 * store could not take at once, with its event.
 *
 *   offset size
 *   0      1    1 event, 2 change with its event
 *   1      1    kind of event (store_event.h)
 *   2      1    bit 0: shared
 *   3      1    machine label
 *   4      2    version of the rules
 *   6      2    number of the link
 *   8      8    time in milliseconds since 1970
 *   16     8    campaign
 *   24     8    address key
 *   32     8    visitor
 *   40          texts, each after its length in 2 octets: list, target, value, client, User-Agent;
 *               and of a change: status (1 octet of text), address, reason, detail, who
 *
 * Integers are big-endian.  A record with octets left over is none.
 */
#ifndef WEBD_RECORD_H
#define WEBD_RECORD_H

#include "lib/store_event.h"
#include "lib/store_status.h"

enum record_type { RECORD_EVENT = 1, RECORD_CHANGE = 2 };

struct record {
	enum record_type type;
	struct store_event event;   /* its spans point into the record; `position` is 0 */
	struct store_change change; /* RECORD_CHANGE; `event` is NULL: set it to &record.event */
};

/* Texts over STORE_TEXT_MAX are cut. */
void record_add_event(struct buf *out, const struct store_event *event);
/* `change->event` is not NULL; its proof is not kept. */
void record_add_change(struct buf *out, const struct store_change *change);
/* 0, or -1 where the payload is not understood, or nothing that the store would take. */
int record_read(struct span payload, struct record *record_r);

#endif
