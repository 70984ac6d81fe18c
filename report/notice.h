/*
 * Free text that tells of a failure, read: whom it names as failed, and what it
 * says of each.
 *
 * A line that begins with an address, or has one behind words such as "could not
 * be delivered to", names a recipient; what follows is about that one until the
 * next.  Reading stops where the returned message begins (marks.h).
 */
#ifndef REPORT_NOTICE_H
#define REPORT_NOTICE_H

#include "lib/text.h"
#include "report/marks.h"

#define NOTICE_MAX (4U << 20)   /* octets of text that are read */
#define NOTICE_SPEECH_MAX 4096U /* octets of what is said of one recipient */

/* How sure it is that an address is a failed recipient. */
enum notice_rank {
	NOTICE_MENTIONED, /* somewhere in a line */
	NOTICE_LISTED,    /* a line begins with it */
	NOTICE_NAMED,     /* words before it say so */
};

struct notice_item {
	struct span address;
	struct span origin; /* what the sender wrote, where another is told */
	enum notice_rank rank;
	const char *phase; /* SMTP command that was answered; NULL unknown */
	uint32_t first;    /* piece of what is said of it; NOTICE_NO_PIECE */
	uint32_t last;
};

struct notice_piece {
	struct span text;
	uint32_t next;
};
#define NOTICE_NO_PIECE UINT32_MAX

struct notice {
	struct notice_item *items;
	size_t count;
	struct notice_piece *pieces;
	size_t piece_count;
	struct span text;     /* all before the returned message */
	struct span returned; /* the returned message, where the text holds it */
	const char *family;   /* NULL where no phrase told */
	const char *phase;    /* as told before any recipient; NULL */
	bool failed;          /* phrases of failure */
	bool delayed;
	bool delivered;
	bool forwarded; /* a person passes on what follows */
	/* For the reader alone. */
	size_t item_room;
	size_t piece_room;
	uint32_t *slots;
	size_t slot_count;
};

/* `text` is UTF-8 and has to outlive the notice.  0, or -1 when out of memory. */
int notice_read(const struct phrases *marks_set, struct span text, struct notice *notice_r);
void notice_free(struct notice *notice);

/* The item of that address, or NULL. */
struct notice_item *notice_find(const struct notice *notice, struct span address);
/* What is said of an item, appended; NOTICE_SPEECH_MAX octets at most. */
void notice_speech(const struct notice *notice, const struct notice_item *item, struct buf *out);

#endif
