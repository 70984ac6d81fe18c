#include "milter/html_entity.h"

#include <string.h>

#include "milter/html.h"
#include "milter/html_entity_table.h"

#define REPLACEMENT 0xFFFD

static size_t name_len(size_t i) {
	return (size_t)html_entities[i + 1].start - html_entities[i].start;
}

/* The byte at `k` of name `i`; -1 behind its end, which sorts first. */
static int name_byte(size_t i, size_t k) {
	return k < name_len(i) ? (unsigned char)html_entity_names[html_entities[i].start + k] : -1;
}

/* The first of names [low, high), which agree up to `k`, whose byte there is
 * at least `c`. */
static size_t lower_bound(size_t low, size_t high, size_t k, int c) {
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (name_byte(middle, k) < c)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest name that `text` begins with: its row and length; length 0 where
 * there is none. */
static size_t longest_name(struct span text, size_t *row_r) {
	size_t low = 0, high = HTML_ENTITY_COUNT, k, best = 0;

	for (k = 0; k < text.len && k < HTML_ENTITY_NAME_MAX; k++) {
		int c = (unsigned char)text.at[k];

		low = lower_bound(low, high, k, c);
		high = lower_bound(low, high, k, c + 1);
		if (low == high)
			break;
		if (name_len(low) == k + 1) {
			best = k + 1;
			*row_r = low;
		}
	}
	return best;
}

static int parse_named(struct span text, bool in_attribute, struct html_reference *reference_r) {
	struct span name = span_from(text, 1);
	size_t row = 0, len;

	/* Most references in mail. */
	if (span_starts(name, SPAN("nbsp;"))) {
		*reference_r = (struct html_reference){.len = 6, .first = 0xA0};
		return 0;
	}
	len = longest_name(name, &row);
	if (len == 0)
		return -1;
	if (in_attribute && name.at[len - 1] != ';' && len < name.len &&
	    (name.at[len] == '=' || ascii_is_alnum(name.at[len])))
		return -1;
	*reference_r = (struct html_reference){
	        .len = len + 1, .first = html_entities[row].first, .second = html_entities[row].second};
	return 0;
}

/* Numbers that name no character, or a C1 control: what is meant instead
 * (13.2.5.80). */
static uint32_t sane(uint32_t number) {
	static const uint16_t windows1252[32] = {
	        0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
	        0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	        0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178,
	};

	if (number >= 0x80 && number < 0xA0)
		return windows1252[number - 0x80];
	if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
		return REPLACEMENT;
	return number;
}

static int parse_number(struct span text, struct html_reference *reference_r) {
	bool hex = text.len > 2 && ascii_lower(text.at[2]) == 'x';
	size_t start = hex ? 3 : 2, at;
	uint32_t number = 0;

	for (at = start; at < text.len; at++) {
		int digit = hex_value(text.at[at]);

		if (digit < 0 || (!hex && digit > 9))
			break;
		/* Stays beyond the last character whatever follows. */
		if (number <= 0x10FFFF)
			number = number * (hex ? 16 : 10) + (uint32_t)digit;
	}
	if (at == start)
		return -1;
	if (at < text.len && text.at[at] == ';')
		at++;
	*reference_r = (struct html_reference){.len = at, .first = sane(number)};
	return 0;
}

int html_reference_parse(struct span text, bool in_attribute, struct html_reference *reference_r) {
	if (text.len > 1 && text.at[1] == '#')
		return parse_number(text, reference_r);
	return parse_named(text, in_attribute, reference_r);
}

static void add_utf8(uint32_t c, struct buf *out) {
	char bytes[4];
	size_t n = 0;

	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xC0 | c >> 6);
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xE0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	} else {
		bytes[n++] = (char)(0xF0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3F));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3F));
	}
	if (c >= 0x80)
		bytes[n++] = (char)(0x80 | (c & 0x3F));
	buf_add(out, bytes, n);
}

void html_reference_add(const struct html_reference *reference, struct buf *out) {
	add_utf8(reference->first, out);
	if (reference->second != 0)
		add_utf8(reference->second, out);
}

/* Where the next ampersand or NUL is. */
static size_t next_special(const char *mask, size_t at, size_t n) {
	while (at < n && mask[at] != '&' && mask[at] != '\0')
		at++;
	return at;
}

void html_entity_decode(const char *mask, const char *bytes, size_t n, struct buf *out, bool *wide_r) {
	static const struct html_reference nul = {.len = 1, .first = REPLACEMENT};
	size_t at = 0;

	*wide_r = false;
	while (at < n) {
		struct html_reference reference = nul;
		size_t stop = next_special(mask, at, n);

		buf_add(out, bytes + at, stop - at);
		at = stop;
		if (at == n)
			break;
		if (mask[at] == '&' && html_reference_parse(span_make(mask + at, n - at), true, &reference) != 0) {
			buf_add_byte(out, '&');
			at++;
			continue;
		}
		html_reference_add(&reference, out);
		*wide_r = *wide_r || reference.first >= 0x80 || reference.second >= 0x80;
		at += reference.len;
	}
}

void html_decode_attribute(struct span value, struct buf *out) {
	bool wide;

	html_entity_decode(value.at, value.at, value.len, out, &wide);
}
