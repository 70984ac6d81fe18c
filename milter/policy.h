/*
 * The milter's questions to todoku-policyd: may each recipient have this mail, now?
 *
 * Postfix asks policyd at RCPT, where it can.  The milter asks again at the end of the
 * message, over the same socket and protocol (policyd/protocol.h): it alone knows
 * the list for sure, sees mail of sendmail(1), and decides last.  Then it tells the
 * fate of the message, by which units of quota are spent or given back.
 *
 * Only mail of a list that has a stream is asked about.
 *
 * A client is one session's; it keeps its connection from message to message, and
 * opens it anew where policyd was restarted: questions may be repeated.  Where there is no
 * answer in time, the fate is POLICY_BROKEN, and on_error says what that means.
 */
#ifndef MILTER_POLICY_H
#define MILTER_POLICY_H

#include "lib/conf.h"
#include "lib/err.h"
#include "milter/message.h"

struct policy_client;

/* NULL when out of memory; connects when first asked. */
struct policy_client *policy_client_new(void);
void policy_client_free(struct policy_client **client);

enum policy_fate {
	POLICY_GO,
	POLICY_HOLD,    /* all of it waits */
	POLICY_DISCARD, /* nobody is left: dropped in silence */
	POLICY_PUT_OFF, /* 4xx */
	POLICY_REFUSE,  /* 5xx */
	POLICY_BROKEN,  /* policyd doesn't answer */
};

struct policy_verdict {
	enum policy_fate fate;
	char code[4];   /* of POLICY_PUT_OFF and POLICY_REFUSE, as "450" */
	char status[8]; /* as "4.7.1" */
	char text[512]; /* one line */
};

/* Is mail of that list (NULL: of none) asked about? */
bool policy_wants(const struct conf *conf, const struct conf_list *list);

/* Asks for all recipients.  Those who may not have it are put behind the others
 * (message_refuse), where others are left.  Unless the fate is POLICY_GO or POLICY_HOLD it is the last word
 * to policyd, too. */
void policy_ask(struct policy_client *client, const struct conf *conf, const struct conf_list *list, struct message *m,
                struct span queue_id, struct policy_verdict *verdict_r);

enum policy_end { POLICY_END_SENT, POLICY_END_HELD, POLICY_END_FAILED };
/* The fate of the message last asked about.  -1 with the reason where policyd could not
 * take it: then a message must not be held. */
int policy_end(struct policy_client *client, const struct conf *conf, enum policy_end end, struct err *err);

#endif
