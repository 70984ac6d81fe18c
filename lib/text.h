/*
 * Bytes: views, growing buffers, and the encodings that names and links use.
 *
 * A `span` looks at bytes that someone else owns; it is never NUL-terminated by
 * contract.  A `buf` owns its bytes and grows up to a named ceiling.  Its error
 * is sticky: append freely, then look at `failed` once (out of memory or over
 * the ceiling; errno tells which: ENOMEM or EMSGSIZE).  After a failure the
 * contents stay what they were before the append that failed.
 *
 * A buf always keeps a NUL behind its last byte (not counted in `len`) once it
 * has been appended to, so that text without NULs can be used as a C string.
 *
 * Threads: no shared state; a buf belongs to one thread at a time.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct span {
	const char *at;
	size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})
/* For printf("%.*s"). */
#define SPAN_ARG(s) (int)(s).len, (s).at

struct span span_of(const char *text);
struct span span_make(const char *at, size_t len);
bool span_equal(struct span a, struct span b);
/* ASCII letters compare equal in either case; other bytes exactly. */
bool span_equal_nocase(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_starts_nocase(struct span s, struct span prefix);
bool span_ends_nocase(struct span s, struct span suffix);
/* Without blanks (SP, TAB, CR, LF, FF) at both ends. */
struct span span_trim(struct span s);
/* Index of the byte or of the first occurrence, or -1. */
ssize_t span_find_byte(struct span s, char c);
ssize_t span_find(struct span s, struct span needle);
ssize_t span_find_nocase(struct span s, struct span needle);
struct span span_from(struct span s, size_t start);
/* No byte of 80 or above. */
bool span_is_ascii(struct span s);

/* ASCII only, whatever the locale. */
bool ascii_is_blank(char c);
bool ascii_is_alpha(char c);
bool ascii_is_digit(char c);
bool ascii_is_alnum(char c);
char ascii_lower(char c);
/* 0-15, or -1. */
int hex_value(char c);

struct buf {
	char *at;
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

/* `max` is the ceiling of `len`, in bytes; nothing is allocated yet. */
void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
/* Forgets the contents and the error, keeps the memory. */
void buf_reset(struct buf *b);
/* Room for `more` bytes behind `len`: their address, or NULL (and failed). */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_span(struct buf *b, struct span s);
void buf_add_text(struct buf *b, const char *text);
void buf_add_byte(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct span buf_span(const struct buf *b);
/* The contents as a malloc'd C string that the caller frees; NULL if failed.
 * The buf is empty afterwards. */
char *buf_take(struct buf *b);

/* A list of strings; owns them.  `at[len]` is not NULL-terminated. */
struct strings {
	char **at;
	size_t len;
};
/* 0, or -1 when out of memory. */
int strings_add(struct strings *list, struct span s);
void strings_free(struct strings *list);
bool strings_has(const struct strings *list, struct span s);

/* Lower-case hexadecimal of 64 bits: 16 digits and a NUL. */
#define HEX64_SIZE 17
void hex64_format(char out[HEX64_SIZE], uint64_t value);
/* Exactly 16 hex digits, either case: 0, else -1. */
int hex64_parse(struct span s, uint64_t *value_r);

/*
 * base64url without padding (RFC 4648 5) and lower-case base32 without padding
 * (RFC 4648 6).  The encoders append.  The decoders append too, and refuse
 * (-1) foreign characters, impossible lengths and left-over bits that are not
 * zero, so that each byte string has exactly one spelling (base32: two cases).
 */
void base64url_encode(struct buf *out, const void *bytes, size_t len);
int base64url_decode(struct buf *out, struct span text);
void base32_encode(struct buf *out, const void *bytes, size_t len);
int base32_decode(struct buf *out, struct span text);
/* Characters that the encoding of `len` bytes takes. */
size_t base64url_size(size_t len);
size_t base32_size(size_t len);

#endif
