/*
 * The connections of a listener: how many, whose, and for how long each has been
 * at what it does (S4).
 *
 * A connection is reading (nothing or a part of a request has come), working
 * (waiting for us), or sending (the answer).  One that reads or sends for longer
 * than the time-out is shut down, however slowly octets trickle.  Where there are
 * too many, of one address or in all, a new one is never refused: the one that has
 * been reading longest is shut down for it.  So a flood of idle connections
 * can't keep a one-click POST out, from the same address either.  One that has just
 * come, or whose octets wait to be read, is spared, so long as its address has
 * not four times its share.
 *
 * Trusted proxies have one connection for many readers: they have no limit of
 * their own, and a longer time-out, longer than theirs, so that it is they who close.
 *
 * Any thread may call.  A descriptor is shut down, never closed, here.
 */
#ifndef WEBD_CONNS_H
#define WEBD_CONNS_H

#include "lib/conf.h"

struct conns;
struct conn;

#define CONNS_PROXY_TIMEOUT_MS 180000

struct conns_limits {
	size_t all;
	size_t per_address;
	long timeout_ms;
};

struct conns *conns_new(const struct conns_limits *limits);
/* All connections are gone by then. */
void conns_free(struct conns **conns);

/* `peer` as text.  NULL when out of memory: it then has no time-out. */
struct conn *conns_add(struct conns *conns, int fd, const char *peer, bool is_proxy);
void conns_remove(struct conns *conns, struct conn **conn);

void conn_working(struct conn *conn);
void conn_sending(struct conn *conn);
void conn_reading(struct conn *conn);
const char *conn_peer(const struct conn *conn);

/* Shuts down those that are over their time; call it every now and then. */
void conns_reap(struct conns *conns);
/* Shuts down those that read, at the end of the process. */
void conns_shut_readers(struct conns *conns);

struct conns_counts {
	size_t open;
	uint64_t timed_out;
	uint64_t displaced; /* shut down for a newer one */
};
struct conns_counts conns_counts(struct conns *conns);

#endif
