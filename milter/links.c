#include "milter/links.h"

#include "lib/utf8.h"

const char *links_verdict_name(enum links_verdict verdict) {
	switch (verdict) {
	case LINKS_REWRITE:
		return "rewritten";
	case LINKS_NOT_HTTP:
		return "not http";
	case LINKS_TEMPLATE:
		return "template left over";
	case LINKS_OURS:
		return "our own link";
	case LINKS_OPTED_OUT:
		return "opted out";
	case LINKS_SHOWN_URL:
		return "shows another URL";
	case LINKS_NON_ASCII:
		return "non-ASCII characters";
	case LINKS_CONTROL:
		return "control characters";
	case LINKS_TOO_LONG:
		return "too long";
	}
	return "unknown";
}

/* Length of "http://" or "https://" at the beginning, else 0. */
static size_t scheme_size(struct span url) {
	if (span_starts_nocase(url, SPAN("http://")))
		return sizeof "http://" - 1;
	if (span_starts_nocase(url, SPAN("https://")))
		return sizeof "https://" - 1;
	return 0;
}

/* Up to the path; a backslash ends it as well (WHATWG URL 4.4, special schemes). */
static struct span authority_of(struct span behind_scheme) {
	size_t i = 0;

	while (i < behind_scheme.len && behind_scheme.at[i] != '/' && behind_scheme.at[i] != '\\' &&
	       behind_scheme.at[i] != '?' && behind_scheme.at[i] != '#')
		i++;
	return span_make(behind_scheme.at, i);
}

/* Can a reader's program make a host of it?  (WHATWG URL 3.2: the forbidden host
 * code points, but `%`, which is decoded.) */
static bool is_host(struct span host) {
	size_t i;

	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = span_make(host.at + 1, host.len - 2);
	for (i = 0; i < host.len; i++) {
		char c = host.at[i];

		if ((unsigned char)c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '[' || c == ']' || c == '^' ||
		    c == '|')
			return false;
	}
	return host.len > 0;
}

static struct span host_of_authority(struct span authority) {
	struct span host = authority;
	size_t i;

	for (i = authority.len; i > 0 && authority.at[i - 1] != '@'; i--)
		continue;
	host = span_from(authority, i);
	for (i = 0; i < host.len && host.at[i] != ':'; i++)
		if (host.at[i] == '[')
			while (i + 1 < host.len && host.at[i + 1] != ']')
				i++;
	host.len = i;
	return is_host(host) ? host : SPAN_NONE;
}

struct span links_host(struct span url) {
	size_t size = scheme_size(url);

	return size == 0 ? SPAN_NONE : host_of_authority(authority_of(span_from(url, size)));
}

/* Scheme and authority without case, the rest exactly. */
static bool starts_as_url(struct span url, struct span prefix) {
	size_t size = scheme_size(prefix);

	size += authority_of(span_from(prefix, size)).len;
	return span_starts_nocase(url, span_make(prefix.at, size)) &&
	       span_starts(span_from(url, size), span_from(prefix, size));
}

static bool is_ours(const struct links_rules *rules, struct span url) {
	struct span base = rules->base_url, leave = rules->unsubscribe_uri;

	if (leave.len > 0 && url.len == leave.len && starts_as_url(url, leave))
		return true;
	if (base.len == 0 || !starts_as_url(url, base))
		return false;
	return url.len == base.len || url.at[base.len] == '/' || url.at[base.len] == '?' || url.at[base.len] == '#';
}

/* `*` is any run of bytes, `?` any one.  Only the last star is ever taken back,
 * so the time is bounded by the product of the lengths. */
static bool pattern_matches(struct span pattern, struct span text) {
	size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			star_text = t;
		} else if (p < pattern.len && (pattern.at[p] == '?' || pattern.at[p] == text.at[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

static bool matches_any(const struct strings *patterns, struct span url) {
	size_t i;

	for (i = 0; patterns != NULL && i < patterns->len; i++)
		if (pattern_matches(span_of(patterns->at[i]), url))
			return true;
	return false;
}

static bool has_template(struct span url) {
	size_t i;

	for (i = 0; i + 1 < url.len; i++) {
		char c = url.at[i], next = url.at[i + 1];

		if ((c == next && (c == '{' || c == '}' || c == '%')) || (c == '*' && next == '|') ||
		    (c == '|' && next == '*'))
			return true;
	}
	return false;
}

static bool is_utf8(struct span s) {
	size_t i, size;

	for (i = 0; i < s.len; i += size)
		if ((size = utf8_size(span_from(s, i))) == 0)
			return false;
	return true;
}

/* What the bytes of the target forbid; LINKS_REWRITE where they are fine.  In
 * another charset than UTF-8, how a non-ASCII character is sent to the server
 * depends on the page's charset (WHATWG URL 4.4, the query), which a redirect
 * no longer knows; wherever it came from, the link stays. */
static enum links_verdict judge_bytes(const struct links_candidate *candidate, struct span target) {
	size_t i;

	for (i = 0; i < target.len; i++)
		if ((unsigned char)target.at[i] < ' ' || target.at[i] == 0x7f)
			return LINKS_CONTROL;
	if (span_is_ascii(target))
		return LINKS_REWRITE;
	if (!candidate->utf8)
		return LINKS_NON_ASCII;
	return is_utf8(target) ? LINKS_REWRITE : LINKS_CONTROL;
}

/* The characters that look like a blank and are none to span_trim(). */
static size_t wide_blank_size(struct span s) {
	if (span_starts(s, SPAN("\xc2\xa0")))
		return 2;
	return span_starts(s, SPAN("\xe3\x80\x80")) ? 3 : 0;
}

static struct span trim_shown(struct span text) {
	size_t size;

	for (;;) {
		text = span_trim(text);
		size = wide_blank_size(text);
		if (size > 0)
			text = span_from(text, size);
		else if (span_ends_nocase(text, SPAN("\xc2\xa0")))
			text.len -= 2;
		else if (span_ends_nocase(text, SPAN("\xe3\x80\x80")))
			text.len -= 3;
		else
			return text;
	}
}

/* Host of a text that is itself a URL to the eye (B9), else empty. */
static struct span shown_host(struct span text) {
	size_t i;

	text = trim_shown(text);
	for (i = 0; i < text.len; i++)
		if (ascii_is_blank(text.at[i]) || wide_blank_size(span_from(text, i)) > 0)
			return SPAN_NONE;
	if (span_starts_nocase(text, SPAN("www.")))
		return host_of_authority(authority_of(text));
	return links_host(text);
}

static bool is_under(struct span host, struct span domain) {
	if (domain.len == 0 || !span_ends_nocase(host, domain))
		return false;
	return host.len == domain.len || host.at[host.len - domain.len - 1] == '.';
}

/* A text that names one host over a link to another is what phishing looks like;
 * where the tracker bears the sender's own domain it is not (B9). */
static bool shows_other_url(const struct links_rules *rules, const struct links_candidate *candidate) {
	struct span tracker = links_host(rules->base_url), shown;

	if (!candidate->has_text || is_under(tracker, rules->from_domain))
		return false;
	shown = shown_host(candidate->text);
	return shown.len > 0 && !span_equal_nocase(shown, tracker);
}

static enum links_verdict judge_target(const struct links_rules *rules, const struct links_candidate *candidate,
                                       struct span target) {
	enum links_verdict verdict;

	if (has_template(target))
		return LINKS_TEMPLATE;
	if (scheme_size(target) == 0)
		return LINKS_NOT_HTTP;
	verdict = judge_bytes(candidate, target);
	if (verdict != LINKS_REWRITE)
		return verdict;
	if (links_host(target).len == 0)
		return LINKS_NOT_HTTP;
	if (is_ours(rules, target))
		return LINKS_OURS;
	if (candidate->opted_out)
		return LINKS_OPTED_OUT;
	/* Before the patterns, so that their time is bounded. */
	if (target.len > rules->target_max)
		return LINKS_TOO_LONG;
	if (matches_any(rules->no_track, target))
		return LINKS_OPTED_OUT;
	return shows_other_url(rules, candidate) ? LINKS_SHOWN_URL : LINKS_REWRITE;
}

enum links_verdict links_judge(const struct links_rules *rules, const struct links_candidate *candidate,
                               struct buf *target_out) {
	struct span url = span_trim(candidate->url);
	enum links_verdict verdict;
	size_t start = target_out->len, i, run = 0;

	for (i = 0; i < url.len; i++) {
		if (url.at[i] != '\t' && url.at[i] != '\r' && url.at[i] != '\n')
			continue;
		buf_add(target_out, url.at + run, i - run);
		run = i + 1;
	}
	buf_add_span(target_out, span_from(url, run));
	if (target_out->failed)
		verdict = scheme_size(url) == 0 ? LINKS_NOT_HTTP : LINKS_TOO_LONG;
	else
		verdict = judge_target(rules, candidate, span_from(buf_span(target_out), start));
	if (verdict != LINKS_REWRITE && target_out->at != NULL) {
		target_out->len = start;
		target_out->at[start] = '\0';
	}
	return verdict;
}
