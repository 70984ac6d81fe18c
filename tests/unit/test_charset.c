/* milter/charset.h: labels, masks and encoding (B4, B5), with iconv as the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <iconv.h>

#include "milter/charset.h"

#define BYTES(literal)                                                                                                 \
	{ (literal), sizeof(literal) - 1 }

static const struct {
	const char *label;
	enum charset want;
} label_rows[] = {
        {"", CHARSET_ASCII},
        {" \t", CHARSET_ASCII},
        {"us-ascii", CHARSET_ASCII},
        {"US-ASCII", CHARSET_ASCII},
        {"ANSI_X3.4-1968", CHARSET_ASCII},
        {"utf-8", CHARSET_UTF8},
        {"UTF8", CHARSET_UTF8},
        {"UTF_8", CHARSET_UTF8},
        {"unicode-1-1-utf-8", CHARSET_UTF8},
        {"iso-8859-1", CHARSET_SINGLE},
        {"ISO8859-15", CHARSET_SINGLE},
        {"iso-8859-8-i", CHARSET_SINGLE},
        {"ISO_8859-1:1987", CHARSET_SINGLE},
        {"latin1", CHARSET_SINGLE},
        {"windows-1252", CHARSET_SINGLE},
        {"Cp1251", CHARSET_SINGLE},
        {"KOI8-R", CHARSET_SINGLE},
        {"EUC-JP", CHARSET_EUC},
        {"x-euc-jp", CHARSET_EUC},
        {"ujis", CHARSET_EUC},
        {"eucJP-ms", CHARSET_EUC},
        {"CP51932", CHARSET_EUC},
        {"Extended_UNIX_Code_Packed_Format_for_Japanese", CHARSET_EUC},
        {"ISO-2022-JP", CHARSET_ISO2022JP},
        {"iso-2022-jp-1", CHARSET_ISO2022JP},
        {"iso-2022-jp-2", CHARSET_ISO2022JP},
        {"ISO-2022-JP-3", CHARSET_ISO2022JP},
        {"iso-2022-jp-ms", CHARSET_ISO2022JP},
        {"csISO2022JP", CHARSET_ISO2022JP},
        {"CP50221", CHARSET_ISO2022JP},
        {"Shift_JIS", CHARSET_SHIFT_JIS},
        {"shift-jis", CHARSET_SHIFT_JIS},
        {"SJIS", CHARSET_SHIFT_JIS},
        {"x-sjis", CHARSET_SHIFT_JIS},
        {"MS_Kanji", CHARSET_SHIFT_JIS},
        {"csShiftJIS", CHARSET_SHIFT_JIS},
        {"windows-31j", CHARSET_SHIFT_JIS},
        {"cp932", CHARSET_SHIFT_JIS},
        {"x-ms-cp932", CHARSET_SHIFT_JIS},
        {"euc-kr", CHARSET_EUC_KR},
        {"ks_c_5601-1987", CHARSET_EUC_KR},
        {"windows-949", CHARSET_EUC_KR},
        {"gb2312", CHARSET_GBK},
        {"GBK", CHARSET_GBK},
        {"gb18030", CHARSET_GBK},
        {"Big5", CHARSET_BIG5},
        {"big5-hkscs", CHARSET_BIG5},
        {"utf-7", CHARSET_UNKNOWN},
        {"utf-16", CHARSET_UNKNOWN},
        {"utf-16le", CHARSET_UNKNOWN},
        {"utf-32", CHARSET_UNKNOWN},
        {"hz-gb-2312", CHARSET_UNKNOWN},
        {"iso-2022-kr", CHARSET_UNKNOWN},
        {"iso-2022-cn", CHARSET_UNKNOWN},
        {"x-user-defined", CHARSET_UNKNOWN},
        {"-", CHARSET_UNKNOWN},
        {"iso-8859-1234", CHARSET_UNKNOWN},
        {"utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8-utf-8",
         CHARSET_UNKNOWN},
};

static void test_labels(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof label_rows / sizeof *label_rows; i++)
		if (charset_of(span_of(label_rows[i].label)) != label_rows[i].want)
			fail_msg("%s: got %d, want %d", label_rows[i].label, charset_of(span_of(label_rows[i].label)),
			         label_rows[i].want);
}

/* In `want`, `#` stands for a masked byte; a mask that is NULL: undecodable. */
struct mask_row {
	const char *what;
	enum charset charset;
	struct span bytes;
	const char *want;
};

static const struct mask_row mask_rows[] = {
        {"B4: the two kanji that read </a>", CHARSET_ISO2022JP, BYTES("<a>\x1b$B</a>\x1b(B</a>"), "<a>##########</a>"},
        {"B4: 1978 kanji", CHARSET_ISO2022JP, BYTES("\x1b$@0!\x1b(Bx"), "########x"},
        {"B4: Roman counts as ASCII", CHARSET_ISO2022JP, BYTES("\x1b(Jab\\\x1b(B"), "###ab\\###"},
        {"B4: kanji to Roman to kanji to ASCII", CHARSET_ISO2022JP, BYTES("\x1b$B<<\x1b(J<\x1b$B<<\x1b(B<"),
         "########<########<"},
        {"B4: half-width kana", CHARSET_ISO2022JP, BYTES("\x1b(I<=>\x1b(B<"), "#########<"},
        {"B4: JIS X 0212", CHARSET_ISO2022JP, BYTES("\x1b$(D<<\x1b(B<"), "#########<"},
        {"B4: JIS X 0213", CHARSET_ISO2022JP, BYTES("\x1b$(O<<\x1b$(P<<\x1b$(Q<<\x1b(B<"), "#####################<"},
        {"B4: escapes without text", CHARSET_ISO2022JP, BYTES("\x1b$B\x1b$B\x1b(B"), "#########"},
        {"ISO-2022-JP: line ends in ASCII", CHARSET_ISO2022JP, BYTES("\x1b$B<<\x1b(B\r\n\x1b$B<<\x1b(B"),
         "########\r\n########"},
        {"ISO-2022-JP: line end in Roman", CHARSET_ISO2022JP, BYTES("\x1b(Ja\r\n\x1b(B"), "###a\r\n###"},
        {"ISO-2022-JP: line end in kanji", CHARSET_ISO2022JP, BYTES("\x1b$B<<\r\n<<\x1b(B"), NULL},
        {"ISO-2022-JP: line end in kana", CHARSET_ISO2022JP, BYTES("\x1b(I<\r\n\x1b(B"), NULL},
        {"ISO-2022-JP: blank in kanji", CHARSET_ISO2022JP, BYTES("\x1b$B<< <\x1b(B"), NULL},
        {"ISO-2022-JP: DEL in kanji", CHARSET_ISO2022JP, BYTES("\x1b$B<\x7f\x1b(B"), NULL},
        {"ISO-2022-JP: beyond kana", CHARSET_ISO2022JP, BYTES("\x1b(I`\x1b(B"), NULL},
        {"ISO-2022-JP: half a kanji", CHARSET_ISO2022JP, BYTES("\x1b$B<<<\x1b(B"), NULL},
        {"ISO-2022-JP: ends in kanji", CHARSET_ISO2022JP, BYTES("\x1b$B<<"), NULL},
        {"ISO-2022-JP: ends in Roman", CHARSET_ISO2022JP, BYTES("\x1b(Ja"), NULL},
        {"ISO-2022-JP: ends in kana", CHARSET_ISO2022JP, BYTES("\x1b(I<"), NULL},
        {"ISO-2022-JP: 8-bit kana", CHARSET_ISO2022JP, BYTES("a\xb1"), NULL},
        {"ISO-2022-JP: 8-bit in kanji", CHARSET_ISO2022JP, BYTES("\x1b$B\xb0\xa1\x1b(B"), NULL},
        {"ISO-2022-JP: shift out", CHARSET_ISO2022JP,
         BYTES("a\x0e"
               "1\x0f"),
         NULL},
        {"ISO-2022-JP: shift in", CHARSET_ISO2022JP, BYTES("a\x0f"), NULL},
        {"ISO-2022-JP: unknown escape", CHARSET_ISO2022JP, BYTES("\x1b(Ha\x1b(B"), NULL},
        {"ISO-2022-JP: escape cut off", CHARSET_ISO2022JP, BYTES("a\x1b("), NULL},
        {"ISO-2022-JP: escape alone", CHARSET_ISO2022JP, BYTES("a\x1b"), NULL},
        {"ISO-2022-JP-2: Chinese", CHARSET_ISO2022JP, BYTES("\x1b$A<<\x1b(B"), NULL},
        {"ISO-2022-JP-2: Korean", CHARSET_ISO2022JP, BYTES("\x1b$(C<<\x1b(B"), NULL},
        {"ISO-2022-JP-2: single shift", CHARSET_ISO2022JP, BYTES("\x1b.A\x1bNi"), NULL},
        {"B5: trail bytes | \\ @ [ ] { }", CHARSET_SHIFT_JIS, BYTES("\x83|\x83\\\x83@\x83[\x83]\x83{\x83}|\\@[]{}"),
         "##############|\\@[]{}"},
        {"B5: single kana", CHARSET_SHIFT_JIS, BYTES("\xb1<\xdf>"), "#<#>"},
        {"B5: all ranges", CHARSET_SHIFT_JIS, BYTES("\x81\x40\x9f\x7e\xe0\x80\xfc\xfc<"), "########<"},
        {"B5: dangling lead at the end", CHARSET_SHIFT_JIS, BYTES("abc\x83"), NULL},
        {"B5: dangling lead before <", CHARSET_SHIFT_JIS, BYTES("\x83</a>"), NULL},
        {"B5: dangling lead before a line end", CHARSET_SHIFT_JIS, BYTES("\x83\r\n"), NULL},
        {"B5: trail 7F", CHARSET_SHIFT_JIS, BYTES("\x83\x7f"), NULL},
        {"B5: trail FD", CHARSET_SHIFT_JIS, BYTES("\x83\xfd"), NULL},
        {"B5: 80 alone", CHARSET_SHIFT_JIS, BYTES("\x80"), NULL},
        {"B5: A0 alone", CHARSET_SHIFT_JIS, BYTES("\xa0"), NULL},
        {"B5: FD alone", CHARSET_SHIFT_JIS, BYTES("\xfd@"), NULL},
        {"EUC-JP: two, kana, three", CHARSET_EUC, BYTES("<\xb0\xa1\x8e\xb1\x8f\xb0\xa1>"), "<#######>"},
        {"EUC-JP: dangling lead", CHARSET_EUC, BYTES("\xb0<"), NULL},
        {"EUC-JP: dangling at the end", CHARSET_EUC, BYTES("ab\xb0"), NULL},
        {"EUC-JP: dangling single shift", CHARSET_EUC, BYTES("\x8e<"), NULL},
        {"EUC-JP: two of three at the end", CHARSET_EUC, BYTES("\x8f\xb0"), NULL},
        {"EUC-JP: beyond kana", CHARSET_EUC, BYTES("\x8e\xe0"), NULL},
        {"EUC-JP: two of three", CHARSET_EUC, BYTES("\x8f\xb0<"), NULL},
        {"EUC-JP: C1", CHARSET_EUC, BYTES("\x9b"), NULL},
        {"EUC-KR: letters as trail", CHARSET_EUC_KR, BYTES("\x81\x41\xc6Rz\xfe\xfe"), "####z##"},
        {"EUC-KR: @ is no trail", CHARSET_EUC_KR, BYTES("\x81@"), NULL},
        {"EUC-KR: [ is no trail", CHARSET_EUC_KR, BYTES("\x81["), NULL},
        {"EUC-KR: dangling", CHARSET_EUC_KR, BYTES("a\xb0"), NULL},
        {"GBK: trail", CHARSET_GBK, BYTES("\x81@\xfe~\x81\x80|"), "######|"},
        {"GB18030: four bytes", CHARSET_GBK,
         BYTES("1\x81"
               "0\x81"
               "0<\xfe"
               "9\xfe"
               "9>"),
         "1####<####>"},
        {"GB18030: three of four", CHARSET_GBK,
         BYTES("\x81"
               "0\x81"),
         NULL},
        {"GB18030: fourth no digit", CHARSET_GBK,
         BYTES("\x81"
               "0\x81<"),
         NULL},
        {"GBK: < is no trail", CHARSET_GBK, BYTES("\x81<"), NULL},
        {"GBK: 80 alone", CHARSET_GBK, BYTES("\x80"), NULL},
        {"Big5: trail", CHARSET_BIG5, BYTES("\xa5\\\xb3|\xa4\xa4\\|"), "######\\|"},
        {"Big5: trail 80", CHARSET_BIG5, BYTES("\xa5\x80"), NULL},
        {"Big5: dangling", CHARSET_BIG5, BYTES("\xa5"), NULL},
        {"ASCII", CHARSET_ASCII, BYTES("<a href=\"x\">\r\n"), "<a href=\"x\">\r\n"},
        {"ASCII: 8-bit", CHARSET_ASCII, BYTES("abcdefghijklmnopqrstuvwxyz\x80"), NULL},
        {"ASCII: ISO-2022-JP without its label", CHARSET_ASCII, BYTES("\x1b$B</a>\x1b(B"), NULL},
        {"ASCII: shift out", CHARSET_ASCII, BYTES("a\x0e"), NULL},
        {"single-byte", CHARSET_SINGLE, BYTES("caf\xe9 \x80\xff<"), "caf# ##<"},
        {"UTF-8", CHARSET_UTF8, BYTES("<\u00e9\u3042\U0001F600\uFEFF>"), "<############>"},
        {"UTF-8: last", CHARSET_UTF8, BYTES("\xf4\x8f\xbf\xbf\xef\xbf\xbf\xdf\xbf"), "#########"},
        {"UTF-8: around the surrogates", CHARSET_UTF8, BYTES("\xed\x9f\xbf\xee\x80\x80"), "######"},
        {"UTF-8: surrogate", CHARSET_UTF8, BYTES("\xed\xa0\x80"), NULL},
        {"UTF-8: over-long two", CHARSET_UTF8, BYTES("\xc0\xbc"), NULL},
        {"UTF-8: over-long two, C1", CHARSET_UTF8, BYTES("\xc1\xbf"), NULL},
        {"UTF-8: over-long three", CHARSET_UTF8, BYTES("\xe0\x80\xbc"), NULL},
        {"UTF-8: over-long four", CHARSET_UTF8, BYTES("\xf0\x80\x80\xbc"), NULL},
        {"UTF-8: beyond U+10FFFF", CHARSET_UTF8, BYTES("\xf4\x90\x80\x80"), NULL},
        {"UTF-8: F5", CHARSET_UTF8, BYTES("\xf5\x80\x80\x80"), NULL},
        {"UTF-8: tail alone", CHARSET_UTF8, BYTES("abcdefghijklmnopqrs\x80"), NULL},
        {"UTF-8: cut off", CHARSET_UTF8, BYTES("a\xe3\x81"), NULL},
        {"UTF-8: two cut off", CHARSET_UTF8, BYTES("\xc3"), NULL},
        {"UTF-8: four cut off", CHARSET_UTF8, BYTES("\xf0\x9f\x98"), NULL},
        {"UTF-8: lead before <", CHARSET_UTF8, BYTES("\xe3\x81<"), NULL},
        {"unknown", CHARSET_UNKNOWN, BYTES("a"), NULL},
        {"empty ASCII", CHARSET_ASCII, {NULL, 0}, ""},
        {"empty UTF-8", CHARSET_UTF8, {NULL, 0}, ""},
        {"empty Shift_JIS", CHARSET_SHIFT_JIS, {NULL, 0}, ""},
        {"empty ISO-2022-JP", CHARSET_ISO2022JP, {NULL, 0}, ""},
};

static void check_mask_row(const struct mask_row *row) {
	/* An exact copy, so that a sanitizer sees a read past the end. */
	char *bytes = row->bytes.len == 0 ? NULL : malloc(row->bytes.len);
	struct buf room;
	const char *mask = NULL;
	size_t i;

	if (bytes != NULL)
		memcpy(bytes, row->bytes.at, row->bytes.len);
	buf_init(&room, 1 << 20);
	if (charset_mask(row->charset, span_make(bytes, row->bytes.len), &room, &mask) != 0) {
		if (row->want != NULL)
			fail_msg("%s: refused", row->what);
	} else {
		if (row->want == NULL)
			fail_msg("%s: not refused", row->what);
		assert_int_equal(row->bytes.len, strlen(row->want));
		for (i = 0; i < row->bytes.len; i++)
			if (row->want[i] == '#' ? (unsigned char)mask[i] < 0x80 : mask[i] != row->want[i])
				fail_msg("%s: at %zu got %02x, want %c", row->what, i, (unsigned char)mask[i],
				         row->want[i]);
	}
	buf_free(&room);
	free(bytes);
}

static void test_masks(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof mask_rows / sizeof *mask_rows; i++)
		check_mask_row(&mask_rows[i]);
}

/* The word-wise passes over ASCII see a high byte at whatever place. */
static void test_high_byte_anywhere(void **state) {
	static const enum charset charsets[] = {CHARSET_ASCII, CHARSET_UTF8, CHARSET_SHIFT_JIS, CHARSET_EUC,
	                                        CHARSET_ISO2022JP};
	char text[70];
	struct buf room;
	const char *mask;
	size_t i, k, n;

	(void)state;
	buf_init(&room, sizeof text);
	for (k = 0; k < sizeof charsets / sizeof *charsets; k++) {
		for (n = 1; n <= sizeof text; n++) {
			memset(text, 'a', sizeof text);
			assert_int_equal(charset_mask(charsets[k], span_make(text, n), &room, &mask), 0);
			assert_memory_equal(mask, text, n);
			for (i = 0; i < n; i++) {
				text[i] = '\xff';
				assert_int_equal(charset_mask(charsets[k], span_make(text, n), &room, &mask), -1);
				text[i] = 'a';
			}
		}
	}
	buf_free(&room);
}

/* What iconv makes of one character, from ASCII state to ASCII state; 0: no place. */
static size_t iconv_character(iconv_t cd, uint32_t code, char *out, size_t room) {
	char utf32[4] = {(char)(code >> 24), (char)(code >> 16), (char)(code >> 8), (char)code};
	char *from = utf32, *to = out;
	size_t left = sizeof utf32, had = room;

	iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &from, &left, &to, &room) != 0 || iconv(cd, NULL, NULL, &to, &room) != 0)
		return 0;
	return had - room;
}

struct sweep_row {
	const char *iconv;
	enum charset charset;
	size_t want; /* at least so many characters are understood */
	/* Single bytes that iconv takes for characters of their own and we refuse. */
	struct span refused;
};

static const struct sweep_row sweep_rows[] = {
        {"CP932", CHARSET_SHIFT_JIS, 9000, BYTES("\x80\xa0\xfd\xfe\xff")},
        {"SHIFT_JIS", CHARSET_SHIFT_JIS, 6900, BYTES("")},
        {"SHIFT_JISX0213", CHARSET_SHIFT_JIS, 10000, BYTES("\x80\xa0\xfd\xfe\xff")},
        {"EUC-JP", CHARSET_EUC, 12900, BYTES("")},
        {"EUC-JP-MS", CHARSET_EUC, 12900, BYTES("")},
        {"ISO-2022-JP", CHARSET_ISO2022JP, 6900, BYTES("\x0e\x0f\x1b")},
        {"ISO-2022-JP-2", CHARSET_ISO2022JP, 12900, BYTES("\x0e\x0f\x1b")},
        {"ISO-2022-JP-3", CHARSET_ISO2022JP, 10000, BYTES("\x0e\x0f\x1b")},
        {"EUC-KR", CHARSET_EUC_KR, 8200, BYTES("")},
        {"UHC", CHARSET_EUC_KR, 17000, BYTES("")},
        {"GB2312", CHARSET_GBK, 7400, BYTES("")},
        {"GBK", CHARSET_GBK, 21000, BYTES("\x80\xff")},
        {"GB18030", CHARSET_GBK, 63000, BYTES("\x80\xff")},
        {"BIG5", CHARSET_BIG5, 13000, BYTES("")},
        {"BIG5-HKSCS", CHARSET_BIG5, 16800, BYTES("\x80\xff")},
        {"UTF-8", CHARSET_UTF8, 63000, BYTES("")},
};

/* C1 control characters as single bytes, too, are none of a mail's text; nor is
 * what only ISO-2022-JP-2 has. */
static bool may_be_refused(const struct sweep_row *row, uint32_t code, struct span encoded) {
	if (code >= 0x80 && code < 0xA0 && encoded.len == 1)
		return true;
	if (span_starts(encoded, SPAN("\x1b$A")) || span_starts(encoded, SPAN("\x1b$(C")) ||
	    span_starts(encoded, SPAN("\x1b.")))
		return true;
	return encoded.len == 1 && span_find_byte(row->refused, encoded.at[0]) >= 0;
}

/* Yen and overline are 5C and 7E of JIS X 0201, which counts as ASCII. */
static bool is_roman(uint32_t code, struct span encoded) {
	return (code == 0xA5 || code == 0x203E) && (encoded.len == 1 || span_starts(encoded, SPAN("\x1b(J")));
}

/* `<`, the character and `>`: only what is an ASCII character is one in the mask. */
static bool check_character(const struct sweep_row *row, uint32_t code, struct span encoded, struct buf *room) {
	char text[40];
	size_t n = encoded.len + 2, ascii = 0, want, i;
	const char *mask;

	text[0] = '<';
	memcpy(text + 1, encoded.at, encoded.len);
	text[n - 1] = '>';
	if (charset_mask(row->charset, span_make(text, n), room, &mask) != 0) {
		if (!may_be_refused(row, code, encoded))
			fail_msg("%s: U+%04X refused", row->iconv, code);
		return false;
	}
	assert_int_equal(mask[0], '<');
	assert_int_equal(mask[n - 1], '>');
	for (i = 1; i < n - 1; i++) {
		if ((unsigned char)mask[i] < 0x80) {
			ascii++;
			assert_int_equal(mask[i], text[i]);
		}
	}
	want = code < 0x80 || is_roman(code, encoded) ? 1 : 0;
	if (ascii != want)
		fail_msg("%s: U+%04X has %zu ASCII characters in its mask", row->iconv, code, ascii);
	return true;
}

static void sweep(const struct sweep_row *row) {
	iconv_t cd = iconv_open(row->iconv, "UTF-32BE");
	size_t understood = 0;
	uint32_t code;
	struct buf room;

	if (cd == (iconv_t)-1)
		fail_msg("%s: iconv does not know it", row->iconv);
	buf_init(&room, 1 << 10);
	for (code = 0; code < 0x10000; code++) {
		char encoded[32];
		size_t n = code >= 0xD800 && code < 0xE000 ? 0 : iconv_character(cd, code, encoded, sizeof encoded);

		if (n > 0)
			understood += check_character(row, code, span_make(encoded, n), &room) ? 1 : 0;
	}
	if (understood < row->want)
		fail_msg("%s: %zu characters, want %zu", row->iconv, understood, row->want);
	buf_free(&room);
	iconv_close(cd);
}

static void test_every_character(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof sweep_rows / sizeof *sweep_rows; i++)
		sweep(&sweep_rows[i]);
}

/* `want` NULL: has no place there. */
static const struct {
	const char *what;
	const char *label;
	struct span utf8;
	struct span want;
} encode_rows[] = {
        {"UTF-8 is copied", "utf-8", BYTES("a\u3042\U0001F600"), BYTES("a\u3042\U0001F600")},
        {"ASCII", "us-ascii", BYTES("https://t.example.com/"), BYTES("https://t.example.com/")},
        {"ASCII lacks kana", "", BYTES("\u3042"), {NULL, 0}},
        {"Shift_JIS", "Shift_JIS", BYTES("\u8868\u3042x"), BYTES("\x95\x5c\x82\xa0x")},
        {"Shift_JIS is CP932", "x-sjis", BYTES("\u2460\u9ad9"), BYTES("\x87\x40\xfb\xfc")},
        {"wave dash either way", "Shift_JIS", BYTES("\u301c\uff5e"), BYTES("\x81\x60\x81\x60")},
        {"yen is no backslash", "Shift_JIS", BYTES("\u00a5\u203e"), BYTES("\x81\x8f\x81\x50")},
        {"Shift_JIS lacks emoji", "Shift_JIS", BYTES("\U0001F600"), {NULL, 0}},
        {"EUC-JP", "euc-jp", BYTES("\u3042x"), BYTES("\xa4\xa2x")},
        {"EUC-JP wave dash", "euc-jp", BYTES("\u301c\uff5e\uff0d\u2014"), BYTES("\xa1\xc1\xa1\xc1\xa1\xdd\xa1\xbd")},
        {"ISO-2022-JP returns to ASCII", "iso-2022-jp", BYTES("\u3042"), BYTES("\x1b$B$\"\x1b(B")},
        {"ISO-2022-JP by lines", "iso-2022-jp", BYTES("\u3042\r\n\u3042"), BYTES("\x1b$B$\"\x1b(B\r\n\x1b$B$\"\x1b(B")},
        {"ISO-2022-JP wave dash", "CP50221", BYTES("\uff5e"), BYTES("\x1b$B!A\x1b(B")},
        {"ISO-2022-JP yen", "iso-2022-jp", BYTES("\u00a5"), BYTES("\x1b$B!o\x1b(B")},
        {"ISO-2022-JP ASCII alone", "iso-2022-jp", BYTES("abc"), BYTES("abc")},
        {"an escape of its own", "iso-2022-jp", BYTES("\x1b$B"), {NULL, 0}},
        {"ISO-2022-JP lacks accents", "iso-2022-jp", BYTES("\u00e9"), {NULL, 0}},
        {"Latin-1", "iso-8859-1", BYTES("caf\u00e9"), BYTES("caf\xe9")},
        {"Latin-1 lacks kana", "iso-8859-1", BYTES("\u3042"), {NULL, 0}},
        {"EUC-KR", "euc-kr", BYTES("\uac00"), BYTES("\xb0\xa1")},
        {"GB2312", "gb2312", BYTES("\u554a"), BYTES("\xb0\xa1")},
        {"Big5", "big5", BYTES("\u529f"), BYTES("\xa5\\")},
        {"C1 that would be a lead byte", "euc-kr", BYTES("\uac00\xc2\x91ib"), {NULL, 0}},
        {"EUC-JP without C1", "euc-jp", BYTES("\xc2\x80\u3042"), {NULL, 0}},
        {"unknown charset", "utf-7", BYTES("a"), {NULL, 0}},
        {"no UTF-8", "iso-8859-1", BYTES("\xe9"), {NULL, 0}},
        {"empty", "iso-2022-jp", BYTES(""), BYTES("")},
};

static void test_encode(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof encode_rows / sizeof *encode_rows; i++) {
		struct span want = encode_rows[i].want;
		struct buf out;
		int got;

		buf_init(&out, 1000);
		buf_add_text(&out, "kept ");
		got = charset_encode(span_of(encode_rows[i].label), encode_rows[i].utf8, &out);
		if (got != (want.at == NULL ? -1 : 0))
			fail_msg("%s: got %d", encode_rows[i].what, got);
		if (!span_equal(span_from(buf_span(&out), 5), want) || !span_starts(buf_span(&out), SPAN("kept ")))
			fail_msg("%s: got \"%.*s\"", encode_rows[i].what, (int)out.len, out.at);
		buf_free(&out);
	}
}

/* Longer than any buffer on the way. */
static void test_encode_long(void **state) {
	struct buf text, out, room;
	const char *mask;
	int i;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_init(&room, 1 << 20);
	for (i = 0; i < 5000; i++)
		buf_add_text(&text, i % 3 == 0 ? "\u3042a" : "\u4e9c");
	assert_int_equal(charset_encode(SPAN("iso-2022-jp"), buf_span(&text), &out), 0);
	assert_int_equal(charset_mask(CHARSET_ISO2022JP, buf_span(&out), &room, &mask), 0);
	buf_reset(&out);
	out.max = 100;
	assert_int_equal(charset_encode(SPAN("sjis"), buf_span(&text), &out), -1);
	buf_reset(&out);
	out.max = 1 << 20;
	buf_add_text(&text, "\U0001F600");
	assert_int_equal(charset_encode(SPAN("sjis"), buf_span(&text), &out), -1);
	assert_int_equal(out.len, 0);
	buf_free(&text);
	buf_free(&out);
	buf_free(&room);
}

static void test_mask_ceiling(void **state) {
	struct buf room;
	const char *mask;

	(void)state;
	buf_init(&room, 3);
	assert_int_equal(charset_mask(CHARSET_SHIFT_JIS, SPAN("abc"), &room, &mask), 0);
	assert_int_equal(charset_mask(CHARSET_SHIFT_JIS, SPAN("abcd"), &room, &mask), -1);
	buf_free(&room);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_labels),
	        cmocka_unit_test(test_masks),
	        cmocka_unit_test(test_high_byte_anywhere),
	        cmocka_unit_test(test_every_character),
	        cmocka_unit_test(test_encode),
	        cmocka_unit_test(test_encode_long),
	        cmocka_unit_test(test_mask_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
