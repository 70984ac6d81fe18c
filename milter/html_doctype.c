/*
 * DOCTYPE states (HTML Living Standard 13.2.5.53 to 13.2.5.68), for the one thing
 * that depends on them: whether the page is in quirks mode, where a table may
 * stand in a paragraph.  Public identifiers are not looked at: no link depends on
 * what they would change.
 */
#include "milter/html_lex.h"

static void skip_blanks(struct span *s) {
	while (s->len > 0 && ascii_is_blank(s->at[0]))
		*s = span_from(*s, 1);
}

/* Reads a quoted identifier; false where it has no end or there is none. */
static bool identifier(struct span *s) {
	ssize_t len;

	skip_blanks(s);
	if (s->len == 0 || (s->at[0] != '"' && s->at[0] != '\''))
		return false;
	len = span_find_byte(span_from(*s, 1), s->at[0]);
	if (len < 0)
		return false;
	*s = span_from(*s, (size_t)len + 2);
	return true;
}

/* Of what stands between `<!DOCTYPE` and `>`. */
static bool is_quirky(struct span s) {
	size_t len = 0;
	struct span name, word;
	bool public;

	skip_blanks(&s);
	while (len < s.len && !ascii_is_blank(s.at[len]))
		len++;
	name = span_make(s.at, len);
	s = span_from(s, len);
	if (!span_equal_nocase(name, SPAN("html")))
		return true;
	skip_blanks(&s);
	if (s.len == 0)
		return false;
	word = span_make(s.at, s.len < 6 ? s.len : 6);
	public = span_equal_nocase(word, SPAN("public"));
	if (!public && !span_equal_nocase(word, SPAN("system")))
		return true;
	s = span_from(s, 6);
	if (!identifier(&s))
		return true;
	skip_blanks(&s);
	return public && s.len > 0 && !identifier(&s);
}

size_t html_lex_doctype(const struct html_input *in, size_t at, bool *quirks_r) {
	size_t start = at + sizeof "<!DOCTYPE" - 1, end = html_lex_to_greater(in, start);

	*quirks_r = end > in->n || is_quirky(span_make(in->mask + start, end - 1 - start));
	return end;
}
