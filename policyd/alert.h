/*
 * Tells the administrator, by a command of theirs, that a stream stopped or that its
 * breaker opened or closed.
 *
 * The program of `alert_command` runs as the daemon's user, without a shell, with three
 * more arguments: what it is (`stopped`, `open`, `closed`), the stream, and why, in
 * words. Its input and output are /dev/null.  One runs at a time, in a thread of this
 * module's; after `alert_timeout` its process group is killed.
 *
 * alert_raise() never waits.  The same of the same stream is told once in
 * `alert_interval`; ALERT_PENDING_MAX wait, and what is more is dropped.  What was run,
 * dropped, or failed is logged.
 */
#ifndef POLICYD_ALERT_H
#define POLICYD_ALERT_H

#include "lib/conf.h"
#include "lib/err.h"

#define ALERT_PENDING_MAX 64

struct alert;

enum alert_kind { ALERT_STOPPED, ALERT_OPEN, ALERT_CLOSED };

/* NULL with the reason. */
struct alert *alert_start(struct err *err);
/* Ends the program that runs; what waits is dropped. */
void alert_stop(struct alert **alert);

/* Any thread.  Nothing happens where no command is configured. */
void alert_raise(struct alert *alert, const struct conf_policyd *conf, enum alert_kind kind, const char *stream,
                 const char *reason);

#endif
