/* todoku dkim: keys and their TXT records. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/dkimkey.h"
#include "tools/command.h"

#define RSA_BITS 2048
#define KEY_FOLDER "/etc/todoku/dkim"

static int print_record(const struct command *command, const char *file, const char *domain, const char *selector,
                        const char *record) {
	struct buf zone;
	int status = EX_OK;

	buf_init(&zone, 65536);
	dkimkey_zone_record(selector, domain, record, &zone);
	if (zone.failed) {
		status = command_fail(EX_OSERR, "out of memory");
	} else if (command->json) {
		json_t *said =
		        json_pack("{s:s, s:o, s:s, s:s}", "file", file, "name",
		                  json_sprintf("%s._domainkey.%s", selector, domain), "value", record, "zone", zone.at);

		json_dumpf(said, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(said);
	} else {
		printf("%s%s", zone.at, zone.at[zone.len - 1] == '\n' ? "" : "\n");
	}
	buf_free(&zone);
	return status;
}

int dkim_keygen(struct command *command) {
	const char *type = command_option(command, "--type", "rsa");
	const char *bits = command_option(command, "--bits", NULL);
	const char *out = command_option(command, "--out", NULL);
	char file[1024];
	struct dkimkey *key;
	struct err err;
	char *end = NULL;
	long size = bits == NULL ? RSA_BITS : strtol(bits, &end, 10);
	int status;

	if (command->argc != 2)
		return command_usage(command, "a domain and a selector are needed");
	if (strcmp(type, "rsa") != 0 && strcmp(type, "ed25519") != 0)
		return command_usage(command, "--type: allowed are rsa and ed25519");
	if (bits != NULL && (end == bits || *end != '\0' || size < 1024 || size > 8192 || strcmp(type, "rsa") != 0))
		return command_usage(command, "--bits: allowed are 1024 to 8192, for rsa");
	if (out == NULL) {
		snprintf(file, sizeof file, KEY_FOLDER "/%s/%s.pem", command->argv[0], command->argv[1]);
		out = file;
	}
	if (dkimkey_generate(out, strcmp(type, "rsa") == 0 ? DKIMKEY_RSA : DKIMKEY_ED25519, (int)size, &err) != 0)
		return command_fail(EX_CANTCREAT, "%s", err.text);
	key = dkimkey_load(out, &err);
	if (key == NULL)
		return command_fail(EX_IOERR, "%s", err.text);
	if (!command->json)
		fprintf(stderr, "todoku: wrote %s; the daemons' user must be able to read it\n", out);
	status = print_record(command, out, command->argv[0], command->argv[1], dkimkey_record(key));
	dkimkey_free(&key);
	return status;
}

int dkim_record(struct command *command) {
	struct dkimkey *key;
	struct err err;

	if (command->argc != 1)
		return command_usage(command, "one key file is needed");
	key = dkimkey_load(command->argv[0], &err);
	if (key == NULL)
		return command_fail(EX_NOINPUT, "%s", err.text);
	printf("%s\n", dkimkey_record(key));
	dkimkey_free(&key);
	return EX_OK;
}
