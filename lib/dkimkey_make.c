/* New keys and their records for a zone: of lib/dkimkey.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/dkimkey.h"

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 8192
#define STRING_MAX 255 /* octets of one character-string (RFC 1035 3.3) */

static int write_all(int fd, const char *bytes, size_t len) {
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* O_EXCL: never over a file that is there, nor through a link. */
static int write_key(const char *file, const char *pem, size_t len, struct err *err) {
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	int failed;

	if (fd < 0)
		return err_set(err, "%s: can't be made: %s", file, strerror(errno));
	failed = fchmod(fd, S_IRUSR | S_IWUSR) != 0 || write_all(fd, pem, len) != 0 || fsync(fd) != 0 ? errno : 0;
	if (close(fd) != 0 && failed == 0)
		failed = errno;
	if (failed == 0)
		return 0;
	unlink(file);
	return err_set(err, "%s: can't be written: %s", file, strerror(failed));
}

int dkimkey_generate(const char *file, enum dkimkey_type type, int bits, struct err *err) {
	EVP_PKEY *pkey = NULL;
	char *pem = NULL;
	BIO *bio = NULL;
	int result = -1;
	long len;

	if (type == DKIMKEY_RSA && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX))
		return err_set(err, "an RSA key of %d bits; allowed: %d to %d", bits, RSA_BITS_MIN, RSA_BITS_MAX);
	pkey = type == DKIMKEY_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)
	                           : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	/* Memory that is cleared when it is freed. */
	bio = BIO_new(BIO_s_secmem());
	if (pkey == NULL || bio == NULL || PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0)
		err_set(err, "%s: no key could be made: out of memory or of random numbers", file);
	else
		result = write_key(file, pem, (size_t)len, err);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return result;
}

/* A quoted string of a zone file (RFC 1035 5.1). */
static void add_string(struct buf *out, struct span text) {
	size_t i;

	buf_add_text(out, " \"");
	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c < 0x20 || c > 0x7e)
			buf_printf(out, "\\%03u", c);
		else {
			if (c == '"' || c == '\\')
				buf_add_byte(out, '\\');
			buf_add_byte(out, (char)c);
		}
	}
	buf_add_byte(out, '"');
}

void dkimkey_zone_record(const char *selector, const char *domain, const char *record, struct buf *out) {
	struct span left = span_of(record);

	buf_printf(out, "%s._domainkey.%s. 3600 IN TXT (", selector, domain);
	do {
		add_string(out, span_make(left.at, left.len < STRING_MAX ? left.len : STRING_MAX));
		left = span_from(left, STRING_MAX);
	} while (left.len > 0);
	buf_add_text(out, " )\n");
}
