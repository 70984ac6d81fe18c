#include "lib/dkimkey.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024) /* octets of a key file */
#define RSA_BITS_MIN 1024    /* RFC 8301 3.2 */
#define RSA_BITS_MAX 16384   /* larger ones cost minutes, and OpenSSL refuses to verify them */
#define RECORD_MAX 8192      /* octets of a record: p= of the largest key, and some */
#define SIGNATURE_MAX (RSA_BITS_MAX / 8)

struct dkimkey {
	EVP_PKEY *pkey;
	enum dkimkey_type type;
	int bits;
	char *record;
};

/* Opens and checks a key file: the descriptor, or -1. */
static int open_key(const char *file, size_t *size_r, struct err *err) {
	struct stat st;
	/* O_NONBLOCK: a FIFO must not stop the start. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(err, "%s: can't be opened: %s", file, strerror(errno));
	if (fstat(fd, &st) != 0)
		err_set(err, "%s: can't be examined: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err_set(err, "%s: is no regular file", file);
	else if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		err_set(err, "%s: mode %04o lets everyone read or write the key; allowed: 0600 or 0640", file,
		        (unsigned)(st.st_mode & 07777));
	else if (st.st_size > FILE_MAX)
		err_set(err, "%s: has %lld octets; a key file has at most %d", file, (long long)st.st_size, FILE_MAX);
	else {
		*size_r = (size_t)st.st_size;
		return fd;
	}
	close(fd);
	return -1;
}

/* Up to `size` octets; how many there were, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t size) {
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, bytes + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* Called by OpenSSL for an encrypted key alone: there is no one to ask. */
static int refuse_passphrase(char *room, int size, int writing, void *context) {
	bool *asked = context;

	(void)room;
	(void)size;
	(void)writing;
	*asked = true;
	return -1;
}

static EVP_PKEY *parse_pem(const char *file, const char *pem, size_t len, struct err *err) {
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pkey = NULL;
	bool asked = false;

	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &asked);
	BIO_free(bio);
	if (pkey == NULL && asked)
		err_set(err, "%s: the key is encrypted; allowed: a PEM private key without passphrase", file);
	else if (pkey == NULL)
		err_set(err, "%s: no private key in it; allowed: PEM, RSA (PKCS #1 or #8) or Ed25519 (PKCS #8)", file);
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *read_pem(const char *file, struct err *err) {
	EVP_PKEY *pkey = NULL;
	size_t size = 0;
	ssize_t len;
	char *pem;
	int fd = open_key(file, &size, err);

	if (fd < 0)
		return NULL;
	pem = malloc(size + 1);
	if (pem == NULL) {
		err_set(err, "%s: out of memory", file);
		goto out;
	}
	len = read_all(fd, pem, size);
	if (len < 0)
		err_set(err, "%s: can't be read: %s", file, strerror(errno));
	else
		pkey = parse_pem(file, pem, (size_t)len, err);
	OPENSSL_cleanse(pem, size + 1);
out:
	free(pem);
	close(fd);
	return pkey;
}

/* D1: 0 where the key is one to sign mail with. */
static int check_type(struct dkimkey *key, const char *file, struct err *err) {
	const char *name = EVP_PKEY_get0_type_name(key->pkey);

	key->bits = EVP_PKEY_get_bits(key->pkey);
	if (EVP_PKEY_is_a(key->pkey, "ED25519"))
		key->type = DKIMKEY_ED25519;
	else if (EVP_PKEY_is_a(key->pkey, "RSA"))
		key->type = DKIMKEY_RSA;
	else
		return err_set(err, "%s: is a key of type %s; allowed: RSA, Ed25519", file,
		               name == NULL ? "unknown" : name);
	if (key->type == DKIMKEY_RSA && (key->bits < RSA_BITS_MIN || key->bits > RSA_BITS_MAX))
		return err_set(err, "%s: is RSA of %d bits; allowed: %d to %d (RFC 8301)", file, key->bits,
		               RSA_BITS_MIN, RSA_BITS_MAX);
	return 0;
}

/* The octets of p=: SubjectPublicKeyInfo for RSA (RFC 6376 3.6.1 as verifiers
 * read it), the bare key for Ed25519 (RFC 8463 4).  0 where it can't be had. */
static size_t public_octets(const struct dkimkey *key, unsigned char **octets_r) {
	size_t len = 0;
	int der;

	*octets_r = NULL;
	if (key->type == DKIMKEY_RSA) {
		der = i2d_PUBKEY(key->pkey, octets_r);
		return der < 0 ? 0 : (size_t)der;
	}
	if (EVP_PKEY_get_raw_public_key(key->pkey, NULL, &len) != 1 || (*octets_r = OPENSSL_malloc(len)) == NULL)
		return 0;
	return EVP_PKEY_get_raw_public_key(key->pkey, *octets_r, &len) == 1 ? len : 0;
}

static int make_record(struct dkimkey *key) {
	struct buf record;
	unsigned char *octets;
	size_t len = public_octets(key, &octets);
	char *room;

	buf_init(&record, RECORD_MAX);
	buf_printf(&record, "v=DKIM1; k=%s; p=", key->type == DKIMKEY_RSA ? "rsa" : "ed25519");
	room = len == 0 ? NULL : buf_reserve(&record, (len + 2) / 3 * 4 + 1);
	if (room != NULL) {
		record.len += (size_t)EVP_EncodeBlock((unsigned char *)room, octets, (int)len);
		key->record = buf_take(&record);
	}
	OPENSSL_free(octets);
	buf_free(&record);
	return key->record == NULL ? -1 : 0;
}

/* Signs something and verifies it with the public key: a file that holds only a
 * public key, or halves that don't belong together, is found out here and not
 * with the first mail. */
static bool halves_fit(const struct dkimkey *key) {
	static const unsigned char hash[32] = {1};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *rsa = NULL;
	struct buf signature;
	bool fit = false;

	buf_init(&signature, SIGNATURE_MAX);
	if (context == NULL || dkimkey_sign(key, hash, &signature) != 0)
		goto out;
	if (key->type == DKIMKEY_ED25519) {
		fit = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
		      EVP_DigestVerify(context, (unsigned char *)signature.at, signature.len, hash, sizeof hash) == 1;
		goto out;
	}
	rsa = EVP_PKEY_CTX_new(key->pkey, NULL);
	fit = rsa != NULL && EVP_PKEY_verify_init(rsa) == 1 &&
	      EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING) == 1 &&
	      EVP_PKEY_CTX_set_signature_md(rsa, EVP_sha256()) == 1 &&
	      EVP_PKEY_verify(rsa, (unsigned char *)signature.at, signature.len, hash, sizeof hash) == 1;
out:
	EVP_PKEY_CTX_free(rsa);
	EVP_MD_CTX_free(context);
	buf_free(&signature);
	ERR_clear_error();
	return fit;
}

struct dkimkey *dkimkey_load(const char *file, struct err *err) {
	struct dkimkey *key = calloc(1, sizeof *key);

	if (key == NULL) {
		err_set(err, "%s: out of memory", file);
		return NULL;
	}
	key->pkey = read_pem(file, err);
	if (key->pkey == NULL || check_type(key, file, err) != 0) {
		dkimkey_free(&key);
		return NULL;
	}
	if (!halves_fit(key)) {
		err_set(err, "%s: the private key is damaged: it doesn't fit its public half", file);
		dkimkey_free(&key);
	} else if (make_record(key) != 0) {
		err_set(err, "%s: the public key can't be had, or out of memory", file);
		dkimkey_free(&key);
	}
	return key;
}

void dkimkey_free(struct dkimkey **key) {
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pkey);
	free((*key)->record);
	free(*key);
	*key = NULL;
}

enum dkimkey_type dkimkey_type(const struct dkimkey *key) {
	return key->type;
}

int dkimkey_bits(const struct dkimkey *key) {
	return key->bits;
}

const char *dkimkey_algorithm(const struct dkimkey *key) {
	return key->type == DKIMKEY_RSA ? "rsa-sha256" : "ed25519-sha256";
}

const char *dkimkey_record(const struct dkimkey *key) {
	return key->record;
}

/* A context for each signature: the key is shared by threads, a context can't
 * be, and making one takes half a hundredth of the time of the signature. */
static size_t sign_rsa(EVP_PKEY *pkey, const unsigned char hash[32], unsigned char *room, size_t size) {
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);

	if (context == NULL || EVP_PKEY_sign_init(context) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1 ||
	    EVP_PKEY_sign(context, room, &size, hash, 32) != 1)
		size = 0;
	EVP_PKEY_CTX_free(context);
	return size;
}

static size_t sign_ed25519(EVP_PKEY *pkey, const unsigned char hash[32], unsigned char *room, size_t size) {
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) != 1 ||
	    EVP_DigestSign(context, room, &size, hash, 32) != 1)
		size = 0;
	EVP_MD_CTX_free(context);
	return size;
}

int dkimkey_sign(const struct dkimkey *key, const unsigned char hash[32], struct buf *out) {
	size_t size = (size_t)EVP_PKEY_get_size(key->pkey);
	unsigned char *room = (unsigned char *)buf_reserve(out, size);

	if (room == NULL)
		return -1;
	size = key->type == DKIMKEY_RSA ? sign_rsa(key->pkey, hash, room, size)
	                                : sign_ed25519(key->pkey, hash, room, size);
	out->len += size;
	out->at[out->len] = '\0';
	ERR_clear_error();
	return size == 0 ? -1 : 0;
}
