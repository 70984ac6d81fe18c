#include "lib/provider.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/provider_table.h"
#include "lib/store_warmup.h"
#include "lib/warmup_plan.h"

struct match {
	const char *provider; /* NULL: none */
	size_t len;           /* of the name that fits */
};

static int compare_row(const void *key, const void *row) {
	const struct span *wanted = key;
	const char *name = ((const struct provider_row *)row)->name;
	int order = strncmp(wanted->at, name, wanted->len);

	return order != 0 ? order : name[wanted->len] == '\0' ? 0 : -1;
}

/* The name itself, then what is behind each of its dots: the longest comes first. */
static struct match find_builtin(const struct provider_table *table, struct span name) {
	while (name.len > 0) {
		const struct provider_row *row =
		        bsearch(&name, table->rows, table->count, sizeof *table->rows, compare_row);
		ssize_t dot = span_find_byte(name, '.');

		if (row != NULL)
			return (struct match){row->provider, name.len};
		if (dot < 0)
			break;
		name = span_from(name, (size_t)dot + 1);
	}
	return (struct match){NULL, 0};
}

static void find_in_list(const struct strings *list, struct span name, const char *provider, struct match *best) {
	size_t i;

	for (i = 0; i < list->len; i++) {
		struct span own = span_of(list->at[i]);

		if (own.len > best->len && addr_domain_under(name, own))
			*best = (struct match){provider, own.len};
	}
}

static const char *find(const struct conf *conf, const struct provider_table *table, bool by_mx, struct span name) {
	struct match builtin = find_builtin(table, name), own = {NULL, 0};
	size_t i;

	for (i = 0; i < conf->provider_count; i++) {
		const struct conf_provider *provider = &conf->providers[i];

		find_in_list(by_mx ? &provider->mx : &provider->domain, name, provider->name, &own);
	}
	return own.len > 0 && own.len >= builtin.len ? own.provider : builtin.provider;
}

const char *provider_by_domain(const struct conf *conf, struct span domain) {
	return find(conf, &provider_domains, false, domain);
}

const char *provider_by_mx(const struct conf *conf, struct span host) {
	return find(conf, &provider_hosts, true, host);
}

int provider_find(const struct conf *conf, struct store *store, struct span domain, int64_t day, time_t now,
                  char name_r[PROVIDER_NAME_SIZE], bool *fresh_r, struct err *err) {
	const char *name = provider_by_domain(conf, domain);
	struct store_domain known;
	bool found = false;

	if (name == NULL && store_find_domain(store, domain, day, &found, &known, err) != 0)
		return -1;
	if (fresh_r != NULL)
		*fresh_r = name != NULL || (found && known.expires > now);
	snprintf(name_r, PROVIDER_NAME_SIZE, "%s", name != NULL ? name : found ? known.provider : PROVIDER_OTHER);
	return 0;
}

long long provider_quota(const struct conf *conf, const char *name, long long amount) {
	const struct conf_provider *provider = conf_find_provider(conf, span_of(name));
	long long quota = WARMUP_UNLIMITED;

	if (provider == NULL)
		return quota;
	/* 0.3 of 10 is 3, though a little more as a double. */
	if (provider->share < 1.0 && amount != WARMUP_UNLIMITED)
		quota = (long long)ceil((double)amount * provider->share - 1e-6);
	if (provider->quota > 0 && (quota == WARMUP_UNLIMITED || provider->quota < quota))
		quota = provider->quota;
	return quota;
}

const char *provider_builtin(size_t index) {
	return index < provider_name_count ? provider_names[index] : NULL;
}
