#include "bounced/lmtp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounced/lmtp_path.h"

#define SENDER_MAX 1024
#define FIRST_ROOM 16384

enum state {
	BEFORE_LHLO,
	IDLE,
	MAIL,    /* a sender is known */
	DATA,    /* lines of the message, see enum place */
	WAITING, /* for lmtp_answer() */
	OVER,
};

/* Where in the message the next byte stands. */
enum place { LINE_START, IN_LINE, BEHIND_CR, BEHIND_DOT, BEHIND_DOT_CR };

struct lmtp {
	const struct lmtp_hooks *hooks;
	enum state state;
	enum place place;
	struct buf line;   /* a command that has not come whole */
	bool too_long;     /* it was, and is skipped to its end */
	bool dropped;      /* there is no room for this message */
	size_t recipients; /* of a message that was taken */
	int errors;
	struct lmtp_message *message;
};

struct command {
	const char *verb;
	void (*run)(struct lmtp *lmtp, struct span arguments, struct buf *out);
};

static void reply(struct buf *out, const char *text) {
	buf_add_text(out, text);
	buf_add_text(out, "\r\n");
}

/* What an honest client never gets to see. */
static void refuse(struct lmtp *lmtp, struct buf *out, const char *text) {
	reply(out, text);
	if (++lmtp->errors < LMTP_ERRORS_MAX)
		return;
	reply(out, "421 4.7.0 too many errors");
	lmtp->state = OVER;
}

static struct lmtp_message *message_new(size_t max) {
	struct lmtp_message *message = calloc(1, sizeof *message);

	if (message == NULL)
		return NULL;
	buf_init(&message->sender, SENDER_MAX);
	buf_init(&message->data, max);
	return message;
}

void lmtp_message_free(struct lmtp_message **message) {
	if (*message == NULL)
		return;
	buf_free(&(*message)->sender);
	buf_free(&(*message)->data);
	strings_free(&(*message)->recipients);
	free(*message);
	*message = NULL;
}

/* Nothing of a message is left. */
static void forget(struct lmtp *lmtp) {
	if (lmtp->message != NULL && lmtp->message->reserved > 0)
		lmtp->hooks->give_back(lmtp->hooks->context, lmtp->message->reserved);
	lmtp_message_free(&lmtp->message);
	lmtp->dropped = false;
	lmtp->recipients = 0;
}

static void run_lhlo(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	if (span_trim(arguments).len == 0) {
		refuse(lmtp, out, "501 5.5.4 LHLO needs a name");
		return;
	}
	forget(lmtp);
	lmtp->state = IDLE;
	buf_printf(out, "250-%s\r\n", lmtp->hooks->hostname);
	buf_add_text(out, "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE\r\n");
}

static void run_other_hello(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)arguments;
	refuse(lmtp, out, "500 5.5.1 this is LMTP: LHLO");
}

static void run_mail(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	struct span path, left;

	if (lmtp->state == BEFORE_LHLO || lmtp->state == MAIL) {
		refuse(lmtp, out, lmtp->state == MAIL ? "503 5.5.1 there is a sender" : "503 5.5.1 LHLO first");
		return;
	}
	if (lmtp_path_parse(arguments, SPAN("FROM:"), &path, &left) != 0 || path.len > SENDER_MAX) {
		refuse(lmtp, out, "501 5.1.7 MAIL FROM:<address>");
		return;
	}
	if (!lmtp_parameters_known(left)) {
		refuse(lmtp, out, "555 5.5.4 that parameter was not offered");
		return;
	}
	lmtp->message = message_new(lmtp->hooks->max_message);
	if (lmtp->message == NULL) {
		reply(out, "452 4.3.1 out of memory");
		return;
	}
	buf_add_span(&lmtp->message->sender, path);
	lmtp->state = MAIL;
	reply(out, "250 2.1.0 ok");
}

static void run_rcpt(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	struct lmtp_message *message = lmtp->message;
	struct span path, left;
	const char *refusal;

	if (lmtp->state != MAIL) {
		refuse(lmtp, out, "503 5.5.1 MAIL first");
		return;
	}
	if (lmtp_path_parse(arguments, SPAN("TO:"), &path, &left) != 0 || path.len == 0 || path.len > SENDER_MAX) {
		refuse(lmtp, out, "501 5.1.3 RCPT TO:<address>");
		return;
	}
	if (span_trim(left).len > 0) {
		refuse(lmtp, out, "555 5.5.4 no parameter was offered");
		return;
	}
	if (message->recipients.len == LMTP_RECIPIENTS_MAX) {
		reply(out, "452 4.5.3 the others in the next message");
		return;
	}
	refusal = lmtp->hooks->recipient(lmtp->hooks->context, buf_span(&message->sender), path);
	if (refusal == NULL && strings_add(&message->recipients, path) != 0)
		refusal = "452 4.3.1 out of memory";
	reply(out, refusal == NULL ? "250 2.1.5 ok" : refusal);
}

static void run_data(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)arguments;
	if (lmtp->state != MAIL || lmtp->message->recipients.len == 0) {
		refuse(lmtp, out, "503 5.5.1 no valid recipient");
		return;
	}
	lmtp->state = DATA;
	lmtp->place = LINE_START;
	reply(out, "354 end with a dot");
}

static void run_rset(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)arguments;
	forget(lmtp);
	if (lmtp->state == MAIL)
		lmtp->state = IDLE;
	reply(out, "250 2.0.0 ok");
}

static void run_noop(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)lmtp;
	(void)arguments;
	reply(out, "250 2.0.0 ok");
}

static void run_vrfy(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)lmtp;
	(void)arguments;
	reply(out, "252 2.5.2 send it and see");
}

static void run_quit(struct lmtp *lmtp, struct span arguments, struct buf *out) {
	(void)arguments;
	forget(lmtp);
	lmtp->state = OVER;
	reply(out, "221 2.0.0 bye");
}

static const struct command commands[] = {
        {"LHLO", run_lhlo},        {"MAIL", run_mail},        {"RCPT", run_rcpt}, {"DATA", run_data},
        {"RSET", run_rset},        {"NOOP", run_noop},        {"VRFY", run_vrfy}, {"QUIT", run_quit},
        {"HELO", run_other_hello}, {"EHLO", run_other_hello},
};

/* One line without its end. */
static void run_line(struct lmtp *lmtp, struct span line, struct buf *out) {
	struct span verb = line;
	size_t i;

	for (i = 0; i < line.len && !ascii_is_blank(line.at[i]); i++)
		;
	verb.len = i;
	for (i = 0; i < sizeof commands / sizeof *commands; i++)
		if (span_equal_nocase(verb, span_of(commands[i].verb))) {
			commands[i].run(lmtp, span_from(line, verb.len), out);
			return;
		}
	refuse(lmtp, out, "500 5.5.2 unknown command");
}

/* Takes bytes up to the end of a command, and runs it once it is whole. */
static size_t feed_command(struct lmtp *lmtp, struct span bytes, struct buf *out) {
	ssize_t newline = span_find_byte(bytes, '\n');
	size_t taken = newline < 0 ? bytes.len : (size_t)newline + 1;
	struct span line;

	if (!lmtp->too_long)
		buf_add(&lmtp->line, bytes.at, taken);
	lmtp->too_long |= lmtp->line.failed;
	if (newline < 0)
		return taken;
	line = buf_span(&lmtp->line);
	if (lmtp->too_long) {
		refuse(lmtp, out, "500 5.5.2 line too long");
	} else {
		line.len -= line.len > 1 && line.at[line.len - 2] == '\r' ? 2 : 1;
		run_line(lmtp, line, out);
	}
	lmtp->too_long = false;
	buf_reset(&lmtp->line);
	return taken;
}

/* Room for so many more; false when there is none, and the rest is not kept. */
static bool have_room(struct lmtp *lmtp, size_t more) {
	struct lmtp_message *message = lmtp->message;
	size_t need = message->data.len + more, step;

	if (need <= message->reserved)
		return true;
	step = message->reserved < FIRST_ROOM ? FIRST_ROOM : message->reserved;
	if (step < need - message->reserved)
		step = need - message->reserved;
	if (step > message->data.max - message->reserved)
		step = message->data.max - message->reserved;
	if (!lmtp->hooks->room(lmtp->hooks->context, step))
		return false;
	message->reserved += step;
	return true;
}

/* What it has taken up is for the others. */
static void drop(struct lmtp *lmtp) {
	struct lmtp_message *message = lmtp->message;

	lmtp->dropped = true;
	buf_free(&message->data);
	if (message->reserved > 0)
		lmtp->hooks->give_back(lmtp->hooks->context, message->reserved);
	message->reserved = 0;
}

static void keep(struct lmtp *lmtp, const char *at, size_t len) {
	struct lmtp_message *message = lmtp->message;
	size_t left = message->data.max - message->data.len;

	if (lmtp->dropped)
		return;
	if (len > left) {
		message->cut_off = true;
		len = left;
	}
	if (len == 0)
		return;
	if (have_room(lmtp, len))
		buf_add(&message->data, at, len);
	else
		drop(lmtp);
	if (message->data.failed)
		drop(lmtp);
}

/* The message is whole. */
static void finish(struct lmtp *lmtp, struct buf *out) {
	size_t i;

	lmtp->recipients = lmtp->message->recipients.len;
	lmtp->state = WAITING;
	if (!lmtp->dropped)
		return;
	for (i = 0; i < lmtp->recipients; i++)
		reply(out, "452 4.3.1 too much at once, later again");
	forget(lmtp);
	lmtp->state = IDLE;
}

/* A byte that may begin or end a line.  Whether it ended the message. */
static bool step_data(struct lmtp *lmtp, char c) {
	enum place place = lmtp->place;

	if (place == BEHIND_DOT_CR && c == '\n')
		return true;
	if (place == LINE_START && c == '.') {
		lmtp->place = BEHIND_DOT;
		return false;
	}
	if (place == BEHIND_DOT && c == '\r') {
		lmtp->place = BEHIND_DOT_CR;
		return false;
	}
	/* The dot was a stuffed one, and its CR no end of a line. */
	if (place == BEHIND_DOT_CR)
		keep(lmtp, "\r", 1);
	keep(lmtp, &c, 1);
	if (c == '\r')
		lmtp->place = BEHIND_CR;
	else
		lmtp->place = c == '\n' && place == BEHIND_CR ? LINE_START : IN_LINE;
	return false;
}

static size_t feed_data(struct lmtp *lmtp, struct span bytes, struct buf *out) {
	size_t taken = 0;

	while (taken < bytes.len) {
		struct span left = span_from(bytes, taken);

		if (lmtp->place == IN_LINE) {
			ssize_t cr = span_find_byte(left, '\r');
			size_t run = cr < 0 ? left.len : (size_t)cr + 1;

			keep(lmtp, left.at, run);
			taken += run;
			lmtp->place = cr < 0 ? IN_LINE : BEHIND_CR;
		} else if (taken++, step_data(lmtp, left.at[0])) {
			finish(lmtp, out);
			break;
		}
	}
	return taken;
}

struct lmtp *lmtp_new(const struct lmtp_hooks *hooks, struct buf *out) {
	struct lmtp *lmtp = calloc(1, sizeof *lmtp);

	if (lmtp == NULL)
		return NULL;
	lmtp->hooks = hooks;
	buf_init(&lmtp->line, LMTP_LINE_MAX);
	buf_printf(out, "220 %s LMTP todoku-bounced\r\n", hooks->hostname);
	return lmtp;
}

void lmtp_free(struct lmtp **lmtp) {
	if (*lmtp == NULL)
		return;
	forget(*lmtp);
	buf_free(&(*lmtp)->line);
	free(*lmtp);
	*lmtp = NULL;
}

size_t lmtp_feed(struct lmtp *lmtp, struct span bytes, struct buf *out) {
	size_t taken = 0;

	while (taken < bytes.len && lmtp->state != WAITING && lmtp->state != OVER) {
		struct span left = span_from(bytes, taken);

		taken += lmtp->state == DATA ? feed_data(lmtp, left, out) : feed_command(lmtp, left, out);
	}
	return taken;
}

bool lmtp_is_over(const struct lmtp *lmtp) {
	return lmtp->state == OVER;
}

bool lmtp_is_idle(const struct lmtp *lmtp) {
	return lmtp->state == BEFORE_LHLO || lmtp->state == IDLE;
}

void lmtp_end(struct lmtp *lmtp, const char *reason, struct buf *out) {
	if (lmtp->state == WAITING || lmtp->state == OVER)
		return;
	forget(lmtp);
	lmtp->state = OVER;
	buf_printf(out, "421 4.3.2 %s\r\n", reason);
}

bool lmtp_has_message(const struct lmtp *lmtp) {
	return lmtp->state == WAITING && lmtp->message != NULL;
}

struct lmtp_message *lmtp_take(struct lmtp *lmtp) {
	struct lmtp_message *message = lmtp->message;

	assert(lmtp_has_message(lmtp));
	lmtp->message = NULL;
	return message;
}

void lmtp_answer(struct lmtp *lmtp, const char *const *replies, size_t count, struct buf *out) {
	size_t i;

	assert(lmtp->state == WAITING && count == lmtp->recipients);
	for (i = 0; i < count; i++)
		reply(out, replies[i]);
	forget(lmtp);
	lmtp->state = IDLE;
}
