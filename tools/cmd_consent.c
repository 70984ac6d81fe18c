/* todoku consent: how an address came to a list, and how it left (U6). */
#include <jansson.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "tools/address.h"

#define COLUMNS "time,list,status,reason,detail,who,proof"

struct show {
	enum answer_form form;
	struct span list; /* empty: all */
	size_t shown;
};

static void show_csv(const struct store_change *c, const char *stamp) {
	struct answer_record record;

	answer_begin(&record);
	answer_field(&record, span_of(stamp));
	answer_field(&record, c->list);
	answer_field(&record, span_of(store_status_name(c->status)));
	answer_field(&record, c->reason);
	answer_foreign(&record, c->detail);
	answer_foreign(&record, c->who);
	answer_foreign(&record, c->proof);
	answer_end(&record);
}

static void show_text(const struct store_change *c, const char *stamp) {
	static const char *const labels[] = {"from", "detail", "text"};
	const struct span values[] = {c->who, c->detail, c->proof};
	struct buf line;
	size_t i;

	printf("%s  list %.*s  %s  (%.*s)\n", stamp, SPAN_ARG(c->list), store_status_name(c->status),
	       SPAN_ARG(c->reason));
	for (i = 0; i < sizeof values / sizeof *values; i++) {
		if (values[i].len == 0)
			continue;
		buf_init(&line, 65536);
		log_neutralise(&line, values[i]);
		printf("  %-7s %s\n", labels[i], line.at);
		buf_free(&line);
	}
}

static int show_change(void *context, const struct store_change *c) {
	struct show *show = context;
	char stamp[STAMP_SIZE];

	if (c->list.len == 0 || (show->list.len > 0 && !span_equal(c->list, show->list)))
		return 0;
	show->shown++;
	stamp_format(c->time, stamp);
	if (show->form == ANSWER_JSON)
		answer_json(json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "time", stamp, "list",
		                      answer_text(c->list), "status", store_status_name(c->status), "reason",
		                      answer_text(c->reason), "detail", answer_text(c->detail), "who",
		                      answer_text(c->who), "proof", answer_text(c->proof)));
	else if (show->form == ANSWER_CSV)
		show_csv(c, stamp);
	else
		show_text(c, stamp);
	return 0;
}

int consent_show(struct command *command) {
	struct show show = {.form = answer_form(command)};
	struct address a;
	struct err err;
	int status = address_open(command, false, &a);

	if (status == EX_OK) {
		show.list = span_of(a.list);
		if (show.form == ANSWER_CSV)
			answer_columns(COLUMNS);
		if (store_each_change(a.store, a.reader.key, show_change, &show, &err) != 0)
			status = command_fail(EX_IOERR, "%s", err.text);
		else if (show.shown == 0)
			status = command_fail(1, "neither consent nor refusal is on record");
	}
	address_close(&a);
	return status;
}
