/*
 * Load for a policy server: so many connections, each asking as soon as it has its answer.
 *
 *     policy_load null SOCKET                 the same loop as policyd's, always DUNNO
 *     policy_load fill CONF ADDRESSES         a store: ADDRESSES of them, one in 100 blocked
 *     policy_load ask ENDPOINT CONNECTIONS SECONDS ADDRESSES [--end]
 *
 * `ask` prints decisions/s, p50 and p99 in microseconds, and how many were refused.  With
 * --end each RCPT that passes is followed by its END-OF-MESSAGE, which spends a unit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/daemon.h"
#include "lib/store.h"
#include "lib/token.h"
#include "policyd/server.h"

#define BUCKETS 100000 /* microseconds */

static long long now_ns(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what) {
	fprintf(stderr, "policy_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- null ---- */

static void *null_open(void *context) {
	return context;
}

static void null_close(void *thread) {
	(void)thread;
}

static void null_answer(void *thread, struct decide_talk *talk, const struct policy_request *request, struct buf *out) {
	(void)thread;
	(void)talk;
	(void)request;
	policy_answer(out, SPAN("DUNNO"));
}

static void null_leave(void *thread, struct decide_talk *talk) {
	(void)thread;
	(void)talk;
}

static int serve_null(const char *path) {
	static const struct server_answerer null = {null_open, null_close, null_answer, null_leave};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct server_setup setup = {.threads = 2, .connections = 4000, .answerer = &null, .context = &setup};
	struct server *server;
	struct err err;
	int signals = daemon_signals();

	snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
	unlink(path);
	setup.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(setup.listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(setup.listener, 512) != 0)
		die(path);
	server = server_start(&setup, &err);
	if (server == NULL)
		die(err.text);
	while (daemon_wait_signal(signals, -1) != SIGTERM)
		;
	server_stop(&server);
	return 0;
}

/* ---- fill ---- */

struct known {
	uint64_t key;
	long number;
};

static int by_key(const void *a, const void *b) {
	int64_t one = (int64_t)((const struct known *)a)->key, two = (int64_t)((const struct known *)b)->key;

	return one < two ? -1 : one > two;
}

static int address_text(char out[64], long number) {
	return snprintf(out, 64, "reader.%ld@example%ld.jp", number, number % 50);
}

static void sql(sqlite3 *db, const char *text) {
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "policy_load: %s: %s\n", text, why);
		exit(1);
	}
}

static void insert_all(sqlite3 *db, const struct known *all, long count) {
	sqlite3_stmt *address, *standing;
	char text[64];
	long i;

	sqlite3_prepare_v2(db, "INSERT INTO address (key, address) VALUES (?1, ?2)", -1, &address, NULL);
	sqlite3_prepare_v2(db,
	                   "INSERT INTO standing (address_key, list, status, since, reason, detail) VALUES (?1, '', 2, "
	                   "1790000000, 'user_unknown', '')",
	                   -1, &standing, NULL);
	sql(db, "PRAGMA synchronous = OFF; BEGIN");
	for (i = 0; i < count; i++) {
		sqlite3_bind_int64(address, 1, (sqlite3_int64)all[i].key);
		sqlite3_bind_text(address, 2, text, address_text(text, all[i].number), SQLITE_TRANSIENT);
		sqlite3_step(address);
		sqlite3_reset(address);
		if (all[i].number % 100 != 0)
			continue;
		sqlite3_bind_int64(standing, 1, (sqlite3_int64)all[i].key);
		if (sqlite3_step(standing) != SQLITE_DONE)
			die(sqlite3_errmsg(db));
		sqlite3_reset(standing);
	}
	sql(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
	sqlite3_finalize(address);
	sqlite3_finalize(standing);
}

static int fill(const char *conf_file, long count) {
	struct known *all = calloc((size_t)count, sizeof *all);
	struct keyring *ring;
	struct store *store;
	struct buf errors;
	struct conf *conf;
	struct err err;
	char text[64];
	sqlite3 *db;
	long i;

	buf_init(&errors, 65536);
	conf = conf_load(conf_file, &errors);
	if (conf == NULL || all == NULL)
		die(errors.at);
	ring = keyring_load(conf->token_keys, &err);
	store = ring == NULL ? NULL : store_open(&conf->store, &err);
	if (store == NULL)
		die(err.text);
	store_close(&store);
	for (i = 0; i < count; i++) {
		int len = address_text(text, i);

		all[i] = (struct known){token_address_key(ring, span_make(text, (size_t)len)), i};
	}
	qsort(all, (size_t)count, sizeof *all, by_key);
	if (sqlite3_open(conf->store.path, &db) != SQLITE_OK)
		die(conf->store.path);
	insert_all(db, all, count);
	sqlite3_close(db);
	keyring_free(&ring);
	conf_free(&conf);
	buf_free(&errors);
	free(all);
	return 0;
}

/* ---- ask ---- */

struct asker {
	int fd;
	bool ending; /* the END-OF-MESSAGE of what passed is asked */
	unsigned long message;
	long reader;
	long long asked;
	char in[2048];
	size_t have;
};

struct load {
	struct asker *askers;
	int count;
	long addresses;
	bool with_end;
	unsigned long seed;
	unsigned long decisions, refused, errors;
	unsigned *latency; /* by microsecond */
};

static void ask(struct load *load, struct asker *a) {
	char text[1024], address[64];
	int len;

	if (!a->ending) {
		load->seed = load->seed * 6364136223846793005UL + 1442695040888963407UL;
		a->reader = (long)((load->seed >> 33) % (unsigned long)load->addresses);
		a->message++;
	}
	address_text(address, a->reader);
	len = snprintf(text, sizeof text,
	               "request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\n"
	               "client_address=127.0.0.1\nclient_name=localhost\nclient_port=40000\n"
	               "reverse_client_name=localhost\nserver_address=127.0.0.1\nserver_port=25\n"
	               "helo_name=client.test\nsender=news@example.com\nrecipient=%s\nrecipient_count=%d\n"
	               "queue_id=%s\ninstance=%d.%lx.0\nsize=4000\netrn_domain=\nstress=\nsasl_method=\n"
	               "sasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
	               "ccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\n"
	               "encryption_keysize=0\npolicy_context=\n\n",
	               a->ending ? "END-OF-MESSAGE" : "RCPT", address, a->ending, a->ending ? "4XYZ" : "", a->fd,
	               a->message);
	a->asked = now_ns();
	if (send(a->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		die("send");
}

static void answered(struct load *load, struct asker *a) {
	long long took = (now_ns() - a->asked) / 1000;
	bool passed = a->have > 12 && memcmp(a->in, "action=DUNNO", 12) == 0;

	load->latency[took < BUCKETS ? took : BUCKETS - 1]++;
	load->decisions++;
	load->refused += !passed;
	load->errors += a->have > 8 && memcmp(a->in, "action=4", 8) == 0;
	a->have = 0;
	a->ending = load->with_end && passed && !a->ending;
	ask(load, a);
}

static int dial(const char *endpoint) {
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET};
	const char *colon = strrchr(endpoint, ':');
	int fd, outcome;

	if (endpoint[0] == '/') {
		snprintf(un.sun_path, sizeof un.sun_path, "%.100s", endpoint);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		outcome = connect(fd, (struct sockaddr *)&un, sizeof un);
	} else {
		in.sin_port = htons((uint16_t)atoi(colon + 1));
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		outcome = connect(fd, (struct sockaddr *)&in, sizeof in);
	}
	if (outcome != 0)
		die(endpoint);
	return fd;
}

static unsigned long percentile(const struct load *load, double part) {
	unsigned long seen = 0, wanted = (unsigned long)((double)load->decisions * part);
	unsigned long i;

	for (i = 0; i < BUCKETS; i++) {
		seen += load->latency[i];
		if (seen > wanted)
			break;
	}
	return i;
}

static int ask_for(const char *endpoint, int connections, double seconds, long addresses, bool with_end) {
	struct load load = {.count = connections, .addresses = addresses, .with_end = with_end, .seed = 1};
	int queue = epoll_create1(EPOLL_CLOEXEC), i, ready;
	struct epoll_event events[256];
	long long started, end;

	load.askers = calloc((size_t)connections, sizeof *load.askers);
	load.latency = calloc(BUCKETS, sizeof *load.latency);
	for (i = 0; i < connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &load.askers[i]};

		load.askers[i].fd = dial(endpoint);
		epoll_ctl(queue, EPOLL_CTL_ADD, load.askers[i].fd, &event);
	}
	started = now_ns();
	end = started + (long long)(seconds * 1e9);
	for (i = 0; i < connections; i++)
		ask(&load, &load.askers[i]);
	while (now_ns() < end) {
		ready = epoll_wait(queue, events, 256, 1000);
		for (i = 0; i < ready; i++) {
			struct asker *a = events[i].data.ptr;
			ssize_t got = recv(a->fd, a->in + a->have, sizeof a->in - a->have, 0);

			if (got <= 0)
				die("the server closed the connection");
			a->have += (size_t)got;
			if (a->have > 2 && memcmp(a->in + a->have - 2, "\n\n", 2) == 0)
				answered(&load, a);
		}
	}
	printf("%.0f %lu %lu %lu %lu\n", (double)load.decisions / ((double)(now_ns() - started) / 1e9),
	       percentile(&load, 0.5), percentile(&load, 0.99), load.refused, load.errors);
	return 0;
}

int main(int argc, char **argv) {
	if (argc == 3 && strcmp(argv[1], "null") == 0)
		return serve_null(argv[2]);
	if (argc == 4 && strcmp(argv[1], "fill") == 0)
		return fill(argv[2], atol(argv[3]));
	if (argc >= 6 && strcmp(argv[1], "ask") == 0)
		return ask_for(argv[2], atoi(argv[3]), atof(argv[4]), atol(argv[5]), argc > 6);
	fprintf(stderr, "usage: policy_load null SOCKET | fill CONF ADDRESSES | "
	                "ask ENDPOINT CONNECTIONS SECONDS ADDRESSES [--end]\n");
	return 64;
}
