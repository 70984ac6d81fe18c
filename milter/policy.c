#include "milter/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

#define QUESTIONS_MAX 1048576 /* octets of the questions of one batch */
#define BATCH 100             /* questions before their answers are read */
#define ANSWER_MAX 1024
#define RESTART_MS 1500
#define RESTART_STEP_MS 50
#define PATIENCE_MS 2000 /* beyond the time that an answer may take by the configuration */

struct policy_client {
	int fd; /* -1: not connected */
	struct buf input;
	unsigned long messages;
	long long started;
	char instance[96]; /* the milter's name of the message at hand */
	char queue_id[64];
	size_t going; /* recipients that are to have it */
};

static long long now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct policy_client *policy_client_new(void) {
	struct policy_client *client = calloc(1, sizeof *client);

	if (client == NULL)
		return NULL;
	client->fd = -1;
	client->started = now_ms();
	buf_init(&client->input, BATCH * ANSWER_MAX);
	return client;
}

static void disconnect(struct policy_client *client) {
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	buf_reset(&client->input);
}

void policy_client_free(struct policy_client **client) {
	if (*client == NULL)
		return;
	disconnect(*client);
	buf_free(&(*client)->input);
	free(*client);
	*client = NULL;
}

/* ---- the connection ---- */

static socklen_t address_of(const struct conf_endpoint *endpoint, struct sockaddr_storage *address_r) {
	struct sockaddr_un *un = (struct sockaddr_un *)address_r;
	struct sockaddr_in *in = (struct sockaddr_in *)address_r;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address_r;

	memset(address_r, 0, sizeof *address_r);
	if (endpoint->is_unix) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof un->sun_path, "%s", endpoint->path);
		return sizeof *un;
	}
	if (inet_pton(AF_INET, endpoint->address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		return sizeof *in;
	}
	if (inet_pton(AF_INET6, endpoint->address, &in6->sin6_addr) != 1)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(endpoint->port);
	return sizeof *in6;
}

static int wait_for(int fd, short events, long long deadline) {
	struct pollfd wait = {.fd = fd, .events = events};
	long long left = deadline - now_ms();

	if (left <= 0 || poll(&wait, 1, (int)left) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	return 0;
}

static int connect_to(struct policy_client *client, const char *listen, long long deadline, struct err *err) {
	struct conf_endpoint endpoint;
	struct sockaddr_storage address;
	socklen_t size, error_size = sizeof(int);
	int error = 0;

	if (conf_endpoint_parse(listen, &endpoint) != 0 || (size = address_of(&endpoint, &address)) == 0)
		return err_set(err, "%s: no address", listen);
	client->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return err_set(err, "%s: %s", listen, strerror(errno));
	if (connect(client->fd, (struct sockaddr *)&address, size) != 0 &&
	    (errno != EINPROGRESS || wait_for(client->fd, POLLOUT, deadline) != 0 ||
	     getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0 || error != 0)) {
		err_set(err, "todoku-policyd does not answer at %s: %s", listen, strerror(error != 0 ? error : errno));
		disconnect(client);
		return -1;
	}
	return 0;
}

/* A restart takes a moment: worth waiting for, as Postfix does. */
static int connect_patiently(struct policy_client *client, const char *listen, long long deadline, struct err *err) {
	long long end = now_ms() + RESTART_MS;

	while (connect_to(client, listen, deadline, err) != 0) {
		if (now_ms() >= end || now_ms() >= deadline)
			return -1;
		poll(NULL, 0, RESTART_STEP_MS);
	}
	return 0;
}

static int send_all(struct policy_client *client, struct span bytes, long long deadline) {
	while (bytes.len > 0) {
		ssize_t sent = send(client->fd, bytes.at, bytes.len, MSG_NOSIGNAL);

		if (sent >= 0)
			bytes = span_from(bytes, (size_t)sent);
		else if (errno != EINTR && (errno != EAGAIN || wait_for(client->fd, POLLOUT, deadline) != 0))
			return -1;
	}
	return 0;
}

/* The next answer's action, valid until the next call: 0, or -1. */
static int read_answer(struct policy_client *client, size_t *taken, struct span *action_r, long long deadline) {
	static const char begin[] = "action=";

	for (;;) {
		struct span rest = span_from(buf_span(&client->input), *taken);
		ssize_t end = span_find(rest, SPAN("\n\n")), got;
		char *room;

		if (end >= 0) {
			*taken += (size_t)end + 2;
			if (!span_starts(rest, SPAN(begin)))
				return -1;
			*action_r = span_make(rest.at + strlen(begin), (size_t)end - strlen(begin));
			return 0;
		}
		if (rest.len >= ANSWER_MAX || (room = buf_reserve(&client->input, ANSWER_MAX)) == NULL)
			return -1;
		got = recv(client->fd, room, ANSWER_MAX, 0);
		if (got > 0)
			client->input.len += (size_t)got;
		else if (got == 0)
			return errno = ECONNRESET, -1;
		else if (errno != EINTR && (errno != EAGAIN || wait_for(client->fd, POLLIN, deadline) != 0))
			return -1;
	}
}

typedef void take_answer(void *context, size_t index, struct span action);

/* Sends `count` questions and hands out their answers.  A connection that was kept may
 * have been closed meanwhile: once more, then. */
static int converse(struct policy_client *client, const struct conf *conf, struct span questions, size_t count,
                    take_answer *take, void *context, struct err *err) {
	long long deadline = now_ms() + conf->policyd.time_limit * 2000 + PATIENCE_MS;
	int tries, cause;

	for (tries = 0; tries < 2; tries++) {
		bool kept = client->fd >= 0;
		size_t taken = 0, answered = 0;
		struct span action;

		if (!kept && connect_patiently(client, conf->policyd.listen, deadline, err) != 0)
			return -1;
		buf_reset(&client->input);
		if (send_all(client, questions, deadline) == 0)
			while (answered < count && read_answer(client, &taken, &action, deadline) == 0)
				take(context, answered++, action);
		if (answered == count)
			return 0;
		cause = errno;
		err_set(err, "todoku-policyd does not answer at %s: %s", conf->policyd.listen, strerror(cause));
		disconnect(client);
		if (!kept || answered > 0 || cause == ETIMEDOUT)
			break;
	}
	return -1;
}

/* ---- questions ---- */

bool policy_wants(const struct conf *conf, const struct conf_list *list) {
	return list != NULL && !list->shadow && conf_find_stream(conf, span_of(list->stream)) != NULL;
}

/* A line of its own, whatever the value. */
static void add(struct buf *out, const char *name, struct span value) {
	size_t i;

	buf_add_text(out, name);
	buf_add_byte(out, '=');
	for (i = 0; i < value.len; i++)
		buf_add_byte(out, value.at[i] == '\n' || value.at[i] == '\0' ? '?' : value.at[i]);
	buf_add_byte(out, '\n');
}

static void add_question(struct buf *out, const struct policy_client *client, const struct conf_list *list,
                         struct message *m, size_t index) {
	add(out, "request", SPAN("todoku_recipient"));
	add(out, "instance", span_of(client->instance));
	add(out, "queue_id", span_of(client->queue_id));
	add(out, "list", span_of(list->name));
	add(out, "sender", m->sender);
	add(out, "recipient", m->recipients[index].raw);
	add(out, "message_id", message_value(m, "Message-ID"));
	buf_add_byte(out, '\n');
}

struct asking {
	struct message *m;
	struct policy_verdict *verdict;
	bool *out;   /* by recipient: he may not have it */
	bool silent; /* ... and nobody is to be told */
	size_t first;
	size_t left;
};

/* "450 4.7.1 text" */
static void take_reply(struct policy_verdict *verdict, enum policy_fate fate, struct span action) {
	verdict->fate = fate;
	snprintf(verdict->code, sizeof verdict->code, "%.3s", action.at);
	snprintf(verdict->status, sizeof verdict->status, "%.*s", 5, action.len > 9 ? action.at + 4 : "");
	snprintf(verdict->text, sizeof verdict->text, "%.*s", action.len > 10 ? (int)(action.len - 10) : 0,
	         action.len > 10 ? action.at + 10 : "");
}

/* What puts off, puts off all; what refuses takes one out; what holds, holds all. */
static void on_answer(void *context, size_t index, struct span action) {
	struct asking *asking = context;
	struct policy_verdict *verdict = asking->verdict;
	bool *out = &asking->out[asking->first + index];

	if (span_starts(action, SPAN("DUNNO"))) {
		asking->left++;
	} else if (span_starts(action, SPAN("HOLD"))) {
		asking->left++;
		if (verdict->fate != POLICY_PUT_OFF)
			verdict->fate = POLICY_HOLD;
	} else if (span_starts(action, SPAN("DISCARD"))) {
		*out = true;
	} else if (action.len > 0 && action.at[0] == '5') {
		*out = true;
		asking->silent = false;
		/* The fate is decided by who is left; this is what to say where nobody is. */
		if (verdict->fate != POLICY_PUT_OFF && verdict->code[0] == '\0')
			take_reply(verdict, verdict->fate, action);
	} else {
		take_reply(verdict, POLICY_PUT_OFF, action);
	}
}

/* In one batch after the other. */
static int ask_all(struct policy_client *client, const struct conf *conf, const struct conf_list *list,
                   struct asking *asking, struct err *err) {
	struct message *m = asking->m;
	struct buf questions;
	size_t i;
	int outcome = 0;

	buf_init(&questions, QUESTIONS_MAX);
	while (asking->first < m->recipient_count && outcome == 0) {
		size_t count = m->recipient_count - asking->first;

		if (count > BATCH)
			count = BATCH;
		buf_reset(&questions);
		for (i = 0; i < count; i++)
			add_question(&questions, client, list, m, asking->first + i);
		outcome = questions.failed
		                  ? err_set(err, "out of memory")
		                  : converse(client, conf, buf_span(&questions), count, on_answer, asking, err);
		asking->first += count;
	}
	buf_free(&questions);
	return outcome;
}

/* From the end, since those that are taken out go behind the others. */
static void take_out(const struct asking *asking) {
	size_t i;

	for (i = asking->m->recipient_count; i-- > 0;)
		if (asking->out[i])
			message_refuse(asking->m, i);
}

static void conclude(struct asking *asking) {
	struct policy_verdict *verdict = asking->verdict;

	if (verdict->fate == POLICY_PUT_OFF)
		return;
	if (asking->left == 0)
		verdict->fate = asking->silent ? POLICY_DISCARD : POLICY_REFUSE;
	else
		take_out(asking);
}

static void name_message(struct policy_client *client, struct span queue_id) {
	snprintf(client->instance, sizeof client->instance, "%ld.%llx.%p.%lu", (long)getpid(),
	         (unsigned long long)client->started, (void *)client, client->messages++);
	snprintf(client->queue_id, sizeof client->queue_id, "%.*s", SPAN_ARG(queue_id));
}

void policy_ask(struct policy_client *client, const struct conf *conf, const struct conf_list *list, struct message *m,
                struct span queue_id, struct policy_verdict *verdict_r) {
	struct asking asking = {.m = m, .verdict = verdict_r, .silent = true};
	struct err err = {"out of memory"};

	*verdict_r = (struct policy_verdict){.fate = POLICY_GO};
	name_message(client, queue_id);
	asking.out = calloc(m->recipient_count + 1, sizeof *asking.out);
	if (asking.out == NULL || ask_all(client, conf, list, &asking, &err) != 0) {
		verdict_r->fate = POLICY_BROKEN;
		snprintf(verdict_r->text, sizeof verdict_r->text, "%.500s", err.text);
	} else {
		conclude(&asking);
	}
	client->going = asking.left;
	free(asking.out);
	/* Whoever got a unit besides gives it back.  Not told is not lost: it times out. */
	if (verdict_r->fate == POLICY_PUT_OFF || verdict_r->fate == POLICY_BROKEN)
		policy_end(client, conf, POLICY_END_FAILED, NULL);
}

static void on_end(void *context, size_t index, struct span action) {
	bool *taken = context;

	(void)index;
	*taken = span_starts(action, SPAN("DUNNO"));
}

int policy_end(struct policy_client *client, const struct conf *conf, enum policy_end end, struct err *err) {
	static const char *const words[] = {"sent", "held", "failed"};
	struct buf question;
	char count[24];
	bool taken = false;
	int outcome = -1;

	/* Nothing that is not there already would hear it. */
	if (client->fd < 0 && end == POLICY_END_FAILED)
		return err_set(err, "todoku-policyd does not answer");
	buf_init(&question, 4096);
	add(&question, "request", SPAN("todoku_end"));
	add(&question, "instance", span_of(client->instance));
	add(&question, "queue_id", span_of(client->queue_id));
	snprintf(count, sizeof count, "%zu", client->going);
	add(&question, "recipient_count", span_of(count));
	add(&question, "result", span_of(words[end]));
	buf_add_byte(&question, '\n');
	if (question.failed)
		err_set(err, "out of memory");
	else if (converse(client, conf, buf_span(&question), 1, on_end, &taken, err) == 0 && !taken)
		err_set(err, "todoku-policyd could not record it");
	else
		outcome = taken ? 0 : -1;
	buf_free(&question);
	return outcome;
}
