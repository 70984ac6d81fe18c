#include "report/decode.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <string.h>

#include "lib/utf8.h"

#define LABEL_SIZE 64
#define WORDS_MAX 4096 /* octets of a field that is decoded */

/* Never closed, and written by decode_init() alone: as long as one is open, the
 * C library keeps the charset's tables.  To load them for each message costs more
 * than all else that is done with it. */
static iconv_t kept_open[6];

void decode_init(void) {
	static const char *const frequent[] = {"ISO-2022-JP-3", "CP932", "EUC-JP-MS", "CP1252", "GB18030", "UHC"};
	size_t i;

	g_mime_init();
	for (i = 0; i < sizeof kept_open / sizeof *kept_open; i++)
		if (kept_open[i] == NULL)
			kept_open[i] = iconv_open("UTF-8", frequent[i]);
}

enum decode_encoding decode_encoding_of(struct span value) {
	value = span_trim(value);
	if (span_starts_nocase(value, SPAN("quoted-printable")))
		return DECODE_QP;
	if (span_starts_nocase(value, SPAN("base64")))
		return DECODE_BASE64;
	if (span_starts_nocase(value, SPAN("x-uuencode")) || span_starts_nocase(value, SPAN("uuencode")))
		return DECODE_UUENCODE;
	return DECODE_PLAIN;
}

static void undo_transfer(struct span body, enum decode_encoding encoding, struct buf *out) {
	static const GMimeContentEncoding encodings[] = {
	        [DECODE_PLAIN] = GMIME_CONTENT_ENCODING_8BIT,
	        [DECODE_QP] = GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE,
	        [DECODE_BASE64] = GMIME_CONTENT_ENCODING_BASE64,
	        [DECODE_UUENCODE] = GMIME_CONTENT_ENCODING_UUENCODE,
	};
	GMimeEncoding state;
	char *to;

	g_mime_encoding_init_decode(&state, encodings[encoding]);
	to = buf_reserve(out, g_mime_encoding_outlen(&state, body.len) + 16);
	if (to != NULL)
		out->len += g_mime_encoding_step(&state, body.at, body.len, to);
}

static bool is_utf8(struct span s) {
	while (s.len > 0) {
		size_t size = utf8_size(s);

		if (size == 0)
			return false;
		s = span_from(s, size);
	}
	return true;
}

/* Escapes of ISO-2022-JP, whatever the label says. */
static bool has_escapes(struct span s) {
	return span_find(s, SPAN("\033$")) >= 0 || span_find(s, SPAN("\033(")) >= 0;
}

/* Converts by iconv, appended; how many octets had no meaning, or -1 where the
 * charset is unknown. */
static long convert(const char *label, struct span from, struct buf *out) {
	iconv_t cd = iconv_open("UTF-8", label);
	char *in = (char *)(uintptr_t)from.at;
	size_t left = from.len;
	long lost = 0;

	if (cd == (iconv_t)-1)
		return -1;
	while (left > 0) {
		char *to = buf_reserve(out, left * 2 + 32), *end = to;
		size_t room = left * 2 + 32;

		if (to == NULL)
			break;
		if (iconv(cd, &in, &left, &end, &room) == (size_t)-1 && errno != E2BIG) {
			if (room > 0)
				*end++ = '?';
			in++;
			left--;
			lost++;
		}
		out->len += (size_t)(end - to);
	}
	iconv_close(cd);
	return lost;
}

/* The label as iconv knows it: the first word, Windows' own variants preferred. */
static const char *iconv_label(struct span charset, char label[LABEL_SIZE]) {
	static const char *const aliases[][2] = {
	        {"shift_jis", "CP932"},
	        {"shift-jis", "CP932"},
	        {"x-sjis", "CP932"},
	        {"windows-31j", "CP932"},
	        {"sjis", "CP932"},
	        {"ms_kanji", "CP932"},
	        {"gb2312", "GB18030"},
	        {"gbk", "GB18030"},
	        {"ks_c_5601-1987", "UHC"},
	        {"euc-kr", "UHC"},
	        {"iso-8859-1", "CP1252"},
	        {"us-ascii", "CP1252"},
	        {"x-euc-jp", "EUC-JP-MS"},
	        {"euc-jp", "EUC-JP-MS"},
	        {"iso-2022-jp", "ISO-2022-JP-3"},
	        {"iso-8859-8-i", "ISO-8859-8"},
	        {"utf8", "UTF-8"},
	        {"big5", "BIG5-HKSCS"},
	};
	size_t len = 0, i;

	charset = span_trim(charset);
	while (len < charset.len && len < LABEL_SIZE - 1 &&
	       (ascii_is_alnum(charset.at[len]) || strchr("-_:.", charset.at[len]) != NULL)) {
		label[len] = charset.at[len];
		len++;
	}
	label[len] = '\0';
	for (i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (span_equal_nocase(span_make(label, len), span_of(aliases[i][0])))
			return aliases[i][1];
	return label;
}

/* 8-bit text of no known charset: the Japanese ones where they fit without a
 * loss, else Latin. */
static void guess(struct span text, struct buf *out) {
	static const char *const labels[] = {"EUC-JP-MS", "CP932", "CP1252"};
	size_t base = out->len, i;

	for (i = 0; i < sizeof labels / sizeof *labels; i++) {
		out->len = base;
		if (convert(labels[i], text, out) == 0)
			return;
	}
}

static void to_utf8(struct span text, struct span charset, struct buf *out) {
	char label[LABEL_SIZE];
	const char *name = iconv_label(charset, label);
	size_t base = out->len;
	long lost = -1;

	if (has_escapes(text)) {
		lost = convert("ISO-2022-JP-3", text, out);
	} else if (is_utf8(text)) {
		buf_add_span(out, text);
		return;
	} else if (name[0] != '\0' && strcmp(name, "UTF-8") != 0 && strcmp(label, "us-ascii") != 0) {
		lost = convert(name, text, out);
	}
	if (lost < 0 || (size_t)lost > text.len / 8) {
		out->len = base;
		guess(text, out);
	}
}

struct span decode_body(struct span body, enum decode_encoding encoding, struct span charset, struct buf *room) {
	struct buf plain;
	struct span text = body;

	if (encoding == DECODE_PLAIN && span_is_ascii(body) && span_find_byte(body, '\033') < 0)
		return body;
	buf_reset(room);
	buf_init(&plain, body.len * 2 + 1024);
	if (encoding != DECODE_PLAIN) {
		undo_transfer(body, encoding, &plain);
		text = buf_span(&plain);
	}
	if (span_is_ascii(text) && span_find_byte(text, '\033') < 0)
		buf_add_span(room, text);
	else
		to_utf8(text, charset, room);
	buf_free(&plain);
	return buf_span(room);
}

void decode_words(struct span value, struct buf *out) {
	char text[WORDS_MAX + 1];
	size_t len = value.len < WORDS_MAX ? value.len : WORDS_MAX;
	char *decoded;

	if (span_find(value, SPAN("=?")) < 0) {
		if (span_is_ascii(value) && span_find_byte(value, '\033') < 0)
			buf_add_span(out, value);
		else
			to_utf8(value, SPAN_NONE, out);
		return;
	}
	memcpy(text, value.at, len);
	text[len] = '\0';
	decoded = g_mime_utils_header_decode_text(NULL, text);
	if (decoded != NULL)
		buf_add_text(out, decoded);
	g_free(decoded);
}
