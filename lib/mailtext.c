#include "lib/mailtext.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/utf8.h"

#define LINE_MAX_LEN 76
#define WORD_FRAME 12 /* octets of =?UTF-8?B? and ?= */
#define WORD_BYTES 42 /* of text in an encoded word of at most 75 octets */
#define LINE_BYTES 57 /* of text in a base64 line of 76 */

static void add_base64(struct buf *out, const void *bytes, size_t len) {
	char *room = buf_reserve(out, (len + 2) / 3 * 4 + 1);

	if (room != NULL)
		out->len += (size_t)EVP_EncodeBlock((unsigned char *)room, bytes, (int)len);
}

/* Of the value, how much goes into one word of `room` octets: whole characters only. */
static size_t word_size(struct span value, size_t room) {
	size_t max = room < WORD_FRAME ? 0 : (room - WORD_FRAME) / 4 * 3, len = 0;

	if (max > WORD_BYTES)
		max = WORD_BYTES;
	while (len < value.len) {
		size_t size = utf8_size(span_from(value, len));

		if (size == 0)
			size = 1;
		if (len + size > max)
			break;
		len += size;
	}
	return len;
}

static void add_encoded(struct buf *out, struct span value, size_t column) {
	while (value.len > 0) {
		size_t len = word_size(value, LINE_MAX_LEN - column);

		if (len == 0) {
			buf_add_text(out, "\n ");
			column = 1;
			len = word_size(value, LINE_MAX_LEN - column);
		}
		buf_add_text(out, "=?UTF-8?B?");
		add_base64(out, value.at, len);
		buf_add_text(out, "?=");
		/* Words stand apart by a fold. */
		column = LINE_MAX_LEN;
		value = span_from(value, len);
	}
}

/* Without control characters and without what is no UTF-8. */
static void add_clean(struct buf *out, struct span value) {
	while (value.len > 0) {
		size_t size = utf8_size(value);

		if (size == 0 || utf8_is_control(value))
			buf_add_byte(out, ' ');
		else
			buf_add(out, value.at, size);
		value = span_from(value, size == 0 ? 1 : size);
	}
}

/* A fold may stand at any blank but must leave something on the line. */
static void add_folded(struct buf *out, struct span value, size_t column) {
	while (value.len > 0) {
		ssize_t blank = span_find_byte(span_from(value, 1), ' ');
		size_t len = blank < 0 ? value.len : (size_t)blank + 1;

		if (column + len > LINE_MAX_LEN && value.at[0] == ' ' && column > 1) {
			buf_add_byte(out, '\n');
			column = 0;
		}
		buf_add(out, value.at, len);
		column += len;
		value = span_from(value, len);
	}
}

void mailtext_field(struct buf *out, const char *name, struct span value) {
	size_t column = strlen(name) + 2;
	struct buf clean;
	struct span text;

	buf_init(&clean, 3 * value.len + 1);
	add_clean(&clean, value);
	text = span_trim(buf_span(&clean));
	out->failed |= clean.failed;
	buf_printf(out, "%s: ", name);
	/* What looks like an encoded word would be read as one. */
	if (span_is_ascii(text) && span_find(text, SPAN("=?")) < 0)
		add_folded(out, text, column);
	else
		add_encoded(out, text, column);
	buf_add_byte(out, '\n');
	buf_free(&clean);
}

static void add_quoted(struct buf *out, struct span text) {
	size_t i;

	buf_add_byte(out, '"');
	for (i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, text.at[i]);
	}
	buf_add_byte(out, '"');
}

void mailtext_mailbox(struct buf *out, const char *name, struct span display, struct span address) {
	struct buf clean;
	struct span text;

	buf_init(&clean, 3 * display.len + 1);
	add_clean(&clean, display);
	text = span_trim(buf_span(&clean));
	out->failed |= clean.failed;
	buf_printf(out, "%s: ", name);
	if (text.len > 0 && span_is_ascii(text))
		add_quoted(out, text);
	else
		add_encoded(out, text, strlen(name) + 2);
	if (text.len > 0)
		buf_add_text(out, "\n ");
	buf_printf(out, "<%.*s>\n", SPAN_ARG(address));
	buf_free(&clean);
}

void mailtext_date(struct buf *out, time_t when) {
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm;

	gmtime_r(&when, &tm);
	buf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	           tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void mailtext_base64(struct buf *out, struct span text) {
	struct buf lines;
	size_t i;

	buf_init(&lines, 2 * text.len + 1);
	for (i = 0; i < text.len; i++) {
		if (text.at[i] == '\n')
			buf_add_byte(&lines, '\r');
		buf_add_byte(&lines, text.at[i]);
	}
	out->failed |= lines.failed;
	for (i = 0; i < lines.len; i += LINE_BYTES) {
		add_base64(out, lines.at + i, lines.len - i < LINE_BYTES ? lines.len - i : LINE_BYTES);
		buf_add_byte(out, '\n');
	}
	buf_free(&lines);
}
