/* lib/dkimkey: D1, D6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/dkimkey.h"
#include "lib/dkimkey_dns.h"
#include "tests/unit/rfc_keys.h"

/* Their public halves, in records (RFC 8463 appendix A.2). */
#define RFC8463_ED25519_P "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RFC8463_RSA_P                                                                                                  \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"                     \
	"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZy"                     \
	"VYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

struct fixture {
	char folder[64];
	char path[128];
	char link[128];
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk) {
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->folder, "/tmp/todoku-dkimkey-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/key", f->folder);
	snprintf(f->link, sizeof f->link, "%s/link", f->folder);
	*state = f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;

	nftw(f->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void write_file(const char *path, const char *text, size_t len, mode_t mode) {
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static struct dkimkey *load_text(const struct fixture *f, const char *pem) {
	struct err err = {""};
	struct dkimkey *key;

	write_file(f->path, pem, strlen(pem), 0600);
	key = dkimkey_load(f->path, &err);
	if (key == NULL)
		print_error("%s\n", err.text);
	assert_non_null(key);
	return key;
}

enum form { PKCS8, PKCS1, ENCRYPTED, PUBLIC };

static void write_pkey(const char *path, EVP_PKEY *pkey, enum form form) {
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_non_null(pkey);
	if (form == PKCS1)
		assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	else if (form == PUBLIC)
		assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	else
		assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, form == ENCRYPTED ? EVP_aes_128_cbc() : NULL,
		                                          (unsigned char *)"secret", 6, NULL, NULL),
		                 1);
	len = BIO_get_mem_data(bio, &text);
	write_file(path, text, (size_t)len, 0600);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static EVP_PKEY *make_rsa(size_t bits) {
	return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

static void test_load_forms(void **state) {
	static const struct {
		enum form form;
		bool ed25519;
		size_t bits;
		const char *want_error; /* NULL: loads */
	} cases[] = {
	        {PKCS8, false, 1024, NULL},
	        {PKCS1, false, 1024, NULL},
	        {PKCS8, false, 2048, NULL},
	        {PKCS8, true, 256, NULL},
	        {PKCS8, false, 512, "is RSA of 512 bits; allowed: 1024 to 16384 (RFC 8301)"},
	        {PKCS8, false, 1016, "is RSA of 1016 bits"},
	        {ENCRYPTED, false, 1024, "the key is encrypted"},
	        {ENCRYPTED, true, 256, "the key is encrypted"},
	        {PUBLIC, false, 1024, "no private key in it"},
	        {PUBLIC, true, 256, "no private key in it"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {""};
		struct dkimkey *key;

		write_pkey(f->path,
		           cases[i].ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : make_rsa(cases[i].bits),
		           cases[i].form);
		key = dkimkey_load(f->path, &err);
		if (cases[i].want_error != NULL) {
			assert_null(key);
			assert_non_null(strstr(err.text, cases[i].want_error));
			assert_non_null(strstr(err.text, f->path));
			continue;
		}
		assert_non_null(key);
		assert_int_equal(dkimkey_type(key), cases[i].ed25519 ? DKIMKEY_ED25519 : DKIMKEY_RSA);
		assert_int_equal(dkimkey_bits(key), cases[i].ed25519 ? 256 : cases[i].bits);
		assert_string_equal(dkimkey_algorithm(key), cases[i].ed25519 ? "ed25519-sha256" : "rsa-sha256");
		dkimkey_free(&key);
		assert_null(key);
		dkimkey_free(&key);
	}
}

static void expect_refused(const char *path, const char *want) {
	struct err err = {""};
	struct dkimkey *key = dkimkey_load(path, &err);

	assert_null(key);
	if (strstr(err.text, want) == NULL)
		print_error("want \"%s\", got \"%s\"\n", want, err.text);
	assert_non_null(strstr(err.text, want));
	assert_null(strchr(err.text, '\n'));
}

static void test_load_other_types(void **state) {
	struct fixture *f = *state;

	write_pkey(f->path, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), PKCS8);
	expect_refused(f->path, "is a key of type EC; allowed: RSA, Ed25519");
	write_pkey(f->path, EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), PKCS8);
	expect_refused(f->path, "is a key of type ED448");
	write_pkey(f->path, EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), PKCS8);
	expect_refused(f->path, "is a key of type X25519");
}

/* A key whose halves don't belong together would sign mail that none verifies. */
static void test_load_damaged(void **state) {
	struct fixture *f = *state;
	char pem[] = RFC8463_RSA;
	char *modulus = strstr(pem, "\nY/J16JYi") + 1;

	*modulus = 'Z';
	write_file(f->path, pem, strlen(pem), 0600);
	expect_refused(f->path, "the private key is damaged");
}

static void test_load_files(void **state) {
	static const struct {
		mode_t mode;
		const char *want; /* NULL: loads */
	} modes[] = {
	        {0600, NULL},        {0400, NULL},        {0640, NULL},        {0660, NULL},
	        {0644, "mode 0644"}, {0604, "mode 0604"}, {0602, "mode 0602"}, {0666, "mode 0666"},
	};
	static char big[64 * 1024 + 1];
	struct fixture *f = *state;
	struct dkimkey *key;
	size_t i;

	for (i = 0; i < sizeof modes / sizeof *modes; i++) {
		write_file(f->path, RFC8463_ED25519, strlen(RFC8463_ED25519), modes[i].mode);
		if (modes[i].want != NULL) {
			expect_refused(f->path, modes[i].want);
			continue;
		}
		key = dkimkey_load(f->path, NULL);
		assert_non_null(key);
		dkimkey_free(&key);
	}
	write_file(f->path, RFC8463_ED25519, strlen(RFC8463_ED25519), 0600);
	assert_int_equal(symlink(f->path, f->link), 0);
	key = dkimkey_load(f->link, NULL);
	assert_non_null(key);
	dkimkey_free(&key);
	/* A link's target counts, not the link. */
	chmod(f->path, 0644);
	expect_refused(f->link, "mode 0644");

	memcpy(big, RFC8463_ED25519, strlen(RFC8463_ED25519));
	memset(big + strlen(RFC8463_ED25519), '\n', sizeof big - strlen(RFC8463_ED25519));
	write_file(f->path, big, sizeof big - 1, 0600);
	key = dkimkey_load(f->path, NULL);
	assert_non_null(key);
	dkimkey_free(&key);
	write_file(f->path, big, sizeof big, 0600);
	expect_refused(f->path, "has 65537 octets; a key file has at most 65536");
	write_file(f->path, "", 0, 0600);
	expect_refused(f->path, "no private key in it");
	expect_refused(f->folder, "is no regular file");
	unlink(f->path);
	expect_refused(f->path, "can't be opened: No such file or directory");
	assert_int_equal(mkfifo(f->path, 0600), 0);
	expect_refused(f->path, "is no regular file");
}

static void test_record(void **state) {
	struct dkimkey *ed25519 = load_text(*state, RFC8463_ED25519), *rsa = load_text(*state, RFC8463_RSA);

	assert_string_equal(dkimkey_record(ed25519), "v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P);
	assert_string_equal(dkimkey_record(rsa), "v=DKIM1; k=rsa; p=" RFC8463_RSA_P);
	dkimkey_free(&ed25519);
	dkimkey_free(&rsa);
}

static void test_sign(void **state) {
	static const unsigned char hash[32] = "0123456789abcdef0123456789abcde";
	struct dkimkey *keys[] = {load_text(*state, RFC8463_ED25519), load_text(*state, RFC8463_RSA)};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct buf out, again;

		buf_init(&out, 4096);
		buf_init(&again, 4096);
		buf_add_text(&out, "xy");
		assert_int_equal(dkimkey_sign(keys[i], hash, &out), 0);
		assert_int_equal(out.len, 2 + (i == 0 ? 64 : 128));
		assert_memory_equal(out.at, "xy", 2);
		/* Both are deterministic. */
		assert_int_equal(dkimkey_sign(keys[i], hash, &again), 0);
		assert_memory_equal(again.at, out.at + 2, again.len);
		buf_free(&again);
		buf_init(&again, 16);
		assert_int_equal(dkimkey_sign(keys[i], hash, &again), -1);
		buf_free(&again);
		buf_free(&out);
		dkimkey_free(&keys[i]);
	}
}

static void test_generate(void **state) {
	static const struct {
		enum dkimkey_type type;
		int bits;
		bool want;
	} cases[] = {
	        {DKIMKEY_ED25519, 0, true}, {DKIMKEY_RSA, 1024, true},  {DKIMKEY_RSA, 2048, true},
	        {DKIMKEY_RSA, 1023, false}, {DKIMKEY_RSA, 8193, false}, {DKIMKEY_RSA, -1, false},
	};
	struct fixture *f = *state;
	mode_t old = umask(0277);
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {""};
		struct dkimkey *key;
		struct stat st;

		unlink(f->path);
		assert_int_equal(dkimkey_generate(f->path, cases[i].type, cases[i].bits, &err), cases[i].want ? 0 : -1);
		if (!cases[i].want) {
			assert_non_null(strstr(err.text, "allowed: 1024 to 8192"));
			assert_int_equal(access(f->path, F_OK), -1);
			continue;
		}
		assert_int_equal(stat(f->path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		key = dkimkey_load(f->path, &err);
		assert_non_null(key);
		assert_int_equal(dkimkey_type(key), cases[i].type);
		dkimkey_free(&key);
	}
	umask(old);
}

static void test_generate_never_over_a_file(void **state) {
	struct fixture *f = *state;
	struct err err = {""};
	char kept[5] = "";
	int fd;

	write_file(f->path, "mine", 4, 0600);
	assert_int_equal(dkimkey_generate(f->path, DKIMKEY_ED25519, 0, &err), -1);
	assert_non_null(strstr(err.text, "can't be made: File exists"));
	fd = open(f->path, O_RDONLY);
	assert_int_equal(read(fd, kept, 4), 4);
	close(fd);
	assert_string_equal(kept, "mine");
	/* Nor through a link that leads nowhere. */
	unlink(f->path);
	assert_int_equal(symlink(f->path, f->link), 0);
	assert_int_equal(dkimkey_generate(f->link, DKIMKEY_ED25519, 0, &err), -1);
	assert_int_equal(access(f->path, F_OK), -1);
}

/* D6: strings of at most 255 octets. */
static void test_zone_record(void **state) {
	char long_record[600], want[800];
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	dkimkey_zone_record("s2026e", "example.com", "v=DKIM1; p=a\"b\\c\x01", &out);
	assert_string_equal(out.at, "s2026e._domainkey.example.com. 3600 IN TXT ( \"v=DKIM1; p=a\\\"b\\\\c\\001\" )\n");
	buf_reset(&out);
	memset(long_record, 'x', 510);
	strcpy(long_record + 510, "yz");
	dkimkey_zone_record("s", "example.com", long_record, &out);
	snprintf(want, sizeof want, "s._domainkey.example.com. 3600 IN TXT ( \"%.255s\" \"%.255s\" \"yz\" )\n",
	         long_record, long_record);
	assert_string_equal(out.at, want);
	buf_reset(&out);
	long_record[510] = '\0';
	dkimkey_zone_record("s", "example.com", long_record, &out);
	snprintf(want, sizeof want, "s._domainkey.example.com. 3600 IN TXT ( \"%.255s\" \"%.255s\" )\n", long_record,
	         long_record);
	assert_string_equal(out.at, want);
	buf_free(&out);
}

/* Records as people write them, for the Ed25519 key but where `rsa` says so. */
static const struct {
	const char *text;
	bool rsa;
	enum dkimkey_dns want;
	const char *want_text;
} records[] = {
        {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_SAME, "is the key's"},
        {"v=DKIM1;k=ed25519;p=" RFC8463_ED25519_P ";", false, DKIMKEY_DNS_SAME, ""},
        {" v = DKIM1 ;\tk = ed25519 ; p = " RFC8463_ED25519_P " \r\n", false, DKIMKEY_DNS_SAME, ""},
        {"p=" RFC8463_ED25519_P "; k=ed25519", false, DKIMKEY_DNS_SAME, ""},
        {"k=ed25519; p=11qYAYKxCrfVS/7Ty WQHOg7hcvPapi\t MlrwIaaPcHURo=", false, DKIMKEY_DNS_SAME, ""},
        {"v=DKIM1; h=sha256; s=email; t=s; n=note; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_SAME, ""},
        {"v=DKIM1; h=sha1 : sha256; s=*; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_SAME, ""},
        {"p=" RFC8463_RSA_P, true, DKIMKEY_DNS_SAME, ""},
        {"v=DKIM1; k=rsa; p=" RFC8463_RSA_P, true, DKIMKEY_DNS_SAME, ""},
        {"v=DKIM1; k=ed25519; p=", false, DKIMKEY_DNS_ABSENT, "revoked"},
        {"v=DKIM1; k=ed25519; p= ;", false, DKIMKEY_DNS_ABSENT, "revoked"},
        {"p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_DIFFERS, "of another type than ed25519"},
        {"v=DKIM1; k=rsa; p=" RFC8463_RSA_P, false, DKIMKEY_DNS_DIFFERS, "of another type than ed25519"},
        {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P, true, DKIMKEY_DNS_DIFFERS, "of another type than rsa"},
        {"v=DKIM1; k=ed25519; p=01qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", false, DKIMKEY_DNS_DIFFERS,
         "has another public key"},
        {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS", false, DKIMKEY_DNS_DIFFERS, "has another public key"},
        {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P "A", false, DKIMKEY_DNS_DIFFERS, "has another public key"},
        {"v=DKIM1; k=ed25519", false, DKIMKEY_DNS_DIFFERS, "has no p="},
        {"v=spf1 -all", false, DKIMKEY_DNS_DIFFERS, "is no DKIM key: \"v=spf1 -all\""},
        {"v=DKIM2; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_DIFFERS, "is no DKIM key"},
        {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P "; p=", false, DKIMKEY_DNS_DIFFERS, "is no DKIM key"},
        {"v=DKIM1; h=sha1; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_DIFFERS, "h= doesn't allow sha256"},
        {"v=DKIM1; s=other; k=ed25519; p=" RFC8463_ED25519_P, false, DKIMKEY_DNS_DIFFERS, "s= doesn't allow e-mail"},
        {"", false, DKIMKEY_DNS_DIFFERS, "has no p="},
        {"\x1b[31m\n", false, DKIMKEY_DNS_DIFFERS, "\"?[31m?\""},
};

static void test_compare(void **state) {
	struct dkimkey *ed25519 = load_text(*state, RFC8463_ED25519), *rsa = load_text(*state, RFC8463_RSA);
	size_t i;

	for (i = 0; i < sizeof records / sizeof *records; i++) {
		struct err err = {""};
		enum dkimkey_dns got = dkimkey_compare(records[i].rsa ? rsa : ed25519, span_of(records[i].text), &err);

		if (got != records[i].want || strstr(err.text, records[i].want_text) == NULL)
			print_error("\"%s\": got %d \"%s\"\n", records[i].text, (int)got, err.text);
		assert_int_equal(got, records[i].want);
		assert_non_null(strstr(err.text, records[i].want_text));
		assert_null(strchr(err.text, '\n'));
	}
	dkimkey_free(&ed25519);
	dkimkey_free(&rsa);
}

static void test_folder(void **state) {
	struct fixture *f = *state;
	struct dkimkey *key = load_text(f, RFC8463_ED25519);
	struct err err = {""};
	char path[256];

	assert_int_equal(dkimkey_check_dns(key, "s2026e", "example.com", f->folder, &err), DKIMKEY_DNS_ABSENT);
	assert_non_null(strstr(err.text, "s2026e._domainkey.example.com: No such file"));
	snprintf(path, sizeof path, "%s/s2026e._domainkey.example.com", f->folder);
	write_file(path, dkimkey_record(key), strlen(dkimkey_record(key)), 0644);
	assert_int_equal(dkimkey_check_dns(key, "s2026e", "example.com", f->folder, &err), DKIMKEY_DNS_SAME);
	write_file(path, "v=DKIM1; p=", 11, 0644);
	assert_int_equal(dkimkey_check_dns(key, "s2026e", "example.com", f->folder, &err), DKIMKEY_DNS_ABSENT);
	write_file(path, "v=DKIM1; k=ed25519; p=AAAA\n", 27, 0644);
	assert_int_equal(dkimkey_check_dns(key, "s2026e", "example.com", f->folder, &err), DKIMKEY_DNS_DIFFERS);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(dkimkey_check_dns(key, "s2026e", "example.com", f->folder, &err), DKIMKEY_DNS_UNKNOWN);
	assert_int_equal(dkimkey_check_dns(key, "../s", "example.com", f->folder, &err), DKIMKEY_DNS_UNKNOWN);
	assert_non_null(strstr(err.text, "is no name"));
	dkimkey_free(&key);
}

/* A name server with one answer, for any number of questions. */
struct responder {
	int fd;
	int stop[2];
	struct sockaddr_in address;
	pthread_t thread;
	int rcode;
	bool silent;
	size_t cut;         /* octets that the answer lacks at its end */
	bool overrun;       /* the first string of a record claims more than is there */
	const char *txt[4]; /* TXT records; strings are parted by '|' */
	char asked[256];    /* the name in the last question */
};

static size_t put_txt(unsigned char *at, const char *text) {
	unsigned char *p = at + 12;

	memcpy(at, "\xc0\x0c\0\x10\0\x01\0\0\0\x3c", 10);
	while (*text != '\0') {
		size_t len = strcspn(text, "|");

		if (len > 255)
			len = 255;
		*p++ = (unsigned char)len;
		memcpy(p, text, len);
		p += len;
		text += len + (text[len] == '|');
	}
	at[10] = (unsigned char)((p - at - 12) >> 8);
	at[11] = (unsigned char)(p - at - 12);
	return (size_t)(p - at);
}

static size_t make_answer(struct responder *r, unsigned char *message, size_t len) {
	unsigned char *p = message + 12, *question_end;
	bool edns = message[11] > 0;
	size_t i;

	assert_true(len > 12);
	r->asked[0] = '\0';
	for (; *p != 0; p += *p + 1)
		snprintf(r->asked + strlen(r->asked), sizeof r->asked - strlen(r->asked), "%.*s.", *p, p + 1);
	p += 5;
	question_end = p;
	message[2] = 0x81;
	message[3] = (unsigned char)(0x80 | r->rcode);
	memset(message + 6, 0, 6);
	for (i = 0; i < 4 && r->txt[i] != NULL; i++)
		p += put_txt(p, r->txt[i]);
	message[7] = (unsigned char)i;
	if (r->overrun)
		question_end[12] = 255;
	/* RFC 1035 4.2.1: a longer answer is cut, and says so. */
	if (!edns && p - message > 512) {
		message[2] |= 0x02;
		message[7] = 0;
		p = question_end;
	}
	return (size_t)(p - message) - r->cut;
}

static void *respond(void *context) {
	struct responder *r = context;
	struct pollfd wait[2] = {{r->fd, POLLIN, 0}, {r->stop[0], POLLIN, 0}};

	while (poll(wait, 2, -1) > 0 && wait[1].revents == 0) {
		unsigned char message[8192];
		struct sockaddr_in peer;
		socklen_t size = sizeof peer;
		ssize_t n = recvfrom(r->fd, message, 1024, 0, (struct sockaddr *)&peer, &size);

		if (n > 0 && !r->silent)
			sendto(r->fd, message, make_answer(r, message, (size_t)n), 0, (struct sockaddr *)&peer, size);
	}
	return NULL;
}

static void start(struct responder *r) {
	socklen_t size = sizeof r->address;

	r->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	r->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&r->address, sizeof r->address), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&r->address, &size), 0);
	assert_int_equal(pipe(r->stop), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, respond, r), 0);
}

static void stop(struct responder *r) {
	close(r->stop[1]);
	pthread_join(r->thread, NULL);
	close(r->stop[0]);
	close(r->fd);
}

static void test_dns(void **state) {
	static const struct {
		struct responder answer;
		enum dkimkey_dns want;
		const char *want_text;
	} cases[] = {
	        {{.txt = {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P}}, DKIMKEY_DNS_SAME, "is the key's"},
	        /* RFC 6376 3.6.2.2: strings are joined with nothing between. */
	        {{.txt = {"v=DKI|M1; k=ed25519; p=11qYAYKxCrfVS/7TyW|QHOg7hcvPapiMlrwIaaPcHURo="}},
	         DKIMKEY_DNS_SAME,
	         ""},
	        {{.txt = {"v=DKIM1; k=ed25519; p=AAAA"}}, DKIMKEY_DNS_DIFFERS, "another public key"},
	        {{.txt = {"v=DKIM1; p="}}, DKIMKEY_DNS_ABSENT, "revoked"},
	        {{.txt = {"v=spf1 -all", "v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P}},
	         DKIMKEY_DNS_DIFFERS,
	         "2 TXT records; allowed: one"},
	        {{.txt = {NULL}}, DKIMKEY_DNS_ABSENT, "no TXT record"},
	        {{.rcode = ns_r_nxdomain}, DKIMKEY_DNS_ABSENT, "no such name"},
	        {{.rcode = ns_r_servfail}, DKIMKEY_DNS_UNKNOWN, "no answer from the DNS"},
	        {{.rcode = ns_r_refused}, DKIMKEY_DNS_UNKNOWN, "no answer from the DNS"},
	        {{.txt = {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P}, .cut = 3}, DKIMKEY_DNS_UNKNOWN, "malformed"},
	        {{.txt = {"v=DKIM1; k=ed25519; p=" RFC8463_ED25519_P}, .overrun = true},
	         DKIMKEY_DNS_UNKNOWN,
	         "malformed"},
	};
	struct dkimkey *key = load_text(*state, RFC8463_ED25519);
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct responder r = cases[i].answer;
		struct err err = {""};
		enum dkimkey_dns got;

		start(&r);
		got = dkimkey_ask(key, "s2026e", "example.com", &r.address, &err);
		stop(&r);
		if (got != cases[i].want || strstr(err.text, cases[i].want_text) == NULL)
			print_error("case %zu: got %d \"%s\"\n", i, (int)got, err.text);
		assert_int_equal(got, cases[i].want);
		assert_non_null(strstr(err.text, cases[i].want_text));
		assert_non_null(strstr(err.text, "s2026e._domainkey.example.com: "));
		assert_string_equal(r.asked, "s2026e._domainkey.example.com.");
	}
	dkimkey_free(&key);
}

/* The record of a 4096-bit key fits no 512 octets, so it needs EDNS. */
static void test_dns_long(void **state) {
	struct fixture *f = *state;
	struct responder r = {.rcode = 0};
	struct err err = {""};
	struct dkimkey *key;
	size_t i;
	char *at;
	struct buf text;

	write_pkey(f->path, make_rsa(4096), PKCS8);
	key = dkimkey_load(f->path, &err);
	assert_non_null(key);
	buf_init(&text, 4096);
	for (i = 0; i < strlen(dkimkey_record(key)); i += 200)
		buf_printf(&text, "%.200s|", dkimkey_record(key) + i);
	at = buf_take(&text);
	r.txt[0] = at;
	start(&r);
	assert_int_equal(dkimkey_ask(key, "s", "example.com", &r.address, &err), DKIMKEY_DNS_SAME);
	stop(&r);
	free(at);
	dkimkey_free(&key);
}

static void test_dns_silent(void **state) {
	struct responder r = {.silent = true};
	struct dkimkey *key = load_text(*state, RFC8463_ED25519);
	struct timespec before, after;
	struct err err = {""};

	start(&r);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(dkimkey_ask(key, "s", "example.com", &r.address, &err), DKIMKEY_DNS_UNKNOWN);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 8);
	stop(&r);
	dkimkey_free(&key);
}

static void test_dns_long_name(void **state) {
	struct dkimkey *key = load_text(*state, RFC8463_ED25519);
	struct err err = {""};
	char domain[300];

	memset(domain, 'a', sizeof domain - 1);
	domain[sizeof domain - 1] = '\0';
	assert_int_equal(dkimkey_ask(key, "s", domain, NULL, &err), DKIMKEY_DNS_ABSENT);
	assert_non_null(strstr(err.text, "too long for a name"));
	dkimkey_free(&key);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        TEST(test_load_forms),    TEST(test_load_other_types),
	        TEST(test_load_damaged),  TEST(test_load_files),
	        TEST(test_record),        TEST(test_sign),
	        TEST(test_generate),      TEST(test_generate_never_over_a_file),
	        TEST(test_zone_record),   TEST(test_compare),
	        TEST(test_folder),        TEST(test_dns),
	        TEST(test_dns_long),      TEST(test_dns_silent),
	        TEST(test_dns_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
