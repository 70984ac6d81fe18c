/*
 * What Postfix is answered, and why: in words that tell status, reason, date, and
 * what to do (W6).
 */
#ifndef POLICYD_ANSWER_H
#define POLICYD_ANSWER_H

#include "lib/store_status.h"
#include "lib/warmup.h"
#include "policyd/protocol.h"

enum answer_kind {
	ANSWER_PASS,
	ANSWER_HOLD,
	ANSWER_DISCARD,
	ANSWER_DEFER,
	ANSWER_REJECT,
	ANSWER_ERROR, /* the store could not be asked: as on_error says */
	ANSWER_KINDS,
};
/* "pass", "hold", "discard", "defer", "reject", "error". */
const char *answer_kind_name(enum answer_kind kind);

struct answer {
	enum answer_kind kind;
	const char *reason; /* one word, for logs */
	char text[POLICY_ACTION_MAX];
};

void answer_pass(struct answer *answer, const char *reason);
/* `list` NULL: of the address itself. */
void answer_suppressed(struct answer *answer, const struct conf *conf, struct span address,
                       const struct conf_list *list, const struct store_standing *standing);
void answer_temporary_failed(struct answer *answer, struct span address, const struct store_standing *standing);
void answer_breaker(struct answer *answer, const struct conf_stream *stream, const struct warmup_today *today);
/* `provider` is named where it has a quota of its own. */
void answer_over_quota(struct answer *answer, const struct conf_stream *stream, const struct warmup_today *today,
                       const char *provider, long long provider_quota, const struct zone *zone);
void answer_error(struct answer *answer, const struct conf *conf, const char *reason);

/* As an action of the policy protocol.  `ends`: at END-OF-MESSAGE or the milter's end, where
 * mail can be held and dropped; at RCPT it is let pass until then. */
void answer_action(const struct answer *answer, bool ends, struct buf *out);

#endif
