/*
 * Where a message comes from, which list it belongs to and which campaign.
 *
 * Only mail of trusted origin is ours: by a client in `trusted`, by SASL login,
 * or handed in by sendmail(1).  In the split wiring the second smtpd sees
 * neither login nor client, so the first passes them on in a control header
 * with a MAC (X-Todoku-Origin), which is believed only when it verifies.
 */
#ifndef MILTER_ROUTING_H
#define MILTER_ROUTING_H

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/keyring.h"
#include "milter/message.h"

#define ROUTING_ORIGIN_HEADER "X-Todoku-Origin"
#define ROUTING_LIST_HEADER "X-Todoku-List"

struct origin {
	bool trusted;
	struct span client; /* address; empty for sendmail(1) */
	struct span login;  /* SASL login; empty where there was none */
};

/* The origin as this smtpd sees it. */
struct origin origin_of(const struct conf *conf, struct span client, struct span login);
/* The value of X-Todoku-Origin for it, appended: 0 or -1. */
int origin_write(const struct keyring *ring, const struct origin *origin, time_t now, struct buf *out);
/* What a front smtpd said, where the message carries that and it verifies: 0,
 * and the spans live as long as the message.  -1 else. */
int origin_read(const struct keyring *ring, struct message *m, struct origin *origin_r);

enum routing {
	ROUTING_NONE, /* no list: none of our business */
	ROUTING_LIST,
	ROUTING_UNKNOWN, /* X-Todoku-List names a list that isn't configured */
};

/* By X-Todoku-List, else SASL login, envelope sender, From, client.  `-` in
 * X-Todoku-List: of no list, whatever the rest would make of it.  `from` is NULL
 * where the message has no usable From. */
enum routing routing_list(const struct conf *conf, const struct origin *origin, struct message *m,
                          const struct addr *from, const struct conf_list **list_r);

struct campaign {
	uint64_t id;
	struct span name; /* of the header; or the day; or the day and the Subject */
};
/* The message must be of the list.  The name lives as long as the message. */
struct campaign routing_campaign(const struct conf *conf, const struct keyring *ring, const struct zone *zone,
                                 const struct conf_list *list, struct message *m, time_t now);

/* Is a field one of ours, which must not leave the host? */
bool routing_is_control(struct span field_name);

#endif
