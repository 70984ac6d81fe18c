#include "webd/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span http_field_value(const struct http_request *request, const char *name) {
	size_t i;

	for (i = 0; i < request->field_count; i++)
		if (span_equal_nocase(request->fields[i].name, span_of(name)))
			return request->fields[i].value;
	return SPAN_NONE;
}

void http_answer_init(struct http_answer *answer) {
	*answer = (struct http_answer){.status = 500};
	buf_init(&answer->body, HTTP_ANSWER_MAX);
	buf_init(&answer->record, HTTP_RECORD_MAX);
}

void http_answer_free(struct http_answer *answer) {
	size_t i;

	for (i = 0; i < answer->field_count; i++)
		free(answer->fields[i].value);
	answer->field_count = 0;
	buf_free(&answer->body);
	buf_free(&answer->record);
}

/* The record's memory is kept: most answers have one. */
void http_answer_reset(struct http_answer *answer) {
	struct buf record = answer->record;

	answer->record = (struct buf){.max = HTTP_RECORD_MAX};
	http_answer_free(answer);
	http_answer_init(answer);
	answer->record = record;
	buf_reset(&answer->record);
}

static bool fits_a_field(struct span value) {
	return span_find_byte(value, '\r') < 0 && span_find_byte(value, '\n') < 0 && span_find_byte(value, '\0') < 0;
}

static struct http_answer_field *find(const struct http_answer *answer, const char *name) {
	size_t i;

	for (i = 0; i < answer->field_count; i++)
		if (strcasecmp(answer->fields[i].name, name) == 0)
			return (struct http_answer_field *)&answer->fields[i];
	return NULL;
}

void http_answer_field(struct http_answer *answer, const char *name, struct span value) {
	struct http_answer_field *field = find(answer, name);
	char *copy = fits_a_field(value) ? malloc(value.len + 1) : NULL;

	if (copy == NULL || (field == NULL && answer->field_count == HTTP_ANSWER_FIELDS_MAX)) {
		free(copy);
		answer->failed = true;
		return;
	}
	if (value.len > 0)
		memcpy(copy, value.at, value.len);
	copy[value.len] = '\0';
	if (field == NULL) {
		field = &answer->fields[answer->field_count++];
		field->value = NULL;
	}
	free(field->value);
	*field = (struct http_answer_field){name, copy};
}

const char *http_answer_find(const struct http_answer *answer, const char *name) {
	const struct http_answer_field *field = find(answer, name);

	return field == NULL ? NULL : field->value;
}

void http_answer_text(struct http_answer *answer, unsigned status, const char *type, const char *literal) {
	answer->status = status;
	http_answer_field(answer, "Content-Type", span_of(type));
	answer->constant_body = literal;
	answer->constant_len = strlen(literal);
}

void http_answer_not_found(struct http_answer *answer) {
	http_answer_reset(answer);
	http_answer_text(answer, 404, "text/plain; charset=utf-8", "Not found.\n");
}

void http_answer_not_allowed(struct http_answer *answer, const char *allow) {
	http_answer_reset(answer);
	http_answer_text(answer, 405, "text/plain; charset=utf-8", "Method not allowed.\n");
	http_answer_field(answer, "Allow", span_of(allow));
}
