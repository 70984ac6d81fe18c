#include "milter/dkim_pubkey.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 16

struct known {
	unsigned char *der;
	size_t len;
	EVP_PKEY *key;
};

/* The function that is stood in for has no context, so neither has this. */
static struct {
	pthread_mutex_t lock;
	struct known keys[KEYS_MAX];
	size_t next; /* to be replaced */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void forget(struct known *known) {
	free(known->der);
	EVP_PKEY_free(known->key);
	*known = (struct known){0};
}

void dkim_pubkey_forget(void) {
	size_t i;

	pthread_mutex_lock(&cache.lock);
	for (i = 0; i < KEYS_MAX; i++)
		forget(&cache.keys[i]);
	pthread_mutex_unlock(&cache.lock);
}

/* The key, with a reference for the caller; NULL. */
static EVP_PKEY *find(const unsigned char *der, size_t len) {
	EVP_PKEY *key = NULL;
	size_t i;

	pthread_mutex_lock(&cache.lock);
	for (i = 0; i < KEYS_MAX && key == NULL; i++)
		if (cache.keys[i].len == len && memcmp(cache.keys[i].der, der, len) == 0 &&
		    EVP_PKEY_up_ref(cache.keys[i].key) == 1)
			key = cache.keys[i].key;
	pthread_mutex_unlock(&cache.lock);
	return key;
}

static void keep(const unsigned char *der, size_t len, EVP_PKEY *key) {
	unsigned char *copy = malloc(len);

	if (copy == NULL || EVP_PKEY_up_ref(key) != 1) {
		free(copy);
		return;
	}
	memcpy(copy, der, len);
	pthread_mutex_lock(&cache.lock);
	forget(&cache.keys[cache.next]);
	cache.keys[cache.next] = (struct known){copy, len, key};
	cache.next = (cache.next + 1) % KEYS_MAX;
	pthread_mutex_unlock(&cache.lock);
}

EVP_PKEY *d2i_PUBKEY_bio(BIO *bio, EVP_PKEY **key_r) {
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	const unsigned char *der = (const unsigned char *)data, *at = der;
	EVP_PKEY *key;

	if (len <= 0 || data == NULL)
		return NULL;
	key = find(der, (size_t)len);
	if (key == NULL) {
		key = d2i_PUBKEY(NULL, &at, len);
		if (key != NULL)
			keep(der, (size_t)len, key);
	}
	if (key_r != NULL)
		*key_r = key;
	return key;
}
