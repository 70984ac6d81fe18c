/*
 * Text with places that are filled in: the pages and mails that the
 * administrator may edit (todoku-pages(5)).
 *
 *     {{name}}                      the value, escaped
 *     {{if name}} A {{else}} B {{end}}   A where the value isn't empty
 *     {{unless name}} A {{end}}     A where it is
 *     {{each name}} A {{end}}       A for each row; the row's names go first
 *     {{include FILE}}              another file of the same folder
 *     {{! ... }}                    a remark
 *
 * A line that holds nothing but one of these (a value excepted) leaves no line.
 * There is no way to put in a value unescaped.
 *
 * A template is read once, when the daemon starts or reloads, against a table
 * of the names it may use.  An error says
 *
 *     FILE:LINE: found "{{titel}}", allowed: title, address, ...
 *
 * so a page that has been parsed can't fail while somebody waits for it.
 *
 * Escaping: TEMPLATE_HTML makes & < > " ' character references, fit for text and
 * for attribute values in quotes.  TEMPLATE_PLAIN puts a value on one line:
 * control characters become blanks (H7).  In both, what is no UTF-8 becomes
 * U+FFFD, and HTML loses control characters but TAB and LF.
 *
 * Threads: a template is immutable.
 */
#ifndef LIB_TEMPLATE_H
#define LIB_TEMPLATE_H

#include "lib/err.h"
#include "lib/text.h"

enum template_kind { TEMPLATE_HTML, TEMPLATE_PLAIN };

#define TEMPLATE_FILE_MAX 65536  /* octets of one file */
#define TEMPLATE_TEXT_MAX 524288 /* of a template with all that it includes */
#define TEMPLATE_DEPTH_MAX 8     /* blocks within blocks, and files within files */

/* A name that may be used.  A table ends with a row without a name. */
struct template_name {
	const char *name;
	const struct template_name *rows; /* names of its rows; NULL: a text */
	const char *help;                 /* for todoku-pages(5) */
};

/* Reads the file of that name, appended; -1 with the reason. */
typedef int template_read(void *context, struct span name, struct buf *out, struct err *err);

struct template;

/* NULL with the reason.  `where` is what errors put before the file's name. */
struct template *template_parse(const char *where, const char *file, enum template_kind kind,
                                const struct template_name *names, template_read *read, void *context, struct err *err);
/* The same from a folder. */
struct template *template_load(const char *folder, const char *file, enum template_kind kind,
                               const struct template_name *names, struct err *err);
void template_free(struct template **t);

/* Values stand in the order of the names.  Of a list, `rows` are `row_count`
 * times the values of one row, one after the other. */
struct template_value {
	struct span text;
	const struct template_value *rows;
	size_t row_count;
};

/* Appends; `out` says whether it failed. */
void template_render(const struct template *t, const struct template_value *values, struct buf *out);

/* A value as the template would put it. */
void template_escape(enum template_kind kind, struct span text, struct buf *out);

#endif
