#include "milter/html_tag.h"

#include "milter/html_tag_hash.h"

struct row {
	struct span name;
	unsigned properties;
};

#define ROW(id, name, properties, start, end) [HTML_TAG_##id] = {{name, sizeof(name) - 1}, properties},
static const struct row rows[HTML_TAG_COUNT] = {[HTML_TAG_UNKNOWN] = {{"", 0}, 0}, HTML_TAGS(ROW)};

/* The first eight bytes of a name as a number, letters in lower case: it is the
 * same for no two names of the table. */
static inline uint64_t key_of(struct span name, size_t readable) {
	uint64_t key = 0;
	size_t i;

	if (readable >= 8) {
		key = html_load64(name.at);
		if (name.len < 8)
			key &= (UINT64_C(1) << 8 * name.len) - 1;
	} else {
		for (i = 0; i < name.len; i++)
			key |= (uint64_t)(unsigned char)name.at[i] << 8 * i;
	}
	return key | (key & UINT64_C(0x4040404040404040)) >> 1;
}

enum html_tag html_tag_at(struct span name, size_t readable) {
	uint64_t key = key_of(name, readable);
	enum html_tag tag = html_tag_hash[key * HTML_TAG_HASH_FACTOR >> HTML_TAG_HASH_SHIFT];

	/* The length tells names apart that end in NUL. */
	if (html_tag_keys[tag] != key || rows[tag].name.len != name.len)
		return HTML_TAG_UNKNOWN;
	return name.len <= 8 || span_equal_nocase(rows[tag].name, name) ? tag : HTML_TAG_UNKNOWN;
}

enum html_tag html_tag_of(struct span name) {
	return html_tag_at(name, name.len);
}

struct span html_tag_name(enum html_tag tag) {
	return rows[tag].name;
}

unsigned html_tag_properties(enum html_tag tag) {
	return rows[tag].properties;
}
