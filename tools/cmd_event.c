/* todoku event: what readers did. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/store_event.h"
#include "tools/answer.h"

#define COLUMNS "time,kind,campaign,address_key,link,target,value,machine,client,user_agent"

struct show {
	enum answer_form form;
	uint64_t shown;
};

static void show_json(const struct store_event *e, const char *stamp, const char *campaign, const char *key) {
	json_t *said =
	        json_pack("{s:s, s:s, s:s, s:o}", "time", stamp, "kind", store_event_kind_name(e->kind), "campaign",
	                  campaign, "address_key", e->address_key == 0 ? json_null() : json_string(key));

	if (e->list.len > 0)
		json_object_set_new(said, "list", answer_text(e->list));
	if (e->kind == STORE_CLICK) {
		json_object_set_new(said, "link", json_integer(e->link));
		json_object_set_new(said, "target", answer_text(e->target));
	}
	if (e->value.len > 0)
		json_object_set_new(said, "value", answer_text(e->value));
	json_object_set_new(said, "machine",
	                    e->machine == STORE_MACHINE_NONE ? json_null()
	                                                     : json_string(store_machine_name(e->machine)));
	json_object_set_new(said, "rules", json_integer(e->rules));
	json_object_set_new(said, "client", answer_text(e->client));
	json_object_set_new(said, "user_agent", answer_text(e->user_agent));
	answer_json(said);
}

static void show_csv(const struct store_event *e, const char *stamp, const char *campaign, const char *key) {
	struct answer_record record;

	answer_begin(&record);
	answer_field(&record, span_of(stamp));
	answer_field(&record, span_of(store_event_kind_name(e->kind)));
	answer_field(&record, span_of(campaign));
	answer_field(&record, span_of(e->address_key == 0 ? "" : key));
	if (e->kind == STORE_CLICK)
		answer_number(&record, e->link);
	else
		answer_field(&record, SPAN_NONE);
	answer_foreign(&record, e->target);
	answer_foreign(&record, e->value);
	answer_field(&record, span_of(e->machine == STORE_MACHINE_NONE ? "" : store_machine_name(e->machine)));
	answer_foreign(&record, e->client);
	answer_foreign(&record, e->user_agent);
	answer_end(&record);
}

/* What a stranger chose goes to the terminal neutralised. */
static void show_text(const struct store_event *e, const char *stamp, const char *campaign, const char *key) {
	struct span what = e->kind == STORE_CLICK ? e->target : e->value;
	struct buf line;

	buf_init(&line, 65536);
	buf_printf(&line, "%s  %-11s campaign %s  reader %s", stamp, store_event_kind_name(e->kind), campaign,
	           e->address_key == 0 ? "-" : key);
	if (e->machine != STORE_MACHINE_NONE)
		buf_printf(&line, "  machine %s", store_machine_name(e->machine));
	if (e->kind == STORE_CLICK)
		buf_printf(&line, "  link %u", e->link);
	if (what.len > 0) {
		buf_add_text(&line, "  ");
		log_neutralise(&line, what);
	}
	printf("%s\n", line.at);
	buf_free(&line);
}

static int show_event(void *context, const struct store_event *event) {
	struct show *show = context;
	char stamp[STAMP_SIZE], campaign[HEX64_SIZE], key[HEX64_SIZE];

	show->shown++;
	stamp_format((time_t)(event->time_ms / 1000), stamp);
	hex64_format(campaign, event->campaign);
	hex64_format(key, event->address_key);
	if (show->form == ANSWER_JSON)
		show_json(event, stamp, campaign, key);
	else if (show->form == ANSWER_CSV)
		show_csv(event, stamp, campaign, key);
	else
		show_text(event, stamp, campaign, key);
	return 0;
}

static int show_reader(const struct conf *conf, struct store_event_query *query, const char *address) {
	struct keyring *ring = command_ring(conf);
	struct answer_reader reader;
	int status;

	if (ring == NULL)
		return EX_CONFIG;
	status = answer_reader(ring, address, &reader);
	query->key = reader.key;
	answer_reader_free(&reader);
	keyring_free(&ring);
	return status;
}

static int show_all(struct store *store, struct show *show, const struct store_event_query *query) {
	struct err err;

	return store_each_event(store, query, show_event, show, &err) == 0 ? EX_OK
	                                                                   : command_fail(EX_IOERR, "%s", err.text);
}

static int show_campaigns(struct store *store, struct show *show, struct store_event_query *query, const char *named) {
	struct store_campaign *found = NULL;
	size_t count = 0, i;
	struct err err;
	int status = EX_OK;

	if (store_find_campaigns(store, span_of(named), &found, &count, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (count == 0)
		status = command_fail(1, "no campaign \"%s\" on record", named);
	query->by_campaign = true;
	for (i = 0; i < count && status == EX_OK; i++) {
		query->key = found[i].id;
		status = show_all(store, show, query);
	}
	store_campaigns_free(&found, count);
	return status;
}

int event_show(struct command *command) {
	struct show show = {.form = answer_form(command)};
	const char *limit = command_option(command, "--limit", "0");
	struct store_event_query query = {.limit = strtoul(limit, NULL, 10)};
	struct store *store;
	struct conf *conf;
	bool is_address;
	int status = EX_OK;

	if (command->argc != 1)
		return command_usage(command, "an address, or a campaign (id or name), is needed");
	if (limit[strspn(limit, "0123456789")] != '\0')
		return command_usage(command, "--limit: allowed: a number");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	is_address = strchr(command->argv[0], '@') != NULL;
	if (is_address)
		status = show_reader(conf, &query, command->argv[0]);
	store = status == EX_OK ? answer_store(conf) : NULL;
	if (store == NULL && status == EX_OK)
		status = EX_IOERR;
	if (status == EX_OK && show.form == ANSWER_CSV)
		answer_columns(COLUMNS);
	if (status == EX_OK)
		status = is_address ? show_all(store, &show, &query)
		                    : show_campaigns(store, &show, &query, command->argv[0]);
	if (status == EX_OK && show.shown == 0 && show.form == ANSWER_TEXT)
		printf("no events\n");
	store_close(&store);
	conf_free(&conf);
	return status;
}
