/*
 * Charsets of text parts: which ones are understood, the mask that lets one
 * tokeniser read them all, and text of ours brought into them.
 */
#ifndef MILTER_CHARSET_H
#define MILTER_CHARSET_H

#include "lib/text.h"

enum charset {
	CHARSET_UNKNOWN, /* and UTF-7, UTF-16, UTF-32, HZ, ISO-2022-KR/-CN: passes through */
	CHARSET_ASCII,   /* us-ascii: bytes of 80 and above are undecodable */
	CHARSET_UTF8,
	CHARSET_SINGLE,    /* ISO-8859-x, windows-125x, KOI8: every byte a character, ASCII below 80 */
	CHARSET_EUC,       /* EUC-JP: ASCII only below 80 */
	CHARSET_ISO2022JP, /* RFC 1468 and the -1, -2, -3, -MS variants' known escapes */
	CHARSET_SHIFT_JIS, /* CP932: lead 81-9F E0-FC, trail 40-7E 80-FC, kana A1-DF single */
	CHARSET_EUC_KR,    /* UHC: lead 81-FE, trail 41-5A 61-7A 81-FE */
	CHARSET_GBK,       /* GB2312, GBK, GB18030: lead 81-FE, trail 40-7E 80-FE, or four bytes */
	CHARSET_BIG5,      /* lead 81-FE, trail 40-7E A1-FE */
};

/* From a MIME charset label ("Shift_JIS", "x-sjis", "windows-31j", "cp932", ...).
 * An empty label is us-ascii (RFC 2045 5.2). */
enum charset charset_of(struct span label);

/*
 * The mask of `bytes`: ASCII characters in ASCII state stand for themselves, all
 * else becomes 0x80 (escape sequences of ISO-2022-JP too; JIS X 0201 Roman counts
 * as ASCII).  `*mask_r` is `bytes.at` itself where no mask is needed (ASCII,
 * UTF-8, single-byte, EUC-JP), else memory that `room` holds (its former contents
 * are lost).
 *
 * -1: undecodable (a dangling lead byte, a trail byte that is none, invalid
 * UTF-8 (over-long, surrogates, beyond U+10FFFF), 8-bit or an escape or shift
 * character in us-ascii, in ISO-2022-JP an unknown escape sequence, anything but
 * characters within kanji or kana (a line end too), 8-bit, a shift character, not
 * back in ASCII at the end) or out of memory: the part passes through.  Linear in
 * the input.
 */
int charset_mask(enum charset charset, struct span bytes, struct buf *room, const char **mask_r);

/* UTF-8 text in the part's charset (by iconv under `label`), appended.  -1 where
 * a character has no place in it.  The result begins and ends in ASCII state. */
int charset_encode(struct span label, struct span utf8, struct buf *out);

#endif
