#include "webd/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/abstract.h>

#include "webd/server_private.h"

/* The target, the header fields with what libmicrohttpd keeps of each, and the
 * header of the answer; both at their largest get 431.  It is cleared for each request,
 * so more of it costs. */
#define MEMORY_MAX 24576
/* libmicrohttpd stops taking connections at its own limit; ours sees to room before. */
#define LIMIT_SLACK 1024

#define KNOWN_VERSION "0.9.75"

static struct link *link_of(struct MHD_Connection *connection) {
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection) {
	struct link *link = link_of(connection);

	(void)context;
	return link == NULL ? NULL : exchange_new(link, uri, connection);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *len, void **exchange) {
	(void)context, (void)connection, (void)url;
	if (*exchange == NULL)
		return MHD_NO;
	return exchange_step(*exchange, method, version, body, len) == 0 ? MHD_YES : MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode code) {
	struct link *link = link_of(connection);
	struct exchange *x = *exchange;

	(void)context, (void)code;
	*exchange = NULL;
	if (x == NULL)
		return;
	exchange_end(link, &x);
	conn_reading(link->conn);
}

static void format_peer(const struct sockaddr *address, char out[INET6_ADDRSTRLEN]) {
	const void *bytes = NULL;

	out[0] = '\0';
	if (address != NULL && address->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	else if (address != NULL && address->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (bytes != NULL)
		inet_ntop(address->sa_family, bytes, out, INET6_ADDRSTRLEN);
}

static bool is_proxy(const struct server *server, const char *peer) {
	struct snapshot *snapshot = snapshot_get(server->options.app->worlds);
	const struct webd_world *world = snapshot_value(snapshot);
	bool is = conf_network_has(&world->conf->webd.trusted_proxy, span_of(peer));

	snapshot_put(&snapshot);
	return is;
}

static struct link *link_new(struct server *server, struct MHD_Connection *connection) {
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct link *link = malloc(sizeof *link);
	char peer[INET6_ADDRSTRLEN];

	if (link == NULL || fd == NULL) {
		free(link);
		return NULL;
	}
	format_peer(address == NULL ? NULL : address->client_addr, peer);
	*link = (struct link){server, conns_add(server->conns, fd->connect_fd, peer, is_proxy(server, peer)), NULL,
	                      NULL};
	return link;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
	struct link *link = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = link_new(context, connection);
	} else if (link != NULL) {
		conns_remove(link->server->conns, &link->conn);
		exchange_free(&link->spare);
		answer_forget(link);
		free(link);
		*socket_context = NULL;
	}
}

/* The octets of a path are what a token is made of: nothing is to be undone. */
static size_t leave_escaped(void *context, struct MHD_Connection *connection, char *text) {
	(void)context, (void)connection;
	return strlen(text);
}

static int on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain_r,
                          unsigned int *length_r, gnutls_privkey_t *key_r) {
	struct link *link = link_of(gnutls_session_get_ptr(session));
	struct tls_pair pair;

	(void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
	if (link == NULL)
		return -1;
	pair = tls_current(link->server->options.tls);
	*chain_r = pair.chain;
	*length_r = pair.length;
	*key_r = pair.key;
	return 0;
}

static struct MHD_Daemon *start_daemon(struct server *server) {
	const struct server_options *options = &server->options;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_TURBO;
	unsigned threads = options->threads > 1 ? options->threads : 0;
	struct MHD_OptionItem tls[] = {
	        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(intptr_t)on_certificate},
	        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
	        {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	if (options->tls != NULL)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, options->fd,
	                        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
	                        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED,
	                        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX, MHD_OPTION_CONNECTION_LIMIT,
	                        (unsigned)(options->limits.all + LIMIT_SLACK) * (threads == 0 ? 1 : threads),
	                        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_ARRAY, options->tls != NULL ? tls : none,
	                        MHD_OPTION_END);
}

struct server *server_start(const struct server_options *options, struct err *err) {
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	server->options = *options;
	server->layout_is_known = strcmp(MHD_get_version(), KNOWN_VERSION) == 0;
	if (pthread_key_create(&server->threads, free) != 0) {
		free(server);
		err_set(err, "no more thread keys");
		return NULL;
	}
	server->conns = conns_new(&options->limits);
	if (server->conns != NULL)
		server->daemon = start_daemon(server);
	if (server->daemon == NULL) {
		pthread_key_delete(server->threads);
		conns_free(&server->conns);
		free(server);
		err_set(err, "libmicrohttpd did not start");
		return NULL;
	}
	return server;
}

void server_tick(struct server *server) {
	struct conns_counts counts;

	conns_reap(server->conns);
	counts = conns_counts(server->conns);
	if (server->options.stats != NULL)
		stats_connections(server->options.stats, &counts);
}

int server_stop(struct server **server, int patience_ms) {
	struct server *s = *server;
	int waited;

	*server = NULL;
	if (s == NULL)
		return 0;
	MHD_quiesce_daemon(s->daemon);
	for (waited = 0; conns_counts(s->conns).open > 0 && waited < patience_ms; waited += 10) {
		conns_shut_readers(s->conns);
		poll(NULL, 0, 10);
	}
	/* libmicrohttpd aborts the process over a suspended connection. */
	if (atomic_load(&s->waiting) > 0)
		return -1;
	MHD_stop_daemon(s->daemon);
	pthread_key_delete(s->threads);
	conns_free(&s->conns);
	free(s);
	return 0;
}
