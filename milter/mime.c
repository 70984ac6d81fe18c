#include "milter/mime.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

#include "milter/mime_cache.h"
#include "milter/mime_condense.h"

#define FAULTS_MAX 256 /* offsets of faulty header fields that are remembered */

/* What the parser complained of while it read. */
struct faults {
	const char *structure; /* the whole message is in doubt */
	gint64 at[FAULTS_MAX];
	size_t count;
};

struct walk {
	struct span entity;
	struct faults *faults;
	struct mime_map *map;
	size_t room;
	bool out_of_memory;
};

const char *mime_keep_name(enum mime_keep keep) {
	static const char *const names[] = {
	        [MIME_CHANGEABLE] = "changeable",    [MIME_KEEP_TYPE] = "type",
	        [MIME_KEEP_PROTECTED] = "protected", [MIME_KEEP_ATTACHMENT] = "attachment",
	        [MIME_KEEP_CHARSET] = "charset",     [MIME_KEEP_ENCODING] = "encoding",
	        [MIME_KEEP_MALFORMED] = "malformed", [MIME_KEEP_DEEP] = "nested too deep",
	};

	return names[keep];
}

void mime_init(void) {
	g_mime_init();
}

static void note_fault(gint64 offset, GMimeParserWarning code, const gchar *item, gpointer data) {
	struct faults *faults = data;

	(void)item;
	switch (code) {
	case GMIME_WARN_MALFORMED_MULTIPART:
	case GMIME_WARN_TRUNCATED_MESSAGE:
		faults->structure = "a multipart that does not end";
		break;
	case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
		faults->structure = "a multipart without a boundary";
		break;
	case GMIME_WARN_MALFORMED_MESSAGE:
	case GMIME_CRIT_INVALID_HEADER_NAME:
	case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
		faults->structure = "a part whose header is malformed";
		break;
	case GMIME_CRIT_NESTING_OVERFLOW:
		faults->structure = "nested too deep";
		break;
	case GMIME_WARN_UNENCODED_8BIT_HEADER:
	case GMIME_WARN_INVALID_RFC2047_HEADER_VALUE:
	case GMIME_WARN_INVALID_ADDRESS_LIST:
		break;
	default:
		if (faults->count < FAULTS_MAX)
			faults->at[faults->count++] = offset;
		else
			faults->structure = "too many faulty header fields";
	}
}

static bool fault_within(const struct faults *faults, size_t start, size_t end) {
	size_t i;

	for (i = 0; i < faults->count; i++)
		if (faults->at[i] < 0 || ((size_t)faults->at[i] >= start && (size_t)faults->at[i] < end))
			return true;
	return false;
}

/* One past the line end of the field that begins at `at`. */
static size_t field_end(struct span entity, size_t at) {
	for (;;) {
		ssize_t newline = span_find_byte(span_from(entity, at), '\n');

		if (newline < 0)
			return entity.len;
		at += (size_t)newline + 1;
		if (at >= entity.len || (entity.at[at] != ' ' && entity.at[at] != '\t'))
			return at;
	}
}

/* The part's fields that decide how its body is read: where they lie, and
 * whether one is there twice. */
struct fields {
	size_t start;
	size_t end; /* of the last field */
	size_t encoding_at;
	size_t encoding_len;
	bool repeated;
	bool disposition;
};

static void read_fields(struct walk *walk, GMimeObject *object, size_t body_at, struct fields *fields_r) {
	GMimeHeaderList *list = g_mime_object_get_header_list(object);
	int count = g_mime_header_list_get_count(list), i, types = 0;

	/* Without a field, one could be put before the empty line. */
	*fields_r = (struct fields){.start = body_at, .end = body_at < 2 ? 0 : body_at - 2};
	for (i = 0; i < count; i++) {
		GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
		struct span name = span_of(g_mime_header_get_name(header));
		size_t at = (size_t)g_mime_header_get_offset(header);
		size_t end;

		if (at >= walk->entity.len)
			continue;
		end = field_end(walk->entity, at);
		if (i == 0)
			fields_r->start = at;
		fields_r->end = end;
		if (span_equal_nocase(name, SPAN("Content-Transfer-Encoding"))) {
			fields_r->repeated |= fields_r->encoding_len > 0;
			fields_r->encoding_at = at;
			fields_r->encoding_len = end - at;
		} else if (span_equal_nocase(name, SPAN("Content-Type"))) {
			fields_r->repeated |= types++ > 0;
		} else if (span_equal_nocase(name, SPAN("Content-Disposition"))) {
			fields_r->repeated |= fields_r->disposition;
			fields_r->disposition = true;
		}
	}
	if (fields_r->encoding_len == 0)
		fields_r->encoding_at = fields_r->end;
}

static bool is_attachment(GMimePart *part) {
	GMimeContentDisposition *disposition = g_mime_object_get_content_disposition((GMimeObject *)part);
	const char *how = disposition == NULL ? NULL : g_mime_content_disposition_get_disposition(disposition);

	return (how != NULL && !span_equal_nocase(span_of(how), SPAN("inline"))) ||
	       g_mime_part_get_filename(part) != NULL;
}

/* Without the comments (RFC 5322 3.2.2) before and behind the word. */
static struct span strip_comments(struct span value) {
	size_t i;
	int depth;

	value = span_trim(value);
	while (value.len > 0 && value.at[0] == '(') {
		for (i = 0, depth = 0; i < value.len; i++) {
			depth += value.at[i] == '(' ? 1 : value.at[i] == ')' ? -1 : 0;
			if (depth == 0)
				break;
		}
		value = span_trim(span_from(value, i + 1));
	}
	for (i = 0; i < value.len && value.at[i] != '('; i++)
		;
	return span_trim(span_make(value.at, i));
}

static enum transfer read_encoding(struct span entity, const struct fields *fields) {
	struct span field = span_make(entity.at + fields->encoding_at, fields->encoding_len);
	ssize_t colon = span_find_byte(field, ':');

	return transfer_of(colon < 0 ? SPAN_NONE : strip_comments(span_from(field, (size_t)colon + 1)));
}

static enum mime_keep judge(const struct mime_part *part, GMimePart *gpart, bool faulty, bool guarded, int depth) {
	if (part->kind == MIME_OTHER)
		return MIME_KEEP_TYPE;
	if (guarded)
		return MIME_KEEP_PROTECTED;
	if (faulty)
		return MIME_KEEP_MALFORMED;
	if (depth > MIME_DEPTH_MAX)
		return MIME_KEEP_DEEP;
	if (is_attachment(gpart))
		return MIME_KEEP_ATTACHMENT;
	if (part->charset == CHARSET_UNKNOWN)
		return MIME_KEEP_CHARSET;
	return part->encoding == TRANSFER_UNKNOWN ? MIME_KEEP_ENCODING : MIME_CHANGEABLE;
}

static struct mime_part *add_part(struct walk *walk) {
	struct mime_map *map = walk->map;
	struct mime_part *grown;

	if (map->count >= MIME_PARTS_MAX) {
		walk->faults->structure = "too many parts";
		return NULL;
	}
	if (map->count == walk->room) {
		walk->room = walk->room == 0 ? 8 : walk->room * 2;
		grown = realloc(map->parts, walk->room * sizeof *grown);
		if (grown == NULL) {
			walk->out_of_memory = true;
			return NULL;
		}
		map->parts = grown;
	}
	grown = &map->parts[map->count++];
	memset(grown, 0, sizeof *grown);
	return grown;
}

static void map_leaf(struct walk *walk, GMimePart *gpart, struct span body, bool guarded, int depth) {
	GMimeContentType *type = g_mime_object_get_content_type((GMimeObject *)gpart);
	const char *label = type == NULL ? NULL : g_mime_content_type_get_parameter(type, "charset");
	struct mime_part *part = add_part(walk);
	struct fields fields;
	bool faulty;

	if (part == NULL)
		return;
	part->body_at = (size_t)(body.at - walk->entity.at);
	part->body_len = body.len;
	if (type == NULL || g_mime_content_type_is_type(type, "text", "plain"))
		part->kind = MIME_TEXT;
	else
		part->kind = g_mime_content_type_is_type(type, "text", "html") ? MIME_HTML : MIME_OTHER;
	read_fields(walk, (GMimeObject *)gpart, part->body_at, &fields);
	part->encoding_at = fields.encoding_at;
	part->encoding_len = fields.encoding_len;
	part->encoding = read_encoding(walk->entity, &fields);
	faulty = fields.repeated || fault_within(walk->faults, fields.start, part->body_at);
	if (label != NULL && strlen(label) < sizeof part->label)
		strcpy(part->label, label);
	else if (label != NULL)
		faulty = true;
	part->charset = charset_of(span_of(part->label));
	part->keep = judge(part, gpart, faulty, guarded, depth);
}

static void map_object(struct walk *walk, GMimeObject *object, bool guarded, int depth) {
	if (GMIME_IS_MULTIPART(object)) {
		GMimeMultipart *multipart = (GMimeMultipart *)object;
		struct fields fields;
		int count = g_mime_multipart_get_count(multipart), i;

		read_fields(walk, object, 0, &fields);
		if (fields.repeated || fault_within(walk->faults, fields.start, fields.end))
			walk->faults->structure = "a multipart whose header is malformed";
		guarded |= GMIME_IS_MULTIPART_SIGNED(object) || GMIME_IS_MULTIPART_ENCRYPTED(object);
		for (i = 0; i < count; i++)
			map_object(walk, g_mime_multipart_get_part(multipart, i), guarded, depth + 1);
	} else if (GMIME_IS_PART(object)) {
		GMimeDataWrapper *content = g_mime_part_get_content((GMimePart *)object);
		GMimeStream *stream = content == NULL ? NULL : g_mime_data_wrapper_get_stream(content);
		struct span body;

		if (stream == NULL)
			return;
		if (stream->bound_start < 0 || stream->bound_end < stream->bound_start ||
		    (size_t)stream->bound_end > walk->entity.len) {
			walk->faults->structure = "a part without bounds";
			return;
		}
		body = span_make(walk->entity.at + stream->bound_start,
		                 (size_t)(stream->bound_end - stream->bound_start));
		map_leaf(walk, (GMimePart *)object, body, guarded, depth);
	}
	/* message/rfc822 and its kin pass through whole. */
}

static GMimeObject *parse(struct span entity, GMimeParserOptions *options) {
	GByteArray bytes = {(guint8 *)(uintptr_t)entity.at, (guint)entity.len};
	GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(&bytes);
	GMimeParser *parser;
	GMimeObject *object;

	/* The array is on our stack and its bytes are the caller's: the stream may
	 * free neither, and nothing that outlives this call may read from it. */
	g_mime_stream_mem_set_owner((GMimeStreamMem *)stream, FALSE);
	parser = g_mime_parser_new_with_stream(stream);
	g_mime_parser_set_persist_stream(parser, TRUE);
	object = g_mime_parser_construct_part(parser, options);
	g_object_unref(parser);
	g_object_unref(stream);
	return object;
}

/* The empty line that ends the header; entity.len where there is none. */
static size_t header_end(struct span entity) {
	ssize_t found;

	if (span_starts(entity, SPAN("\r\n")))
		return 2;
	found = span_find(entity, SPAN("\r\n\r\n"));
	return found < 0 ? entity.len : (size_t)found + 4;
}

/* A body that is one leaf need not be searched for boundaries: the header alone,
 * read for itself, tells.  False where it is not one. */
static bool map_lone_leaf(struct walk *walk, GMimeParserOptions *options) {
	size_t body_at = header_end(walk->entity);
	GMimeObject *object = parse(span_make(walk->entity.at, body_at), options);
	bool lone = object != NULL && GMIME_IS_PART(object);

	walk->faults->structure = NULL;
	if (lone)
		map_leaf(walk, (GMimePart *)object, span_from(walk->entity, body_at), false, 0);
	else
		*walk->faults = (struct faults){0};
	if (object != NULL)
		g_object_unref(object);
	return lone;
}

static void restore_places(struct mime_map *map, const struct condensed *condensed) {
	size_t i;

	for (i = 0; i < map->count; i++) {
		struct mime_part *part = &map->parts[i];
		size_t end = condensed_original(condensed, part->body_at + part->body_len);

		part->body_at = condensed_original(condensed, part->body_at);
		part->body_len = end - part->body_at;
		part->encoding_at = condensed_original(condensed, part->encoding_at);
	}
}

/* What GMime makes of the lines; false where it is one leaf after all. */
static bool parse_structure(struct walk *walk, GMimeParserOptions *options) {
	GMimeObject *object = walk->entity.len > G_MAXUINT ? NULL : parse(walk->entity, options);
	bool lone = object != NULL && GMIME_IS_PART(object);

	if (object == NULL)
		walk->faults->structure = "no structure";
	else if (lone)
		*walk->faults = (struct faults){0};
	else
		map_object(walk, object, false, 0);
	walk->map->malformed = walk->faults->structure;
	if (object != NULL)
		g_object_unref(object);
	return !lone;
}

/* False where it is one leaf after all. */
static bool map_structure(struct walk *walk, GMimeParserOptions *options, struct mime_cache *cache) {
	struct span entity = walk->entity;
	struct condensed condensed;
	bool mapped = true;

	if (mime_condense(entity, &condensed) != 0) {
		walk->out_of_memory = true;
		return true;
	}
	if (!mime_cache_find(cache, condensed.text, walk->map)) {
		walk->entity = condensed.text;
		mapped = parse_structure(walk, options);
		walk->entity = entity;
		if (mapped && !walk->out_of_memory)
			mime_cache_add(cache, condensed.text, walk->map);
	}
	walk->faults->structure = walk->map->malformed;
	if (mapped)
		restore_places(walk->map, &condensed);
	condensed_free(&condensed);
	return mapped;
}

/* Most headers that mention one are that of a multipart, and are read once only. */
static bool mentions_multipart(struct span entity) {
	return span_find_nocase(span_make(entity.at, header_end(entity)), SPAN("multipart")) >= 0;
}

int mime_map(struct mime_cache *cache, struct span entity, struct mime_map *map_r) {
	GMimeParserOptions *options = g_mime_parser_options_new();
	struct faults faults = {0};
	struct walk walk = {.entity = entity, .faults = &faults, .map = map_r};

	*map_r = (struct mime_map){0};
	g_mime_parser_options_set_warning_callback(options, note_fault, &faults);
	if ((mentions_multipart(entity) || !map_lone_leaf(&walk, options)) && !map_structure(&walk, options, cache))
		(void)map_lone_leaf(&walk, options);
	g_mime_parser_options_free(options);
	map_r->malformed = faults.structure;
	if (walk.out_of_memory)
		mime_map_free(map_r);
	return walk.out_of_memory ? -1 : 0;
}

void mime_map_free(struct mime_map *map) {
	free(map->parts);
	*map = (struct mime_map){0};
}
