/*
 * Postfix's policy delegation protocol (SMTPD_POLICY_README), the server's side.
 *
 * A request is lines `name=value`, ended by LF, and an empty line; several may
 * stand in the input one behind the other, the last one unfinished.  The answer is
 * one line `action=...` and an empty line.  There is no answer that says "I did not
 * understand": a request that is none is answered by closing the connection, as
 * SMTPD_POLICY_README wants it, and Postfix then acts as on a server that is down.
 *
 * The attribute sets of Postfix 3.5 to 3.10 are taken, in any order; what is unknown
 * is skipped and what is absent is empty.  Of an attribute given twice the last one
 * counts.
 *
 * Besides `smtpd_access_policy` there are two requests of our own, for the milter:
 *
 *   request=todoku_recipient   May this recipient of the message have it?  With
 *                              instance (the milter's own name of the message),
 *                              queue_id, list, sender, recipient, message_id.
 *                              Answers: DUNNO, HOLD, DISCARD, 4xx or 5xx with text.
 *   request=todoku_end         The fate of the message: instance, queue_id,
 *                              recipient_count (those who are to have it), and result,
 *                              which is `sent` (its units are spent), `held` (they are
 *                              given back, and who waits is on record when the answer
 *                              comes) or `failed` (they are given back).  Answers:
 *                              DUNNO, or 4xx with text where it could not be recorded.
 *
 * Which path of a message asks what:
 *
 *   split    The reinject smtpd asks at RCPT; the milter at the end, by todoku_recipient,
 *            and takes over the unit that was reserved at RCPT.  Each message has one
 *            recipient there, and comes from the splitter: only its sender says whose
 *            it is (lib/list_match.h), so what a list is known by otherwise counts at the
 *            milter's end alone.  Mail of sendmail(1) goes the same way.
 *   inline   The same, with several recipients, and login and client at RCPT.
 *   non_smtpd_milters
 *            Nobody asks at RCPT; the milter at the end.  A recipient that may not have
 *            it is taken out; with all of them out the message is refused.
 *   policy alone, without the milter
 *            At RCPT, and at END-OF-MESSAGE (smtpd_end_of_data_restrictions), which
 *            decides and spends.  Without that, a unit reserved at RCPT would come back
 *            some time after its mail has left: it is needed.
 *
 * The parser is a cursor over the input with a sticky error.  It copies nothing: the
 * spans of a request point into the input.
 */
#ifndef POLICYD_PROTOCOL_H
#define POLICYD_PROTOCOL_H

#include "lib/text.h"

/* Octets of one request.  Postfix's own are below 2,000; its longest value is a
 * line of SMTP. */
#define POLICY_REQUEST_MAX 131072
#define POLICY_ATTRIBUTES_MAX 200

enum policy_kind {
	POLICY_ACCESS,    /* smtpd_access_policy */
	POLICY_RECIPIENT, /* todoku_recipient */
	POLICY_END,       /* todoku_end */
};

/* Where in the SMTP session Postfix asks. */
enum policy_state {
	POLICY_STATE_OTHER, /* CONNECT, EHLO, MAIL, VRFY, ETRN: nothing of ours */
	POLICY_STATE_RCPT,
	POLICY_STATE_DATA,
	POLICY_STATE_END, /* END-OF-MESSAGE */
};

struct policy_request {
	enum policy_kind kind;
	enum policy_state state;
	struct span instance;
	struct span queue_id;
	struct span sender;
	struct span recipient;
	struct span client_address;
	struct span sasl_username;
	unsigned long recipient_count;
	/* todoku_recipient, todoku_end */
	struct span list;
	struct span message_id;
	struct span result;
};

enum policy_outcome {
	POLICY_MORE,    /* the request is not whole yet */
	POLICY_REQUEST, /* one was read */
	POLICY_BAD,     /* close the connection; the reason says why */
};

/* What a connection remembers between two looks at its input; zero at first. */
struct policy_reader {
	size_t scanned;     /* octets of the input known to hold no end of a request */
	const char *reason; /* of POLICY_BAD, in words */
};

/* Reads the request at the head of the input, which must be what it was at the call
 * before, with more behind it.  `used_r` is how many octets the request takes. */
enum policy_outcome policy_read(struct policy_reader *reader, struct span input, struct policy_request *request_r,
                                size_t *used_r);

/* "action=TEXT" and an empty line, appended.  Control characters in the text come
 * out as `?`, and it is cut at POLICY_ACTION_MAX octets. */
#define POLICY_ACTION_MAX 400
void policy_answer(struct buf *out, struct span action);

#endif
