#include "policyd/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"pass", "hold", "discard", "defer", "reject", "error"};

const char *answer_kind_name(enum answer_kind kind) {
	return names[kind];
}

static void set(struct answer *answer, enum answer_kind kind, const char *reason, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
static void set(struct answer *answer, enum answer_kind kind, const char *reason, const char *format, ...) {
	va_list arguments;

	answer->kind = kind;
	answer->reason = reason;
	va_start(arguments, format);
	vsnprintf(answer->text, sizeof answer->text, format, arguments);
	va_end(arguments);
}

void answer_pass(struct answer *answer, const char *reason) {
	set(answer, ANSWER_PASS, reason, "%s", "");
}

/* An instant's day, in UTC: status changes are recorded by it. */
static const char *date_of(time_t when, char out[STAMP_SIZE]) {
	stamp_format(when, out);
	return out;
}

static void what_to_do(char out[160], const struct store_standing *standing) {
	if (standing->status == STORE_BLOCKED)
		snprintf(out, 160, "remove it from the list, or if it is alive again: todoku address unblock ADDRESS");
	else
		snprintf(out, 160, "remove it from the list; only its reader can subscribe it again");
}

void answer_suppressed(struct answer *answer, const struct conf *conf, struct span address,
                       const struct conf_list *list, const struct store_standing *standing) {
	enum answer_kind kind = conf->suppressed == CONF_SUPPRESSED_DISCARD ? ANSWER_DISCARD : ANSWER_REJECT;
	const char *of = list == NULL || standing->of_address ? "every list" : list->name;
	char stamp[STAMP_SIZE], advice[160];

	what_to_do(advice, standing);
	set(answer, kind, store_status_name(standing->status), "<%.*s> is %s (%s) since %s: %s%s%s; %s",
	    SPAN_ARG(address), store_status_name(standing->status), of, date_of(standing->since, stamp),
	    standing->reason, standing->detail[0] == '\0' ? "" : ": ", standing->detail, advice);
}

void answer_temporary_failed(struct answer *answer, struct span address, const struct store_standing *standing) {
	char stamp[STAMP_SIZE];

	set(answer, ANSWER_REJECT, "temporary_failed",
	    "<%.*s> is marked temporary-failed since %s: mail to it failed again and again; "
	    "to try again: todoku address reset ADDRESS",
	    SPAN_ARG(address), date_of(standing->temporary_failed, stamp));
}

void answer_breaker(struct answer *answer, const struct conf_stream *stream, const struct warmup_today *today) {
	set(answer, stream->breaker == CONF_BREAKER_DEFER ? ANSWER_DEFER : ANSWER_HOLD, "breaker",
	    "the breaker of stream %s is open: %s; it closes by itself, or by: todoku warmup resume %s", stream->name,
	    today->breaker_reason, stream->name);
}

static enum answer_kind over_quota_kind(const struct conf_stream *stream) {
	switch ((enum conf_over_quota)stream->over_quota) {
	case CONF_OVER_QUOTA_DEFER:
		return ANSWER_DEFER;
	case CONF_OVER_QUOTA_REJECT:
		return ANSWER_REJECT;
	default:
		return ANSWER_HOLD;
	}
}

void answer_over_quota(struct answer *answer, const struct conf_stream *stream, const struct warmup_today *today,
                       const char *provider, long long provider_quota, const struct zone *zone) {
	enum answer_kind kind = over_quota_kind(stream);
	char day[DAY_SIZE], next[DAY_SIZE], stamp[STAMP_SIZE];

	day_format(today->day, day);
	zone_day(zone, today->ends, next);
	if (today->stopped)
		set(answer, kind, "stopped", "stream %s is stopped: %s; to go on: todoku warmup resume %s",
		    stream->name, today->reason, stream->name);
	else if (today->waiting)
		set(answer, kind, "not_begun", "stream %s begins on %s; try again then", stream->name, stream->start);
	else if (provider_quota != WARMUP_UNLIMITED && provider_quota < today->quota)
		set(answer, kind, "quota",
		    "the quota of %s, %lld recipients of stream %s for %s, is used up; try again on %s (from %s)",
		    provider, provider_quota, stream->name, day, next, date_of(today->ends, stamp));
	else
		set(answer, kind, "quota",
		    "the quota of stream %s, %lld recipients for %s, is used up; try again on %s (from %s)",
		    stream->name, today->quota, day, next, date_of(today->ends, stamp));
}

void answer_error(struct answer *answer, const struct conf *conf, const char *reason) {
	set(answer, conf->on_error == CONF_ON_ERROR_ACCEPT ? ANSWER_PASS : ANSWER_ERROR, "error", "%s", reason);
}

void answer_action(const struct answer *answer, bool ends, struct buf *out) {
	char action[POLICY_ACTION_MAX + 64];

	switch (answer->kind) {
	case ANSWER_PASS:
		policy_answer(out, SPAN("DUNNO"));
		return;
	case ANSWER_HOLD:
	case ANSWER_DISCARD:
		if (!ends) {
			policy_answer(out, SPAN("DUNNO"));
			return;
		}
		snprintf(action, sizeof action, "%s todoku: %s", answer->kind == ANSWER_HOLD ? "HOLD" : "DISCARD",
		         answer->text);
		break;
	case ANSWER_DEFER:
		snprintf(action, sizeof action, "450 4.7.1 todoku: %s", answer->text);
		break;
	case ANSWER_REJECT:
		snprintf(action, sizeof action, "550 5.7.1 todoku: %s", answer->text);
		break;
	default:
		snprintf(action, sizeof action, "451 4.3.0 todoku: %s", answer->text);
		break;
	}
	policy_answer(out, span_of(action));
}
