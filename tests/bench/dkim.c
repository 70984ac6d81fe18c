/*
 * Signing by OpenSSL with keys that are loaded once (what milter/dkim_sign.c
 * does) against signing by libopendkim, which parses the key for each signature;
 * what verification adds; what the canonical body costs beside SHA-256; and
 * whether threads that share a key get in each other's way.
 *
 *     dkim [SECONDS-PER-MEASUREMENT]
 *
 * The message has 55 KB and 25 header fields.
 */
#include <opendkim/dkim.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "milter/dkim.h"

#define FIELDS 25
#define BODY_SIZE (55 * 1024)
#define EXPIRE (7 * 86400L)
#define THREADS 2

enum body_kind { BODY_BASE64, BODY_TEXT, BODY_HTML };

struct bench {
	double seconds;
	char folder[64];
	char pem[2][64 * 1024]; /* by enum dkimkey_type */
	struct dkimkey *keys[2];
	struct dkim_field fields[1 + FIELDS]; /* the first is the signature's */
	char values[FIELDS][160];
	struct buf body;
	struct span piece;
	struct dkim_verifier *verifier;
	DKIM_LIB *library;
	struct buf signature;
};

static double now(clockid_t clock) {
	struct timespec at;

	clock_gettime(clock, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void make_body(struct bench *b, enum body_kind kind) {
	static const char *const lines[] = {
	        "PGh0bWw+PGJvZHk+PHRhYmxlIHdpZHRoPSIxMDAlIj48dHI+PHRkPkhlbGxvPC90ZD48L3RyPjwv\r\n",
	        "Each week we write of what is new, what is cheap, and of what is both of these.\r\n",
	        "        <td class=\"cell\">\r\n\t\t<a href=\"https://www.example.com/item?id=12\">Item</a>\r\n",
	};

	buf_reset(&b->body);
	while (b->body.len < BODY_SIZE)
		buf_add_text(&b->body, lines[kind]);
	b->piece = buf_span(&b->body);
}

static void make_fields(struct bench *b) {
	static const char *const names[] = {"Received",
	                                    "Received",
	                                    "From",
	                                    "To",
	                                    "Subject",
	                                    "Date",
	                                    "Message-ID",
	                                    "MIME-Version",
	                                    "Content-Type",
	                                    "Content-Transfer-Encoding",
	                                    "List-Id",
	                                    "List-Unsubscribe",
	                                    "List-Unsubscribe-Post",
	                                    "Feedback-ID"};
	size_t count = sizeof names / sizeof *names, i;

	b->fields[0].name = SPAN("DKIM-Signature");
	for (i = 0; i < FIELDS; i++) {
		snprintf(b->values[i], sizeof b->values[i],
		         " value of field number %zu <a%zu@example.com>;\n\tfolded once", i, i);
		b->fields[1 + i].name = i < count ? span_of(names[i]) : SPAN("X-Application-Field");
		b->fields[1 + i].value = span_of(b->values[i]);
	}
}

static void make_key(struct bench *b, enum dkimkey_type type) {
	char path[128];
	struct err err;
	FILE *file;

	snprintf(path, sizeof path, "%s/key", b->folder);
	if (dkimkey_generate(path, type, 2048, &err) != 0 || (b->keys[type] = dkimkey_load(path, &err)) == NULL)
		die(err.text);
	file = fopen(path, "r");
	if (file == NULL || fread(b->pem[type], 1, sizeof b->pem[type] - 1, file) == 0)
		die("the key can't be read");
	fclose(file);
	unlink(path);
}

static struct dkim_message unsigned_message(struct bench *b) {
	return (struct dkim_message){b->fields + 1, FIELDS, &b->piece, 1};
}

static void sign_openssl(struct bench *b, enum dkimkey_type type, struct buf *value) {
	struct dkim_message message = unsigned_message(b);
	struct dkim_signer signer = {b->keys[type], "example.com", "s"};
	unsigned char hash[32];
	struct err err = {""};

	buf_reset(value);
	if (dkim_body_hash(&message, hash) != 0 ||
	    dkim_sign_message(&message, hash, &signer, time(NULL), EXPIRE, value, &err) != 0)
		die(err.text);
}

static void must(DKIM_STAT status) {
	if (status != DKIM_STAT_OK)
		die(dkim_getresultstr(status));
}

static void sign_opendkim(struct bench *b, enum dkimkey_type type) {
	DKIM_STAT status;
	unsigned char value[4096], line[512];
	size_t i;
	DKIM *handle =
	        dkim_sign(b->library, (unsigned char *)"bench", NULL, (unsigned char *)b->pem[type],
	                  (unsigned char *)"s", (unsigned char *)"example.com", DKIM_CANON_RELAXED, DKIM_CANON_RELAXED,
	                  type == DKIMKEY_RSA ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256, -1, &status);

	if (handle == NULL)
		die(dkim_getresultstr(status));
	for (i = 1; i <= FIELDS; i++) {
		const char *fold = memchr(b->fields[i].value.at, '\n', b->fields[i].value.len);
		int len = snprintf((char *)line, sizeof line, "%.*s:%.*s\r%s", SPAN_ARG(b->fields[i].name),
		                   (int)(fold - b->fields[i].value.at), b->fields[i].value.at, fold);

		must(dkim_header(handle, line, (size_t)len));
	}
	must(dkim_eoh(handle));
	must(dkim_body(handle, (unsigned char *)b->body.at, b->body.len));
	must(dkim_eom(handle, NULL));
	must(dkim_getsighdr(handle, value, sizeof value, 16));
	dkim_free(handle);
}

static void run_openssl_rsa(struct bench *b) {
	sign_openssl(b, DKIMKEY_RSA, &b->signature);
}
static void run_openssl_ed25519(struct bench *b) {
	sign_openssl(b, DKIMKEY_ED25519, &b->signature);
}
static void run_opendkim_rsa(struct bench *b) {
	sign_opendkim(b, DKIMKEY_RSA);
}
static void run_opendkim_ed25519(struct bench *b) {
	sign_opendkim(b, DKIMKEY_ED25519);
}
static void run_verify(struct bench *b, enum dkimkey_type type) {
	struct dkim_message message = {b->fields, 1 + FIELDS, &b->piece, 1};
	struct dkim_signer signer = {b->keys[type], "example.com", "s"};
	struct err err = {""};

	b->fields[0].value = buf_span(&b->signature);
	if (dkim_verify_message(b->verifier, &message, &signer, 1, &err) != 0)
		die(err.text);
}
static void run_verify_rsa(struct bench *b) {
	run_verify(b, DKIMKEY_RSA);
}
static void run_verify_ed25519(struct bench *b) {
	run_verify(b, DKIMKEY_ED25519);
}
static void run_body_hash(struct bench *b) {
	struct dkim_message message = unsigned_message(b);
	unsigned char hash[32];

	if (dkim_body_hash(&message, hash) != 0)
		die("no body hash");
}
static void run_sha256(struct bench *b) {
	unsigned char hash[32];

	if (EVP_Digest(b->body.at, b->body.len, hash, NULL, EVP_sha256(), NULL) != 1)
		die("no SHA-256");
}

/* How often a second of the processor's time: others may be using the machine. */
static double measure(struct bench *b, const char *name, void (*run)(struct bench *b)) {
	double start, spent;
	long count = 0;

	run(b);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	do {
		run(b);
		count++;
	} while ((spent = now(CLOCK_PROCESS_CPUTIME_ID) - start) < b->seconds);
	printf("%-40s %9.0f /s %9.1f us\n", name, (double)count / spent, spent / (double)count * 1e6);
	return (double)count / spent;
}

struct worker {
	pthread_t thread;
	struct bench *b;
	enum dkimkey_type type;
	long count;
	long waits; /* times it gave up the processor by itself, as for a lock */
	double spent;
};

static void *work(void *context) {
	struct worker *w = context;
	double start = now(CLOCK_MONOTONIC);
	struct rusage usage;
	struct buf value;

	buf_init(&value, 65536);
	for (; now(CLOCK_MONOTONIC) - start < w->b->seconds; w->count++)
		sign_openssl(w->b, w->type, &value);
	buf_free(&value);
	getrusage(RUSAGE_THREAD, &usage);
	w->waits = usage.ru_nvcsw;
	w->spent = now(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

/* Threads that wait for one another's locks show it by waiting, however busy the
 * machine is. */
static void measure_threads(struct bench *b, const char *name, enum dkimkey_type type, double alone) {
	struct worker workers[THREADS];
	long count = 0, waits = 0;
	double spent = 0;
	size_t i;

	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.b = b, .type = type};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("no thread");
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		count += workers[i].count;
		waits += workers[i].waits;
		spent += workers[i].spent;
	}
	printf("%-40s %9.0f /s %9.1f us of processor each\n", name, (double)count / b->seconds,
	       spent / (double)count * 1e6);
	printf("  %.2f times one thread's processor time each; %ld waits in %ld signatures; %.2f processors had\n",
	       spent / (double)count * alone, waits, count, spent / b->seconds);
}

static void bench_bodies(struct bench *b) {
	static const char *const names[] = {"base64", "text", "HTML with indents"};
	size_t kind;

	for (kind = 0; kind < 3; kind++) {
		char name[64];
		double canon, plain;

		make_body(b, (enum body_kind)kind);
		snprintf(name, sizeof name, "body hash, %s", names[kind]);
		canon = measure(b, name, run_body_hash);
		plain = measure(b, "  SHA-256 of the same alone", run_sha256);
		printf("  takes %.2f times as long\n", plain / canon);
	}
}

static void bench_signing(struct bench *b) {
	double ours, theirs;

	make_body(b, BODY_TEXT);
	ours = measure(b, "RSA-2048, OpenSSL", run_openssl_rsa);
	measure(b, "  its verification by libopendkim", run_verify_rsa);
	theirs = measure(b, "RSA-2048, libopendkim", run_opendkim_rsa);
	printf("  OpenSSL is %.2f times as fast\n", ours / theirs);
	measure_threads(b, "RSA-2048, OpenSSL, 2 threads, one key", DKIMKEY_RSA, ours);
	ours = measure(b, "Ed25519, OpenSSL", run_openssl_ed25519);
	measure(b, "  its verification by libopendkim", run_verify_ed25519);
	theirs = measure(b, "Ed25519, libopendkim", run_opendkim_ed25519);
	printf("  OpenSSL is %.2f times as fast\n", ours / theirs);
	measure_threads(b, "Ed25519, OpenSSL, 2 threads, one key", DKIMKEY_ED25519, ours);
}

int main(int argc, char **argv) {
	struct bench *b = calloc(1, sizeof *b);

	if (b == NULL)
		die("out of memory");
	b->seconds = argc > 1 ? atof(argv[1]) : 1.0;
	buf_init(&b->body, 2 * BODY_SIZE);
	buf_init(&b->signature, 65536);
	strcpy(b->folder, "/tmp/todoku-bench-XXXXXX");
	if (mkdtemp(b->folder) == NULL)
		die("no temporary folder");
	make_fields(b);
	make_key(b, DKIMKEY_RSA);
	make_key(b, DKIMKEY_ED25519);
	rmdir(b->folder);
	b->verifier = dkim_verifier_new(NULL);
	b->library = dkim_init(NULL, NULL);
	if (b->verifier == NULL || b->library == NULL)
		die("no libopendkim");
	bench_bodies(b);
	bench_signing(b);
	dkim_close(b->library);
	dkim_verifier_free(&b->verifier);
	dkimkey_free(&b->keys[0]);
	dkimkey_free(&b->keys[1]);
	buf_free(&b->body);
	buf_free(&b->signature);
	free(b);
	return 0;
}
