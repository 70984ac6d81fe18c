/* todoku: operates the daemons' configuration, keys and records (todoku(1)). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tools/command.h"

#define CONF_FILE "/etc/todoku/todoku.conf"
#define ERRORS_MAX 65536

static const struct verb verbs[] = {
        {"check", "[--dump | --manual] [--no-dns]",
         "says what is wrong with the configuration, the keys and their DNS records", check_run},
        {"bounce classify", "[--rules FILE] [FILE...]",
         "says of each failed recipient in a report why it failed and what to do", bounce_classify},
        {"bounce show", "[ID | ADDRESS | --kept] [--limit N]",
         "lists what came back; one whole, with what is kept of it", bounce_show},
        {"bounce reclassify", "[--dry-run]", "judges what is on record by the rules of today", bounce_reclassify},
        {"key init", "[FILE]", "makes the key ring", key_init},
        {"key rotate", "[FILE]", "adds a key that signs from now on; old links stay good", key_rotate},
        {"dkim keygen", "DOMAIN SELECTOR [--type rsa|ed25519] [--bits N] [--out FILE]",
         "makes a DKIM key and prints its TXT record", dkim_keygen},
        {"dkim record", "FILE", "prints the TXT value that belongs to a DKIM key", dkim_record},
        {"link show", "URL|TOKEN|ADDRESS...", "says what a token of ours says", link_show},
        {"send show", "CAMPAIGN", "lists what was sent for a campaign (id or name)", send_show},
        {"event show", "ADDRESS|CAMPAIGN [--limit N] [--csv]",
         "lists clicks, opens and the like of a reader or a campaign", event_show},
        {"report kpi", "CAMPAIGN [--csv]", "figures and rates of a campaign, beside what is good", report_kpi},
        {"report links", "CAMPAIGN [--csv]", "clicks of a campaign's links", report_links},
        {"report errors", "CAMPAIGN [--csv]", "why mail of a campaign came back, and how often", report_errors},
        {"address status", "ADDRESS [--list NAME]", "may the address have mail (of the list)?", address_status},
        {"address show", "ADDRESS", "all that is on record of an address: standing, changes", address_show},
        {"address block", "ADDRESS --why TEXT [--list NAME]", "no more mail (of the list) to the address",
         address_block},
        {"address unblock", "ADDRESS --why TEXT [--list NAME]", "takes a block away; who unsubscribed stays so",
         address_unblock},
        {"address reset", "ADDRESS --why TEXT [--list NAME]", "makes the address active again, on all lists or on one",
         address_reset},
        {"address add", "ADDRESS --list NAME --why TEXT [--proof TEXT]", "puts an address on a list, with its consent",
         address_add},
        {"address erase", "ADDRESS", "forgets an address but for its key and what it refused", address_erase},
        {"address import", "FILE [--list NAME] [--encoding auto|utf-8|cp932] [--dry-run]",
         "takes in addresses and their states from a CSV file", address_import},
        {"address export", "[--list NAME] [--csv]", "all addresses and their standing", address_export},
        {"store expire", "", "drops what is older than keep_months and keep_proof_months say", store_expire_old},
        {"consent show", "ADDRESS [--csv]", "the proof of consent and refusal of an address", consent_show},
        {"warmup plan", "[STREAM] [--days N]", "the calendar of a plan, day by day, before anything is sent",
         warmup_plan},
        {"warmup status", "[STREAM]", "today's use, tomorrow's quota and why, the breaker, each provider",
         warmup_status},
        {"warmup resume", "STREAM --why TEXT", "ends a stop, with the plan's first day, or closes the breaker",
         warmup_resume_run},
        {"hold list", "", "mail that waits for quota in Postfix's hold queue, in order", hold_list},
        {"hold release", "--due | QUEUE-ID...", "lets waiting mail go, in order, as quota allows", hold_release},
        {"hold cancel", "QUEUE-ID...", "deletes waiting mail", hold_cancel},
        {"explain", "ADDRESS|QUEUE-ID|MESSAGE-ID", "what was decided of it, and why", explain_run},
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static void usage(FILE *to) {
	size_t i;

	fprintf(to, "usage: todoku [-c FILE] [--json] NOUN VERB [ARGUMENT...]\n");
	for (i = 0; i < VERB_COUNT; i++)
		fprintf(to, "  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
}

int command_fail(int status, const char *format, ...) {
	va_list args;

	fputs("todoku: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int command_usage(const struct command *command, const char *problem) {
	fprintf(stderr, "todoku: %s\nusage: todoku %s %s\n", problem, command->verb->name, command->verb->arguments);
	return EX_USAGE;
}

struct conf *command_conf(const struct command *command) {
	struct buf errors;
	struct conf *conf;

	buf_init(&errors, ERRORS_MAX);
	conf = conf_load(command->conf_file, &errors);
	if (conf == NULL && errors.len > 0)
		fprintf(stderr, "%s%s", errors.at, errors.at[errors.len - 1] == '\n' ? "" : "\n");
	buf_free(&errors);
	return conf;
}

struct keyring *command_ring(const struct conf *conf) {
	struct err err;
	struct keyring *ring = keyring_load(conf->token_keys, &err);

	if (ring == NULL)
		command_fail(EX_CONFIG, "%s", err.text);
	return ring;
}

const char *command_option(struct command *command, const char *name, const char *preset) {
	size_t len = strlen(name);
	int i, taken;

	for (i = 0; i < command->argc; i++) {
		const char *given = command->argv[i];
		const char *value = NULL;

		if (strncmp(given, name, len) != 0 || (given[len] != '\0' && given[len] != '='))
			continue;
		taken = given[len] == '=' ? 1 : 2;
		if (i + taken > command->argc)
			break;
		value = taken == 1 ? given + len + 1 : command->argv[i + 1];
		memmove(command->argv + i, command->argv + i + taken,
		        (size_t)(command->argc - i - taken) * sizeof *command->argv);
		command->argc -= taken;
		return value;
	}
	return preset;
}

bool command_flag(struct command *command, const char *name) {
	int i;

	for (i = 0; i < command->argc; i++) {
		if (strcmp(command->argv[i], name) != 0)
			continue;
		command->argc--;
		memmove(command->argv + i, command->argv + i + 1, (size_t)(command->argc - i) * sizeof *command->argv);
		return true;
	}
	return false;
}

/* Takes the options of the whole out; what is left is noun, verb, arguments. */
static int read_options(int argc, char **argv, struct command *command_r) {
	int i;

	*command_r = (struct command){.conf_file = CONF_FILE, .argv = argv};
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			command_r->json = true;
		} else if (strcmp(argv[i], "-c") == 0) {
			if (++i == argc)
				return -1;
			command_r->conf_file = argv[i];
		} else {
			argv[command_r->argc++] = argv[i];
		}
	}
	return 0;
}

/* How many words of the verb's name the arguments begin with: all, or 0. */
static int matches(const struct verb *verb, const struct command *command) {
	const char *space = strchr(verb->name, ' ');
	size_t noun_len = space == NULL ? strlen(verb->name) : (size_t)(space - verb->name);

	if (command->argc < 1 || strlen(command->argv[0]) != noun_len ||
	    strncmp(command->argv[0], verb->name, noun_len) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return command->argc >= 2 && strcmp(command->argv[1], space + 1) == 0 ? 2 : 0;
}

int main(int argc, char **argv) {
	struct command command;
	size_t i;
	int words;

	if (read_options(argc, argv, &command) != 0) {
		fprintf(stderr, "todoku: -c needs a file\n");
		return EX_USAGE;
	}
	if (command.argc == 1 && (strcmp(command.argv[0], "--help") == 0 || strcmp(command.argv[0], "help") == 0)) {
		usage(stdout);
		return EX_OK;
	}
	for (i = 0; i < VERB_COUNT; i++) {
		words = matches(&verbs[i], &command);
		if (words == 0)
			continue;
		command.verb = &verbs[i];
		command.argv += words;
		command.argc -= words;
		return verbs[i].run(&command);
	}
	if (command.argc > 0)
		fprintf(stderr, "todoku: there is no \"%s%s%s\"\n", command.argv[0], command.argc > 1 ? " " : "",
		        command.argc > 1 ? command.argv[1] : "");
	usage(stderr);
	return EX_USAGE;
}
