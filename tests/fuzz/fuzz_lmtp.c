/*
 * LMTP sessions: whatever a client says, in whatever pieces, what is heard and
 * taken is the same; no more is kept than was granted; each message has a reply for
 * each recipient, and none of a report is a 5xx.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bounced/lmtp.h"

#define KEPT_MAX 3000
#define ROOM 20000
#define TEXT_MAX (1 << 24)

struct session {
	size_t octets;
	struct buf heard;
	struct buf taken;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *check_recipient(void *context, struct span sender, struct span recipient) {
	(void)context;
	assert(recipient.len > 0);
	return sender.len > 0 && recipient.at[0] == 'n' ? "550 5.1.1 no" : NULL;
}

static bool have_room(void *context, size_t octets) {
	struct session *session = context;

	if (session->octets + octets > ROOM)
		return false;
	session->octets += octets;
	return true;
}

static void give_back(void *context, size_t octets) {
	struct session *session = context;

	assert(octets <= session->octets);
	session->octets -= octets;
}

static void answer(struct session *session, struct lmtp *lmtp) {
	struct lmtp_message *message = lmtp_take(lmtp);
	const char *replies[LMTP_RECIPIENTS_MAX];
	size_t i;

	assert(message->recipients.len > 0 && message->recipients.len <= LMTP_RECIPIENTS_MAX);
	assert(message->data.len <= KEPT_MAX && message->data.len <= message->reserved);
	assert(!message->cut_off || message->data.len == KEPT_MAX);
	for (i = 0; i < message->recipients.len; i++) {
		replies[i] = "250 2.0.0 ok";
		buf_add_text(&session->taken, message->recipients.at[i]);
		buf_add_byte(&session->taken, '\0');
	}
	buf_add_span(&session->taken, buf_span(&message->sender));
	buf_add_byte(&session->taken, '\0');
	buf_add_span(&session->taken, buf_span(&message->data));
	lmtp_answer(lmtp, replies, message->recipients.len, &session->heard);
	give_back(session, message->reserved);
	lmtp_message_free(&message);
}

/* In pieces of `step` octets. */
static void run(struct session *session, struct span text, size_t step) {
	struct lmtp_hooks hooks = {"mx.test", KEPT_MAX, check_recipient, have_room, give_back, session};
	struct lmtp *lmtp;

	session->octets = 0;
	buf_init(&session->heard, TEXT_MAX);
	buf_init(&session->taken, TEXT_MAX);
	lmtp = lmtp_new(&hooks, &session->heard);
	while (lmtp != NULL && text.len > 0 && !lmtp_is_over(lmtp)) {
		size_t len = text.len < step ? text.len : step;
		size_t taken = lmtp_feed(lmtp, span_make(text.at, len), &session->heard);

		assert(taken <= len && (taken == len || lmtp_is_over(lmtp) || lmtp_has_message(lmtp)));
		text = span_from(text, taken);
		if (lmtp_has_message(lmtp))
			answer(session, lmtp);
	}
	lmtp_free(&lmtp);
	assert(session->octets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text;
	struct session whole, pieces;

	if (size < 1)
		return 0;
	text = span_make((const char *)data + 1, size - 1);
	run(&whole, text, SIZE_MAX);
	run(&pieces, text, (size_t)data[0] % 17 + 1);
	assert(span_equal(buf_span(&whole.heard), buf_span(&pieces.heard)));
	assert(span_equal(buf_span(&whole.taken), buf_span(&pieces.taken)));
	buf_free(&whole.heard);
	buf_free(&whole.taken);
	buf_free(&pieces.heard);
	buf_free(&pieces.taken);
	return 0;
}
