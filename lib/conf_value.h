/*
 * Values of options: from the file's text into their field, and back.
 */
#ifndef LIB_CONF_VALUE_H
#define LIB_CONF_VALUE_H

#include "lib/conf_table.h"

/* Stores the text's value in the option's field inside the section's struct
 * `target`; a TEXTS option gets one element more.  -1, and what is `allowed`,
 * where it can't be.  Text that is no UTF-8 or has control characters is no
 * value of any option (H7). */
int conf_value_set(const struct conf_option *option, void *target, struct span text, struct err *allowed);
/* The text through a check, as conf_value_set() does for TEXT; malloc'd, NULL
 * where it isn't allowed. */
char *conf_value_checked(conf_check *check, struct span text, struct err *allowed);
/* The value as the file writes it, quoted where it must be. */
void conf_value_print(const struct conf_option *option, const void *target, struct buf *out);
/* What the option allows, in words; nothing for TEXT and TEXTS. */
void conf_value_print_allowed(const struct conf_option *option, struct buf *out);

/* A struct with every option at its default, sub-sections included, over
 * zeroed memory.  -1 when out of memory. */
int conf_struct_init(const struct conf_section *section, void *target);
/* Frees what the struct holds and zeroes it; not the struct itself. */
void conf_struct_free(const struct conf_section *section, void *target);

/* The texts of TEXT and TEXTS fields. */
char **conf_value_text(const struct conf_option *option, const void *target);
struct strings *conf_value_texts(const struct conf_option *option, const void *target);

#endif
