#include "milter/charset.h"

#include <string.h>

#include "lib/utf8.h"

/* What a mask has in place of each byte that is no ASCII character. */
#define MASKED '\x80'

/* What a byte can be in a charset of one, two or four bytes a character. */
enum {
	SINGLE = 1, /* a character of its own, beyond ASCII */
	LEAD = 2,
	TRAIL = 4,
	DIGIT = 8, /* second and fourth of four bytes (GB 18030) */
};

/* Bytes in no class are refused: programs disagree about them, if only about the
 * length of the character that they begin. */
static const unsigned char shift_jis[256] = {
        [0x40 ... 0x7E] = TRAIL,          [0x80] = TRAIL,
        [0x81 ... 0x9F] = LEAD | TRAIL,   [0xA0] = TRAIL,
        [0xA1 ... 0xDF] = SINGLE | TRAIL, [0xE0 ... 0xFC] = LEAD | TRAIL,
};
static const unsigned char uhc[256] = {
        [0x41 ... 0x5A] = TRAIL,
        [0x61 ... 0x7A] = TRAIL,
        [0x81 ... 0xFE] = LEAD | TRAIL,
};
static const unsigned char gb18030[256] = {
        [0x30 ... 0x39] = DIGIT,
        [0x40 ... 0x7E] = TRAIL,
        [0x80] = TRAIL,
        [0x81 ... 0xFE] = LEAD | TRAIL,
};
static const unsigned char big5[256] = {
        [0x40 ... 0x7E] = TRAIL,
        [0x81 ... 0xA0] = LEAD,
        [0xA1 ... 0xFE] = LEAD | TRAIL,
};

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* How many bytes at the start are below 80. */
static size_t ascii_run(const unsigned char *at, size_t n) {
	uint64_t a, b;
	size_t i = 0;

	for (; n - i >= sizeof a + sizeof b; i += sizeof a + sizeof b) {
		memcpy(&a, at + i, sizeof a);
		memcpy(&b, at + i + sizeof a, sizeof b);
		if (((a | b) & HIGH_BITS) != 0)
			break;
	}
	while (i < n && at[i] < 0x80)
		i++;
	return i;
}

/* The same, copied. */
static size_t copy_ascii(char *to, const unsigned char *at, size_t n) {
	uint64_t word;
	size_t i = 0;

	for (; n - i >= sizeof word; i += sizeof word) {
		memcpy(&word, at + i, sizeof word);
		if ((word & HIGH_BITS) != 0)
			break;
		memcpy(to + i, &word, sizeof word);
	}
	for (; i < n && at[i] < 0x80; i++)
		to[i] = (char)at[i];
	return i;
}

/* An escape or shift character in text whose charset has none: the text is
 * ISO 2022 under the wrong label, and its `<` may be half a kanji (B4). */
static bool has_shift(const unsigned char *at, size_t n) {
	return n > 0 && (memchr(at, 0x1B, n) != NULL || memchr(at, 0x0E, n) != NULL || memchr(at, 0x0F, n) != NULL);
}

static bool continues(unsigned char c) {
	return (c & 0xC0) == 0x80;
}

static int check_utf8(const unsigned char *at, size_t n) {
	size_t i = 0, len;

	while (i < n) {
		if (at[i] < 0x80) {
			i += ascii_run(at + i, n - i);
			continue;
		}
		/* Most of Cyrillic and of Japanese: leads whose second octet has its full range. */
		while (n - i >= 2 && at[i] >= 0xC2 && at[i] <= 0xDF && continues(at[i + 1]))
			i += 2;
		while (n - i >= 3 && at[i] >= 0xE1 && at[i] <= 0xEC && continues(at[i + 1]) && continues(at[i + 2]))
			i += 3;
		if (i < n && at[i] >= 0x80) {
			len = utf8_size(span_make((const char *)at + i, n - i));
			if (len == 0)
				return -1;
			i += len;
		}
	}
	return 0;
}

static bool is_euc_byte(unsigned char c) {
	return c >= 0xA1 && c <= 0xFE;
}

/* Octets of the EUC-JP character at the start; 0 where there is none. */
static size_t euc_length(const unsigned char *at, size_t n) {
	if (n >= 2 && is_euc_byte(at[0]) && is_euc_byte(at[1]))
		return 2;
	if (n >= 2 && at[0] == 0x8E && at[1] >= 0xA1 && at[1] <= 0xDF)
		return 2;
	if (n >= 3 && at[0] == 0x8F && is_euc_byte(at[1]) && is_euc_byte(at[2]))
		return 3;
	return 0;
}

/* No byte of a character is below 80, but a dangling lead byte may swallow the
 * ASCII character behind it. */
static int check_euc(const unsigned char *at, size_t n) {
	size_t i = 0, len;

	while (i < n) {
		i += ascii_run(at + i, n - i);
		if (i == n)
			break;
		len = euc_length(at + i, n - i);
		if (len == 0)
			return -1;
		i += len;
	}
	return 0;
}

/* Octets of the character that is not ASCII at the start; 0 where there is none. */
static size_t multibyte_length(const unsigned char class[256], const unsigned char *at, size_t n) {
	if ((class[at[0]] & SINGLE) != 0)
		return 1;
	if (n < 2 || (class[at[0]] & LEAD) == 0)
		return 0;
	if ((class[at[1]] & TRAIL) != 0)
		return 2;
	if (n >= 4 && (class[at[1]] & DIGIT) != 0 && (class[at[2]] & LEAD) != 0 && (class[at[3]] & DIGIT) != 0)
		return 4;
	return 0;
}

static int mask_multibyte(const unsigned char class[256], const unsigned char *at, size_t n, char *to) {
	size_t i = 0, len;

	while (i < n) {
		if (at[i] < 0x80) {
			i += copy_ascii(to + i, at + i, n - i);
			continue;
		}
		while (n - i >= 2 && (class[at[i]] & LEAD) != 0 && (class[at[i + 1]] & TRAIL) != 0) {
			to[i] = to[i + 1] = MASKED;
			i += 2;
		}
		if (i < n && at[i] >= 0x80) {
			len = multibyte_length(class, at + i, n - i);
			if (len == 0)
				return -1;
			memset(to + i, MASKED, len);
			i += len;
		}
	}
	return 0;
}

/* What ISO-2022-JP text is in. */
enum jis_set { JIS_ASCII, JIS_ROMAN, JIS_KANA, JIS_TWO_BYTES };

/*
 * RFC 1468, RFC 2237 (JIS X 0212), JIS X 0213 (Q is its 2004 edition) and the
 * half-width kana of CP50221.  What only ISO-2022-JP-2 has (RFC 1554: Chinese,
 * Korean, and single shifts to 8859-1 and -7) is refused: few programs know it,
 * and the others take such text for ASCII.
 */
static const struct {
	struct span bytes;
	enum jis_set set;
} jis_escapes[] = {
        {{"\x1B(B", 3}, JIS_ASCII},      {{"\x1B$B", 3}, JIS_TWO_BYTES},  {{"\x1B(J", 3}, JIS_ROMAN},
        {{"\x1B$@", 3}, JIS_TWO_BYTES},  {{"\x1B(I", 3}, JIS_KANA},       {{"\x1B$(D", 4}, JIS_TWO_BYTES},
        {{"\x1B$(O", 4}, JIS_TWO_BYTES}, {{"\x1B$(P", 4}, JIS_TWO_BYTES}, {{"\x1B$(Q", 4}, JIS_TWO_BYTES},
};

/* Octets of the escape sequence at the start; 0 where it is unknown. */
static size_t jis_escape(const unsigned char *at, size_t n, enum jis_set *set_r) {
	size_t i;

	for (i = 0; i < sizeof jis_escapes / sizeof *jis_escapes; i++) {
		if (span_starts(span_make((const char *)at, n), jis_escapes[i].bytes)) {
			*set_r = jis_escapes[i].set;
			return jis_escapes[i].bytes.len;
		}
	}
	return 0;
}

/*
 * Masks a stretch without escape sequences.  In kanji or kana nothing but their
 * own bytes is let through, not even a line end: RFC 1468 forbids it there, some
 * programs then are back in ASCII and others are not, so that nobody can say
 * what a `<` behind it means.
 */
static int mask_jis_stretch(enum jis_set set, const unsigned char *at, size_t n, char *to) {
	unsigned char last = set == JIS_KANA ? 0x5F : 0x7E;
	size_t i;

	if (set == JIS_ASCII || set == JIS_ROMAN)
		return copy_ascii(to, at, n) == n && !has_shift(at, n) ? 0 : -1;
	if (set == JIS_TWO_BYTES && n % 2 != 0)
		return -1;
	for (i = 0; i < n; i++)
		if (at[i] < 0x21 || at[i] > last)
			return -1;
	memset(to, MASKED, n);
	return 0;
}

static int mask_jis(const unsigned char *at, size_t n, char *to) {
	enum jis_set set = JIS_ASCII;
	size_t i = 0, len;

	while (i < n) {
		const unsigned char *escape = memchr(at + i, 0x1B, n - i);

		len = escape == NULL ? n - i : (size_t)(escape - (at + i));
		if (mask_jis_stretch(set, at + i, len, to + i) != 0)
			return -1;
		i += len;
		if (i == n)
			break;
		len = jis_escape(at + i, n - i, &set);
		if (len == 0)
			return -1;
		memset(to + i, MASKED, len);
		i += len;
	}
	return set == JIS_ASCII ? 0 : -1;
}

/* Checks where no mask is needed. */
static int check(enum charset charset, const unsigned char *at, size_t n) {
	switch (charset) {
	case CHARSET_ASCII:
		return ascii_run(at, n) == n && !has_shift(at, n) ? 0 : -1;
	case CHARSET_UTF8:
		return check_utf8(at, n);
	case CHARSET_EUC:
		return check_euc(at, n);
	case CHARSET_SINGLE:
		return 0;
	default:
		return -1;
	}
}

static int mask(enum charset charset, const unsigned char *at, size_t n, char *to) {
	switch (charset) {
	case CHARSET_ISO2022JP:
		return mask_jis(at, n, to);
	case CHARSET_SHIFT_JIS:
		return mask_multibyte(shift_jis, at, n, to);
	case CHARSET_EUC_KR:
		return mask_multibyte(uhc, at, n, to);
	case CHARSET_GBK:
		return mask_multibyte(gb18030, at, n, to);
	default:
		return mask_multibyte(big5, at, n, to);
	}
}

int charset_mask(enum charset charset, struct span bytes, struct buf *room, const char **mask_r) {
	const unsigned char *at = (const unsigned char *)bytes.at;
	char *to;

	switch (charset) {
	case CHARSET_ISO2022JP:
	case CHARSET_SHIFT_JIS:
	case CHARSET_EUC_KR:
	case CHARSET_GBK:
	case CHARSET_BIG5:
		break;
	default:
		*mask_r = bytes.at;
		return check(charset, at, bytes.len);
	}
	buf_reset(room);
	to = buf_reserve(room, bytes.len);
	if (to == NULL || mask(charset, at, bytes.len, to) != 0)
		return -1;
	room->len = bytes.len;
	to[bytes.len] = '\0';
	*mask_r = to;
	return 0;
}
