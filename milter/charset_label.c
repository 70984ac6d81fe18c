/* The names that charsets go by in mail, and text of ours brought into them. */
#include "milter/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#define LABEL_MAX 63

/*
 * By label, letters and digits alone, in lower case: "x-sjis", "X_SJIS" and
 * "XSJIS" are one.  The second name is what iconv knows it by: text of ours is
 * written in the plainest variant that all readers of the label share, but for
 * Shift_JIS, which everyone reads as CP932.
 */
static const struct label {
	const char *label;
	enum charset charset;
	const char *iconv;
} labels[] = {
        {"utf8", CHARSET_UTF8, "UTF-8"},
        {"", CHARSET_ASCII, "ASCII"},
        {"usascii", CHARSET_ASCII, "ASCII"},
        {"iso2022jp", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso88591", CHARSET_SINGLE, "ISO-8859-1"},
        {"shiftjis", CHARSET_SHIFT_JIS, "CP932"},
        {"windows1252", CHARSET_SINGLE, "CP1252"},
        {"eucjp", CHARSET_EUC, "EUC-JP"},

        {"unicode11utf8", CHARSET_UTF8, "UTF-8"},
        {"xunicode20utf8", CHARSET_UTF8, "UTF-8"},
        {"utf8mb4", CHARSET_UTF8, "UTF-8"},
        {"csutf8", CHARSET_UTF8, "UTF-8"},

        {"ascii", CHARSET_ASCII, "ASCII"},
        {"us", CHARSET_ASCII, "ASCII"},
        {"csascii", CHARSET_ASCII, "ASCII"},
        {"ansix341968", CHARSET_ASCII, "ASCII"},
        {"ansix341986", CHARSET_ASCII, "ASCII"},
        {"iso646us", CHARSET_ASCII, "ASCII"},
        {"iso646irv1991", CHARSET_ASCII, "ASCII"},
        {"isoir6", CHARSET_ASCII, "ASCII"},
        {"ibm367", CHARSET_ASCII, "ASCII"},
        {"cp367", CHARSET_ASCII, "ASCII"},

        {"csiso2022jp", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso2022jp1", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso2022jp2", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"csiso2022jp2", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso2022jp3", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso2022jp2004", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"iso2022jpms", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"xiso2022jp", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"xwindowsiso2022jp", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"cp50220", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"cp50221", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"cp50222", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"windows50221", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"xwindows50221", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"jis", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"jisencoding", CHARSET_ISO2022JP, "ISO-2022-JP"},
        {"csjisencoding", CHARSET_ISO2022JP, "ISO-2022-JP"},

        {"sjis", CHARSET_SHIFT_JIS, "CP932"},
        {"xsjis", CHARSET_SHIFT_JIS, "CP932"},
        {"xshiftjis", CHARSET_SHIFT_JIS, "CP932"},
        {"sjiswin", CHARSET_SHIFT_JIS, "CP932"},
        {"sjisopen", CHARSET_SHIFT_JIS, "CP932"},
        {"csshiftjis", CHARSET_SHIFT_JIS, "CP932"},
        {"mskanji", CHARSET_SHIFT_JIS, "CP932"},
        {"windows31j", CHARSET_SHIFT_JIS, "CP932"},
        {"cswindows31j", CHARSET_SHIFT_JIS, "CP932"},
        {"xwindows31j", CHARSET_SHIFT_JIS, "CP932"},
        {"cp932", CHARSET_SHIFT_JIS, "CP932"},
        {"ms932", CHARSET_SHIFT_JIS, "CP932"},
        {"xmscp932", CHARSET_SHIFT_JIS, "CP932"},
        {"windows932", CHARSET_SHIFT_JIS, "CP932"},
        {"ibm943", CHARSET_SHIFT_JIS, "CP932"},
        {"cp943", CHARSET_SHIFT_JIS, "CP932"},
        {"cp943c", CHARSET_SHIFT_JIS, "CP932"},
        {"shiftjis2004", CHARSET_SHIFT_JIS, "CP932"},
        {"shiftjisx0213", CHARSET_SHIFT_JIS, "CP932"},

        {"xeucjp", CHARSET_EUC, "EUC-JP"},
        {"xeuc", CHARSET_EUC, "EUC-JP"},
        {"ujis", CHARSET_EUC, "EUC-JP"},
        {"eucjpms", CHARSET_EUC, "EUC-JP"},
        {"eucjpwin", CHARSET_EUC, "EUC-JP"},
        {"cp51932", CHARSET_EUC, "EUC-JP"},
        {"windows51932", CHARSET_EUC, "EUC-JP"},
        {"eucjis2004", CHARSET_EUC, "EUC-JP"},
        {"eucjisx0213", CHARSET_EUC, "EUC-JP"},
        {"cseucpkdfmtjapanese", CHARSET_EUC, "EUC-JP"},
        {"extendedunixcodepackedformatforjapanese", CHARSET_EUC, "EUC-JP"},

        {"euckr", CHARSET_EUC_KR, "EUC-KR"},
        {"cseuckr", CHARSET_EUC_KR, "EUC-KR"},
        {"ksc56011987", CHARSET_EUC_KR, "EUC-KR"},
        {"ksc56011989", CHARSET_EUC_KR, "EUC-KR"},
        {"ksc5601", CHARSET_EUC_KR, "EUC-KR"},
        {"ksx1001", CHARSET_EUC_KR, "EUC-KR"},
        {"csksc56011987", CHARSET_EUC_KR, "EUC-KR"},
        {"isoir149", CHARSET_EUC_KR, "EUC-KR"},
        {"korean", CHARSET_EUC_KR, "EUC-KR"},
        {"windows949", CHARSET_EUC_KR, "UHC"},
        {"cp949", CHARSET_EUC_KR, "UHC"},
        {"ms949", CHARSET_EUC_KR, "UHC"},
        {"xwindows949", CHARSET_EUC_KR, "UHC"},
        {"uhc", CHARSET_EUC_KR, "UHC"},

        {"gb2312", CHARSET_GBK, "GB2312"},
        {"gb231280", CHARSET_GBK, "GB2312"},
        {"csgb2312", CHARSET_GBK, "GB2312"},
        {"csiso58gb231280", CHARSET_GBK, "GB2312"},
        {"isoir58", CHARSET_GBK, "GB2312"},
        {"chinese", CHARSET_GBK, "GB2312"},
        {"euccn", CHARSET_GBK, "GB2312"},
        {"xeuccn", CHARSET_GBK, "GB2312"},
        {"gbk", CHARSET_GBK, "GBK"},
        {"xgbk", CHARSET_GBK, "GBK"},
        {"csgbk", CHARSET_GBK, "GBK"},
        {"cp936", CHARSET_GBK, "GBK"},
        {"ms936", CHARSET_GBK, "GBK"},
        {"windows936", CHARSET_GBK, "GBK"},
        {"gb18030", CHARSET_GBK, "GB18030"},
        {"csgb18030", CHARSET_GBK, "GB18030"},

        {"big5", CHARSET_BIG5, "BIG5"},
        {"csbig5", CHARSET_BIG5, "BIG5"},
        {"cnbig5", CHARSET_BIG5, "BIG5"},
        {"xxbig5", CHARSET_BIG5, "BIG5"},
        {"xbig5", CHARSET_BIG5, "BIG5"},
        {"cp950", CHARSET_BIG5, "BIG5"},
        {"ms950", CHARSET_BIG5, "BIG5"},
        {"windows950", CHARSET_BIG5, "BIG5"},
        {"big5hkscs", CHARSET_BIG5, "BIG5"},
        {"csbig5hkscs", CHARSET_BIG5, "BIG5"},

        {"latin1", CHARSET_SINGLE, "ISO-8859-1"},
        {"l1", CHARSET_SINGLE, "ISO-8859-1"},
        {"isolatin1", CHARSET_SINGLE, "ISO-8859-1"},
        {"csisolatin1", CHARSET_SINGLE, "ISO-8859-1"},
        {"iso885911987", CHARSET_SINGLE, "ISO-8859-1"},
        {"ibm819", CHARSET_SINGLE, "ISO-8859-1"},
        {"cp819", CHARSET_SINGLE, "ISO-8859-1"},
        {"iso88592", CHARSET_SINGLE, "ISO-8859-2"},
        {"latin2", CHARSET_SINGLE, "ISO-8859-2"},
        {"csisolatin2", CHARSET_SINGLE, "ISO-8859-2"},
        {"iso88593", CHARSET_SINGLE, "ISO-8859-3"},
        {"iso88594", CHARSET_SINGLE, "ISO-8859-4"},
        {"iso88595", CHARSET_SINGLE, "ISO-8859-5"},
        {"cyrillic", CHARSET_SINGLE, "ISO-8859-5"},
        {"iso88596", CHARSET_SINGLE, "ISO-8859-6"},
        {"arabic", CHARSET_SINGLE, "ISO-8859-6"},
        {"iso88597", CHARSET_SINGLE, "ISO-8859-7"},
        {"greek", CHARSET_SINGLE, "ISO-8859-7"},
        {"iso88598", CHARSET_SINGLE, "ISO-8859-8"},
        {"iso88598i", CHARSET_SINGLE, "ISO-8859-8"},
        {"hebrew", CHARSET_SINGLE, "ISO-8859-8"},
        {"iso88599", CHARSET_SINGLE, "ISO-8859-9"},
        {"latin5", CHARSET_SINGLE, "ISO-8859-9"},
        {"iso885910", CHARSET_SINGLE, "ISO-8859-10"},
        {"latin6", CHARSET_SINGLE, "ISO-8859-10"},
        {"iso885911", CHARSET_SINGLE, "ISO-8859-11"},
        {"tis620", CHARSET_SINGLE, "ISO-8859-11"},
        {"iso885913", CHARSET_SINGLE, "ISO-8859-13"},
        {"iso885914", CHARSET_SINGLE, "ISO-8859-14"},
        {"iso885915", CHARSET_SINGLE, "ISO-8859-15"},
        {"latin9", CHARSET_SINGLE, "ISO-8859-15"},
        {"iso885916", CHARSET_SINGLE, "ISO-8859-16"},

        {"windows1250", CHARSET_SINGLE, "CP1250"},
        {"windows1251", CHARSET_SINGLE, "CP1251"},
        {"windows1253", CHARSET_SINGLE, "CP1253"},
        {"windows1254", CHARSET_SINGLE, "CP1254"},
        {"windows1255", CHARSET_SINGLE, "CP1255"},
        {"windows1256", CHARSET_SINGLE, "CP1256"},
        {"windows1257", CHARSET_SINGLE, "CP1257"},
        {"windows1258", CHARSET_SINGLE, "CP1258"},
        {"windows874", CHARSET_SINGLE, "CP874"},
        {"cp1250", CHARSET_SINGLE, "CP1250"},
        {"cp1251", CHARSET_SINGLE, "CP1251"},
        {"cp1252", CHARSET_SINGLE, "CP1252"},
        {"xansi", CHARSET_SINGLE, "CP1252"},
        {"cp1253", CHARSET_SINGLE, "CP1253"},
        {"cp1254", CHARSET_SINGLE, "CP1254"},
        {"cp1255", CHARSET_SINGLE, "CP1255"},
        {"cp1256", CHARSET_SINGLE, "CP1256"},
        {"cp1257", CHARSET_SINGLE, "CP1257"},
        {"cp1258", CHARSET_SINGLE, "CP1258"},
        {"cp874", CHARSET_SINGLE, "CP874"},

        {"koi8r", CHARSET_SINGLE, "KOI8-R"},
        {"koi8", CHARSET_SINGLE, "KOI8-R"},
        {"cskoi8r", CHARSET_SINGLE, "KOI8-R"},
        {"koi8u", CHARSET_SINGLE, "KOI8-U"},
        {"koi8ru", CHARSET_SINGLE, "KOI8-U"},
        {"cp866", CHARSET_SINGLE, "CP866"},
        {"ibm866", CHARSET_SINGLE, "CP866"},
        {"cp437", CHARSET_SINGLE, "CP437"},
        {"ibm437", CHARSET_SINGLE, "CP437"},
        {"cp850", CHARSET_SINGLE, "CP850"},
        {"ibm850", CHARSET_SINGLE, "CP850"},
        {"cp852", CHARSET_SINGLE, "CP852"},
        {"ibm852", CHARSET_SINGLE, "CP852"},
        {"macintosh", CHARSET_SINGLE, "MACINTOSH"},
        {"macroman", CHARSET_SINGLE, "MACINTOSH"},
        {"xmacroman", CHARSET_SINGLE, "MACINTOSH"},
};

static const struct label *find(struct span label) {
	char key[LABEL_MAX];
	size_t n = 0, i;

	label = span_trim(label);
	for (i = 0; i < label.len; i++) {
		if (!ascii_is_alnum(label.at[i]))
			continue;
		if (n == sizeof key)
			return NULL;
		key[n++] = ascii_lower(label.at[i]);
	}
	if (n == 0 && label.len > 0)
		return NULL;
	for (i = 0; i < sizeof labels / sizeof *labels; i++)
		if (span_equal(span_of(labels[i].label), span_make(key, n)))
			return &labels[i];
	return NULL;
}

enum charset charset_of(struct span label) {
	const struct label *known = find(label);

	return known == NULL ? CHARSET_UNKNOWN : known->charset;
}

/*
 * Characters that Japanese text has under several code points, and the one that
 * every table of JIS X 0208 knows: people type either.  Yen and overline would
 * else become a backslash and a tilde, ASCII out of what was none.
 */
static const struct {
	struct span from;
	struct span to;
} jis_twins[] = {
        {{"\xEF\xBD\x9E", 3}, {"\xE3\x80\x9C", 3}}, /* full-width tilde: wave dash */
        {{"\xEF\xBC\x8D", 3}, {"\xE2\x88\x92", 3}}, /* full-width hyphen-minus: minus */
        {{"\xE2\x80\x94", 3}, {"\xE2\x80\x95", 3}}, /* em dash: horizontal bar */
        {{"\xE2\x88\xA5", 3}, {"\xE2\x80\x96", 3}}, /* parallel to: double line */
        {{"\xEF\xBF\xA0", 3}, {"\xC2\xA2", 2}},     /* full-width cent: cent */
        {{"\xEF\xBF\xA1", 3}, {"\xC2\xA3", 2}},     /* full-width pound: pound */
        {{"\xEF\xBF\xA2", 3}, {"\xC2\xAC", 2}},     /* full-width not: not */
        {{"\xC2\xA5", 2}, {"\xEF\xBF\xA5", 3}},     /* yen: full-width yen */
        {{"\xE2\x80\xBE", 3}, {"\xEF\xBF\xA3", 3}}, /* overline: full-width macron */
};

/* Moves one character, or one byte of it, to `out`. */
static void take_twin(struct span *left, struct buf *out) {
	size_t i;

	for (i = 0; i < sizeof jis_twins / sizeof *jis_twins; i++) {
		if (span_starts(*left, jis_twins[i].from)) {
			buf_add_span(out, jis_twins[i].to);
			*left = span_from(*left, jis_twins[i].from.len);
			return;
		}
	}
	buf_add_byte(out, left->at[0]);
	*left = span_from(*left, 1);
}

/* Escape and shift characters of its own would lead text out of ASCII state; C1
 * (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F) becomes what others take for a lead
 * byte. */
static bool has_control(struct span utf8) {
	size_t i;

	if (span_find_byte(utf8, 0x1B) >= 0 || span_find_byte(utf8, 0x0E) >= 0 || span_find_byte(utf8, 0x0F) >= 0)
		return true;
	for (i = 0; i + 1 < utf8.len; i++)
		if (utf8.at[i] == '\xC2' && (unsigned char)utf8.at[i + 1] < 0xA0)
			return true;
	return false;
}

static int convert(iconv_t cd, struct span utf8, struct buf *out) {
	char *from = (char *)utf8.at, *to;
	size_t left = utf8.len, room, done;
	char chunk[1024];
	bool flushed = false;

	while (!flushed) {
		to = chunk;
		room = sizeof chunk;
		flushed = left == 0;
		done = flushed ? iconv(cd, NULL, NULL, &to, &room) : iconv(cd, &from, &left, &to, &room);
		if (done != 0 && (done != (size_t)-1 || errno != E2BIG))
			return -1;
		buf_add(out, chunk, sizeof chunk - room);
	}
	return out->failed ? -1 : 0;
}

static int convert_to(const char *name, struct span utf8, struct buf *out) {
	iconv_t cd = iconv_open(name, "UTF-8");
	size_t start = out->len;
	int outcome;

	if (cd == (iconv_t)-1)
		return -1;
	outcome = convert(cd, utf8, out);
	iconv_close(cd);
	if (outcome != 0)
		out->len = start;
	return outcome;
}

static int encode_japanese(const char *name, struct span utf8, struct buf *out) {
	struct buf text;
	int outcome = -1;

	buf_init(&text, 2 * utf8.len);
	while (utf8.len > 0)
		take_twin(&utf8, &text);
	if (!text.failed)
		outcome = convert_to(name, buf_span(&text), out);
	buf_free(&text);
	return outcome;
}

static bool is_japanese(enum charset charset) {
	return charset == CHARSET_ISO2022JP || charset == CHARSET_SHIFT_JIS || charset == CHARSET_EUC;
}

int charset_encode(struct span label, struct span utf8, struct buf *out) {
	const struct label *known = find(label);
	const char *mask;

	if (known == NULL || has_control(utf8) || charset_mask(CHARSET_UTF8, utf8, NULL, &mask) != 0)
		return -1;
	if (known->charset == CHARSET_UTF8 || span_is_ascii(utf8)) {
		buf_add_span(out, utf8);
		return out->failed ? -1 : 0;
	}
	return is_japanese(known->charset) ? encode_japanese(known->iconv, utf8, out)
	                                   : convert_to(known->iconv, utf8, out);
}
