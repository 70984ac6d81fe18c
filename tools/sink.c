/*
 * todoku-sink - an SMTP server that plays the Internet for the sandbox
 *
 *     todoku-sink --listen ADDRESS:PORT --dir DIR [--discard]
 *     todoku-sink --free-ports N
 *
 * Takes every message and puts it into DIR as N.eml and N.json
 * (tools/sink_store.h); refuses where the recipient's domain asks for it
 * (tools/sink_smtp.h).  With --discard it only counts, in DIR/count.  Port 0
 * takes any free one.  When it listens it prints "listening on ADDRESS:PORT".
 *
 * With --free-ports it prints N free TCP ports of 127.0.0.1, one a line, below
 * the range from which the system gives out ports itself.  They are all
 * different, and were free a moment ago: whoever wants them sure holds a lock.
 *
 * One process, one thread: a connection has a session (the protocol) and a
 * bufferevent (the bytes).  Where a client does not read its replies, its
 * commands wait.
 *
 * Exit status: 0 after SIGTERM or SIGINT, 64 usage, 69 no such port or folder,
 * 71 the system refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/sink_smtp.h"
#include "tools/sink_store.h"

#define CONNECTIONS_MAX 1000
#define READ_MAX 262144           /* octets taken from a socket at once */
#define REPLIES_MAX 65536         /* octets unread by the client before its commands wait */
#define REPLIES_BATCH_MAX 4194304 /* replies to READ_MAX octets of the shortest commands */
#define IDLE_SECONDS 300          /* RFC 5321 4.5.3.2.7 */
#define COUNT_USECONDS 50000      /* how old the file `count` may be */
#define PORT_LOWEST 10240
#define PORT_BEYOND 32768 /* the system's own choice begins here (ip_local_port_range) */

struct sink {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *signals[2];
	struct event *counter;
	struct sink_store *store;
	struct buf replies; /* of the session being fed */
	size_t connection_count;
	LIST_HEAD(, connection) connections;
};

struct connection {
	struct sink *sink;
	struct bufferevent *bytes;
	struct smtp *smtp;
	bool closing; /* when the replies are sent */
	LIST_ENTRY(connection) link;
};

/* ---- connections ---- */

static void connection_free(struct connection *c) {
	LIST_REMOVE(c, link);
	c->sink->connection_count--;
	bufferevent_free(c->bytes);
	smtp_free(&c->smtp);
	free(c);
}

static void send_replies(struct connection *c) {
	struct buf *replies = &c->sink->replies;

	if (bufferevent_write(c->bytes, replies->at, replies->len) != 0)
		c->closing = true;
	buf_reset(replies);
}

/* Feeds what has arrived, until replies pile up.  The connection may be gone
 * afterwards. */
static void connection_feed(struct connection *c) {
	struct evbuffer *input = bufferevent_get_input(c->bytes);
	struct evbuffer *output = bufferevent_get_output(c->bytes);
	struct evbuffer_iovec piece;

	while (!c->closing && evbuffer_get_length(output) <= REPLIES_MAX &&
	       evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
		if (!smtp_feed(c->smtp, span_make(piece.iov_base, piece.iov_len), &c->sink->replies))
			c->closing = true;
		evbuffer_drain(input, piece.iov_len);
		if (c->sink->replies.failed)
			c->closing = true;
		if (c->sink->replies.len > 0)
			send_replies(c);
	}
	if (evbuffer_get_length(output) > REPLIES_MAX || c->closing)
		bufferevent_disable(c->bytes, EV_READ);
	if (c->closing && evbuffer_get_length(output) == 0)
		connection_free(c);
}

static void on_readable(struct bufferevent *bytes, void *context) {
	(void)bytes;
	connection_feed(context);
}

/* All replies are sent: go on, or close. */
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

static struct connection *connection_new(struct sink *sink, evutil_socket_t fd) {
	struct timeval idle = {IDLE_SECONDS, 0};
	struct connection *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->sink = sink;
	c->smtp = smtp_new(sink->store);
	c->bytes = bufferevent_socket_new(sink->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->smtp == NULL || c->bytes == NULL) {
		smtp_free(&c->smtp);
		if (c->bytes != NULL)
			bufferevent_free(c->bytes);
		else
			close(fd);
		free(c);
		return NULL;
	}
	LIST_INSERT_HEAD(&sink->connections, c, link);
	sink->connection_count++;
	bufferevent_setcb(c->bytes, on_readable, on_written, on_event, c);
	bufferevent_set_max_single_read(c->bytes, READ_MAX);
	bufferevent_set_timeouts(c->bytes, &idle, &idle);
	bufferevent_enable(c->bytes, EV_READ | EV_WRITE);
	return c;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_size,
                      void *context) {
	static const char busy[] = "421 4.3.2 Too many connections\r\n";
	struct sink *sink = context;
	struct connection *c;

	(void)listener;
	(void)peer;
	(void)peer_size;
	if (sink->connection_count >= CONNECTIONS_MAX) {
		(void)!send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
		return;
	}
	c = connection_new(sink, fd);
	if (c == NULL)
		return;
	smtp_greet(&sink->replies);
	send_replies(c);
}

/* ---- the process ---- */

static void on_signal(evutil_socket_t number, short what, void *context) {
	struct sink *sink = context;

	(void)number;
	(void)what;
	event_base_loopbreak(sink->base);
}

static void write_count(struct sink *sink) {
	struct err err;

	if (sink_store_write_count(sink->store, &err) != 0)
		fprintf(stderr, "todoku-sink: %s\n", err.text);
}

static void on_tick(evutil_socket_t fd, short what, void *context) {
	(void)fd;
	(void)what;
	write_count(context);
}

static int parse_port(const char *text, uint16_t *port_r) {
	char *end;
	unsigned long port;

	if (!ascii_is_digit(text[0]))
		return -1;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port > UINT16_MAX)
		return -1;
	*port_r = htons((uint16_t)port);
	return 0;
}

/* "127.0.0.1:2525" or "[::1]:2525". */
static int parse_address(const char *text, struct sockaddr_storage *address_r, int *size_r) {
	struct sockaddr_in *in = (struct sockaddr_in *)address_r;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address_r;
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';
	char host[INET6_ADDRSTRLEN];
	size_t len;

	if (colon == NULL || (bracketed && colon[-1] != ']'))
		return -1;
	len = (size_t)(colon - text) - (bracketed ? 2 : 0);
	if (len >= sizeof host)
		return -1;
	memcpy(host, text + (bracketed ? 1 : 0), len);
	host[len] = '\0';
	*address_r = (struct sockaddr_storage){.ss_family = bracketed ? AF_INET6 : AF_INET};
	*size_r = bracketed ? sizeof *in6 : sizeof *in;
	if (inet_pton(address_r->ss_family, host, bracketed ? (void *)&in6->sin6_addr : &in->sin_addr) != 1)
		return -1;
	return parse_port(colon + 1, bracketed ? &in6->sin6_port : &in->sin_port);
}

static int sink_listen(struct sink *sink, const char *where, struct err *err) {
	struct sockaddr_storage address;
	int size;

	if (parse_address(where, &address, &size) != 0)
		return err_set(err, "--listen: found \"%s\", allowed: ADDRESS:PORT", where);
	sink->listener = evconnlistener_new_bind(sink->base, on_accept, sink,
	                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, -1,
	                                         (struct sockaddr *)&address, size);
	if (sink->listener == NULL)
		return err_set(err, "%s: %s", where, strerror(errno));
	return 0;
}

static void print_address(const struct sink *sink) {
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof address;
	char host[INET6_ADDRSTRLEN] = "";

	getsockname(evconnlistener_get_fd(sink->listener), (struct sockaddr *)&address, &size);
	if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
		printf("listening on [%s]:%d\n", host, ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&address;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		printf("listening on %s:%d\n", host, ntohs(in->sin_port));
	}
	fflush(stdout);
}

static int watch(struct sink *sink, bool discard) {
	struct timeval often = {0, COUNT_USECONDS};

	sink->signals[0] = evsignal_new(sink->base, SIGTERM, on_signal, sink);
	sink->signals[1] = evsignal_new(sink->base, SIGINT, on_signal, sink);
	if (sink->signals[0] == NULL || sink->signals[1] == NULL || evsignal_add(sink->signals[0], NULL) != 0 ||
	    evsignal_add(sink->signals[1], NULL) != 0)
		return -1;
	if (!discard)
		return 0;
	sink->counter = event_new(sink->base, -1, EV_PERSIST, on_tick, sink);
	return sink->counter == NULL ? -1 : event_add(sink->counter, &often);
}

static void sink_free(struct sink *sink) {
	struct connection *c;

	while ((c = LIST_FIRST(&sink->connections)) != NULL)
		connection_free(c);
	if (sink->listener != NULL)
		evconnlistener_free(sink->listener);
	if (sink->counter != NULL)
		event_free(sink->counter);
	if (sink->signals[0] != NULL)
		event_free(sink->signals[0]);
	if (sink->signals[1] != NULL)
		event_free(sink->signals[1]);
	if (sink->base != NULL)
		event_base_free(sink->base);
	sink_store_close(&sink->store);
	buf_free(&sink->replies);
}

static int run(const char *where, const char *folder, bool discard) {
	struct sink sink = {0};
	struct err err = {""};
	int status = EX_OSERR;

	buf_init(&sink.replies, REPLIES_BATCH_MAX);
	sink.base = event_base_new();
	sink.store = sink_store_open(folder, discard, &err);
	if (sink.base == NULL || sink.store == NULL || sink_listen(&sink, where, &err) != 0) {
		status = EX_UNAVAILABLE;
	} else if (watch(&sink, discard) != 0) {
		err_set(&err, "out of memory");
	} else {
		write_count(&sink);
		print_address(&sink);
		status = event_base_dispatch(sink.base) < 0 ? EX_OSERR : EX_OK;
		write_count(&sink);
	}
	if (status != EX_OK)
		fprintf(stderr, "todoku-sink: %s\n", err.text);
	sink_free(&sink);
	return status;
}

/* A connection has a socket and perhaps a file. */
static void raise_file_limit(void) {
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < 2 * CONNECTIONS_MAX + 64)
		limit.rlim_cur = limit.rlim_max < 2 * CONNECTIONS_MAX + 64 ? limit.rlim_max : 2 * CONNECTIONS_MAX + 64;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- free ports ---- */

/* A socket that holds the port, or -1.  Without SO_REUSEADDR: a port that
 * someone just gave up doesn't count as free. */
static int hold_port(unsigned port) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int print_free_ports(unsigned wanted) {
	const unsigned range = PORT_BEYOND - PORT_LOWEST;
	unsigned first = 0;
	unsigned i;

	if (getrandom(&first, sizeof first, 0) != sizeof first)
		first = (unsigned)getpid();
	for (i = 0; i < range && wanted > 0; i++) {
		unsigned port = PORT_LOWEST + (first % range + i) % range;

		/* Held until the process ends, so that the next one differs. */
		if (hold_port(port) < 0)
			continue;
		printf("%u\n", port);
		wanted--;
	}
	if (wanted == 0)
		return EX_OK;
	fprintf(stderr, "todoku-sink: no free ports between %d and %d\n", PORT_LOWEST, PORT_BEYOND - 1);
	return EX_UNAVAILABLE;
}

static int usage(void) {
	fputs("usage: todoku-sink --listen ADDRESS:PORT --dir DIR [--discard]\n"
	      "       todoku-sink --free-ports N\n",
	      stderr);
	return EX_USAGE;
}

int main(int argc, char **argv) {
	static const struct option options[] = {
	        {"listen", required_argument, NULL, 'l'},
	        {"dir", required_argument, NULL, 'd'},
	        {"discard", no_argument, NULL, 'n'},
	        {"free-ports", required_argument, NULL, 'p'},
	        {NULL, 0, NULL, 0},
	};
	const char *where = NULL;
	const char *folder = NULL;
	long ports = 0;
	bool discard = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l')
			where = optarg;
		else if (option == 'd')
			folder = optarg;
		else if (option == 'n')
			discard = true;
		else if (option != 'p' || (ports = strtol(optarg, NULL, 10)) < 1 || ports > 100)
			return usage();
	}
	if (optind != argc || (where != NULL) != (folder != NULL) || (ports == 0) != (where != NULL))
		return usage();
	if (ports > 0)
		return print_free_ports((unsigned)ports);
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	return run(where, folder, discard);
}
