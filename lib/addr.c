#include "lib/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include <idn2.h>

#include "lib/utf8.h"

#define LOCAL_MAX 64      /* RFC 5321 4.5.3.1.1 */
#define DOMAIN_MAX 255    /* RFC 5321 4.5.3.1.2 */
#define LABEL_MAX 63      /* RFC 1035 2.3.4 */
#define U_DOMAIN_MAX 1024 /* of a domain before it becomes A-labels */
#define UNQUOTED_MAX 4096 /* of what a quoted local part may hold; over LOCAL_MAX it is refused */

/* Valid UTF-8 without control characters. */
static bool is_clean(struct span s) {
	while (s.len > 0) {
		size_t size = utf8_size(s);

		if (size == 0 || utf8_is_control(s))
			return false;
		s = span_from(s, size);
	}
	return true;
}

/* Letters, digits, inner hyphens, and the underscore that some names do have. */
static bool is_label(struct span label) {
	size_t i;

	if (label.len == 0 || label.len > LABEL_MAX || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (i = 0; i < label.len; i++)
		if (!ascii_is_alnum(label.at[i]) && label.at[i] != '-' && label.at[i] != '_')
			return false;
	return true;
}

static bool is_number(struct span label) {
	size_t i;

	for (i = 0; i < label.len; i++)
		if (!ascii_is_digit(label.at[i]))
			return false;
	return true;
}

static int ascii_domain(struct span domain, struct buf *out) {
	struct span label = SPAN_NONE, rest = domain;
	size_t i;

	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		rest.len = --domain.len;
	if (domain.len == 0 || domain.len > DOMAIN_MAX)
		return -1;
	while (rest.at != NULL) {
		ssize_t dot = span_find_byte(rest, '.');

		label = dot < 0 ? rest : span_make(rest.at, (size_t)dot);
		rest = dot < 0 ? SPAN_NONE : span_from(rest, (size_t)dot + 1);
		if (!is_label(label))
			return -1;
	}
	/* 192.0.2.1 without brackets is no domain (RFC 1123 2.1). */
	if (is_number(label))
		return -1;
	for (i = 0; i < domain.len; i++)
		buf_add_byte(out, ascii_lower(domain.at[i]));
	return out->failed ? -1 : 0;
}

int addr_domain_canonical(struct span domain, struct buf *out) {
	uint8_t text[U_DOMAIN_MAX + 1], *ascii = NULL;
	int result;

	if (domain.len == 0 || domain.len > U_DOMAIN_MAX)
		return -1;
	if (span_is_ascii(domain))
		return ascii_domain(domain, out);
	if (!is_clean(domain))
		return -1;
	memcpy(text, domain.at, domain.len);
	text[domain.len] = '\0';
	if (idn2_lookup_u8(text, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
		return -1;
	result = ascii_domain(span_of((const char *)ascii), out);
	idn2_free(ascii);
	return result;
}

/* [192.0.2.1] and [IPv6:2001:db8::1] (RFC 5321 4.1.3). */
static int literal_domain(struct span domain, struct buf *out) {
	const struct span v6 = SPAN("[IPv6:");
	char text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	bool is_v6 = span_starts_nocase(domain, v6);
	struct span inner = span_from(domain, is_v6 ? v6.len : 1);
	size_t i;

	if (inner.len < 2 || inner.len > sizeof text || inner.at[inner.len - 1] != ']')
		return -1;
	memcpy(text, inner.at, inner.len - 1);
	text[inner.len - 1] = '\0';
	if (strlen(text) != inner.len - 1 || inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) != 1)
		return -1;
	for (i = 0; i < domain.len; i++)
		buf_add_byte(out, ascii_lower(domain.at[i]));
	return out->failed ? -1 : 0;
}

/* A quoted string at the start of *rest, which moves behind it; its contents
 * are appended without their quoting. */
static int take_quoted(struct span *rest, struct buf *out) {
	size_t i;

	for (i = 1; i < rest->len && rest->at[i] != '"'; i++) {
		if (rest->at[i] == '\\' && ++i == rest->len)
			return -1;
		buf_add_byte(out, rest->at[i]);
	}
	if (i == rest->len)
		return -1;
	*rest = span_from(*rest, i + 1);
	return 0;
}

static size_t unquoted_length(struct span s) {
	static const char specials[] = " \"(),:;<>@[\\]";
	size_t len = 0;

	while (len < s.len && s.at[len] != '\0' && strchr(specials, s.at[len]) == NULL)
		len++;
	return len;
}

/* Words and dots up to the @ (RFC 5322 3.4.1, 4.4); the carriers' addresses
 * have dots in any place.  *rest moves to the @. */
static int take_local(struct span *rest, struct buf *out) {
	bool in_word = false;

	while (rest->len > 0 && rest->at[0] != '@' && out->len <= LOCAL_MAX) {
		if (rest->at[0] == '"') {
			if (in_word || take_quoted(rest, out) != 0)
				return -1;
			in_word = true;
			/* A quoted string is a whole word. */
			if (rest->len > 0 && rest->at[0] != '.' && rest->at[0] != '@')
				return -1;
		} else {
			size_t len = unquoted_length(*rest);

			if (len == 0)
				return -1;
			buf_add(out, rest->at, len);
			in_word = rest->at[len - 1] != '.';
			*rest = span_from(*rest, len);
		}
	}
	return rest->len == 0 || out->failed || out->len == 0 || out->len > LOCAL_MAX || !is_clean(buf_span(out)) ? -1
	                                                                                                          : 0;
}

/* "@a,@b:" before an address: RFC 5321 C asks that it be read and ignored. */
static int skip_route(struct span *text) {
	while (text->len > 0 && text->at[0] == '@') {
		size_t i = 1;

		if (text->len > 1 && text->at[1] == '[')
			while (i < text->len && text->at[i] != ']')
				i++;
		while (i < text->len && text->at[i] != ',' && text->at[i] != ':')
			i++;
		if (i == text->len)
			return -1;
		*text = span_from(*text, i + 1);
		if (text->at[-1] == ':')
			return 0;
	}
	return 0;
}

static int parse_mailbox(struct span text, struct buf *out, size_t *at_r) {
	struct span domain;

	if (skip_route(&text) != 0 || take_local(&text, out) != 0)
		return -1;
	*at_r = out->len;
	buf_add_byte(out, '@');
	domain = span_from(text, 1);
	return domain.len > 0 && domain.at[0] == '[' ? literal_domain(domain, out) : addr_domain_canonical(domain, out);
}

int addr_parse(struct span text, struct addr *addr_r) {
	struct buf canonical;
	int result;

	*addr_r = (struct addr){.len = 0};
	text = span_trim(text);
	if (text.len > 1 && text.at[0] == '<' && text.at[text.len - 1] == '>')
		text = span_make(text.at + 1, text.len - 2);
	buf_init(&canonical, UNQUOTED_MAX);
	result = parse_mailbox(text, &canonical, &addr_r->at);
	if (result == 0) {
		addr_r->len = canonical.len;
		memcpy(addr_r->text, canonical.at, canonical.len + 1);
	}
	buf_free(&canonical);
	return result;
}

struct span addr_span(const struct addr *addr) {
	return span_make(addr->text, addr->len);
}

struct span addr_local(const struct addr *addr) {
	return span_make(addr->text, addr->at);
}

struct span addr_domain(const struct addr *addr) {
	return span_from(addr_span(addr), addr->at + 1);
}

bool addr_domain_under(struct span domain, struct span parent) {
	size_t above = domain.len - parent.len;

	if (parent.len == 0 || domain.len < parent.len || !span_equal(span_from(domain, above), parent))
		return false;
	return above == 0 || domain.at[above - 1] == '.';
}

bool addr_matches(const struct addr *addr, struct span pattern) {
	const char *at = pattern.len == 0 ? NULL : memrchr(pattern.at, '@', pattern.len);
	struct span local;

	if (at == NULL || addr->len == 0)
		return false;
	local = span_make(pattern.at, (size_t)(at - pattern.at));
	return (local.len == 0 || span_equal(local, addr_local(addr))) &&
	       span_equal_nocase(span_from(pattern, local.len + 1), addr_domain(addr));
}
