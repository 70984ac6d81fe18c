#include "tools/address.h"

#include <string.h>
#include <sysexits.h>

int address_check_list(const struct conf *conf, const char *list) {
	struct buf names;
	size_t i;

	if (list[0] == '\0' || conf_find_list(conf, span_of(list)) != NULL)
		return EX_OK;
	buf_init(&names, 4096);
	for (i = 0; i < conf->list_count; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", conf->lists[i].name);
	command_fail(EX_USAGE, "--list: found \"%s\", allowed: %s", list,
	             names.len > 0 ? names.at : "none is configured");
	buf_free(&names);
	return EX_USAGE;
}

int address_open_all(const struct command *command, struct address *a) {
	a->conf = command_conf(command);
	a->ring = a->conf == NULL ? NULL : command_ring(a->conf);
	if (a->ring == NULL)
		return EX_CONFIG;
	if (address_check_list(a->conf, a->list) != EX_OK)
		return EX_USAGE;
	/* The status of a list is kept under the name that the configuration has. */
	if (a->list[0] != '\0')
		a->list = conf_find_list(a->conf, span_of(a->list))->name;
	a->store = answer_store(a->conf);
	return a->store == NULL ? EX_IOERR : EX_OK;
}

int address_open(struct command *command, bool needs_why, struct address *a) {
	int status;

	memset(a, 0, sizeof *a);
	a->list = command_option(command, "--list", "");
	a->why = command_option(command, "--why", NULL);
	if (command->argc != 1)
		return command_usage(command, "one address is needed");
	if (needs_why && (a->why == NULL || a->why[0] == '\0'))
		return command_usage(command, "--why TEXT is needed: it is kept with the change");
	status = address_open_all(command, a);
	return status == EX_OK ? answer_reader(a->ring, command->argv[0], &a->reader) : status;
}

void address_close(struct address *a) {
	answer_reader_free(&a->reader);
	store_close(&a->store);
	keyring_free(&a->ring);
	conf_free(&a->conf);
}
