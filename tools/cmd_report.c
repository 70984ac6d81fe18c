/* todoku report: the figures of a campaign, and its links. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sysexits.h>

#include "lib/clock.h"
#include "lib/store_event.h"
#include "tools/answer.h"

struct report {
	enum answer_form form;
	struct store *store;
	const struct store_campaign *campaign;
	char id[HEX64_SIZE];
};

/* A share in percent; NAN where there is nothing to have a share of. */
static double percent(uint64_t part, uint64_t whole) {
	return whole == 0 ? NAN : 100.0 * (double)part / (double)whole;
}

/* The manuals' rates.  `total` counts machines too, `human` does not; a bounce knows no
 * difference.  The target is what they call good: at most, or at least. */
struct rate {
	const char *name;
	const char *label;
	double total;
	double human;
	bool at_most;
	double target;
};
#define RATE_COUNT 5

static void make_rates(const struct store_kpi *k, struct rate rates_r[RATE_COUNT]) {
	uint64_t delivered = k->sent > k->bounced ? k->sent - k->bounced : 0;
	const struct rate rates[RATE_COUNT] = {
	        {"bounce_rate", "bounce rate", percent(k->bounced, k->sent), NAN, true, 10},
	        {"open_rate", "open rate", percent(k->opens.unique, delivered),
	         percent(k->opens.unique_human, delivered), false, 15},
	        {"reaction_rate", "reaction rate (CTOR)", percent(k->clicks.unique, k->opens.unique),
	         percent(k->clicks.unique_human, k->opens.unique_human), false, 10},
	        {"click_rate", "click rate (CTR)", percent(k->clicks.unique, delivered),
	         percent(k->clicks.unique_human, delivered), false, 1.5},
	        {"unsubscribe_rate", "unsubscribe rate", percent(k->unsubscribes.unique, delivered),
	         percent(k->unsubscribes.unique_human, delivered), true, 0.25},
	};

	memcpy(rates_r, rates, sizeof rates);
}

static json_t *number_or_null(double number) {
	return isnan(number) ? json_null() : json_real(round(number * 10000) / 10000);
}

static json_t *json_figure(const struct store_figure *f) {
	return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)f->total, "human", (json_int_t)f->human, "unique",
	                 (json_int_t)f->unique, "unique_human", (json_int_t)f->unique_human);
}

static const struct {
	const char *name;
	size_t at;
} figures[] = {
        {"opens", offsetof(struct store_kpi, opens)},
        {"clicks", offsetof(struct store_kpi, clicks)},
        {"unsubscribes", offsetof(struct store_kpi, unsubscribes)},
        {"subscribes", offsetof(struct store_kpi, subscribes)},
        {"conversions", offsetof(struct store_kpi, conversions)},
};
#define FIGURE_COUNT (sizeof figures / sizeof *figures)

static const struct store_figure *figure_of(const struct store_kpi *k, size_t i) {
	return (const struct store_figure *)(const void *)((const char *)k + figures[i].at);
}

static void kpi_json(const struct report *r, const struct store_kpi *k, const struct rate rates[RATE_COUNT]) {
	uint64_t delivered = k->sent > k->bounced ? k->sent - k->bounced : 0;
	json_t *said =
	        json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "campaign", r->id, "list",
	                  answer_text(span_of(r->campaign->list)), "name", answer_text(span_of(r->campaign->name)),
	                  "first", answer_time(r->campaign->first), "last", answer_time(r->campaign->last), "sent",
	                  (json_int_t)k->sent, "delivered", (json_int_t)delivered, "bounced", (json_int_t)k->bounced,
	                  "bounced_hard", (json_int_t)k->bounced_hard);
	size_t i;

	for (i = 0; i < FIGURE_COUNT; i++)
		json_object_set_new(said, figures[i].name, json_figure(figure_of(k, i)));
	for (i = 0; i < RATE_COUNT; i++)
		json_object_set_new(said, rates[i].name,
		                    json_pack("{s:o, s:o, s:f, s:s}", "total", number_or_null(rates[i].total), "human",
		                              number_or_null(rates[i].human), "target", rates[i].target, "good_when",
		                              rates[i].at_most ? "at_most" : "at_least"));
	answer_json(said);
}

static void csv_row(const struct report *r, const char *name, const char *total, const char *human, const char *unique,
                    const char *unique_human, const char *target) {
	struct answer_record record;
	const char *cells[] = {name, total, human, unique, unique_human, target};
	size_t i;

	answer_begin(&record);
	answer_field(&record, span_of(r->id));
	answer_foreign(&record, span_of(r->campaign->list));
	answer_foreign(&record, span_of(r->campaign->name));
	for (i = 0; i < sizeof cells / sizeof *cells; i++)
		answer_field(&record, span_of(cells[i]));
	answer_end(&record);
}

static const char *count_text(char out[24], uint64_t count) {
	snprintf(out, 24, "%llu", (unsigned long long)count);
	return out;
}

static const char *rate_text(char out[24], double rate, const char *none) {
	if (isnan(rate))
		snprintf(out, 24, "%s", none);
	else
		snprintf(out, 24, "%.2f", rate);
	return out;
}

static void kpi_csv(const struct report *r, const struct store_kpi *k, const struct rate rates[RATE_COUNT]) {
	char n[4][24];
	size_t i;

	csv_row(r, "sent", count_text(n[0], k->sent), "", "", "", "");
	csv_row(r, "delivered", count_text(n[0], k->sent > k->bounced ? k->sent - k->bounced : 0), "", "", "", "");
	csv_row(r, "bounced", count_text(n[0], k->bounced), "", "", "", "");
	csv_row(r, "bounced_hard", count_text(n[0], k->bounced_hard), "", "", "", "");
	for (i = 0; i < FIGURE_COUNT; i++) {
		const struct store_figure *f = figure_of(k, i);

		csv_row(r, figures[i].name, count_text(n[0], f->total), count_text(n[1], f->human),
		        count_text(n[2], f->unique), count_text(n[3], f->unique_human), "");
	}
	for (i = 0; i < RATE_COUNT; i++)
		csv_row(r, rates[i].name, rate_text(n[0], rates[i].total, ""), rate_text(n[1], rates[i].human, ""), "",
		        "", rate_text(n[2], rates[i].target, ""));
}

static const char *judge(const struct rate *rate, double value) {
	if (isnan(value))
		return "";
	return (rate->at_most ? value <= rate->target : value >= rate->target) ? "reached" : "missed";
}

static void kpi_text(const struct report *r, const struct store_kpi *k, const struct rate rates[RATE_COUNT]) {
	uint64_t delivered = k->sent > k->bounced ? k->sent - k->bounced : 0;
	char n[2][24];
	size_t i;

	answer_campaign(r->campaign);
	printf("\n  sent %llu  delivered %llu  bounced %llu (hard %llu)\n\n", (unsigned long long)k->sent,
	       (unsigned long long)delivered, (unsigned long long)k->bounced, (unsigned long long)k->bounced_hard);
	printf("  %-22s %10s %10s %10s %14s\n", "", "total", "human", "unique", "unique human");
	for (i = 0; i < FIGURE_COUNT; i++) {
		const struct store_figure *f = figure_of(k, i);

		printf("  %-22s %10llu %10llu %10llu %14llu\n", figures[i].name, (unsigned long long)f->total,
		       (unsigned long long)f->human, (unsigned long long)f->unique,
		       (unsigned long long)f->unique_human);
	}
	printf("\n  %-22s %10s %10s %21s\n", "%", "total", "human", "target");
	for (i = 0; i < RATE_COUNT; i++)
		printf("  %-22s %10s %10s %12s %5g  %s\n", rates[i].label, rate_text(n[0], rates[i].total, "-"),
		       rate_text(n[1], rates[i].human, "-"), rates[i].at_most ? "at most" : "at least", rates[i].target,
		       judge(&rates[i], isnan(rates[i].human) ? rates[i].total : rates[i].human));
}

static int report_campaign_kpi(const struct report *r) {
	struct rate rates[RATE_COUNT];
	struct store_kpi kpi;
	struct err err;

	if (store_kpi(r->store, r->campaign->id, &kpi, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	make_rates(&kpi, rates);
	if (r->form == ANSWER_JSON)
		kpi_json(r, &kpi, rates);
	else if (r->form == ANSWER_CSV)
		kpi_csv(r, &kpi, rates);
	else
		kpi_text(r, &kpi, rates);
	return EX_OK;
}

static int show_link(void *context, const struct store_link *link) {
	const struct report *r = context;
	struct answer_record record;
	json_t *said;

	if (r->form == ANSWER_JSON) {
		said = json_pack("{s:s, s:i, s:o}", "campaign", r->id, "link", (int)link->number, "target",
		                 answer_text(link->target));
		json_object_set_new(said, "clicks", json_figure(&link->clicks));
		answer_json(said);
	} else if (r->form == ANSWER_CSV) {
		answer_begin(&record);
		answer_field(&record, span_of(r->id));
		answer_number(&record, link->number);
		answer_foreign(&record, link->target);
		answer_number(&record, link->clicks.total);
		answer_number(&record, link->clicks.human);
		answer_number(&record, link->clicks.unique);
		answer_number(&record, link->clicks.unique_human);
		answer_end(&record);
	} else {
		printf("%5u %10llu %10llu %10llu %14llu  ", link->number, (unsigned long long)link->clicks.total,
		       (unsigned long long)link->clicks.human, (unsigned long long)link->clicks.unique,
		       (unsigned long long)link->clicks.unique_human);
		answer_print(link->target);
		putchar('\n');
	}
	return 0;
}

static int report_campaign_links(const struct report *r) {
	struct err err;

	if (r->form == ANSWER_TEXT) {
		answer_campaign(r->campaign);
		printf("\n%5s %10s %10s %10s %14s  target\n", "link", "total", "human", "unique", "unique human");
	}
	if (store_each_link(r->store, r->campaign->id, show_link, (void *)(uintptr_t)r, &err) != 0)
		return command_fail(EX_IOERR, "%s", err.text);
	return EX_OK;
}

struct question {
	enum answer_form form;
	int (*each)(const struct report *report);
};

static int answer(void *context, struct store *store, const struct store_campaign *campaign) {
	const struct question *question = context;
	struct report report = {.form = question->form, .store = store, .campaign = campaign};

	hex64_format(report.id, campaign->id);
	return question->each(&report);
}

/* For each campaign of that id or name. */
static int run(struct command *command, const char *columns, int (*each)(const struct report *)) {
	struct question question = {answer_form(command), each};

	return answer_campaigns(command, question.form == ANSWER_CSV ? columns : NULL, answer, &question);
}

int report_kpi(struct command *command) {
	return run(command, "campaign,list,name,figure,total,human,unique,unique_human,target", report_campaign_kpi);
}

int report_links(struct command *command) {
	return run(command, "campaign,link,target,total,human,unique,unique_human", report_campaign_links);
}
