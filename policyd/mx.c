#include "policyd/mx.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The channel is made anew where it is this old and idle: the system's servers may be
 * others by then. */
#define CHANNEL_AGE 600
/* When each domain was last asked for, by its hash: SETS sets of WAYS. */
#define SETS 2048
#define WAYS 4

struct asked {
	uint64_t hash;
	time_t when; /* of a clock that nobody sets; 0: free */
};

struct wanted {
	char *domain;
	struct wanted *next;
};

struct mx {
	struct mx_options options; /* owns its text */
	pthread_t thread;
	bool started;
	int wake; /* eventfd */

	/* The thread's alone. */
	ares_channel channel; /* NULL: to be made */
	time_t made;
	size_t in_flight;

	pthread_mutex_t lock; /* of what follows */
	struct wanted *first, **end;
	size_t pending;
	struct asked asked[SETS][WAYS];
	uint64_t seed;
	bool stopping;
	struct mx_totals totals;
};

struct query {
	struct mx *mx;
	char domain[]; /* NUL-terminated */
};

static time_t steady_seconds(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static uint64_t hash_of(uint64_t seed, struct span text) {
	uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* Was it asked for of late?  If not, it is now.  Under the lock. */
static bool asked_lately(struct mx *mx, struct span domain) {
	uint64_t hash = hash_of(mx->seed, domain);
	struct asked *set = mx->asked[hash % SETS], *place = &set[0];
	time_t now = steady_seconds() + 1; /* never 0 */
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].when != 0 && set[i].hash == hash) {
			place = &set[i];
			if (now - place->when < mx->options.again)
				return true;
			break;
		}
		if (set[i].when < place->when)
			place = &set[i];
	}
	*place = (struct asked){hash, now};
	return false;
}

static bool push(struct mx *mx, struct span domain) {
	struct wanted *wanted;

	if (mx->pending == MX_PENDING_MAX)
		return false;
	wanted = calloc(1, sizeof *wanted);
	if (wanted == NULL)
		return false;
	wanted->domain = strndup(domain.at, domain.len);
	if (wanted->domain == NULL) {
		free(wanted);
		return false;
	}
	*mx->end = wanted;
	mx->end = &wanted->next;
	mx->pending++;
	return true;
}

static void wake(struct mx *mx) {
	uint64_t one = 1;
	ssize_t written = write(mx->wake, &one, sizeof one);

	(void)written; /* full: it is awake anyway */
}

void mx_want(struct mx *mx, struct span domain) {
	bool pushed = false;

	if (domain.len == 0 || domain.len >= MX_HOST_SIZE || domain.at[0] == '[')
		return;
	pthread_mutex_lock(&mx->lock);
	if (mx->pending == MX_PENDING_MAX) {
		mx->totals.dropped++;
	} else if (!asked_lately(mx, domain)) {
		pushed = push(mx, domain);
		mx->totals.wanted += pushed;
		mx->totals.dropped += !pushed;
	}
	pthread_mutex_unlock(&mx->lock);
	if (pushed)
		wake(mx);
}

struct mx_totals mx_read_totals(struct mx *mx) {
	struct mx_totals totals;

	pthread_mutex_lock(&mx->lock);
	totals = mx->totals;
	pthread_mutex_unlock(&mx->lock);
	return totals;
}

static void count(struct mx *mx, enum mx_outcome outcome) {
	pthread_mutex_lock(&mx->lock);
	mx->totals.found += outcome == MX_FOUND;
	mx->totals.none += outcome == MX_NONE;
	mx->totals.failed += outcome == MX_FAILED;
	pthread_mutex_unlock(&mx->lock);
}

/* c-ares has the answer's id and question checked; what is inside is ours to read. */
static void on_answer(void *argument, int status, int timeouts, unsigned char *bytes, int len) {
	struct query *query = argument;
	struct mx *mx = query->mx;
	struct mx_answer answer = {.outcome = MX_FAILED};

	(void)timeouts;
	mx->in_flight--;
	if (status != ARES_EDESTRUCTION) {
		if (bytes != NULL && len > 0 &&
		    (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND))
			mx_answer_parse(span_make((const char *)bytes, (size_t)len), span_of(query->domain), &answer);
		count(mx, answer.outcome);
		mx->options.answered(mx->options.context, span_of(query->domain), &answer);
	}
	free(query);
}

static void channel_close(struct mx *mx) {
	if (mx->channel != NULL)
		ares_destroy(mx->channel);
	mx->channel = NULL;
}

/* The hosts file says nothing of MX, and no domain is completed by a search list. */
static int channel_open(struct mx *mx) {
	struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
	                               .timeout = mx->options.timeout_ms,
	                               .tries = mx->options.tries,
	                               .lookups = (char[]){"b"}};

	if (ares_init_options(&mx->channel, &options,
	                      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS) !=
	    ARES_SUCCESS) {
		mx->channel = NULL;
		return -1;
	}
	if (mx->options.servers[0] != '\0' &&
	    ares_set_servers_ports_csv(mx->channel, mx->options.servers) != ARES_SUCCESS) {
		channel_close(mx);
		return -1;
	}
	mx->made = steady_seconds();
	return 0;
}

static struct wanted *pop(struct mx *mx) {
	struct wanted *wanted;

	pthread_mutex_lock(&mx->lock);
	wanted = mx->first;
	if (wanted != NULL) {
		mx->first = wanted->next;
		if (mx->first == NULL)
			mx->end = &mx->first;
		mx->pending--;
		mx->totals.asked++;
	}
	pthread_mutex_unlock(&mx->lock);
	return wanted;
}

static void wanted_free(struct wanted **wanted) {
	free((*wanted)->domain);
	free(*wanted);
	*wanted = NULL;
}

static void ask(struct mx *mx, const char *domain) {
	size_t size = strlen(domain) + 1;
	struct query *query = malloc(sizeof *query + size);

	if (query == NULL || mx->channel == NULL) {
		free(query);
		count(mx, MX_FAILED);
		return;
	}
	query->mx = mx;
	memcpy(query->domain, domain, size);
	mx->in_flight++;
	ares_query(mx->channel, query->domain, ns_c_in, ns_t_mx, on_answer, query);
}

static void ask_pending(struct mx *mx) {
	struct wanted *wanted;

	if (mx->in_flight == 0 && mx->channel != NULL && steady_seconds() - mx->made > CHANNEL_AGE)
		channel_close(mx);
	while (mx->in_flight < MX_FLIGHT_MAX && (wanted = pop(mx)) != NULL) {
		if (mx->channel == NULL)
			(void)channel_open(mx); /* ask() says that it failed */
		ask(mx, wanted->domain);
		wanted_free(&wanted);
	}
}

/* c-ares's sockets and the eventfd; how long to wait. */
static int wait_time(struct mx *mx) {
	struct timeval most = {60, 0}, room, *time_left = &most;

	if (mx->channel != NULL)
		time_left = ares_timeout(mx->channel, &most, &room);
	return (int)(time_left->tv_sec * 1000 + (time_left->tv_usec + 999) / 1000);
}

static void wait_for_more(struct mx *mx) {
	struct pollfd fds[ARES_GETSOCK_MAXNUM + 1] = {{.fd = mx->wake, .events = POLLIN}};
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	unsigned mask = mx->channel == NULL ? 0 : (unsigned)ares_getsock(mx->channel, sockets, ARES_GETSOCK_MAXNUM);
	nfds_t used = 1, i;
	uint64_t drained;

	for (i = 0; mx->channel != NULL && i < ARES_GETSOCK_MAXNUM; i++) {
		/* The library's macros for these bits shift a signed 1 into the sign. */
		short events =
		        (short)((mask >> i & 1 ? POLLIN : 0) | (mask >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));

		if (events != 0)
			fds[used++] = (struct pollfd){.fd = sockets[i], .events = events};
	}
	if (poll(fds, used, wait_time(mx)) < 0 && errno != EINTR)
		return;
	if (fds[0].revents != 0 && read(mx->wake, &drained, sizeof drained) < 0)
		return;
	for (i = 1; i < used; i++)
		if (fds[i].revents != 0)
			ares_process_fd(mx->channel,
			                fds[i].revents & (POLLIN | POLLERR | POLLHUP) ? fds[i].fd : ARES_SOCKET_BAD,
			                fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
	if (mx->channel != NULL)
		ares_process_fd(mx->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what timed out */
}

static bool is_stopping(struct mx *mx) {
	bool stopping;

	pthread_mutex_lock(&mx->lock);
	stopping = mx->stopping;
	pthread_mutex_unlock(&mx->lock);
	return stopping;
}

static void *mx_main(void *argument) {
	struct mx *mx = argument;

	while (!is_stopping(mx)) {
		ask_pending(mx);
		wait_for_more(mx);
	}
	channel_close(mx);
	return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(struct mx *mx) {
	sigset_t all, old;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	result = pthread_create(&mx->thread, NULL, mx_main, mx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	mx->started = result == 0;
	return result;
}

struct mx *mx_start(const struct mx_options *options, struct err *err) {
	struct mx *mx = calloc(1, sizeof *mx);
	struct timespec now;
	int result;

	if (mx == NULL) {
		err_set(err, "lookups of MX: out of memory");
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	mx->seed = ((uint64_t)now.tv_nsec << 32) ^ (uint64_t)(uintptr_t)mx ^ (uint64_t)now.tv_sec;
	mx->options = *options;
	mx->options.servers = strdup(options->servers);
	mx->end = &mx->first;
	pthread_mutex_init(&mx->lock, NULL);
	mx->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mx->options.servers == NULL || mx->wake < 0) {
		err_set(err, "lookups of MX: %s", strerror(errno));
		goto fail;
	}
	/* So that wrong servers are known at the start. */
	if (channel_open(mx) != 0) {
		err_set(err, "lookups of MX: can't use the name servers \"%s\"", options->servers);
		goto fail;
	}
	result = start_thread(mx);
	if (result != 0) {
		err_set(err, "lookups of MX: can't start a thread: %s", strerror(result));
		goto fail;
	}
	return mx;
fail:
	mx_stop(&mx);
	return NULL;
}

void mx_stop(struct mx **mx) {
	struct wanted *wanted;

	if (*mx == NULL)
		return;
	if ((*mx)->started) {
		pthread_mutex_lock(&(*mx)->lock);
		(*mx)->stopping = true;
		pthread_mutex_unlock(&(*mx)->lock);
		wake(*mx);
		pthread_join((*mx)->thread, NULL);
	}
	channel_close(*mx);
	while ((wanted = pop(*mx)) != NULL)
		wanted_free(&wanted);
	if ((*mx)->wake >= 0)
		close((*mx)->wake);
	pthread_mutex_destroy(&(*mx)->lock);
	free((char *)(uintptr_t)(*mx)->options.servers);
	free(*mx);
	*mx = NULL;
}
