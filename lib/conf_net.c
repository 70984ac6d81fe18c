/* Checks of lib/conf_check.h: networks, endpoints and URLs; and their use. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/conf_check.h"

#define URL_MAX_LEN 2000

/* An address of either family as 16 octets and its bits; IPv4 is held as
 * IPv4-mapped, so that both ways of writing it are one. */
struct net {
	unsigned char at[16];
	unsigned bits; /* 0-128; of IPv4: 96-128 */
	bool is_v4;
};

/* 0-`max`, at most five digits, without a leading zero; -1 otherwise. */
static long small_number(struct span text, long max) {
	long value = 0;
	size_t i;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.at[0] == '0'))
		return -1;
	for (i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.at[i]))
			return -1;
		value = value * 10 + (text.at[i] - '0');
	}
	return value <= max ? value : -1;
}

static bool address_parse(struct span text, struct net *net_r) {
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	char copy[INET6_ADDRSTRLEN + 1];

	if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	net_r->bits = 128;
	if (inet_pton(AF_INET, copy, net_r->at + 12) == 1)
		memcpy(net_r->at, mapped, sizeof mapped);
	else if (inet_pton(AF_INET6, copy, net_r->at) != 1)
		return false;
	net_r->is_v4 = memcmp(net_r->at, mapped, sizeof mapped) == 0;
	return true;
}

/* Are the first `bits` bits the same? */
static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits) {
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static bool network_parse(struct span text, struct net *net_r) {
	ssize_t slash = span_find_byte(text, '/');
	struct span address = slash < 0 ? text : span_make(text.at, (size_t)slash);
	bool dotted = span_find_byte(address, ':') < 0;
	unsigned char kept[16] = {0};
	unsigned i;
	long bits;

	if (!address_parse(address, net_r))
		return false;
	if (slash >= 0) {
		bits = small_number(span_from(text, (size_t)slash + 1), dotted ? 32 : 128);
		if (bits < 0)
			return false;
		net_r->bits = (unsigned)bits + (dotted ? 96 : 0);
		/* ::ffff:0:0/90 would be a network of both families. */
		if (net_r->is_v4 && net_r->bits < 96)
			return false;
	}
	for (i = 0; i < net_r->bits; i++)
		kept[i / 8] |= (unsigned char)(net_r->at[i / 8] & (0x80 >> i % 8));
	return memcmp(kept, net_r->at, sizeof kept) == 0;
}

int conf_check_network(struct span text, struct buf *out, struct err *allowed) {
	char shown[INET6_ADDRSTRLEN];
	struct net net;

	if (!network_parse(text, &net))
		return err_set(allowed, "an address or a network, as 192.0.2.0/24 or 2001:db8::/32, "
		                        "with no bits set behind the prefix");
	inet_ntop(net.is_v4 ? AF_INET : AF_INET6, net.is_v4 ? net.at + 12 : net.at, shown, sizeof shown);
	buf_printf(out, "%s/%u", shown, net.is_v4 ? net.bits - 96 : net.bits);
	return 0;
}

bool conf_network_has(const struct strings *networks, struct span address) {
	struct net host, net;
	size_t i;

	/* RFC 5321 4.1.3 and Postfix's {client_addr} write the tag; RFC 4291 2.2 doesn't. */
	if (span_starts_nocase(address, SPAN("IPv6:")))
		address = span_from(address, strlen("IPv6:"));
	if (!address_parse(address, &host))
		return false;
	for (i = 0; i < networks->len; i++)
		if (network_parse(span_of(networks->at[i]), &net) && net.is_v4 == host.is_v4 &&
		    same_bits(net.at, host.at, net.bits))
			return true;
	return false;
}

/* ADDRESS:PORT, an IPv6 address in brackets. */
static int hostport_parse(struct span text, struct conf_endpoint *endpoint_r) {
	struct span address, rest;
	bool bracket = text.len > 0 && text.at[0] == '[';
	ssize_t end = span_find_byte(text, bracket ? ']' : ':');
	struct net net;
	long port;

	if (end < 0)
		return -1;
	address = bracket ? span_make(text.at + 1, (size_t)end - 1) : span_make(text.at, (size_t)end);
	rest = span_from(text, (size_t)end + bracket);
	if (rest.len == 0 || rest.at[0] != ':')
		return -1;
	port = small_number(span_from(rest, 1), 65535);
	if (port < 0 || !address_parse(address, &net) || bracket != (span_find_byte(address, ':') >= 0))
		return -1;
	memcpy(endpoint_r->address, address.at, address.len);
	endpoint_r->port = (unsigned short)port;
	return 0;
}

int conf_endpoint_parse(const char *text, struct conf_endpoint *endpoint_r) {
	struct span s = span_of(text);

	memset(endpoint_r, 0, sizeof *endpoint_r);
	if (span_starts(s, SPAN("inet:")))
		return hostport_parse(span_from(s, strlen("inet:")), endpoint_r);
	if (!span_starts(s, SPAN("unix:")))
		return -1;
	s = span_from(s, strlen("unix:"));
	/* bind(2) wants the NUL inside sun_path. */
	if (s.len == 0 || s.at[0] != '/' || s.len >= sizeof endpoint_r->path)
		return -1;
	endpoint_r->is_unix = true;
	memcpy(endpoint_r->path, s.at, s.len);
	return 0;
}

int conf_check_endpoint(struct span text, struct buf *out, struct err *allowed) {
	struct conf_endpoint endpoint;
	size_t before = out->len;

	buf_add_span(out, text);
	if (out->failed || conf_endpoint_parse(out->at + before, &endpoint) != 0)
		return err_set(allowed, "unix:PATH (absolute, at most %zu octets) or inet:ADDRESS:PORT",
		               sizeof endpoint.path - 1);
	return 0;
}

int conf_check_hostport(struct span text, struct buf *out, struct err *allowed) {
	struct conf_endpoint endpoint = {0};

	if (hostport_parse(text, &endpoint) != 0)
		return err_set(allowed, "ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080");
	buf_add_span(out, text);
	return 0;
}

/* https://HOST[:PORT]: one-click needs https (RFC 8058 3.1), and tokens are the
 * only path, so that a link is never ambiguous (S3). */
int conf_check_base_url(struct span text, struct buf *out, struct err *allowed) {
	struct span host = span_from(text, strlen("https://"));
	ssize_t colon;
	long port = 443;
	bool good = span_starts_nocase(text, SPAN("https://"));

	if (host.len > 0 && host.at[host.len - 1] == '/')
		host.len--;
	colon = span_find_byte(host, ':');
	if (colon >= 0) {
		port = small_number(span_from(host, (size_t)colon + 1), 65535);
		host.len = (size_t)colon;
	}
	buf_add_text(out, "https://");
	if (!good || port < 1 || host.len == 0 || host.at[0] == '[' || addr_domain_canonical(host, out) != 0)
		return err_set(allowed, "https://HOST or https://HOST:PORT, without path, query and fragment");
	if (port != 443)
		buf_printf(out, ":%ld", port);
	return 0;
}

/* What a page may link to: nothing that a browser would run. */
int conf_check_url(struct span text, struct buf *out, struct err *allowed) {
	struct span scheme = span_starts_nocase(text, SPAN("http://")) ? SPAN("http://") : SPAN("https://");
	struct span host = span_starts_nocase(text, scheme) ? span_from(text, scheme.len) : SPAN_NONE;
	bool good = host.len > 0 && host.at[0] != '/' && text.len <= URL_MAX_LEN;
	size_t i;

	for (i = 0; good && i < text.len; i++)
		good = text.at[i] > ' ' && text.at[i] < 127 && strchr("\"<>\\^`{|}", text.at[i]) == NULL;
	if (!good)
		return err_set(allowed, "an https or http URL in ASCII, as https://www.example.com/privacy");
	buf_add_span(out, text);
	return 0;
}
