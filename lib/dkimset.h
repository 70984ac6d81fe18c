/*
 * The DKIM keys of a configuration: which may sign what, and what the DNS says
 * of them (D1, D5, D6).
 *
 * A loaded set is immutable but for what the DNS says, which changes in place,
 * atomically.  The configuration must outlive it.
 */
#ifndef LIB_DKIMSET_H
#define LIB_DKIMSET_H

#include "lib/conf.h"
#include "lib/dkimkey.h"

struct dkimset_key {
	struct dkimkey *key;
	const char *domain;   /* d= */
	const char *selector; /* s= */
	_Atomic int dns;      /* enum dkimkey_dns */
};

struct dkimset;

/* Loads every key of every domain section.  NULL with one line for each that is
 * bad, appended.  A domain needs an RSA key: Ed25519 signs only in addition. */
struct dkimset *dkimset_load(const struct conf *conf, struct buf *errors);
void dkimset_free(struct dkimset **set);

/* Asks the DNS about each key and tells of each whose answer is new or not to be
 * had, `found` in words.  The number of keys not known to be right. */
size_t dkimset_check_dns(struct dkimset *set,
                         void (*tell)(void *context, const struct dkimset_key *key, const char *dns, const char *found),
                         void *context);

#define DKIMSET_SIGNERS_MAX 16
/*
 * The keys that sign mail from a From domain: those of its domain section or of
 * its nearest parent's, and of the sections that names in also_sign, as far as
 * they may be used; RSA first.  The count; 0 where no section covers the domain;
 * -1 where one does but none of its RSA keys may be used, and why.
 */
int dkimset_signers(const struct dkimset *set, struct span from_domain,
                    const struct dkimset_key *signers_r[DKIMSET_SIGNERS_MAX], struct err *err);

#endif
