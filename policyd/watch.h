/*
 * What todoku-policyd does besides answering: it looks up whose mail a domain is, keeps an
 * eye on the streams, and tells the administrator when one stops or its breaker opens or
 * closes.
 *
 * The streams are brought up to date every WATCH_SECONDS even where no mail asks, so that a
 * day begins and a breaker opens in time.
 *
 * Metrics, by stream: todoku_policyd_stream_quota (-1: no limit),
 * todoku_policyd_stream_stopped and todoku_policyd_breaker_open (0 or 1).
 */
#ifndef POLICYD_WATCH_H
#define POLICYD_WATCH_H

#include "lib/metrics.h"
#include "policyd/policy.h"

#define WATCH_SECONDS 5

/* How long what was found of a domain holds: its TTL, within these. */
#define WATCH_DOMAIN_MIN 86400
#define WATCH_DOMAIN_MAX (7 * 86400)

struct watch;

/* Takes the hooks of `policy`, which is open; `metrics` may be NULL.  NULL with the reason. */
struct watch *watch_start(struct policy *policy, struct metrics *metrics, struct err *err);
/* Before policy_close(), when nobody answers any more. */
void watch_stop(struct watch **watch);

/* Once a second or so, by one thread: does what is due. */
void watch_look(struct watch *watch);

#endif
