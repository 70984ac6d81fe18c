/* todoku key: the ring that makes links and return paths. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "tools/command.h"

/* The file named, or the configuration's. */
static int with_ring_file(struct command *command, int (*act)(const char *, time_t, struct err *), const char *done) {
	struct conf *conf = NULL;
	const char *file;
	struct err err;
	int status = EX_OK;

	if (command->argc > 1)
		return command_usage(command, "one file at most");
	if (command->argc == 0) {
		conf = command_conf(command);
		if (conf == NULL)
			return EX_CONFIG;
	}
	file = conf == NULL ? command->argv[0] : conf->token_keys;
	if (act(file, time(NULL), &err) != 0)
		status = command_fail(EX_CANTCREAT, "%s", err.text);
	else if (command->json)
		printf("{\"file\":\"%s\",\"done\":\"%s\"}\n", file, done);
	else
		printf("%s: %s\n", file, done);
	conf_free(&conf);
	return status;
}

int key_init(struct command *command) {
	return with_ring_file(command, keyring_create, "made");
}

int key_rotate(struct command *command) {
	return with_ring_file(command, keyring_rotate, "rotated; send SIGHUP to the daemons");
}
