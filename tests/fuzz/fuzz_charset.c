/*
 * charset.h against iconv.  The first byte chooses the charset; the rest is text
 * in it, and again UTF-8 to be brought into it.
 *
 * Where both understand the text, the ASCII characters that the mask shows must
 * be those that iconv reads, in order.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <iconv.h>

#include "milter/charset.h"

static const struct {
	const char *label;
	const char *iconv;
	bool masked; /* what is no ASCII becomes 80 */
} charsets[] = {
        {"utf-8", "UTF-8", false},
        {"us-ascii", "ASCII", false},
        {"iso-8859-1", "ISO-8859-1", false},
        {"euc-jp", "EUC-JP-MS", false},
        {"iso-2022-jp", "ISO-2022-JP", true},
        {"iso-2022-jp-3", "ISO-2022-JP-3", true},
        {"shift_jis", "CP932", true},
        {"euc-kr", "UHC", true},
        {"gb18030", "GB18030", true},
        {"big5", "BIG5-HKSCS", true},
};

/* The text as UTF-32BE, or -1 where iconv does not accept it. */
static int decode(const char *charset, struct span text, struct buf *out) {
	iconv_t cd = iconv_open("UTF-32BE", charset);
	size_t room = 4 * text.len + 16, left = text.len, done;
	char *from = (char *)text.at, *to = buf_reserve(out, room);

	assert(cd != (iconv_t)-1 && to != NULL);
	done = iconv(cd, &from, &left, &to, &room);
	if (done == 0)
		done = iconv(cd, NULL, NULL, &to, &room);
	iconv_close(cd);
	out->len = (size_t)(to - out->at);
	return done == 0 ? 0 : -1;
}

static uint32_t code_at(const struct buf *utf32, size_t i) {
	const unsigned char *at = (const unsigned char *)utf32->at + i;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Yen and overline are JIS X 0201's 5C and 7E. */
static char ascii_of(uint32_t code) {
	return code == 0xA5 ? '\\' : code == 0x203E ? '~' : code < 0x80 ? (char)code : '\x80';
}

static void compare(const char *mask, size_t n, const struct buf *utf32, bool roman) {
	size_t i = 0, k;

	for (k = 0; k + 4 <= utf32->len; k += 4) {
		char c = roman || code_at(utf32, k) < 0x80 ? ascii_of(code_at(utf32, k)) : '\x80';

		if (c == '\x80')
			continue;
		while (i < n && (unsigned char)mask[i] >= 0x80)
			i++;
		assert(i < n && mask[i] == c);
		i++;
	}
	while (i < n && (unsigned char)mask[i] >= 0x80)
		i++;
	assert(i == n);
}

/* iconv lets an escape sequence that this variant lacks through as text. */
static bool has_escape(const struct buf *utf32) {
	size_t k;

	for (k = 0; k + 4 <= utf32->len; k += 4)
		if (code_at(utf32, k) == 0x1B)
			return true;
	return false;
}

static void check_mask(size_t which, struct span text) {
	enum charset charset = charset_of(span_of(charsets[which].label));
	bool known, utf8 = charset == CHARSET_UTF8 || charset == CHARSET_SINGLE;
	struct buf room, utf32;
	const char *mask = NULL;
	size_t i;

	buf_init(&room, text.len);
	buf_init(&utf32, 4 * text.len + 16);
	known = charset_mask(charset, text, &room, &mask) == 0;
	if (utf8)
		assert(known == (decode(charsets[which].iconv, text, &utf32) == 0));
	if (known) {
		assert(charsets[which].masked == (mask != text.at));
		for (i = 0; i < text.len; i++)
			assert(mask[i] == text.at[i] || (charsets[which].masked && mask[i] == '\x80'));
		buf_reset(&utf32);
		if (decode(charsets[which].iconv, text, &utf32) == 0 && !has_escape(&utf32))
			compare(mask, text.len, &utf32, charset == CHARSET_ISO2022JP);
	}
	buf_free(&room);
	buf_free(&utf32);
}

/* What is encoded is understood again, and has the same ASCII characters. */
static void check_encode(size_t which, struct span utf8) {
	struct span label = span_of(charsets[which].label);
	struct buf out, room, utf32;
	const char *mask;

	buf_init(&out, 8 * utf8.len + 16);
	buf_init(&room, 8 * utf8.len + 16);
	buf_init(&utf32, 4 * utf8.len + 16);
	if (charset_encode(label, utf8, &out) == 0) {
		assert(decode("UTF-8", utf8, &utf32) == 0);
		assert(charset_mask(charset_of(label), buf_span(&out), &room, &mask) == 0);
		compare(mask, out.len, &utf32, false);
	} else {
		assert(out.len == 0);
	}
	buf_free(&out);
	buf_free(&room);
	buf_free(&utf32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text;
	size_t which;

	if (size == 0)
		return 0;
	text = span_make((const char *)data + 1, size - 1);
	which = data[0] % (sizeof charsets / sizeof *charsets);
	check_mask(which, text);
	check_encode(which, text);
	(void)charset_of(text);
	return 0;
}
