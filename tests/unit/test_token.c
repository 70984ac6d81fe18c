/* lib/token.h: layout, spellings, refusals, and what is found in links and addresses. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/token.h"

#define ADDRESS "address 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define KEY_1 "key 1 2026-11-22T04:05:06Z 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n"
#define KEY_2 "key 2 2026-11-23T04:05:06Z 404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f\n"

#define CAMPAIGN 0x0123456789abcdef
#define PERSON 0xfedcba9876543210
#define TIME 0x6921a5f0
#define LIST 0x11223344

/* By an independent encoder, under key 1. */
#define CLICK "AQFpIaXwASNFZ4mrze_-3LqYdlQyEAADaHR0cHM6Ly9leGFtcGxlLmNvbS9hP2I9YyNk03foR-06x7SEPkHtTrHyPA"
#define CLICK_SHARED "gQFpIaXwASNFZ4mrze8AA2h0dHBzOi8vZXhhbXBsZS5jb20vEQb_hf45Tv2ddomByEPhSw"
#define OPEN "AgFpIaXwASNFZ4mrze_-3LqYdlQyEJy2aEI0AaZtZzpc04sxtv8"
#define UNSUBSCRIBE "AwERIjNEASNFZ4mrze_-3LqYdlQyEMrYOS-e0oPWYMMf6Xcz8ng"
#define CONFIRM "BgFpIaXwASNFZ4mrze_-3LqYdlQyEBEiM0QBpD7fQTLJ0pcUzdC7gFUJkhS1AUSzOokXJegsBoXuHLfBruE_RtU7YpUBGQcLJg"
#define BOUNCE "aqawsinf6aasgrlhrgv433763s5jq5sugiipby43lenxv2g3s2s545l2cw4ei"
#define BOUNCE_UPPER "AQAWSINF6AASGRLHRGV433763S5JQ5SUGIIPBY43LENXV2G3S2S545L2CW4EI"
/* The bounce token's other spelling, and others that nobody makes. */
#define BOUNCE_BASE64URL "BAFpIaXwASNFZ4mrze_-3LqYdlQyEPDjm1kbeujblqXedXoVuEQ"
#define ORIGIN "BQFpIaXwASNFZ4mrze_-3LqYdlQyEPDjm1kbeujblqXedXoVuEQ"
#define NO_CONTENTS "BgFpIaXwASNFZ4mrze_-3LqYdlQyEBEiM0QBnI8jA6Tcc6xH9LjtnZ3eGQ"
#define CONFIRM_SHARED "hgFpIaXwASNFZ4mrze8RIjNEAb_h612WcjbInR3Y5iAzrgq_bnQM5P1JvHM-VXXD6gMvyPvCRs603Jz0pq2XJTU"
#define SEAL "BwFpIaXwASNFZ4mrze_-3LqYdlQyEGNJEFrlfuyDUxsy5xEhH4Y"
#define FORM "CAFpIaXwASNFZ4mrze_-3LqYdlQyEMdV36gs3S-36vumtAewOMU"
#define PURPOSE_0 "AAFpIaXwASNFZ4mrze_-3LqYdlQyEPDjm1kbeujblqXedXoVuEQ"
#define VERSION_1 "EgFpIaXwASNFZ4mrze_-3LqYdlQyEJy2aEI0AaZtZzpc04sxtv8"
#define KEY_9 "AglpIaXwASNFZ4mrze_-3LqYdlQyELPtrgf7qnn_j3M32ZdAXn0"
#define LINK_0 "AQFpIaXwASNFZ4mrze_-3LqYdlQyEAAAaHR0cHM6Ly94i0BkyxMPTg1kQ1nVTf8XRw"
#define NO_TARGET "AQFpIaXwASNFZ4mrze_-3LqYdlQyEAABPisM5bIg0xYf3wfQam41gw"
#define NO_TAG "AgFpIaXwASNFZ4mrze_-3LqYdlQyEA"

struct fixture {
	struct keyring *ring;
	struct buf bytes;
	struct buf out;
};

static struct keyring *ring_of(const char *text) {
	char name[64];
	int fd = memfd_create("ring", MFD_CLOEXEC);
	struct keyring *ring;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	ring = keyring_load(name, NULL);
	assert_non_null(ring);
	close(fd);
	return ring;
}

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof *f);

	f->ring = ring_of(ADDRESS KEY_1);
	buf_init(&f->bytes, TOKEN_BYTES_MAX);
	buf_init(&f->out, 4096);
	*state = f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;

	keyring_free(&f->ring);
	buf_free(&f->bytes);
	buf_free(&f->out);
	free(f);
	return 0;
}

static const struct token click = {.purpose = TOKEN_CLICK,
                                   .time = TIME,
                                   .campaign = CAMPAIGN,
                                   .address_key = PERSON,
                                   .link = 3,
                                   .target = SPAN("https://example.com/a?b=c#d")};
static const struct token shared = {.purpose = TOKEN_CLICK,
                                    .shared = true,
                                    .time = TIME,
                                    .campaign = CAMPAIGN,
                                    .link = 3,
                                    .target = SPAN("https://example.com/")};
static const struct token opened = {.purpose = TOKEN_OPEN, .time = TIME, .campaign = CAMPAIGN, .address_key = PERSON};
static const struct token unsubscribe = {
        .purpose = TOKEN_UNSUBSCRIBE, .list = LIST, .campaign = CAMPAIGN, .address_key = PERSON};
static const struct token bounce = {.purpose = TOKEN_BOUNCE, .time = TIME, .campaign = CAMPAIGN, .address_key = PERSON};
static const struct token confirm = {.purpose = TOKEN_CONFIRM,
                                     .time = TIME,
                                     .campaign = CAMPAIGN,
                                     .address_key = PERSON,
                                     .list = LIST,
                                     .kind = 1,
                                     .target = SPAN("\0\014a@example.jp\011192.0.2.1agreed")};

static const struct {
	const struct token *token;
	const char *want;
} known[] = {{&click, CLICK},   {&shared, CLICK_SHARED}, {&opened, OPEN}, {&unsubscribe, UNSUBSCRIBE},
             {&bounce, BOUNCE}, {&confirm, CONFIRM}};
#define KNOWN (sizeof known / sizeof known[0])

static void assert_same(const struct token *got, const struct token *want) {
	assert_int_equal(got->purpose, want->purpose);
	assert_int_equal(got->shared, want->shared);
	assert_int_equal(got->time, want->time);
	assert_int_equal(got->list, want->list);
	assert_true(got->campaign == want->campaign);
	assert_true(got->address_key == want->address_key);
	assert_int_equal(got->link, want->link);
	assert_int_equal(got->kind, want->kind);
	assert_true(span_equal(got->target, want->target));
}

static enum token_fault decode(struct fixture *f, bool base32, struct span text, struct token *token_r) {
	return base32 ? token_decode_base32(f->ring, text, &f->bytes, token_r)
	              : token_decode(f->ring, text, &f->bytes, token_r);
}

static void test_layout(void **state) {
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < KNOWN; i++) {
		bool base32 = known[i].token->purpose == TOKEN_BOUNCE;
		struct token got;

		buf_reset(&f->out);
		assert_int_equal(base32 ? token_encode_base32(f->ring, known[i].token, &f->out)
		                        : token_encode(f->ring, known[i].token, &f->out),
		                 0);
		assert_string_equal(f->out.at, known[i].want);
		assert_int_equal(decode(f, base32, buf_span(&f->out), &got), TOKEN_OK);
		assert_same(&got, known[i].token);
		assert_int_equal(got.key_id, 1);
	}
	assert_int_equal(token_click_size(click.target.len, false), strlen(CLICK));
	assert_int_equal(token_click_size(shared.target.len, true), strlen(CLICK_SHARED));
}

/* RFC 5321 4.5.3.1.1: a local part has at most 64 octets. */
static void test_local_parts_fit(void **state) {
	struct fixture *f = *state;

	assert_int_equal(token_encode_base32(f->ring, &bounce, &f->out), 0);
	assert_int_equal(strlen("b+") + f->out.len, 63);
	buf_reset(&f->out);
	assert_int_equal(token_encode(f->ring, &unsubscribe, &f->out), 0);
	assert_int_equal(strlen("unsubscribe+") + f->out.len, 63);
}

/* B10: what the size says is what comes, up to the largest token. */
/* The longest target that fits, by the definition. */
static void test_click_room(void **state) {
	size_t octets, unnamed, want;

	(void)state;
	for (unnamed = 0; unnamed < 2; unnamed++)
		for (want = 0, octets = 0; octets <= 2000; octets++) {
			while (token_click_size(want + 1, unnamed != 0) <= octets)
				want++;
			assert_int_equal(token_click_room(octets, unnamed != 0), want);
		}
}

static void test_click_sizes(void **state) {
	static const size_t cases[] = {1, 2, 3, 60, 1400, TOKEN_BYTES_MAX - 40};
	static char target[TOKEN_BYTES_MAX];
	struct fixture *f = *state;
	struct token token = click, got;
	size_t i;

	memset(target, 'x', sizeof target);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		token.target = span_make(target, cases[i]);
		buf_reset(&f->out);
		assert_int_equal(token_encode(f->ring, &token, &f->out), 0);
		assert_int_equal(f->out.len, token_click_size(cases[i], false));
		assert_int_equal(decode(f, false, buf_span(&f->out), &got), TOKEN_OK);
		assert_same(&got, &token);
	}
	buf_reset(&f->out);
	token.target.len++;
	assert_int_equal(token_encode(f->ring, &token, &f->out), -1);
	token.target = SPAN_NONE;
	assert_int_equal(token_encode(f->ring, &token, &f->out), -1);
	token = click;
	token.link = 0;
	assert_int_equal(token_encode(f->ring, &token, &f->out), -1);
	assert_int_equal(f->out.len, 0);
	f->out.max = 10;
	assert_int_equal(token_encode(f->ring, &click, &f->out), -1);
}

static void test_faults(void **state) {
	static const struct {
		const char *text;
		bool base32;
		enum token_fault want;
	} cases[] = {
	        {"", false, TOKEN_BAD_ENCODING},
	        {"", true, TOKEN_BAD_ENCODING},
	        {"A", false, TOKEN_BAD_ENCODING},
	        {OPEN "=", false, TOKEN_BAD_ENCODING},
	        {OPEN " ", false, TOKEN_BAD_ENCODING},
	        {OPEN "AA", false, TOKEN_BAD_ENCODING},
	        /* The bits left over in the last digit have to be zero. */
	        {"AgFpIaXwASNFZ4mrze_-3LqYdlQyEJy2aEI0AaZtZzpc04sxtv9", false, TOKEN_BAD_ENCODING},
	        {"aqawsinf6aasgrlhrgv433763s5jq5sugiipby43lenxv2g3s2s545l2cw4ej", true, TOKEN_BAD_ENCODING},
	        {OPEN "A", false, TOKEN_BAD_LAYOUT},
	        {OPEN "AAAA", false, TOKEN_BAD_LAYOUT},
	        {NO_TAG, false, TOKEN_BAD_LAYOUT},
	        {VERSION_1, false, TOKEN_BAD_LAYOUT},
	        {LINK_0, false, TOKEN_BAD_LAYOUT},
	        {NO_TARGET, false, TOKEN_BAD_LAYOUT},
	        {"AQ", false, TOKEN_BAD_LAYOUT},
	        {KEY_9, false, TOKEN_BAD_KEY},
	        {NO_CONTENTS, false, TOKEN_BAD_LAYOUT},
	        {CONFIRM_SHARED, false, TOKEN_BAD_LAYOUT},
	        {ORIGIN, false, TOKEN_BAD_PURPOSE},
	        {SEAL, false, TOKEN_BAD_PURPOSE},
	        {FORM, false, TOKEN_BAD_PURPOSE},
	        {PURPOSE_0, false, TOKEN_BAD_PURPOSE},
	        {"CQFpIaXwASNFZ4mrze_-3LqYdlQyEJy2aEI0AaZtZzpc04sxtv8", false, TOKEN_BAD_PURPOSE},
	        {"AwFpIaXwASNFZ4mrze_-3LqYdlQyEJy2aEI0AaZtZzpc04sxtv8", false, TOKEN_BAD_TAG},
	        {BOUNCE, true, TOKEN_OK},
	        {BOUNCE_UPPER, true, TOKEN_OK},
	        {BOUNCE_BASE64URL, false, TOKEN_OK},
	};
	struct fixture *f = *state;
	struct token token;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum token_fault got = decode(f, cases[i].base32, span_of(cases[i].text), &token);

		if (got != cases[i].want)
			fail_msg("%s: want %d, got %d", cases[i].text, cases[i].want, got);
		assert_true(strlen(token_fault_text(got)) > 0);
		if (got != TOKEN_OK)
			assert_int_equal(token.campaign, 0);
	}
}

static void test_too_long(void **state) {
	static char text[8192];
	struct fixture *f = *state;
	struct token token;

	f->bytes.max = sizeof text;
	memset(text, 'A', sizeof text);
	assert_int_equal(decode(f, false, span_make(text, sizeof text), &token), TOKEN_BAD_ENCODING);
	assert_int_equal(decode(f, true, span_make(text, sizeof text), &token), TOKEN_BAD_ENCODING);
	assert_int_equal(decode(f, false, span_make(text, base64url_size(TOKEN_BYTES_MAX + 3)), &token),
	                 TOKEN_BAD_ENCODING);
	assert_int_equal(decode(f, false, span_make(text, base64url_size(TOKEN_BYTES_MAX)), &token), TOKEN_BAD_PURPOSE);
}

/* One change of the text or of the bytes behind it; in `text` on return. */
static void mutate(char *text, size_t len, bool base32, unsigned *seed, struct buf *bytes, struct buf *out) {
	unsigned char *b;
	int kind = rand_r(seed) % 5;

	if (kind == 0) {
		size_t i = (size_t)rand_r(seed) % len;

		text[i] = (char)(text[i] ^ 1 << rand_r(seed) % 7);
		return;
	}
	if (kind == 1) {
		text[(size_t)rand_r(seed) % len] = '\0';
		return;
	}
	buf_reset(bytes);
	assert_int_equal(
	        base32 ? base32_decode(bytes, span_make(text, len)) : base64url_decode(bytes, span_make(text, len)), 0);
	b = (unsigned char *)bytes->at;
	if (kind == 2)
		b[(size_t)rand_r(seed) % bytes->len] ^= (unsigned char)(1 << rand_r(seed) % 8);
	else if (kind == 3)
		b[0] = (unsigned char)((b[0] & 0xf0) | (rand_r(seed) % 10));
	else
		b[1] = (unsigned char)(rand_r(seed) % 3);
	buf_reset(out);
	if (base32)
		base32_encode(out, b, bytes->len);
	else
		base64url_encode(out, b, bytes->len);
	memcpy(text, out->at, out->len + 1);
}

/* S1, S2: no change gives a valid token, but for the case of base32. */
static void test_mutations(void **state) {
	enum { TIMES = 10000 };
	struct fixture *f = *state;
	unsigned seed = 1;
	int i, same_case = 0;

	keyring_free(&f->ring);
	f->ring = ring_of(ADDRESS KEY_1 KEY_2);
	for (i = 0; i < TIMES; i++) {
		size_t n = (size_t)rand_r(&seed) % KNOWN;
		bool base32 = known[n].token->purpose == TOKEN_BOUNCE;
		char text[256];
		struct token token;
		enum token_fault fault;

		snprintf(text, sizeof text, "%s", known[n].want);
		mutate(text, strlen(text), base32, &seed, &f->bytes, &f->out);
		if (base32 ? strcasecmp(text, known[n].want) == 0 : strcmp(text, known[n].want) == 0) {
			same_case++;
			continue;
		}
		fault = decode(f, base32, span_of(text), &token);
		if (fault == TOKEN_OK)
			fail_msg("mutation %d is valid: %s of %s", i, text, known[n].want);
		assert_int_equal(token_find(f->ring, span_of(text), &f->bytes, &token) == TOKEN_OK, 0);
	}
	assert_true(same_case < TIMES / 4);
}

/* S2: a token's bytes under another purpose's key are no token. */
static void test_purposes_are_apart(void **state) {
	struct fixture *f = *state;
	const struct token *plain[] = {&opened, &bounce, &unsubscribe};
	size_t i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++) {
			struct token token;

			buf_reset(&f->out);
			buf_reset(&f->bytes);
			token_encode(f->ring, plain[i], &f->out);
			assert_int_equal(base64url_decode(&f->bytes, buf_span(&f->out)), 0);
			f->bytes.at[0] = (char)plain[j]->purpose;
			buf_reset(&f->out);
			base64url_encode(&f->out, f->bytes.at, f->bytes.len);
			assert_int_equal(decode(f, false, buf_span(&f->out), &token),
			                 i == j ? TOKEN_OK : TOKEN_BAD_TAG);
		}
}

/* The contents of a confirm token, an address, can't be read without the ring, and
 * two tokens of the same moment show nothing they have in common. */
static void test_sealed(void **state) {
	struct fixture *f = *state;
	struct token token = confirm;
	static char long_text[TOKEN_BYTES_MAX];
	struct buf other;

	buf_init(&other, 4096);
	assert_int_equal(token_encode(f->ring, &token, &f->out), 0);
	assert_int_equal(base64url_decode(&f->bytes, buf_span(&f->out)), 0);
	assert_int_equal(span_find(buf_span(&f->bytes), SPAN("example")), -1);
	assert_int_equal(span_find(buf_span(&f->bytes), SPAN("agreed")), -1);
	buf_reset(&f->out);
	token.target = SPAN("\0\014b@example.jp\011192.0.2.1agreed");
	assert_int_equal(token_encode(f->ring, &token, &f->out), 0);
	assert_int_equal(base64url_decode(&other, buf_span(&f->out)), 0);
	assert_int_equal(other.len, f->bytes.len);
	assert_true(memcmp(other.at + 30, f->bytes.at + 30, 10) != 0);
	memset(long_text, 'x', sizeof long_text);
	token.target = span_make(long_text, TOKEN_BYTES_MAX - 43);
	buf_reset(&f->out);
	assert_int_equal(token_encode(f->ring, &token, &f->out), 0);
	assert_int_equal(decode(f, false, buf_span(&f->out), &token), TOKEN_OK);
	assert_int_equal(token.target.len, TOKEN_BYTES_MAX - 43);
	assert_memory_equal(token.target.at, long_text, token.target.len);
	token.target = span_make(long_text, TOKEN_BYTES_MAX - 42);
	assert_int_equal(token_encode(f->ring, &token, &f->out), -1);
	token = confirm;
	token.shared = true;
	assert_int_equal(token_encode(f->ring, &token, &f->out), -1);
	buf_free(&other);
}

/* U4: what an old key signed stays valid after a rotation. */
static void test_old_key_verifies(void **state) {
	struct fixture *f = *state;
	struct token token;

	keyring_free(&f->ring);
	f->ring = ring_of(ADDRESS KEY_1 KEY_2);
	assert_int_equal(decode(f, false, SPAN(OPEN), &token), TOKEN_OK);
	assert_int_equal(token.key_id, 1);
	assert_int_equal(token_encode(f->ring, &opened, &f->out), 0);
	assert_int_equal(decode(f, false, buf_span(&f->out), &token), TOKEN_OK);
	assert_int_equal(token.key_id, 2);
	keyring_free(&f->ring);
	f->ring = ring_of(ADDRESS KEY_2);
	assert_int_equal(decode(f, false, SPAN(OPEN), &token), TOKEN_BAD_KEY);
}

static const struct {
	const char *text;
	enum token_fault want;
	enum token_purpose purpose;
} found[] = {
        {"https://t.example.com/c/" CLICK, TOKEN_OK, TOKEN_CLICK},
        {"http://[::1]:8080/below/c/" CLICK_SHARED, TOKEN_OK, TOKEN_CLICK},
        {" https://t.example.com/c/" CLICK "\r\n", TOKEN_OK, TOKEN_CLICK},
        {"/c/" CLICK, TOKEN_OK, TOKEN_CLICK},
        {"c/" CLICK, TOKEN_OK, TOKEN_CLICK},
        {"https://t.example.com/o/" OPEN ".gif", TOKEN_OK, TOKEN_OPEN},
        {"https://t.example.com/u/" UNSUBSCRIBE, TOKEN_OK, TOKEN_UNSUBSCRIBE},
        {"https://t.example.com/j/" CONFIRM, TOKEN_OK, TOKEN_CONFIRM},
        {CONFIRM, TOKEN_OK, TOKEN_CONFIRM},
        {"https://user@t.example.com/u/" UNSUBSCRIBE, TOKEN_OK, TOKEN_UNSUBSCRIBE},
        {"b+" BOUNCE "@bounce.example.com", TOKEN_OK, TOKEN_BOUNCE},
        {"<B+" BOUNCE_UPPER "@BOUNCE.EXAMPLE.COM>", TOKEN_OK, TOKEN_BOUNCE},
        {"unsubscribe+" UNSUBSCRIBE "@bounce.example.com", TOKEN_OK, TOKEN_UNSUBSCRIBE},
        {"Unsubscribe+" UNSUBSCRIBE "@bounce.example.com", TOKEN_OK, TOKEN_UNSUBSCRIBE},
        {CLICK, TOKEN_OK, TOKEN_CLICK},
        {OPEN, TOKEN_OK, TOKEN_OPEN},
        {UNSUBSCRIBE, TOKEN_OK, TOKEN_UNSUBSCRIBE},
        {BOUNCE, TOKEN_OK, TOKEN_BOUNCE},
        {BOUNCE_UPPER, TOKEN_OK, TOKEN_BOUNCE},
        /* The form has to fit the purpose. */
        {"https://t.example.com/u/" CLICK, TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/c/" UNSUBSCRIBE, TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/o/" UNSUBSCRIBE ".gif", TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/c/" BOUNCE_BASE64URL, TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/j/" UNSUBSCRIBE, TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/u/" CONFIRM, TOKEN_BAD_PURPOSE, 0},
        {"unsubscribe+" CLICK "@bounce.example.com", TOKEN_BAD_PURPOSE, 0},
        {"unsubscribe+" BOUNCE_BASE64URL "@bounce.example.com", TOKEN_BAD_PURPOSE, 0},
        {BOUNCE_BASE64URL, TOKEN_BAD_PURPOSE, 0},
        {ORIGIN, TOKEN_BAD_PURPOSE, 0},
        {PURPOSE_0, TOKEN_BAD_PURPOSE, 0},
        {"https://t.example.com/c/" ORIGIN, TOKEN_BAD_PURPOSE, 0},
        /* Nothing may stand around the token. */
        {"https://t.example.com/c/" CLICK "?x=1", TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/c/" CLICK "#x", TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/?x=/c/" CLICK, TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/c/" CLICK "/", TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/x/" CLICK, TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/C/" CLICK, TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/o/" OPEN, TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/o/.gif", TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/c/" CLICK ".gif", TOKEN_BAD_ENCODING, 0},
        {"https://t.example.com/", TOKEN_BAD_ENCODING, 0},
        {"/", TOKEN_BAD_ENCODING, 0},
        {"b+" BOUNCE_BASE64URL "@bounce.example.com", TOKEN_BAD_ENCODING, 0},
        {"b" BOUNCE "@bounce.example.com", TOKEN_BAD_ENCODING, 0},
        {"b+@bounce.example.com", TOKEN_BAD_ENCODING, 0},
        {"a@example.com", TOKEN_BAD_ENCODING, 0},
        {"@", TOKEN_BAD_ENCODING, 0},
        {"<>", TOKEN_BAD_ENCODING, 0},
        {"", TOKEN_BAD_ENCODING, 0},
        {KEY_9, TOKEN_BAD_KEY, 0},
};

static void test_find(void **state) {
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof found / sizeof found[0]; i++) {
		struct token token;
		enum token_fault got = token_find(f->ring, span_of(found[i].text), &f->bytes, &token);

		if (got != found[i].want)
			fail_msg("%s: want %d, got %d", found[i].text, found[i].want, got);
		if (got == TOKEN_OK)
			assert_int_equal(token.purpose, found[i].purpose);
		else
			assert_int_equal(token.campaign, 0);
	}
}

static void test_ids(void **state) {
	struct fixture *f = *state;

	assert_int_equal(token_list_id(f->ring, SPAN("news")), 0x6d697f63);
	assert_true(token_address_key(f->ring, SPAN("a@example.jp")) == 0x4fa154e1565fefc7);
	assert_string_equal(token_purpose_name(TOKEN_CLICK), "click");
	assert_string_equal(token_purpose_name(TOKEN_OPEN), "open");
	assert_string_equal(token_purpose_name(TOKEN_UNSUBSCRIBE), "unsubscribe");
	assert_string_equal(token_purpose_name(TOKEN_BOUNCE), "bounce");
	assert_string_equal(token_purpose_name(TOKEN_ORIGIN), "origin");
	assert_string_equal(token_purpose_name(TOKEN_CONFIRM), "confirm");
	assert_string_equal(token_purpose_name(TOKEN_SEAL), "seal");
	assert_string_equal(token_purpose_name(TOKEN_FORM), "form");
}

#define WITH_RING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH_RING(test_layout),
	        WITH_RING(test_local_parts_fit),
	        cmocka_unit_test(test_click_room),
	        WITH_RING(test_click_sizes),
	        WITH_RING(test_faults),
	        WITH_RING(test_too_long),
	        WITH_RING(test_mutations),
	        WITH_RING(test_purposes_are_apart),
	        WITH_RING(test_sealed),
	        WITH_RING(test_old_key_verifies),
	        WITH_RING(test_find),
	        WITH_RING(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
