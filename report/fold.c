#include "report/fold.h"

#include <string.h>

#define LOCAL_MAX 80 /* octets of a quoted local part */

struct folding {
	struct span text;
	size_t at;
	struct buf *out;
	size_t base; /* of the output, where this text began */
	bool blank;  /* one is due before the next character */
	char reply[4];
};

static unsigned char byte_at(const struct folding *f, size_t at) {
	return at < f->text.len ? (unsigned char)f->text.at[at] : 0;
}

static char last_byte(const struct folding *f) {
	return f->out->len > f->base ? f->out->at[f->out->len - 1] : ' ';
}

/* Is the lead byte that of a character that takes no space around it? */
static bool is_cjk(unsigned char lead) {
	return (lead >= 0xe3 && lead <= 0xe9) || lead == 0xef;
}

/* Does the output end in such a character? */
static bool after_cjk(const struct folding *f) {
	return f->out->len >= f->base + 3 && is_cjk((unsigned char)f->out->at[f->out->len - 3]) &&
	       ((unsigned char)last_byte(f) & 0xc0) == 0x80;
}

static void emit(struct folding *f, const char *bytes, size_t len) {
	if (f->blank && f->out->len > f->base && !(after_cjk(f) && is_cjk((unsigned char)bytes[0])))
		buf_add_byte(f->out, ' ');
	f->blank = false;
	buf_add(f->out, bytes, len);
}

/* A blank of any kind at the place: its octets, or 0. */
static size_t blank_size(const struct folding *f) {
	unsigned char c = byte_at(f, f->at);

	if (c <= ' ' || c == 0x7f)
		return 1;
	if (c == 0xc2 && byte_at(f, f->at + 1) == 0xa0)
		return 2;
	if (c == 0xe3 && byte_at(f, f->at + 1) == 0x80 && byte_at(f, f->at + 2) == 0x80)
		return 3;
	return 0;
}

/* Quotes and dashes of U+2010 to U+201F. */
static char plain_punctuation(unsigned char third) {
	if (third >= 0x98 && third <= 0x9b)
		return '\'';
	if (third >= 0x9c && third <= 0x9f)
		return '"';
	return third >= 0x90 && third <= 0x95 ? '-' : '\0';
}

/* Two octets: Latin-1, Greek and Cyrillic capitals. */
static void emit_pair(struct folding *f) {
	unsigned char pair[2] = {byte_at(f, f->at), byte_at(f, f->at + 1)};

	if (pair[0] == 0xc3 && pair[1] >= 0x80 && pair[1] <= 0x9e && pair[1] != 0x97) {
		pair[1] += 0x20;
	} else if (pair[0] == 0xd0 && pair[1] >= 0x90 && pair[1] <= 0x9f) {
		pair[1] += 0x20;
	} else if (pair[0] == 0xd0 && pair[1] >= 0xa0 && pair[1] <= 0xaf) {
		pair[0] = 0xd1;
		pair[1] -= 0x20;
	} else if (pair[0] == 0xce && pair[1] >= 0x91 && pair[1] <= 0x9f) {
		pair[1] += 0x20;
	} else if (pair[0] == 0xce && pair[1] >= 0xa0 && pair[1] <= 0xa9) {
		pair[0] = 0xcf;
		pair[1] -= 0x20;
	}
	emit(f, (const char *)pair, 2);
	f->at += 2;
}

static void emit_wide(struct folding *f) {
	unsigned char lead = byte_at(f, f->at);
	size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1, i;

	for (i = 1; i < size; i++)
		if ((byte_at(f, f->at + i) & 0xc0) != 0x80)
			size = 1;
	if (size == 2) {
		emit_pair(f);
		return;
	}
	if (size == 3 && lead == 0xe2 && byte_at(f, f->at + 1) == 0x80) {
		char plain = plain_punctuation(byte_at(f, f->at + 2));

		if (plain != '\0') {
			emit(f, &plain, 1);
			f->at += 3;
			return;
		}
	}
	emit(f, f->text.at + f->at, size);
	f->at += size;
}

/* The character at the @: all that was written of its local part becomes "@". */
static void emit_address(struct folding *f) {
	struct buf *out = f->out;
	bool quoted = last_byte(f) == '"';
	size_t end;

	if (!f->blank && !out->failed) {
		size_t len = out->len;

		if (quoted) {
			/* "a b"@: back to the other quotation mark. */
			for (len--; len > f->base && out->len - len < LOCAL_MAX && out->at[len - 1] != '"'; len--)
				;
			if (len > f->base && out->at[len - 1] == '"')
				out->len = len - 1;
		} else {
			while (len > f->base && (unsigned char)out->at[len - 1] < 0x80 &&
			       strchr(" <>()[],;:\"", out->at[len - 1]) == NULL)
				len--;
			out->len = len;
		}
	}
	emit(f, "@", 1);
	for (end = f->at + 1; ascii_is_alnum((char)byte_at(f, end)) || byte_at(f, end) == '.' ||
	                      byte_at(f, end) == '-' || byte_at(f, end) == '_';
	     end++)
		;
	while (end > f->at + 1 && (byte_at(f, end - 1) == '.' || byte_at(f, end - 1) == '-'))
		end--;
	f->at = end;
}

/* "550-5.1.1 " or "550 " where that code has stood before: skipped. */
static bool skip_repeated_reply(struct folding *f) {
	size_t at = f->at, i;
	char code[4] = {0};

	if (f->out->len > f->base && !f->blank && ascii_is_alnum(last_byte(f)))
		return false;
	for (i = 0; i < 3; i++) {
		code[i] = (char)byte_at(f, at + i);
		if (!ascii_is_digit(code[i]))
			return false;
	}
	if ((byte_at(f, at + 3) != '-' && byte_at(f, at + 3) != ' ') || (code[0] != '4' && code[0] != '5'))
		return false;
	if (strcmp(code, f->reply) != 0) {
		if (f->reply[0] == '\0')
			memcpy(f->reply, code, sizeof code);
		return false;
	}
	at += 4;
	if ((byte_at(f, at) == '4' || byte_at(f, at) == '5') && byte_at(f, at + 1) == '.') {
		while (ascii_is_digit((char)byte_at(f, at)) || byte_at(f, at) == '.')
			at++;
	}
	f->at = at;
	f->blank = true;
	return true;
}

/* How a character of ASCII may stand in a run that only needs lower case. */
enum { RUN_NOT, RUN_LETTER, RUN_DIGIT, RUN_OTHER };
static const unsigned char run_kind[256] = {
        [0x21 ... 0x2f] = RUN_OTHER, ['0' ... '9'] = RUN_DIGIT,   [0x3a ... 0x3f] = RUN_OTHER,
        ['A' ... 'Z'] = RUN_LETTER,  [0x5b ... 0x60] = RUN_OTHER, ['a' ... 'z'] = RUN_LETTER,
        [0x7b ... 0x7e] = RUN_OTHER,
};

/* Most of all text: letters and what stands between them.  A digit may begin a reply
 * code, unless a letter or digit is before it. */
static size_t run_size(struct span text) {
	unsigned char before = RUN_OTHER;
	size_t len = 0;

	while (len < text.len) {
		unsigned char kind = run_kind[(unsigned char)text.at[len]];

		if (kind == RUN_NOT || (kind == RUN_DIGIT && before == RUN_OTHER))
			break;
		before = kind;
		len++;
	}
	return len;
}

static void emit_run(struct folding *f, size_t len) {
	const char *from = f->text.at + f->at;
	char first = ascii_lower(from[0]), *to;
	size_t i;

	emit(f, &first, 1);
	to = buf_reserve(f->out, len);
	if (to == NULL)
		return;
	for (i = 1; i < len; i++)
		to[i - 1] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i]);
	f->out->len += len - 1;
	to[len - 1] = '\0';
	f->at += len;
}

void fold_text(struct span text, struct buf *out) {
	struct folding f = {.text = text, .out = out, .base = out->len};

	buf_reserve(out, text.len + 1);
	while (f.at < text.len && !out->failed) {
		char c = text.at[f.at];
		size_t run = run_size(span_from(text, f.at)), blanks;

		if (run > 0) {
			emit_run(&f, run);
			continue;
		}
		blanks = blank_size(&f);
		if (blanks > 0) {
			f.blank = true;
			f.at += blanks;
		} else if (c == '@') {
			emit_address(&f);
		} else if ((unsigned char)c >= 0x80) {
			emit_wide(&f);
		} else if (!skip_repeated_reply(&f)) {
			emit(&f, &c, 1);
			f.at++;
		}
	}
}
