/*
 * The option table as data: what the rows of lib/conf_options.h say, for the
 * code that reads, checks, dumps and documents options without naming any.
 *
 * A section describes a C struct: where its options lie in it, and its
 * sub-sections.  A titled section (list "news") is an array in its parent: a
 * pointer at `at`, the number of elements at `count_at`; the title is the first
 * member of the element.  An untitled one (milter) lies in its parent at `at`.
 */
#ifndef LIB_CONF_TABLE_H
#define LIB_CONF_TABLE_H

#include "lib/conf.h"
#include "lib/err.h"

enum conf_kind {
	CONF_KIND_BOOL,
	CONF_KIND_INT,
	CONF_KIND_REAL,
	CONF_KIND_TIME,
	CONF_KIND_SIZE,
	CONF_KIND_WORD,
	CONF_KIND_TEXT,
	CONF_KIND_TEXTS,
};

/* Is the text allowed?  Then 0, and its normal form is appended to `out`; else
 * -1, and `allowed` says what is. */
typedef int conf_check(struct span text, struct buf *out, struct err *allowed);

struct conf_option {
	const char *name;
	enum conf_kind kind;
	size_t at;          /* in the section's struct */
	const char *preset; /* as the file would have it */
	double low, high;   /* of INT, REAL, TIME and SIZE; every long of the table is exact in it */
	const char *words;  /* of WORD */
	conf_check *check;  /* of TEXT and TEXTS */
	const char *help;
};

struct conf_section {
	const char *name;
	const char *help;
	const struct conf_option *options;
	size_t option_count;
	const struct conf_section *sections;
	size_t section_count;
	size_t at, size;
	conf_check *title; /* NULL: untitled */
	size_t count_at;
};

/* The whole file; describes struct conf. */
extern const struct conf_section conf_table;

/* NULL where there is none of that name. */
const struct conf_option *conf_table_option(const struct conf_section *section, struct span name);
const struct conf_section *conf_table_section(const struct conf_section *section, struct span name);
/* The option or section of this section whose name is the fewest edits away. */
const char *conf_table_closest(const struct conf_section *section, struct span name);

/* The struct of an untitled section inside its parent's struct. */
void *conf_table_struct(const struct conf_section *section, const void *parent);
/* The elements of a titled one: the array, NULL while there are none. */
void *conf_table_array(const struct conf_section *section, const void *parent, size_t *count_r);
void conf_table_array_set(const struct conf_section *section, void *parent, void *array, size_t count);

#endif
