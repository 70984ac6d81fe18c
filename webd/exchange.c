/* One request and its answer, from the first octet to the last. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "webd/http_check.h"
#include "webd/journal.h"
#include "webd/pages.h"
#include "webd/server_private.h"

/* libmicrohttpd may look twice at one connection in a round. */
#define QUIET_LOOKS 2
#define LOOKS_MAX 8
#define URI_USUAL 2048    /* octets; a link takes at most 2,000 */
#define DISCARD_MAX 65536 /* octets of a body over its ceiling that are read before the 413 */

/* FOR_DISK: the connection's thread looks again, WORKING: it is suspended. */
enum stage { HEADER, BODY, FOR_DISK, WORKING, READY, SENT };

struct exchange {
	struct journal_waiter waiter;
	struct work work;
	struct server *server;
	struct link *link;
	struct MHD_Connection *connection;
	struct conn *conn;
	struct snapshot *snapshot;
	const struct route *route;
	enum stage stage;
	unsigned begun, looks, quiet_looks; /* FOR_DISK */
	uint64_t started;
	struct buf body;
	size_t discarded;
	char client[HTTP_ADDRESS_SIZE];
	struct http_answer answer;
	struct http_request request;
	size_t uri_len;
	size_t uri_room;
	char uri[];
};

/* One with room for a target of `len` octets: that of the request before, or new. */
static struct exchange *take_spare(struct link *link, size_t len) {
	struct exchange *x = link->spare;
	size_t room = len < URI_USUAL ? URI_USUAL : HTTP_URI_MAX + 1;

	link->spare = NULL;
	if (x != NULL && x->uri_room >= len)
		return x;
	exchange_free(&x);
	x = malloc(sizeof *x + room + 1);
	if (x == NULL)
		return NULL;
	/* The fields of the request are many, and written before they are read. */
	memset(x, 0, offsetof(struct exchange, request));
	x->uri_room = room;
	buf_init(&x->body, HTTP_BODY_MAX);
	http_answer_init(&x->answer);
	return x;
}

struct exchange *exchange_new(struct link *link, const char *uri, struct MHD_Connection *connection) {
	size_t len = strnlen(uri, HTTP_URI_MAX + 1);
	struct exchange *x = take_spare(link, len);

	if (x == NULL)
		return NULL;
	x->server = link->server;
	x->link = link;
	x->connection = connection;
	x->conn = link->conn;
	x->started = metrics_now();
	x->stage = HEADER;
	x->request.field_count = 0;
	x->uri_len = len;
	memcpy(x->uri, uri, len);
	x->uri[len] = '\0';
	return x;
}

void exchange_end(struct link *link, struct exchange **exchange) {
	struct exchange *x = *exchange;

	*exchange = NULL;
	/* The reader has gone; the journal's writer still knows of us. */
	if (x->stage == FOR_DISK)
		journal_settle(x->server->options.app->journal, &x->waiter);
	if (x->snapshot != NULL)
		snapshot_put(&x->snapshot);
	http_answer_reset(&x->answer);
	buf_reset(&x->body);
	x->route = NULL;
	x->discarded = 0;
	x->looks = 0;
	x->quiet_looks = 0;
	if (link->spare == NULL)
		link->spare = x;
	else
		exchange_free(&x);
}

void exchange_free(struct exchange **exchange) {
	struct exchange *x = *exchange;

	*exchange = NULL;
	if (x == NULL)
		return;
	http_answer_free(&x->answer);
	buf_free(&x->body);
	free(x);
}

static const struct webd_world *world_of(const struct exchange *x) {
	return snapshot_value(x->snapshot);
}

static int send_answer(struct exchange *x) {
	x->stage = SENT;
	if (x->server->options.stats != NULL)
		stats_request(x->server->options.stats, x->route, x->answer.status, metrics_now() - x->started);
	conn_sending(x->conn);
	return answer_send(x->link, x->connection, &x->answer);
}

/* What is wrong with a request may be wrong with what follows it. */
static int refuse(struct exchange *x, unsigned status) {
	http_answer_reset(&x->answer);
	http_answer_text(&x->answer, status, "text/plain; charset=utf-8", "This request can not be answered.\n");
	x->answer.close = true;
	return send_answer(x);
}

static void resume(struct exchange *x) {
	struct MHD_Connection *connection = x->connection;
	struct server *server = x->server;

	x->stage = READY;
	/* From here on it belongs to the connection's thread. */
	MHD_resume_connection(connection);
	atomic_fetch_sub(&server->waiting, 1);
}

static void suspend(struct exchange *x) {
	x->stage = WORKING;
	conn_working(x->conn);
	atomic_fetch_add(&x->server->waiting, 1);
	MHD_suspend_connection(x->connection);
}

/* An event that can't be recorded is no reason to keep a reader from where they
 * want to go; an unsubscribe is (U2). */
static void settle(struct exchange *x) {
	struct stats *stats = x->server->options.stats;
	bool durable = journal_settle(x->server->options.app->journal, &x->waiter) == 0;

	if (stats != NULL)
		metric_add(durable ? stats->recorded : stats->lost, 1);
	if (!durable && x->answer.record_matters)
		app_answer_busy(&x->answer);
}

static bool begin_record(struct exchange *x) {
	if (x->answer.record.len == 0 || x->answer.record.failed || x->answer.failed)
		return false;
	journal_append(x->server->options.app->journal, buf_span(&x->answer.record), &x->waiter);
	return true;
}

static void run_slow(struct work *work) {
	struct exchange *x = (struct exchange *)((char *)work - offsetof(struct exchange, work));

	x->route->handle(x->server->options.app, world_of(x), &x->request, &x->answer);
	if (begin_record(x))
		settle(x);
	resume(x);
}

/* NULL when out of memory. */
static struct thread_state *thread_of(const struct exchange *x) {
	struct thread_state *thread = pthread_getspecific(x->server->threads);

	if (thread == NULL) {
		thread = calloc(1, sizeof *thread);
		if (thread != NULL && pthread_setspecific(x->server->threads, thread) != 0) {
			free(thread);
			return NULL;
		}
	}
	return thread;
}

/*
 * The record is on its way to the disk.  Without an answer, libmicrohttpd comes back to this
 * connection after it has looked at all others that have something to say.  While new
 * requests keep coming, they go before, and their records with the next group; when a
 * round brought none, the thread waits, once for all.  That costs a third of what
 * suspending each connection would.
 */
static bool others_come_first(struct exchange *x) {
	const struct thread_state *thread = thread_of(x);

	if (journal_is_settled(&x->waiter) || thread == NULL)
		return false;
	x->quiet_looks = thread->begun == x->begun ? x->quiet_looks + 1 : 0;
	x->begun = thread->begun;
	return x->quiet_looks < QUIET_LOOKS && ++x->looks < LOOKS_MAX;
}

static int send_when_recorded(struct exchange *x) {
	if (!begin_record(x))
		return send_answer(x);
	conn_working(x->conn);
	x->stage = FOR_DISK;
	return 0;
}

static int run_overflow(struct exchange *x) {
	if (x->route->overflow == NULL)
		app_answer_busy(&x->answer);
	else
		x->route->overflow(x->server->options.app, world_of(x), &x->request, &x->answer);
	return send_when_recorded(x);
}

static int start_slow(struct exchange *x) {
	x->work.run = run_slow;
	if (workers_are_full(x->server->options.workers))
		return run_overflow(x);
	suspend(x);
	workers_push(x->server->options.workers, &x->work);
	return 0;
}

static int run(struct exchange *x) {
	x->request.body = buf_span(&x->body);
	if (x->route == NULL) {
		if (x->server->options.is_admin)
			http_answer_not_found(&x->answer);
		else
			pages_not_found(world_of(x), &x->request, &x->answer);
		return send_answer(x);
	}
	if (x->route->kind == ROUTE_SLOW)
		return start_slow(x);
	x->route->handle(x->server->options.app, world_of(x), &x->request, &x->answer);
	return send_when_recorded(x);
}

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                  const char *value, size_t value_len) {
	struct http_request *request = context;

	(void)kind;
	if (request->field_count < HTTP_FIELDS_MAX)
		request->fields[request->field_count] =
		        (struct http_field){span_make(name, name_len), span_make(value, value_len)};
	request->field_count++;
	return MHD_YES;
}

static unsigned take_fields(struct exchange *x, bool is_1_0) {
	struct http_request *request = &x->request;
	size_t i;

	MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, take_field, request);
	if (request->field_count > HTTP_FIELDS_MAX)
		return 431;
	if (x->server->layout_is_known && !http_layout_is_plain(request->fields, request->field_count))
		return 400;
	for (i = 0; i < request->field_count; i++)
		request->fields[i].value = span_trim(request->fields[i].value);
	if (http_fields_size(request->fields, request->field_count) > HTTP_HEADER_MAX)
		return 431;
	return http_check_fields(request->fields, request->field_count, is_1_0);
}

static bool is_our_host(const struct exchange *x, struct span authority) {
	if (x->server->options.is_admin)
		return http_host_is_local(authority);
	return http_host_is(authority, world_of(x)->host);
}

/* Where the request goes: the status to refuse it with, or 0. */
static unsigned take_target(struct exchange *x) {
	struct http_target target;

	if (x->uri_len > HTTP_URI_MAX)
		return 414;
	if (http_target_parse(span_make(x->uri, x->uri_len), &target) != 0)
		return 400;
	if (!is_our_host(x, http_field_value(&x->request, "Host")) ||
	    (target.authority.len > 0 && !is_our_host(x, target.authority)))
		return 421;
	x->request.path = target.path;
	x->request.query = target.query;
	return 0;
}

static enum http_method read_method(const char *method) {
	if (strcmp(method, "GET") == 0)
		return HTTP_GET;
	if (strcmp(method, "HEAD") == 0)
		return HTTP_HEAD;
	return strcmp(method, "POST") == 0 ? HTTP_POST : HTTP_OTHER;
}

static unsigned check_length(const struct exchange *x) {
	struct span length = http_field_value(&x->request, "Content-Length");
	unsigned long long octets = 0;
	size_t i;

	for (i = 0; i < length.len; i++)
		octets = octets * 10 + (unsigned)(length.at[i] - '0');
	return octets > HTTP_BODY_MAX ? 413 : 0;
}

static int begin(struct exchange *x, const char *method, const char *version) {
	struct thread_state *thread = thread_of(x);
	struct timespec now;
	unsigned status;

	if (thread != NULL)
		thread->begun++;
	x->snapshot = snapshot_get(x->server->options.app->worlds);
	status = take_fields(x, strcmp(version, "HTTP/1.1") != 0);
	if (status == 0)
		status = take_target(x);
	if (status == 0)
		status = check_length(x);
	if (status != 0)
		return refuse(x, status);
	http_client(&world_of(x)->conf->webd.trusted_proxy, span_of(conn_peer(x->conn)), x->request.fields,
	            x->request.field_count, x->client);
	clock_gettime(CLOCK_REALTIME, &now);
	x->request.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	x->request.client = span_of(x->client);
	x->request.method = read_method(method);
	x->request.rest = SPAN_NONE;
	x->route = route_find(x->server->options.routes, &x->request);
	/* Answered now, the connection would be closed: libmicrohttpd takes an answer at
	 * the header for a refusal. */
	x->stage = BODY;
	return 0;
}

static int take_body(struct exchange *x, const char *body, size_t *len) {
	if (*len == 0)
		return x->discarded > 0 ? refuse(x, 413) : run(x);
	if (x->discarded == 0)
		buf_add(&x->body, body, *len);
	if (x->body.failed)
		x->discarded += *len;
	*len = 0;
	return x->discarded > DISCARD_MAX ? -1 : 0;
}

int exchange_step(struct exchange *exchange, const char *method, const char *version, const char *body, size_t *len) {
	switch (exchange->stage) {
	case HEADER:
		return begin(exchange, method, version);
	case BODY:
		return take_body(exchange, body, len);
	case FOR_DISK:
		if (others_come_first(exchange))
			return 0;
		settle(exchange);
		return send_answer(exchange);
	case READY:
		return send_answer(exchange);
	case WORKING:
	case SENT:
		break;
	}
	return 0;
}
