/* milter/dkim: D1-D5, H2, H7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "milter/dkim.h"
#include "milter/dkim_canon.h"
#include "milter/dkim_sign.h"
#include "tests/unit/rfc_keys.h"

/* RFC 6376 appendix C. */
#define RFC6376_RSA                                                                                                    \
	"-----BEGIN RSA PRIVATE KEY-----\n"                                                                            \
	"MIICXwIBAAKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC\n"                                           \
	"jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb\n"                                           \
	"to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB\n"                                           \
	"AoGBALmn+XwWk7akvkUlqb+dOxyLB9i5VBVfje89Teolwc9YJT36BGN/l4e0l6QX\n"                                           \
	"/1//6DWUTB3KI6wFcm7TWJcxbS0tcKZX7FsJvUz1SbQnkS54DJck1EZO/BLa5ckJ\n"                                           \
	"gAYIaqlA9C0ZwM6i58lLlPadX/rtHb7pWzeNcZHjKrjM461ZAkEA+itss2nRlmyO\n"                                           \
	"n1/5yDyCluST4dQfO8kAB3toSEVc7DeFeDhnC1mZdjASZNvdHS4gbLIA1hUGEF9m\n"                                           \
	"3hKsGUMMPwJBAPW5v/U+AWTADFCS22t72NUurgzeAbzb1HWMqO4y4+9Hpjk5wvL/\n"                                           \
	"eVYizyuce3/fGke7aRYw/ADKygMJdW8H/OcCQQDz5OQb4j2QDpPZc0Nc4QlbvMsj\n"                                           \
	"7p7otWRO5xRa6SzXqqV3+F0VpqvDmshEBkoCydaYwc2o6WQ5EBmExeV8124XAkEA\n"                                           \
	"qZzGsIxVP+sEVRWZmW6KNFSdVUpk3qzK0Tz/WjQMe5z0UunY9Ax9/4PVhp/j61bf\n"                                           \
	"eAYXunajbBSOLlx4D+TunwJBANkPI5S9iylsbLs6NkaMHV6k5ioHBBmgCak95JGX\n"                                           \
	"GMot/L2x0IYyMLAz6oLWh2hm7zwtb0CgOrPo1ke44hFYnfc=\n"                                                           \
	"-----END RSA PRIVATE KEY-----\n"

#define DAY 86400L
#define EXPIRE (7 * DAY)

struct fixture {
	char folder[64];
	struct dkimkey *ed25519, *rsa, *rfc6376, *big; /* `big`: RSA-2048, made anew */
	struct dkim_verifier *verifier;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk) {
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void path_in(const struct fixture *f, const char *name, char path[128]) {
	snprintf(path, 128, "%s/%s", f->folder, name);
}

static void write_file(const struct fixture *f, const char *name, struct span text) {
	char path[128];
	int fd;

	path_in(f, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.at, text.len), text.len);
	close(fd);
}

static struct dkimkey *load(const struct fixture *f, const char *name) {
	char path[128];
	struct err err = {""};
	struct dkimkey *key;

	path_in(f, name, path);
	key = dkimkey_load(path, &err);
	if (key == NULL)
		print_error("%s\n", err.text);
	assert_non_null(key);
	return key;
}

static int set_up(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	char path[128];

	strcpy(f->folder, "/tmp/todoku-dkim-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	write_file(f, "ed25519", span_of(RFC8463_ED25519));
	write_file(f, "rsa", span_of(RFC8463_RSA));
	write_file(f, "rfc6376", span_of(RFC6376_RSA));
	path_in(f, "big", path);
	assert_int_equal(dkimkey_generate(path, DKIMKEY_RSA, 2048, NULL), 0);
	f->ed25519 = load(f, "ed25519");
	f->rsa = load(f, "rsa");
	f->rfc6376 = load(f, "rfc6376");
	f->big = load(f, "big");
	f->verifier = dkim_verifier_new(NULL);
	assert_non_null(f->verifier);
	*state = f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;

	dkim_verifier_free(&f->verifier);
	assert_null(f->verifier);
	dkim_verifier_free(&f->verifier);
	dkimkey_free(&f->ed25519);
	dkimkey_free(&f->rsa);
	dkimkey_free(&f->rfc6376);
	dkimkey_free(&f->big);
	nftw(f->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* The canonical body, by the code under test. */

static void append(void *context, const char *bytes, size_t len) {
	buf_add(context, bytes, len);
}

static void canon_pieces(const struct span *pieces, size_t count, struct buf *out) {
	struct canon canon;
	size_t i;

	canon_begin(&canon, append, out);
	for (i = 0; i < count; i++)
		canon_body(&canon, pieces[i]);
	canon_end(&canon);
	buf_add(out, "", 0);
}

static void test_body(void **state) {
	static const struct {
		struct span body, want;
	} cases[] = {
	        /* RFC 6376 3.4.5, example 1. */
	        {SPAN(" C \r\nD \t E\r\n\r\n\r\n"), SPAN(" C\r\nD E\r\n")},
	        {SPAN(""), SPAN("")},
	        {SPAN("\r\n"), SPAN("")},
	        {SPAN("\r\n\r\n\r\n"), SPAN("")},
	        {SPAN(" \t\r\n\t\r\n \r\n"), SPAN("")},
	        {SPAN(" "), SPAN("")},
	        {SPAN(" \t"), SPAN("")},
	        {SPAN("a"), SPAN("a\r\n")},
	        {SPAN("a "), SPAN("a\r\n")},
	        {SPAN("a\r\n \t "), SPAN("a\r\n")},
	        {SPAN("a\r\n"), SPAN("a\r\n")},
	        {SPAN("\r\n\r\na\r\n"), SPAN("\r\n\r\na\r\n")},
	        {SPAN("a\r\n \r\n\t\r\nb\r\n"), SPAN("a\r\n\r\n\r\nb\r\n")},
	        {SPAN("\ta\t\tb \t c\t\r\n"), SPAN(" a b c\r\n")},
	        /* Only CRLF ends a line: a bare CR or LF is data. */
	        {SPAN("a \rb\r\n"), SPAN("a \rb\r\n")},
	        {SPAN("a \nb \n\r\n"), SPAN("a \nb \n\r\n")},
	        {SPAN("a\r\r\n"), SPAN("a\r\r\n")},
	        {SPAN("a\r \r\n"), SPAN("a\r\r\n")},
	        {SPAN("a\r"), SPAN("a\r\r\n")},
	        {SPAN("\r"), SPAN("\r\r\n")},
	        {SPAN("\n"), SPAN("\n\r\n")},
	        {SPAN("\n\r\n\r\n"), SPAN("\n\r\n")},
	        {SPAN("\r\n\n"), SPAN("\r\n\n\r\n")},
	        {SPAN("a\0b \0 \xa0\r\n"), SPAN("a\0b \0 \xa0\r\n")},
	        {SPAN("\v \f\r\n"), SPAN("\v \f\r\n")},
	};
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		for (cut = 0; cut <= cases[i].body.len; cut++) {
			struct span pieces[3] = {span_make(cases[i].body.at, cut), SPAN_NONE,
			                         span_from(cases[i].body, cut)};
			struct buf got;

			buf_init(&got, 4096);
			canon_pieces(pieces, 3, &got);
			if (!span_equal(buf_span(&got), cases[i].want))
				print_error("case %zu cut at %zu: got \"%s\"\n", i, cut, got.at);
			assert_true(span_equal(buf_span(&got), cases[i].want));
			buf_free(&got);
		}
}

/* RFC 6376 3.4.4 word for word, a rule at a time. */
static void reference(struct span body, struct buf *out) {
	size_t at = 0;

	while (at < body.len) {
		ssize_t found = span_find(span_from(body, at), SPAN("\r\n"));
		size_t end = found < 0 ? body.len : at + (size_t)found, i;

		while (end > at && (body.at[end - 1] == ' ' || body.at[end - 1] == '\t'))
			end--;
		for (i = at; i < end; i++) {
			bool blank = body.at[i] == ' ' || body.at[i] == '\t';

			if (!blank)
				buf_add_byte(out, body.at[i]);
			else if (body.at[i + 1] != ' ' && body.at[i + 1] != '\t')
				buf_add_byte(out, ' ');
		}
		buf_add_text(out, "\r\n");
		at = found < 0 ? body.len : at + (size_t)found + 2;
	}
	while (out->len >= 4 && memcmp(out->at + out->len - 4, "\r\n\r\n", 4) == 0)
		out->len -= 2;
	if (out->len == 2 && memcmp(out->at, "\r\n", 2) == 0)
		out->len = 0;
}

/* Text with odd blanks, and some long plain stretches. */
static void random_text(unsigned *seed, const char *const *words, size_t count, size_t len, struct buf *out) {
	static const char plain[] = "the quick brown fox jumps over the lazy dog and then it runs on for a while, ";
	size_t i;

	for (i = 0; i < len; i++) {
		const char *word = words[(size_t)rand_r(seed) % count];

		if (rand_r(seed) % 8 == 0)
			buf_add(out, plain, (size_t)rand_r(seed) % sizeof plain);
		if (*word == '0')
			buf_add(out, "", 1);
		else
			buf_add_text(out, word);
	}
	buf_add(out, "", 0);
}

static void test_body_random(void **state) {
	static const char *const words[] = {" ", " ",  "\t", "\r\n", "\r\n", "\r\n\r\n",
	                                    "a", "bc", "\r", "\n",   "0",    "\xe5"};
	unsigned seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 4000; round++) {
		struct buf body, want, got;
		struct span pieces[64];
		size_t count = 0, at = 0;

		buf_init(&body, 1 << 20);
		buf_init(&want, 1 << 20);
		buf_init(&got, 1 << 20);
		random_text(&seed, words, sizeof words / sizeof *words, (size_t)rand_r(&seed) % 120, &body);
		reference(buf_span(&body), &want);
		while (at < body.len && count < 63) {
			pieces[count] = span_make(body.at + at, (size_t)rand_r(&seed) % (body.len - at + 1));
			at += pieces[count++].len;
		}
		pieces[count++] = span_make(body.at + at, body.len - at);
		canon_pieces(pieces, count, &got);
		assert_int_equal(got.len, want.len);
		assert_true(span_equal(buf_span(&got), buf_span(&want)));
		buf_free(&body);
		buf_free(&want);
		buf_free(&got);
	}
}

static void test_field(void **state) {
	static const struct {
		struct span name, value;
		const char *want;
	} cases[] = {
	        /* RFC 6376 3.4.5, example 1. */
	        {SPAN("A"), SPAN(" X"), "a:X\r\n"},
	        {SPAN("B "), SPAN(" Y\t\r\n\tZ  "), "b:Y Z\r\n"},
	        {SPAN("B "), SPAN(" Y\t\n\tZ  "), "b:Y Z\r\n"},
	        {SPAN("SUBJect"), SPAN(" AbC"), "subject:AbC\r\n"},
	        {SPAN("To"), SPAN(""), "to:\r\n"},
	        {SPAN("To"), SPAN(" \t "), "to:\r\n"},
	        {SPAN("To"), SPAN("\n "), "to:\r\n"},
	        {SPAN("To"), SPAN("a\r\n \r\n b"), "to:a b\r\n"},
	        {SPAN("To"), SPAN("a\n b\n\tc"), "to:a b c\r\n"},
	        {SPAN("To\t "), SPAN("\ta\xc3\xa9  b"), "to:a\xc3\xa9 b\r\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf got;

		buf_init(&got, 4096);
		canon_field(cases[i].name, cases[i].value, &got);
		assert_string_equal(got.at, cases[i].want);
		buf_free(&got);
	}
}

/* A message of literals: name and value by turns. */
struct mail {
	struct dkim_field fields[64];
	size_t field_count;
	struct span body[4];
	size_t body_count;
	struct buf signatures[4];
	size_t signature_count;
};

static void mail_add(struct mail *mail, struct span name, struct span value) {
	assert_true(mail->field_count < 64);
	mail->fields[mail->field_count++] = (struct dkim_field){name, value};
}

static void mail_prepend(struct mail *mail, struct span name, struct span value) {
	mail_add(mail, SPAN_NONE, SPAN_NONE);
	memmove(mail->fields + 1, mail->fields, (mail->field_count - 1) * sizeof *mail->fields);
	mail->fields[0] = (struct dkim_field){name, value};
}

static struct dkim_message mail_message(const struct mail *mail) {
	return (struct dkim_message){mail->fields, mail->field_count, mail->body, mail->body_count};
}

static void mail_free(struct mail *mail) {
	while (mail->signature_count > 0)
		buf_free(&mail->signatures[--mail->signature_count]);
}

/* Signs as the milter does: each signature over the fields without the others,
 * and all of them put at the head, in the order of `signers`. */
static void mail_sign(struct mail *mail, const struct dkim_signer *signers, size_t count, time_t now) {
	struct dkim_message message = mail_message(mail);
	unsigned char hash[32];
	struct err err = {""};
	size_t i;

	assert_int_equal(dkim_body_hash(&message, hash), 0);
	for (i = 0; i < count; i++) {
		struct buf *value = &mail->signatures[mail->signature_count++];

		buf_init(value, 65536);
		if (dkim_sign_message(&message, hash, &signers[i], now, EXPIRE, value, &err) != 0)
			fail_msg("%s", err.text);
	}
	for (i = count; i-- > 0;)
		mail_prepend(mail, SPAN("DKIM-Signature"), buf_span(&mail->signatures[i]));
}

static struct mail simple_mail(void) {
	struct mail mail = {.body = {SPAN("Hi.\r\n\r\nWe lost  the game. \r\n"), SPAN("\r\n")}, .body_count = 2};

	mail_add(&mail, SPAN("Received"), SPAN(" from a by b;\n\tFri, 11 Jul 2003 21:01:54 -0700"));
	mail_add(&mail, SPAN("From"), SPAN(" News <news@example.com>"));
	mail_add(&mail, SPAN("To"), SPAN(" reader@example.net"));
	mail_add(&mail, SPAN("Subject"), SPAN(" =?utf-8?B?44GT44KT?=\n  and  more "));
	mail_add(&mail, SPAN("List-Unsubscribe"), SPAN(" <https://t.example.com/u/x>"));
	mail_add(&mail, SPAN("List-Unsubscribe-Post"), SPAN(" List-Unsubscribe=One-Click"));
	return mail;
}

static void base64(struct span bytes, char *text) {
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.at, (int)bytes.len);
}

#define RFC_BODY_HASH "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="

/* RFC 6376 appendix A.2, errata 3192 and 4926 applied.  Its header fields are
 * canonicalised "simple", so they are given as they are signed. */
static void test_rfc6376(void **state) {
	static const char input[] = "Received: from client1.football.example.com  [192.0.2.1]\r\n"
	                            "      by submitserver.example.com with SUBMISSION;\r\n"
	                            "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
	                            "From: Joe SixPack <joe@football.example.com>\r\n"
	                            "To: Suzie Q <suzie@shopping.example.net>\r\n"
	                            "Subject: Is dinner ready?\r\n"
	                            "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
	                            "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
	                            "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
	                            "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
	                            "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
	                            "      bh=" RFC_BODY_HASH ";\r\n"
	                            "      b=;";
	static const char want[] = "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB"
	                           "4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut"
	                           "KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV"
	                           "4bmp/YzhwvcubU4=";
	struct span body = SPAN("Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n");
	struct dkim_message message = {NULL, 0, &body, 1};
	struct fixture *f = *state;
	unsigned char hash[32];
	struct buf signature;
	char got[256];

	assert_int_equal(dkim_body_hash(&message, hash), 0);
	base64(span_make((char *)hash, 32), got);
	assert_string_equal(got, RFC_BODY_HASH);
	buf_init(&signature, 4096);
	EVP_Digest(input, sizeof input - 1, hash, NULL, EVP_sha256(), NULL);
	assert_int_equal(dkimkey_sign(f->rfc6376, hash, &signature), 0);
	base64(buf_span(&signature), got);
	assert_string_equal(got, want);
	buf_free(&signature);
}

#define RFC8463_TAGS(algorithm, selector, fold)                                                                        \
	" v=1; a=" algorithm "; c=relaxed/relaxed;\r\n"                                                                \
	" d=football.example.com; i=@football.example.com;\r\n"                                                        \
	" q=dns/txt; s=" selector "; t=1528637909; h=from : to :" fold " date : message-id : from : subject : date;"   \
	"\r\n bh=" RFC_BODY_HASH ";\r\n b="
#define RFC8463_ED25519_TAGS RFC8463_TAGS("ed25519-sha256", "brisbane", "\r\n subject :")
#define RFC8463_RSA_TAGS RFC8463_TAGS("rsa-sha256", "test", " subject :\r\n")
#define RFC8463_ED25519_B "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
#define RFC8463_RSA_B                                                                                                  \
	"F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGda"        \
	"SGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="

static struct mail rfc8463_mail(void) {
	struct mail mail = {.body = {SPAN("Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n")},
	                    .body_count = 1};

	mail_add(&mail, SPAN("From"), SPAN(" Joe SixPack <joe@football.example.com>"));
	mail_add(&mail, SPAN("To"), SPAN(" Suzie Q <suzie@shopping.example.net>"));
	mail_add(&mail, SPAN("Subject"), SPAN(" Is dinner ready?"));
	mail_add(&mail, SPAN("Date"), SPAN(" Fri, 11 Jul 2003 21:00:37 -0700 (PDT)"));
	mail_add(&mail, SPAN("Message-ID"), SPAN(" <20030712040037.46341.5F8J@football.example.com>"));
	return mail;
}

static void test_rfc8463(void **state) {
	static const struct signed_field rows[] = {
	        {SPAN("from"), false}, {SPAN("to"), false},         {SPAN("subject"), false},
	        {SPAN("date"), false}, {SPAN("message-id"), false}, {SPAN("from"), true},
	};
	struct fixture *f = *state;
	const struct {
		const struct dkimkey *key;
		struct span tags;
		const char *want;
	} cases[] = {
	        {f->ed25519, SPAN(RFC8463_ED25519_TAGS), RFC8463_ED25519_B},
	        {f->rsa, SPAN(RFC8463_RSA_TAGS), RFC8463_RSA_B},
	};
	struct mail mail = rfc8463_mail();
	struct dkim_message message = mail_message(&mail);
	unsigned char hash[32];
	char got[256];
	size_t i;

	assert_int_equal(dkim_body_hash(&message, hash), 0);
	base64(span_make((char *)hash, 32), got);
	assert_string_equal(got, RFC_BODY_HASH);
	for (i = 0; i < 2; i++) {
		struct buf names, input, signature;

		buf_init(&names, 4096);
		buf_init(&input, 4096);
		buf_init(&signature, 4096);
		assert_int_equal(sign_collect(&message, rows, 5, &names, &input, NULL), 0);
		assert_string_equal(names.at, "from:to:subject:date:message-id");
		assert_int_equal(sign_input(cases[i].key, &input, cases[i].tags, &signature, NULL), 0);
		base64(buf_span(&signature), got);
		assert_string_equal(got, cases[i].want);
		buf_free(&names);
		buf_free(&input);
		buf_free(&signature);
	}
}

/* And libopendkim agrees with the RFC. */
static void test_rfc8463_verified(void **state) {
	struct fixture *f = *state;
	struct dkim_signer signers[] = {{f->ed25519, "football.example.com", "brisbane"},
	                                {f->rsa, "football.example.com", "test"}};
	struct mail mail = rfc8463_mail();
	struct dkim_message message;
	struct err err = {""};

	mail_prepend(&mail, SPAN("DKIM-Signature"), SPAN(RFC8463_RSA_TAGS RFC8463_RSA_B));
	mail_prepend(&mail, SPAN("DKIM-Signature"), SPAN(RFC8463_ED25519_TAGS RFC8463_ED25519_B));
	message = mail_message(&mail);
	if (dkim_verify_message(f->verifier, &message, signers, 2, &err) != 0)
		fail_msg("%s", err.text);
}

/* D3, D4 and the folding: Ed25519 is deterministic, so the text is too. */
static void test_value(void **state) {
	static const char want[] = " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com;\n"
	                           "\ts=s2026e; t=1800000000; x=1800604800;\n"
	                           "\th=From:From:Reply-To:To:To:Cc:Subject:Subject:Date:Message-ID:\n"
	                           "\tMIME-Version:Content-Type:List-Unsubscribe:List-Unsubscribe:\n"
	                           "\tList-Unsubscribe-Post:List-Unsubscribe-Post;\n"
	                           "\tbh=";
	struct fixture *f = *state;
	struct dkim_signer signer = {f->ed25519, "example.com", "s2026e"};
	struct mail mail = simple_mail();

	mail_sign(&mail, &signer, 1, 1800000000);
	assert_true(span_starts(buf_span(&mail.signatures[0]), SPAN(want)));
	mail_free(&mail);
}

/* The h= of a signature, its folding taken out. */
static void find_names(const struct buf *value, char *names) {
	const char *p = strstr(value->at, "h=From") + 2;

	for (; *p != ';'; p++)
		if (!ascii_is_blank(*p))
			*names++ = *p;
	*names = '\0';
}

static void test_signed_names(void **state) {
	static const struct {
		const char *fields; /* names with blanks between */
		const char *want;
	} cases[] = {
	        {"From", "From:Reply-To:To:Cc:Subject:Date:Message-ID:MIME-Version:Content-Type:List-Unsubscribe:"
	                 "List-Unsubscribe-Post"},
	        /* Every row of D3, out of order, in any case. */
	        {"cfbl-address FEEDBACK-ID List-Unsubscribe-Post List-Unsubscribe List-ID "
	         "content-transfer-encoding Content-type Mime-Version References In-Reply-To Message-Id Date Subject "
	         "Cc To Reply-To Sender From",
	         "From:From:Sender:Reply-To:Reply-To:To:To:Cc:Cc:Subject:Subject:Date:Date:Message-ID:Message-ID:"
	         "In-Reply-To:References:MIME-Version:MIME-Version:Content-Type:Content-Type:"
	         "Content-Transfer-Encoding:List-Id:List-Unsubscribe:List-Unsubscribe:List-Unsubscribe-Post:"
	         "List-Unsubscribe-Post:Feedback-ID:CFBL-Address"},
	        /* Each instance. */
	        {"To From To Sender Sender To References",
	         "From:From:Sender:Sender:Reply-To:To:To:To:To:Cc:Subject:Date:Message-ID:References:MIME-Version:"
	         "Content-Type:List-Unsubscribe:List-Unsubscribe-Post"},
	        /* Never signed. */
	        {"Return-Path Received Received Authentication-Results ARC-Seal ARC-Message-Signature "
	         "ARC-Authentication-Results DKIM-Signature Bcc X-Mailer From",
	         "From:Reply-To:To:Cc:Subject:Date:Message-ID:MIME-Version:Content-Type:List-Unsubscribe:"
	         "List-Unsubscribe-Post"},
	};
	struct fixture *f = *state;
	struct dkim_signer signer = {f->ed25519, "example.com", "s2026e"};
	char want[1024], got[1024];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct span left = span_of(cases[i].fields);
		struct mail mail = {.body_count = 0};

		while (left.len > 0) {
			ssize_t blank = span_find_byte(left, ' ');
			size_t len = blank < 0 ? left.len : (size_t)blank;

			mail_add(&mail, span_make(left.at, len), SPAN(" x"));
			left = span_from(left, len + 1);
		}
		mail_sign(&mail, &signer, 1, 1800000000);
		find_names(&mail.signatures[0], got);
		/* A row of one is oversigned as a row of none is: `From` stands for both. */
		snprintf(want, sizeof want, "%s%s",
		         strncmp(cases[i].want, "From:From", 9) == 0 ? "" : "From:", cases[i].want);
		assert_string_equal(got, want);
		mail_free(&mail);
	}
}

/* RFC 6376 5.4.2: the instances of a field are taken from the bottom. */
static void test_bottom_up(void **state) {
	static const struct signed_field rows[] = {{SPAN("To"), true}};
	struct mail mail = {.body_count = 0};
	struct dkim_message message;
	struct buf names, input;

	(void)state;
	mail_add(&mail, SPAN("To"), SPAN(" top"));
	mail_add(&mail, SPAN("Cc"), SPAN(" no"));
	mail_add(&mail, SPAN("TO"), SPAN(" bottom"));
	message = mail_message(&mail);
	buf_init(&names, 4096);
	buf_init(&input, 4096);
	assert_int_equal(sign_collect(&message, rows, 1, &names, &input, NULL), 0);
	assert_string_equal(names.at, "To:To:To");
	assert_string_equal(input.at, "to:bottom\r\nto:top\r\n");
	buf_free(&names);
	buf_free(&input);
}

/* No line is over 76 octets but where one tag alone is; nor is one empty. */
static void expect_folded(const struct buf *value, size_t allowed) {
	struct span left = buf_span(value);
	size_t start = strlen("DKIM-Signature:");

	assert_int_equal(left.at[0], ' ');
	while (left.len > 0) {
		ssize_t lf = span_find_byte(left, '\n');
		struct span line = span_make(left.at, lf < 0 ? left.len : (size_t)lf);

		assert_in_range(start + line.len, 2, allowed);
		assert_true(line.at[0] == ' ' || line.at[0] == '\t');
		assert_int_equal(span_find_byte(line, '\r'), -1);
		left = span_from(left, line.len + 1);
		start = 0;
	}
}

static void test_folding(void **state) {
	struct fixture *f = *state;
	const struct dkimkey *keys[] = {f->ed25519, f->rsa, f->big};
	size_t domain_len, key, i;

	for (key = 0; key < 3; key++)
		for (domain_len = 1; domain_len <= 253; domain_len += 3) {
			char domain[256] = "";
			struct dkim_signer signer = {keys[key], domain, "selector"};
			struct mail mail = simple_mail();

			memset(domain, 'd', domain_len);
			for (i = 0; i < domain_len % 20; i++)
				mail_add(&mail, SPAN("References"), SPAN(" <a@b>"));
			mail_sign(&mail, &signer, 1, 1800000000);
			expect_folded(&mail.signatures[0], domain_len + 4 < 76 ? 76 : domain_len + 4);
			mail_free(&mail);
		}
}

/* H7: what would not reach the peer as it is, is not signed. */
static void test_refused(void **state) {
	struct fixture *f = *state;
	static const struct {
		struct span name, value;
		const char *domain, *selector, *want; /* NULL: signed */
	} cases[] = {
	        {SPAN("Subject"), SPAN(" a\n b"), "example.com", "s", NULL},
	        {SPAN("Subject"), SPAN(" a\r\n\tb"), "example.com", "s", NULL},
	        {SPAN("Subject"), SPAN(" a\nb"), "example.com", "s", "Subject holds a bare CR"},
	        {SPAN("Subject"), SPAN(" a\n"), "example.com", "s", "Subject holds a bare CR"},
	        {SPAN("Subject"), SPAN(" a\n\n b"), "example.com", "s", "Subject holds a bare CR"},
	        {SPAN("Subject"), SPAN(" a\rb"), "example.com", "s", "Subject holds a bare CR"},
	        {SPAN("Subject"), SPAN(" a\r"), "example.com", "s", "Subject holds a bare CR"},
	        {SPAN("Subject"), SPAN(" a\0b"), "example.com", "s", "Subject holds a bare CR"},
	        /* It isn't signed, so it is none of the signature's business. */
	        {SPAN("X-Other"), SPAN(" a\rb"), "example.com", "s", NULL},
	        {SPAN("Subject"), SPAN(" a"), "example.com; l=1", "s", "a domain or selector that is none"},
	        {SPAN("Subject"), SPAN(" a"), "example.com", "s\n\tb", "a domain or selector that is none"},
	        {SPAN("Subject"), SPAN(" a"), "", "s", "a domain or selector that is none"},
	        {SPAN("Subject"), SPAN(" a"), "example.com", "", "a domain or selector that is none"},
	};
	unsigned char hash[32] = {0};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim_signer signer = {f->ed25519, cases[i].domain, cases[i].selector};
		struct mail mail = {.body_count = 0};
		struct dkim_message message;
		struct err err = {""};
		struct buf value;

		mail_add(&mail, SPAN("From"), SPAN(" a@example.com"));
		mail_add(&mail, cases[i].name, cases[i].value);
		message = mail_message(&mail);
		buf_init(&value, 4096);
		assert_int_equal(dkim_sign_message(&message, hash, &signer, 1800000000, EXPIRE, &value, &err),
		                 cases[i].want == NULL ? 0 : -1);
		assert_non_null(strstr(err.text, cases[i].want == NULL ? "" : cases[i].want));
		buf_free(&value);
	}
}

static void test_refused_without_from(void **state) {
	struct fixture *f = *state;
	struct dkim_signer signer = {f->ed25519, "example.com", "s"};
	struct dkim_field field = {SPAN("To"), SPAN(" a@example.com")};
	struct dkim_message message = {&field, 1, NULL, 0};
	unsigned char hash[32] = {0};
	struct err err = {""};
	struct buf value;

	buf_init(&value, 4096);
	assert_int_equal(dkim_sign_message(&message, hash, &signer, 1800000000, EXPIRE, &value, &err), -1);
	assert_string_equal(err.text, "the message has no From");
	buf_free(&value);
	/* A ceiling that is too low fails too. */
	field.name = SPAN("From");
	buf_init(&value, 200);
	assert_int_equal(dkim_sign_message(&message, hash, &signer, 1800000000, EXPIRE, &value, &err), -1);
	buf_free(&value);
}

/* D2: what verification must find out. */

static void flip_body(struct mail *mail) {
	mail->body[0] = SPAN("Hi.\r\n\r\nWe lost  the fame. \r\n");
}
static void grow_body(struct mail *mail) {
	mail->body[1] = SPAN("\r\nx\r\n");
}
static void respace_body(struct mail *mail) {
	mail->body[0] = SPAN("Hi.\t\r\n\r\nWe\tlost the game.\r\n");
	mail->body[1] = SPAN("\r\n\r\n \r\n");
}
static void cut_last_line_end(struct mail *mail) {
	mail->body[0] = SPAN("Hi.\r\n\r\nWe lost  the game.");
	mail->body_count = 1;
}
static void flip_subject(struct mail *mail) {
	mail->fields[mail->field_count - 3].value = SPAN(" =?utf-8?B?45GT44KT?=\n  and  more ");
}
static void refold_subject(struct mail *mail) {
	mail->fields[mail->field_count - 3].value = SPAN("=?utf-8?B?44GT44KT?= and\r\n\tmore");
}
static void flip_unsubscribe(struct mail *mail) {
	mail->fields[mail->field_count - 2].value = SPAN(" <https://t.example.com/u/y>");
}
static void drop_post(struct mail *mail) {
	mail->field_count--;
}
static void flip_received(struct mail *mail) {
	mail->fields[mail->field_count - 6].value = SPAN(" from x");
}
static void add_from(struct mail *mail) {
	mail_add(mail, SPAN("From"), SPAN(" b@example.org"));
}
static void add_cc(struct mail *mail) {
	mail_add(mail, SPAN("Cc"), SPAN(" b@example.org"));
}
static void add_other(struct mail *mail) {
	mail_add(mail, SPAN("X-Other"), SPAN(" b@example.org"));
}
static void add_odd_names(struct mail *mail) {
	mail_add(mail, SPAN("X Y"), SPAN(" b"));
	mail_add(mail, SPAN("X;Y"), SPAN(" b"));
	mail_add(mail, SPAN("\xe3\x81\x82"), SPAN(" b"));
	mail_add(mail, SPAN(""), SPAN(" b"));
}
static void add_foreign_signature(struct mail *mail) {
	mail_add(mail, SPAN("DKIM-Signature"), SPAN(" v=1; garbage"));
	mail_add(mail, SPAN("DKIM-Signature"), SPAN(RFC8463_RSA_TAGS RFC8463_RSA_B));
}
static void drop_first_signature(struct mail *mail) {
	memmove(mail->fields, mail->fields + 1, --mail->field_count * sizeof *mail->fields);
}
static void double_first_signature(struct mail *mail) {
	mail->fields[1] = mail->fields[0];
}
static void garble_signature(struct mail *mail) {
	mail->fields[1].value = SPAN(" v=1; garbage");
}
static void nothing(struct mail *mail) {
	(void)mail;
}

static void test_verify(void **state) {
	static const struct {
		void (*change)(struct mail *mail);
		long age;
		const char *want; /* NULL: holds */
	} cases[] = {
	        {nothing, 0, NULL},
	        {nothing, 6 * DAY, NULL},
	        {nothing, 8 * DAY, "expired"},
	        {nothing, -DAY, "future"},
	        {respace_body, 0, NULL},
	        {cut_last_line_end, 0, NULL},
	        {refold_subject, 0, NULL},
	        {flip_received, 0, NULL},
	        {add_other, 0, NULL},
	        {add_odd_names, 0, NULL},
	        {add_foreign_signature, 0, NULL},
	        {flip_body, 0, "body hash"},
	        {grow_body, 0, "body hash"},
	        {flip_subject, 0, "d=example.com s=s2026"},
	        {flip_unsubscribe, 0, "d=example.com s=s2026"},
	        {drop_post, 0, "d=example.com s=s2026"},
	        {add_from, 0, "d=example.com s=s2026"},
	        {add_cc, 0, "d=example.com s=s2026"},
	        {drop_first_signature, 0, "1 signatures where 2 are due"},
	        {double_first_signature, 0, "no signature with d=example.com s=s2026"},
	        {garble_signature, 0, ""},
	};
	struct fixture *f = *state;
	/* Either may be the one that is looked at first. */
	struct dkim_signer signers[2][2] = {{{f->big, "example.com", "s2026a"}, {f->ed25519, "example.com", "s2026e"}},
	                                    {{f->ed25519, "example.com", "s2026e"}, {f->big, "example.com", "s2026a"}}};
	size_t i, order;

	for (i = 0; i < sizeof cases / sizeof *cases; i++)
		for (order = 0; order < 2; order++) {
			struct mail mail = simple_mail();
			struct dkim_message message;
			struct err err = {""};
			int got;

			mail_sign(&mail, signers[order], 2, time(NULL) - cases[i].age);
			cases[i].change(&mail);
			message = mail_message(&mail);
			got = dkim_verify_message(f->verifier, &message, signers[order], 2, &err);
			if (got != (cases[i].want == NULL ? 0 : -1))
				print_error("case %zu: got \"%s\"\n", i, err.text);
			assert_int_equal(got, cases[i].want == NULL ? 0 : -1);
			if (cases[i].want != NULL && strstr(err.text, cases[i].want) == NULL)
				fail_msg("case %zu: got \"%s\"", i, err.text);
			if (cases[i].want != NULL)
				assert_true(err.text[0] != '\0');
			mail_free(&mail);
		}
}

/* Each signature must hold, not one of them, and under its own record. */
static void test_verify_keys(void **state) {
	struct fixture *f = *state;
	const struct {
		struct dkim_signer signs[2], verifies[2];
		const char *want;
	} cases[] = {
	        {{{f->big, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         {{f->big, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         NULL},
	        /* D5: the operator's own domain too. */
	        {{{f->big, "example.com", "a"}, {f->rsa, "operator.example", "a"}},
	         {{f->rsa, "OPERATOR.example", "a"}, {f->big, "example.com", "a"}},
	         NULL},
	        /* An RSA key, another one's record. */
	        {{{f->ed25519, "example.com", "e"}, {f->rsa, "example.com", "a"}},
	         {{f->ed25519, "example.com", "e"}, {f->rfc6376, "example.com", "a"}},
	         "the signature with d=example.com s=a fails"},
	        {{{f->rsa, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         {{f->rfc6376, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         "the signature with d=example.com s=a fails"},
	        {{{f->rsa, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         {{f->ed25519, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         "the signature with d=example.com s=a fails"},
	        {{{f->rsa, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         {{f->rsa, "example.com", "a"}, {f->ed25519, "example.com", "f"}},
	         "no signature with d=example.com s=f"},
	        {{{f->rsa, "example.com", "a"}, {f->ed25519, "example.com", "e"}},
	         {{f->rsa, "example.com", "a"}, {f->ed25519, "example.org", "e"}},
	         "no signature with d=example.org s=e"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mail mail = simple_mail();
		struct dkim_message message;
		struct err err = {""};
		int got;

		mail_sign(&mail, cases[i].signs, 2, time(NULL));
		message = mail_message(&mail);
		got = dkim_verify_message(f->verifier, &message, cases[i].verifies, 2, &err);
		if (got != (cases[i].want == NULL ? 0 : -1) ||
		    strstr(err.text, cases[i].want == NULL ? "" : cases[i].want) == NULL)
			fail_msg("case %zu: got %d \"%s\"", i, got, err.text);
		/* Nothing that was to verify is no success. */
		assert_int_equal(dkim_verify_message(f->verifier, &message, cases[i].verifies, 0, &err), -1);
		assert_non_null(strstr(err.text, "nothing to verify"));
		mail_free(&mail);
	}
}

/* D1: a signature that a receiver would take, but that leaves room at the end of
 * the body (l=), is none of ours. */
static void test_verify_length(void **state) {
	static const struct signed_field rows[] = {{SPAN("From"), false}};
	struct fixture *f = *state;
	struct dkim_signer signer = {f->ed25519, "example.com", "e"};
	const char *lengths[] = {"", " l=4;"};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct mail mail = {.body = {SPAN("Hi\r\n")}, .body_count = 1};
		struct buf names, input, signature, value;
		struct dkim_message message;
		struct err err = {""};
		char text[256];
		unsigned char hash[32];

		mail_add(&mail, SPAN("From"), SPAN(" a@example.com"));
		message = mail_message(&mail);
		buf_init(&names, 4096);
		buf_init(&input, 4096);
		buf_init(&signature, 4096);
		buf_init(&value, 4096);
		assert_int_equal(dkim_body_hash(&message, hash), 0);
		base64(span_make((char *)hash, 32), text);
		buf_printf(&value, " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; s=e; h=From;%s bh=%s; b=",
		           lengths[i], text);
		assert_int_equal(sign_collect(&message, rows, 1, &names, &input, NULL), 0);
		assert_int_equal(sign_input(f->ed25519, &input, buf_span(&value), &signature, NULL), 0);
		base64(buf_span(&signature), text);
		buf_add_text(&value, text);
		mail_prepend(&mail, SPAN("DKIM-Signature"), buf_span(&value));
		message = mail_message(&mail);
		assert_int_equal(dkim_verify_message(f->verifier, &message, &signer, 1, &err), i == 0 ? 0 : -1);
		if (i == 1)
			assert_non_null(strstr(err.text, "length limit"));
		buf_free(&names);
		buf_free(&input);
		buf_free(&signature);
		buf_free(&value);
	}
}

/* Random messages. */

static const char *const random_names[] = {
        "Received",
        "Received",
        "To",
        "to",
        "TO",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "References",
        "Sender",
        "Reply-To",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Feedback-ID",
        "CFBL-Address",
        "X-Mailer",
        "Return-Path",
        "Authentication-Results",
        "In-Reply-To",
};

struct random_mail {
	struct mail mail;
	struct buf values[20];
	size_t value_count;
	struct buf body;
};

/* No bare CR or LF: Postfix lets none through, and neither libopendkim nor
 * dkimpy takes them as RFC 6376 does. */
static void random_mail(unsigned *seed, struct random_mail *m) {
	static const char *const value_words[] = {" ", "  ",  "\t", "\n ", "\n\t", "\r\n ",
	                                          "a", "b@c", ";",  ":",   "=",    "\xe3\x81\x82"};
	static const char *const body_words[] = {" ", " ",  "\t", "\r\n", "\r\n", "\r\n\r\n",
	                                         "a", "bc", "0",  "\xe5", "."};
	size_t count = (size_t)rand_r(seed) % 20, from = (size_t)rand_r(seed) % (count + 1), i, cut;

	*m = (struct random_mail){.value_count = count};
	for (i = 0; i <= count; i++) {
		if (i == from)
			mail_add(&m->mail, SPAN("From"), SPAN(" a <a@example.com>"));
		if (i == count)
			break;
		buf_init(&m->values[i], 65536);
		random_text(seed, value_words, sizeof value_words / sizeof *value_words, (size_t)rand_r(seed) % 12,
		            &m->values[i]);
		mail_add(&m->mail,
		         span_of(random_names[(size_t)rand_r(seed) % (sizeof random_names / sizeof *random_names)]),
		         buf_span(&m->values[i]));
	}
	buf_init(&m->body, 65536);
	random_text(seed, body_words, sizeof body_words / sizeof *body_words, (size_t)rand_r(seed) % 60, &m->body);
	if (m->body.len > 0)
		buf_add_text(&m->body, "\r\n");
	cut = (size_t)rand_r(seed) % (m->body.len + 1);
	m->mail.body[0] = span_make(m->body.at, cut);
	m->mail.body[1] = span_from(buf_span(&m->body), cut);
	m->mail.body_count = 2;
}

static void random_mail_free(struct random_mail *m) {
	size_t i;

	mail_free(&m->mail);
	for (i = 0; i < m->value_count; i++)
		buf_free(&m->values[i]);
	buf_free(&m->body);
}

/* As it lies on the wire. */
static void write_mail(const struct fixture *f, const char *name, const struct mail *mail) {
	struct buf text;
	size_t i, j;

	buf_init(&text, 1 << 20);
	for (i = 0; i < mail->field_count; i++) {
		struct span value = mail->fields[i].value;

		buf_add_span(&text, mail->fields[i].name);
		buf_add_byte(&text, ':');
		for (j = 0; j < value.len; j++) {
			if (value.at[j] == '\n' && (j == 0 || value.at[j - 1] != '\r'))
				buf_add_byte(&text, '\r');
			buf_add_byte(&text, value.at[j]);
		}
		buf_add_text(&text, "\r\n");
	}
	buf_add_text(&text, "\r\n");
	for (i = 0; i < mail->body_count; i++)
		buf_add_span(&text, mail->body[i]);
	write_file(f, name, buf_span(&text));
	buf_free(&text);
}

/* Every N.eml has two good signatures, by dkimpy's reading, and they break when
 * a field is put on top that is oversigned (D3) or already there and signed. */
static const char python[] =
        "import dkim, glob, os, sys\n"
        "folder = sys.argv[1]\n"
        "def find(name, timeout=5):\n"
        "    return open(os.path.join(folder, name.decode().rstrip('.')), 'rb').read()\n"
        "def verdicts(message):\n"
        "    return [dkim.DKIM(message).verify(idx=i, dnsfunc=find) for i in (0, 1)]\n"
        "OVERSIGNED = ['From', 'To', 'Cc', 'Subject', 'Date', 'Reply-To', 'Message-ID', 'MIME-Version',\n"
        "              'Content-Type', 'List-Unsubscribe', 'List-Unsubscribe-Post']\n"
        "names = sorted(glob.glob(os.path.join(folder, '*.eml')))\n"
        "for n, name in enumerate(names):\n"
        "    message = open(name, 'rb').read()\n"
        "    if verdicts(message) != [True, True]:\n"
        "        sys.exit(name + ': does not verify: %r' % verdicts(message))\n"
        "    added = OVERSIGNED[n % len(OVERSIGNED)]\n"
        "    if True in verdicts(added.encode() + b': added\\r\\n' + message):\n"
        "        sys.exit(name + ': verifies with a second ' + added)\n"
        "print(len(names))\n";

static int run_python(const struct fixture *f, char *said, size_t size) {
	int pipe_ends[2], status;
	size_t have = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(pipe_ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(pipe_ends[1], 1);
		dup2(pipe_ends[1], 2);
		close(pipe_ends[0]);
		execl("/usr/bin/python3", "python3", "-c", python, f->folder, (char *)NULL);
		_exit(127);
	}
	close(pipe_ends[1]);
	while (have < size - 1 && (n = read(pipe_ends[0], said + have, size - 1 - have)) > 0)
		have += (size_t)n;
	said[have] = '\0';
	close(pipe_ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void write_record(const struct fixture *f, const struct dkim_signer *signer) {
	char name[64];

	snprintf(name, sizeof name, "%s._domainkey.%s", signer->selector, signer->domain);
	write_file(f, name, span_of(dkimkey_record(signer->key)));
}

static void test_dkimpy(void **state) {
	struct fixture *f = *state;
	struct dkim_signer signers[] = {{f->big, "example.com", "s2026a"}, {f->ed25519, "example.com", "s2026e"}};
	char said[4096], name[32];
	unsigned seed = 7;
	int round;

	write_record(f, &signers[0]);
	write_record(f, &signers[1]);
	for (round = 0; round < 200; round++) {
		struct random_mail m;

		random_mail(&seed, &m);
		mail_sign(&m.mail, signers, 2, time(NULL));
		snprintf(name, sizeof name, "%03d.eml", round);
		write_mail(f, name, &m.mail);
		random_mail_free(&m);
	}
	if (run_python(f, said, sizeof said) != 0 || strcmp(said, "200\n") != 0)
		fail_msg("%s", said);
}

/* And by libopendkim's; under a leak checker, so is that nothing leaks. */
static void test_verify_random(void **state) {
	struct fixture *f = *state;
	struct dkim_signer signers[] = {{f->rsa, "example.com", "s2026a"}, {f->ed25519, "example.com", "s2026e"}};
	unsigned seed = 3;
	int round;

	for (round = 0; round < 1000; round++) {
		struct dkim_message message;
		struct random_mail m;
		struct err err = {""};

		random_mail(&seed, &m);
		mail_sign(&m.mail, signers, 2, time(NULL));
		expect_folded(&m.mail.signatures[0], 76);
		expect_folded(&m.mail.signatures[1], 76);
		message = mail_message(&m.mail);
		if (dkim_verify_message(f->verifier, &message, signers, 2, &err) != 0)
			fail_msg("round %d: %s", round, err.text);
		random_mail_free(&m);
	}
}

#define THREADS 16

/* cmocka's assertions are for its own thread: this one only counts. */
struct worker {
	pthread_t thread;
	const struct fixture *f;
	int failures;
};

static void *work(void *context) {
	struct worker *w = context;
	struct dkim_signer signers[] = {{w->f->rsa, "example.com", "a"}, {w->f->ed25519, "example.com", "e"}};
	struct dkim_field fields[] = {{SPAN("DKIM-Signature"), SPAN_NONE},
	                              {SPAN("DKIM-Signature"), SPAN_NONE},
	                              {SPAN("From"), SPAN(" a@example.com")},
	                              {SPAN("Subject"), SPAN(" x")}};
	struct span body = SPAN("Hi  there \r\n\r\n");
	struct dkim_message all = {fields, 4, &body, 1}, unsigned_yet = {fields + 2, 2, &body, 1};
	int round, i;

	for (round = 0; round < 40; round++) {
		struct buf values[2];
		unsigned char hash[32];

		w->failures += dkim_body_hash(&unsigned_yet, hash) != 0;
		for (i = 0; i < 2; i++) {
			buf_init(&values[i], 4096);
			w->failures += dkim_sign_message(&unsigned_yet, hash, &signers[i], time(NULL), EXPIRE,
			                                 &values[i], NULL) != 0;
			fields[i].value = buf_span(&values[i]);
		}
		w->failures += dkim_verify_message(w->f->verifier, &all, signers, 2, NULL) != 0;
		buf_free(&values[0]);
		buf_free(&values[1]);
	}
	return NULL;
}

static void test_threads(void **state) {
	struct worker workers[THREADS];
	size_t i;

	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.f = *state};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_body),          cmocka_unit_test(test_body_random),
	        cmocka_unit_test(test_field),         cmocka_unit_test(test_rfc6376),
	        cmocka_unit_test(test_rfc8463),       cmocka_unit_test(test_rfc8463_verified),
	        cmocka_unit_test(test_value),         cmocka_unit_test(test_signed_names),
	        cmocka_unit_test(test_bottom_up),     cmocka_unit_test(test_folding),
	        cmocka_unit_test(test_refused),       cmocka_unit_test(test_refused_without_from),
	        cmocka_unit_test(test_verify),        cmocka_unit_test(test_verify_keys),
	        cmocka_unit_test(test_verify_length), cmocka_unit_test(test_dkimpy),
	        cmocka_unit_test(test_verify_random), cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
