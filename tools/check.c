#include "tools/check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/confirm_mail.h"
#include "lib/page_names.h"
#include "report/rules.h"

#define ERRORS_MAX 65536
#define SOON_DAYS 14

static bool check_texts(const struct conf *conf) {
	struct err err;
	struct confirm_mails *mails = confirm_mails_load(conf, &err);
	bool good = mails != NULL && page_check(conf->webd.pages, &err) == 0;

	if (!good)
		fprintf(stderr, "webd.pages: %s\n", err.text);
	confirm_mails_free(&mails);
	return good;
}

/* Only who takes bounces needs them. */
static bool check_rules(const struct conf *conf) {
	char *found = conf->bounced.rules[0] == '\0' ? rules_find() : NULL;
	const char *path = found == NULL ? conf->bounced.rules : found;
	struct rules *rules;
	struct buf errors;
	bool good;

	if (path[0] == '\0') {
		fprintf(stderr, "bounced.rules: none is installed; name a file\n");
		return false;
	}
	buf_init(&errors, ERRORS_MAX);
	rules = rules_load(path, &errors);
	good = rules != NULL;
	if (!good)
		fprintf(stderr, "bounced.rules: %s%s", errors.len > 0 ? errors.at : path, errors.len > 0 ? "" : "\n");
	rules_free(&rules);
	buf_free(&errors);
	free(found);
	return good;
}

static X509 *read_certificate(const char *path) {
	FILE *file = fopen(path, "re");
	X509 *certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);

	if (certificate == NULL)
		fprintf(stderr, "webd.tls_cert: %s: allowed: a readable certificate, PEM\n", path);
	if (file != NULL)
		fclose(file);
	return certificate;
}

/* A pass phrase can't be asked for by a daemon. */
static int no_phrase(char *out, int size, int writing, void *unused) {
	(void)out;
	(void)size;
	(void)writing;
	(void)unused;
	return -1;
}

static EVP_PKEY *read_key(const char *path) {
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, no_phrase, NULL);

	if (key == NULL)
		fprintf(stderr, "webd.tls_key: %s: allowed: a readable private key, PEM, without a pass phrase\n",
		        path);
	if (file != NULL)
		fclose(file);
	return key;
}

static bool check_dates(const char *path, const X509 *certificate) {
	time_t soon = time(NULL) + (time_t)SOON_DAYS * 86400;

	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
		fprintf(stderr, "webd.tls_cert: %s: has ended\n", path);
		return false;
	}
	if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) <= 0)
		fprintf(stderr, "webd.tls_cert: %s: ends within %d days\n", path, SOON_DAYS);
	return true;
}

static bool check_tls(const struct conf_webd *conf) {
	X509 *certificate;
	EVP_PKEY *key;
	bool good;

	if (conf->tls_cert[0] == '\0' && conf->tls_key[0] == '\0')
		return true;
	certificate = read_certificate(conf->tls_cert);
	key = read_key(conf->tls_key);
	good = certificate != NULL && key != NULL && check_dates(conf->tls_cert, certificate);
	if (certificate != NULL && key != NULL && X509_check_private_key(certificate, key) != 1) {
		fprintf(stderr, "webd.tls_key: %s: is not the key of %s\n", conf->tls_key, conf->tls_cert);
		good = false;
	}
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	return good;
}

bool check_daemons(const struct conf *conf) {
	bool good = check_texts(conf);

	if (conf->bounced.domain[0] != '\0')
		good &= check_rules(conf);
	return check_tls(&conf->webd) && good;
}
