/*
 * UTF-8 as RFC 3629 defines it: shortest forms only, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include "lib/text.h"

/* Octets of the character that `s` begins with: 1 to 4; 0 where it is no UTF-8
 * (or `s` is empty). */
size_t utf8_size(struct span s);
/* Is the character at the start a control character: C0, DEL, C1, or one of the
 * separators U+2028 and U+2029, which some readers take for line ends? */
bool utf8_is_control(struct span s);

#endif
