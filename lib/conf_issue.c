#include "lib/conf_issue.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/utf8.h"

#define FOUND_MAX 100 /* octets of a value that are shown */
#define LINE_MAX_LEN 8192

void conf_quote(struct buf *out, struct span text) {
	buf_add_byte(out, '"');
	while (text.len > 0) {
		size_t size = utf8_size(text);

		if (size == 0 || utf8_is_control(text)) {
			size_t i;

			for (i = 0; i < (size == 0 ? 1 : size); i++)
				buf_printf(out, "\\x%02x", (unsigned char)text.at[i]);
		} else {
			/* "${" would be taken for a variable. */
			if (text.at[0] == '"' || text.at[0] == '\\' || text.at[0] == '$')
				buf_add_byte(out, '\\');
			buf_add(out, text.at, size);
		}
		text = span_from(text, size == 0 ? 1 : size);
	}
	buf_add_byte(out, '"');
}

/* At most about FOUND_MAX octets, cut between characters. */
static struct span shown(struct span text) {
	size_t len = 0;

	if (text.len <= FOUND_MAX)
		return text;
	while (len < FOUND_MAX) {
		size_t size = utf8_size(span_from(text, len));

		len += size == 0 ? 1 : size;
	}
	return span_make(text.at, len);
}

static void quote_cut(struct buf *out, struct span text) {
	conf_quote(out, shown(text));
	if (text.len > FOUND_MAX)
		buf_add_text(out, "...");
}

/* Names that exist are plain; one that doesn't can be any text. */
static void add_name(struct buf *out, struct span name) {
	size_t i;

	for (i = 0; i < name.len && (ascii_is_alnum(name.at[i]) || name.at[i] == '_'); i++)
		continue;
	if (i < name.len)
		quote_cut(out, name);
	else
		buf_add_span(out, shown(name));
}

void conf_issue_add(struct conf_issues *issues, struct conf_place place, struct span found, const char *allowed, ...) {
	struct buf line;
	va_list args;
	char what[1024];

	issues->found++;
	if (issues->len == CONF_ISSUES_MAX)
		return;
	va_start(args, allowed);
	vsnprintf(what, sizeof what, allowed, args);
	va_end(args);
	buf_init(&line, LINE_MAX_LEN);
	buf_add_text(&line, issues->file);
	if (place.line > 0)
		buf_printf(&line, ":%ld", place.line);
	buf_add_text(&line, ": ");
	if (place.where.len > 0) {
		buf_add_span(&line, place.where);
		buf_add_text(&line, ": ");
	}
	if (place.option.len > 0) {
		add_name(&line, place.option);
		buf_add_text(&line, ": ");
	}
	buf_add_text(&line, "found ");
	quote_cut(&line, found);
	buf_printf(&line, ", allowed: %s", what);
	issues->at[issues->len].line = place.line;
	issues->at[issues->len++].text = buf_take(&line);
}

void conf_where_add(struct buf *where, const char *section, struct span title) {
	if (where->len > 0)
		buf_add_text(where, ": ");
	buf_add_text(where, section);
	if (title.at == NULL)
		return;
	buf_add_byte(where, ' ');
	quote_cut(where, title);
}

void conf_issues_print(struct conf_issues *issues, struct buf *out) {
	size_t i, j;

	for (i = 1; i < issues->len; i++) {
		for (j = i; j > 0 && issues->at[j].line < issues->at[j - 1].line; j--) {
			long line = issues->at[j].line;
			char *text = issues->at[j].text;

			issues->at[j] = issues->at[j - 1];
			issues->at[j - 1].line = line;
			issues->at[j - 1].text = text;
		}
	}
	for (i = 0; i < issues->len; i++) {
		if (i > 0)
			buf_add_byte(out, '\n');
		if (issues->at[i].text == NULL)
			buf_printf(out, "%s:%ld: an error too long to be told", issues->file, issues->at[i].line);
		else
			buf_add_text(out, issues->at[i].text);
	}
}

void conf_issues_free(struct conf_issues *issues) {
	size_t i;

	for (i = 0; i < issues->len; i++)
		free(issues->at[i].text);
	issues->len = issues->found = 0;
}
