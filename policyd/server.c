#include "policyd/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/log.h"

#define READ_MAX 262144     /* octets taken from a socket at once */
#define ANSWERS_MAX 1048576 /* octets unread by the client before it is not read from */
#define BATCH_MAX 4194304   /* answers to what was read at once */
#define ACCEPT_PAUSE_US 100000

struct thread {
	struct server *server;
	pthread_t id;
	bool running;
	struct event_base *base;
	int wires[2]; /* new connections come as their descriptors; -1: stop */
	struct event *arrival;
	void *answerer;
	struct buf answers;
	LIST_HEAD(, connection) connections;
};

struct connection {
	struct thread *thread;
	struct bufferevent *bytes;
	struct policy_reader reader;
	struct decide_talk talk;
	bool closing; /* when the answers are sent */
	LIST_ENTRY(connection) link;
};

struct server {
	struct server_setup setup;
	struct thread listener; /* has no connections */
	struct evconnlistener *accepts;
	struct event *again; /* after a pause for want of descriptors */
	struct thread *threads;
	size_t next;
	_Atomic long open;
	_Atomic bool full; /* said so, since there was room */
	_Atomic uint64_t bad;
};

/* ---- connections ---- */

static void connection_free(struct connection *c) {
	struct thread *thread = c->thread;

	thread->server->setup.answerer->leave(thread->answerer, &c->talk);
	LIST_REMOVE(c, link);
	bufferevent_free(c->bytes);
	free(c);
	atomic_fetch_sub(&thread->server->open, 1);
	atomic_store(&thread->server->full, false);
}

/* Answers all that is whole in the input. */
static void answer_input(struct connection *c, struct evbuffer *input) {
	struct thread *thread = c->thread;
	size_t length = evbuffer_get_length(input), done = 0, used;
	const char *at = (const char *)evbuffer_pullup(input, -1);
	struct policy_request request;

	while (!c->closing && done < length && thread->answers.len <= ANSWERS_MAX) {
		enum policy_outcome outcome =
		        policy_read(&c->reader, span_make(at + done, length - done), &request, &used);

		if (outcome == POLICY_MORE)
			break;
		if (outcome == POLICY_BAD) {
			log_line(CONF_LOG_WARNING, "bad_request", "reason", c->reader.reason, NULL);
			atomic_fetch_add(&thread->server->bad, 1);
			c->closing = true;
			break;
		}
		thread->server->setup.answerer->answer(thread->answerer, &c->talk, &request, &thread->answers);
		done += used;
	}
	evbuffer_drain(input, done);
}

/* The connection may be gone afterwards. */
static void connection_feed(struct connection *c) {
	struct evbuffer *input = bufferevent_get_input(c->bytes), *output = bufferevent_get_output(c->bytes);
	struct buf *answers = &c->thread->answers;
	bool more = true;

	while (more && !c->closing && evbuffer_get_length(output) <= ANSWERS_MAX) {
		size_t before = evbuffer_get_length(input);

		if (before > 0)
			answer_input(c, input);
		more = evbuffer_get_length(input) < before && answers->len > ANSWERS_MAX;
		if (answers->failed || (answers->len > 0 && evbuffer_add(output, answers->at, answers->len) != 0))
			c->closing = true;
		buf_reset(answers);
	}
	if (c->closing || evbuffer_get_length(output) > ANSWERS_MAX)
		bufferevent_disable(c->bytes, EV_READ);
	if (c->closing && evbuffer_get_length(output) == 0)
		connection_free(c);
}

static void on_readable(struct bufferevent *bytes, void *context) {
	(void)bytes;
	connection_feed(context);
}

/* All answers are sent: go on, or close. */
static void on_written(struct bufferevent *bytes, void *context) {
	struct connection *c = context;

	if (!c->closing)
		bufferevent_enable(bytes, EV_READ);
	connection_feed(c);
}

static void on_event(struct bufferevent *bytes, short what, void *context) {
	(void)bytes;
	(void)what;
	connection_free(context);
}

static void connection_open(struct thread *thread, int fd) {
	struct timeval idle = {SERVER_IDLE_SECONDS, 0};
	struct connection *c = calloc(1, sizeof *c);

	if (c != NULL)
		c->bytes = bufferevent_socket_new(thread->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c == NULL || c->bytes == NULL) {
		close(fd);
		free(c);
		atomic_fetch_sub(&thread->server->open, 1);
		return;
	}
	c->thread = thread;
	LIST_INSERT_HEAD(&thread->connections, c, link);
	bufferevent_setcb(c->bytes, on_readable, on_written, on_event, c);
	bufferevent_set_max_single_read(c->bytes, READ_MAX);
	bufferevent_set_timeouts(c->bytes, &idle, &idle);
	bufferevent_enable(c->bytes, EV_READ | EV_WRITE);
}

/* ---- threads ---- */

static void on_arrival(evutil_socket_t wire, short what, void *context) {
	struct thread *thread = context;
	int fd;

	(void)what;
	while (read(wire, &fd, sizeof fd) == sizeof fd) {
		if (fd < 0)
			event_base_loopbreak(thread->base);
		else
			connection_open(thread, fd);
	}
}

static void *thread_main(void *context) {
	struct thread *thread = context;
	struct connection *c;

	daemon_block_signals();
	event_base_dispatch(thread->base);
	while ((c = LIST_FIRST(&thread->connections)) != NULL)
		connection_free(c);
	return NULL;
}

static void thread_send(struct thread *thread, int fd) {
	/* Smaller than a pipe's atomic write, and blocking. */
	while (write(thread->wires[1], &fd, sizeof fd) < 0 && errno == EINTR)
		;
}

static int thread_open(struct server *server, struct thread *thread) {
	thread->server = server;
	LIST_INIT(&thread->connections);
	buf_init(&thread->answers, BATCH_MAX);
	thread->wires[0] = thread->wires[1] = -1;
	thread->base = event_base_new();
	if (thread->base == NULL || pipe2(thread->wires, O_CLOEXEC) != 0 ||
	    evutil_make_socket_nonblocking(thread->wires[0]) != 0)
		return -1;
	thread->arrival = event_new(thread->base, thread->wires[0], EV_READ | EV_PERSIST, on_arrival, thread);
	return thread->arrival != NULL && event_add(thread->arrival, NULL) == 0 ? 0 : -1;
}

static int thread_run(struct thread *thread) {
	thread->running = pthread_create(&thread->id, NULL, thread_main, thread) == 0;
	return thread->running ? 0 : -1;
}

static void thread_end(struct thread *thread) {
	if (!thread->running)
		return;
	thread_send(thread, -1);
	pthread_join(thread->id, NULL);
	thread->running = false;
}

static void thread_free(struct thread *thread) {
	if (thread->server == NULL)
		return;
	if (thread->answerer != NULL)
		thread->server->setup.answerer->close(thread->answerer);
	if (thread->arrival != NULL)
		event_free(thread->arrival);
	if (thread->base != NULL)
		event_base_free(thread->base);
	if (thread->wires[0] >= 0) {
		close(thread->wires[0]);
		close(thread->wires[1]);
	}
	buf_free(&thread->answers);
}

/* ---- the listener ---- */

static void on_accept(struct evconnlistener *accepts, evutil_socket_t fd, struct sockaddr *peer, int peer_size,
                      void *context) {
	struct server *server = context;

	(void)accepts;
	(void)peer;
	(void)peer_size;
	if (atomic_load(&server->open) >= server->setup.connections) {
		if (!atomic_exchange(&server->full, true))
			log_line(CONF_LOG_WARNING, "too_many_connections", "effect", "further ones are closed", NULL);
		close(fd);
		return;
	}
	atomic_fetch_add(&server->open, 1);
	thread_send(&server->threads[server->next++ % (size_t)server->setup.threads], fd);
}

/* Without descriptors it would be called for ever. */
static void on_accept_error(struct evconnlistener *accepts, void *context) {
	struct server *server = context;

	log_line(CONF_LOG_ERROR, "accept_failed", "reason", strerror(errno), NULL);
	evconnlistener_disable(accepts);
	event_add(server->again, &(struct timeval){0, ACCEPT_PAUSE_US});
}

static void on_again(evutil_socket_t fd, short what, void *context) {
	struct server *server = context;

	(void)fd;
	(void)what;
	evconnlistener_enable(server->accepts);
}

static int listen_open(struct server *server) {
	if (thread_open(server, &server->listener) != 0)
		return -1;
	server->again = evtimer_new(server->listener.base, on_again, server);
	server->accepts = evconnlistener_new(server->listener.base, on_accept, server,
	                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, server->setup.listener);
	if (server->again == NULL || server->accepts == NULL)
		return -1;
	evconnlistener_set_error_cb(server->accepts, on_accept_error);
	return 0;
}

struct server *server_start(const struct server_setup *setup, struct err *err) {
	struct server *server = calloc(1, sizeof *server);
	long i;

	if (server == NULL)
		goto fail;
	server->setup = *setup;
	server->threads = calloc((size_t)setup->threads, sizeof *server->threads);
	if (server->threads == NULL)
		goto fail;
	for (i = 0; i < setup->threads; i++) {
		if (thread_open(server, &server->threads[i]) != 0)
			goto fail;
		server->threads[i].answerer = setup->answerer->open(setup->context);
		if (server->threads[i].answerer == NULL)
			goto fail;
	}
	if (listen_open(server) != 0)
		goto fail;
	for (i = 0; i < setup->threads; i++)
		if (thread_run(&server->threads[i]) != 0)
			goto fail;
	if (thread_run(&server->listener) == 0)
		return server;
fail:
	err_set(err, "can't start the threads: %s", strerror(errno));
	if (server != NULL)
		server_stop(&server);
	return NULL;
}

void server_stop(struct server **server) {
	struct server *s = *server;
	long i;

	*server = NULL;
	if (s == NULL)
		return;
	thread_end(&s->listener);
	for (i = 0; i < s->setup.threads && s->threads != NULL; i++)
		thread_end(&s->threads[i]);
	if (s->accepts != NULL)
		evconnlistener_free(s->accepts);
	if (s->again != NULL)
		event_free(s->again);
	thread_free(&s->listener);
	for (i = 0; i < s->setup.threads && s->threads != NULL; i++)
		thread_free(&s->threads[i]);
	free(s->threads);
	free(s);
}

uint64_t server_bad(const struct server *server) {
	return atomic_load(&server->bad);
}

/* ---- policyd's answers ---- */

static void *open_decider(void *context) {
	return decider_new(context);
}

static void close_decider(void *thread) {
	struct decider *decider = thread;

	decider_free(&decider);
}

static void answer(void *thread, struct decide_talk *talk, const struct policy_request *request, struct buf *out) {
	decider_answer(thread, talk, request, out);
}

static void leave(void *thread, struct decide_talk *talk) {
	decider_leave(thread, talk);
}

const struct server_answerer server_policy = {open_decider, close_decider, answer, leave};
