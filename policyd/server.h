/*
 * The sockets of todoku-policyd: threads with an event loop each, and connections.
 *
 * The listener's thread hands each new connection to the threads in turn.  A connection
 * is one thread's for its life; requests on it are answered in their order.  What
 * is no request is answered by closing it (policyd/protocol.h).  Who does not read his answers is not
 * read from either.  A silent connection is closed after SERVER_IDLE_SECONDS, which is longer than Postfix keeps one.
 */
#ifndef POLICYD_SERVER_H
#define POLICYD_SERVER_H

#include "policyd/decide.h"

#define SERVER_IDLE_SECONDS 3600

struct server;

/* What answers; policyd's own is server_policy.  Benches have another. */
struct server_answerer {
	/* For one thread; NULL on failure. */
	void *(*open)(void *context);
	void (*close)(void *thread);
	void (*answer)(void *thread, struct decide_talk *talk, const struct policy_request *request, struct buf *out);
	void (*leave)(void *thread, struct decide_talk *talk);
};
/* Its context is a struct policy. */
extern const struct server_answerer server_policy;

struct server_setup {
	int listener; /* listening, non-blocking; the server's own from now on */
	long threads;
	long connections;
	const struct server_answerer *answerer;
	void *context;
};
/* NULL with the reason. */
struct server *server_start(const struct server_setup *setup, struct err *err);
/* Answers what has been read, closes all, and ends the threads. */
void server_stop(struct server **server);
/* Connections that were closed because what came was no request. */
uint64_t server_bad(const struct server *server);

#endif
