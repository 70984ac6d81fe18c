#include "bounced/lmtp_path.h"

/* The length of what stands before the `>` that ends the path: one within a quoted
 * local part does not.  -1 where there is none. */
static ssize_t path_length(struct span s) {
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < ' ' || c == 127)
			return -1;
		if (quoted && c == '\\' && i + 1 < s.len)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '>' && !quoted)
			return (ssize_t)i;
	}
	return -1;
}

int lmtp_path_parse(struct span arguments, struct span keyword, struct span *path_r, struct span *left_r) {
	struct span s = span_trim(arguments);
	ssize_t len, colon;

	if (!span_starts_nocase(s, keyword))
		return -1;
	s = span_trim(span_from(s, keyword.len));
	if (s.len == 0 || s.at[0] != '<')
		return -1;
	s = span_from(s, 1);
	len = path_length(s);
	if (len < 0)
		return -1;
	*path_r = span_make(s.at, (size_t)len);
	*left_r = span_from(s, (size_t)len + 1);
	if (left_r->len > 0 && !ascii_is_blank(left_r->at[0]))
		return -1;
	/* RFC 5321 appendix C: a source route is to be ignored. */
	if (path_r->len > 0 && path_r->at[0] == '@') {
		colon = span_find_byte(*path_r, ':');
		if (colon < 0)
			return -1;
		*path_r = span_from(*path_r, (size_t)colon + 1);
	}
	return 0;
}

static bool is_known(struct span parameter) {
	struct span size = SPAN("SIZE=");
	size_t i;

	if (span_equal_nocase(parameter, SPAN("SMTPUTF8")) || span_equal_nocase(parameter, SPAN("BODY=7BIT")) ||
	    span_equal_nocase(parameter, SPAN("BODY=8BITMIME")))
		return true;
	if (!span_starts_nocase(parameter, size) || parameter.len == size.len)
		return false;
	for (i = size.len; i < parameter.len; i++)
		if (!ascii_is_digit(parameter.at[i]))
			return false;
	return true;
}

bool lmtp_parameters_known(struct span parameters) {
	struct span left = span_trim(parameters);

	while (left.len > 0) {
		struct span one = left;
		size_t i;

		for (i = 0; i < left.len && !ascii_is_blank(left.at[i]); i++)
			;
		one.len = i;
		if (!is_known(one))
			return false;
		left = span_trim(span_from(left, one.len));
	}
	return true;
}
