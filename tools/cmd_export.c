/* todoku address export: all addresses and what is on record of them. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/store_export.h"
#include "tools/address.h"

#define COLUMNS "address,list,status,since,reason,detail"

struct export {
	enum answer_form form;
	const struct address *a;
	struct store *other; /* a handle beside the one that goes through the addresses */
	struct span address;
	uint64_t key;
	size_t rows; /* of this address */
	size_t erased;
	struct err err;
	bool failed;
};

static void write_row(struct export *e, struct span list, const struct store_standing *s) {
	const char *status = store_status_name(s->status);
	struct answer_record record;

	if (s->status == STORE_ACTIVE && s->temporary_failed != 0)
		status = "temporary-failed";
	e->rows++;
	if (e->form == ANSWER_JSON) {
		answer_json(json_pack("{s:o, s:o, s:s, s:o, s:s, s:s}", "address", answer_text(e->address), "list",
		                      list.len == 0 ? json_null() : answer_text(list), "status", status, "since",
		                      answer_time(s->since), "reason", s->reason, "detail", s->detail));
		return;
	}
	answer_begin(&record);
	/* Exactly as it is: the file may be imported again. */
	answer_field(&record, e->address);
	answer_field(&record, list);
	answer_field(&record, span_of(status));
	answer_instant(&record, s->since);
	answer_field(&record, span_of(s->reason));
	answer_foreign(&record, span_of(s->detail));
	answer_end(&record);
}

/* Of one list: what counts for its mail, for those who were ever on it. */
static int write_standing(void *context, struct span list, const struct store_standing *standing) {
	struct export *e = context;
	struct span wanted = span_of(e->a->list);
	struct store_standing counts;

	if (wanted.len == 0) {
		write_row(e, list, standing);
		return 0;
	}
	if (!span_equal(list, wanted))
		return 0;
	if (store_find_standing(e->a->store, e->key, wanted, &counts, &e->err) != 0)
		e->failed = true;
	else
		write_row(e, list, &counts);
	return 1;
}

static int write_address(void *context, uint64_t key, struct span address) {
	static const struct store_standing active;
	struct export *e = context;

	if (address.len == 0) {
		e->erased++;
		return 0;
	}
	e->key = key;
	e->address = address;
	e->rows = 0;
	if (store_each_standing(e->other, key, write_standing, e, &e->err) != 0)
		e->failed = true;
	if (!e->failed && e->rows == 0 && e->a->list[0] == '\0')
		write_row(e, SPAN_NONE, &active);
	return e->failed;
}

int address_export(struct command *command) {
	struct address a = {.list = command_option(command, "--list", "")};
	struct export export = {.form = answer_form(command), .a = &a};
	struct store *all = NULL;
	int status;

	if (command->argc != 0)
		return command_usage(command, "there are no arguments");
	status = address_open_all(command, &a);
	if (status == EX_OK) {
		export.other = answer_store(a.conf);
		all = answer_store(a.conf);
		status = export.other == NULL || all == NULL ? EX_IOERR : EX_OK;
	}
	if (status == EX_OK) {
		if (export.form != ANSWER_JSON)
			answer_columns(COLUMNS);
		if (store_each_address(all, write_address, &export, &export.err) != 0 || export.failed)
			status = command_fail(EX_IOERR, "%s", export.err.text);
	}
	if (status == EX_OK && export.erased > 0)
		fprintf(stderr, "todoku: %zu whose address is not on record any more are left out\n", export.erased);
	store_close(&all);
	store_close(&export.other);
	address_close(&a);
	return status;
}
