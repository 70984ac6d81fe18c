/* base64url and base32 of lib/text.h: both are groups of 2^k-valued digits. */
#include "lib/text.h"

static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static size_t encoded_size(size_t len, unsigned bits) {
	return len / bits * 8 + (len % bits * 8 + bits - 1) / bits;
}

static void encode(struct buf *out, const unsigned char *bytes, size_t len, const char *digits, unsigned bits) {
	char *to = buf_reserve(out, encoded_size(len, bits));
	unsigned pending = 0, have = 0;
	size_t i;

	if (to == NULL)
		return;
	for (i = 0; i < len; i++) {
		pending = pending << 8 | bytes[i];
		have += 8;
		while (have >= bits) {
			have -= bits;
			*to++ = digits[pending >> have & ((1U << bits) - 1)];
		}
	}
	if (have > 0)
		*to++ = digits[pending << (bits - have) & ((1U << bits) - 1)];
	*to = '\0';
	out->len += encoded_size(len, bits);
}

static int base64url_value(char c) {
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static int base32_value(char c) {
	c = ascii_lower(c);
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static int decode(struct buf *out, struct span text, int (*value)(char), unsigned bits) {
	size_t size = text.len / 8 * bits + text.len % 8 * bits / 8;
	unsigned pending = 0, have = 0;
	char *to = buf_reserve(out, size);
	size_t i;

	if (to == NULL || encoded_size(size, bits) != text.len)
		return -1;
	for (i = 0; i < text.len; i++) {
		int digit = value(text.at[i]);

		if (digit < 0)
			return -1;
		pending = (pending << bits | (unsigned)digit) & 0xffff;
		have += bits;
		if (have >= 8) {
			have -= 8;
			*to++ = (char)(pending >> have & 0xff);
		}
	}
	if ((pending & ((1U << have) - 1)) != 0)
		return -1;
	*to = '\0';
	out->len += size;
	return 0;
}

size_t base64url_size(size_t len) {
	return encoded_size(len, 6);
}

size_t base32_size(size_t len) {
	return encoded_size(len, 5);
}

void base64url_encode(struct buf *out, const void *bytes, size_t len) {
	encode(out, bytes, len, base64url_digits, 6);
}

int base64url_decode(struct buf *out, struct span text) {
	return decode(out, text, base64url_value, 6);
}

void base32_encode(struct buf *out, const void *bytes, size_t len) {
	encode(out, bytes, len, base32_digits, 5);
}

int base32_decode(struct buf *out, struct span text) {
	return decode(out, text, base32_value, 5);
}
