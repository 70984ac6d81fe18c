/*
 * links.h on anything.  The first byte is a set of flags, the second the length
 * of the element's text, which comes next; the rest is the URL, and again the
 * mask of a plain text.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "milter/links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_UTF8 = 1, FLAG_OPTED_OUT = 4, FLAG_TEXT = 8, FLAG_ALIGNED = 16 };

#define TARGET_MAX 300

static bool is_wire_blank(char c) {
	return c == '\t' || c == '\r' || c == '\n';
}

/* B10: the target is the URL without what WHATWG URL 4.4 takes out, no more. */
static void check_target(struct span url, struct span target) {
	size_t i, k = 0;

	assert(target.len > 0 && target.len <= TARGET_MAX);
	assert(span_starts_nocase(target, SPAN("http://")) || span_starts_nocase(target, SPAN("https://")));
	assert(links_host(target).len > 0);
	assert(!span_starts_nocase(target, SPAN("https://t.example.com/")));
	assert(span_find(target, SPAN("{{")) < 0);
	url = span_trim(url);
	for (i = 0; i < url.len; i++) {
		if (is_wire_blank(url.at[i]))
			continue;
		assert(k < target.len && target.at[k] == url.at[i]);
		assert((unsigned char)target.at[k] >= ' ' && target.at[k] != 0x7f);
		k++;
	}
	assert(k == target.len);
}

static void judge(unsigned char flags, struct span text, struct span url) {
	static char star[] = "https://*.no.example/*", query[] = "http*?x=?", many[] = "*a*b*c*d";
	static char *at[] = {star, query, many};
	static const struct strings patterns = {at, sizeof at / sizeof at[0]};
	struct links_rules rules = {.base_url = SPAN("https://t.example.com"),
	                            .from_domain = flags & FLAG_ALIGNED ? SPAN("example.com") : SPAN("example.org"),
	                            .unsubscribe_uri = SPAN("https://app.example.jp/leave?u=1"),
	                            .no_track = &patterns,
	                            .target_max = TARGET_MAX};
	struct links_candidate candidate = {.url = url,
	                                    .utf8 = flags & FLAG_UTF8,
	                                    .opted_out = flags & FLAG_OPTED_OUT,
	                                    .has_text = flags & FLAG_TEXT,
	                                    .text = text};
	struct span host = links_host(url);
	struct buf out;
	enum links_verdict verdict;

	assert(host.len == 0 || (host.at >= url.at && host.at + host.len <= url.at + url.len));
	buf_init(&out, 1 << 20);
	verdict = links_judge(&rules, &candidate, &out);
	assert(strcmp(links_verdict_name(verdict), "unknown") != 0);
	if (verdict == LINKS_REWRITE) {
		assert(!candidate.opted_out);
		check_target(url, buf_span(&out));
	} else {
		assert(out.len == 0);
	}
	buf_free(&out);
}

struct walk {
	struct span text;
	size_t end;
	int left;
};

static int check_link(void *context, size_t at, size_t len) {
	struct walk *walk = context;
	struct span url;
	size_t i;

	assert(walk->left > 0);
	assert(at >= walk->end && len > 0 && at + len <= walk->text.len);
	assert(at == 0 || !ascii_is_alnum(walk->text.at[at - 1]));
	url = span_make(walk->text.at + at, len);
	assert(links_host(url).len > 0);
	for (i = 0; i < len; i++)
		assert(url.at[i] > ' ' && url.at[i] < 0x7f && span_find_byte(SPAN("<>\""), url.at[i]) < 0);
	assert(span_find_byte(SPAN(".,;:!?'"), url.at[len - 1]) < 0);
	walk->end = at + len;
	return --walk->left == 0 ? 7 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span rest = {(const char *)data, size}, text;
	struct walk walk;
	unsigned char flags;
	int result;

	if (size < 2)
		return 0;
	flags = data[0];
	text = span_make(rest.at + 2, data[1] < size - 2 ? data[1] : size - 2);
	rest = span_from(rest, 2 + text.len);
	judge(flags, text, rest);
	walk = (struct walk){.text = rest, .left = 1000};
	result = links_each_in_text(rest.at, rest.len, check_link, &walk);
	assert(result == (walk.left == 0 ? 7 : 0));
	return 0;
}
