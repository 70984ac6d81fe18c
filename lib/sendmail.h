/*
 * Mail on its way out by sendmail(1), without a shell.
 *
 * The command is a list of arguments, the program's absolute path first; `-i -f
 * SENDER -- RECIPIENT` is put behind them.  The message goes to its standard
 * input.  Its standard error (256 octets of it) is the reason where it fails.
 *
 * Signals stay as they are; SIGPIPE must be ignored by the caller's process.
 * May be called by any thread.
 */
#ifndef LIB_SENDMAIL_H
#define LIB_SENDMAIL_H

#include "lib/err.h"
#include "lib/text.h"

#define SENDMAIL_ARGUMENTS_MAX 32

/* 0 once the command has taken the message and ended with status 0.  After
 * `timeout` seconds it is killed. */
int sendmail_run(const struct strings *command, const char *sender, const char *recipient, struct span message,
                 int timeout, struct err *err);

#endif
