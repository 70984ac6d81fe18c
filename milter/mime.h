/*
 * The MIME map: where the parts of a message lie, by byte offsets into the
 * original, and which of them may be changed (B1).  GMime reads the structure;
 * nothing is ever written back by it.
 *
 * Threads: mime_init() once, before the others; a map is its caller's.
 */
#ifndef MILTER_MIME_H
#define MILTER_MIME_H

#include "lib/text.h"
#include "milter/charset.h"
#include "milter/transfer.h"

enum mime_kind { MIME_HTML, MIME_TEXT, MIME_OTHER };

/* Why a part passes through byte for byte. */
enum mime_keep {
	MIME_CHANGEABLE,
	MIME_KEEP_TYPE,       /* neither text/html nor text/plain */
	MIME_KEEP_PROTECTED,  /* within multipart/signed or multipart/encrypted */
	MIME_KEEP_ATTACHMENT, /* Content-Disposition other than inline, or a file name */
	MIME_KEEP_CHARSET,    /* not one that charset.h understands */
	MIME_KEEP_ENCODING,   /* not one that transfer.h understands */
	MIME_KEEP_MALFORMED,  /* its header says a thing twice, or is cut off */
	MIME_KEEP_DEEP,       /* nested deeper than MIME_DEPTH_MAX */
};
const char *mime_keep_name(enum mime_keep keep);

#define MIME_DEPTH_MAX 64
#define MIME_PARTS_MAX 2000 /* leaves; a message with more is malformed to us */
#define MIME_LABEL_SIZE 64

struct mime_part {
	enum mime_kind kind;
	enum mime_keep keep;
	size_t body_at; /* first byte of the part's body */
	size_t body_len;
	/* The field Content-Transfer-Encoding with its line end; length 0 where
	 * there is none, `encoding_at` then is where it may be put. */
	size_t encoding_at;
	size_t encoding_len;
	enum transfer encoding;
	enum charset charset;
	char label[MIME_LABEL_SIZE]; /* charset as written; "" where absent */
};

struct mime_map {
	struct mime_part *parts; /* leaves in order of position */
	size_t count;
	const char *malformed; /* why the whole body passes through, or NULL */
};

void mime_init(void);

struct mime_cache;

/*
 * Maps `entity`: the message's Content-* and MIME-Version fields (at least), an
 * empty line, and the body, with CRLF line ends.  Offsets are into it.
 * `cache` (mime_cache.h) knows messages mapped before; it may be NULL.
 * 0, or -1 when out of memory.
 */
int mime_map(struct mime_cache *cache, struct span entity, struct mime_map *map_r);
void mime_map_free(struct mime_map *map);

#endif
