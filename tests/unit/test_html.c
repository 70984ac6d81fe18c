/*
 * html_scan(): one row for each rule of the tokeniser and the tree builder (HTML
 * Living Standard 13.2.5, 13.2.6), and for B4, B6, B8, B9, B12.
 *
 * What is found is written as one line, links separated by "; ":
 *
 *   "raw"        the value as it stands, in its quotes
 *   =decoded     where decoding changed it
 *   [text]       the element's text (B9)
 *   ~            NUL
 *   O W C        opted out, wide reference, in a conditional comment
 *   | body N     where the last </body> is
 *   | open       nothing shows behind the end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/html.h"
#include "milter/html_entity.h"
#include "milter/html_entity_table.h"
#include "milter/html_tag.h"

struct row {
	const char *rule;
	struct span html;
	const char *want;
};

/* NUL as "~", which the comparison would stop at. */
static void add_visible(struct buf *line, struct span s) {
	size_t i;

	for (i = 0; i < s.len; i++)
		buf_add_byte(line, s.at[i] == '\0' ? '~' : s.at[i]);
}

static void describe_link(const struct html_scan *scan, const struct html_link *link, const char *bytes,
                          struct buf *line) {
	struct span raw = span_make(bytes + link->value_at, link->value_len);
	struct span url = span_make(scan->decoded.at + link->url_at, link->url_len);
	struct span text = span_make(scan->decoded.at + link->text_at, link->text_len);

	if (line->len > 0)
		buf_add_text(line, "; ");
	if (link->quote != 0)
		buf_add_byte(line, link->quote);
	add_visible(line, raw);
	if (link->quote != 0)
		buf_add_byte(line, link->quote);
	if (!span_equal(raw, url)) {
		buf_add_byte(line, '=');
		add_visible(line, url);
	}
	if (link->has_text) {
		buf_add_byte(line, '[');
		add_visible(line, text);
		buf_add_byte(line, ']');
	}
	if (link->opted_out)
		buf_add_text(line, " O");
	if (link->wide_reference)
		buf_add_text(line, " W");
	if (link->in_comment)
		buf_add_text(line, " C");
	assert_int_equal(bytes[link->tag_at], '<');
	assert_int_equal(bytes[link->tag_end - 1], '>');
}

/* Scans a copy without a byte to spare, so that a sanitizer sees reads past it. */
static char *describe(struct span mask, struct span bytes) {
	char *mask_copy = malloc(mask.len + (mask.len == 0)), *bytes_copy = malloc(bytes.len + (bytes.len == 0));
	struct html_scan scan;
	struct buf line;
	size_t i;

	assert_non_null(mask_copy);
	assert_non_null(bytes_copy);
	memcpy(mask_copy, mask.at, mask.len);
	memcpy(bytes_copy, bytes.at, bytes.len);
	assert_int_equal(html_scan(mask_copy, bytes_copy, mask.len, &scan), 0);
	buf_init(&line, 1 << 20);
	for (i = 0; i < scan.count; i++)
		describe_link(&scan, &scan.links[i], bytes_copy, &line);
	if (scan.has_body_end)
		buf_printf(&line, "| body %zu", scan.body_end);
	if (scan.open_ended)
		buf_add_text(&line, "| open");
	html_scan_free(&scan);
	free(mask_copy);
	free(bytes_copy);
	return buf_take(&line);
}

static void check_rows(const struct row *rows, size_t count) {
	size_t i, failed = 0;

	for (i = 0; i < count; i++) {
		char *got = describe(rows[i].html, rows[i].html);

		assert_non_null(got);
		if (strcmp(got, rows[i].want) != 0) {
			print_error("%s: %.*s\n  want %s\n  got  %s\n", rows[i].rule, SPAN_ARG(rows[i].html),
			            rows[i].want, got);
			failed++;
		}
		free(got);
	}
	assert_int_equal(failed, 0);
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])
#define ROW(rule, html, want)                                                                                          \
	{ rule, {html, sizeof(html) - 1}, want }

static void test_attributes(void **state) {
	static const struct row rows[] = {
	        ROW("B6 double quotes", "<a href=\"http://x/\">t</a>", "\"http://x/\"[t]"),
	        ROW("B6 single quotes", "<a href='x'>t</a>", "'x'[t]"),
	        ROW("B6 no quotes, a slash within", "<a href=http://x/>t</a>", "http://x/[t]"),
	        ROW("B6 area", "<map><area shape=rect href=\"x\"></map>", "\"x\""),
	        ROW("B6 the first href", "<a href=1 href=2 HREF=3>", "1"),
	        ROW("B6 upper case", "<A HREF=\"x\">t</A>", "\"x\"[t]"),
	        ROW("B7 other elements", "<base href=x><link href=x><img src=x><form action=x><b href=x>", ""),
	        ROW("B7 other names", "<a xhref=x data-href=x xlink:href=x hre=x>", ""),
	        ROW("B6 names of one letter more", "<ab href=x></ab><areas href=x></areas>", ""),
	        ROW("13.2.5.34 blanks around =", "<a href \n = \t\"x\"\r>", "\"x\""),
	        ROW("13.2.5.34 no value", "<a href>t</a>", "[t]"),
	        ROW("13.2.5.34 name, then another", "<a href title=x>t</a>", "[t]"),
	        ROW("13.2.5.35 = and >", "<a href=>t</a>", "[t]"),
	        ROW("13.2.5.36 empty value", "<a href=\"\">t</a>", "\"\"[t]"),
	        ROW("13.2.5.32 slashes", "<a/href=x/title=y>", "x/title=y"),
	        ROW("13.2.5.40 self-closing", "<area href=\"x\"/><a href=\"y\" />t</a>", "\"x\"; \"y\"[t]"),
	        ROW("13.2.5.40 slash, then an attribute", "<a / href=x>", "x"),
	        ROW("13.2.5.33 quotes and < in names", "<a \"b'c<d href=x>", "x"),
	        ROW("13.2.5.32 name that begins with =", "<a =href=no href=x>", "x"),
	        ROW("13.2.5.39 nothing between attributes", "<a title=\"t\"href=\"x\">", "\"x\""),
	        ROW("13.2.5.38 quotes within", "<a href=a\"b'c=d`e<f>", "a\"b'c=d`e<f"),
	        ROW("13.2.5.36 > within quotes", "<a title=\">\" href='a>b'>", "'a>b'"),
	        ROW("13.2.5.33 NUL in a name", "<a hre\0f=no href=x>", "x"),
	        ROW("13.2.5.36 NUL in a value", "<a href=\"a\0b\">",
	            "\"a~b\"=a\xEF\xBF\xBD"
	            "b W"),
	        ROW("13.2.5.8 NUL in an element's name", "<a\0 href=x>", ""),
	        ROW("13.2.5.8 end of file in the name", "<a", "| open"),
	        ROW("13.2.5.33 end of file in a name", "<a href", "| open"),
	        ROW("13.2.5.35 end of file before a value", "<a href=", "| open"),
	        ROW("13.2.5.36 end of file in a value", "<a href=\"x", "| open"),
	        ROW("13.2.5.38 end of file in an unquoted value", "<a href=x", "| open"),
	        ROW("13.2.5.39 end of file behind a value", "<a href=\"x\"", "| open"),
	        ROW("13.2.5.40 end of file behind a slash", "<a href=\"x\"/", "| open"),
	};

	(void)state;
	CHECK(rows);
}

static void test_references(void **state) {
	static const struct row rows[] = {
	        ROW("13.2.5.73 named", "<a href=\"?a&amp;b&lt;&quot;\">", "\"?a&amp;b&lt;&quot;\"=?a&b<\""),
	        ROW("13.2.5.73 before = it stays", "<a href=\"?a&copy=1\">", "\"?a&copy=1\""),
	        ROW("13.2.5.73 before a letter it stays", "<a href=\"?a&notit;\">", "\"?a&notit;\""),
	        ROW("13.2.5.73 before a digit it stays", "<a href=\"?a&lt1\">", "\"?a&lt1\""),
	        ROW("13.2.5.73 without semicolon at the end", "<a href='?a&amp'>", "'?a&amp'=?a&"),
	        ROW("13.2.5.73 without semicolon before others", "<a href='?a&lt-&amp&'>", "'?a&lt-&amp&'=?a<-&&"),
	        ROW("13.2.5.73 longest match", "<a href='&notin;&not;'>", "'&notin;&not;'=\xE2\x88\x89\xC2\xAC W"),
	        ROW("13.2.5.73 two characters", "<a href='&nGt;'>", "'&nGt;'=\xE2\x89\xAB\xE2\x83\x92 W"),
	        ROW("13.2.5.73 case counts", "<a href='&AMP;&Amp;'>", "'&AMP;&Amp;'=&&Amp;"),
	        ROW("13.2.5.74 unknown", "<a href='?a&b=1&foo;'>", "'?a&b=1&foo;'"),
	        ROW("13.2.5.75 decimal, hexadecimal", "<a href='&#47;&#x2F;&#X2f'>", "'&#47;&#x2F;&#X2f'=///"),
	        ROW("13.2.5.76 no digits", "<a href='&#;&#x;&#xg'>", "'&#;&#x;&#xg'"),
	        ROW("13.2.5.75 decimal ends at a letter", "<a href='&#47f'>", "'&#47f'=/f"),
	        ROW("13.2.5.80 windows-1252", "<a href='&#x80;&#159;&#x81;'>",
	            "'&#x80;&#159;&#x81;'=\xE2\x82\xAC\xC5\xB8\xC2\x81 W"),
	        ROW("13.2.5.80 NUL and surrogates", "<a href='&#0;&#xD800;&#xDFFF;'>",
	            "'&#0;&#xD800;&#xDFFF;'=\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD W"),
	        ROW("13.2.5.80 the last character and beyond", "<a href='&#x10FFFF;&#x110000;&#4294967361;'>",
	            "'&#x10FFFF;&#x110000;&#4294967361;'="
	            "\xF4\x8F\xBF\xBF\xEF\xBF\xBD\xEF\xBF\xBD W"),
	        ROW("not wide", "<a href='&#9;a&Tab;'>", "'&#9;a&Tab;'=\ta\t"),
	        ROW("a value's end ends it", "<a href=\"&am\">p;", "\"&am\"[p;]"),
	};

	(void)state;
	CHECK(rows);
}

static void test_markup(void **state) {
	static const struct row rows[] = {
	        ROW("13.2.5.6 no tag", "<1a><a href=x>< a href=no>", "x[< a href=no>]"),
	        ROW("13.2.5.6 < at the end", "a<", ""),
	        ROW("13.2.5.6 processing instruction", "<?xml <a href=no>?><a href=x>", "x"),
	        ROW("13.2.5.7 </ at the end", "a</", "| open"),
	        ROW("13.2.5.7 </>", "</><a href=x>", "x"),
	        ROW("13.2.5.7 bogus end tag", "</ <a href=no><a href=x>", "x"),
	        ROW("13.2.5.41 bogus comment", "<!a <a href=no><a href=x>", "x"),
	        ROW("13.2.5.41 open", "<!a <a href=no", "| open"),
	        ROW("B6 comment", "<!-- <a href=no> --><a href=x>", "x"),
	        ROW("13.2.5.43 <!-->", "<!--><a href=x>", "x"),
	        ROW("13.2.5.44 <!--->", "<!---><a href=x>", "x"),
	        ROW("13.2.5.51 three dashes", "<!-- ---><a href=x>", "x"),
	        ROW("13.2.5.52 --!>", "<!-- --!><a href=x>", "x"),
	        ROW("13.2.5.52 --!-->", "<!-- --!--><a href=x>", "x"),
	        ROW("13.2.5.51 -- >", "<!-- -- ><a href=no>--><a href=x>", "x"),
	        ROW("13.2.5.49 nested", "<!-- <!-- <a href=no> --><a href=x> -->", "x[-->]"),
	        ROW("13.2.5.45 open", "<!-- <a href=no>", "| open"),
	        ROW("13.2.5.51 open after dashes", "<!-- --", "| open"),
	        ROW("13.2.5.53 DOCTYPE", "<!DOCTYPE html \">\"><a href=x>", "x"),
	        ROW("13.2.5.53 without a name", "<!doctype><a href=x>", "x"),
	        ROW("13.2.5.53 open", "<!doctype <a href=no", "| open"),
	        ROW("13.2.5.42 CDATA in HTML is a bogus comment", "<![CDATA[<a href=no>]]><a href=x>", "x"),
	        ROW("13.2.5.42 which ends at >", "<![CDATA[><a href=x>]]>", "x[]]>]"),
	        ROW("13.2.5.69 CDATA in SVG", "<svg><![CDATA[<a href=no>]]><a href=x>", "x"),
	        ROW("13.2.5.69 in lower case it is none", "<svg><![cdata[<a href=no>]]><a href=x>", "x"),
	        ROW("13.2.5.69 open", "<svg><![CDATA[ ]]", "| open"),
	        ROW("13.2.5.71 ]]]>", "<svg><![CDATA[ ]]]><a href=x>", "x"),
	};

	(void)state;
	CHECK(rows);
}

static void test_raw_text(void **state) {
	static const struct row rows[] = {
	        ROW("B6 title", "<title><a href=no></title><a href=x>", "x"),
	        ROW("B6 textarea", "<textarea><a href=no></textarea><a href=x>", "x"),
	        ROW("B6 style", "<style><a href=no></style><a href=x>", "x"),
	        ROW("B6 script", "<script><a href=no></script><a href=x>", "x"),
	        ROW("xmp, iframe, noembed, noframes",
	            "<xmp><a href=no></xmp><iframe><a href=no></iframe><noembed><a href=no></noembed>"
	            "<noframes><a href=no></noframes><a href=x>",
	            "x"),
	        ROW("noscript is no text without scripting", "<noscript><a href=x></noscript>", "x"),
	        ROW("13.2.5.2 comments are none there", "<title><!--</title><a href=x>-->", "x[-->]"),
	        ROW("13.2.5.11 appropriate end tag", "<title></titles></titl></style><a href=no></TITLE\n><a href=x>",
	            "x"),
	        ROW("13.2.5.11 with a slash, attributes", "<title></title/a=\">\"><a href=x>", "x"),
	        ROW("13.2.5.2 open", "<title><a href=no>", "| open"),
	        ROW("13.2.5.11 open in the end tag", "<title></title ", "| open"),
	        ROW("13.2.5.5 plaintext", "<plaintext><a href=no></plaintext><a href=no>", "| open"),
	        ROW("13.2.5.4 script in a comment", "<script><!--<a href=no></script><a href=x>", "x"),
	        ROW("13.2.5.26 double escaped", "<script><!--<script></script><a href=no>--></script><a href=x>", "x"),
	        ROW("13.2.5.31 and back", "<script><!--<script></script></script><a href=x>", "x"),
	        ROW("13.2.5.26 other names don't", "<script><!--<scripts></script><a href=x>", "x"),
	        ROW("13.2.5.19 <!-->", "<script><!--><script></script><a href=x>", "x"),
	        ROW("13.2.5.30 --> ends it", "<script><!--<script>--></script><a href=x>", "x"),
	        ROW("13.2.5.16 other end tags", "<script></scriptx></style><a href=no></script><a href=x>", "x"),
	        ROW("13.2.5.4 open", "<script><!--<script></script>", "| open"),
	};

	(void)state;
	CHECK(rows);
}

static void test_tree(void **state) {
	static const struct row rows[] = {
	        ROW("13.2.6.5 no title in SVG", "<svg><title><a href=x></title></svg>", "x"),
	        ROW("13.2.6.5 no style in SVG", "<svg><style><a href=x></style></svg>", "x"),
	        ROW("13.2.6 integration point", "<svg><foreignObject><title><a href=no></title>", ""),
	        ROW("13.2.6 MathML text point", "<math><mi><title><a href=no></title>", ""),
	        ROW("13.2.6 annotation-xml", "<math><annotation-xml><title><a href=x></title>", "x"),
	        ROW("13.2.6 annotation-xml as HTML",
	            "<math><annotation-xml encoding='Text/HTML'><title><a href=no></title>", ""),
	        ROW("13.2.6.5 a div leaves SVG", "<svg><g><div><title><a href=no></title>", ""),
	        ROW("13.2.6.5 a font without colour doesn't", "<svg><font><title><a href=x></title>", "x"),
	        ROW("13.2.6.5 a font with colour does", "<svg><font color=red><title><a href=no></title>", ""),
	        ROW("13.2.6.5 self-closing", "<svg/><title><a href=no></title>", ""),
	        ROW("13.2.6.5 end tags", "<svg><G><g></SVG ><title><a href=no></title>", ""),
	        ROW("13.2.6.5 an outer end tag", "<div><svg></div><title><a href=no></title>", ""),
	        ROW("13.2.6.4.16 select", "<select><a href=no><option><a href=no></select><a href=x>", "x"),
	        ROW("13.2.6.4.16 no title in a select", "<select><title></select><a href=x>", "x"),
	        ROW("13.2.6.4.16 input ends it", "<select><input><a href=x>", "x"),
	        ROW("13.2.6.4.17 a cell ends it", "<table><tr><td><select><a href=no><td><a href=x>", "x"),
	        ROW("13.2.6.4.20 frameset", "<frameset><a href=no></frameset><a href=no>", ""),
	        ROW("13.2.6.4.7 a frameset drops the body", "<a href=no></a><frameset>", ""),
	        ROW("13.2.6.4.7 not behind text", "<a href=x>t</a><frameset>", "x[t]"),
	        ROW("13.2.6.4.4 nor behind a template", "<p><template><a href=x></template><frameset>", "x"),
	        ROW("13.2.6.4.4 template", "<template><tr><td><a href=x></template><a href=y>", "x; y"),
	        ROW("13.2.6.4.9 in a table", "<table><a href=x><tr><a href=y><td><a href=z>", "x; y; z"),
	        ROW("13.2.6.4.7 twice in a row", "<a href=x>1<a href=y>2", "x[1]; y[2]"),
	        ROW("13.2.6.4.7 clones are one", "<a href=x><div>1</a>2</div>3<p>4", "x[1]"),
	        ROW("13.2.4.3 three alike", "<p><b><b><b><b></p>t</b></b></b><svg></b><title><a href=x></title>", "x"),
	        ROW("13.2.4.3 four that differ",
	            "<p><b id=1><b id=2><b id=3><b id=4></p>t</b></b></b><svg></b><title><a href=no></title>", ""),
	        ROW("13.2.4.3 alike by their first attributes",
	            "<p><b id=1 id=2><b id=1 id=3><b id=1><b id=1 id=4></p>t</b></b></b><svg></b><title><a "
	            "href=x></title>",
	            "x"),
	        ROW("13.2.4.3 a cell's marker",
	            "<p><b><table><tr><td></td></tr></table></p>t<svg></b><title><a href=no></title>", ""),
	        ROW("13.2.4.3 an object's marker", "<p><b><applet></applet></p>t<svg></b><title><a href=no></title>",
	            ""),
	        ROW("13.2.6.4.7 adoption leaves one block", "<b><p></b></p><svg></p><title><a href=x></title>", "x"),
	        ROW("13.2.6.4.7 one that the list has lost",
	            "<b id=1><b><b><b><b></b></b></b></b><svg></b><title><a href=no></title>", ""),
	        ROW("13.2.6.4.7 adoption", "<b><p></b><svg></b><title><a href=x></title></svg></p>", "x"),
	        ROW("13.2.6.4.7 a block in a link", "<a href=x><svg></a><title><a href=no></title>", "x"),
	        ROW("13.2.6.4.5 noscript in the head", "<head><noscript><a href=x>", "x"),
	        ROW("13.2.6.4.19 behind the body", "</body></html><a href=x>", "x| body 0"),
	};

	(void)state;
	CHECK(rows);
}

static void test_conditional(void **state) {
	static const struct row rows[] = {
	        ROW("B6 mso", "<!--[if mso]><a href=\"x\">t</a><area href=y><![endif]-->", "\"x\"[t] C; y C"),
	        ROW("B6 gte mso 9", "<!--[if (gte MSO 9)|(IE)]><a href=x></a><![endif]-->", "x C"),
	        ROW("B6 !mso", "<!--[if !mso]><a href=x></a><![endif]-->", "x C"),
	        ROW("B6 !mso, closed", "<!--[if !mso]><!--><a href=x>t</a><!--<![endif]-->", "x[t]"),
	        ROW("B6 v:roundrect", "<!--[if mso]><v:roundrect href='a&amp;b'><b>t</b></v:roundrect><![endif]-->",
	            "'a&amp;b'=a&b[t] C"),
	        ROW("B6 v:roundrect elsewhere", "<v:roundrect href=no>", ""),
	        ROW("B6 other VML", "<!--[if mso]><v:shape href=no><v:rect href=no><![endif]-->", ""),
	        ROW("B6 other conditions",
	            "<!--[if IE]><a href=no><![endif]--><!--[if lt msox]><a href=no><![endif]-->", ""),
	        ROW("B6 no condition", "<!-- [if mso]><a href=no> --><!--[if mso]<a href=no>--><!--mso]><a href=no>-->",
	            ""),
	        ROW("B6 opaque within",
	            "<!--[if mso]><style><a href=no></style><xmp><a href=no></xmp><a href=x><![endif]-->", "x C"),
	        ROW("B6 a link without href", "<!--[if mso]><a href=x>1<a>2<![endif]-->", "x[1] C"),
	        ROW("B6 ends with the comment", "<!--[if mso]><a href=\"--><a href=x>", "x"),
	        ROW("B6 around text", "<a href=x>1<!--[if mso]><i>&nbsp;</i><![endif]-->2</a>", "x[12]"),
	        ROW("B6 within a link", "<a href=x>1<!--[if mso]><a href=y>z</a><![endif]-->2</a>", "x; y[z] C"),
	        ROW("B6 in a select", "<select><!--[if mso]><a href=x><![endif]-->", "x C"),
	        ROW("B6 open", "<!--[if mso]><a href=x>", "x C| open"),
	        ROW("B12 no body's end", "<!--[if mso]></body><![endif]-->", ""),
	};

	(void)state;
	CHECK(rows);
}

static void test_opt_out(void **state) {
	static const struct row rows[] = {
	        ROW("B8", "<a href=x clicktracking=\"off\">", "x O"),
	        ROW("B8 upper case", "<A ClickTracking=OFF HREF=x>", "x O"),
	        ROW("B8", "<a href=x data-pm-no-track>", "x O"),
	        ROW("B8", "<a data-msys-clicktrack=\"0\" href=x>", "x O"),
	        ROW("B8", "<a ses:no-track href=x>", "x O"),
	        ROW("B8", "<a disable-tracking=true href=x>", "x O"),
	        ROW("B8", "<a data-disable-tracking href=x>", "x O"),
	        ROW("B8", "<a data-disable-tracking=1 href=x>", "x O"),
	        ROW("B8 area", "<area data-pm-no-track href=x>", "x O"),
	        ROW("B8 in a comment", "<!--[if mso]><v:roundrect ses:no-track href=x><![endif]-->", "x O C"),
	        ROW("B8 on", "<a href=x clicktracking=on>", "x"),
	        ROW("B8 without value", "<a href=x clicktracking data-msys-clicktrack disable-tracking>", "x"),
	        ROW("B8 1", "<a href=x data-msys-clicktrack=1>", "x"),
	        ROW("B8 false", "<a href=x disable-tracking=false data-disable-tracking=False>", "x"),
	        ROW("B8 the first counts", "<a href=x clicktracking=on clicktracking=off>", "x"),
	        ROW("B8 another link", "<a clicktracking=off href=x></a><a href=y>", "x O; y"),
	};

	(void)state;
	CHECK(rows);
}

static void test_text(void **state) {
	static const struct row rows[] = {
	        ROW("B9 trimmed", "<a href=x> \n http://e/ \t</a>", "x[http://e/]"),
	        ROW("B9 references", "<a href=x>&nbsp;http&#58;//e/&amp;</a>", "x[\xC2\xA0http://e/&]"),
	        ROW("B9 references to blanks", "<a href=x>&#32;e&#x0A;</a>", "x[e]"),
	        ROW("B9 a reference as text has it", "<a href=x>&notit;</a>", "x[\xC2\xACit;]"),
	        ROW("B9 through inline tags", "<a href=x><b>www.</b><font color=red>e</font>.jp</a>", "x[www.e.jp]"),
	        ROW("B9 through comments", "<a href=x>www.<!-- x -->e.jp</a>", "x[www.e.jp]"),
	        ROW("B9 blocks and breaks set apart", "<a href=x>see<br>www.e.jp<div>now</div></a>",
	            "x[see www.e.jp now]"),
	        ROW("B9 an image", "<a href=x>www.e.jp<img src=y></a>", "x"),
	        ROW("B9 a field", "<a href=x>www.e.jp<input></a>", "x"),
	        ROW("B9 none", "<a href=x> </a>", "x"),
	        ROW("B9 ends with the element", "<div><a href=x>1</div>2", "x[1]"),
	        ROW("B9 ends with the cell", "<table><tr><td><a href=x>1<td>2", "x[1]"),
	        ROW("B9 ends with the next link", "<a href=x>1<a>2", "x[1]"),
	        ROW("B9 ends with the page", "<a href=x>1<b>2", "x[12]"),
	        ROW("B9 style is no text", "<a href=x>1<style>b{}</style>2</a>", "x[12]"),
	        ROW("B9 a stray < is text", "<a href=x>1 < 2</a>", "x[1 < 2]"),
	};

	(void)state;
	CHECK(rows);
}

static void test_text_length(void **state) {
	static const struct {
		size_t before, letters, behind;
		bool want;
	} rows[] = {
	        {0, HTML_TEXT_MAX, 0, true},
	        {0, HTML_TEXT_MAX + 1, 0, false},
	        {2000, HTML_TEXT_MAX, 2000, true},
	        {1, 1, 5000, true},
	        {0, 100000, 0, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct html_scan scan;
		struct buf html;

		buf_init(&html, 1 << 20);
		buf_printf(&html, "<a href=x>%*s", (int)rows[i].before, "");
		memset(buf_reserve(&html, rows[i].letters), 'w', rows[i].letters);
		html.len += rows[i].letters;
		buf_printf(&html, "%*s</a>", (int)rows[i].behind, "");
		assert_int_equal(html_scan(html.at, html.at, html.len, &scan), 0);
		assert_int_equal(scan.links[0].has_text, rows[i].want);
		assert_int_equal(scan.links[0].text_len, rows[i].want ? rows[i].letters : 0);
		html_scan_free(&scan);
		buf_free(&html);
	}
}

static void test_body_end(void **state) {
	static const struct row rows[] = {
	        ROW("B12", "<body>t</body></html>", "| body 7"),
	        ROW("B12 the last", "</body><p></BODY\n><p>", "| body 10"),
	        ROW("B12 not in comments", "</body><!-- </body> -->", "| body 0"),
	        ROW("B12 not in scripts", "</body><script></body></script>", "| body 0"),
	        ROW("B12 not in attributes", "</body><p title=\"</body>\">", "| body 0"),
	        ROW("B12 not in a title", "<title></body></title>", ""),
	        ROW("B12 not in CDATA", "<svg><![CDATA[</body>]]></svg>", ""),
	        ROW("B12 not in a template", "</body><template></body></template>", "| body 0"),
	        ROW("B12 within open tables", "<table><tr><td>t</body>", "| body 16"),
	        ROW("B12 no such", "<body></bodyx></html>", ""),
	        ROW("B12 unfinished", "</body", "| open"),
	};

	(void)state;
	CHECK(rows);
}

/* B4, B5: structure is seen in the mask alone, values are those of the bytes. */
static void test_mask(void **state) {
	static const struct {
		const char *rule;
		struct span bytes;
		const char *hidden; /* bytes that the mask hides, one mark for each byte */
		const char *want;
	} rows[] = {
	        {"B4 kanji that read <a href=x>", SPAN("\x1b$B<a href=x>\x1b(B<a href=y>"),
	         "xxxxxxxxxxxxxxxx          ", "y"},
	        {"B5 trail bytes in a value", SPAN("<a href=\"\x83\"\x83>\">"), "         xxxx  ", "\"\x83\"\x83>\""},
	        {"B5 trail bytes in text", SPAN("<a href=x>\x83<\x83 </a>"), "          xxxx    ", "x[\x83<\x83 ]"},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char mask[64], *got;

		memcpy(mask, rows[i].bytes.at, rows[i].bytes.len);
		for (k = 0; k < rows[i].bytes.len; k++)
			if (rows[i].hidden[k] == 'x')
				mask[k] = (char)0x80;
		got = describe(span_make(mask, rows[i].bytes.len), rows[i].bytes);
		assert_string_equal(got, rows[i].want);
		free(got);
	}
}

static void test_places(void **state) {
	static const char html[] = "<p>\n<a title='1' href = \"http://x/?a&amp;b\" >t</a>";
	struct html_scan scan;

	(void)state;
	assert_int_equal(html_scan(html, html, sizeof html - 1, &scan), 0);
	assert_int_equal(scan.count, 1);
	assert_int_equal(scan.links[0].tag_at, 4);
	assert_int_equal(scan.links[0].tag_end, strchr(html, 't') == NULL ? 0 : strstr(html, ">t<") - html + 1);
	assert_int_equal(scan.links[0].value_at, strstr(html, "http") - html);
	assert_int_equal(scan.links[0].value_len, strlen("http://x/?a&amp;b"));
	assert_int_equal(scan.links[0].quote, '"');
	html_scan_free(&scan);
	assert_null(scan.links);
	html_scan_free(&scan);
}

static void test_empty(void **state) {
	struct html_scan scan;

	(void)state;
	assert_int_equal(html_scan("", "", 0, &scan), 0);
	assert_int_equal(scan.count, 0);
	assert_false(scan.open_ended);
	html_scan_free(&scan);
}

static void test_truncated(void **state) {
	struct html_scan scan;
	struct buf html;
	size_t i;

	(void)state;
	buf_init(&html, 1 << 24);
	for (i = 0; i < HTML_LINKS_MAX + 1; i++)
		buf_add_text(&html, "<a href=x>");
	assert_int_equal(html_scan(html.at, html.at, html.len - strlen("<a href=x>"), &scan), 0);
	assert_int_equal(scan.count, HTML_LINKS_MAX);
	assert_false(scan.truncated);
	html_scan_free(&scan);
	assert_int_equal(html_scan(html.at, html.at, html.len, &scan), 0);
	assert_int_equal(scan.count, HTML_LINKS_MAX);
	assert_true(scan.truncated);
	html_scan_free(&scan);
	buf_free(&html);
}

/* Pages made to be slow, of a size that none but a linear scan gets through. */
static void test_linear(void **state) {
	static const char *const pieces[] = {
	        "<a <a ",
	        "<a href=x>",
	        "<!--[if mso]>",
	        "<!--[if mso",
	        "<!--[if mso]><a href=x><![endif]-->",
	        "<div>",
	        "<b>",
	        "<i><p>",
	        "<table><tr><td>",
	        "<svg><g>",
	        "<svg><![CDATA[",
	        "<template>",
	        "<select><option>",
	        "<span></x></b></li><li>",
	        "<a href=x><p></a>",
	        "<nobr><div></nobr>",
	        "<title>",
	        "<script><!--<script>",
	        "<!-",
	        "</title",
	        "<a href=\"&",
	        "&am",
	        "<a href='x'>&",
	        "\"'<>=/",
	};
	enum { SIZE = 2000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		struct html_scan scan;
		struct buf html;

		buf_init(&html, SIZE + 100);
		while (html.len < SIZE)
			buf_add_text(&html, pieces[i]);
		assert_int_equal(html_scan(html.at, html.at, html.len, &scan), 0);
		html_scan_free(&scan);
		buf_free(&html);
	}
}

/* Different attributes, so that none of them makes room for the next. */
static void test_many_formatting_elements(void **state) {
	struct html_scan scan;
	struct buf html;
	size_t i;

	(void)state;
	buf_init(&html, 1 << 24);
	for (i = 0; i < 50000; i++)
		buf_printf(&html, "<p><b id=%zu>x", i);
	buf_add_text(&html, "<a href=x>");
	assert_int_equal(html_scan(html.at, html.at, html.len, &scan), 0);
	assert_int_equal(scan.count, 1);
	html_scan_free(&scan);
	buf_free(&html);
}

/* Beyond the depth that the builder keeps track of, links are still found, and
 * text that isn't markup is still none. */
static void test_depth(void **state) {
	struct html_scan scan;
	struct buf html;
	size_t i;

	(void)state;
	buf_init(&html, 1 << 24);
	for (i = 0; i < 5000; i++)
		buf_add_text(&html, "<div>");
	buf_add_text(&html, "<title><a href=no></title><a href=x>t</a><!-- <a href=no> --></body>");
	assert_int_equal(html_scan(html.at, html.at, html.len, &scan), 0);
	assert_int_equal(scan.count, 1);
	assert_true(scan.has_body_end);
	assert_true(scan.links[0].has_text);
	html_scan_free(&scan);
	buf_free(&html);
}

static void test_entity_table(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < HTML_ENTITY_COUNT; i++) {
		size_t start = html_entities[i].start, len = html_entities[i + 1].start - start;
		struct html_reference reference;
		char text[HTML_ENTITY_NAME_MAX + 3];

		snprintf(text, sizeof text, "&%.*s ", (int)len, html_entity_names + start);
		assert_int_equal(html_reference_parse(span_of(text), true, &reference), 0);
		assert_int_equal(reference.len, len + 1);
		assert_int_equal(reference.first, html_entities[i].first);
		assert_int_equal(reference.second, html_entities[i].second);
	}
}

static void test_decode_attribute(void **state) {
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	html_decode_attribute(SPAN("a&amp;b&copy=&copy"), &out);
	assert_true(span_equal(buf_span(&out), SPAN("a&b&copy=\xC2\xA9")));
	buf_free(&out);
}

#define NAMED_TAG(id, name, properties, start, end) {HTML_TAG_##id, name},

static void test_tag_table(void **state) {
	static const struct {
		enum html_tag tag;
		const char *name;
	} rows[] = {HTML_TAGS(NAMED_TAG)};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[32];
		size_t len = strlen(rows[i].name);

		assert_int_equal(html_tag_of(span_of(rows[i].name)), rows[i].tag);
		assert_true(span_equal(html_tag_name(rows[i].tag), span_of(rows[i].name)));
		for (k = 0; k <= len; k++)
			name[k] = (char)(rows[i].name[k] >= 'a' ? rows[i].name[k] - 0x20 : rows[i].name[k]);
		assert_int_equal(html_tag_of(span_make(name, len)), rows[i].tag);
		/* With a NUL behind it, and with its last byte a control, it is no name. */
		assert_int_equal(html_tag_of(span_make(name, len + 1)), HTML_TAG_UNKNOWN);
		name[len - 1] &= 0x1F;
		assert_int_equal(html_tag_of(span_make(name, len)), HTML_TAG_UNKNOWN);
	}
	assert_int_equal(html_tag_of(SPAN("annotation-xmL")), HTML_TAG_ANNOTATION_XML);
	assert_int_equal(html_tag_of(SPAN("annotatiox-xml")), HTML_TAG_UNKNOWN);
	assert_int_equal(html_tag_of(SPAN("")), HTML_TAG_UNKNOWN);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_attributes),
	        cmocka_unit_test(test_references),
	        cmocka_unit_test(test_markup),
	        cmocka_unit_test(test_raw_text),
	        cmocka_unit_test(test_tree),
	        cmocka_unit_test(test_conditional),
	        cmocka_unit_test(test_opt_out),
	        cmocka_unit_test(test_text),
	        cmocka_unit_test(test_text_length),
	        cmocka_unit_test(test_body_end),
	        cmocka_unit_test(test_mask),
	        cmocka_unit_test(test_places),
	        cmocka_unit_test(test_empty),
	        cmocka_unit_test(test_truncated),
	        cmocka_unit_test(test_linear),
	        cmocka_unit_test(test_many_formatting_elements),
	        cmocka_unit_test(test_depth),
	        cmocka_unit_test(test_entity_table),
	        cmocka_unit_test(test_decode_attribute),
	        cmocka_unit_test(test_tag_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
