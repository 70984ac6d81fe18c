/*
 * What a request must be before a handler sees it (S3, S4): unambiguously
 * framed, for our host, of an address that we believe.
 *
 * libmicrohttpd takes a request apart leniently.  Where two readers of the same
 * octets (a proxy and it) could see two different requests, webd answers 400 and
 * closes: RFC 9112 2.2, 5.2, 6.1, 6.3, 11.2.
 *
 * Nothing here allocates; spans of the results point into the arguments.
 */
#ifndef WEBD_HTTP_CHECK_H
#define WEBD_HTTP_CHECK_H

#include "webd/http.h"

/* Field names are tokens, values hold no control character; at most one Host,
 * Content-Length (digits) and Transfer-Encoding ("chunked"), never both of the
 * latter, and that one not in HTTP/1.0.  0, or the status to refuse with. */
unsigned http_check_fields(const struct http_field *fields, size_t count, bool is_1_0);

/*
 * libmicrohttpd 0.9.75 leaves the octets of a header where they came in, with zeros
 * for colons and line ends.  So untrimmed fields, as it hands them out, tell what it
 * made of them: one that was folded (RFC 9112 5.2) lies elsewhere, and behind a
 * bare LF the next one comes too soon.  True where each name is followed by its
 * value, and each value by CR, LF and the next name.
 */
bool http_layout_is_plain(const struct http_field *fields, size_t count);

/* All fields with what lies between them. */
size_t http_fields_size(const struct http_field *fields, size_t count);

/* The request target, taken apart: origin form, or absolute form of http or https
 * (RFC 9112 3.2). */
struct http_target {
	struct span authority; /* of the absolute form; else empty */
	struct span path;
	struct span query;
};
/* 0, or -1 where it is neither, or has octets that no URI has. */
int http_target_parse(struct span uri, struct http_target *target_r);

/* Is `authority` (HOST[:PORT]) the host of base_url?  Case and a default port
 * (80 or 443) make no difference. */
bool http_host_is(struct span authority, struct span host);

/* For the admin listener: an IP address or "localhost", with any port, which no
 * stranger's DNS can make a browser say. */
bool http_host_is_local(struct span authority);

/* The address of the reader.  `peer` is the connection's.  While the address at
 * hand lies in `proxies`, the next one to the left of X-Forwarded-For takes its
 * place; text that is no address ends the walk.  IPv4-mapped addresses come out
 * as IPv4. */
#define HTTP_ADDRESS_SIZE 46
void http_client(const struct strings *proxies, struct span peer, const struct http_field *fields, size_t count,
                 char client_r[HTTP_ADDRESS_SIZE]);

#endif
