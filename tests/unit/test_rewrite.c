/* Body rules B1-B13 and U5, through treat_message(): what leaves, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/transfer.h"
#include "tests/unit/fixture.h"

static const char *const one[] = {"reader@example.net", NULL};
static const char *const two[] = {"<reader@example.net>", "other@example.net", NULL};

#define FROM "From: News <news@example.com>\nMIME-Version: 1.0\n"
#define HTML FROM "Content-Type: text/html; charset=utf-8\n\n"
#define TEXT FROM "Content-Type: text/plain; charset=utf-8\n\n"

struct setting {
	struct fixture plain; /* as in fixture.c: clicks and opens, no footer */
	struct fixture full;  /* footer auto, text tracked, patterns */
};

static int open_setting(void **state) {
	static struct setting setting;

	fixture_open(&setting.plain, "");
	fixture_open(&setting.full, "list \"news\" { sender = { \"news@example.com\" } list_id = \"news.example.com\"\n"
	                            "  footer_sender = \"Example 株式会社\" footer_address = \"1-2-3 <Tokyo>\"\n"
	                            "  no_track = { \"https://*.partner.example/*\" }\n"
	                            "  track { text = true } }\n");
	*state = &setting;
	return 0;
}

static int close_setting(void **state) {
	struct setting *setting = *state;

	fixture_close(&setting->plain);
	fixture_close(&setting->full);
	return 0;
}

/* The body of a message of one part, decoded. */
static char *decoded(const struct outcome *o) {
	char *encoding = fixture_field(o, "Content-Transfer-Encoding", 0), *text;
	struct transfer_body body;

	assert_int_equal(transfer_decode(transfer_of(span_of(encoding)), span_of(o->body), &body), 0);
	text = strndup(body.text.at, body.text.len);
	transfer_free(&body);
	free(encoding);
	return text;
}

/* Replaces each link of ours by [c], [o] or [u], so that rows can be read. */
static char *readable(const struct outcome *o) {
	char *whole = decoded(o);
	const char *text = whole;
	static const char base[] = "https://t.example.com/";
	char *out = malloc(strlen(text) + 1), *to = out;

	while (*text != '\0') {
		if (strncmp(text, base, sizeof base - 1) == 0) {
			text += sizeof base - 1;
			*to++ = '[';
			*to++ = *text;
			*to++ = ']';
			text += 2;
			text += strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
			if (strncmp(text, ".gif", 4) == 0)
				text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
	free(whole);
	return out;
}

#define PIXEL "<img src=\"[o]\" width=\"1\" height=\"1\" alt=\"\" style=\"border:0\">"

struct row {
	const char *rule;
	const char *message;
	const char *want; /* the body that leaves, readable(); NULL: as it came */
};

static const struct row rows[] = {
        {"B2 B6 B12: only the value is replaced",
         HTML "<P  CLASS=x>\n<A\tid=1 HREF='http://example.org/' >x</A></BODY>\n",
         "<P  CLASS=x>\r\n<A\tid=1 HREF='[c]' >x</A>" PIXEL "</BODY>\r\n"},
        {"B6: the first href, unquoted, of area too",
         HTML "<a href=http://a.example/ href=http://b.example/>x</a><area href=\"https://c.example\">",
         "<a href=[c] href=http://b.example/>x</a><area href=\"[c]\">" PIXEL "\r\n"},
        {"B6: comments, script, style, textarea, title are opaque",
         HTML "<!-- <a href=\"http://a.example/\"> --><script><a href=\"http://a.example/\"></script><style><a "
              "href=\"http://a.example/\"></style><textarea><a href=\"http://a.example/\"></textarea><title><a "
              "href=\"http://a.example/\"></title></body>",
         "<!-- <a href=\"http://a.example/\"> --><script><a href=\"http://a.example/\"></script><style><a "
         "href=\"http://a.example/\"></style><textarea><a href=\"http://a.example/\"></textarea><title><a "
         "href=\"http://a.example/\"></title>" PIXEL "</body>\r\n"},
        {"B6: conditional comments that name mso",
         HTML
         "<!--[if gte mso 9]><v:roundrect href=\"http://a.example/\"><a href=\"http://a.example/\"><![endif]--></body>",
         "<!--[if gte mso 9]><v:roundrect href=\"[c]\"><a href=\"[c]\"><![endif]-->" PIXEL "</body>\r\n"},
        {"B7: never rewritten",
         HTML
         "<base href=\"http://a.example/\"><form action=\"http://a.example/\"><img src=\"http://a.example/\"><link "
         "href=\"http://a.example/\"><a href=\"mailto:a@b\"><a href=\"tel:1\"><a href=\"sms:1\"><a href=\"cid:1\"><a "
         "href=\"data:,x\"><a href=\"javascript:x\"><a href=\"#x\"><a href=\"\"><a href=\"http://a.example/{{x}}\"><a "
         "href=\"http://a.example/%%x%%\"><a href=\"http://a.example/*|x|*\"><a href=\"/x\"><a "
         "href=\"//a.example/\"><a "
         "href=\"https://t.example.com/u/x\"></body>",
         "<base href=\"http://a.example/\"><form action=\"http://a.example/\"><img src=\"http://a.example/\"><link "
         "href=\"http://a.example/\"><a href=\"mailto:a@b\"><a href=\"tel:1\"><a href=\"sms:1\"><a href=\"cid:1\"><a "
         "href=\"data:,x\"><a href=\"javascript:x\"><a href=\"#x\"><a href=\"\"><a href=\"http://a.example/{{x}}\"><a "
         "href=\"http://a.example/%%x%%\"><a href=\"http://a.example/*|x|*\"><a href=\"/x\"><a "
         "href=\"//a.example/\"><a "
         "href=\"[u]\">" PIXEL "</body>\r\n"},
        {"B8: opt-outs",
         HTML
         "<a href=\"http://a.example/\" clicktracking=\"off\"><a data-pm-no-track href=\"http://a.example/\"><a "
         "href=\"http://a.example/\" data-msys-clicktrack=\"0\"><a ses:no-track href=\"http://a.example/\"><a "
         "disable-tracking=\"true\" href=\"http://a.example/\"><a data-disable-tracking href=\"http://a.example/\"><a "
         "data-disable-tracking=\"false\" href=\"http://a.example/\"></body>",
         "<a href=\"http://a.example/\" clicktracking=\"off\"><a data-pm-no-track href=\"http://a.example/\"><a "
         "href=\"http://a.example/\" data-msys-clicktrack=\"0\"><a ses:no-track href=\"http://a.example/\"><a "
         "disable-tracking=\"true\" href=\"http://a.example/\"><a data-disable-tracking href=\"http://a.example/\"><a "
         "data-disable-tracking=\"false\" href=\"[c]\">" PIXEL "</body>\r\n"},
        {"B12: in the first HTML part only, before the last real </body>",
         HTML "<body>1</body><body>2</body><!-- </body> -->",
         "<body>1</body><body>2" PIXEL "</body><!-- </body> -->\r\n"},
        {"B3: format=flowed keeps its blanks and stuffing",
         FROM
         "Content-Type: text/plain; charset=utf-8; format=flowed\n\n  stuffed \n>quoted {{unsubscribe_url}} \nend\n",
         "  stuffed \r\n>quoted [u] \r\nend\r\n"},
        {"U5: the placeholder in text", TEXT "leave: {{unsubscribe_url}}\n{{ unsubscribe_url }}\n",
         "leave: [u]\r\n{{ unsubscribe_url }}\r\n"},
        {"U5: the placeholder in an href", HTML "<a href=\"{{unsubscribe_url}}\">x</a></body>",
         "<a href=\"[u]\">x</a>" PIXEL "</body>\r\n"},
        {"B2: quoted-printable, the rest of the line stays",
         FROM "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=E3=81=82<a "
              "href=3D\"http://a.example/?a=3D1\"=\n>x</a>=3d =\n</body>",
         "\xe3\x81\x82<a href=\"[c]\">x</a>= " PIXEL "</body>\r\n"},
        {"B1: signed mail",
         FROM
         "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\n\n--b\nContent-Type: "
         "text/html\n\n<a href=\"http://a.example/\">x</a>\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n",
         NULL},
        {"B1: encrypted mail",
         FROM "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: text/html\n\n<a "
              "href=\"http://a.example/\">x</a>\n--b--\n",
         NULL},
        {"B1: S/MIME", FROM "Content-Type: application/pkcs7-mime; name=x\n\n<a href=\"http://a.example/\">\n", NULL},
        {"B1: inline PGP", HTML "<pre>-----BEGIN PGP MESSAGE-----</pre><a href=\"http://a.example/\">\n", NULL},
        {"B1: an attachment",
         FROM "Content-Type: text/html\nContent-Disposition: attachment; filename=x.html\n\n<a "
              "href=\"http://a.example/\">\n",
         NULL},
        {"B1: a message within",
         FROM "Content-Type: message/rfc822\n\nContent-Type: text/html\n\n<a href=\"http://a.example/\">\n", NULL},
        {"B1: AMP", FROM "Content-Type: text/x-amp-html\n\n<a href=\"http://a.example/\">\n", NULL},
        {"B1: malformed MIME",
         FROM "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<a "
              "href=\"http://a.example/\">\n",
         NULL},
        {"B1: an unknown charset", FROM "Content-Type: text/html; charset=x-none\n\n<a href=\"http://a.example/\">\n",
         NULL},
        {"B1: undecodable UTF-8", HTML "\xe3\x81<a href=\"http://a.example/\">\n", NULL},
        {"B1: 8-bit in us-ascii", FROM "Content-Type: text/html\n\n\xe3\x81\x82<a href=\"http://a.example/\">\n", NULL},
        {"B4: kanji that read as a tag",
         FROM "Content-Type: text/html; charset=iso-2022-jp\n\n\x1b$B<a/href=\"http://a.example/\">\x1b(B<a "
              "href=\"http://b.example/\">\x1b$B</a>\x1b(B</a></body>",
         "\x1b$B<a/href=\"http://a.example/\">\x1b(B<a href=\"[c]\">\x1b$B</a>\x1b(B</a>" PIXEL "</body>\r\n"},
        {"B5: Shift_JIS trail bytes",
         FROM "Content-Type: text/html; charset=Shift_JIS\n\n\x95\x5c\x83\x7c\x81\x40<a title=\"\x83\x5c\" "
              "href=\"http://a.example/\">\x94\x5c</a></body>",
         "\x95\x5c\x83\x7c\x81\x40<a title=\"\x83\x5c\" href=\"[c]\">\x94\x5c</a>" PIXEL "</body>\r\n"},
        {"B5: a dangling lead byte",
         FROM "Content-Type: text/html; charset=Shift_JIS\n\n<a href=\"http://a.example/\">\x83\n", NULL},
        {"B5: UTF-16 passes", FROM "Content-Type: text/html; charset=utf-16\n\n<a href=\"http://a.example/\">\n", NULL},
        {"B7: non-ASCII in another charset",
         FROM "Content-Type: text/html; charset=iso-8859-1\n\n<a href=\"http://a.example/\xe9\"></body>",
         "<a href=\"http://a.example/\xe9\">" PIXEL "</body>\r\n"},
};

static void check_row(struct fixture *f, const struct row *row) {
	struct outcome o;
	char *got;

	fixture_treat(f, NULL, one, row->message, &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	got = readable(&o);
	if (row->want == NULL && o.message.body_changed)
		fail_msg("%s: changed to\n%s", row->rule, got);
	if (row->want != NULL && strcmp(got, row->want) != 0)
		fail_msg("%s:\nwant %s\ngot  %s", row->rule, row->want, got);
	free(got);
	fixture_forget(&o);
}

static void test_rows(void **state) {
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++)
		check_row(&((struct setting *)*state)->plain, &rows[i]);
}

/* B10: the token holds the target exactly, references decoded, fragment too. */
static void test_targets(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	static const struct {
		const char *href;
		const char *want;
	} targets[] = {
	        {"http://example.org/?a=1&amp;b=2#c", "http://example.org/?a=1&b=2#c"},
	        {" \t\nHTTPS://Example.org/a%20b\n", "HTTPS://Example.org/a%20b"},
	        {"http://example.org/&#x3042;", "http://example.org/\xe3\x81\x82"},
	        {"http://example.org/a\n\tb", "http://example.org/ab"},
	        {"http://\xe4\xbe\x8b.jp/\xe3\x81\x82?x=y", "http://\xe4\xbe\x8b.jp/\xe3\x81\x82?x=y"},
	        {"http://example.org/?a&copy=1", "http://example.org/?a&copy=1"},
	};
	size_t i;

	for (i = 0; i < sizeof targets / sizeof *targets; i++) {
		char message[1024], target[1024] = "";
		struct outcome o;
		struct token token;

		snprintf(message, sizeof message, HTML "<a href=\"%s\">x</a>", targets[i].href);
		fixture_treat(f, NULL, one, message, &o);
		if (!fixture_link(f, o.body, 'c', 0, &token, target, sizeof target) ||
		    strcmp(target, targets[i].want) != 0 || token.link != 1 || token.campaign != o.treated.campaign.id)
			fail_msg("%s: want %s, got %s", targets[i].href, targets[i].want, target);
		fixture_forget(&o);
	}
}

/* B10: 2,000 octets at most; what does not fit stays. */
static void test_long_targets(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	size_t len, longest = 0;

	for (len = 1300; len < 1600; len++) {
		char message[4096], url[2048];
		struct outcome o;
		char *body;

		memset(url, 'x', len);
		memcpy(url, "http://example.org/", 19);
		url[len] = '\0';
		snprintf(message, sizeof message, HTML "<a href=\"%s\">x</a>", url);
		fixture_treat(f, NULL, one, message, &o);
		body = decoded(&o);
		if (o.treated.body.links == 1) {
			longest = len;
			assert_true(strcspn(strstr(body, "https://t.example.com/c/"), "\"") <= 2000);
		} else {
			assert_non_null(strstr(body, url));
			assert_int_equal(o.treated.body.left[LINKS_TOO_LONG], 1);
		}
		free(body);
		fixture_forget(&o);
	}
	/* 2,000 less BASE_URL/c/ is 1,976 characters, 1,482 octets, 40 of them not the target's. */
	assert_int_equal(longest, 1442);
}

/* B3: a rewritten part that would have a line over 998 becomes quoted-printable. */
static void test_long_lines(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	char message[8192], *line, *encoding;
	struct outcome o;
	int len = snprintf(message, sizeof message, HTML), i;

	for (i = 0; i < 12; i++)
		len += snprintf(message + len, sizeof message - (size_t)len, "<a href=\"http://example.org/%d\">x</a>",
		                i);
	fixture_treat(f, NULL, one, message, &o);
	assert_int_equal(o.treated.body.links, 12);
	encoding = fixture_field(&o, "Content-Transfer-Encoding", 0);
	assert_string_equal(encoding, "quoted-printable");
	for (line = o.body; *line != '\0'; line = strstr(line, "\r\n") + 2)
		assert_true(strstr(line, "\r\n") != NULL && strstr(line, "\r\n") - line <= 76);
	free(encoding);
	fixture_forget(&o);
}

/* B9: a text that is itself a URL of another host. */
static void test_shown_urls(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	struct outcome o;

	/* The tracking host is under the From domain: rewritten. */
	fixture_treat(f, NULL, one, HTML "<a href=\"http://example.org/\">http://example.org/</a>", &o);
	assert_int_equal(o.treated.body.links, 1);
	fixture_forget(&o);
	/* Mail from another domain: only the one that shows what it leads to is left. */
	fixture_treat(f, NULL, one,
	              "From: a@elsewhere.example\nContent-Type: text/html\n\n<a "
	              "href=\"http://example.org/\">www.example.org</a>"
	              "<a href=\"http://example.org/\">here</a>",
	              &o);
	assert_int_equal(o.treated.body.links, 1);
	assert_int_equal(o.treated.body.left[LINKS_SHOWN_URL], 1);
	fixture_forget(&o);
}

/* B13: several recipients: no token names one. */
static void test_shared(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	struct outcome o;
	struct token token;
	char *value;

	fixture_treat(f, NULL, two, HTML "<a href=\"http://example.org/\">x</a>{{unsubscribe_url}}", &o);
	assert_true(o.treated.shared);
	assert_true(fixture_link(f, o.body, 'c', 0, &token, NULL, 0));
	assert_true(token.shared);
	assert_true(fixture_link(f, o.body, 'o', 0, &token, NULL, 0));
	assert_true(token.shared);
	assert_true(fixture_link(f, o.body, 'u', 0, &token, NULL, 0));
	assert_true(token.shared);
	value = fixture_field(&o, "List-Unsubscribe", 0);
	assert_true(fixture_link(f, value, 'u', 0, &token, NULL, 0));
	assert_true(token.shared);
	assert_null(strstr(value, "mailto:"));
	free(value);
	assert_int_equal(o.treated.send_count, 2);
	assert_true(o.treated.sends[0].flags & STORE_SEND_SHARED);
	assert_true(span_starts(o.treated.sender, SPAN("b+")));
	fixture_forget(&o);
}

/* U5: the footer, in the part's charset, where the mail has no link of its own. */
static void test_footer(void **state) {
	struct fixture *f = &((struct setting *)*state)->full;
	struct outcome o;

	fixture_treat(f, NULL, one,
	              FROM "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; "
	                   "charset=iso-2022-jp\n\n\x1b$B$\"\x1b(B\n--b\nContent-Type: text/html; "
	                   "charset=utf-8\n\n<body>x</body>\n--b--\n",
	              &o);
	assert_true(o.treated.body.footer);
	assert_int_equal(fixture_count(o.body, "https://t.example.com/u/"), 2);
	assert_non_null(strstr(o.body, "\x1b$B3t<02q<R\x1b(B")); /* 株式会社 */
	assert_null(strstr(o.body, "\xe6\xa0\xaa"));
	assert_non_null(strstr(o.body, "1-2-3 &lt;Tokyo&gt;"));
	fixture_forget(&o);

	fixture_treat(f, NULL, one, TEXT "leave: {{unsubscribe_url}}\n", &o);
	assert_false(o.treated.body.footer);
	assert_int_equal(fixture_count(o.body, "https://t.example.com/u/"), 1);
	fixture_forget(&o);

	/* A 7bit part in a charset without kanji: an ASCII footer. */
	fixture_treat(f, NULL, one, FROM "Content-Type: text/plain\n\nhello\n", &o);
	assert_true(o.treated.body.footer);
	assert_null(fixture_field(&o, "Content-Transfer-Encoding", 0));
	fixture_forget(&o);

	fixture_treat(f, NULL, one,
	              FROM "List-Unsubscribe: <https://app.example.com/u>\nList-Unsubscribe-Post: "
	                   "List-Unsubscribe=One-Click\nContent-Type: text/plain\n\nleave: https://app.example.com/u\n",
	              &o);
	assert_false(o.treated.body.footer);
	fixture_forget(&o);
}

/* B11: links in text, where the list asks for it; and the patterns of B8. */
static void test_text_links(void **state) {
	struct fixture *f = &((struct setting *)*state)->full;
	struct outcome o;
	char *got;

	fixture_treat(f, NULL, one,
	              TEXT "see (http://example.org/a), http://example.org/b\xe3\x81\xaf http://example.org/c\n"
	                   "https://www.partner.example/x {{unsubscribe_url}}\n",
	              &o);
	got = readable(&o);
	assert_string_equal(got,
	                    "see ([c]), http://example.org/b\xe3\x81\xaf [c]\r\nhttps://www.partner.example/x [u]\r\n");
	free(got);
	fixture_forget(&o);
}

/* B12: one pixel a mail. */
static void test_one_pixel(void **state) {
	struct fixture *f = &((struct setting *)*state)->plain;
	struct outcome o;

	fixture_treat(
	        f, NULL, one,
	        FROM
	        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=x-none\n\n0\n--b\n"
	        "Content-Type: text/html\n\n1\n--b\nContent-Type: text/html\n\n2\n--b--\n",
	        &o);
	assert_int_equal(fixture_count(o.body, "https://t.example.com/o/"), 1);
	assert_non_null(strstr(o.body, "\r\n\r\n1<img"));
	assert_true(o.treated.body.pixel);
	fixture_forget(&o);
	fixture_treat(f, "plain@example.com", one, HTML "<a href=\"http://example.org/\">x</a>\n", &o);
	assert_false(o.message.body_changed);
	fixture_forget(&o);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rows),         cmocka_unit_test(test_targets),
	        cmocka_unit_test(test_long_targets), cmocka_unit_test(test_long_lines),
	        cmocka_unit_test(test_shown_urls),   cmocka_unit_test(test_shared),
	        cmocka_unit_test(test_footer),       cmocka_unit_test(test_text_links),
	        cmocka_unit_test(test_one_pixel),
	};

	return cmocka_run_group_tests(tests, open_setting, close_setting);
}
