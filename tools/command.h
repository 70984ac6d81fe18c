/*
 * The todoku command: one program of nouns and verbs (todoku(1)).
 *
 * A verb is a function of its own in the file of its noun.  It writes its answer
 * to standard output, what went wrong to standard error, and returns the exit
 * status: 0, 1 (asked and answered no), or one of sysexits(3).
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/conf.h"
#include "lib/keyring.h"

struct verb;

struct command {
	const struct verb *verb;
	const char *conf_file;
	bool json;
	int argc; /* what stands behind the verb, options of the whole taken out */
	char **argv;
};

struct verb {
	const char *name; /* "key init" */
	const char *arguments;
	const char *help;
	int (*run)(struct command *command);
};

int bounce_classify(struct command *command);
int bounce_show(struct command *command);
int bounce_reclassify(struct command *command);
int report_errors(struct command *command);
int check_run(struct command *command);
int key_init(struct command *command);
int key_rotate(struct command *command);
int dkim_keygen(struct command *command);
int dkim_record(struct command *command);
int link_show(struct command *command);
int send_show(struct command *command);
int event_show(struct command *command);
int report_kpi(struct command *command);
int report_links(struct command *command);
int address_show(struct command *command);
int address_status(struct command *command);
int address_block(struct command *command);
int address_unblock(struct command *command);
int address_reset(struct command *command);
int address_erase(struct command *command);
int address_add(struct command *command);
int address_import(struct command *command);
int address_export(struct command *command);
int consent_show(struct command *command);
int store_expire_old(struct command *command);
int warmup_plan(struct command *command);
int warmup_status(struct command *command);
int warmup_resume_run(struct command *command);
int hold_list(struct command *command);
int hold_release(struct command *command);
int hold_cancel(struct command *command);
int explain_run(struct command *command);

/* "todoku: ..." and a newline on standard error; returns the status. */
int command_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is wrong with the arguments, and how they should be; EX_USAGE. */
int command_usage(const struct command *command, const char *problem);

/* NULL after having said what is wrong; every line of a bad file. */
struct conf *command_conf(const struct command *command);
struct keyring *command_ring(const struct conf *conf);

/* Takes `--name VALUE` (or `--name=VALUE`) out of the arguments: the value, or
 * the preset where it isn't given. */
const char *command_option(struct command *command, const char *name, const char *preset);
/* Takes `--name` out of the arguments: was it there? */
bool command_flag(struct command *command, const char *name);

#endif
