#include "lib/csv.h"

#include <string.h>

void csv_init(struct csv *csv, struct span text) {
	*csv = (struct csv){.left = text, .next_line = 1};
	buf_init(&csv->memory, CSV_RECORD_MAX);
}

void csv_free(struct csv *csv) {
	buf_free(&csv->memory);
}

static void fail(struct csv *csv, const char *problem) {
	if (csv->problem == NULL)
		csv->problem = problem;
}

static char peek(const struct csv *csv) {
	return csv->left.len > 0 ? csv->left.at[0] : '\0';
}

static bool at_line_end(const struct csv *csv) {
	return csv->left.len == 0 || peek(csv) == '\r' || peek(csv) == '\n';
}

static void skip(struct csv *csv) {
	csv->left = span_from(csv->left, 1);
}

/* CRLF, LF or CR. */
static void skip_line_end(struct csv *csv) {
	bool cr = peek(csv) == '\r';

	if (csv->left.len == 0)
		return;
	skip(csv);
	if (cr && peek(csv) == '\n')
		skip(csv);
	csv->next_line++;
}

/* A line end within quotes counts as a line; it stays as it is. */
static void take(struct csv *csv) {
	char c = peek(csv);

	if (c == '\0')
		fail(csv, "a NUL");
	if (c == '\n' || (c == '\r' && (csv->left.len < 2 || csv->left.at[1] != '\n')))
		csv->next_line++;
	buf_add_byte(&csv->memory, c);
	skip(csv);
}

static void read_quoted(struct csv *csv) {
	skip(csv);
	for (;;) {
		if (csv->left.len == 0) {
			fail(csv, "a quote that is never closed");
			return;
		}
		if (peek(csv) == '"') {
			skip(csv);
			if (peek(csv) != '"')
				break;
		}
		take(csv);
	}
	if (!at_line_end(csv) && peek(csv) != ',')
		fail(csv, "text behind a closing quote");
}

static void read_field(struct csv *csv) {
	if (peek(csv) == '"') {
		read_quoted(csv);
		return;
	}
	while (!at_line_end(csv) && peek(csv) != ',')
		take(csv);
}

int csv_next(struct csv *csv) {
	size_t starts[CSV_FIELDS_MAX + 1], i;
	bool more = true;

	buf_reset(&csv->memory);
	csv->count = 0;
	while (csv->left.len > 0 && at_line_end(csv))
		skip_line_end(csv);
	if (csv->problem != NULL)
		return -1;
	csv->line = csv->next_line;
	if (csv->left.len == 0)
		return 0;
	while (more && csv->problem == NULL && csv->count < CSV_FIELDS_MAX) {
		starts[csv->count++] = csv->memory.len;
		read_field(csv);
		more = csv->problem == NULL && peek(csv) == ',' && csv->left.len > 0;
		if (more)
			skip(csv);
	}
	if (more)
		fail(csv, "too many fields");
	if (csv->memory.failed)
		fail(csv, "a record that is too long");
	if (csv->problem != NULL)
		return -1;
	starts[csv->count] = csv->memory.len;
	for (i = 0; i < csv->count; i++)
		csv->fields[i] =
		        span_make(csv->memory.at == NULL ? "" : csv->memory.at + starts[i], starts[i + 1] - starts[i]);
	skip_line_end(csv);
	return 1;
}

static void add(struct buf *out, struct span field, bool first, bool guarded) {
	bool quoted = guarded;
	size_t i;

	for (i = 0; i < field.len && !quoted; i++)
		quoted = memchr(",\"\r\n", field.at[i], 4) != NULL || (i == 0 && ascii_is_blank(field.at[i]));
	if (!first)
		buf_add_byte(out, ',');
	if (quoted)
		buf_add_byte(out, '"');
	if (guarded)
		buf_add_byte(out, '\'');
	for (i = 0; i < field.len; i++) {
		if (field.at[i] == '"')
			buf_add_byte(out, '"');
		buf_add_byte(out, field.at[i]);
	}
	if (quoted)
		buf_add_byte(out, '"');
}

void csv_add(struct buf *out, struct span field, bool first) {
	add(out, field, first, false);
}

void csv_add_foreign(struct buf *out, struct span field, bool first) {
	add(out, field, first, field.len > 0 && memchr("=+-@\t\r", field.at[0], 6) != NULL);
}

void csv_end(struct buf *out) {
	buf_add_text(out, "\r\n");
}
