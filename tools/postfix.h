/*
 * Postfix's queue, by its own commands: what lies in it, letting go, deleting.
 *
 * postsuper(1) is root's alone, while the store is used as the daemons' user.  So the
 * commands are run by a child that stays what the caller was when it opened this, and
 * does nothing but run them; queue ids are all that it takes, and it checks them.
 */
#ifndef TOOLS_POSTFIX_H
#define TOOLS_POSTFIX_H

#include <time.h>

#include "lib/err.h"
#include "lib/text.h"

struct postfix;

/* `config` is Postfix's folder of configuration, "" its own.  NULL on failure. */
struct postfix *postfix_open(const char *config, struct err *err);
void postfix_close(struct postfix **postfix);

struct postfix_mail {
	char *queue_id;
	char *queue; /* hold, deferred, active, incoming, ... */
	time_t arrival;
	struct strings recipients; /* that are left */
};
struct postfix_queue {
	struct postfix_mail *mails; /* by queue id */
	size_t count;
};
int postfix_read_queue(struct postfix *postfix, struct postfix_queue *queue_r, struct err *err);
void postfix_queue_free(struct postfix_queue *queue);
/* NULL where there is none. */
const struct postfix_mail *postfix_find(const struct postfix_queue *queue, const char *queue_id);

/* Seconds after which mail that can't be delivered goes back to its sender. */
int postfix_lifetime(struct postfix *postfix, long *seconds_r, struct err *err);

/* What becomes of messages in the hold queue, each as `ids` has it, one a line. */
enum postfix_order {
	POSTFIX_RELEASE, /* to be delivered, in this order as far as Postfix keeps it */
	POSTFIX_REQUEUE, /* the same, as if new: with a new queue id and age */
	POSTFIX_DELETE,
};
int postfix_order(struct postfix *postfix, enum postfix_order order, struct span ids, struct err *err);

#endif
