#include "tools/answer.h"

#include <jansson.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/csv.h"
#include "lib/priv.h"
#include "lib/token.h"
#include "lib/utf8.h"

#define LINE_MAX_OCTETS 1048576

enum answer_form answer_form(struct command *command) {
	return command_flag(command, "--csv") ? ANSWER_CSV : command->json ? ANSWER_JSON : ANSWER_TEXT;
}

void answer_json(json_t *object) {
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

json_t *answer_text(struct span text) {
	json_t *string = json_stringn(text.at == NULL ? "" : text.at, text.len);

	return string != NULL ? string : json_string("(not UTF-8)");
}

json_t *answer_time(time_t when) {
	char stamp[STAMP_SIZE];

	if (when == 0)
		return json_null();
	stamp_format(when, stamp);
	return json_string(stamp);
}

void answer_begin(struct answer_record *record) {
	record->begun = false;
	buf_init(&record->line, LINE_MAX_OCTETS);
}

void answer_field(struct answer_record *record, struct span field) {
	csv_add(&record->line, field, !record->begun);
	record->begun = true;
}

void answer_foreign(struct answer_record *record, struct span field) {
	csv_add_foreign(&record->line, field, !record->begun);
	record->begun = true;
}

void answer_number(struct answer_record *record, unsigned long long number) {
	char text[24];

	snprintf(text, sizeof text, "%llu", number);
	answer_field(record, span_of(text));
}

void answer_instant(struct answer_record *record, time_t when) {
	char stamp[STAMP_SIZE] = "";

	if (when != 0)
		stamp_format(when, stamp);
	answer_field(record, span_of(stamp));
}

void answer_end(struct answer_record *record) {
	csv_end(&record->line);
	fwrite(record->line.at, 1, record->line.len, stdout);
	buf_free(&record->line);
}

void answer_columns(const char *names) {
	printf("%s\r\n", names);
}

void answer_print(struct span text) {
	while (text.len > 0) {
		size_t size = utf8_size(text);

		if (size == 0 || utf8_is_control(text))
			putchar('?');
		else
			fwrite(text.at, 1, size, stdout);
		text = span_from(text, size == 0 ? 1 : size);
	}
}

void answer_campaign(const struct store_campaign *campaign) {
	char id[HEX64_SIZE];

	hex64_format(id, campaign->id);
	printf("campaign %s  list %s  ", id, campaign->list);
	answer_print(span_of(campaign->name));
}

struct store *answer_store(const struct conf *conf) {
	struct store *store = NULL;
	struct err err;

	if (priv_drop(conf->user, conf->group, &err) == 0)
		store = store_open(&conf->store, &err);
	if (store == NULL)
		command_fail(EX_IOERR, "%s", err.text);
	return store;
}

int answer_campaigns(struct command *command, const char *columns,
                     int (*each)(void *context, struct store *store, const struct store_campaign *campaign),
                     void *context) {
	struct store_campaign *found = NULL;
	struct store *store;
	struct conf *conf;
	size_t count = 0, i;
	struct err err;
	int status;

	if (command->argc != 1)
		return command_usage(command, "one campaign is needed: its id (16 hex digits) or its name");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	store = answer_store(conf);
	if (store == NULL)
		status = EX_IOERR;
	else if (store_find_campaigns(store, span_of(command->argv[0]), &found, &count, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	else
		status = count > 0 ? EX_OK : command_fail(1, "no campaign \"%s\" on record", command->argv[0]);
	if (status == EX_OK && columns != NULL)
		answer_columns(columns);
	for (i = 0; i < count && status == EX_OK; i++)
		status = each(context, store, &found[i]);
	store_campaigns_free(&found, count);
	store_close(&store);
	conf_free(&conf);
	return status;
}

int answer_reader(const struct keyring *ring, const char *argument, struct answer_reader *reader_r) {
	struct addr addr;

	buf_init(&reader_r->address, ADDR_MAX + 1);
	if (addr_parse(span_of(argument), &addr) == 0) {
		buf_add_span(&reader_r->address, addr_span(&addr));
		reader_r->key = token_address_key(ring, addr_span(&addr));
		return EX_OK;
	}
	if (hex64_parse(span_of(argument), &reader_r->key) == 0)
		return EX_OK;
	return command_fail(EX_USAGE, "found \"%s\", allowed: an address, or the 16 hex digits of its key", argument);
}

void answer_reader_free(struct answer_reader *reader) {
	buf_free(&reader->address);
}

const char *answer_operator(void) {
	const char *login = getenv("SUDO_USER");
	const struct passwd *user;

	if (login != NULL && login[0] != '\0')
		return login;
	user = getpwuid(getuid());
	return user == NULL ? "?" : user->pw_name;
}
