/* todoku send: the records of what the milter let go. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/store.h"
#include "tools/answer.h"

struct show {
	const struct command *command;
	uint64_t shown;
};

static int show_send(void *context, const struct store_send *send) {
	struct show *show = context;
	char stamp[STAMP_SIZE], key[HEX64_SIZE];

	show->shown++;
	stamp_format(send->time, stamp);
	hex64_format(key, send->address_key);
	if (show->command->json) {
		json_t *said = json_pack("{s:s, s:o, s:s, s:o, s:o, s:i, s:b, s:b, s:b, s:b}", "time", stamp, "address",
		                         answer_text(send->address), "address_key", key, "queue_id",
		                         answer_text(send->queue_id), "message_id", answer_text(send->message_id),
		                         "links", (int)send->links, "shared", send->flags & STORE_SEND_SHARED, "pixel",
		                         send->flags & STORE_SEND_PIXEL, "footer", send->flags & STORE_SEND_FOOTER,
		                         "body", send->flags & STORE_SEND_BODY);

		json_dumpf(said, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(said);
	} else {
		printf("%s  %.*s  %.*s  %u links%s\n", stamp, SPAN_ARG(send->queue_id), SPAN_ARG(send->address),
		       send->links, send->flags & STORE_SEND_SHARED ? ", shared" : "");
	}
	return 0;
}

static int show_campaign(void *context, struct store *store, const struct store_campaign *campaign) {
	const struct command *command = context;
	struct show show = {.command = command};
	struct err err;

	if (!command->json) {
		answer_campaign(campaign);
		printf("  %llu sent\n", (unsigned long long)campaign->sends);
	}
	if (store_each_send(store, campaign->id, show_send, &show, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	return EX_OK;
}

int send_show(struct command *command) {
	return answer_campaigns(command, NULL, show_campaign, command);
}
