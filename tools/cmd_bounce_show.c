/* todoku bounce show: what came back, and what is kept of it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/store_bounce.h"
#include "lib/utf8.h"
#include "tools/answer.h"

#define MAIL_MAX (16U << 20)

struct show {
	const struct command *command;
	bool whole; /* one report with all that is known of it */
	uint64_t shown;
};

static void set(json_t *said, const char *name, struct span text) {
	if (text.len > 0)
		json_object_set_new(said, name, answer_text(text));
}

static void set_key(json_t *said, const char *name, uint64_t key) {
	char digits[HEX64_SIZE];

	if (key == 0)
		return;
	hex64_format(digits, key);
	json_object_set_new(said, name, json_string(digits));
}

static void print_json(const struct store_bounce_row *row) {
	const struct store_bounce *b = &row->bounce;
	json_t *said = json_pack("{s:I, s:o, s:o}", "id", (json_int_t)row->id, "time", answer_time(b->time), "category",
	                         answer_text(b->category));

	set(said, "fault", b->fault);
	set(said, "mailbox", b->mailbox);
	set(said, "list", b->list);
	set(said, "stream", b->stream);
	set_key(said, "campaign", b->campaign);
	set_key(said, "address_key", b->address_key);
	set(said, "address", row->address);
	set(said, "recipient", b->recipient);
	set(said, "status", b->status);
	if (b->reply != 0)
		json_object_set_new(said, "reply", json_integer(b->reply));
	set(said, "phase", b->phase);
	set(said, "diagnostic", b->diagnostic);
	set(said, "remote", b->remote);
	set(said, "family", b->family);
	set(said, "rule", b->rule);
	set(said, "sender", b->sender);
	set(said, "subject", b->subject);
	if (b->sent != 0)
		json_object_set_new(said, "sent", answer_time(b->sent));
	json_object_set_new(said, "kept", json_integer((json_int_t)row->mail_size));
	answer_json(said);
}

/* What strangers wrote can't move the cursor. */
static void print_neutral(const char *label, struct span text) {
	struct buf shown;

	if (text.len == 0)
		return;
	buf_init(&shown, 8192);
	log_neutralise(&shown, text);
	printf("  %-11s %.*s\n", label, SPAN_ARG(buf_span(&shown)));
	buf_free(&shown);
}

static void print_whole(const struct store_bounce_row *row) {
	const struct store_bounce *b = &row->bounce;
	char campaign[HEX64_SIZE], stamp[STAMP_SIZE];

	print_neutral("fault", b->fault);
	print_neutral("came to", b->mailbox);
	print_neutral("list", b->list);
	if (b->campaign != 0) {
		hex64_format(campaign, b->campaign);
		print_neutral("campaign", span_of(campaign));
	}
	if (b->sent != 0) {
		stamp_format(b->sent, stamp);
		print_neutral("sent", span_of(stamp));
	}
	print_neutral("recipient", b->recipient);
	print_neutral("status", b->status);
	print_neutral("diagnostic", b->diagnostic);
	print_neutral("remote", b->remote);
	print_neutral("family", b->family);
	print_neutral("rule", b->rule);
	print_neutral("sender", b->sender);
	print_neutral("subject", b->subject);
}

static int print(void *context, const struct store_bounce_row *row) {
	const struct store_bounce *b = &row->bounce;
	struct show *show = context;
	char stamp[STAMP_SIZE];

	show->shown++;
	if (show->command->json) {
		print_json(row);
		return 0;
	}
	stamp_format(b->time, stamp);
	printf("%6lld  %s  %-17.*s %-6.*s %.*s%s%.*s%s%s\n", (long long)row->id, stamp, SPAN_ARG(b->category),
	       SPAN_ARG(b->status), SPAN_ARG(row->address), b->fault.len > 0 ? "(changes nothing: " : "",
	       SPAN_ARG(b->fault), b->fault.len > 0 ? ")" : "", row->mail_size > 0 ? "  kept" : "");
	if (show->whole)
		print_whole(row);
	return 0;
}

/* On a terminal a stranger's mail moves nothing but the line. */
static void write_mail(struct span mail) {
	bool harmless = isatty(STDOUT_FILENO) == 0;
	size_t size;

	for (; mail.len > 0; mail = span_from(mail, size == 0 ? 1 : size)) {
		size = utf8_size(mail);
		if (harmless || mail.at[0] == '\n' || mail.at[0] == '\t' || (size > 0 && !utf8_is_control(mail)))
			fwrite(mail.at, 1, size == 0 ? 1 : size, stdout);
		else if (mail.at[0] != '\r')
			putchar('?');
	}
}

/* The mail itself, for a person who asked for this one. */
static int print_mail(struct store *store, int64_t id) {
	struct buf mail;
	struct err err;
	int status = EX_OK;

	buf_init(&mail, MAIL_MAX);
	if (store_bounce_mail(store, id, &mail, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	else if (mail.len > 0) {
		putchar('\n');
		write_mail(buf_span(&mail));
		if (mail.at[mail.len - 1] != '\n')
			putchar('\n');
	}
	buf_free(&mail);
	return status;
}

/* An id is a short number; an address has an @, or is 16 hex digits. */
static bool is_id(const char *text, int64_t *id_r) {
	char *end;

	if (text[0] < '1' || text[0] > '9' || strlen(text) > 15)
		return false;
	*id_r = strtoll(text, &end, 10);
	return *end == '\0';
}

static int choose(struct command *command, const struct conf *conf, struct store_bounce_which *which) {
	struct answer_reader reader;
	struct keyring *ring;
	int status;

	if (command->argc == 0 || is_id(command->argv[0], &which->id))
		return EX_OK;
	ring = command_ring(conf);
	if (ring == NULL)
		return EX_CONFIG;
	status = answer_reader(ring, command->argv[0], &reader);
	if (status == EX_OK) {
		which->address_key = reader.key;
		answer_reader_free(&reader);
	}
	keyring_free(&ring);
	return status;
}

int bounce_show(struct command *command) {
	struct store_bounce_which which = {.kept = command_flag(command, "--kept")};
	const char *limit = command_option(command, "--limit", "50");
	struct show show = {.command = command};
	struct store *store = NULL;
	struct conf *conf;
	struct err err;
	int status;

	which.limit = strtol(limit, NULL, 10);
	if (limit[strspn(limit, "0123456789")] != '\0' || which.limit <= 0)
		return command_usage(command, "--limit: allowed: a number from 1");
	if (command->argc > 1)
		return command_usage(command, "one report or one address");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	status = choose(command, conf, &which);
	if (status == EX_OK)
		store = answer_store(conf);
	if (status == EX_OK && store == NULL)
		status = EX_IOERR;
	show.whole = which.id != 0;
	if (status == EX_OK && store_each_bounce(store, &which, print, &show, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK && show.shown == 0)
		status = command_fail(1, "nothing of the kind on record");
	if (status == EX_OK && show.whole && !command->json)
		status = print_mail(store, which.id);
	store_close(&store);
	conf_free(&conf);
	return status;
}
