#include "report/smtp.h"

#include <string.h>

bool smtp_next_line(struct span *rest, struct span *line_r) {
	ssize_t end;

	if (rest->len == 0)
		return false;
	end = span_find_byte(*rest, '\n');
	if (end < 0) {
		*line_r = *rest;
		*rest = span_from(*rest, rest->len);
	} else {
		*line_r = span_make(rest->at, (size_t)end);
		*rest = span_from(*rest, (size_t)end + 1);
	}
	if (line_r->len > 0 && line_r->at[line_r->len - 1] == '\r')
		line_r->len--;
	return true;
}

/* Octets of digits at `at`, three at most. */
static size_t digits(struct span s, size_t at) {
	size_t len = 0;

	while (at + len < s.len && len < 4 && ascii_is_digit(s.at[at + len]))
		len++;
	return len;
}

/* Octets of the status code that begins at `at`; 0 where there is none. */
static size_t status_size(struct span s, size_t at) {
	size_t subject = digits(s, at + 2), detail, end;

	if (at + 4 >= s.len || s.at[at + 1] != '.' || subject == 0 || subject > 3 || at + 2 + subject >= s.len ||
	    s.at[at + 2 + subject] != '.')
		return 0;
	detail = digits(s, at + 3 + subject);
	end = at + 3 + subject + detail;
	if (detail == 0 || detail > 3)
		return 0;
	/* A fourth number makes it an address or a version. */
	if (end + 1 < s.len && s.at[end] == '.' && ascii_is_digit(s.at[end + 1]))
		return 0;
	return end < s.len && (ascii_is_alnum(s.at[end]) || s.at[end] == '_') ? 0 : end - at;
}

bool smtp_read_status(struct span text, char status_r[SMTP_STATUS_SIZE]) {
	size_t len;

	text = span_trim(text);
	len = text.len > 0 && (text.at[0] == '2' || text.at[0] == '4' || text.at[0] == '5') ? status_size(text, 0) : 0;
	if (len == 0)
		return false;
	memcpy(status_r, text.at, len);
	status_r[len] = '\0';
	return true;
}

bool smtp_status_is_vague(const char *status) {
	return status[0] == '\0' || strcmp(status + 1, ".0.0") == 0;
}

static bool opens_number(char c) {
	return !ascii_is_alnum(c) && c != '.' && c != '_' && c != '@' && c != '/' && c != '=';
}

static bool is_reply(struct span s, size_t at) {
	char next;

	if (digits(s, at) != 3 || s.at[at + 1] > '7' || (at > 0 && !opens_number(s.at[at - 1])))
		return false;
	if (at + 3 == s.len)
		return true;
	next = s.at[at + 3];
	if (next == '-')
		return at + 4 == s.len || !ascii_is_digit(s.at[at + 4]) || status_size(s, at + 4) > 0;
	return ascii_is_blank(next) || next == ':' || next == ';' || next == ',' || next == '"' || next == '\'' ||
	       next == ')' || next == ']' || next == '_' ||
	       (next == '.' && !(at + 4 < s.len && ascii_is_digit(s.at[at + 4])));
}

int smtp_status_weight(const char *status) {
	size_t len = strlen(status);

	if (smtp_status_is_vague(status))
		return status[0] == '\0' ? 0 : 1;
	return (status[len - 2] == '.' && status[len - 1] == '0') || strncmp(status + 1, ".5.", 3) == 0 ? 2 : 3;
}

void smtp_find_codes(struct span text, struct smtp_codes *codes_r) {
	size_t i, len;

	*codes_r = (struct smtp_codes){0};
	for (i = 0; i + 2 < text.len; i++) {
		char c = text.at[i];

		if ((c != '4' && c != '5') || (i > 0 && (ascii_is_alnum(text.at[i - 1]) || text.at[i - 1] == '.')))
			continue;
		len = status_size(text, i);
		if (len > 0) {
			char status[SMTP_STATUS_SIZE];

			memcpy(status, text.at + i, len);
			status[len] = '\0';
			if (smtp_status_weight(status) > smtp_status_weight(codes_r->status))
				memcpy(codes_r->status, status, len + 1);
		} else if (codes_r->reply == 0 && is_reply(text, i)) {
			codes_r->reply = (unsigned)(c - '0') * 100 + (unsigned)(text.at[i + 1] - '0') * 10 +
			                 (unsigned)(text.at[i + 2] - '0');
			codes_r->at = i;
		}
	}
}

/* RFC 5322 3.2.3 atext and the dot, and where it may be, what RFC 6531 adds. */
static bool is_local(char c, bool wide) {
	return ascii_is_alnum(c) || (wide && (unsigned char)c >= 0x80) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

/* Text of China and Japan goes on behind an address without a space. */
static bool is_domain(char c, bool wide) {
	unsigned char u = (unsigned char)c;

	return ascii_is_alnum(c) || (u >= 0x80 && (wide || u < 0xe3)) || c == '-' || c == '.' || c == '_';
}

/* Where the local part that ends before `at` begins. */
static size_t local_start(struct span s, size_t at) {
	size_t start = at;
	bool wide;

	if (at > 1 && s.at[at - 1] == '"') {
		for (start = at - 1; start > 0 && at - start < 70; start--)
			if (s.at[start - 1] == '"' && (start < 2 || s.at[start - 2] != '\\'))
				return start - 1;
		return at;
	}
	/* Words before it may touch an address in ASCII. */
	wide = at > 0 && (unsigned char)s.at[at - 1] >= 0x80;
	while (start > 0 && is_local(s.at[start - 1], wide) && at - start < 320)
		start--;
	/* A quotation mark or a label that belongs to the text around it. */
	while (start < at && (s.at[start] == '\'' || s.at[start] == '`'))
		start++;
	return start;
}

bool smtp_next_address(struct span *rest, struct span *address_r) {
	struct span s = *rest;
	size_t from = 0;

	for (;;) {
		ssize_t found = span_find_byte(span_from(s, from), '@');
		size_t at, start, end;

		if (found < 0)
			return false;
		at = from + (size_t)found;
		start = local_start(span_make(s.at, at), at);
		start = start < from ? from : start;
		end = at + 1;
		if (end < s.len && s.at[end] == '[')
			while (end < s.len && s.at[end] != ']' && end - at < 64)
				end++;
		else
			while (end < s.len && is_domain(s.at[end], (unsigned char)s.at[at + 1] >= 0x80) &&
			       end - at < 256)
				end++;
		if (end < s.len && s.at[end] == ']' && s.at[at + 1] == '[')
			end++;
		while (end > at + 1 && (s.at[end - 1] == '.' || s.at[end - 1] == '-'))
			end--;
		from = at + 1;
		if (start < at && end > at + 1) {
			*address_r = span_make(s.at + start, end - start);
			*rest = span_from(s, end);
			return true;
		}
	}
}
