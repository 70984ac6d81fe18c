#include "tools/sink_smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Within a message: what was before the byte to come (RFC 5321 4.5.2). */
enum smtp_data {
	DATA_LINE_START,
	DATA_TEXT,
	DATA_CR,     /* CR, already passed on */
	DATA_DOT,    /* a dot at the line's start, held back */
	DATA_DOT_CR, /* the same and CR, held back */
	DATA_END,
};

enum smtp_state {
	STATE_NEW,   /* before HELO */
	STATE_READY, /* between messages */
	STATE_MAIL,
	STATE_DATA,
	STATE_CLOSED,
};

struct smtp {
	struct sink_store *store;
	enum smtp_state state;
	struct buf line;
	bool line_too_long;
	char *mail_from;
	struct strings rcpt_to;
	struct smtp_answer data_answer; /* code "" where none is asked for */
	enum smtp_data data;
	struct sink_message *message; /* NULL: out of memory, the bytes are lost */
};

struct smtp *smtp_new(struct sink_store *store) {
	struct smtp *smtp = calloc(1, sizeof *smtp);

	if (smtp == NULL)
		return NULL;
	smtp->store = store;
	buf_init(&smtp->line, SMTP_LINE_MAX);
	return smtp;
}

static void forget_transaction(struct smtp *smtp) {
	free(smtp->mail_from);
	smtp->mail_from = NULL;
	strings_free(&smtp->rcpt_to);
	smtp->data_answer.code[0] = '\0';
	sink_message_drop(&smtp->message);
}

void smtp_free(struct smtp **smtp) {
	if (*smtp == NULL)
		return;
	forget_transaction(*smtp);
	buf_free(&(*smtp)->line);
	free(*smtp);
	*smtp = NULL;
}

void smtp_greet(struct buf *replies) {
	buf_add_text(replies, "220 sink.test ESMTP\r\n");
}

static void reply(struct buf *replies, const char *text) {
	buf_add_text(replies, text);
	buf_add_text(replies, "\r\n");
}

/* ---- answers by domain ---- */

static bool take_digits(struct span *rest, size_t most) {
	size_t i = 0;

	while (i < rest->len && i < most && ascii_is_digit(rest->at[i]))
		i++;
	*rest = span_from(*rest, i);
	return i > 0;
}

static bool take_byte(struct span *rest, char c) {
	if (rest->len == 0 || rest->at[0] != c)
		return false;
	*rest = span_from(*rest, 1);
	return true;
}

static bool takes_class(struct span rest) {
	return rest.len > 0 && (rest.at[0] == '2' || rest.at[0] == '4' || rest.at[0] == '5');
}

bool smtp_answer_of(struct span domain, struct span prefix, struct smtp_answer *answer_r) {
	struct span suffix = SPAN(".test");
	struct span rest;
	struct span status;

	if (!span_starts_nocase(domain, prefix) || !span_ends_nocase(domain, suffix) ||
	    domain.len < prefix.len + 4 + suffix.len)
		return false;
	rest = span_make(domain.at + prefix.len, domain.len - prefix.len - suffix.len);
	status = span_from(rest, 4);
	if (!takes_class(rest) || !ascii_is_digit(rest.at[1]) || !ascii_is_digit(rest.at[2]) || rest.at[3] != '-')
		return false;
	snprintf(answer_r->code, sizeof answer_r->code, "%.3s", rest.at);
	rest = status;
	if (!takes_class(rest) || !take_digits(&rest, 1) || !take_byte(&rest, '.') || !take_digits(&rest, 3) ||
	    !take_byte(&rest, '.') || !take_digits(&rest, 3) || rest.len > 0)
		return false;
	snprintf(answer_r->status, sizeof answer_r->status, "%.*s", SPAN_ARG(status));
	return true;
}

static struct span domain_of(struct span address) {
	size_t i = address.len;

	while (i > 0 && address.at[i - 1] != '@')
		i--;
	return i == 0 ? SPAN_NONE : span_from(address, i);
}

/* 421 says that the server goes away. */
static void reply_answer(struct smtp *smtp, const struct smtp_answer *answer, struct buf *replies) {
	buf_printf(replies, "%s %s answered as the domain asks\r\n", answer->code, answer->status);
	if (strcmp(answer->code, "421") == 0)
		smtp->state = STATE_CLOSED;
}

/* ---- MAIL and RCPT ---- */

/* The length of "<...>" up to its end, quoted strings and quoted pairs seen; 0
 * where it does not end or holds what an ASCII path can't (RFC 5321 4.1.2). */
static size_t path_length(struct span s) {
	bool quoted = false;
	bool escaped = false;
	size_t i;

	if (s.len == 0 || s.at[0] != '<')
		return 0;
	for (i = 1; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < 0x20 || c >= 0x7f)
			return 0;
		if (escaped)
			escaped = false;
		else if (c == '\\')
			escaped = true;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '>' && !quoted)
			return i + 1;
		else if ((c == '<' || c == ' ') && !quoted)
			return 0;
	}
	return 0;
}

static struct span next_word(struct span *rest) {
	struct span word;
	size_t i = 0;

	*rest = span_trim(*rest);
	while (i < rest->len && !ascii_is_blank(rest->at[i]))
		i++;
	word = span_make(rest->at, i);
	*rest = span_from(*rest, i);
	return word;
}

/* Splits "<path> parameters".  False where there is no path. */
static bool take_path(struct span argument, struct span *path_r, struct span *parameters_r) {
	struct span rest = span_trim(argument);
	size_t n = path_length(rest);

	if (n == 0 || (rest.len > n && rest.at[n] != ' '))
		return false;
	*path_r = span_make(rest.at + 1, n - 2);
	*parameters_r = span_from(rest, n);
	return true;
}

/* NULL, or the reply to a parameter of MAIL that can't be had. */
static const char *mail_parameter_fault(struct span word) {
	struct span size = SPAN("SIZE=");
	unsigned long long value = 0;
	size_t i;

	if (span_equal_nocase(word, SPAN("BODY=8BITMIME")) || span_equal_nocase(word, SPAN("BODY=7BIT")))
		return NULL;
	if (!span_starts_nocase(word, size) || word.len == size.len || word.len > size.len + 18)
		return "555 5.5.4 Unsupported parameter";
	for (i = size.len; i < word.len; i++) {
		if (!ascii_is_digit(word.at[i]))
			return "501 5.5.4 SIZE is a number";
		value = value * 10 + (unsigned long long)(word.at[i] - '0');
	}
	return value > SINK_MESSAGE_MAX ? "552 5.3.4 Message too big" : NULL;
}

static void command_mail(struct smtp *smtp, struct span argument, struct buf *replies) {
	struct span path;
	struct span rest;

	if (smtp->state != STATE_READY) {
		reply(replies, smtp->state == STATE_NEW ? "503 5.5.1 EHLO first" : "503 5.5.1 Nested MAIL");
		return;
	}
	if (!take_path(argument, &path, &rest) || (path.len > 0 && span_find_byte(path, '@') < 0)) {
		reply(replies, "501 5.1.7 MAIL FROM:<address> is wanted");
		return;
	}
	while (span_trim(rest).len > 0) {
		const char *fault = mail_parameter_fault(next_word(&rest));

		if (fault != NULL) {
			reply(replies, fault);
			return;
		}
	}
	smtp->mail_from = strndup(path.len == 0 ? "" : path.at, path.len);
	if (smtp->mail_from == NULL) {
		reply(replies, "452 4.3.1 Out of memory");
		return;
	}
	smtp->state = STATE_MAIL;
	reply(replies, "250 2.1.0 Ok");
}

/* False where the reply at RCPT refuses. */
static bool answer_recipient(struct smtp *smtp, struct span domain, struct buf *replies) {
	struct smtp_answer answer;

	if (span_equal_nocase(domain, SPAN("tempfail.test"))) {
		reply(replies, "451 4.7.1 answered as the domain asks");
		return false;
	}
	if (smtp_answer_of(domain, SPAN("reply-"), &answer)) {
		reply_answer(smtp, &answer, replies);
		return answer.code[0] == '2';
	}
	if (smtp_answer_of(domain, SPAN("data-"), &answer) &&
	    (smtp->data_answer.code[0] == '\0' || smtp->data_answer.code[0] == '2'))
		smtp->data_answer = answer;
	reply(replies, "250 2.1.5 Ok");
	return true;
}

static void command_rcpt(struct smtp *smtp, struct span argument, struct buf *replies) {
	struct span path;
	struct span rest;

	if (smtp->state != STATE_MAIL) {
		reply(replies, "503 5.5.1 MAIL first");
		return;
	}
	if (!take_path(argument, &path, &rest) || span_find_byte(path, '@') < 0) {
		reply(replies, "501 5.1.3 RCPT TO:<address> is wanted");
		return;
	}
	if (span_trim(rest).len > 0) {
		reply(replies, "555 5.5.4 Unsupported parameter");
		return;
	}
	if (smtp->rcpt_to.len == SMTP_RCPT_MAX) {
		reply(replies, "452 4.5.3 Too many recipients");
		return;
	}
	/* Kept first: what was answered with 250 must be in the list. */
	if (strings_add(&smtp->rcpt_to, path) != 0) {
		reply(replies, "452 4.3.1 Out of memory");
		return;
	}
	if (!answer_recipient(smtp, domain_of(path), replies))
		free(smtp->rcpt_to.at[--smtp->rcpt_to.len]);
}

/* ---- the other commands ---- */

static void command_hello(struct smtp *smtp, struct span argument, bool extended, struct buf *replies) {
	if (span_trim(argument).len == 0) {
		reply(replies, "501 5.5.4 A name is wanted");
		return;
	}
	forget_transaction(smtp);
	smtp->state = STATE_READY;
	if (extended)
		buf_printf(replies,
		           "250-sink.test\r\n250-PIPELINING\r\n250-SIZE %d\r\n250-8BITMIME\r\n"
		           "250 ENHANCEDSTATUSCODES\r\n",
		           SINK_MESSAGE_MAX);
	else
		reply(replies, "250 sink.test");
}

static void command_data(struct smtp *smtp, struct buf *replies) {
	if (smtp->state != STATE_MAIL) {
		reply(replies, "503 5.5.1 MAIL first");
		return;
	}
	if (smtp->rcpt_to.len == 0) {
		reply(replies, "554 5.5.1 No valid recipients");
		return;
	}
	smtp->message = sink_message_begin(smtp->store);
	smtp->state = STATE_DATA;
	smtp->data = DATA_LINE_START;
	reply(replies, "354 End with CRLF.CRLF");
}

static void command_reset(struct smtp *smtp, struct buf *replies) {
	forget_transaction(smtp);
	if (smtp->state != STATE_NEW)
		smtp->state = STATE_READY;
	reply(replies, "250 2.0.0 Ok");
}

static void command(struct smtp *smtp, struct span line, struct buf *replies) {
	struct span from = SPAN("MAIL FROM:");
	struct span to = SPAN("RCPT TO:");
	struct span rest = line;
	struct span verb = next_word(&rest);

	if (span_starts_nocase(line, from)) {
		command_mail(smtp, span_from(line, from.len), replies);
	} else if (span_starts_nocase(line, to)) {
		command_rcpt(smtp, span_from(line, to.len), replies);
	} else if (span_equal_nocase(verb, SPAN("EHLO"))) {
		command_hello(smtp, rest, true, replies);
	} else if (span_equal_nocase(verb, SPAN("HELO"))) {
		command_hello(smtp, rest, false, replies);
	} else if (span_equal_nocase(verb, SPAN("DATA")) && span_trim(rest).len == 0) {
		command_data(smtp, replies);
	} else if (span_equal_nocase(verb, SPAN("RSET"))) {
		command_reset(smtp, replies);
	} else if (span_equal_nocase(verb, SPAN("NOOP"))) {
		reply(replies, "250 2.0.0 Ok");
	} else if (span_equal_nocase(verb, SPAN("VRFY"))) {
		reply(replies, "252 2.0.0 Send some mail, I'll try my best");
	} else if (span_equal_nocase(verb, SPAN("QUIT"))) {
		reply(replies, "221 2.0.0 Bye");
		smtp->state = STATE_CLOSED;
	} else {
		reply(replies, "500 5.5.1 Unknown command");
	}
}

static void end_line(struct smtp *smtp, struct buf *replies) {
	struct span line = buf_span(&smtp->line);

	if (smtp->line_too_long)
		reply(replies, "500 5.5.2 Line too long");
	else if (line.len == 0 || line.at[line.len - 1] != '\r')
		reply(replies, "500 5.5.2 Lines end in CRLF");
	else
		command(smtp, span_make(line.at, line.len - 1), replies);
	buf_reset(&smtp->line);
	smtp->line_too_long = false;
}

/* Bytes taken: up to the end of the line, if it is there. */
static size_t feed_line(struct smtp *smtp, struct span bytes, struct buf *replies) {
	ssize_t end = span_find_byte(bytes, '\n');
	size_t n = end < 0 ? bytes.len : (size_t)end;

	buf_add(&smtp->line, bytes.at, n);
	if (smtp->line.failed)
		smtp->line_too_long = true;
	if (end < 0)
		return n;
	end_line(smtp, replies);
	return n + 1;
}

/* ---- the message ---- */

static void keep(struct smtp *smtp, struct span bytes) {
	if (smtp->message != NULL && bytes.len > 0)
		sink_message_add(smtp->message, bytes);
}

static void end_data(struct smtp *smtp, struct buf *replies) {
	const struct smtp_answer answer = smtp->data_answer;
	struct err err;

	smtp->state = STATE_READY;
	if (answer.code[0] == '4' || answer.code[0] == '5')
		reply_answer(smtp, &answer, replies);
	else if (smtp->message == NULL)
		reply(replies, "452 4.3.1 Out of memory");
	else if (sink_message_too_big(smtp->message))
		reply(replies, "552 5.3.4 Message too big");
	else if (sink_message_finish(&smtp->message, smtp->mail_from, &smtp->rcpt_to, &err) != 0)
		buf_printf(replies, "452 4.3.1 %s\r\n", err.text);
	else if (answer.code[0] == '2')
		reply_answer(smtp, &answer, replies);
	else
		reply(replies, "250 2.0.0 Ok");
	forget_transaction(smtp);
}

static enum smtp_data data_after(enum smtp_data before, char c) {
	if (before == DATA_LINE_START && c == '.')
		return DATA_DOT;
	if (before == DATA_DOT && c == '\r')
		return DATA_DOT_CR;
	if (c == '\n' && before == DATA_DOT_CR)
		return DATA_END;
	if (c == '\n' && before == DATA_CR)
		return DATA_LINE_START;
	return c == '\r' ? DATA_CR : DATA_TEXT;
}

/*
 * Bytes taken: up to the message's end, if it is there.  What may be passed on
 * is kept in runs as long as possible; a run ends at a dot that is held back.
 */
static size_t feed_data(struct smtp *smtp, struct span bytes, struct buf *replies) {
	size_t run = 0;
	size_t i = 0;

	while (i < bytes.len) {
		enum smtp_data before = smtp->data;

		if (before == DATA_TEXT) {
			ssize_t cr = span_find_byte(span_from(bytes, i), '\r');

			if (cr < 0)
				break;
			i += (size_t)cr;
		}
		smtp->data = data_after(before, bytes.at[i]);
		if (smtp->data == DATA_DOT) {
			keep(smtp, span_make(bytes.at + run, i - run));
			run = i + 1;
		} else if (smtp->data == DATA_DOT_CR || smtp->data == DATA_END) {
			run = i + 1;
		} else if (before == DATA_DOT_CR) {
			keep(smtp, SPAN("\r"));
		}
		i++;
		if (smtp->data == DATA_END) {
			end_data(smtp, replies);
			return i;
		}
	}
	keep(smtp, span_from(bytes, run));
	return bytes.len;
}

bool smtp_feed(struct smtp *smtp, struct span bytes, struct buf *replies) {
	while (bytes.len > 0 && smtp->state != STATE_CLOSED) {
		size_t taken =
		        smtp->state == STATE_DATA ? feed_data(smtp, bytes, replies) : feed_line(smtp, bytes, replies);

		bytes = span_from(bytes, taken);
	}
	return smtp->state != STATE_CLOSED;
}
