#include "webd/http_check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"

static bool is_token(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && memchr("!#$%&'*+-.^_`|~", s.at[i], 15) == NULL)
			return false;
	return s.len > 0;
}

static bool is_field_text(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] < 0x20 && s.at[i] != '\t') || s.at[i] == 0x7f)
			return false;
	return true;
}

static bool is_number(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.at[i]))
			return false;
	return s.len > 0 && s.len < 19;
}

unsigned http_check_fields(const struct http_field *fields, size_t count, bool is_1_0) {
	size_t hosts = 0, lengths = 0, encodings = 0, i;

	for (i = 0; i < count; i++) {
		struct span name = fields[i].name, value = fields[i].value;

		if (!is_token(name) || !is_field_text(value))
			return 400;
		if (span_equal_nocase(name, SPAN("Host"))) {
			hosts++;
		} else if (span_equal_nocase(name, SPAN("Content-Length"))) {
			lengths++;
			if (!is_number(value))
				return 400;
		} else if (span_equal_nocase(name, SPAN("Transfer-Encoding"))) {
			encodings++;
			if (!span_equal_nocase(value, SPAN("chunked")))
				return 400;
		}
	}
	if (hosts > 1 || (hosts == 0 && !is_1_0) || lengths + encodings > 1 || (encodings > 0 && is_1_0))
		return 400;
	return 0;
}

bool http_layout_is_plain(const struct http_field *fields, size_t count) {
	size_t i;

	for (i = 0; i < count; i++) {
		const char *at = fields[i].name.at + fields[i].name.len + 1;

		/* Addresses of two blocks of memory may be compared as numbers only. */
		if ((uintptr_t)fields[i].value.at < (uintptr_t)at ||
		    (uintptr_t)fields[i].value.at - (uintptr_t)at > HTTP_HEADER_MAX)
			return false;
		for (; at < fields[i].value.at; at++)
			if (*at != ' ' && *at != '\t')
				return false;
		if (i + 1 < count && (uintptr_t)fields[i + 1].name.at !=
		                             (uintptr_t)(fields[i].value.at + fields[i].value.len + strlen("\r\n")))
			return false;
	}
	return true;
}

size_t http_fields_size(const struct http_field *fields, size_t count) {
	size_t size = 0, i;

	for (i = 0; i < count; i++)
		size += fields[i].name.len + strlen(": ") + fields[i].value.len + strlen("\r\n");
	return size;
}

/* Visible ASCII; all else comes percent-encoded (RFC 3986 2).  A "#" never does. */
static bool is_uri(struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.at[i] <= 0x20 || s.at[i] >= 0x7f || s.at[i] == '#' || s.at[i] == '\\')
			return false;
	return true;
}

int http_target_parse(struct span uri, struct http_target *target_r) {
	struct span rest = uri, scheme;
	size_t end = 0;
	ssize_t mark;

	*target_r = (struct http_target){SPAN_NONE, SPAN_NONE, SPAN_NONE};
	if (uri.len == 0 || !is_uri(uri))
		return -1;
	if (uri.at[0] != '/') {
		scheme = span_starts_nocase(uri, SPAN("https://")) ? SPAN("https://") : SPAN("http://");
		if (!span_starts_nocase(uri, scheme))
			return -1;
		rest = span_from(uri, scheme.len);
		while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
			end++;
		target_r->authority = span_make(rest.at, end);
		rest = span_from(rest, end);
		if (target_r->authority.len == 0 || rest.len == 0 || rest.at[0] != '/')
			return -1;
	}
	mark = span_find_byte(rest, '?');
	target_r->path = mark < 0 ? rest : span_make(rest.at, (size_t)mark);
	target_r->query = mark < 0 ? SPAN_NONE : span_from(rest, (size_t)mark + 1);
	return 0;
}

static struct span without_default_port(struct span authority) {
	if (span_ends_nocase(authority, SPAN(":443")))
		authority.len -= strlen(":443");
	else if (span_ends_nocase(authority, SPAN(":80")))
		authority.len -= strlen(":80");
	return authority;
}

bool http_host_is(struct span authority, struct span host) {
	return host.len > 0 && span_equal_nocase(without_default_port(authority), without_default_port(host));
}

/* An address in its one spelling; false where it is none. */
static bool read_address(struct span text, char out[HTTP_ADDRESS_SIZE]) {
	char copy[HTTP_ADDRESS_SIZE];
	struct in6_addr six;
	struct in_addr four;

	if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &four) == 1)
		return inet_ntop(AF_INET, &four, out, HTTP_ADDRESS_SIZE) != NULL;
	if (inet_pton(AF_INET6, copy, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return inet_ntop(AF_INET, six.s6_addr + 12, out, HTTP_ADDRESS_SIZE) != NULL;
	return inet_ntop(AF_INET6, &six, out, HTTP_ADDRESS_SIZE) != NULL;
}

/* Also as "[2001:db8::1]", "[2001:db8::1]:4711" and "192.0.2.1:4711". */
static bool read_forwarded(struct span text, char out[HTTP_ADDRESS_SIZE]) {
	ssize_t end;

	text = span_trim(text);
	if (text.len > 0 && text.at[0] == '[') {
		end = span_find_byte(text, ']');
		return end > 0 && read_address(span_make(text.at + 1, (size_t)end - 1), out);
	}
	end = span_find_byte(text, ':');
	if (end > 0 && span_find_byte(span_from(text, (size_t)end + 1), ':') < 0)
		text.len = (size_t)end;
	return read_address(text, out);
}

bool http_host_is_local(struct span authority) {
	char address[HTTP_ADDRESS_SIZE];
	ssize_t colon = span_find_byte(authority, ':');
	struct span name = colon < 0 ? authority : span_make(authority.at, (size_t)colon);

	return read_forwarded(authority, address) || span_equal_nocase(name, SPAN("localhost"));
}

void http_client(const struct strings *proxies, struct span peer, const struct http_field *fields, size_t count,
                 char client_r[HTTP_ADDRESS_SIZE]) {
	char next[HTTP_ADDRESS_SIZE];
	size_t i = count;

	if (!read_address(peer, client_r))
		strcpy(client_r, "0.0.0.0");
	/* Each proxy adds at the end; what stands before the first that is not ours,
	 * anyone may have written. */
	while (i-- > 0) {
		struct span value = fields[i].value;

		if (!span_equal_nocase(fields[i].name, SPAN("X-Forwarded-For")))
			continue;
		for (;;) {
			const char *comma = value.len == 0 ? NULL : memrchr(value.at, ',', value.len);
			struct span last = comma == NULL ? value : span_from(value, (size_t)(comma + 1 - value.at));

			if (!conf_network_has(proxies, span_of(client_r)) || !read_forwarded(last, next))
				return;
			strcpy(client_r, next);
			if (comma == NULL)
				break;
			value.len = (size_t)(comma - value.at);
		}
	}
}
