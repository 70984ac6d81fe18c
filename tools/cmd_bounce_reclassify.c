/* todoku bounce reclassify: what is on record, judged by the rules of today. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "lib/store_bounce.h"
#include "report/rules.h"
#include "tools/answer.h"

#define MAIL_MAX (16U << 20)
#define ERRORS_MAX 65536
#define TEXT_SIZE 1100
#define LIMIT 1000000000L

/* A record whose judgement would be another. */
struct change {
	int64_t id;
	uint64_t address_key;
	uint64_t campaign;
	time_t time; /* when it came in */
	char was[64];
	char address[STORE_TEXT_MAX + 1];
	char diagnostic[STORE_TEXT_MAX + 1];
	char rule[TEXT_SIZE];
	enum report_category category;
	enum report_action action;
};

struct reclassify {
	const struct rules *rules;
	time_t blocks_from;  /* older reports block nobody: much may have been delivered since */
	struct store *store; /* for the mails; another handle than the one that lists */
	struct change *changes;
	size_t count, room;
	uint64_t looked_at;
	bool failed;
};

static void copy(char *out, size_t size, struct span text) {
	snprintf(out, size, "%.*s", SPAN_ARG(text));
}

/* Of several results the one that was recorded. */
static const struct report_result *same_recipient(const struct report *report, struct span recipient) {
	size_t i;

	for (i = 0; i < report->count; i++)
		if (span_equal(span_of(report->results[i].recipient), recipient))
			return &report->results[i];
	return &report->results[0];
}

static bool judge_mail(struct reclassify *r, const struct store_bounce_row *row, struct verdict *verdict_r,
                       struct report *report_r) {
	const struct report_result *result;
	struct err err;
	struct buf mail;
	bool judged;

	buf_init(&mail, MAIL_MAX);
	judged = store_bounce_mail(r->store, row->id, &mail, &err) == 0 && mail.len > 0 &&
	         report_read(r->rules, buf_span(&mail), report_r) == 0;
	buf_free(&mail);
	if (!judged)
		return false;
	result = same_recipient(report_r, row->bounce.recipient);
	verdict_r->category = result->category;
	verdict_r->action = result->action;
	verdict_r->rule = result->rule;
	return true;
}

static void judge_record(const struct reclassify *r, const struct store_bounce *b, struct verdict *verdict_r) {
	char status[32], phase[32];
	struct evidence evidence = {
	        .diagnostic = b->diagnostic,
	        .remote = b->remote,
	        .recipient = b->recipient,
	        .status = status,
	        .dsn_status = status,
	        .reply = b->reply,
	        .phase = phase,
	};

	copy(status, sizeof status, b->status);
	copy(phase, sizeof phase, b->phase);
	rules_judge(r->rules, &evidence, verdict_r);
}

static int keep(struct reclassify *r, const struct store_bounce_row *row, const struct verdict *verdict) {
	struct change *change;

	if (r->count == r->room) {
		size_t room = r->room == 0 ? 16 : r->room * 2;
		struct change *grown = realloc(r->changes, room * sizeof *grown);

		if (grown == NULL) {
			r->failed = true;
			return 1;
		}
		r->changes = grown;
		r->room = room;
	}
	change = &r->changes[r->count++];
	*change = (struct change){
	        .id = row->id,
	        .address_key = row->bounce.address_key,
	        .campaign = row->bounce.campaign,
	        .time = row->bounce.time,
	        .category = verdict->category,
	        .action = verdict->action,
	};
	copy(change->was, sizeof change->was, row->bounce.category);
	copy(change->address, sizeof change->address, row->address);
	copy(change->diagnostic, sizeof change->diagnostic, row->bounce.diagnostic);
	copy(change->rule, sizeof change->rule, span_of(verdict->rule));
	return 0;
}

/* Failures, and what was kept because nobody understood it; only what is proven. */
static int look(void *context, const struct store_bounce_row *row) {
	struct reclassify *r = context;
	struct report report = {0};
	struct verdict verdict;
	enum report_category was;
	int outcome = 0;

	if (row->bounce.fault.len > 0 || report_category_of(row->bounce.category, &was) != 0 ||
	    (!report_is_failure(was) && row->mail_size == 0))
		return 0;
	r->looked_at++;
	if (!judge_mail(r, row, &verdict, &report))
		judge_record(r, &row->bounce, &verdict);
	if (verdict.category != was)
		outcome = keep(r, row, &verdict);
	report_free(&report);
	return outcome;
}

struct witness {
	const struct reclassify *r;
	bool found;
};

/* A report whose permanent failure stands. */
static int is_witness(void *context, const struct store_bounce_row *row) {
	struct witness *witness = context;
	enum report_category category;
	size_t i;

	if (row->bounce.fault.len > 0 || report_category_of(row->bounce.category, &category) != 0 ||
	    !report_is_permanent(category))
		return 0;
	for (i = 0; i < witness->r->count && witness->r->changes[i].id != row->id; i++)
		;
	witness->found = i == witness->r->count || report_is_permanent(witness->r->changes[i].category);
	return witness->found;
}

/* The block that the record itself led to, and no other: nor does another report on
 * record say that the address is dead. */
static bool may_lift(const struct reclassify *r, struct store *store, const struct change *change) {
	struct store_bounce_which which = {.address_key = change->address_key, .limit = LIMIT};
	struct witness witness = {.r = r};
	struct store_standing standing;
	struct err err;

	return store_find_standing(store, change->address_key, SPAN_NONE, &standing, &err) == 0 &&
	       standing.status == STORE_BLOCKED && strcmp(standing.reason, change->was) == 0 &&
	       store_each_bounce(store, &which, is_witness, &witness, &err) == 0 && !witness.found;
}

static enum store_feedback_kind feedback_of(enum report_category category) {
	if (report_is_permanent(category))
		return STORE_FEEDBACK_HARD;
	if (category == REPORT_REFUSED)
		return STORE_FEEDBACK_REFUSED;
	return report_is_failure(category) ? STORE_FEEDBACK_SOFT : STORE_FEEDBACK_NONE;
}

/* What becomes of the address: blocked, free again, or as it was. */
static const char *effect_of(const struct reclassify *r, struct store *store, const struct change *change,
                             struct store_change *status) {
	enum report_category was;
	bool blocks = change->action == REPORT_SUPPRESS && report_is_permanent(change->category);

	*status = (struct store_change){
	        .address_key = change->address_key,
	        .address = span_of(change->address),
	        .status = blocks ? STORE_BLOCKED : STORE_ACTIVE,
	        .reason = blocks ? span_of(report_category_name(change->category)) : SPAN("reclassified"),
	        .detail = span_of(change->diagnostic),
	        .who = span_of(answer_operator()),
	        .campaign = change->campaign,
	        .time = time(NULL),
	};
	if (report_category_of(span_of(change->was), &was) != 0)
		was = REPORT_UNDETERMINED;
	if (blocks && !report_is_permanent(was))
		return change->time >= r->blocks_from ? "blocked" : "";
	if (!blocks && report_is_permanent(was) && may_lift(r, store, change))
		return "unblocked";
	return "";
}

static void print(const struct command *command, const struct change *change, const char *effect) {
	const char *category = report_category_name(change->category);

	if (command->json)
		answer_json(json_pack("{s:I, s:o, s:s, s:s, s:s, s:s}", "id", (json_int_t)change->id, "address",
		                      answer_text(span_of(change->address)), "was", change->was, "is", category, "rule",
		                      change->rule, "effect", effect));
	else
		printf("%6lld  %s  %s -> %s%s%s\n", (long long)change->id, change->address, change->was, category,
		       effect[0] == '\0' ? "" : "  ", effect);
}

static int apply(const struct command *command, const struct reclassify *r, struct store *store,
                 const struct change *change, bool dry_run) {
	struct store_change status;
	const char *effect = effect_of(r, store, change, &status);
	struct store_bounce judged = {
	        .category = span_of(report_category_name(change->category)),
	        .rule = span_of(change->rule),
	        .failure = report_is_failure(change->category),
	        .feedback = feedback_of(change->category),
	        .changes = &status,
	        .change_count = effect[0] != '\0',
	};
	struct err err;

	if (!dry_run && store_rejudge_bounce(store, change->id, &judged, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	print(command, change, effect);
	return EX_OK;
}

static struct rules *load_rules(const struct conf *conf) {
	char *found = conf->bounced.rules[0] == '\0' ? rules_find() : strdup(conf->bounced.rules);
	struct rules *rules = NULL;
	struct buf errors;

	buf_init(&errors, ERRORS_MAX);
	if (found != NULL)
		rules = rules_load(found, &errors);
	if (found == NULL)
		command_fail(EX_CONFIG, "no bounce rules found: name the file by bounced.rules");
	else if (rules == NULL)
		fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&errors)));
	buf_free(&errors);
	free(found);
	return rules;
}

static int run(const struct command *command, struct reclassify *r, struct store *store, bool dry_run) {
	struct store_bounce_which which = {.limit = LIMIT};
	struct err err;
	int status = EX_OK;
	size_t i;

	if (store_each_bounce(store, &which, look, r, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	if (r->failed)
		return command_fail(EX_OSERR, "out of memory");
	/* The oldest first: its block has the date that counts. */
	for (i = r->count; i > 0 && status == EX_OK; i--)
		status = apply(command, r, store, &r->changes[i - 1], dry_run);
	if (status == EX_OK && !command->json)
		printf("%llu looked at, %zu %s\n", (unsigned long long)r->looked_at, r->count,
		       dry_run ? "would change" : "changed");
	return status;
}

int bounce_reclassify(struct command *command) {
	bool dry_run = command_flag(command, "--dry-run");
	struct reclassify r = {0};
	struct store *store = NULL;
	struct rules *rules;
	struct conf *conf;
	int status = EX_IOERR;

	if (command->argc > 0)
		return command_usage(command, "all that is on record is looked at");
	conf = command_conf(command);
	if (conf == NULL)
		return EX_CONFIG;
	report_init();
	rules = load_rules(conf);
	r.rules = rules;
	r.blocks_from = time(NULL) - conf->bounced.token_age;
	if (rules == NULL) {
		status = EX_CONFIG;
	} else {
		store = answer_store(conf);
		r.store = store == NULL ? NULL : answer_store(conf);
		if (r.store != NULL)
			status = run(command, &r, store, dry_run);
	}
	free(r.changes);
	store_close(&r.store);
	store_close(&store);
	rules_free(&rules);
	conf_free(&conf);
	return status;
}
