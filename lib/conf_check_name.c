/* Checks of lib/conf_check.h: names of the net and of mail. */
#include "lib/conf_check.h"

#include <string.h>

#include "lib/addr.h"

#define NAME_MAX_LEN 63
#define LABEL_MAX_LEN 63
#define SELECTOR_MAX_LEN 188 /* SELECTOR._domainkey.DOMAIN is a name of the DNS, at most 253 */
#define LIST_ID_MAX_LEN 255  /* H4 */
#define HEADER_MAX_LEN 76

static bool domain_add(struct span text, struct buf *out) {
	return text.len > 0 && text.at[0] != '[' && addr_domain_canonical(text, out) == 0;
}

int conf_check_hostname(struct span text, struct buf *out, struct err *allowed) {
	return domain_add(text, out) ? 0 : err_set(allowed, "a host name, as mail.example.com");
}

int conf_check_domain(struct span text, struct buf *out, struct err *allowed) {
	return domain_add(text, out) ? 0 : err_set(allowed, "a domain, as example.com");
}

/* Labels of letters, digits and inner hyphens, in lower case. */
static bool selector_is_good(struct span text) {
	size_t i, label = 0;

	if (text.len == 0 || text.len > SELECTOR_MAX_LEN)
		return false;
	for (i = 0; i < text.len; i++) {
		bool edge = label == 0 || i + 1 == text.len || text.at[i + 1] == '.';

		if (text.at[i] == '.' && label > 0 && i + 1 < text.len)
			label = 0;
		else if (ascii_is_alnum(text.at[i]) || (text.at[i] == '-' && !edge))
			label++;
		else
			return false;
		if (label > LABEL_MAX_LEN)
			return false;
	}
	return true;
}

int conf_check_selector(struct span text, struct buf *out, struct err *allowed) {
	size_t i;

	if (!selector_is_good(text))
		return err_set(allowed, "a selector of letters, digits and inner hyphens, as s2026a (RFC 6376 3.1)");
	for (i = 0; i < text.len; i++)
		buf_add_byte(out, ascii_lower(text.at[i]));
	return 0;
}

/* A name stands in a URL path, in the local part of an address (where case is
 * not kept by everyone) and in a List-Id. */
int conf_check_name(struct span text, struct buf *out, struct err *allowed) {
	bool good = text.len > 0 && text.len <= NAME_MAX_LEN;
	size_t i;

	for (i = 0; good && i < text.len; i++) {
		bool edge = i == 0 || i + 1 == text.len || text.at[i - 1] == '.';
		char c = text.at[i];

		good = (c >= 'a' && c <= 'z') || ascii_is_digit(c) || (!edge && strchr(".-_", c) != NULL);
	}
	if (!good)
		return err_set(allowed,
		               "a name of lower-case letters, digits and inner \"-\", \"_\", \".\", at most %d",
		               NAME_MAX_LEN);
	buf_add_span(out, text);
	return 0;
}

static bool is_atext(char c) {
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* RFC 2919 2: list-label "." list-id-namespace, both dot-atom-text. */
int conf_check_list_id(struct span text, struct buf *out, struct err *allowed) {
	bool good = text.len > 0 && text.len <= LIST_ID_MAX_LEN;
	size_t i, dots = 0, atom = 0;

	for (i = 0; good && i < text.len; i++) {
		good = text.at[i] == '.' ? atom > 0 : is_atext(text.at[i]);
		dots += text.at[i] == '.';
		atom = text.at[i] == '.' ? 0 : atom + 1;
	}
	if (!good || dots == 0 || atom == 0)
		return err_set(allowed, "an identifier as news.example.com, at most %d octets (RFC 2919)",
		               LIST_ID_MAX_LEN);
	buf_add_span(out, text);
	return 0;
}

int conf_check_header(struct span text, struct buf *out, struct err *allowed) {
	bool good = text.len > 0 && text.len <= HEADER_MAX_LEN;
	size_t i;

	for (i = 0; good && i < text.len; i++)
		good = text.at[i] > 32 && text.at[i] < 127 && text.at[i] != ':';
	if (!good)
		return err_set(allowed, "a header's name, as X-Campaign, at most %d octets (RFC 5322 3.6.8)",
		               HEADER_MAX_LEN);
	buf_add_span(out, text);
	return 0;
}

int conf_check_feedback(struct span text, struct buf *out, struct err *allowed) {
	bool good = text.len >= 5 && text.len <= 15;
	size_t i;

	for (i = 0; good && i < text.len; i++)
		good = ascii_is_alnum(text.at[i]);
	if (!good)
		return err_set(allowed, "5 to 15 letters or digits");
	buf_add_span(out, text);
	return 0;
}

/* Blanks and angle brackets, which an envelope may have, have no place here. */
static bool address_add(struct span text, struct buf *out) {
	struct addr addr;

	if (text.len == 0 || text.at[0] == '<' || span_trim(text).len != text.len || addr_parse(text, &addr) != 0)
		return false;
	buf_add_span(out, addr_span(&addr));
	return true;
}

int conf_check_address(struct span text, struct buf *out, struct err *allowed) {
	return address_add(text, out) ? 0 : err_set(allowed, "an address, as fbl@example.com");
}

int conf_check_address_or_domain(struct span text, struct buf *out, struct err *allowed) {
	bool good;

	if (text.len > 0 && text.at[0] == '@') {
		buf_add_byte(out, '@');
		good = domain_add(span_from(text, 1), out);
	} else {
		good = address_add(text, out);
	}
	return good ? 0 : err_set(allowed, "an address, as news@example.com, or @DOMAIN, as @example.com");
}
