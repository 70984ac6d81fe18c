/* conf_dump() and conf_manual() of lib/conf.h: the option table, printed. */
#include <string.h>

#include "lib/conf_issue.h"
#include "lib/conf_value.h"

static void indent(size_t depth, struct buf *out) {
	while (depth-- > 0)
		buf_add_byte(out, '\t');
}

static void dump_struct(const struct conf_section *section, const void *target, size_t depth, struct buf *out);

static void dump_section(const struct conf_section *section, const char *title, const void *target, size_t depth,
                         struct buf *out) {
	if (depth == 0)
		buf_add_byte(out, '\n');
	indent(depth, out);
	buf_add_text(out, section->name);
	if (title != NULL) {
		buf_add_byte(out, ' ');
		conf_quote(out, span_of(title));
	}
	buf_add_text(out, " {\n");
	dump_struct(section, target, depth + 1, out);
	indent(depth, out);
	buf_add_text(out, "}\n");
}

static void dump_struct(const struct conf_section *section, const void *target, size_t depth, struct buf *out) {
	size_t i, j, count;

	for (i = 0; i < section->option_count; i++) {
		indent(depth, out);
		buf_printf(out, "%s = ", section->options[i].name);
		conf_value_print(&section->options[i], target, out);
		buf_add_byte(out, '\n');
	}
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];
		const char *array;

		if (sub->title == NULL) {
			dump_section(sub, NULL, conf_table_struct(sub, target), depth, out);
			continue;
		}
		array = conf_table_array(sub, target, &count);
		for (j = 0; j < count; j++)
			dump_section(sub, *(char *const *)(array + j * sub->size), array + j * sub->size, depth, out);
	}
}

void conf_dump(const struct conf *conf, struct buf *out) {
	dump_struct(&conf_table, conf, 0, out);
}

#define MANUAL_COLUMN 70

/* Text in mdoc(7), without macros and escapes; lines break after MANUAL_COLUMN. */
static void manual_text(const char *text, struct buf *out) {
	size_t column;

	for (column = 0; *text != '\0'; text++, column++) {
		if (column == 0 && (*text == '.' || *text == '\''))
			buf_add_text(out, "\\&");
		if (*text == ' ' && column >= MANUAL_COLUMN) {
			buf_add_byte(out, '\n');
			column = SIZE_MAX;
		} else if (*text == '\\') {
			buf_add_text(out, "\\e");
		} else if (*text == '-') {
			buf_add_text(out, "\\-");
		} else {
			buf_add_byte(out, *text);
		}
	}
}

/* A line with a macro, its argument in quotes, and a full stop. */
static void manual_argument(const char *macro, const char *text, struct buf *out) {
	const char *part = text;

	buf_printf(out, "%s \"", macro);
	for (; *part != '\0'; part++) {
		if (*part == '"')
			buf_add_text(out, "\\(dq");
		else if (*part == '\\')
			buf_add_text(out, "\\e");
		else
			buf_add_byte(out, *part);
	}
	buf_add_text(out, "\" .\n");
}

static void manual_option(const struct conf_option *option, struct buf *out) {
	struct buf allowed;

	buf_printf(out, ".It Ic %s\n", option->name);
	manual_text(option->help, out);
	buf_add_text(out, ".\n");
	buf_init(&allowed, 1024);
	conf_value_print_allowed(option, &allowed);
	if (allowed.len > 0) {
		buf_add_text(out, "Allowed: ");
		manual_text(allowed.at, out);
		buf_add_text(out, ".\n");
	}
	buf_free(&allowed);
	if (option->kind == CONF_KIND_TEXTS)
		buf_add_text(out, "A list.\n");
	if (option->preset[0] == '\0' || strcmp(option->preset, "{}") == 0)
		return;
	buf_add_text(out, "Default:\n");
	manual_argument(".Ql", option->preset, out);
}

/* `path` is the section's name as the heading shows it: `list "NAME" track`. */
static void manual_section(const struct conf_section *section, struct span path, struct buf *out) {
	size_t i;

	if (section->option_count > 0) {
		buf_add_text(out, ".Bl -tag -width Ds\n");
		for (i = 0; i < section->option_count; i++)
			manual_option(&section->options[i], out);
		buf_add_text(out, ".El\n");
	}
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];
		struct buf inner;

		buf_init(&inner, 256);
		buf_add_span(&inner, path);
		buf_printf(&inner, "%s%s%s", path.len == 0 ? "" : " ", sub->name, sub->title == NULL ? "" : " NAME");
		buf_printf(out, ".Ss %s\n%s\n", inner.at, sub->help);
		manual_section(sub, buf_span(&inner), out);
		buf_free(&inner);
	}
}

void conf_manual(struct buf *out) {
	buf_add_text(out, ".Ss Options outside of sections\n");
	manual_section(&conf_table, SPAN_NONE, out);
}
