/*
 * One HTTP request, taken apart and checked, and its answer: what the handlers
 * of webd/ work on.  Nothing here knows libmicrohttpd.
 *
 * When a handler sees a request, its Host (and the host of an absolute-form
 * target) is that of `base_url`, its framing is unambiguous, and URI, header and
 * body are within their limits (S3, S4).  The spans point into the connection and
 * live until the answer was taken.  Bytes are as they came: percent-encoding is
 * not undone, NULs can't occur outside the body.
 *
 * Threads: a request and its answer belong to one thread at a time.
 */
#ifndef WEBD_HTTP_H
#define WEBD_HTTP_H

#include <time.h>

#include "lib/text.h"

#define HTTP_URI_MAX 8192     /* octets of the request target (S4) */
#define HTTP_HEADER_MAX 16384 /* octets of all fields together */
#define HTTP_BODY_MAX 4096    /* octets of a request's body */
#define HTTP_FIELDS_MAX 64    /* fields of a request */
#define HTTP_ANSWER_MAX 1048576
#define HTTP_RECORD_MAX 8192

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

struct http_field {
	struct span name;
	struct span value; /* without blanks around it */
};

struct http_request {
	enum http_method method;
	struct span path;  /* begins with "/" */
	struct span query; /* behind the "?", or empty */
	/* Address of the reader: of the connection, or what a trusted proxy says in
	 * X-Forwarded-For; always a valid address as text, IPv4 in dotted form. */
	struct span client;
	int64_t now_ms; /* since 1970 */
	struct span body;
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t field_count;
	/* The part of the path behind its route's prefix. */
	struct span rest;
};

/* The first field of that name, without regard to case; SPAN_NONE where there is none. */
struct span http_field_value(const struct http_request *request, const char *name);

#define HTTP_ANSWER_FIELDS_MAX 16

/* `name` is a literal.  The value is the answer's own. */
struct http_answer_field {
	const char *name;
	char *value;
};

/*
 * An answer starts as 500 without a body.  Every answer gets `Cache-Control:
 * no-store`, `Referrer-Policy: no-referrer`, `X-Content-Type-Options: nosniff`,
 * `X-Robots-Tag: noindex` and a strict Content-Security-Policy from the server,
 * unless the handler set a field of that name itself.  A HEAD gets the same
 * fields and no body; the server sees to that.
 */
struct http_answer {
	unsigned status;
	struct http_answer_field fields[HTTP_ANSWER_FIELDS_MAX];
	size_t field_count;
	/* Octets for the journal (webd/record.h).  Where there are some, the answer goes
	 * out when they are on disk, or can not be. */
	struct buf record;
	bool record_matters;       /* and if it can not be, the answer is 503 */
	bool close;                /* the connection, after this answer */
	struct buf body;           /* ceiling HTTP_ANSWER_MAX */
	const char *constant_body; /* used instead of `body` where not NULL; a literal, not freed */
	size_t constant_len;
	bool failed; /* sticky: no memory, or a value with CR, LF or NUL; a 500 goes out instead */
};

void http_answer_init(struct http_answer *answer);
void http_answer_free(struct http_answer *answer);
/* Forgets all, for another beginning. */
void http_answer_reset(struct http_answer *answer);
/* Sets the field; one of the same name is replaced. */
void http_answer_field(struct http_answer *answer, const char *name, struct span value);
const char *http_answer_find(const struct http_answer *answer, const char *name);
/* Sets status, Content-Type and a body that is a literal. */
void http_answer_text(struct http_answer *answer, unsigned status, const char *type, const char *literal);
/* Of the admin listener; readers get pages_not_found(). */
void http_answer_not_found(struct http_answer *answer);
/* 405 with Allow. */
void http_answer_not_allowed(struct http_answer *answer, const char *allow);

#endif
