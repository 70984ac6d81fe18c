/*
 * The LMTP server: one thread, libevent, any number of sessions.
 *
 * A whole message is handed to `submit`, and its session waits, reading nothing
 * more, until server_done() brings it back with its replies.  A client that goes
 * away meanwhile changes nothing: what it handed over is committed, and Postfix,
 * having had no answer, delivers it again.
 *
 * Bounded are the sessions (more get 421), the octets of all messages at hand
 * (more get 452), the time a client may be silent, and by lmtp.h all else.
 */
#ifndef BOUNCED_SERVER_H
#define BOUNCED_SERVER_H

#include "bounced/job.h"
#include "lib/err.h"

/* A message is counted so many times: it is held, read and kept. */
#define SERVER_MEMORY_TIMES 4

struct server_limits {
	size_t max_message;
	size_t memory;
	size_t connections;
	long timeout; /* seconds */
};

struct server_hooks {
	/* As in lmtp.h; in the server's thread. */
	const char *(*recipient)(void *context, struct span sender, struct span recipient);
	/* The job comes back by server_done(). */
	void (*submit)(void *context, struct job *job);
	void *context;
};

struct server;

/* Serves a listening socket, which is the server's from then on.  `hostname` must
 * stay valid. */
struct server *server_new(int listener, const char *hostname, const struct server_limits *limits,
                          const struct server_hooks *hooks, struct err *err);
/* After server_run() has returned, when every job has come back. */
void server_free(struct server **server);

/* Calls back in the server's thread whenever there is something to read at `fd`. */
int server_watch(struct server *server, int fd, void (*ready)(void *context), void *context);
/* For sessions that begin from now on; in the server's thread. */
void server_set_limits(struct server *server, const struct server_limits *limits);

/* Until server_stop(): no new session, those between messages end with 421, those
 * that wait for an answer get it, `patience` seconds long. */
void server_run(struct server *server);
void server_stop(struct server *server, long patience);

/* Any thread. */
void server_done(struct server *server, struct job *job);

#endif
