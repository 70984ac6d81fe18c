/* todoku explain: what was decided of an address or a message, and why. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/decisions.h"
#include "lib/log.h"
#include "lib/store_hold.h"
#include "lib/store_status.h"
#include "lib/token.h"
#include "tools/answer.h"

struct explain {
	const struct command *command;
	struct span text; /* queue id or message id; empty: an address */
	uint64_t key;
	size_t shown;
};

static void show_json(const struct decision *d) {
	char stamp[STAMP_SIZE], key[HEX64_SIZE];

	stamp_format(d->time, stamp);
	hex64_format(key, d->address_key);
	answer_json(json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "time", stamp, "stage",
	                      answer_text(d->stage), "outcome", answer_text(d->outcome), "reason",
	                      answer_text(d->reason), "text", answer_text(d->text), "list", answer_text(d->list),
	                      "address", answer_text(d->address), "sender", answer_text(d->sender), "address_key", key,
	                      "queue_id", answer_text(d->queue_id), "message_id", answer_text(d->message_id), "stream",
	                      answer_text(d->stream)));
}

static void show_decision(void *context, const struct decision *d) {
	struct explain *explain = context;
	char stamp[STAMP_SIZE];
	struct buf line;

	explain->shown++;
	if (explain->command->json) {
		show_json(d);
		return;
	}
	stamp_format(d->time, stamp);
	buf_init(&line, 16384);
	buf_printf(&line, "%s  %.*s: %.*s (%.*s)  ", stamp, SPAN_ARG(d->stage), SPAN_ARG(d->outcome),
	           SPAN_ARG(d->reason));
	log_neutralise(&line, d->address);
	buf_printf(&line, "  list %.*s", SPAN_ARG(d->list));
	if (d->queue_id.len > 0) {
		buf_add_text(&line, "  ");
		log_neutralise(&line, d->queue_id);
	}
	if (d->text.len > 0) {
		buf_add_text(&line, "\n    ");
		log_neutralise(&line, d->text);
	}
	printf("%s\n", line.at == NULL ? "" : line.at);
	buf_free(&line);
}

static int show_held(void *context, const struct store_held *row) {
	struct explain *explain = context;
	char stamp[STAMP_SIZE];

	if (explain->text.len > 0 ? !span_equal(row->queue_id, explain->text) : row->address_key != explain->key)
		return 0;
	explain->shown++;
	stamp_format(row->time, stamp);
	if (explain->command->json)
		answer_json(json_pack("{s:s, s:b, s:o, s:o, s:o}", "time", stamp, "held", 1, "queue_id",
		                      answer_text(row->queue_id), "stream", answer_text(row->stream), "address",
		                      answer_text(row->address)));
	else
		printf("%s  waits for quota of stream %.*s as %.*s\n", stamp, SPAN_ARG(row->stream),
		       SPAN_ARG(row->queue_id));
	return 0;
}

static int show_standing(void *context, struct span list, const struct store_standing *s) {
	struct explain *explain = context;
	char stamp[STAMP_SIZE] = "";

	if (s->status == STORE_ACTIVE)
		return 0;
	explain->shown++;
	stamp_format(s->since, stamp);
	if (explain->command->json)
		answer_json(json_pack(
		        "{s:s, s:s, s:o, s:s, s:s}", "time", stamp, "status", store_status_name(s->status), "list",
		        list.len == 0 ? json_null() : answer_text(list), "reason", s->reason, "detail", s->detail));
	else
		printf("%s  %s since then%s%.*s: %s %s\n", stamp, store_status_name(s->status),
		       list.len == 0 ? " for every list" : " for list ", (int)list.len, list.len == 0 ? "" : list.at,
		       s->reason, s->detail);
	return 0;
}

static int explain_all(struct explain *explain, const struct conf *conf, struct err *err) {
	struct store *store = answer_store(conf);
	int outcome;

	if (store == NULL)
		return err_set(err, "the store can't be read");
	outcome = explain->text.len == 0 ? store_each_standing(store, explain->key, show_standing, explain, err) : 0;
	if (outcome == 0)
		outcome = store_hold_each(store, SPAN_NONE, show_held, explain, err);
	store_close(&store);
	if (outcome == 0)
		outcome = decisions_each(conf->data_dir, explain->key, explain->text, show_decision, explain, err);
	return outcome;
}

/* An address has a local part and a domain; a message id has them in brackets. */
static int read_argument(struct explain *explain, const struct conf *conf, const char *argument) {
	struct keyring *ring;
	struct addr addr;

	explain->text = span_of(argument);
	if (argument[0] == '<' || addr_parse(explain->text, &addr) != 0)
		return EX_OK;
	ring = command_ring(conf);
	if (ring == NULL)
		return EX_CONFIG;
	explain->key = token_address_key(ring, addr_span(&addr));
	explain->text = SPAN_NONE;
	keyring_free(&ring);
	return EX_OK;
}

int explain_run(struct command *command) {
	struct explain explain = {.command = command};
	struct conf *conf;
	struct err err;
	int status;

	if (command->argc != 1)
		return command_usage(command, "one address, queue id or message id (in its brackets) is needed");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	status = read_argument(&explain, conf, command->argv[0]);
	if (status == EX_OK && explain_all(&explain, conf, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK && explain.shown == 0)
		status = command_fail(1, "nothing is on record of %s", command->argv[0]);
	conf_free(&conf);
	return status;
}
