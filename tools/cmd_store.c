/* todoku store: what is too old goes. */
#include <jansson.h>
#include <sysexits.h>
#include <time.h>

#include "lib/store_status.h"
#include "tools/answer.h"

static int expire(const struct command *command, const struct conf *conf, struct store *store) {
	const struct conf_store *keep = &conf->store;
	time_t now = time(NULL);
	uint64_t proofs;
	struct err err;
	int months;

	if (store_expire(store, now, (int)keep->keep_months, &months, &err) != 0 ||
	    store_expire_changes(store, now, (int)keep->keep_proof_months, &proofs, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (command->json)
		answer_json(json_pack("{s:i, s:I}", "months", months, "proofs", (json_int_t)proofs));
	else
		printf("dropped: sends and events of %d months, %llu proofs\n", months, (unsigned long long)proofs);
	return EX_OK;
}

int store_expire_old(struct command *command) {
	struct store *store;
	struct conf *conf;
	int status;

	if (command->argc != 0)
		return command_usage(command, "no argument is needed");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	store = answer_store(conf);
	status = store == NULL ? EX_IOERR : expire(command, conf, store);
	store_close(&store);
	conf_free(&conf);
	return status;
}
