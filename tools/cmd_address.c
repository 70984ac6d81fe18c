/* todoku address: who may have mail, one address at a time. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/decisions.h"
#include "lib/log.h"
#include "lib/store_event.h"
#include "tools/address.h"

static const char *shown_address(const struct address *a) {
	return a->reader.address.len > 0 ? a->reader.address.at : "(only its key is known)";
}

static json_t *json_standing(struct span list, const struct store_standing *s) {
	return json_pack("{s:o, s:s, s:o, s:s, s:s}", "list", list.len == 0 ? json_null() : answer_text(list), "status",
	                 store_status_name(s->status), "since", answer_time(s->since), "reason", s->reason, "detail",
	                 s->detail);
}

static void print_standing(struct span list, const struct store_standing *s) {
	char stamp[STAMP_SIZE] = "-";
	struct buf detail;

	if (s->since != 0)
		stamp_format(s->since, stamp);
	buf_init(&detail, 4096);
	if (s->detail[0] != '\0')
		log_neutralise(&detail, span_of(s->detail));
	printf("  %-20.*s %-13s %s  %s  %s\n", list.len == 0 ? 9 : (int)list.len, list.len == 0 ? "(address)" : list.at,
	       store_status_name(s->status), stamp, s->reason, detail.len > 0 ? detail.at : "");
	buf_free(&detail);
}

int address_status(struct command *command) {
	struct store_standing standing;
	struct address a;
	struct err err;
	int status = address_open(command, false, &a);

	if (status == EX_OK && store_find_standing(a.store, a.reader.key, span_of(a.list), &standing, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK) {
		if (command->json) {
			json_t *said = json_standing(span_of(a.list), &standing);

			json_object_set_new(said, "of_address", json_boolean(standing.of_address));
			json_object_set_new(said, "temporary_failed", answer_time(standing.temporary_failed));
			answer_json(said);
		} else {
			print_standing(span_of(a.list), &standing);
			if (standing.temporary_failed != 0)
				printf("  temporary-failed: the last messages came back; still mailed\n");
		}
		status = standing.status == STORE_ACTIVE ? EX_OK : 1;
	}
	address_close(&a);
	return status;
}

struct show {
	bool json;
	json_t *standings;
	json_t *changes;
	size_t count;
};

static int show_standing(void *context, struct span list, const struct store_standing *standing) {
	struct show *show = context;

	show->count++;
	if (show->json)
		json_array_append_new(show->standings, json_standing(list, standing));
	else
		print_standing(list, standing);
	return 0;
}

static void print_change(const struct store_change *c, const char *stamp) {
	struct buf line;

	buf_init(&line, 8192);
	buf_printf(&line, "  %s  %-20.*s %-13s %.*s", stamp, c->list.len == 0 ? 9 : (int)c->list.len,
	           c->list.len == 0 ? "(address)" : c->list.at, store_status_name(c->status), SPAN_ARG(c->reason));
	if (c->who.len > 0) {
		buf_add_text(&line, "  by ");
		log_neutralise(&line, c->who);
	}
	if (c->detail.len > 0) {
		buf_add_text(&line, "  ");
		log_neutralise(&line, c->detail);
	}
	printf("%s\n", line.at);
	buf_free(&line);
}

static int show_change(void *context, const struct store_change *c) {
	struct show *show = context;
	char stamp[STAMP_SIZE], campaign[HEX64_SIZE];

	show->count++;
	stamp_format(c->time, stamp);
	hex64_format(campaign, c->campaign);
	if (show->json)
		json_array_append_new(show->changes,
		                      json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "time", stamp, "list",
		                                c->list.len == 0 ? json_null() : answer_text(c->list), "status",
		                                store_status_name(c->status), "reason", answer_text(c->reason),
		                                "detail", answer_text(c->detail), "who", answer_text(c->who), "proof",
		                                answer_text(c->proof), "campaign",
		                                c->campaign == 0 ? json_null() : json_string(campaign)));
	else
		print_change(c, stamp);
	return 0;
}

static int show_all(const struct address *a, struct show *show) {
	struct store_standing standing;
	char key[HEX64_SIZE];
	struct err err;

	hex64_format(key, a->reader.key);
	if (!show->json)
		printf("%s  key %s\nstanding:\n", shown_address(a), key);
	if (store_find_standing(a->store, a->reader.key, SPAN_NONE, &standing, &err) != 0 ||
	    store_each_standing(a->store, a->reader.key, show_standing, show, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (!show->json)
		printf("%schanges:\n", show->count == 0 ? "  nothing on record: active\n" : "");
	if (store_each_change(a->store, a->reader.key, show_change, show, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (show->json)
		answer_json(
		        json_pack("{s:o, s:s, s:o, s:O, s:O}", "address",
		                  a->reader.address.len > 0 ? answer_text(buf_span(&a->reader.address)) : json_null(),
		                  "address_key", key, "temporary_failed", answer_time(standing.temporary_failed),
		                  "standings", show->standings, "changes", show->changes));
	else if (standing.temporary_failed != 0)
		printf("temporary-failed\n");
	return EX_OK;
}

int address_show(struct command *command) {
	struct show show = {.json = command->json, .standings = json_array(), .changes = json_array()};
	struct address a;
	struct err err;
	int status = address_open(command, false, &a);

	if (status == EX_OK && a.reader.address.len == 0 &&
	    store_find_address(a.store, a.reader.key, &a.reader.address, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK)
		status = show_all(&a, &show);
	json_decref(show.standings);
	json_decref(show.changes);
	address_close(&a);
	return status;
}

static struct store_change change_of(const struct address *a, struct span list, enum store_status status) {
	return (struct store_change){
	        .address_key = a->reader.key,
	        .address = buf_span(&a->reader.address),
	        .list = list,
	        .status = status,
	        .reason = SPAN("hand"),
	        .detail = span_of(a->why),
	        .who = span_of(answer_operator()),
	        .time = time(NULL),
	};
}

/* Says what came of it. */
static int tell(const struct command *command, const struct address *a, enum store_status status, size_t changed) {
	if (command->json)
		answer_json(json_pack("{s:s, s:o, s:s, s:b}", "address", shown_address(a), "list",
		                      a->list[0] == '\0' ? json_null() : json_string(a->list), "status",
		                      store_status_name(status), "changed", changed > 0));
	else
		printf("%s%s%s: %s%s\n", shown_address(a), a->list[0] == '\0' ? "" : ", list ", a->list,
		       store_status_name(status), changed > 0 ? "" : " already");
	return EX_OK;
}

static int set_status(const struct command *command, const struct address *a, enum store_status to, struct span proof) {
	struct store_change change = change_of(a, span_of(a->list), to);
	size_t changed = 0;
	struct err err;

	change.proof = proof;
	if (store_change_status(a->store, &change, 1, &changed, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	return tell(command, a, to, changed);
}

int address_block(struct command *command) {
	struct address a;
	int status = address_open(command, true, &a);

	if (status == EX_OK)
		status = set_status(command, &a, STORE_BLOCKED, SPAN_NONE);
	address_close(&a);
	return status;
}

/* What is on record at one place: the address itself (list empty), or a list. */
struct place {
	struct span list;
	bool found;
	struct store_standing standing;
};

static int find_place(void *context, struct span list, const struct store_standing *standing) {
	struct place *place = context;

	if (!span_equal(list, place->list))
		return 0;
	place->found = true;
	place->standing = *standing;
	return 1;
}

static int look_at_place(const struct address *a, struct place *place_r) {
	struct err err;

	*place_r = (struct place){.list = span_of(a->list)};
	if (store_each_standing(a->store, a->reader.key, find_place, place_r, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	return EX_OK;
}

/* What the reader had said about the place before it was blocked, or meanwhile. */
struct last_word {
	struct span list;
	enum store_status status;
	char reason[STORE_REASON_SIZE];
};

static int find_last_word(void *context, const struct store_change *change) {
	struct last_word *word = context;

	if (!span_equal(change->list, word->list) || change->status == STORE_BLOCKED)
		return 0;
	word->status = change->status;
	snprintf(word->reason, sizeof word->reason, "%.*s", SPAN_ARG(change->reason));
	return 0;
}

/* The block goes; in the same transaction one who had left has left again. */
static int lift_block(const struct command *command, const struct address *a) {
	struct last_word word = {.list = span_of(a->list), .status = STORE_ACTIVE};
	struct store_change changes[2];
	size_t count = 1;
	struct err err;

	if (store_each_change(a->store, a->reader.key, find_last_word, &word, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	changes[0] = change_of(a, word.list, STORE_ACTIVE);
	if (word.status == STORE_UNSUBSCRIBED) {
		changes[count] = change_of(a, word.list, STORE_UNSUBSCRIBED);
		changes[count++].reason = span_of(word.reason);
	}
	if (store_change_status(a->store, changes, count, NULL, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	return tell(command, a, word.status, 1);
}

int address_unblock(struct command *command) {
	struct address a;
	struct place place = {.found = false};
	int status = address_open(command, true, &a);

	if (status == EX_OK)
		status = look_at_place(&a, &place);
	if (status == EX_OK && place.found && place.standing.status == STORE_UNSUBSCRIBED)
		status = command_fail(
		        1, "%s has unsubscribed from list %s; who asks to be on it again: todoku address reset",
		        shown_address(&a), a.list);
	else if (status == EX_OK && (!place.found || place.standing.status == STORE_ACTIVE))
		status = command_fail(1, "%s is not blocked%s%s; todoku address show says what is on record",
		                      shown_address(&a), a.list[0] == '\0' ? "" : " for list ", a.list);
	else if (status == EX_OK)
		status = lift_block(command, &a);
	address_close(&a);
	return status;
}

/* The places that aren't active, as changes that make them so. */
struct reset {
	const struct address *a;
	struct store_change changes[256];
	struct strings lists; /* memory of their names */
	size_t count;
	bool full;
};

static int reset_place(void *context, struct span list, const struct store_standing *standing) {
	struct reset *reset = context;

	if (standing->status == STORE_ACTIVE ||
	    (reset->a->list[0] != '\0' && !span_equal(list, span_of(reset->a->list))))
		return 0;
	if (reset->count == sizeof reset->changes / sizeof *reset->changes || strings_add(&reset->lists, list) != 0) {
		reset->full = true;
		return 1;
	}
	reset->changes[reset->count++] =
	        change_of(reset->a, span_of(reset->lists.at[reset->lists.len - 1]), STORE_ACTIVE);
	return 0;
}

static int reset_all(const struct command *command, struct reset *reset) {
	const struct address *a = reset->a;
	size_t changed = 0;
	struct err err;

	if (store_each_standing(a->store, a->reader.key, reset_place, reset, &err) != 0 ||
	    (reset->full && err_set(&err, "too many lists; use --list") != 0) ||
	    (reset->count > 0 && store_change_status(a->store, reset->changes, reset->count, &changed, &err) != 0) ||
	    (a->list[0] == '\0' &&
	     store_mark_temporary(a->store, a->reader.key, buf_span(&a->reader.address), 0, &err) != 0))
		return command_fail(EX_IOERR, "%s", err.text);
	return tell(command, a, STORE_ACTIVE, changed);
}

int address_reset(struct command *command) {
	struct address a;
	static struct reset reset;
	int status = address_open(command, true, &a);

	reset.a = &a;
	if (status == EX_OK)
		status = reset_all(command, &reset);
	strings_free(&reset.lists);
	address_close(&a);
	return status;
}

/* Who left or is blocked is not put on a list by the way. */
int address_add(struct command *command) {
	const char *proof = command_option(command, "--proof", "");
	struct store_standing standing;
	struct address a;
	struct err err;
	int status = address_open(command, true, &a);

	if (status == EX_OK && (a.list[0] == '\0' || a.reader.address.len == 0))
		status = command_usage(command, a.list[0] == '\0' ? "--list NAME is needed" : "an address is needed");
	if (status == EX_OK && store_find_standing(a.store, a.reader.key, span_of(a.list), &standing, &err) != 0)
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK && standing.status != STORE_ACTIVE)
		status = command_fail(1, "%s is %s (%s); todoku address reset makes it active again", shown_address(&a),
		                      store_status_name(standing.status), standing.reason);
	else if (status == EX_OK)
		status = set_status(command, &a, STORE_ACTIVE, span_of(proof));
	address_close(&a);
	return status;
}

int address_erase(struct command *command) {
	struct address a;
	bool found = false;
	struct err err;
	int status = address_open(command, false, &a);

	if (status == EX_OK && (store_erase_address(a.store, a.reader.key, time(NULL), &found, &err) != 0 ||
	                        decisions_forget(a.conf->data_dir, a.reader.key, &err) != 0))
		status = command_fail(EX_IOERR, "%s", err.text);
	if (status == EX_OK && command->json)
		answer_json(json_pack("{s:b}", "erased", found));
	else if (status == EX_OK && found)
		printf("erased; the key and what was refused stay, so that it is not mailed again\n");
	if (status == EX_OK && !found)
		status = command->json ? 1 : command_fail(1, "the address is not on record");
	address_close(&a);
	return status;
}
