/* todoku hold: mail that waits for quota in Postfix's hold queue. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/now.h"
#include "lib/store_hold.h"
#include "tools/answer.h"
#include "tools/release.h"

/* All that a verb of it needs. */
struct hold {
	struct conf *conf;
	struct zone *zone;
	struct postfix *postfix;
	struct store *store;
	struct decisions *log;
	char host[256];
	int lock;
	struct strings ids;
};

static void find_host(struct hold *hold) {
	if (hold->conf->hostname[0] != '\0')
		snprintf(hold->host, sizeof hold->host, "%s", hold->conf->hostname);
	else if (gethostname(hold->host, sizeof hold->host - 1) != 0)
		snprintf(hold->host, sizeof hold->host, "localhost");
}

/* One at a time: the timer's, and somebody's at a terminal.  In the daemons' folder, and
 * so made after root was given up. */
static int lock(struct hold *hold) {
	char path[4200];

	snprintf(path, sizeof path, "%s/hold.lock", hold->conf->data_dir);
	hold->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
	if (hold->lock < 0 || flock(hold->lock, LOCK_EX) != 0)
		return command_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	return EX_OK;
}

static void close_hold(struct hold *hold) {
	strings_free(&hold->ids);
	decisions_close(&hold->log);
	store_close(&hold->store);
	postfix_close(&hold->postfix);
	zone_free(&hold->zone);
	conf_free(&hold->conf);
	if (hold->lock >= 0)
		close(hold->lock);
}

/* EX_OK, or the status after having said what is wrong; to be closed in either case. */
static int open_hold(const struct command *command, struct hold *hold) {
	struct err err;
	int i;

	*hold = (struct hold){.lock = -1};
	for (i = 0; i < command->argc; i++)
		if (strings_add(&hold->ids, span_of(command->argv[i])) != 0)
			return command_fail(EX_OSERR, "out of memory");
	hold->conf = command_conf(command);
	if (hold->conf == NULL)
		return EX_CONFIG;
	find_host(hold);
	hold->zone = zone_load(hold->conf->timezone, &err);
	if (hold->zone == NULL)
		return command_fail(EX_CONFIG, "%s", err.text);
	/* As root, before the store is opened as another. */
	hold->postfix = postfix_open(hold->conf->policyd.postfix_config, &err);
	if (hold->postfix == NULL)
		return command_fail(EX_OSERR, "%s", err.text);
	hold->store = answer_store(hold->conf);
	if (hold->store == NULL)
		return EX_IOERR;
	hold->log = decisions_open(hold->conf->data_dir, hold->conf->policyd.decisions, &err);
	return lock(hold);
}

static struct release release_of(const struct hold *hold, bool named) {
	return (struct release){
	        .conf = hold->conf,
	        .zone = hold->zone,
	        .store = hold->store,
	        .postfix = hold->postfix,
	        .log = hold->log,
	        .host = hold->host,
	        .only = named ? &hold->ids : NULL,
	};
}

static int tell(const struct command *command, const struct release *r) {
	if (command->json)
		answer_json(json_pack("{s:I, s:I, s:I, s:I}", "released", (json_int_t)r->released, "cancelled",
		                      (json_int_t)r->cancelled, "waiting", (json_int_t)r->waiting, "forgotten",
		                      (json_int_t)r->forgotten));
	else
		printf("%zu released, %zu cancelled, %zu wait, %zu are gone\n", r->released, r->cancelled, r->waiting,
		       r->forgotten);
	return EX_OK;
}

int hold_release(struct command *command) {
	bool due = command_flag(command, "--due");
	struct release release;
	struct hold hold;
	struct err err;
	int status;

	if (due == (command->argc > 0))
		return command_usage(command, "either --due or queue ids are needed");
	status = open_hold(command, &hold);
	if (status == EX_OK) {
		release = release_of(&hold, !due);
		if (release_run(&release, now_seconds(), &err) != 0)
			status = command_fail(EX_TEMPFAIL, "%s", err.text);
		else
			status = tell(command, &release);
		if (status == EX_OK && !due && release.released + release.cancelled == 0)
			status = 1;
	}
	close_hold(&hold);
	return status;
}

int hold_cancel(struct command *command) {
	struct release release;
	struct hold hold;
	struct err err;
	int status;

	if (command->argc == 0)
		return command_usage(command, "queue ids are needed");
	status = open_hold(command, &hold);
	if (status == EX_OK) {
		release = release_of(&hold, true);
		if (release_cancel(&release, now_seconds(), &err) != 0)
			status = command_fail(EX_TEMPFAIL, "%s", err.text);
		else
			status = tell(command, &release);
		if (status == EX_OK && release.cancelled + release.forgotten == 0)
			status = 1;
	}
	close_hold(&hold);
	return status;
}

static int show_row(void *context, const struct store_held *row) {
	const struct command *command = context;
	char stamp[STAMP_SIZE], key[HEX64_SIZE];
	struct buf address;

	stamp_format(row->time, stamp);
	hex64_format(key, row->address_key);
	if (command->json) {
		answer_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "host", answer_text(row->host),
		                      "queue_id", answer_text(row->queue_id), "stream", answer_text(row->stream),
		                      "list", answer_text(row->list), "provider", answer_text(row->provider), "address",
		                      answer_text(row->address), "address_key", key, "since", stamp, "released",
		                      answer_time(row->released)));
		return 0;
	}
	buf_init(&address, 4096);
	log_neutralise(&address, row->address);
	printf("%s  %-14.*s %.*s  list %.*s  stream %.*s  %.*s%s\n", stamp, SPAN_ARG(row->queue_id),
	       SPAN_ARG(buf_span(&address)), SPAN_ARG(row->list), SPAN_ARG(row->stream), SPAN_ARG(row->provider),
	       row->released != 0 ? "  released" : "");
	buf_free(&address);
	return 0;
}

int hold_list(struct command *command) {
	struct conf *conf = command->argc == 0 ? command_conf(command) : NULL;
	struct store *store = NULL;
	struct err err;
	int status = EX_OK;

	if (command->argc > 0)
		return command_usage(command, "it takes no arguments");
	if (conf == NULL)
		return EX_CONFIG;
	store = answer_store(conf);
	if (store == NULL)
		status = EX_IOERR;
	else if (store_hold_each(store, SPAN_NONE, show_row, command, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	store_close(&store);
	conf_free(&conf);
	return status;
}
