/* The built-in table of lib/provider.h, as data; private to lib/provider*.c. */
#ifndef LIB_PROVIDER_TABLE_H
#define LIB_PROVIDER_TABLE_H

#include <stddef.h>

struct provider_row {
	const char *name; /* a domain: itself and what is below it */
	const char *provider;
};

/* In the order of strcmp(3). */
struct provider_table {
	const struct provider_row *rows;
	size_t count;
};

extern const struct provider_table provider_domains;
extern const struct provider_table provider_hosts;
extern const char *const *const provider_names; /* in order */
extern const size_t provider_name_count;

#endif
