/* Verification by libopendkim: dkim_verify_message() of milter/dkim.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

#include "milter/dkim.h"
#include "milter/dkim_pubkey.h"

#define FIELD_MAX (1024 * 1024) /* octets of one field */
#define SIGNATURE_FIELD "DKIM-Signature"

struct dkim_verifier {
	DKIM_LIB *library;
};

/* What the key look-up may answer from. */
struct signers {
	const struct dkim_signer *at;
	size_t count;
	const struct dkim_signer *too_long; /* whose record libopendkim has no room for */
};

static bool is_signers(const struct dkim_signer *signer, DKIM_SIGINFO *signature) {
	const char *domain = (const char *)dkim_sig_getdomain(signature);
	const char *selector = (const char *)dkim_sig_getselector(signature);

	return domain != NULL && selector != NULL && strcasecmp(domain, signer->domain) == 0 &&
	       strcasecmp(selector, signer->selector) == 0;
}

/* Called by libopendkim for each signature instead of asking the DNS. */
static DKIM_CBSTAT look_up_key(DKIM *handle, DKIM_SIGINFO *signature, unsigned char *room, size_t size) {
	struct signers *signers = dkim_get_user_context(handle);
	size_t i;

	for (i = 0; i < signers->count; i++) {
		const char *record = dkimkey_record(signers->at[i].key);

		if (!is_signers(&signers->at[i], signature))
			continue;
		if (strlen(record) >= size) {
			signers->too_long = &signers->at[i];
			return DKIM_CBSTAT_ERROR;
		}
		memcpy(room, record, strlen(record) + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

struct dkim_verifier *dkim_verifier_new(struct err *err) {
	struct dkim_verifier *verifier = calloc(1, sizeof *verifier);

	if (verifier != NULL)
		verifier->library = dkim_init(NULL, NULL);
	if (verifier == NULL || verifier->library == NULL ||
	    dkim_set_key_lookup(verifier->library, look_up_key) != DKIM_STAT_OK) {
		err_set(err, "libopendkim can't be set up: out of memory");
		dkim_verifier_free(&verifier);
	} else if (!dkim_libfeature(verifier->library, DKIM_FEATURE_ED25519)) {
		err_set(err, "this libopendkim can't verify Ed25519");
		dkim_verifier_free(&verifier);
	}
	return verifier;
}

void dkim_verifier_free(struct dkim_verifier **verifier) {
	if (*verifier == NULL)
		return;
	if ((*verifier)->library != NULL)
		dkim_close((*verifier)->library);
	dkim_pubkey_forget();
	free(*verifier);
	*verifier = NULL;
}

static int set_failure(struct err *err, DKIM *handle, DKIM_STAT status) {
	const char *detail = dkim_geterror(handle), *text = dkim_getresultstr(status);

	return err_set(err, "libopendkim: %s%s%s", text == NULL ? "unknown error" : text, detail == NULL ? "" : ": ",
	               detail == NULL ? "" : detail);
}

/* Names that libopendkim refuses are no names (RFC 5322 2.2), and none of them is
 * signed: they must not stop the mail. */
static bool is_name(struct span name) {
	size_t i;

	for (i = 0; i < name.len; i++)
		if (name.at[i] <= ' ' || name.at[i] > '~' || name.at[i] == ':' || name.at[i] == ';')
			return false;
	return name.len > 0;
}

static int feed_field(DKIM *handle, const struct dkim_field *field, struct buf *line, struct err *err) {
	DKIM_STAT status;
	size_t i;

	buf_reset(line);
	buf_add_span(line, field->name);
	buf_add_byte(line, ':');
	for (i = 0; i < field->value.len; i++) {
		char c = field->value.at[i];

		if (c == '\n' && (i == 0 || field->value.at[i - 1] != '\r'))
			buf_add_byte(line, '\r');
		buf_add_byte(line, c);
	}
	if (line->failed)
		return err_set(err, "%.*s: out of memory, or over %d octets", SPAN_ARG(field->name), FIELD_MAX);
	status = dkim_header(handle, (unsigned char *)line->at, line->len);
	return status == DKIM_STAT_OK ? 0 : set_failure(err, handle, status);
}

/* The signatures at the head, and all fields below them but other signatures:
 * those sign other things, with keys that we don't have. */
static int feed_fields(DKIM *handle, const struct dkim_message *message, size_t signer_count, struct err *err) {
	struct buf line;
	int result = 0;
	size_t i;

	buf_init(&line, FIELD_MAX);
	for (i = 0; i < message->field_count && result == 0; i++) {
		const struct dkim_field *field = &message->fields[i];
		bool signature = span_equal_nocase(field->name, SPAN(SIGNATURE_FIELD));

		if (signature != (i < signer_count)) {
			if (!signature)
				result = err_set(err, "%zu signatures where %zu are due", i, signer_count);
		} else if (is_name(field->name))
			result = feed_field(handle, field, &line, err);
	}
	buf_free(&line);
	return result;
}

static bool ends_in_crlf(const struct dkim_message *message) {
	char last = '\0', before = '\0';
	bool empty = true;
	size_t i;

	for (i = 0; i < message->body_count; i++) {
		struct span piece = message->body[i];

		if (piece.len == 0)
			continue;
		before = piece.len > 1 ? piece.at[piece.len - 2] : last;
		last = piece.at[piece.len - 1];
		empty = false;
	}
	return empty || (before == '\r' && last == '\n');
}

static int feed_body(DKIM *handle, const struct dkim_message *message, struct err *err) {
	DKIM_STAT status = DKIM_STAT_OK;
	size_t i;

	for (i = 0; i < message->body_count && status == DKIM_STAT_OK; i++)
		if (message->body[i].len > 0)
			status = dkim_body(handle, (unsigned char *)message->body[i].at, message->body[i].len);
	/* Postfix ends the last line; so do RFC 6376 3.4.4 and this. */
	if (status == DKIM_STAT_OK && !ends_in_crlf(message))
		status = dkim_body(handle, (unsigned char *)"\r\n", 2);
	return status == DKIM_STAT_OK ? 0 : set_failure(err, handle, status);
}

/* Whether one signature is good, strictly: libopendkim calls some good that a
 * receiver would not count. */
static int judge(DKIM *handle, DKIM_SIGINFO *signature, const struct dkim_signer *signer, struct err *err) {
	const char *algorithm = (const char *)dkim_sig_getalgorithm(signature);
	unsigned flags = dkim_sig_getflags(signature);
	ssize_t length = -1;

	if (dkim_sig_getbh(signature) == DKIM_SIGBH_MISMATCH)
		return err_set(err, "the body hash differs");
	if (dkim_sig_geterror(signature) != DKIM_SIGERROR_OK) {
		const char *text = dkim_sig_geterrorstr((DKIM_SIGERROR)dkim_sig_geterror(signature));

		return err_set(err, "%s", text == NULL ? "unknown error" : text);
	}
	if (algorithm == NULL || strcmp(algorithm, dkimkey_algorithm(signer->key)) != 0)
		return err_set(err, "a=%s with a key for %s", algorithm == NULL ? "" : algorithm,
		               dkimkey_algorithm(signer->key));
	if (dkim_sig_getbh(signature) != DKIM_SIGBH_MATCH || (flags & DKIM_SIGFLAG_PROCESSED) == 0 ||
	    (flags & DKIM_SIGFLAG_PASSED) == 0 || (flags & (DKIM_SIGFLAG_IGNORE | DKIM_SIGFLAG_TESTKEY)) != 0)
		return err_set(err, "the signature doesn't hold (flags %#x)", flags);
	if (dkim_sig_getcanonlen(handle, signature, NULL, NULL, &length) != DKIM_STAT_OK || length != -1)
		return err_set(err, "the signature has a length limit (l=)");
	return 0;
}

/* Each signer needs one signature of its own. */
static int judge_all(DKIM *handle, const struct signers *signers, struct err *err) {
	DKIM_SIGINFO **signatures = NULL;
	int count = 0, i;
	size_t s;

	if (dkim_getsiglist(handle, &signatures, &count) != DKIM_STAT_OK || (size_t)count != signers->count)
		return err_set(err, "%d signatures can be read where %zu are due", count, signers->count);
	for (s = 0; s < signers->count; s++) {
		const struct dkim_signer *signer = &signers->at[s];

		for (i = 0; i < count && !is_signers(signer, signatures[i]); i++)
			;
		if (i == count)
			return err_set(err, "no signature with d=%s s=%s", signer->domain, signer->selector);
		if (judge(handle, signatures[i], signer, err) != 0)
			return err_prefix(err, "the signature with d=%s s=%s fails", signer->domain, signer->selector);
	}
	return 0;
}

int dkim_verify_message(struct dkim_verifier *verifier, const struct dkim_message *message,
                        const struct dkim_signer *signers, size_t signer_count, struct err *err) {
	struct signers context = {signers, signer_count, NULL};
	DKIM_STAT status = DKIM_STAT_NORESOURCE;
	DKIM *handle;
	int result = -1;

	if (signer_count == 0)
		return err_set(err, "no signature is due: nothing to verify");
	handle = dkim_verify(verifier->library, (const unsigned char *)"todoku", NULL, &status);
	if (handle == NULL)
		return err_set(err, "libopendkim gives no handle (status %d)", (int)status);
	if (dkim_set_user_context(handle, &context) != DKIM_STAT_OK) {
		err_set(err, "libopendkim takes no context");
		goto out;
	}
	if (feed_fields(handle, message, signer_count, err) != 0)
		goto out;
	status = dkim_eoh(handle);
	if (context.too_long != NULL) {
		err_set(err, "the record for d=%s s=%s is longer than libopendkim can read: use a shorter key",
		        context.too_long->domain, context.too_long->selector);
		goto out;
	}
	if (status != DKIM_STAT_OK) {
		set_failure(err, handle, status);
		goto out;
	}
	if (feed_body(handle, message, err) != 0)
		goto out;
	/* Its outcome is that of one signature; judge_all() looks at each. */
	(void)dkim_eom(handle, NULL);
	result = judge_all(handle, &context, err);
out:
	dkim_free(handle);
	return result;
}
