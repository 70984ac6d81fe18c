/*
 * The header fields of list mail (H1-H7): List-Unsubscribe and its -Post,
 * List-Id, Feedback-ID, CFBL-Address; and the control fields' end.
 */
#ifndef MILTER_HEADERS_H
#define MILTER_HEADERS_H

#include "lib/conf.h"
#include "milter/message.h"

struct headers_rules {
	const struct conf_list *list;
	struct span hostname;
	struct span from_domain;
	uint64_t campaign;
	struct span unsubscribe_url;    /* BASE_URL/u/TOKEN */
	struct span unsubscribe_mailto; /* unsubscribe+TOKEN@DOMAIN, or empty */
};

/* Changes the message's fields.  `unsubscribe_uri_r` is the https URI of the
 * List-Unsubscribe that goes out: the application's or ours; it lives as long
 * as the message. */
void headers_apply(struct message *m, const struct headers_rules *rules, struct span *unsubscribe_uri_r);

/* Makes blanks of vertical tabs and form feeds in the fields that are signed:
 * verifiers differ in whether these are white space to them (RFC 6376 2.8 says
 * no, libopendkim yes), so that no signature over them holds everywhere. */
void headers_mend_blanks(struct message *m);

/* Drops every X-Todoku-* field. */
void headers_drop_control(struct message *m);

/* What a List-Unsubscribe says (RFC 2369 2). */
struct headers_unsubscribe {
	struct span https;  /* the first https URI; empty where there is none */
	struct span mailto; /* the first mailto URI */
	size_t https_count;
	size_t mailto_count;
};
/* `value` without folding. */
void headers_read_unsubscribe(struct span value, struct headers_unsubscribe *said_r);

#endif
