/*
 * Which clicks and opens are machines', as far as the request alone tells (T3):
 * HEAD, the User-Agent of a known scanner or mail proxy, or sooner after the mail
 * was accepted than a person could read it.  What needs the reader's other clicks
 * (bursts, every link), the store finds (lib/store_event.h).
 *
 * A label changes nothing for who made the request: it is answered the same.
 */
#ifndef WEBD_LABEL_H
#define WEBD_LABEL_H

#include "lib/store_event.h"

/* Grows with every change of the table or of the order of the rules. */
#define LABEL_RULES 1

#define LABEL_TOO_SOON 5 /* seconds */

struct label_input {
	enum store_event_kind kind;
	bool is_head;
	struct span user_agent;
	int64_t time_ms; /* now */
	uint32_t made;   /* when the token was made: the mail's acceptance; 0: not known */
};

/* The first that holds: head, scanner, proxy, too_soon. */
enum store_machine label_find(const struct label_input *input);

#endif
