/*
 * Log lines of bounced: one for each record, as
 *
 *     event=report list=news campaign=... rcpt=a@example.jp category=user_unknown status=5.1.1
 *         effect=blocked
 *
 * Threads: any.
 */
#ifndef BOUNCED_TRACE_H
#define BOUNCED_TRACE_H

#include "bounced/lmtp.h"
#include "lib/conf.h"
#include "lib/store_bounce.h"

/* As log_setup(), for addresses. */
void trace_bounce(const struct store_bounce *bounce, enum store_bounce_result result);
/* A message that Postfix will bring again. */
void trace_put_off(const struct lmtp_message *message, const char *reason);
void trace_warning(const char *event, const char *reason);

#endif
