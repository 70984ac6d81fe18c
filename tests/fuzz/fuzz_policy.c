/* The policy protocol as anybody may write to the socket: whole, in two pieces at
 * any place, and in the answer's words. */
#include <stdlib.h>
#include <string.h>

#include "policyd/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUESTS_MAX 64

/* Where the requests of an input end, and how it ends. */
struct reading {
	size_t ends[REQUESTS_MAX];
	size_t count;
	enum policy_outcome last;
};

static void check(const struct policy_request *r, struct span input) {
	const struct span *all[] = {&r->instance,      &r->queue_id, &r->sender,     &r->recipient, &r->client_address,
	                            &r->sasl_username, &r->list,     &r->message_id, &r->result};
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (all[i]->len == 0)
			continue;
		if (all[i]->at < input.at || all[i]->at + all[i]->len > input.at + input.len ||
		    memchr(all[i]->at, '\n', all[i]->len) != NULL || memchr(all[i]->at, '\0', all[i]->len) != NULL)
			abort();
	}
}

/* Up to `first` octets of it are there at the beginning, then all. */
static struct reading read_all(struct span input, size_t first) {
	struct policy_reader reader = {0};
	struct reading reading = {.last = POLICY_MORE};
	struct policy_request request;
	size_t at = 0, used, there = first;

	while (reading.count < REQUESTS_MAX) {
		struct span seen = span_make(input.at + at, there - at);

		reading.last = policy_read(&reader, seen, &request, &used);
		if (reading.last == POLICY_MORE && there < input.len) {
			there = input.len;
			continue;
		}
		if (reading.last != POLICY_REQUEST)
			break;
		if (used == 0 || used > seen.len)
			abort();
		check(&request, seen);
		at += used;
		reading.ends[reading.count++] = at;
	}
	if (reading.last == POLICY_BAD && reader.reason == NULL)
		abort();
	return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span input = span_make((const char *)data, size);
	struct reading whole = read_all(input, size), parts = read_all(input, size > 0 ? data[size - 1] % size : 0);
	struct buf out;
	size_t i;

	/* How the bytes arrive makes no difference. */
	if (whole.count != parts.count || whole.last != parts.last ||
	    memcmp(whole.ends, parts.ends, whole.count * sizeof whole.ends[0]) != 0)
		abort();
	buf_init(&out, 1024);
	policy_answer(&out, input);
	if (out.failed || out.len < 9 || memcmp(out.at + out.len - 2, "\n\n", 2) != 0)
		abort();
	for (i = 0; i + 2 < out.len; i++)
		if (out.at[i] < ' ' || out.at[i] > '~')
			abort();
	buf_free(&out);
	return 0;
}
