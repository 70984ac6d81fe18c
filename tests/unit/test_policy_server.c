/* policyd/server.h: the protocol over a socket: pieces, pipelines, nonsense, and many at once. */
#include "tests/unit/policy_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/daemon.h"
#include "policyd/server.h"

#define PATIENCE_MS 60000
#define QUOTA 150
#define CLIENTS 24
#define MESSAGES 12

struct served {
	struct policy_fixture *f;
	struct server *server;
	char socket[100];
};

static int listen_at(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static int set_up(void **state) {
	struct served *served = calloc(1, sizeof *served);
	struct server_setup setup = {.threads = 3, .connections = 60, .answerer = &server_policy};
	struct err err;

	served->f = policy_new();
	policy_configure(served->f, "",
	                 "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
	                 "stream \"main\" { plan = \"steps:150\" over_quota = \"defer\" }\n");
	policy_start(served->f);
	snprintf(served->socket, sizeof served->socket, "%.90s/socket", served->f->dir);
	setup.listener = listen_at(served->socket);
	setup.context = &served->f->policy;
	served->server = server_start(&setup, &err);
	if (served->server == NULL)
		fail_msg("%s", err.text);
	*state = served;
	return 0;
}

static int tear_down_server(void **state) {
	struct served *served = *state;

	server_stop(&served->server);
	policy_stop(served->f);
	policy_remove(served->f);
	free(served);
	return 0;
}

static int dial(const struct served *served) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {PATIENCE_MS / 1000, 0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", served->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static void put(int fd, const char *bytes, size_t len) {
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* closed: the test sees that by its answers */
		bytes += sent;
		len -= (size_t)sent;
	}
}

/* One answer's action; "" at the end of the connection. */
static void take(int fd, char action[512]) {
	size_t len = 0;

	action[0] = '\0';
	while (len < 511 && recv(fd, action + len, 1, 0) == 1) {
		len++;
		if (len >= 2 && memcmp(action + len - 2, "\n\n", 2) == 0) {
			action[len - 2] = '\0';
			return;
		}
	}
	action[0] = '\0';
}

static int compose(char out[512], const char *state, const char *instance, const char *recipient, int count) {
	return snprintf(out, 512,
	                "request=smtpd_access_policy\nprotocol_state=%s\nclient_address=127.0.0.1\n"
	                "sender=news@example.com\nrecipient=%s\ninstance=%s\nrecipient_count=%d\nqueue_id=Q\n\n",
	                state, recipient, instance, count);
}

static void test_pieces(void **state) {
	struct served *served = *state;
	char request[512], action[512];
	int fd = dial(served), len = compose(request, "RCPT", "1", "a@example.jp", 0), i;

	for (i = 0; i < len; i++)
		put(fd, request + i, 1);
	take(fd, action);
	assert_string_equal(action, "action=DUNNO");
	/* Half a request, and the client is gone. */
	put(fd, request, (size_t)len / 2);
	close(fd);
	fd = dial(served);
	put(fd, request, (size_t)len);
	take(fd, action);
	assert_string_equal(action, "action=DUNNO");
	close(fd);
}

/* All that is whole is answered, in its order, however much comes at once. */
static void test_pipelined(void **state) {
	enum { COUNT = 5000 };
	struct served *served = *state;
	char one[512], action[512], address[64];
	struct buf all;
	int fd = dial(served), i;

	policy_change(served->f, "left@example.jp", "news", STORE_UNSUBSCRIBED, "one_click");
	buf_init(&all, 1U << 24);
	for (i = 0; i < COUNT; i++) {
		snprintf(address, sizeof address, "%s@example.jp", i % 3 == 0 ? "left" : "a");
		compose(one, "RCPT", "1", address, 0);
		buf_add_text(&all, one);
	}
	assert_false(all.failed);
	put(fd, all.at, all.len);
	for (i = 0; i < COUNT; i++) {
		take(fd, action);
		if (strncmp(action, i % 3 == 0 ? "action=550" : "action=DUNNO", 10) != 0)
			fail_msg("answer %d: %s", i, action);
	}
	buf_free(&all);
	close(fd);
}

static void test_nonsense(void **state) {
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
	        {"\n", 1},
	        {"hello\n\n", 7},
	        {"GET / HTTP/1.0\n\n", 16},
	        {"request=smtpd_access_policy\nsender=a\0b\n\n", 41},
	        {"request=junk\n\n", 14},
	};
	struct served *served = *state;
	char request[512], action[512], *large;
	size_t i;
	int fd, len;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fd = dial(served);
		/* What came before it is answered. */
		len = compose(request, "RCPT", "1", "a@example.jp", 0);
		put(fd, request, (size_t)len);
		put(fd, rows[i].bytes, rows[i].len);
		take(fd, action);
		assert_string_equal(action, "action=DUNNO");
		take(fd, action);
		assert_string_equal(action, "");
		close(fd);
	}
	large = calloc(1, POLICY_REQUEST_MAX + 1);
	memset(large, 'x', POLICY_REQUEST_MAX);
	fd = dial(served);
	put(fd, large, POLICY_REQUEST_MAX);
	take(fd, action);
	assert_string_equal(action, "");
	close(fd);
	free(large);
	assert_int_equal(server_bad(served->server), sizeof rows / sizeof rows[0] + 1);
}

/* One who doesn't read his answers: others are answered, and he too when he reads. */
static void test_slow_reader(void **state) {
	enum { COUNT = 60000 };
	struct served *served = *state;
	char request[512], action[512];
	int slow = dial(served), fast = dial(served), len = compose(request, "RCPT", "1", "a@example.jp", 0);
	int i, sent = 0;

	/* Until the daemon stops reading from him, or all is sent. */
	assert_int_equal(fcntl(slow, F_SETFL, O_NONBLOCK), 0);
	while (sent < COUNT && send(slow, request, (size_t)len, MSG_NOSIGNAL) == len)
		sent++;
	assert_true(sent > 0);
	put(fast, request, (size_t)len);
	take(fast, action);
	assert_string_equal(action, "action=DUNNO");
	assert_int_equal(fcntl(slow, F_SETFL, 0), 0);
	for (i = 0; i < sent; i++) {
		take(slow, action);
		assert_string_equal(action, "action=DUNNO");
	}
	close(slow);
	close(fast);
}

static void test_too_many(void **state) {
	struct served *served = *state;
	int fds[61], i, closed = 0;
	char request[512], action[512];

	for (i = 0; i < 61; i++) {
		fds[i] = dial(served);
		compose(request, "RCPT", "1", "a@example.jp", 0);
		put(fds[i], request, strlen(request));
		take(fds[i], action);
		closed += action[0] == '\0';
	}
	assert_int_equal(closed, 1);
	for (i = 0; i < 61; i++)
		close(fds[i]);
}

struct client {
	const struct served *served;
	int number;
	atomic_int *accepted;
};

static void *run_client(void *context) {
	struct client *client = context;
	int fd = dial(client->served), i;
	char request[512], action[512], instance[32], address[64];

	for (i = 0; i < MESSAGES; i++) {
		snprintf(instance, sizeof instance, "%d.%d", client->number, i);
		snprintf(address, sizeof address, "c%d.%d@example.jp", client->number, i);
		put(fd, request, (size_t)compose(request, "RCPT", instance, address, 0));
		take(fd, action);
		if (strcmp(action, "action=DUNNO") != 0)
			continue;
		put(fd, request, (size_t)compose(request, "END-OF-MESSAGE", instance, address, 1));
		take(fd, action);
		if (strcmp(action, "action=DUNNO") == 0)
			atomic_fetch_add(client->accepted, 1);
	}
	close(fd);
	return NULL;
}

/* W2 over several threads and connections: exactly the quota. */
static void test_exact(void **state) {
	struct served *served = *state;
	pthread_t threads[CLIENTS];
	struct client clients[CLIENTS];
	atomic_int accepted = 0;
	int i;

	for (i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){served, i, &accepted};
		assert_int_equal(pthread_create(&threads[i], NULL, run_client, &clients[i]), 0);
	}
	for (i = 0; i < 50; i++)
		policy_tidy(&served->f->policy);
	for (i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&accepted), QUOTA);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_server)
	const struct CMUnitTest tests[] = {
	        TEST(test_pieces),      TEST(test_pipelined), TEST(test_nonsense),
	        TEST(test_slow_reader), TEST(test_too_many),  TEST(test_exact),
	};

	daemon_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
