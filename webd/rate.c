#include "webd/rate.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define WAYS 8
#define SETS (RATE_PLACES / WAYS)

/* Spent and not yet refilled, in units of a limit-th of the period. */
struct place {
	uint64_t key; /* 0: free */
	int64_t full_at_ms;
};

struct rate {
	pthread_mutex_t lock;
	uint64_t secret[2];
	struct place places[SETS][WAYS];
};

struct rate *rate_new(void) {
	struct rate *rate = calloc(1, sizeof *rate);

	if (rate == NULL)
		return NULL;
	if (RAND_bytes((unsigned char *)rate->secret, sizeof rate->secret) != 1) {
		free(rate);
		return NULL;
	}
	pthread_mutex_init(&rate->lock, NULL);
	return rate;
}

void rate_free(struct rate **rate) {
	if (rate == NULL || *rate == NULL)
		return;
	pthread_mutex_destroy(&(*rate)->lock);
	free(*rate);
	*rate = NULL;
}

static uint64_t rotate(uint64_t x, int bits) {
	return x << bits | x >> (64 - bits);
}

/* SipHash's round (Aumasson and Bernstein, 2012). */
static void sip_round(uint64_t v[4]) {
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static void sip_add(uint64_t v[4], uint64_t word) {
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-2-4 of the kind, a NUL and the key; never 0. */
static uint64_t hash(const struct rate *rate, const char *kind, struct span key) {
	uint64_t v[4] = {rate->secret[0] ^ 0x736f6d6570736575, rate->secret[1] ^ 0x646f72616e646f6d,
	                 rate->secret[0] ^ 0x6c7967656e657261, rate->secret[1] ^ 0x7465646279746573};
	size_t kind_len = strlen(kind) + 1, total = kind_len + key.len, i;
	uint64_t word = 0;

	for (i = 0; i < total; i++) {
		unsigned char c = (unsigned char)(i < kind_len ? kind[i] : key.at[i - kind_len]);

		word |= (uint64_t)c << (8 * (i % 8));
		if (i % 8 == 7) {
			sip_add(v, word);
			word = 0;
		}
	}
	sip_add(v, word | (uint64_t)total << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]) | 1;
}

/* The key's place, or the one that is (nearest to) full again. */
static struct place *find(struct rate *rate, uint64_t key) {
	struct place *set = rate->places[key >> 32 & (SETS - 1)], *oldest = &set[0];
	int i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].full_at_ms < oldest->full_at_ms)
			oldest = &set[i];
	}
	*oldest = (struct place){.key = key};
	return oldest;
}

static int64_t cost_of(long limit, int64_t period_ms) {
	return period_ms / limit > 0 ? period_ms / limit : 1;
}

bool rate_take(struct rate *rate, const char *kind, struct span key, long limit, int64_t period_ms, int64_t now_ms) {
	int64_t cost = cost_of(limit, period_ms), full_at;
	struct place *place;
	bool taken;

	pthread_mutex_lock(&rate->lock);
	place = find(rate, hash(rate, kind, key));
	full_at = place->full_at_ms > now_ms ? place->full_at_ms : now_ms;
	taken = full_at + cost <= now_ms + period_ms;
	if (taken)
		place->full_at_ms = full_at + cost;
	pthread_mutex_unlock(&rate->lock);
	return taken;
}

void rate_give_back(struct rate *rate, const char *kind, struct span key, long limit, int64_t period_ms) {
	struct place *place;

	pthread_mutex_lock(&rate->lock);
	place = find(rate, hash(rate, kind, key));
	place->full_at_ms -= cost_of(limit, period_ms);
	pthread_mutex_unlock(&rate->lock);
}

void rate_network(struct span address, struct buf *out) {
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	if (address.len < sizeof text) {
		memcpy(text, address.at, address.len);
		text[address.len] = '\0';
		if (inet_pton(AF_INET, text, bytes) == 1) {
			buf_add(out, bytes, 3);
			return;
		}
		if (inet_pton(AF_INET6, text, bytes) == 1) {
			buf_add(out, bytes, 8);
			return;
		}
	}
	buf_add_span(out, address);
}
