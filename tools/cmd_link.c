/* todoku link: what a token says, from the key ring alone. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/confirm.h"
#include "lib/token.h"
#include "tools/command.h"

static json_t *describe(const struct token *token) {
	json_t *said = json_object();
	char digits[HEX64_SIZE], stamp[STAMP_SIZE];

	json_object_set_new(said, "purpose", json_string(token_purpose_name(token->purpose)));
	json_object_set_new(said, "valid", json_true());
	hex64_format(digits, token->campaign);
	json_object_set_new(said, "campaign", json_string(digits));
	hex64_format(digits, token->address_key);
	json_object_set_new(said, "address_key", token->shared ? json_null() : json_string(digits));
	if (token->purpose == TOKEN_CLICK) {
		json_object_set_new(said, "link", json_integer(token->link));
		json_object_set_new(said, "target", json_stringn(token->target.at, token->target.len));
	}
	json_object_set_new(said, "key", json_integer(token->key_id));
	if (token->purpose == TOKEN_UNSUBSCRIBE || token->purpose == TOKEN_CONFIRM)
		json_object_set_new(said, "list", json_integer(token->list));
	if (token->purpose == TOKEN_CONFIRM)
		json_object_set_new(said, "kind", json_string(token->kind == CONFIRM_JOIN ? "join" : "leave"));
	if (token->purpose != TOKEN_UNSUBSCRIBE) {
		stamp_format(token->time, stamp);
		json_object_set_new(said, "made", json_string(stamp));
	}
	return said;
}

static const char *list_name(const struct conf *conf, const struct keyring *ring, uint32_t id) {
	size_t i;

	for (i = 0; i < conf->list_count; i++)
		if (token_list_id(ring, span_of(conf->lists[i].name)) == id)
			return conf->lists[i].name;
	return NULL;
}

static void print_text(const json_t *said) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)said, name, value) {
		if (json_is_string(value))
			printf("%-12s %s\n", name, json_string_value(value));
		else if (json_is_integer(value))
			printf("%-12s %lld\n", name, (long long)json_integer_value(value));
		else
			printf("%-12s %s\n", name,
			       json_is_true(value)   ? "yes"
			       : json_is_null(value) ? "(shared)"
			                             : "no");
	}
}

static bool show(const struct command *command, const struct conf *conf, const struct keyring *ring, const char *text) {
	struct token token;
	struct buf bytes;
	enum token_fault fault;
	json_t *said;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	fault = token_find(ring, span_of(text), &bytes, &token);
	if (fault == TOKEN_OK) {
		said = describe(&token);
		if (json_object_get(said, "list") != NULL && list_name(conf, ring, token.list) != NULL)
			json_object_set_new(said, "list", json_string(list_name(conf, ring, token.list)));
	} else {
		said = json_pack("{s:b, s:s}", "valid", 0, "reason", token_fault_text(fault));
	}
	if (command->json) {
		json_dumpf(said, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_text(said);
	}
	json_decref(said);
	buf_free(&bytes);
	return fault == TOKEN_OK;
}

int link_show(struct command *command) {
	struct conf *conf;
	struct keyring *ring;
	int status = EX_OK, i;

	if (command->argc == 0)
		return command_usage(command, "a link, a token or an address is needed");
	conf = command_conf(command);
	ring = conf == NULL ? NULL : command_ring(conf);
	if (ring == NULL) {
		conf_free(&conf);
		return EX_CONFIG;
	}
	for (i = 0; i < command->argc; i++)
		if (!show(command, conf, ring, command->argv[i]))
			status = 1;
	keyring_free(&ring);
	conf_free(&conf);
	return status;
}
