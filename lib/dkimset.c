#include "lib/dkimset.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct dkimset {
	const struct conf *conf;
	struct dkimset_key *keys;
	size_t count;
};

static int load_domain(struct dkimset *set, const struct conf_domain *domain, struct buf *errors) {
	bool has_rsa = domain->key_count == 0;
	int status = 0;
	size_t i;

	for (i = 0; i < domain->key_count; i++) {
		struct dkimset_key *key = &set->keys[set->count];
		struct err err;

		key->domain = domain->name;
		key->selector = domain->keys[i].selector;
		atomic_init(&key->dns, DKIMKEY_DNS_UNKNOWN);
		key->key = dkimkey_load(domain->keys[i].key, &err);
		if (key->key == NULL) {
			buf_printf(errors, "domain \"%s\": dkim \"%s\": %s\n", domain->name, key->selector, err.text);
			has_rsa = true;
			status = -1;
			continue;
		}
		has_rsa |= dkimkey_type(key->key) == DKIMKEY_RSA;
		set->count++;
	}
	if (has_rsa)
		return status;
	buf_printf(errors,
	           "domain \"%s\": only Ed25519 keys, allowed: an RSA key beside them, since not every receiver "
	           "knows Ed25519 (todoku dkim keygen %s SELECTOR)\n",
	           domain->name, domain->name);
	return -1;
}

struct dkimset *dkimset_load(const struct conf *conf, struct buf *errors) {
	struct dkimset *set = calloc(1, sizeof *set);
	size_t count = 0, i;
	int status = 0;

	for (i = 0; i < conf->domain_count; i++)
		count += conf->domains[i].key_count;
	if (set != NULL)
		set->keys = calloc(count + 1, sizeof *set->keys);
	if (set == NULL || set->keys == NULL) {
		buf_add_text(errors, "out of memory\n");
		free(set);
		return NULL;
	}
	set->conf = conf;
	for (i = 0; i < conf->domain_count; i++)
		if (load_domain(set, &conf->domains[i], errors) != 0)
			status = -1;
	if (status != 0)
		dkimset_free(&set);
	return set;
}

void dkimset_free(struct dkimset **set) {
	struct dkimset *s = *set;
	size_t i;

	*set = NULL;
	if (s == NULL)
		return;
	for (i = 0; i < s->count; i++)
		dkimkey_free(&s->keys[i].key);
	free(s->keys);
	free(s);
}

static const char *dns_name(int dns) {
	static const char *const names[] = {
	        [DKIMKEY_DNS_SAME] = "same",
	        [DKIMKEY_DNS_ABSENT] = "absent",
	        [DKIMKEY_DNS_DIFFERS] = "differs",
	        [DKIMKEY_DNS_UNKNOWN] = "unknown",
	};

	return names[dns];
}

size_t dkimset_check_dns(struct dkimset *set,
                         void (*tell)(void *context, const struct dkimset_key *key, const char *dns, const char *found),
                         void *context) {
	size_t unsure = 0, i;

	for (i = 0; i < set->count; i++) {
		struct dkimset_key *key = &set->keys[i];
		struct err err = {{0}};
		int before = atomic_load(&key->dns);
		int now = dkimkey_check_dns(key->key, key->selector, key->domain, set->conf->dkim_policy.dns_dir, &err);

		unsure += now != DKIMKEY_DNS_SAME;
		/* No answer is no news: a key that was right stays in use. */
		if (now == before ? now != DKIMKEY_DNS_UNKNOWN : now == DKIMKEY_DNS_UNKNOWN)
			continue;
		atomic_store(&key->dns, now);
		tell(context, key, dns_name(now), err.text);
	}
	return unsure;
}

/* The section of the domain itself or of its nearest parent: a signature by a
 * parent aligns with the From domain too. */
static const struct conf_domain *covering_section(const struct conf *conf, struct span domain) {
	const struct conf_domain *found;
	ssize_t dot;

	for (;;) {
		found = conf_find_domain(conf, domain);
		dot = span_find_byte(domain, '.');
		if (found != NULL || dot < 0)
			return found;
		domain = span_from(domain, (size_t)dot + 1);
	}
}

static int add_signers(const struct dkimset *set, const char *domain, enum dkimkey_type type,
                       const struct dkimset_key **signers, int count, struct err *err) {
	size_t i;

	for (i = 0; i < set->count && count < DKIMSET_SIGNERS_MAX; i++) {
		const struct dkimset_key *key = &set->keys[i];
		int dns = atomic_load(&key->dns);

		if (strcmp(key->domain, domain) != 0 || dkimkey_type(key->key) != type)
			continue;
		if (set->conf->dkim_policy.dns == CONF_DKIM_DNS_REQUIRE && dns != DKIMKEY_DNS_SAME)
			err_set(err, "the DNS record of %s._domainkey.%s: %s", key->selector, domain, dns_name(dns));
		else
			signers[count++] = key;
	}
	return count;
}

int dkimset_signers(const struct dkimset *set, struct span from_domain,
                    const struct dkimset_key *signers_r[DKIMSET_SIGNERS_MAX], struct err *err) {
	static const enum dkimkey_type types[] = {DKIMKEY_RSA, DKIMKEY_ED25519};
	const struct conf_domain *section = covering_section(set->conf, from_domain);
	int count = 0;
	size_t type, i;

	if (section == NULL)
		return 0;
	err_set(err, "domain \"%s\" has no dkim section", section->name);
	for (type = 0; type < 2; type++) {
		count = add_signers(set, section->name, types[type], signers_r, count, err);
		if (count == 0)
			return -1;
		for (i = 0; i < section->also_sign.len; i++)
			count = add_signers(set, section->also_sign.at[i], types[type], signers_r, count, err);
	}
	return count;
}
