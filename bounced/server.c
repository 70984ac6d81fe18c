#include "bounced/server.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX 65536   /* octets read ahead of a session */
#define REPLIES_MAX 65536 /* octets of replies to one reading */

struct connection {
	struct server *server;
	struct bufferevent *io;
	struct lmtp_hooks hooks;
	struct lmtp *lmtp;
	bool waiting; /* for a job */
	bool closing; /* once its last reply is written */
	struct connection *next, **link;
};

struct server {
	struct event_base *base;
	struct event *accept_event, *wake_event, *watch_event, *stop_event, *resume_event;
	const char *hostname;
	struct server_limits limits;
	struct server_hooks hooks;
	struct connection *connections;
	size_t connection_count;
	size_t octets; /* of messages at hand */
	bool stopping;
	int listener;
	int wake; /* eventfd: something is in `done` */
	struct job_queue *done;
	void (*watch)(void *context);
	void *watch_context;
};

static bool have_room(void *context, size_t octets) {
	struct server *server = ((struct connection *)context)->server;

	if (server->octets + octets > server->limits.memory / SERVER_MEMORY_TIMES)
		return false;
	server->octets += octets;
	return true;
}

static void give_back(void *context, size_t octets) {
	struct server *server = ((struct connection *)context)->server;

	assert(octets <= server->octets);
	server->octets -= octets;
}

static const char *check_recipient(void *context, struct span sender, struct span recipient) {
	const struct server *server = ((struct connection *)context)->server;

	return server->hooks.recipient(server->hooks.context, sender, recipient);
}

static void maybe_end(struct server *server) {
	if (server->stopping && server->connection_count == 0)
		event_base_loopbreak(server->base);
}

static void connection_free(struct connection *connection) {
	struct server *server = connection->server;

	assert(!connection->waiting);
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	server->connection_count--;
	lmtp_free(&connection->lmtp);
	if (connection->io != NULL)
		bufferevent_free(connection->io);
	free(connection);
	maybe_end(server);
}

/* Hands the message over; where that can't be, it is put off. */
static void submit(struct connection *connection, struct buf *out) {
	struct lmtp_message *message = lmtp_take(connection->lmtp);
	struct job *job = job_new(message, connection);
	const char *replies[LMTP_RECIPIENTS_MAX];
	size_t count = message->recipients.len, i;

	if (job != NULL) {
		connection->waiting = true;
		bufferevent_disable(connection->io, EV_READ);
		connection->server->hooks.submit(connection->server->hooks.context, job);
		return;
	}
	for (i = 0; i < count; i++)
		replies[i] = "452 4.3.1 out of memory";
	give_back(connection, message->reserved);
	lmtp_message_free(&message);
	lmtp_answer(connection->lmtp, replies, count, out);
}

/* Reads what has come, as far as the session takes it, and writes its replies.  The
 * connection may be gone afterwards. */
static void process(struct connection *connection, struct buf *out) {
	struct evbuffer *input = bufferevent_get_input(connection->io);
	struct evbuffer_iovec piece;

	while (!connection->waiting && !lmtp_is_over(connection->lmtp) &&
	       evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
		size_t taken = lmtp_feed(connection->lmtp, span_make(piece.iov_base, piece.iov_len), out);

		evbuffer_drain(input, taken);
		if (lmtp_has_message(connection->lmtp))
			submit(connection, out);
	}
	if (out->failed || (out->len > 0 && bufferevent_write(connection->io, out->at, out->len) != 0)) {
		/* A client that asks faster than it reads. */
		if (connection->waiting)
			connection->closing = true;
		else
			connection_free(connection);
		return;
	}
	if (!lmtp_is_over(connection->lmtp))
		return;
	connection->closing = true;
	bufferevent_disable(connection->io, EV_READ);
	if (evbuffer_get_length(bufferevent_get_output(connection->io)) == 0)
		connection_free(connection);
}

static void on_readable(struct bufferevent *io, void *context) {
	struct buf out;

	(void)io;
	buf_init(&out, REPLIES_MAX);
	process(context, &out);
	buf_free(&out);
}

static void on_written(struct bufferevent *io, void *context) {
	struct connection *connection = context;

	(void)io;
	if (connection->closing && !connection->waiting)
		connection_free(connection);
}

/* Gone, or silent for too long. */
static void on_event(struct bufferevent *io, short what, void *context) {
	struct connection *connection = context;
	static const char late[] = "421 4.4.2 silent for too long\r\n";

	/* A client that has said all still gets its replies. */
	if (connection->waiting ||
	    ((what & BEV_EVENT_EOF) != 0 && evbuffer_get_length(bufferevent_get_output(io)) > 0)) {
		connection->closing = true;
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0 && (what & BEV_EVENT_READING) != 0)
		(void)!write(bufferevent_getfd(io), late, sizeof late - 1);
	connection_free(connection);
}

static struct connection *connection_new(struct server *server, int fd) {
	struct connection *connection = calloc(1, sizeof *connection);
	struct timeval timeout = {.tv_sec = server->limits.timeout};

	if (connection == NULL)
		return NULL;
	connection->server = server;
	connection->hooks = (struct lmtp_hooks){
	        .hostname = server->hostname,
	        .max_message = server->limits.max_message,
	        .recipient = check_recipient,
	        .room = have_room,
	        .give_back = give_back,
	        .context = connection,
	};
	connection->io = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (connection->io == NULL) {
		free(connection);
		return NULL;
	}
	bufferevent_setcb(connection->io, on_readable, on_written, on_event, connection);
	bufferevent_setwatermark(connection->io, EV_READ, 0, INPUT_MAX);
	bufferevent_set_timeouts(connection->io, &timeout, &timeout);
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	server->connections = connection;
	server->connection_count++;
	return connection;
}

/* Greets; whatever fails ends the connection. */
static void begin(struct server *server, int fd) {
	struct connection *connection = connection_new(server, fd);
	struct buf out;

	if (connection == NULL) {
		close(fd);
		return;
	}
	buf_init(&out, REPLIES_MAX);
	connection->lmtp = lmtp_new(&connection->hooks, &out);
	if (connection->lmtp == NULL || out.failed || bufferevent_write(connection->io, out.at, out.len) != 0 ||
	    bufferevent_enable(connection->io, EV_READ | EV_WRITE) != 0)
		connection_free(connection);
	buf_free(&out);
}

/* Without a free descriptor the listening socket would be ready for ever. */
static void pause_accepting(struct server *server) {
	struct timeval pause = {.tv_sec = 1};

	event_del(server->accept_event);
	evtimer_add(server->resume_event, &pause);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context) {
	struct server *server = context;

	(void)fd;
	(void)what;
	if (server->accept_event != NULL)
		event_add(server->accept_event, NULL);
}

static void on_connection(evutil_socket_t listener, short what, void *context) {
	static const char full[] = "421 4.3.2 too many connections\r\n";
	struct server *server = context;
	int fd;

	(void)what;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (server->connection_count < server->limits.connections) {
			begin(server, fd);
			continue;
		}
		(void)!write(fd, full, sizeof full - 1);
		close(fd);
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		pause_accepting(server);
}

/* The replies of a job, and whatever the client sent behind its message. */
static void answer(struct server *server, struct job *job) {
	struct connection *connection = job->connection;
	struct buf out;

	give_back(connection, job->message->reserved);
	connection->waiting = false;
	if (connection->closing) {
		job_free(&job);
		connection_free(connection);
		return;
	}
	buf_init(&out, REPLIES_MAX);
	lmtp_answer(connection->lmtp, job->replies, job->count, &out);
	job_free(&job);
	if (server->stopping)
		lmtp_end(connection->lmtp, "stopping", &out);
	else
		bufferevent_enable(connection->io, EV_READ);
	process(connection, &out);
	buf_free(&out);
}

static void on_done(evutil_socket_t wake, short what, void *context) {
	struct server *server = context;
	struct job *job, *next;
	uint64_t count;

	(void)what;
	(void)!read(wake, &count, sizeof count);
	for (job = job_queue_pop_all(server->done); job != NULL; job = next) {
		next = job->next;
		answer(server, job);
	}
}

static void on_watched(evutil_socket_t fd, short what, void *context) {
	struct server *server = context;

	(void)fd;
	(void)what;
	server->watch(server->watch_context);
}

static void on_patience_over(evutil_socket_t fd, short what, void *context) {
	struct server *server = context;

	(void)fd;
	(void)what;
	event_base_loopbreak(server->base);
}

static struct event *watch_fd(struct server *server, int fd, event_callback_fn callback) {
	struct event *event = event_new(server->base, fd, EV_READ | EV_PERSIST, callback, server);

	if (event != NULL && event_add(event, NULL) != 0) {
		event_free(event);
		event = NULL;
	}
	return event;
}

struct server *server_new(int listener, const char *hostname, const struct server_limits *limits,
                          const struct server_hooks *hooks, struct err *err) {
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	server->listener = listener;
	server->hostname = hostname;
	server->limits = *limits;
	server->hooks = *hooks;
	server->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	server->done = job_queue_new();
	server->base = event_base_new();
	if (server->wake >= 0 && server->done != NULL && server->base != NULL) {
		server->accept_event = watch_fd(server, listener, on_connection);
		server->wake_event = watch_fd(server, server->wake, on_done);
		server->stop_event = evtimer_new(server->base, on_patience_over, server);
		server->resume_event = evtimer_new(server->base, on_pause_over, server);
	}
	if (server->accept_event == NULL || server->wake_event == NULL || server->stop_event == NULL ||
	    server->resume_event == NULL) {
		err_set(err, "libevent: %s", strerror(errno));
		server_free(&server);
	}
	return server;
}

static void drop_done(struct server *server) {
	struct job *job, *next;

	for (job = job_queue_pop_all(server->done); job != NULL; job = next) {
		next = job->next;
		give_back(job->connection, job->message->reserved);
		job->connection->waiting = false;
		job_free(&job);
	}
}

static void event_drop(struct event **event) {
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

void server_free(struct server **server) {
	struct server *s = *server;

	*server = NULL;
	if (s == NULL)
		return;
	/* Nobody waits any more for what came back too late. */
	s->stopping = false;
	if (s->done != NULL)
		drop_done(s);
	while (s->connections != NULL)
		connection_free(s->connections);
	event_drop(&s->accept_event);
	event_drop(&s->wake_event);
	event_drop(&s->watch_event);
	event_drop(&s->stop_event);
	event_drop(&s->resume_event);
	if (s->base != NULL)
		event_base_free(s->base);
	job_queue_free(&s->done);
	if (s->wake >= 0)
		close(s->wake);
	close(s->listener);
	free(s);
}

int server_watch(struct server *server, int fd, void (*ready)(void *context), void *context) {
	assert(server->watch_event == NULL);
	server->watch = ready;
	server->watch_context = context;
	server->watch_event = watch_fd(server, fd, on_watched);
	return server->watch_event == NULL ? -1 : 0;
}

void server_set_limits(struct server *server, const struct server_limits *limits) {
	server->limits = *limits;
}

void server_run(struct server *server) {
	event_base_dispatch(server->base);
}

void server_stop(struct server *server, long patience) {
	struct timeval limit = {.tv_sec = patience};
	struct connection *connection, *next;

	if (server->stopping)
		return;
	server->stopping = true;
	event_drop(&server->accept_event);
	evtimer_add(server->stop_event, &limit);
	for (connection = server->connections; connection != NULL; connection = next) {
		struct buf out;

		next = connection->next;
		if (connection->waiting)
			continue;
		buf_init(&out, REPLIES_MAX);
		lmtp_end(connection->lmtp, "stopping", &out);
		process(connection, &out);
		buf_free(&out);
	}
	maybe_end(server);
}

void server_done(struct server *server, struct job *job) {
	uint64_t one = 1;

	job_queue_push(server->done, job);
	/* Fails only when it counts 2^64 - 2 already, and so wakes all the same. */
	(void)!write(server->wake, &one, sizeof one);
}
