/*
 * Canonicalisation and signing: however a body is cut into pieces it has one
 * canonical form, which is that of a second, plainer implementation; and what is
 * signed holds in the eyes of libopendkim.
 *
 * Input: an octet for the size of the pieces, the value of Subject up to a NUL,
 * the body.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "milter/dkim.h"
#include "milter/dkim_canon.h"

#define PIECES_MAX 8192
#define EXPIRE (7 * 86400L)

struct subject {
	struct dkimkey *key;
	struct dkim_verifier *verifier;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_one) {
	if (!true_one)
		abort();
}

/* Made once: a key costs more than all else. */
static const struct subject *subject(void) {
	static struct subject made;
	char folder[] = "/tmp/todoku-fuzz-XXXXXX", path[64];

	if (made.key != NULL)
		return &made;
	must(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/key", folder);
	must(dkimkey_generate(path, DKIMKEY_ED25519, 0, NULL) == 0);
	made.key = dkimkey_load(path, NULL);
	made.verifier = dkim_verifier_new(NULL);
	must(made.key != NULL && made.verifier != NULL);
	unlink(path);
	rmdir(folder);
	return &made;
}

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
}

/* RFC 6376 3.4.4, a rule at a time. */
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

static bool has_bare_cr(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.at[i] == '\r' && (i + 1 == s.len || s.at[i + 1] != '\n'))
			return true;
	return false;
}

/* VT and FF are no blanks to RFC 6376, but libopendkim reduces them as such. */
static bool has_odd_blank(struct span s) {
	return span_find_byte(s, '\v') >= 0 || span_find_byte(s, '\f') >= 0;
}

static void sign_and_verify(struct span value, const struct span *pieces, size_t count) {
	struct dkim_field fields[] = {
	        {SPAN("DKIM-Signature"), SPAN_NONE}, {SPAN("From"), SPAN(" a@example.com")}, {SPAN("Subject"), value}};
	struct dkim_message all = {fields, 3, pieces, count}, unsigned_yet = {fields + 1, 2, pieces, count};
	struct dkim_signer signer = {subject()->key, "example.com", "s"};
	unsigned char hash[32];
	struct err err = {""};
	struct buf signature;

	buf_init(&signature, 65536);
	must(dkim_body_hash(&unsigned_yet, hash) == 0);
	if (dkim_sign_message(&unsigned_yet, hash, &signer, time(NULL), EXPIRE, &signature, &err) == 0) {
		fields[0].value = buf_span(&signature);
		if (dkim_verify_message(subject()->verifier, &all, &signer, 1, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			abort();
		}
	}
	buf_free(&signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span input = span_make((const char *)data, size), value, body, pieces[PIECES_MAX];
	size_t count = 0, at = 0, step;
	struct buf whole, cut, want;
	ssize_t nul;

	if (size < 2 || size > PIECES_MAX)
		return 0;
	step = data[0] == 0 ? size : data[0];
	input = span_from(input, 1);
	nul = span_find_byte(input, '\0');
	value = nul < 0 ? SPAN_NONE : span_make(input.at, (size_t)nul);
	body = span_from(input, (size_t)(nul + 1));
	for (; at < body.len; at += step)
		pieces[count++] = span_make(body.at + at, body.len - at < step ? body.len - at : step);
	buf_init(&whole, 3 * PIECES_MAX);
	buf_init(&cut, 3 * PIECES_MAX);
	buf_init(&want, 3 * PIECES_MAX);
	canon_pieces(&body, 1, &whole);
	canon_pieces(pieces, count, &cut);
	reference(body, &want);
	must(span_equal(buf_span(&whole), buf_span(&cut)));
	must(span_equal(buf_span(&whole), buf_span(&want)));
	buf_free(&whole);
	buf_free(&cut);
	buf_free(&want);
	/* libopendkim drops a CR that ends no line; Postfix lets none through. */
	if (!has_bare_cr(body) && !has_odd_blank(value))
		sign_and_verify(value, pieces, count);
	return 0;
}
