/*
 * The milter's lines of the decision log (lib/decisions.h): of each recipient what
 * became of the message, for `todoku explain`.
 */
#ifndef MILTER_TRACE_H
#define MILTER_TRACE_H

#include "lib/decisions.h"
#include "milter/treat.h"

struct trace {
	struct decisions *log; /* NULL: nobody keeps it */
	const struct world *world;
	const struct conf_list *list; /* NULL: none */
	struct message *message;
	struct span queue_id;
};

/* `outcome` is one of the log's, `reason` one word. */
void trace_recipient(const struct trace *trace, const struct recipient *recipient, const char *outcome,
                     const char *reason, const char *text);
/* All who get the message. */
void trace_all(const struct trace *trace, const char *outcome, const char *reason, const char *text);
/* The same, with what was done to it in words. */
void trace_treated(const struct trace *trace, const struct treated *treated);

#endif
