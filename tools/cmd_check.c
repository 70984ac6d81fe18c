/* todoku check: what a daemon would say at its start, without starting one. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/dkimset.h"
#include "tools/check.h"
#include "tools/command.h"

#define TEXT_MAX 1048576

static void tell_record(void *context, const struct dkimset_key *key, const char *dns, const char *found) {
	(void)context;
	if (strcmp(dns, "same") != 0)
		fprintf(stderr, "%s._domainkey.%s: record in DNS is %s: %s\n", key->selector, key->domain, dns, found);
}

/* All that the configuration names: ring, zone, keys, what daemons need.  False after having said
 * what is wrong with them. */
static bool check_named(const struct conf *conf, struct dkimset **keys_r) {
	struct err err;
	struct keyring *ring = keyring_load(conf->token_keys, &err);
	struct zone *zone;
	struct buf errors;
	bool good = true;

	if (ring == NULL) {
		fprintf(stderr, "token_keys: %s\n", err.text);
		good = false;
	}
	keyring_free(&ring);
	zone = zone_load(conf->timezone, &err);
	if (zone == NULL) {
		fprintf(stderr, "timezone: %s\n", err.text);
		good = false;
	}
	zone_free(&zone);
	buf_init(&errors, TEXT_MAX);
	*keys_r = dkimset_load(conf, &errors);
	if (*keys_r == NULL) {
		fputs(errors.at, stderr);
		good = false;
	}
	buf_free(&errors);
	return check_daemons(conf) && good;
}

/* The configuration in force, or (without one) the tables of todoku.conf(5). */
static int dump(const struct conf *conf) {
	struct buf out;
	int status = EX_OK;

	buf_init(&out, TEXT_MAX);
	if (conf != NULL)
		conf_dump(conf, &out);
	else
		conf_manual(&out);
	if (out.failed)
		status = command_fail(EX_OSERR, "out of memory");
	else
		fputs(out.at, stdout);
	buf_free(&out);
	return status;
}

int check_run(struct command *command) {
	bool want_dump = command_flag(command, "--dump"), no_dns = command_flag(command, "--no-dns");
	struct dkimset *keys = NULL;
	struct conf *conf;
	int status = EX_OK;

	if (command_flag(command, "--manual"))
		return dump(NULL);
	if (command->argc != 0)
		return command_usage(command, "no argument is needed; -c FILE names another configuration");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	if (want_dump)
		status = dump(conf);
	else if (!check_named(conf, &keys))
		status = EX_CONFIG;
	else if (!no_dns && conf->dkim_policy.dns != CONF_DKIM_DNS_OFF &&
	         dkimset_check_dns(keys, tell_record, NULL) > 0 && conf->dkim_policy.dns == CONF_DKIM_DNS_REQUIRE)
		status = 1;
	if (status == EX_OK && !want_dump)
		printf(command->json ? "{\"file\":\"%s\",\"good\":true}\n" : "%s: good\n", command->conf_file);
	dkimset_free(&keys);
	conf_free(&conf);
	return status;
}
