#include "policyd/protocol.h"

#include <string.h>

enum attribute {
	A_REQUEST,
	A_STATE,
	A_INSTANCE,
	A_QUEUE_ID,
	A_SENDER,
	A_RECIPIENT,
	A_RECIPIENT_COUNT,
	A_CLIENT_ADDRESS,
	A_SASL_USERNAME,
	A_LIST,
	A_MESSAGE_ID,
	A_RESULT,
	ATTRIBUTES
};

static const struct {
	struct span name;
} names[ATTRIBUTES] = {
        [A_REQUEST] = {{"request", 7}},
        [A_STATE] = {{"protocol_state", 14}},
        [A_INSTANCE] = {{"instance", 8}},
        [A_QUEUE_ID] = {{"queue_id", 8}},
        [A_SENDER] = {{"sender", 6}},
        [A_RECIPIENT] = {{"recipient", 9}},
        [A_RECIPIENT_COUNT] = {{"recipient_count", 15}},
        [A_CLIENT_ADDRESS] = {{"client_address", 14}},
        [A_SASL_USERNAME] = {{"sasl_username", 13}},
        [A_LIST] = {{"list", 4}},
        [A_MESSAGE_ID] = {{"message_id", 10}},
        [A_RESULT] = {{"result", 6}},
};

static const struct {
	struct span name;
	enum policy_kind kind;
} kinds[] = {
        {{"smtpd_access_policy", 19}, POLICY_ACCESS},
        {{"todoku_recipient", 16}, POLICY_RECIPIENT},
        {{"todoku_end", 10}, POLICY_END},
};

static const struct {
	struct span name;
	enum policy_state state;
} states[] = {
        {{"RCPT", 4}, POLICY_STATE_RCPT},
        {{"DATA", 4}, POLICY_STATE_DATA},
        {{"END-OF-MESSAGE", 14}, POLICY_STATE_END},
};

static enum policy_outcome bad(struct policy_reader *reader, const char *reason) {
	reader->reason = reason;
	return POLICY_BAD;
}

/* The end of the request: the empty line.  0 where it is not there yet. */
static size_t find_end(struct policy_reader *reader, struct span input) {
	size_t at = reader->scanned;

	/* The LF before may be the last octet that was looked at. */
	at -= at > 0;
	while (at < input.len) {
		const char *found = memchr(input.at + at, '\n', input.len - at);

		if (found == NULL)
			break;
		at = (size_t)(found - input.at);
		if (at == 0 || (at + 1 < input.len && input.at[at + 1] == '\n'))
			return at == 0 ? 1 : at + 2;
		at++;
	}
	reader->scanned = input.len;
	return 0;
}

static enum attribute attribute_of(struct span name) {
	enum attribute i;

	for (i = 0; i < ATTRIBUTES; i++)
		if (names[i].name.len == name.len && memcmp(names[i].name.at, name.at, name.len) == 0)
			return i;
	return ATTRIBUTES;
}

/* Its lines into `values`; NULL, or what is wrong with them. */
static const char *read_lines(struct span lines, struct span values[ATTRIBUTES]) {
	int count = 0;

	while (lines.len > 0) {
		const char *end = memchr(lines.at, '\n', lines.len);
		struct span line = span_make(lines.at, (size_t)(end - lines.at));
		const char *equals = memchr(line.at, '=', line.len);
		enum attribute attribute;

		if (equals == NULL)
			return "a line without `=`";
		if (++count > POLICY_ATTRIBUTES_MAX)
			return "too many attributes";
		attribute = attribute_of(span_make(line.at, (size_t)(equals - line.at)));
		if (attribute != ATTRIBUTES)
			values[attribute] = span_from(line, (size_t)(equals - line.at) + 1);
		lines = span_from(lines, line.len + 1);
	}
	return NULL;
}

static int kind_of(struct span name, enum policy_kind *kind_r) {
	size_t i;

	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (span_equal(kinds[i].name, name)) {
			*kind_r = kinds[i].kind;
			return 0;
		}
	return -1;
}

static enum policy_state state_of(struct span name) {
	size_t i;

	for (i = 0; i < sizeof states / sizeof states[0]; i++)
		if (span_equal(states[i].name, name))
			return states[i].state;
	return POLICY_STATE_OTHER;
}

/* 0 for what is no number, and where it is too large to be one of ours. */
static unsigned long number_of(struct span digits) {
	unsigned long number = 0;
	size_t i;

	if (digits.len > 9)
		return 0;
	for (i = 0; i < digits.len; i++) {
		if (!ascii_is_digit(digits.at[i]))
			return 0;
		number = number * 10 + (unsigned long)(digits.at[i] - '0');
	}
	return number;
}

enum policy_outcome policy_read(struct policy_reader *reader, struct span input, struct policy_request *request_r,
                                size_t *used_r) {
	struct span values[ATTRIBUTES] = {{0}};
	size_t end = find_end(reader, input);
	const char *wrong;

	if (end == 0)
		return input.len < POLICY_REQUEST_MAX ? POLICY_MORE : bad(reader, "a request over 128 KiB");
	if (end > POLICY_REQUEST_MAX)
		return bad(reader, "a request over 128 KiB");
	if (memchr(input.at, '\0', end) != NULL)
		return bad(reader, "a NUL");
	wrong = read_lines(span_make(input.at, end - 1), values);
	if (wrong != NULL)
		return bad(reader, wrong);
	*request_r = (struct policy_request){
	        .state = state_of(values[A_STATE]),
	        .instance = values[A_INSTANCE],
	        .queue_id = values[A_QUEUE_ID],
	        .sender = values[A_SENDER],
	        .recipient = values[A_RECIPIENT],
	        .client_address = values[A_CLIENT_ADDRESS],
	        .sasl_username = values[A_SASL_USERNAME],
	        .recipient_count = number_of(values[A_RECIPIENT_COUNT]),
	        .list = values[A_LIST],
	        .message_id = values[A_MESSAGE_ID],
	        .result = values[A_RESULT],
	};
	if (kind_of(values[A_REQUEST], &request_r->kind) != 0)
		return bad(reader, "an unknown kind of request");
	*used_r = end;
	*reader = (struct policy_reader){0};
	return POLICY_REQUEST;
}

void policy_answer(struct buf *out, struct span action) {
	char text[POLICY_ACTION_MAX];
	size_t i, len = action.len < sizeof text ? action.len : sizeof text;

	for (i = 0; i < len; i++)
		text[i] = (unsigned char)action.at[i] < ' ' || (unsigned char)action.at[i] > '~' ? '?' : action.at[i];
	buf_add_text(out, "action=");
	buf_add(out, text, len);
	buf_add_text(out, "\n\n");
}
