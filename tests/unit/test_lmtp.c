/* LMTP without its socket: what a client says, and what it hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounced/lmtp.h"

#define HELLO "250-mx.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE\r\n"
#define TEXT_MAX (1 << 20)

/* A client's session: what it heard, and what was taken of it. */
struct session {
	struct lmtp_hooks hooks;
	struct lmtp *lmtp;
	struct buf heard;
	struct buf messages; /* "SENDER>RECIPIENT,RECIPIENT:DATA|" of each */
	size_t octets;       /* granted and not given back */
	size_t limit;
	int taken;
};

static const char *check_recipient(void *context, struct span sender, struct span recipient) {
	(void)context;
	(void)sender;
	return span_starts(recipient, SPAN("no")) ? "550 5.1.1 there is no such address here" : NULL;
}

static bool have_room(void *context, size_t octets) {
	struct session *session = context;

	if (session->octets + octets > session->limit)
		return false;
	session->octets += octets;
	return true;
}

static void give_back(void *context, size_t octets) {
	struct session *session = context;

	assert_true(octets <= session->octets);
	session->octets -= octets;
}

static void begin(struct session *session, size_t max_message, size_t limit) {
	memset(session, 0, sizeof *session);
	session->limit = limit;
	session->hooks = (struct lmtp_hooks){
	        .hostname = "mx.test",
	        .max_message = max_message,
	        .recipient = check_recipient,
	        .room = have_room,
	        .give_back = give_back,
	        .context = session,
	};
	buf_init(&session->heard, TEXT_MAX);
	buf_init(&session->messages, TEXT_MAX);
	session->lmtp = lmtp_new(&session->hooks, &session->heard);
	assert_non_null(session->lmtp);
	assert_string_equal(session->heard.at, "220 mx.test LMTP todoku-bounced\r\n");
	buf_reset(&session->heard);
}

static void end(struct session *session) {
	lmtp_free(&session->lmtp);
	assert_int_equal(session->octets, 0);
	buf_free(&session->heard);
	buf_free(&session->messages);
}

/* Each recipient of a message hears of itself. */
static void answer(struct session *session) {
	const char *replies[LMTP_RECIPIENTS_MAX];
	char texts[LMTP_RECIPIENTS_MAX][32];
	struct lmtp_message *message = lmtp_take(session->lmtp);
	size_t i;

	buf_printf(&session->messages, "%.*s>", SPAN_ARG(buf_span(&message->sender)));
	for (i = 0; i < message->recipients.len; i++) {
		buf_printf(&session->messages, "%s%s", i == 0 ? "" : ",", message->recipients.at[i]);
		snprintf(texts[i], sizeof texts[i], "250 2.0.0 %.16s", message->recipients.at[i]);
		replies[i] = texts[i];
	}
	buf_add_byte(&session->messages, ':');
	buf_add_span(&session->messages, buf_span(&message->data));
	buf_add_text(&session->messages, message->cut_off ? "(cut)|" : "|");
	assert_true(lmtp_has_message(session->lmtp) == false);
	lmtp_answer(session->lmtp, replies, message->recipients.len, &session->heard);
	give_back(session, message->reserved);
	lmtp_message_free(&message);
	session->taken++;
}

/* In pieces of `step` octets. */
static void say(struct session *session, struct span text, size_t step) {
	while (text.len > 0 && !lmtp_is_over(session->lmtp)) {
		struct span piece = span_make(text.at, text.len < step ? text.len : step);
		size_t taken = lmtp_feed(session->lmtp, piece, &session->heard);

		text = span_from(text, taken);
		if (lmtp_has_message(session->lmtp))
			answer(session);
		else
			assert_true(taken == piece.len || lmtp_is_over(session->lmtp));
	}
}

struct row {
	const char *name, *said, *heard, *messages;
};

static const struct row rows[] = {
        {"RFC 2033: a reply for each recipient, in order",
         "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b+1@x.test>\r\nRCPT TO:<b+2@x.test>\r\nDATA\r\nA: "
         "b\r\n\r\nc\r\n.\r\nQUIT\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 end with a dot\r\n250 2.0.0 b+1@x.test\r\n"
               "250 2.0.0 b+2@x.test\r\n221 2.0.0 bye\r\n",
         ">b+1@x.test,b+2@x.test:A: b\r\n\r\nc\r\n|"},
        {"a refused recipient has no reply after the message",
         "LHLO a\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<no@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n550 5.1.1 there is no such address here\r\n250 2.1.5 ok\r\n354 end with a dot\r\n"
               "250 2.0.0 b@x.test\r\n",
         "s@a.test>b@x.test:\r\n|"},
        {"without a valid recipient there is no message (RFC 2033 4.2)",
         "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<no@x.test>\r\nDATA\r\nNOOP\r\n",
         HELLO "250 2.1.0 ok\r\n550 5.1.1 there is no such address here\r\n503 5.5.1 no valid recipient\r\n"
               "250 2.0.0 ok\r\n",
         ""},
        {"several messages in one session",
         "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\none\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@x>\r\nDATA\r\n"
         "two\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 end with a dot\r\n250 2.0.0 b@x\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n"
               "354 end with a dot\r\n250 2.0.0 c@x\r\n",
         ">b@x:one\r\n|>c@x:two\r\n|"},
        {"dots are unstuffed", "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n..\r\n..a\r\n.b\r\nc.\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 end with a dot\r\n250 2.0.0 b@x\r\n",
         ">b@x:.\r\n.a\r\nb\r\nc.\r\n|"},
        {"only CRLF dot CRLF ends a message",
         "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\na\n.\nb\r\n.\nc\r.\r\nd\n.\r\ne\r\n.\rf\r\n\r\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 end with a dot\r\n250 2.0.0 b@x\r\n",
         ">b@x:a\n.\nb\r\n\nc\r.\r\nd\n.\r\ne\r\n\rf\r\n\r\r\n|"},
        {"nor does LF dot CRLF at the beginning of a line",
         "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\na\r\n\n.\r\nb\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 end with a dot\r\n250 2.0.0 b@x\r\n", ">b@x:a\r\n\n.\r\nb\r\n|"},
        {"LMTP wants LHLO", "HELO a\r\nEHLO a\r\nMAIL FROM:<>\r\nLHLO\r\n",
         "500 5.5.1 this is LMTP: LHLO\r\n500 5.5.1 this is LMTP: LHLO\r\n503 5.5.1 LHLO first\r\n"
         "501 5.5.4 LHLO needs a name\r\n",
         ""},
        {"order of commands",
         "LHLO a\r\nRCPT TO:<b@x>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<b@x>\r\n",
         HELLO "503 5.5.1 MAIL first\r\n503 5.5.1 no valid recipient\r\n250 2.1.0 ok\r\n503 5.5.1 there is a sender\r\n"
               "250 2.0.0 ok\r\n503 5.5.1 MAIL first\r\n",
         ""},
        {"LHLO again forgets the message", "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nLHLO a\r\nDATA\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n" HELLO "503 5.5.1 no valid recipient\r\n", ""},
        {"parameters that were offered, and others",
         "LHLO a\r\nMAIL FROM:<a@b> SIZE=99999999999 BODY=8BITMIME SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@b> RET=HDRS\r\n"
         "MAIL FROM:<a@b> SIZE=1x\r\nMAIL FROM:<a@b>SIZE=1\r\nMAIL FROM:<>\r\nRCPT TO:<b@x> NOTIFY=NEVER\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.0.0 ok\r\n555 5.5.4 that parameter was not offered\r\n"
               "555 5.5.4 that parameter was not offered\r\n501 5.1.7 MAIL FROM:<address>\r\n250 2.1.0 ok\r\n"
               "555 5.5.4 no parameter was offered\r\n",
         ""},
        {"paths: quoted, routed, with blanks, and none",
         "lhlo a\r\nmail from:<\"a>b \\\" c\"@x>\r\nrcpt to: <@y,@z:b@x>\r\nRCPT TO:<>\r\nRCPT TO:b@x\r\nRCPT "
         "TO:<b@x\r\n"
         "RCPT TO:<@y>\r\nDATA\r\n.\r\n",
         HELLO "250 2.1.0 ok\r\n250 2.1.5 ok\r\n501 5.1.3 RCPT TO:<address>\r\n501 5.1.3 RCPT TO:<address>\r\n"
               "501 5.1.3 RCPT TO:<address>\r\n501 5.1.3 RCPT TO:<address>\r\n354 end with a dot\r\n250 2.0.0 b@x\r\n",
         "\"a>b \\\" c\"@x>b@x:|"},
        {"commands may end with a bare LF; unknown ones are refused", "LHLO a\nVRFY x\nSTARTTLS\n\r\nQUIT\nNOOP\r\n",
         HELLO "252 2.5.2 send it and see\r\n500 5.5.2 unknown command\r\n500 5.5.2 unknown command\r\n"
               "221 2.0.0 bye\r\n",
         ""},
};

static void test_rows(void **state) {
	static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7, 64};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		for (j = 0; j < sizeof steps / sizeof *steps; j++) {
			struct session session;

			begin(&session, 1000000, 1000000);
			buf_add_text(&session.messages, "");
			say(&session, span_of(rows[i].said), steps[j]);
			buf_add_text(&session.heard, "");
			if (strcmp(session.heard.at, rows[i].heard) != 0)
				fail_msg("%s, by %zu: heard \"%s\", want \"%s\"", rows[i].name, steps[j],
				         session.heard.at, rows[i].heard);
			if (!span_equal(buf_span(&session.messages), span_of(rows[i].messages)))
				fail_msg("%s, by %zu: taken \"%s\", want \"%s\"", rows[i].name, steps[j],
				         session.messages.at, rows[i].messages);
			end(&session);
		}
}

static void open_data(struct session *session) {
	say(session, SPAN("LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"), SIZE_MAX);
	buf_reset(&session->heard);
}

static struct span filler(size_t len) {
	static char text[TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof text; i++)
		text[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	return span_make(text, len);
}

/* Never refused for its size: the head is kept, and it is told. */
static void test_too_large(void **state) {
	struct session session;

	(void)state;
	begin(&session, 100, 1000000);
	open_data(&session);
	say(&session, filler(64 * 100), SIZE_MAX);
	say(&session, SPAN(".\r\n"), SIZE_MAX);
	assert_string_equal(session.heard.at, "250 2.0.0 b@x\r\n250 2.0.0 c@x\r\n");
	assert_int_equal(session.taken, 1);
	assert_int_equal(session.messages.len, strlen(">b@x,c@x:(cut)|") + 100);
	end(&session);
}

/* No more than is granted is kept; the client is told to come again, and can. */
static void test_no_room(void **state) {
	struct session session;

	(void)state;
	begin(&session, 1000000, 50000);
	open_data(&session);
	say(&session, filler(64 * 1000), 1000);
	assert_true(session.octets <= 50000);
	say(&session, SPAN(".\r\n"), SIZE_MAX);
	assert_string_equal(session.heard.at, "452 4.3.1 too much at once, later again\r\n"
	                                      "452 4.3.1 too much at once, later again\r\n");
	assert_int_equal(session.octets, 0);
	assert_int_equal(session.taken, 0);
	open_data(&session);
	say(&session, SPAN("small\r\n.\r\n"), SIZE_MAX);
	assert_int_equal(session.taken, 1);
	end(&session);
}

static void test_recipients(void **state) {
	struct session session;
	struct span heard;
	int i, accepted = 0, put_off = 0;
	ssize_t at;

	(void)state;
	begin(&session, 1000, 1000000);
	say(&session, SPAN("LHLO a\r\nMAIL FROM:<>\r\n"), SIZE_MAX);
	buf_reset(&session.heard);
	for (i = 0; i < LMTP_RECIPIENTS_MAX + 5; i++)
		say(&session, SPAN("RCPT TO:<b@x>\r\n"), SIZE_MAX);
	for (heard = buf_span(&session.heard); (at = span_find_byte(heard, '\n')) >= 0;
	     heard = span_from(heard, (size_t)at + 1)) {
		accepted += span_starts(heard, SPAN("250"));
		put_off += span_starts(heard, SPAN("452 4.5.3"));
	}
	assert_int_equal(accepted, LMTP_RECIPIENTS_MAX);
	assert_int_equal(put_off, 5);
	end(&session);
}

static void test_long_line(void **state) {
	struct session session;

	(void)state;
	begin(&session, 1000, 1000000);
	say(&session, SPAN("NOOP "), SIZE_MAX);
	say(&session, span_make(filler(62).at, 62), SIZE_MAX);
	session.heard.len = 0;
	{
		static char line[3 * LMTP_LINE_MAX];

		memset(line, 'x', sizeof line);
		say(&session, span_make(line, sizeof line), 1000);
	}
	say(&session, SPAN("\r\nNOOP\r\n"), SIZE_MAX);
	assert_string_equal(session.heard.at, "500 5.5.2 line too long\r\n250 2.0.0 ok\r\n");
	end(&session);
}

/* Garbage comes to an end. */
static void test_many_errors(void **state) {
	struct session session;
	int i;

	(void)state;
	begin(&session, 1000, 1000000);
	for (i = 0; i < LMTP_ERRORS_MAX + 10; i++)
		say(&session, SPAN("X\r\n"), SIZE_MAX);
	assert_true(lmtp_is_over(session.lmtp));
	assert_non_null(strstr(session.heard.at, "421 4.7.0 too many errors\r\n"));
	end(&session);
}

/* 421 at a stop; but one that waits for its answer gets that. */
static void test_end(void **state) {
	struct session session;

	(void)state;
	begin(&session, 1000, 1000000);
	open_data(&session);
	say(&session, SPAN("half a mess"), SIZE_MAX);
	lmtp_end(session.lmtp, "stopping", &session.heard);
	assert_string_equal(session.heard.at, "421 4.3.2 stopping\r\n");
	assert_true(lmtp_is_over(session.lmtp));
	end(&session);
	begin(&session, 1000, 1000000);
	open_data(&session);
	assert_int_equal(lmtp_feed(session.lmtp, SPAN("whole\r\n.\r\nQUIT\r\n"), &session.heard), 10);
	assert_true(lmtp_has_message(session.lmtp));
	/* Nothing more is taken meanwhile. */
	assert_int_equal(lmtp_feed(session.lmtp, SPAN("QUIT\r\n"), &session.heard), 0);
	lmtp_end(session.lmtp, "stopping", &session.heard);
	assert_int_equal(session.heard.len, 0);
	answer(&session);
	assert_string_equal(session.heard.at, "250 2.0.0 b@x\r\n250 2.0.0 c@x\r\n");
	end(&session);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rows),       cmocka_unit_test(test_too_large), cmocka_unit_test(test_no_room),
	        cmocka_unit_test(test_recipients), cmocka_unit_test(test_long_line), cmocka_unit_test(test_many_errors),
	        cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
