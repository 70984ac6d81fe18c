/* Signing by OpenSSL: dkim_body_hash() and dkim_sign_message() of milter/dkim.h. */
#include "milter/dkim_sign.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "milter/dkim_canon.h"

#define HASH_SIZE 32
#define LINE_MAX_OCTETS 76
#define INPUT_MAX (16 * 1024 * 1024) /* octets of all signed fields */
#define NAMES_MAX (64 * 1024)        /* octets of h= */
#define SIGNATURE_MAX 4096           /* octets, raw */
#define FIELD_NAME "DKIM-Signature"

/* D3. */
static const struct signed_field signed_fields[] = {
        {SPAN("From"), true},
        {SPAN("Sender"), false},
        {SPAN("Reply-To"), true},
        {SPAN("To"), true},
        {SPAN("Cc"), true},
        {SPAN("Subject"), true},
        {SPAN("Date"), true},
        {SPAN("Message-ID"), true},
        {SPAN("In-Reply-To"), false},
        {SPAN("References"), false},
        {SPAN("MIME-Version"), true},
        {SPAN("Content-Type"), true},
        {SPAN("Content-Transfer-Encoding"), false},
        {SPAN("List-Id"), false},
        {SPAN("List-Unsubscribe"), true},
        {SPAN("List-Unsubscribe-Post"), true},
        {SPAN("Feedback-ID"), false},
        {SPAN("CFBL-Address"), false},
};

bool dkim_signs(struct span name) {
	size_t i;

	for (i = 0; i < sizeof signed_fields / sizeof *signed_fields; i++)
		if (span_equal_nocase(name, signed_fields[i].name))
			return true;
	return false;
}

static void hash_bytes(void *context, const char *bytes, size_t len) {
	/* Fails with no SHA-256 context alone, which was looked at before. */
	(void)EVP_DigestUpdate(context, bytes, len);
}

int dkim_body_hash(const struct dkim_message *message, unsigned char hash_r[32]) {
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct canon canon;
	int result = -1;
	size_t i;

	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		goto out;
	canon_begin(&canon, hash_bytes, context);
	for (i = 0; i < message->body_count; i++)
		canon_body(&canon, message->body[i]);
	canon_end(&canon);
	result = EVP_DigestFinal_ex(context, hash_r, NULL) == 1 ? 0 : -1;
out:
	EVP_MD_CTX_free(context);
	return result;
}

/* Does the value reach the peer as it is, by a milter and Postfix? */
static bool value_travels(struct span value) {
	size_t i;

	for (i = 0; i < value.len; i++) {
		char next = i + 1 < value.len ? value.at[i + 1] : '\0';

		if (value.at[i] == '\0' || (value.at[i] == '\r' && next != '\n') ||
		    (value.at[i] == '\n' && next != ' ' && next != '\t'))
			return false;
	}
	return true;
}

static void add_name(struct buf *names, struct span name) {
	if (names->len > 0)
		buf_add_byte(names, ':');
	buf_add_span(names, name);
}

int sign_collect(const struct dkim_message *message, const struct signed_field *rows, size_t count, struct buf *names,
                 struct buf *input, struct err *err) {
	size_t row, i;

	for (row = 0; row < count; row++) {
		for (i = message->field_count; i-- > 0;) {
			const struct dkim_field *field = &message->fields[i];

			if (!span_equal_nocase(field->name, rows[row].name))
				continue;
			if (!value_travels(field->value))
				return err_set(err, "%.*s holds a bare CR, an LF that doesn't fold, or a NUL",
				               SPAN_ARG(rows[row].name));
			add_name(names, rows[row].name);
			canon_field(field->name, field->value, input);
		}
		if (rows[row].oversigned)
			add_name(names, rows[row].name);
	}
	if (names->failed || input->failed)
		return err_set(err, "out of memory, or more header fields than can be signed");
	return 0;
}

int sign_input(const struct dkimkey *key, struct buf *input, struct span value, struct buf *signature,
               struct err *err) {
	unsigned char hash[HASH_SIZE];

	canon_field(SPAN(FIELD_NAME), value, input);
	if (input->failed)
		return err_set(err, "out of memory, or more header fields than can be signed");
	/* The signature's own field is signed without its CRLF. */
	if (EVP_Digest(input->at, input->len - 2, hash, NULL, EVP_sha256(), NULL) != 1 ||
	    dkimkey_sign(key, hash, signature) != 0)
		return err_set(err, "OpenSSL can't sign: out of memory, or a damaged key");
	return 0;
}

/* A field's value as it grows, and where its last line begins. */
struct folded {
	struct buf *out;
	size_t line; /* octets in the line so far */
};

static void fold_line(struct folded *folded) {
	buf_add_text(folded->out, "\n\t");
	folded->line = 1;
}

/* A piece that is not split, a blank before it. */
static void fold_add(struct folded *folded, struct span piece) {
	if (folded->line + 1 + piece.len > LINE_MAX_OCTETS)
		fold_line(folded);
	else {
		buf_add_byte(folded->out, ' ');
		folded->line++;
	}
	buf_add_span(folded->out, piece);
	folded->line += piece.len;
}

static void fold_tag(struct folded *folded, const char *name, const char *value) {
	struct buf tag;

	buf_init(&tag, 1024);
	buf_printf(&tag, "%s=%s;", name, value);
	fold_add(folded, buf_span(&tag));
	folded->out->failed = folded->out->failed || tag.failed;
	buf_free(&tag);
}

/* h=, folded behind its colons. */
static void fold_names(struct folded *folded, struct span names) {
	fold_line(folded);
	buf_add_text(folded->out, "h=");
	folded->line += 2;
	while (names.len > 0) {
		ssize_t colon = span_find_byte(names, ':');
		size_t len = colon < 0 ? names.len : (size_t)colon + 1;

		/* One octet more: the semicolon that ends the tag. */
		if (folded->line + len + 1 > LINE_MAX_OCTETS)
			fold_line(folded);
		buf_add(folded->out, names.at, len);
		folded->line += len;
		names = span_from(names, len);
	}
	buf_add_byte(folded->out, ';');
	folded->line++;
}

/* base64, folded anywhere.  A line is filled with whole groups of four. */
static void fold_base64(struct folded *folded, struct span bytes) {
	while (bytes.len > 0) {
		size_t take = (LINE_MAX_OCTETS - folded->line) / 4 * 3;
		char *room;

		if (take > bytes.len)
			take = bytes.len;
		room = buf_reserve(folded->out, take / 3 * 4 + 5);
		if (room == NULL)
			return;
		folded->out->len +=
		        (size_t)EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)bytes.at, (int)take);
		bytes = span_from(bytes, take);
		if (bytes.len > 0)
			fold_line(folded);
	}
}

/* The value up to and with `b=`. */
static void write_tags(struct folded *folded, const struct dkim_signer *signer, const unsigned char body_hash[32],
                       struct span names, time_t now, long expire) {
	char number[32];

	fold_add(folded, SPAN("v=1;"));
	fold_tag(folded, "a", dkimkey_algorithm(signer->key));
	fold_tag(folded, "c", "relaxed/relaxed");
	fold_tag(folded, "d", signer->domain);
	fold_tag(folded, "s", signer->selector);
	snprintf(number, sizeof number, "%lld", (long long)now);
	fold_tag(folded, "t", number);
	snprintf(number, sizeof number, "%lld", (long long)now + expire);
	fold_tag(folded, "x", number);
	fold_names(folded, names);
	fold_line(folded);
	buf_add_text(folded->out, "bh=");
	folded->line += 3;
	fold_base64(folded, span_make((const char *)body_hash, HASH_SIZE));
	buf_add_byte(folded->out, ';');
	fold_line(folded);
	buf_add_text(folded->out, "b=");
	folded->line += 2;
}

/* A domain or selector that can't end its tag (RFC 6376 3.5; H7). */
static bool is_name(const char *text) {
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (!ascii_is_alnum(*p) && *p != '-' && *p != '_' && *p != '.')
			return false;
	return p > text;
}

static bool has_field(const struct dkim_message *message, struct span name) {
	size_t i;

	for (i = 0; i < message->field_count; i++)
		if (span_equal_nocase(message->fields[i].name, name))
			return true;
	return false;
}

int dkim_sign_message(const struct dkim_message *message, const unsigned char body_hash[32],
                      const struct dkim_signer *signer, time_t now, long expire, struct buf *value_out,
                      struct err *err) {
	struct folded folded = {value_out, sizeof FIELD_NAME};
	struct buf names, input, signature;
	size_t start = value_out->len;
	int result = -1;

	assert(expire > 0);
	if (!is_name(signer->domain) || !is_name(signer->selector))
		return err_set(err, "a domain or selector that is none");
	/* RFC 6376 5.4: From must be signed. */
	if (!has_field(message, SPAN("From")))
		return err_set(err, "the message has no From");
	buf_init(&names, NAMES_MAX);
	buf_init(&input, INPUT_MAX);
	buf_init(&signature, SIGNATURE_MAX);
	if (sign_collect(message, signed_fields, sizeof signed_fields / sizeof *signed_fields, &names, &input, err) !=
	    0)
		goto out;
	write_tags(&folded, signer, body_hash, buf_span(&names), now, expire);
	if (value_out->failed)
		err_set(err, "out of memory, or a signature over the ceiling of its buffer");
	else if (sign_input(signer->key, &input, span_from(buf_span(value_out), start), &signature, err) == 0) {
		fold_base64(&folded, buf_span(&signature));
		result = value_out->failed ? err_set(err, "out of memory") : 0;
	}
out:
	buf_free(&signature);
	buf_free(&input);
	buf_free(&names);
	return result;
}
