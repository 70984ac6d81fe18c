/* Links in plain text: links_each_in_text() of links.h (B11). */
#include "milter/links.h"

static bool is_other(char c) {
	return (unsigned char)c >= 0x80;
}

static bool ends_url(char c) {
	return (unsigned char)c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' || is_other(c);
}

/* Punctuation and the wide blank of Japanese, in UTF-8: U+3000-3003, the
 * brackets of U+3008-3011 and U+3014-301F, full-width forms of ASCII punctuation. */
static bool is_wide_punctuation(struct span s) {
	unsigned char last = s.len < 3 ? 0 : (unsigned char)s.at[2];

	if (span_starts(s, SPAN("\xe3\x80")))
		return (last >= 0x80 && last <= 0x83) || (last >= 0x88 && last <= 0x91) ||
		       (last >= 0x94 && last <= 0x9f);
	if (span_starts(s, SPAN("\xef\xbc")))
		return (last >= 0x81 && last <= 0x8f) || (last >= 0x9a && last <= 0xa0) ||
		       (last >= 0xbb && last <= 0xbf);
	return span_starts(s, SPAN("\xef\xbd")) && (last == 0x80 || (last >= 0x9b && last <= 0xa4));
}

/* Does a reader's program perhaps take what follows for a part of the URL? */
static bool runs_on(struct span rest) {
	return rest.len > 0 && is_other(rest.at[0]) && !is_wide_punctuation(rest);
}

static size_t scheme_size(struct span s) {
	if (span_starts_nocase(s, SPAN("http://")))
		return sizeof "http://" - 1;
	return span_starts_nocase(s, SPAN("https://")) ? sizeof "https://" - 1 : 0;
}

/* How many more of the brackets close than open. */
static long excess_of(struct span url, char opening, char closing) {
	long excess = 0;
	size_t i;

	for (i = 0; i < url.len; i++)
		excess += (url.at[i] == closing) - (url.at[i] == opening);
	return excess;
}

static struct span trim_url(struct span url) {
	long round = excess_of(url, '(', ')'), square = excess_of(url, '[', ']'), curly = excess_of(url, '{', '}');

	for (; url.len > 0; url.len--) {
		char last = url.at[url.len - 1];
		long *excess = last == ')' ? &round : last == ']' ? &square : last == '}' ? &curly : NULL;

		if (excess == NULL ? span_find_byte(SPAN(".,;:!?'"), last) < 0 : *excess <= 0)
			break;
		if (excess != NULL)
			--*excess;
	}
	return url;
}

/* Each byte is passed once: a scheme without a host behind it is only stepped
 * over, and a URL, taken or not, is not looked into again. */
int links_each_in_text(const char *mask, size_t n, int (*each)(void *context, size_t at, size_t len), void *context) {
	struct span text = span_make(mask, n), url;
	size_t at = 0, end, size;
	int stop;

	while (at < n) {
		size = 0;
		if (ascii_lower(mask[at]) == 'h' && (at == 0 || !ascii_is_alnum(mask[at - 1])))
			size = scheme_size(span_from(text, at));
		if (size == 0) {
			at++;
			continue;
		}
		end = at + size;
		if (end < n && (ascii_is_alnum(mask[end]) || mask[end] == '['))
			while (end < n && !ends_url(mask[end]))
				end++;
		url = trim_url(span_make(mask + at, end - at));
		if (links_host(url).len > 0 && !runs_on(span_from(text, end))) {
			stop = each(context, at, url.len);
			if (stop != 0)
				return stop;
		}
		at = end;
	}
	return 0;
}
