#include "lib/utf8.h"

static bool is_tail(unsigned char c) {
	return (c & 0xc0) == 0x80;
}

size_t utf8_size(struct span s) {
	const unsigned char *at = (const unsigned char *)s.at;

	if (s.len == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (s.len < 2 || at[0] < 0xc2 || at[0] > 0xf4 || !is_tail(at[1]))
		return 0;
	if (at[0] < 0xe0)
		return 2;
	if (s.len < 3 || !is_tail(at[2]) || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f))
		return 0;
	if (at[0] < 0xf0)
		return 3;
	if (s.len < 4 || !is_tail(at[3]) || (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return 4;
}

bool utf8_is_control(struct span s) {
	const unsigned char *at = (const unsigned char *)s.at;

	switch (utf8_size(s)) {
	case 1:
		return at[0] < 0x20 || at[0] == 0x7f;
	case 2:
		return at[0] == 0xc2 && at[1] < 0xa0;
	case 3:
		return at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
	default:
		return false;
	}
}
