/*
 * A listener: libmicrohttpd below, handlers above.  server.c and server_answer.c
 * are the only files that know both.
 *
 * Threads: `threads` of libmicrohttpd's serve connections by epoll.  A handler of
 * kind ROUTE_FAST runs there; one of kind ROUTE_SLOW on the workers.  While an
 * answer waits for a worker or for its record to be on disk, its connection is
 * suspended, and the thread serves others.
 *
 * Each request is checked before any handler sees it: webd/http_check.h.
 */
#ifndef WEBD_SERVER_H
#define WEBD_SERVER_H

#include "webd/app.h"
#include "webd/conns.h"
#include "webd/stats.h"
#include "webd/tls.h"
#include "webd/workers.h"

struct server;

struct server_options {
	struct app *app;
	const struct route *routes;
	struct workers *workers;
	int fd; /* listening */
	bool is_admin;
	unsigned threads;
	struct conns_limits limits;
	struct tls *tls;     /* or NULL */
	struct stats *stats; /* or NULL */
};

/* NULL with the reason.  All that is pointed to outlives the server. */
struct server *server_start(const struct server_options *options, struct err *err);
/* Time-outs; call it every half second or so. */
void server_tick(struct server *server);
/* Takes no new connection; requests at hand are answered first.  -1 where some were
 * still waiting after `patience_ms`: the process can only exit. */
int server_stop(struct server **server, int patience_ms);

#endif
