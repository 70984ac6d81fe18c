#include "webd/tls.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#define CHAIN_MAX 16
#define KEY_ID_SIZE 64

/* A handshake may still use one that was replaced; they are few and small. */
struct generation {
	struct generation *older;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned length;
	gnutls_privkey_t key;
};

struct tls {
	pthread_mutex_t lock;
	struct generation *newest;
};

static void generation_free(struct generation *g) {
	unsigned i;

	if (g == NULL)
		return;
	for (i = 0; i < g->length; i++)
		gnutls_pcert_deinit(&g->chain[i]);
	if (g->key != NULL)
		gnutls_privkey_deinit(g->key);
	free(g);
}

static int load_key(struct generation *g, const char *file, struct err *err) {
	gnutls_datum_t text = {NULL, 0};
	int result = gnutls_load_file(file, &text);

	if (result == 0)
		result = gnutls_privkey_init(&g->key);
	if (result == 0)
		result = gnutls_privkey_import_x509_raw(g->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (text.data != NULL)
		gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	return result == 0 ? 0 : err_set(err, "%s: %s", file, gnutls_strerror(result));
}

/* Is it the key of that certificate? */
static bool belong_together(const struct generation *g) {
	unsigned char ids[2][KEY_ID_SIZE];
	size_t sizes[2] = {KEY_ID_SIZE, KEY_ID_SIZE};
	gnutls_pubkey_t key;
	bool same;

	if (gnutls_pubkey_init(&key) != 0)
		return false;
	same = gnutls_pubkey_import_privkey(key, g->key, 0, 0) == 0 &&
	       gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]) == 0 &&
	       gnutls_pubkey_get_key_id(g->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, ids[1], &sizes[1]) == 0 &&
	       sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0;
	gnutls_pubkey_deinit(key);
	return same;
}

static struct generation *generation_load(const char *cert_file, const char *key_file, struct err *err) {
	struct generation *g = calloc(1, sizeof *g);
	int result;

	if (g == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	g->length = CHAIN_MAX;
	result =
	        gnutls_pcert_list_import_x509_file(g->chain, &g->length, cert_file, GNUTLS_X509_FMT_PEM, NULL, NULL, 0);
	if (result != 0) {
		g->length = 0;
		err_set(err, "%s: %s", cert_file, gnutls_strerror(result));
	} else if (load_key(g, key_file, err) == 0) {
		if (g->length > 0 && belong_together(g))
			return g;
		err_set(err, "%s: not the key of the certificate in %s", key_file, cert_file);
	}
	generation_free(g);
	return NULL;
}

struct tls *tls_load(const char *cert_file, const char *key_file, struct err *err) {
	struct tls *tls = calloc(1, sizeof *tls);

	if (tls == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&tls->lock, NULL);
	if (tls_reload(tls, cert_file, key_file, err) != 0)
		tls_free(&tls);
	return tls;
}

int tls_reload(struct tls *tls, const char *cert_file, const char *key_file, struct err *err) {
	struct generation *g = generation_load(cert_file, key_file, err);

	if (g == NULL)
		return -1;
	pthread_mutex_lock(&tls->lock);
	g->older = tls->newest;
	tls->newest = g;
	pthread_mutex_unlock(&tls->lock);
	return 0;
}

void tls_free(struct tls **tls) {
	struct generation *g, *older;

	if (*tls == NULL)
		return;
	for (g = (*tls)->newest; g != NULL; g = older) {
		older = g->older;
		generation_free(g);
	}
	pthread_mutex_destroy(&(*tls)->lock);
	free(*tls);
	*tls = NULL;
}

struct tls_pair tls_current(struct tls *tls) {
	struct generation *g;

	pthread_mutex_lock(&tls->lock);
	g = tls->newest;
	pthread_mutex_unlock(&tls->lock);
	return (struct tls_pair){g->chain, g->length, g->key};
}
