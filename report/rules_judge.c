#include <string.h>

#include "report/fold.h"
#include "report/rules_private.h"
#include "report/smtp.h"

#define HITS_MAX 800
#define TEXT_MAX 8192U /* octets of a text that are judged */

struct trial {
	const struct rules *rules;
	const struct evidence *evidence;
	struct buf folded;
	struct phrase_hit hits[HITS_MAX];
	size_t hit_count;
	uint64_t providers;
	bool coded; /* the answer's enhanced code says what it is, and a rule knows it */
	char reply[4];
};

static bool host_is(struct span host, struct span provider) {
	return span_ends_nocase(host, provider) &&
	       (host.len == provider.len || host.at[host.len - provider.len - 1] == '.' ||
	        host.at[host.len - provider.len - 1] == '@');
}

/* Whose host it is, or whose address; bits. */
static uint64_t providers_of(const struct rules *r, struct span host) {
	uint64_t bits = 0;
	size_t i, j;

	if (host.len == 0)
		return 0;
	for (i = 0; i < r->provider_count; i++)
		for (j = 0; j < r->providers[i].hosts.len; j++)
			if (host_is(host, r->providers[i].spans[j]))
				bits |= (uint64_t)1 << i;
	return bits;
}

/* Hosts that the text names count where nothing else tells. */
static uint64_t providers_named(const struct trial *t) {
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < t->hit_count; i++) {
		const struct phrase_hit *hit = &t->hits[i];
		char next = hit->end < t->folded.len ? t->folded.at[hit->end] : ' ';

		if (hit->id >= RULES_HOST_ID && !ascii_is_alnum(next) && next != '-')
			bits |= (uint64_t)1 << (hit->id - RULES_HOST_ID);
	}
	return bits;
}

/* Does the code fit the pattern, in which x is any number? */
static bool code_fits(const char *pattern, const char *code) {
	while (*pattern != '\0' && *code != '\0') {
		if (*pattern == 'x') {
			if (!ascii_is_digit(*code))
				return false;
			pattern++;
			code++;
			/* "5.1.x": all the digits there are; "55x": just the one. */
			while (*pattern != 'x' && !ascii_is_digit(*pattern) && ascii_is_digit(*code))
				code++;
		} else if (*pattern++ != *code++) {
			return false;
		}
	}
	return *pattern == '\0' && *code == '\0';
}

static bool codes_fit(const struct rules_codes *codes, const char *code) {
	size_t i;

	for (i = 0; code[0] != '\0' && i < codes->count; i++)
		if (code_fits(codes->at[i], code))
			return true;
	return false;
}

static bool conditions_fit(const struct trial *t, const struct rule *rule) {
	const struct evidence *e = t->evidence;

	if (rule->providers != 0 && (rule->providers & t->providers) == 0)
		return false;
	if (rule->phase != NULL && strcmp(rule->phase, e->phase) != 0)
		return false;
	if (rule->uncoded && t->coded)
		return false;
	if (rule->reply != NULL && !codes_fit(rule->reply, t->reply))
		return false;
	return rule->status == NULL || codes_fit(rule->status, e->status) || codes_fit(rule->status, e->dsn_status);
}

/* Do the pieces stand in order, none too far from the one before?  `from` is the
 * hit of the first. */
static bool wording_fits(const struct trial *t, const struct wording *w, size_t from) {
	uint32_t piece, end = t->hits[from].end;

	for (piece = 1; piece < w->pieces; piece++) {
		while (++from < t->hit_count && !(t->hits[from].id == w->piece + piece && t->hits[from].start >= end))
			;
		if (from == t->hit_count || t->hits[from].start - end > RULES_GAP_MAX)
			return false;
		end = t->hits[from].end;
	}
	return true;
}

static bool is_excepted(const struct trial *t, const struct rule *rule) {
	size_t i;

	if (rule->unless_count == 0)
		return false;
	for (i = 0; i < t->hit_count; i++) {
		const struct wording *w;
		uint32_t index;

		if (t->hits[i].id >= RULES_HOST_ID)
			continue;
		index = t->rules->piece_wording[t->hits[i].id];
		w = &t->rules->wordings[index];
		if (index >= rule->unless && index < rule->unless + rule->unless_count && t->hits[i].id == w->piece &&
		    wording_fits(t, w, i))
			return true;
	}
	return false;
}

/* Is one of the rule's companions near the text that was found? */
static bool is_accompanied(const struct trial *t, const struct rule *rule, const struct phrase_hit *text) {
	size_t i;

	if (rule->with_count == 0)
		return true;
	for (i = 0; i < t->hit_count; i++) {
		const struct phrase_hit *hit = &t->hits[i];
		const struct wording *w;
		uint32_t index;

		if (hit->id >= RULES_HOST_ID || hit->start > text->end + RULES_GAP_MAX ||
		    hit->end + RULES_GAP_MAX < text->start)
			continue;
		index = t->rules->piece_wording[hit->id];
		w = &t->rules->wordings[index];
		if (index >= rule->with && index < rule->with + rule->with_count && hit->id == w->piece &&
		    wording_fits(t, w, i))
			return true;
	}
	return false;
}

static const struct rule *judge_text(const struct trial *t) {
	const struct rule *best = NULL;
	size_t i;

	for (i = 0; i < t->hit_count; i++) {
		const struct wording *w;
		const struct rule *rule;

		if (t->hits[i].id >= RULES_HOST_ID)
			continue;
		w = &t->rules->wordings[t->rules->piece_wording[t->hits[i].id]];
		rule = &t->rules->all[w->rule];
		if (w->role != WORDING_TEXT || t->hits[i].id != w->piece || (best != NULL && best->rank <= rule->rank))
			continue;
		if (wording_fits(t, w, i) && conditions_fit(t, rule) && is_accompanied(t, rule, &t->hits[i]) &&
		    !is_excepted(t, rule))
			best = rule;
	}
	return best;
}

/* Rules without words, held against one code: enhanced (dotted) or reply. */
static const struct rule *judge_code(const struct trial *t, const char *code, bool dotted) {
	size_t i;

	for (i = 0; code[0] != '\0' && i < t->rules->coded_count; i++) {
		const struct rule *rule = &t->rules->all[t->rules->coded[i]];
		const struct rules_codes *codes = dotted ? rule->status : rule->reply;

		if (codes == NULL || (!dotted && rule->status != NULL) || !codes_fit(codes, code))
			continue;
		if ((rule->providers != 0 && (rule->providers & t->providers) == 0) ||
		    (rule->phase != NULL && strcmp(rule->phase, t->evidence->phase) != 0) ||
		    (dotted && rule->reply != NULL && !codes_fit(rule->reply, t->reply)) || is_excepted(t, rule))
			continue;
		return rule;
	}
	return NULL;
}

/* 4 or 5, or 0: what the remote said comes first. */
static int class_of(const struct evidence *e) {
	if (e->reply != 0)
		return e->reply >= 500 && e->status[0] != '4' ? 5 : 4;
	if (e->status[0] != '\0')
		return e->status[0] - '0';
	return e->dsn_status[0] == '\0' ? 0 : e->dsn_status[0] - '0';
}

static void begin(struct trial *t, const struct rules *rules, const struct evidence *e) {
	struct span text = e->diagnostic;

	*t = (struct trial){.rules = rules, .evidence = e};
	buf_init(&t->folded, TEXT_MAX * 2 + 64);
	if (text.len > TEXT_MAX)
		text.len = TEXT_MAX;
	fold_text(text, &t->folded);
	buf_add_byte(&t->folded, ' ');
	t->hit_count = phrases_find(rules->phrases, buf_span(&t->folded), t->hits, HITS_MAX);
	t->providers = providers_of(rules, e->remote) | providers_of(rules, e->recipient);
	if (t->providers == 0)
		t->providers = providers_named(t);
	if (e->reply > 0 && e->reply < 1000) {
		t->reply[0] = (char)('0' + e->reply / 100);
		t->reply[1] = (char)('0' + e->reply / 10 % 10);
		t->reply[2] = (char)('0' + e->reply % 10);
	}
}

/* Class 4 is never permanent (N5); and a server that has not heard of the recipient
 * can tell only of the sender. */
static void soften(const struct evidence *e, struct verdict *v) {
	if ((strcmp(e->phase, "mail") == 0 || strcmp(e->phase, "connect") == 0) && v->action == REPORT_SUPPRESS) {
		v->category = REPORT_REFUSED;
		v->action = REPORT_COUNT_SOFT;
	}
	if (class_of(e) != 4 || !report_is_permanent(v->category))
		return;
	v->category = v->category == REPORT_DOMAIN_UNKNOWN ? REPORT_CONNECTION_FAILED : REPORT_TEMPORARY_OTHER;
	v->action = REPORT_COUNT_SOFT;
}

void rules_judge(const struct rules *rules, const struct evidence *evidence, struct verdict *verdict_r) {
	struct trial t;
	const struct rule *rule;
	size_t i;

	begin(&t, rules, evidence);
	*verdict_r = (struct verdict){.action = REPORT_COUNT_SOFT, .provider = "", .rule = ""};
	t.coded = smtp_status_weight(evidence->status) == 3 && judge_code(&t, evidence->status, true) != NULL;
	rule = judge_text(&t);
	verdict_r->by_text = rule != NULL;
	if (rule == NULL)
		rule = judge_code(&t, evidence->status, true);
	if (rule == NULL)
		rule = judge_code(&t, t.reply, false);
	if (rule == NULL)
		rule = judge_code(&t, evidence->dsn_status, true);
	if (rule != NULL) {
		verdict_r->category = rule->category;
		verdict_r->action = rule->action;
		verdict_r->rule = rule->where == NULL ? "" : rule->where;
	} else {
		int class = class_of(evidence);

		verdict_r->category = class == 4   ? REPORT_TEMPORARY_OTHER
		                      : class == 5 ? REPORT_PERMANENT_OTHER
		                                   : REPORT_UNDETERMINED;
	}
	for (i = 0; i < rules->provider_count; i++)
		if ((t.providers >> i & 1) != 0) {
			verdict_r->provider = rules->providers[i].name;
			break;
		}
	soften(evidence, verdict_r);
	buf_free(&t.folded);
}
