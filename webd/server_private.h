/*
 * What webd/server.c (the listener) and webd/exchange.c (one request) share.
 */
#ifndef WEBD_SERVER_PRIVATE_H
#define WEBD_SERVER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "webd/server.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

struct server {
	struct server_options options;
	struct MHD_Daemon *daemon;
	struct conns *conns;
	bool layout_is_known;   /* http_layout_is_plain() applies */
	_Atomic size_t waiting; /* requests whose connection is suspended */
	pthread_key_t threads;  /* of libmicrohttpd's threads: struct thread_state */
};

/* Of one thread that serves connections. */
struct thread_state {
	unsigned begun; /* requests */
};

struct exchange;

/* What libmicrohttpd keeps for us beside each connection. */
struct link {
	struct server *server;
	struct conn *conn;
	struct exchange *spare;        /* for the next request: its memory */
	struct MHD_Response *redirect; /* and its answer, if that is a click's */
};

/* `uri` as it came; NULL when out of memory. */
struct exchange *exchange_new(struct link *link, const char *uri, struct MHD_Connection *connection);
/* The request is over, answered or not. */
void exchange_end(struct link *link, struct exchange **exchange);
void exchange_free(struct exchange **exchange);
/* libmicrohttpd calls this when the header is there, for each piece of the body, when all
 * is there, and after a suspended connection was resumed.  -1: close it. */
int exchange_step(struct exchange *exchange, const char *method, const char *version, const char *body, size_t *len);

/* Hands the answer to libmicrohttpd; -1 when it did not take it. */
int answer_send(struct link *link, struct MHD_Connection *connection, struct http_answer *answer);
void answer_forget(struct link *link);

#endif
