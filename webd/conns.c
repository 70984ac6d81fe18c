#include "webd/conns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define PEER_SIZE 64
#define BUCKETS 4096
#define GRACE_MS 1000
#define GRACE_FACTOR 4

enum state { READING, WORKING, SENDING };

struct conn {
	struct conn *next, *prev;           /* of all, oldest first */
	struct conn *same_next, *same_prev; /* of the same bucket of addresses */
	int fd;
	bool is_proxy;
	bool is_shut;
	_Atomic int state;
	_Atomic long since; /* of a clock that nobody sets, in ms */
	char peer[PEER_SIZE];
};

struct conns {
	struct conns_limits limits;
	pthread_mutex_t lock;
	struct conn *oldest, *newest;
	struct conn *buckets[BUCKETS];
	size_t live; /* not shut down yet */
	struct conns_counts counts;
};

static long now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct conns *conns_new(const struct conns_limits *limits) {
	struct conns *conns = calloc(1, sizeof *conns);

	if (conns == NULL)
		return NULL;
	conns->limits = *limits;
	pthread_mutex_init(&conns->lock, NULL);
	return conns;
}

void conns_free(struct conns **conns) {
	if (*conns == NULL)
		return;
	pthread_mutex_destroy(&(*conns)->lock);
	free(*conns);
	*conns = NULL;
}

static struct conn **bucket_of(struct conns *conns, const char *peer) {
	uint32_t hash = 2166136261U;

	for (; *peer != '\0'; peer++)
		hash = (hash ^ (unsigned char)*peer) * 16777619U;
	return &conns->buckets[hash % BUCKETS];
}

static void shut(struct conns *conns, struct conn *conn) {
	conn->is_shut = true;
	conns->live--;
	shutdown(conn->fd, SHUT_RDWR);
}

/* The one that has been reading longest, or NULL. */
static struct conn *longer(struct conn *best, struct conn *conn) {
	if (conn->is_shut || atomic_load(&conn->state) != READING)
		return best;
	return best == NULL || atomic_load(&conn->since) < atomic_load(&best->since) ? conn : best;
}

/* Its request may be on its way, or here and not read yet. */
static bool is_fresh(const struct conn *conn) {
	int unread = 0;

	return now_ms() - atomic_load(&conn->since) < GRACE_MS ||
	       (ioctl(conn->fd, FIONREAD, &unread) == 0 && unread > 0);
}

static void displace(struct conns *conns, struct conn *conn) {
	shut(conns, conn);
	conns->counts.displaced++;
}

static void keep_share(struct conns *conns, const char *peer) {
	struct conn *conn, *oldest = NULL;
	size_t same = 0, share = conns->limits.per_address;

	for (conn = *bucket_of(conns, peer); conn != NULL; conn = conn->same_next)
		if (!conn->is_shut && strcmp(conn->peer, peer) == 0) {
			same++;
			oldest = longer(oldest, conn);
		}
	if (same >= share && oldest != NULL && (same >= share * GRACE_FACTOR || !is_fresh(oldest)))
		displace(conns, oldest);
}

static void make_room(struct conns *conns) {
	struct conn *conn, *oldest = NULL;

	if (conns->live < conns->limits.all)
		return;
	for (conn = conns->oldest; conn != NULL; conn = conn->next)
		if (!conn->is_proxy)
			oldest = longer(oldest, conn);
	if (oldest != NULL)
		displace(conns, oldest);
}

static void link_in(struct conns *conns, struct conn *conn) {
	struct conn **bucket = bucket_of(conns, conn->peer);

	conn->prev = conns->newest;
	if (conns->newest != NULL)
		conns->newest->next = conn;
	else
		conns->oldest = conn;
	conns->newest = conn;
	conn->same_next = *bucket;
	if (*bucket != NULL)
		(*bucket)->same_prev = conn;
	*bucket = conn;
}

static void link_out(struct conns *conns, struct conn *conn) {
	struct conn **bucket = bucket_of(conns, conn->peer);

	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		conns->oldest = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	else
		conns->newest = conn->prev;
	if (conn->same_prev != NULL)
		conn->same_prev->same_next = conn->same_next;
	else
		*bucket = conn->same_next;
	if (conn->same_next != NULL)
		conn->same_next->same_prev = conn->same_prev;
}

struct conn *conns_add(struct conns *conns, int fd, const char *peer, bool is_proxy) {
	struct conn *conn = calloc(1, sizeof *conn);

	if (conn == NULL)
		return NULL;
	conn->fd = fd;
	conn->is_proxy = is_proxy;
	strncpy(conn->peer, peer, sizeof conn->peer - 1);
	conn_reading(conn);
	pthread_mutex_lock(&conns->lock);
	if (!is_proxy)
		keep_share(conns, conn->peer);
	make_room(conns);
	link_in(conns, conn);
	conns->live++;
	conns->counts.open++;
	pthread_mutex_unlock(&conns->lock);
	return conn;
}

void conns_remove(struct conns *conns, struct conn **conn) {
	if (*conn == NULL)
		return;
	pthread_mutex_lock(&conns->lock);
	link_out(conns, *conn);
	if (!(*conn)->is_shut)
		conns->live--;
	conns->counts.open--;
	pthread_mutex_unlock(&conns->lock);
	free(*conn);
	*conn = NULL;
}

static void enter(struct conn *conn, enum state state) {
	if (conn == NULL)
		return;
	atomic_store(&conn->since, now_ms());
	atomic_store(&conn->state, (int)state);
}

void conn_working(struct conn *conn) {
	enter(conn, WORKING);
}

void conn_sending(struct conn *conn) {
	enter(conn, SENDING);
}

void conn_reading(struct conn *conn) {
	enter(conn, READING);
}

const char *conn_peer(const struct conn *conn) {
	return conn == NULL ? "" : conn->peer;
}

void conns_reap(struct conns *conns) {
	long now = now_ms();
	struct conn *conn;

	pthread_mutex_lock(&conns->lock);
	for (conn = conns->oldest; conn != NULL; conn = conn->next) {
		long timeout = conns->limits.timeout_ms;

		if (conn->is_proxy && timeout < CONNS_PROXY_TIMEOUT_MS)
			timeout = CONNS_PROXY_TIMEOUT_MS;
		if (conn->is_shut || atomic_load(&conn->state) == WORKING || now - atomic_load(&conn->since) < timeout)
			continue;
		shut(conns, conn);
		conns->counts.timed_out++;
	}
	pthread_mutex_unlock(&conns->lock);
}

void conns_shut_readers(struct conns *conns) {
	struct conn *conn;

	pthread_mutex_lock(&conns->lock);
	for (conn = conns->oldest; conn != NULL; conn = conn->next)
		if (!conn->is_shut && atomic_load(&conn->state) == READING)
			shut(conns, conn);
	pthread_mutex_unlock(&conns->lock);
}

struct conns_counts conns_counts(struct conns *conns) {
	struct conns_counts counts;

	pthread_mutex_lock(&conns->lock);
	counts = conns->counts;
	pthread_mutex_unlock(&conns->lock);
	return counts;
}
