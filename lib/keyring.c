#include "lib/keyring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "lib/clock.h"
#include "lib/cursor.h"
#include "lib/keyring_private.h"
#include "lib/token.h"

#define BLOCK_SIZE 64 /* of SHA-256 (FIPS 180-4) */

/* HMAC's two hashes (RFC 2104) with the key's block already in: a tag starts
 * from a copy of them, and takes no memory and no lock. */
struct mac_key {
	SHA256_CTX inner;
	SHA256_CTX outer;
};

struct key {
	time_t created;
	struct mac_key purpose[TOKEN_PURPOSES];
};

struct keyring {
	struct key *keys[RING_IDS]; /* by id; NULL where there is none */
	size_t count;
	uint8_t signer;
	bool has_address;
	struct mac_key address;
};

/* The low-level hash is deprecated in favour of EVP, whose contexts can't be
 * shared by threads: reset for each tag they cost nearly twice the time and a
 * context per thread, copied for each tag five times the time. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void hash_block(SHA256_CTX *state, const unsigned char *secret, size_t len, unsigned char fill) {
	unsigned char block[BLOCK_SIZE];
	size_t i;

	for (i = 0; i < BLOCK_SIZE; i++)
		block[i] = i < len ? secret[i] ^ fill : fill;
	SHA256_Init(state);
	SHA256_Update(state, block, sizeof block);
	OPENSSL_cleanse(block, sizeof block);
}

static void mac_add(SHA256_CTX *state, const void *bytes, size_t len) {
	if (len > 0)
		SHA256_Update(state, bytes, len);
}

static void mac_end(const struct mac_key *key, SHA256_CTX *state, unsigned char out[SHA256_DIGEST_LENGTH]) {
	SHA256_Final(out, state);
	*state = key->outer;
	SHA256_Update(state, out, SHA256_DIGEST_LENGTH);
	SHA256_Final(out, state);
}

#pragma GCC diagnostic pop

static void mac_key_set(struct mac_key *key, const unsigned char *secret, size_t len) {
	hash_block(&key->inner, secret, len, 0x36);
	hash_block(&key->outer, secret, len, 0x5c);
}

/* Each purpose has a key of its own, so that no token passes for another's (S2). */
static void key_derive(struct key *key, const unsigned char secret[SECRET_SIZE]) {
	static const char label[] = "todoku token ";
	unsigned char derived[SHA256_DIGEST_LENGTH];
	struct mac_key master;
	int purpose;

	mac_key_set(&master, secret, SECRET_SIZE);
	for (purpose = TOKEN_CLICK; purpose < TOKEN_PURPOSES; purpose++) {
		const char *name = token_purpose_name((enum token_purpose)purpose);
		SHA256_CTX state = master.inner;

		mac_add(&state, label, sizeof label - 1);
		mac_add(&state, name, strlen(name));
		mac_end(&master, &state, derived);
		mac_key_set(&key->purpose[purpose], derived, sizeof derived);
	}
	OPENSSL_cleanse(derived, sizeof derived);
	OPENSSL_cleanse(&master, sizeof master);
}

static struct span take_word(struct span *line) {
	struct span word;

	*line = span_trim(*line);
	for (word = span_make(line->at, 0); word.len < line->len && !ascii_is_blank(word.at[word.len]); word.len++)
		;
	*line = span_from(*line, word.len);
	return word;
}

static int parse_secret(struct span word, unsigned char secret_r[SECRET_SIZE]) {
	size_t i;

	if (word.len != (size_t)SECRET_SIZE * 2)
		return -1;
	for (i = 0; i < SECRET_SIZE; i++) {
		int high = hex_value(word.at[2 * i]), low = hex_value(word.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		secret_r[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

static int parse_id(struct span word) {
	size_t i;
	int id = 0;

	if (word.len == 0 || word.len > 3)
		return -1;
	for (i = 0; i < word.len; i++) {
		if (!ascii_is_digit(word.at[i]))
			return -1;
		id = id * 10 + (word.at[i] - '0');
	}
	return id < RING_IDS ? id : -1;
}

static int parse_created(struct span word, time_t *created_r) {
	char text[STAMP_SIZE];

	if (word.len != sizeof text - 1)
		return -1;
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	return stamp_parse(text, created_r);
}

/* These return what is wrong with the line, or NULL.  None of them quotes it:
 * it may hold a secret. */
static const char *add_address(struct keyring *ring, struct span rest) {
	unsigned char secret[SECRET_SIZE];

	if (ring->has_address)
		return "a second address secret; allowed: one";
	if (parse_secret(take_word(&rest), secret) != 0 || span_trim(rest).len > 0)
		return "the address secret isn't 64 hexadecimal digits, and nothing more";
	mac_key_set(&ring->address, secret, sizeof secret);
	ring->has_address = true;
	OPENSSL_cleanse(secret, sizeof secret);
	return NULL;
}

static const char *add_key(struct keyring *ring, struct span rest) {
	unsigned char secret[SECRET_SIZE];
	struct key *key;
	time_t created;
	int id = parse_id(take_word(&rest));

	if (id < 0)
		return "the key's id isn't a number from 0 to 255";
	if (ring->keys[id] != NULL)
		return "a second key of the same id";
	if (parse_created(take_word(&rest), &created) != 0)
		return "the key's time isn't one as 2026-11-22T04:05:06Z";
	if (parse_secret(take_word(&rest), secret) != 0 || span_trim(rest).len > 0)
		return "the key's secret isn't 64 hexadecimal digits, and nothing more";
	key = OPENSSL_zalloc(sizeof *key);
	if (key == NULL)
		return "out of memory";
	key->created = created;
	key_derive(key, secret);
	OPENSSL_cleanse(secret, sizeof secret);
	if (ring->count == 0 || created >= ring->keys[ring->signer]->created)
		ring->signer = (uint8_t)id;
	ring->keys[id] = key;
	ring->count++;
	return NULL;
}

static const char *add_line(struct keyring *ring, struct span line) {
	ssize_t comment = span_find_byte(line, '#');
	struct span word;

	if (comment >= 0)
		line.len = (size_t)comment;
	word = take_word(&line);
	if (word.len == 0)
		return NULL;
	if (span_equal(word, SPAN("address")))
		return add_address(ring, line);
	if (span_equal(word, SPAN("key")))
		return add_key(ring, line);
	return "not understood; allowed: \"address HEX64\", \"key ID CREATED HEX64\", a comment after #";
}

struct keyring *keyring_parse(const char *file, struct span text, struct err *err) {
	struct cursor c = cursor_make(text);
	struct keyring *ring = OPENSSL_zalloc(sizeof *ring);
	const char *wrong = NULL;
	size_t line;

	if (ring == NULL) {
		err_set(err, "%s: out of memory", file);
		return NULL;
	}
	for (line = 1; wrong == NULL && cursor_left(&c) > 0; line++) {
		wrong = add_line(ring, cursor_until(&c, '\n'));
		if (wrong != NULL)
			err_set(err, "%s:%zu: %s", file, line, wrong);
	}
	if (wrong == NULL && (!ring->has_address || ring->count == 0)) {
		wrong = ring->has_address ? "a key" : "the address secret";
		err_set(err, "%s: %s is missing; restore the file from a backup", file, wrong);
	}
	if (wrong != NULL)
		keyring_free(&ring);
	return ring;
}

void keyring_wipe(struct buf *text) {
	if (text->at != NULL)
		OPENSSL_cleanse(text->at, text->cap);
	buf_free(text);
}

int keyring_read(int fd, const char *file, struct buf *text, struct err *err) {
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) != 0)
		return err_set(err, "%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, "%s: not a regular file", file);
	if ((st.st_mode & S_IRWXO) != 0)
		return err_set(err, "%s: mode %04o lets everyone in; allowed: 0640 or less (chmod o= %s)", file,
		               (unsigned)(st.st_mode & 07777), file);
	buf_init(text, RING_FILE_MAX + 1);
	if (buf_reserve(text, RING_FILE_MAX + 1) == NULL)
		return err_set(err, "%s: out of memory", file);
	do {
		got = read(fd, text->at + text->len, RING_FILE_MAX + 1 - text->len);
		text->len += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		return err_set(err, "%s: %s", file, strerror(errno));
	if (text->len > RING_FILE_MAX)
		return err_set(err, "%s: over %d octets", file, RING_FILE_MAX);
	return 0;
}

int keyring_open(const char *file, struct err *err) {
	/* Not blocking, so that a FIFO put there doesn't stop the start. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		err_set(err, "%s: %s%s", file, strerror(errno), errno == ENOENT ? " (todoku key makes one)" : "");
	return fd;
}

struct keyring *keyring_load(const char *file, struct err *err) {
	struct buf text = {0};
	struct keyring *ring = NULL;
	int fd = keyring_open(file, err);

	if (fd < 0)
		return NULL;
	if (keyring_read(fd, file, &text, err) == 0)
		ring = keyring_parse(file, buf_span(&text), err);
	keyring_wipe(&text);
	close(fd);
	return ring;
}

void keyring_free(struct keyring **ring) {
	size_t i;

	if (*ring == NULL)
		return;
	for (i = 0; i < RING_IDS; i++)
		OPENSSL_clear_free((*ring)->keys[i], sizeof(struct key));
	OPENSSL_clear_free(*ring, sizeof **ring);
	*ring = NULL;
}

size_t keyring_size(const struct keyring *ring) {
	return ring->count;
}

time_t keyring_newest(const struct keyring *ring) {
	return ring->keys[ring->signer]->created;
}

uint8_t keyring_signer(const struct keyring *ring) {
	return ring->signer;
}

bool keyring_has(const struct keyring *ring, uint8_t id) {
	return ring->keys[id] != NULL;
}

int keyring_tag(const struct keyring *ring, enum token_purpose purpose, uint8_t id, const struct span *parts,
                size_t count, unsigned char tag_r[KEYRING_TAG_SIZE]) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	const struct mac_key *key;
	SHA256_CTX state;
	size_t i;

	assert(purpose >= TOKEN_CLICK && purpose < TOKEN_PURPOSES);
	if (ring->keys[id] == NULL)
		return -1;
	key = &ring->keys[id]->purpose[purpose];
	state = key->inner;
	for (i = 0; i < count; i++)
		mac_add(&state, parts[i].at, parts[i].len);
	mac_end(key, &state, digest);
	memcpy(tag_r, digest, KEYRING_TAG_SIZE);
	return 0;
}

static void mac_add_part(SHA256_CTX *state, struct span part) {
	unsigned char size[8];
	int i;

	for (i = 0; i < 8; i++)
		size[i] = (unsigned char)((uint64_t)part.len >> (56 - 8 * i));
	mac_add(state, size, sizeof size);
	mac_add(state, part.at, part.len);
}

uint64_t keyring_hash(const struct keyring *ring, const char *label, const struct span *parts, size_t count) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX state = ring->address.inner;
	uint64_t hash = 0;
	size_t i;

	mac_add_part(&state, span_of(label));
	for (i = 0; i < count; i++)
		mac_add_part(&state, parts[i]);
	mac_end(&ring->address, &state, digest);
	for (i = 0; i < 8; i++)
		hash = hash << 8 | digest[i];
	return hash;
}
