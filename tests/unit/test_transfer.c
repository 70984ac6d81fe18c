/* milter/transfer.h: decoding, and splices that leave the rest alone (B2, B3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "milter/transfer.h"

#define BYTES(literal)                                                                                                 \
	{ (literal), sizeof(literal) - 1 }
#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10
#define X69 X10 X10 X10 X10 X10 X10 "xxxxxxxxx"
#define X75 X70 "xxxxx"
#define X76 X70 "xxxxxx"

static const struct {
	const char *value;
	enum transfer want;
} name_rows[] = {
        {"", TRANSFER_7BIT},           {"7bit", TRANSFER_7BIT},          {"7BIT", TRANSFER_7BIT},
        {"8bit", TRANSFER_8BIT},       {"Binary", TRANSFER_BINARY},      {"Quoted-Printable", TRANSFER_QP},
        {" base64 ", TRANSFER_BASE64}, {"x-uuencode", TRANSFER_UNKNOWN}, {"quoted printable", TRANSFER_UNKNOWN},
        {"base64x", TRANSFER_UNKNOWN},
};

static void test_names(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof name_rows / sizeof *name_rows; i++)
		if (transfer_of(span_of(name_rows[i].value)) != name_rows[i].want)
			fail_msg("\"%s\": got %d", name_rows[i].value, transfer_of(span_of(name_rows[i].value)));
}

/* `want.at` NULL: refused. */
static const struct {
	const char *what;
	enum transfer encoding;
	struct span raw;
	struct span want;
} decode_rows[] = {
        {"7bit", TRANSFER_7BIT, BYTES("a=3D\r\n"), BYTES("a=3D\r\n")},
        {"8bit", TRANSFER_8BIT, BYTES("\xe3\x81\x82"), BYTES("\xe3\x81\x82")},
        {"binary", TRANSFER_BINARY, BYTES("\0\r\n\n"), BYTES("\0\r\n\n")},
        {"unknown", TRANSFER_UNKNOWN, BYTES("a"), {NULL, 0}},
        {"QP", TRANSFER_QP, BYTES("=E3=81=82=3D\r\nb"), BYTES("\xe3\x81\x82=\r\nb")},
        {"QP: empty", TRANSFER_QP, BYTES(""), BYTES("")},
        {"QP: soft line breaks", TRANSFER_QP, BYTES("a=\r\n=\r\nb\r\n"), BYTES("ab\r\n")},
        {"QP: soft line break at the end", TRANSFER_QP, BYTES("ab=\r\n"), BYTES("ab")},
        {"QP: = at the end", TRANSFER_QP, BYTES("ab="), BYTES("ab")},
        {"QP: lower-case hex", TRANSFER_QP, BYTES("=e3=8a"), BYTES("\xe3\x8a")},
        {"QP: trailing blanks", TRANSFER_QP, BYTES("a \t\r\nb "), BYTES("a \t\r\nb ")},
        {"QP: 8-bit", TRANSFER_QP, BYTES("\xe3=81\x82"), BYTES("\xe3\x81\x82")},
        {"QP: bare CR, LF, NUL", TRANSFER_QP, BYTES("a\rb\nc\0d\r\r\n"), BYTES("a\rb\nc\0d\r\r\n")},
        {"QP: long line", TRANSFER_QP, BYTES(X76 X76 "=3D\r\n"), BYTES(X76 X76 "=\r\n")},
        {"QP: = before a letter", TRANSFER_QP, BYTES("a=zz"), {NULL, 0}},
        {"QP: one digit", TRANSFER_QP, BYTES("a=4"), {NULL, 0}},
        {"QP: one digit at a line's end", TRANSFER_QP, BYTES("a=4\r\n1"), {NULL, 0}},
        {"QP: second no digit", TRANSFER_QP, BYTES("a=4g"), {NULL, 0}},
        {"QP: = before blanks", TRANSFER_QP, BYTES("a= \r\nb"), {NULL, 0}},
        {"QP: = before a bare LF", TRANSFER_QP, BYTES("a=\nb"), {NULL, 0}},
        {"QP: = before a bare CR", TRANSFER_QP, BYTES("a=\rb"), {NULL, 0}},
        {"QP: ==", TRANSFER_QP, BYTES("a==\r\n"), {NULL, 0}},
        {"base64", TRANSFER_BASE64, BYTES("QUJD\r\nREU=\r\n"), BYTES("ABCDE")},
        {"base64: all digits", TRANSFER_BASE64,
         BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
         BYTES("\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71\xd7\x9f"
               "\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf")},
        {"base64: empty", TRANSFER_BASE64, BYTES(""), BYTES("")},
        {"base64: line ends alone", TRANSFER_BASE64, BYTES("\r\n\r\n"), BYTES("")},
        {"base64: no final line end", TRANSFER_BASE64, BYTES("QQ=="), BYTES("A")},
        {"base64: empty lines at the end", TRANSFER_BASE64, BYTES("QQ==\r\n\r\n\r\n"), BYTES("A")},
        {"base64: groups across lines", TRANSFER_BASE64, BYTES("Q\r\nUJD\r\nREU\r\n="), BYTES("ABCDE")},
        {"base64: loose bits", TRANSFER_BASE64, BYTES("QR=="), BYTES("A")},
        {"base64: no padding", TRANSFER_BASE64, BYTES("QUI"), {NULL, 0}},
        {"base64: half the padding", TRANSFER_BASE64, BYTES("QQ="), {NULL, 0}},
        {"base64: one digit", TRANSFER_BASE64, BYTES("QUJDQ"), {NULL, 0}},
        {"base64: data behind the padding", TRANSFER_BASE64, BYTES("QQ==QUJD"), {NULL, 0}},
        {"base64: data behind the padding, next line", TRANSFER_BASE64, BYTES("QQ==\r\nQUJD"), {NULL, 0}},
        {"base64: padding within a group", TRANSFER_BASE64, BYTES("QQ=B"), {NULL, 0}},
        {"base64: three of padding", TRANSFER_BASE64, BYTES("Q==="), {NULL, 0}},
        {"base64: padding alone", TRANSFER_BASE64, BYTES("===="), {NULL, 0}},
        {"base64: too much padding", TRANSFER_BASE64, BYTES("QQ==="), {NULL, 0}},
        {"base64: foreign", TRANSFER_BASE64, BYTES("QU-D"), {NULL, 0}},
        {"base64: 8-bit", TRANSFER_BASE64, BYTES("QU\xc3\x9f"), {NULL, 0}},
        {"base64: blank", TRANSFER_BASE64, BYTES("QUJD \r\nQUJD"), {NULL, 0}},
        {"base64: bare LF", TRANSFER_BASE64, BYTES("QUJD\nQUJD\n"), {NULL, 0}},
        {"base64: NUL", TRANSFER_BASE64, BYTES("QUJD\0"), {NULL, 0}},
};

static void test_decode(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof decode_rows / sizeof *decode_rows; i++) {
		struct transfer_body body;
		int got = transfer_decode(decode_rows[i].encoding, decode_rows[i].raw, &body);

		if (got != (decode_rows[i].want.at == NULL ? -1 : 0))
			fail_msg("%s: got %d", decode_rows[i].what, got);
		if (got == 0 && !span_equal(body.text, decode_rows[i].want))
			fail_msg("%s: got \"%.*s\"", decode_rows[i].what, SPAN_ARG(body.text));
		transfer_free(&body);
		transfer_free(&body);
	}
}

/* Edits name the text that they replace; an empty one: before what follows. */
struct splice_row {
	const char *what;
	enum transfer encoding;
	struct span raw;
	struct transfer_edit edits[3]; /* up to the first without bytes and length */
	struct span want;
	enum transfer became;
};

#define ADD(where, literal)                                                                                            \
	{ (where), 0, BYTES(literal) }
#define PUT(where, n, literal)                                                                                         \
	{ (where), (n), BYTES(literal) }

static const struct splice_row plain_rows[] = {
        {"no edit", TRANSFER_7BIT, BYTES("a\xff\r\n"), {ADD(0, "")}, BYTES("a\xff\r\n"), TRANSFER_7BIT},
        {"7bit", TRANSFER_7BIT, BYTES("abcdef"), {PUT(1, 2, "XYZ"), ADD(6, "!")}, BYTES("aXYZdef!"), TRANSFER_7BIT},
        {"8-bit that was there already",
         TRANSFER_7BIT,
         BYTES("a\xff\r\n"),
         {ADD(0, "x")},
         BYTES("xa\xff\r\n"),
         TRANSFER_7BIT},
        {"into an empty body", TRANSFER_7BIT, {NULL, 0}, {ADD(0, "x")}, BYTES("x"), TRANSFER_7BIT},
        {"B3: flowed blanks and stuffing stay",
         TRANSFER_7BIT,
         BYTES("one \r\ntwo \r\n From\r\n"),
         {PUT(0, 3, "1")},
         BYTES("1 \r\ntwo \r\n From\r\n"),
         TRANSFER_7BIT},
        {"8bit",
         TRANSFER_8BIT,
         BYTES("\xe3\x81\x82z"),
         {PUT(3, 1, "\xe3\x81\x84")},
         BYTES("\xe3\x81\x82\xe3\x81\x84"),
         TRANSFER_8BIT},
        {"B3: 8-bit in 7bit becomes QP",
         TRANSFER_7BIT,
         BYTES("one \r\n.two=\r\nFrom x\r\n"),
         {PUT(1, 1, "\xe9")},
         BYTES("o=E9e=20\r\n=2Etwo=3D\r\n=46rom x\r\n"),
         TRANSFER_QP},
        {"B3: bare CR and LF and NUL in QP",
         TRANSFER_7BIT,
         BYTES("a\rb\nc\0d\t"),
         {ADD(0, "\x80")},
         BYTES("=80a=0Db=0Ac=00d=09"),
         TRANSFER_QP},
};

static const struct splice_row qp_rows[] = {
        {"no edit", TRANSFER_QP, BYTES("a=e3 \r\n"), {ADD(0, "")}, BYTES("a=e3 \r\n"), TRANSFER_QP},
        {"B2: the rest stays as it is",
         TRANSFER_QP,
         BYTES("=3d=E3=81=\r\n=82 ab\r\nx=20=\r\ny\r\n"),
         {PUT(5, 1, "=")},
         BYTES("=3d=E3=81=\r\n=82 =3Db\r\nx=20=\r\ny\r\n"),
         TRANSFER_QP},
        {"into an empty body", TRANSFER_QP, {NULL, 0}, {ADD(0, "x=")}, BYTES("x=3D"), TRANSFER_QP},
        {"at the start", TRANSFER_QP, BYTES("a\r\n"), {ADD(0, "x")}, BYTES("xa\r\n"), TRANSFER_QP},
        {"at the start of a full line",
         TRANSFER_QP,
         BYTES(X76 "\r\n"),
         {ADD(0, "abc")},
         BYTES("abc=\r\n" X76 "\r\n"),
         TRANSFER_QP},
        {"at the end", TRANSFER_QP, BYTES("a\r\n"), {ADD(3, "\r\nx\r\n")}, BYTES("a\r\n\r\nx\r\n"), TRANSFER_QP},
        {"at the end without a line end", TRANSFER_QP, BYTES("a"), {ADD(1, "\r\nx")}, BYTES("a\r\nx"), TRANSFER_QP},
        {"at the end behind a soft line break",
         TRANSFER_QP,
         BYTES("a=\r\n"),
         {ADD(1, "x")},
         BYTES("a=\r\nx"),
         TRANSFER_QP},
        {"at the end before a bare =", TRANSFER_QP, BYTES("a="), {ADD(1, "x")}, BYTES("ax="), TRANSFER_QP},
        {"across soft line breaks",
         TRANSFER_QP,
         BYTES("aab=\r\nbb=\r\nbcc\r\n"),
         {PUT(2, 4, "X")},
         BYTES("aaXcc\r\n"),
         TRANSFER_QP},
        {"up to a soft line break",
         TRANSFER_QP,
         BYTES("aabb=\r\ncc\r\n"),
         {PUT(2, 2, "X")},
         BYTES("aaX=\r\ncc\r\n"),
         TRANSFER_QP},
        {"from a soft line break on",
         TRANSFER_QP,
         BYTES("aa=\r\nbbcc\r\n"),
         {PUT(2, 2, "X")},
         BYTES("aa=\r\nXcc\r\n"),
         TRANSFER_QP},
        {"line breaks around a long edit",
         TRANSFER_QP,
         BYTES(X70 "yzz\r\n"),
         {PUT(70, 1, X10)},
         BYTES(X75 "=\r\nxxxxxzz\r\n"),
         TRANSFER_QP},
        {"=XX is not split",
         TRANSFER_QP,
         BYTES(X70 "xxxyzz\r\n"),
         {PUT(73, 1, "\xe3")},
         BYTES(X70 "xxx=\r\n=E3zz\r\n"),
         TRANSFER_QP},
        {"behind a full line",
         TRANSFER_QP,
         BYTES(X76 "\r\nz\r\n"),
         {ADD(76, "ab")},
         BYTES(X75 "=\r\nxab\r\nz\r\n"),
         TRANSFER_QP},
        {"behind a full line that ends in =XX",
         TRANSFER_QP,
         BYTES(X70 "xxx=E3\r\n"),
         {ADD(74, "ab")},
         BYTES(X70 "xxx=\r\n=E3ab\r\n"),
         TRANSFER_QP},
        {"behind a full line that ends in dots",
         TRANSFER_QP,
         BYTES(X70 "xxxx..\r\n"),
         {ADD(76, "ab")},
         BYTES(X70 "xxx=\r\nx..ab\r\n"),
         TRANSFER_QP},
        {"a long line is not lengthened at its end",
         TRANSFER_QP,
         BYTES(X76 X10 "\r\n"),
         {ADD(86, "ab")},
         BYTES(X76 "xxxxxxxxx=\r\nxab\r\n"),
         TRANSFER_QP},
        {"a long line is cut before and behind",
         TRANSFER_QP,
         BYTES(X76 "y" X76 "\r\n"),
         {PUT(76, 1, "ab")},
         BYTES(X76 "=\r\nab=\r\n" X76 "\r\n"),
         TRANSFER_QP},
        {"a long line behind another",
         TRANSFER_QP,
         BYTES("a\r\n" X76 "y" X76 "\r\n"),
         {PUT(79, 1, "")},
         BYTES("a\r\n" X76 "=\r\n" X76 "\r\n"),
         TRANSFER_QP},
        {"a long line with two cuts",
         TRANSFER_QP,
         BYTES(X76 "y" X76 "yzz\r\n"),
         {PUT(76, 1, ""), PUT(153, 1, "")},
         BYTES(X76 "=\r\n" X76 "=\r\nzz\r\n"),
         TRANSFER_QP},
        {"two edits on a line",
         TRANSFER_QP,
         BYTES("a=3Db=3Dc\r\n"),
         {PUT(1, 1, "X"), PUT(3, 1, "YY")},
         BYTES("aXbYYc\r\n"),
         TRANSFER_QP},
        {"two edits on a line that grows",
         TRANSFER_QP,
         BYTES("a1b2c\r\n"),
         {PUT(1, 1, X70), PUT(3, 1, X10)},
         BYTES("a" X70 "bxxx=\r\nxxxxxxxc\r\n"),
         TRANSFER_QP},
        {"edits side by side",
         TRANSFER_QP,
         BYTES("abcd\r\n"),
         {PUT(1, 1, "X"), ADD(2, "Y"), PUT(2, 1, "Z")},
         BYTES("aXYZd\r\n"),
         TRANSFER_QP},
        {"blank before an edit", TRANSFER_QP, BYTES("a b\r\n"), {PUT(2, 1, "c")}, BYTES("a c\r\n"), TRANSFER_QP},
        {"blank left at a line's end",
         TRANSFER_QP,
         BYTES("a b\r\n"),
         {PUT(2, 1, "")},
         BYTES("a =\r\n\r\n"),
         TRANSFER_QP},
        {"blank left at the end", TRANSFER_QP, BYTES("a b"), {PUT(2, 1, "")}, BYTES("a =\r\n"), TRANSFER_QP},
        {"blank before a hard line break of ours",
         TRANSFER_QP,
         BYTES("a b"),
         {ADD(2, "\r\n")},
         BYTES("a =\r\n\r\nb"),
         TRANSFER_QP},
        {"blank at the end of a full line",
         TRANSFER_QP,
         BYTES(X75 " \r\n"),
         {ADD(76, "\r\n")},
         BYTES(X75 "=\r\n =\r\n\r\n\r\n"),
         TRANSFER_QP},
        {"blanks of ours at line ends",
         TRANSFER_QP,
         BYTES("a"),
         {ADD(1, "b \r\nc\t\r\n-- \r\nd ")},
         BYTES("ab=20\r\nc=09\r\n--=20\r\nd=20"),
         TRANSFER_QP},
        {"B3: flowed text keeps its blanks",
         TRANSFER_QP,
         BYTES("one=20\r\ntwo \r\nthree\r\n"),
         {PUT(6, 3, "2")},
         BYTES("one=20\r\n2 \r\nthree\r\n"),
         TRANSFER_QP},
        {"text behind begins with a blank",
         TRANSFER_QP,
         BYTES("y " X75 "\r\n"),
         {PUT(0, 1, "z")},
         BYTES("z=\r\n " X75 "\r\n"),
         TRANSFER_QP},
        {"text behind begins with a dot",
         TRANSFER_QP,
         BYTES("yy." X10 "\r\n"),
         {PUT(0, 2, X70)},
         BYTES(X69 "=\r\nx." X10 "\r\n"),
         TRANSFER_QP},
        {"text behind begins with From",
         TRANSFER_QP,
         BYTES("yyFrom " X10 "\r\n"),
         {PUT(0, 2, X70)},
         BYTES(X69 "=\r\nxFrom " X10 "\r\n"),
         TRANSFER_QP},
        {"text behind begins with a dot, =XX before it",
         TRANSFER_QP,
         BYTES("yy." X70 "\r\n"),
         {PUT(0, 2, "\xe3\xe4")},
         BYTES("=E3=\r\n=E4." X70 "\r\n"),
         TRANSFER_QP},
        {"text behind begins with a dot, =XX alone before it",
         TRANSFER_QP,
         BYTES("y." X70 "xxx\r\n"),
         {PUT(0, 1, "\xe3")},
         BYTES("=E3=\r\n." X70 "xxx\r\n"),
         TRANSFER_QP},
        {"text behind begins with a dot, no room for =XX",
         TRANSFER_QP,
         BYTES("yy." X70 "xxx\r\n"),
         {PUT(0, 2, "\xe3\xe4")},
         BYTES("=E3=E4=\r\n." X70 "xxx\r\n"),
         TRANSFER_QP},
        {"dot that has no room",
         TRANSFER_QP,
         BYTES("." X75 "\r\n"),
         {ADD(0, "y")},
         BYTES("y=\r\n." X75 "\r\n"),
         TRANSFER_QP},
        {"dot and From of ours",
         TRANSFER_QP,
         BYTES("a"),
         {ADD(1, "\r\n.b\r\nFrom c\r\n d.From e")},
         BYTES("a\r\n=2Eb\r\n=46rom c\r\n d.From e"),
         TRANSFER_QP},
        {"dot of ours behind a soft line break",
         TRANSFER_QP,
         BYTES(X75 "y\r\n"),
         {PUT(75, 1, "..")},
         BYTES(X75 "=\r\n=2E.\r\n"),
         TRANSFER_QP},
        {"hard line breaks of ours",
         TRANSFER_QP,
         BYTES("a" X75 "\r\n"),
         {ADD(1, "\r\nfooter\r\n")},
         BYTES("a\r\nfooter\r\n" X75 "\r\n"),
         TRANSFER_QP},
        {"before a line end", TRANSFER_QP, BYTES("a\r\nb"), {ADD(1, "x")}, BYTES("ax\r\nb"), TRANSFER_QP},
        {"behind a line end", TRANSFER_QP, BYTES("a\r\nb"), {ADD(3, "x")}, BYTES("a\r\nxb"), TRANSFER_QP},
        {"line end replaced", TRANSFER_QP, BYTES("a\r\nb"), {PUT(1, 2, "x")}, BYTES("axb"), TRANSFER_QP},
        {"full lines joined",
         TRANSFER_QP,
         BYTES(X76 "\r\n" X76 "\r\n"),
         {PUT(76, 2, "")},
         BYTES(X75 "=\r\nx=\r\n" X76 "\r\n"),
         TRANSFER_QP},
        {"line end torn apart", TRANSFER_QP, BYTES("a\r\nb"), {ADD(2, "x")}, BYTES("a=0Dx=0Ab"), TRANSFER_QP},
        {"CR of a line end replaced", TRANSFER_QP, BYTES("a\r\nb"), {PUT(1, 1, "x")}, BYTES("ax=0Ab"), TRANSFER_QP},
        {"LF of a line end replaced", TRANSFER_QP, BYTES("a\r\nb"), {PUT(2, 1, "x")}, BYTES("a=0Dxb"), TRANSFER_QP},
        {"line end torn apart twice",
         TRANSFER_QP,
         BYTES("a\r\nb"),
         {PUT(1, 1, "x"), ADD(2, "y"), PUT(2, 1, "z")},
         BYTES("axyzb"),
         TRANSFER_QP},
        {"line end torn apart, nothing put there",
         TRANSFER_QP,
         BYTES("a\r\nb"),
         {PUT(1, 1, "")},
         BYTES("a=0Ab"),
         TRANSFER_QP},
        {"bare CR and LF that would meet",
         TRANSFER_QP,
         BYTES("a \rx\nb"),
         {PUT(3, 1, "")},
         BYTES("a \r=0Ab"),
         TRANSFER_QP},
        {"bare CR and LF of ours", TRANSFER_QP, BYTES("a"), {ADD(1, "\n\r\r\n")}, BYTES("a=0A=0D\r\n"), TRANSFER_QP},
};

static const struct splice_row base64_rows[] = {
        {"no edit", TRANSFER_BASE64, BYTES("Q\r\nUJD\r\n"), {ADD(0, "")}, BYTES("Q\r\nUJD\r\n"), TRANSFER_BASE64},
        {"empty body", TRANSFER_BASE64, {NULL, 0}, {ADD(0, "AB")}, BYTES("QUI="), TRANSFER_BASE64},
        {"line ends alone", TRANSFER_BASE64, BYTES("\r\n"), {ADD(0, "AB")}, BYTES("QUI=\r\n"), TRANSFER_BASE64},
        {"all deleted", TRANSFER_BASE64, BYTES("QUI=\r\n"), {PUT(0, 2, "")}, BYTES("\r\n"), TRANSFER_BASE64},
        {"one line grows to 76",
         TRANSFER_BASE64,
         BYTES("QUJD\r\n"),
         {ADD(3, X70)},
         BYTES("QUJDeHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n"
               "eHh4eHh4eHh4eHh4eHh4eA==\r\n"),
         TRANSFER_BASE64},
        {"B2: lines before stay, loose bits too",
         TRANSFER_BASE64,
         BYTES("QUJDQUJD\r\nQUJDQUJD\r\nQUJDQR==\r\n\r\n\r\n"),
         {PUT(7, 1, "z")},
         BYTES("QUJDQUJD\r\nQXpDQUJD\r\nQUJDQQ==\r\n\r\n\r\n"),
         TRANSFER_BASE64},
        {"behind the padding",
         TRANSFER_BASE64,
         BYTES("QUJD\r\nQQ==\r\n"),
         {ADD(4, "BC")},
         BYTES("QUJD\r\nQUJD\r\n"),
         TRANSFER_BASE64},
        {"behind whole groups, empty lines at the end",
         TRANSFER_BASE64,
         BYTES("QUJD\r\n\r\n\r\n"),
         {ADD(3, "A")},
         BYTES("QUJDQQ==\r\n\r\n\r\n"),
         TRANSFER_BASE64},
        {"no final line end",
         TRANSFER_BASE64,
         BYTES("QUJDQUJD\r\nQQ=="),
         {ADD(7, "B")},
         BYTES("QUJDQUJD\r\nQUI="),
         TRANSFER_BASE64},
        {"groups across lines",
         TRANSFER_BASE64,
         BYTES("QUJDQU\r\nJDQUJD\r\nQUJDQU\r\nJD"),
         {PUT(11, 1, "z")},
         BYTES("QUJDQU\r\nJDQUJD\r\nQUJ6\r\nQUJD"),
         TRANSFER_BASE64},
};

static void check_splice(const struct splice_row *row) {
	struct transfer_body body;
	enum transfer became = TRANSFER_UNKNOWN;
	size_t count = 0;
	struct buf out;

	while (count < 3 && (row->edits[count].bytes.len > 0 || row->edits[count].len > 0))
		count++;
	buf_init(&out, 1 << 20);
	buf_add_text(&out, "kept\n");
	assert_int_equal(transfer_decode(row->encoding, row->raw, &body), 0);
	if (transfer_splice(&body, row->edits, count, &out, &became) != 0)
		fail_msg("%s: failed", row->what);
	if (!span_equal(span_from(buf_span(&out), 5), row->want) || !span_starts(buf_span(&out), SPAN("kept\n")))
		fail_msg("%s: got \"%.*s\"", row->what, (int)out.len, out.at);
	if (became != row->became)
		fail_msg("%s: became %d", row->what, became);
	buf_free(&out);
	transfer_free(&body);
}

static void test_splice_plain(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof plain_rows / sizeof *plain_rows; i++)
		check_splice(&plain_rows[i]);
}

static void test_splice_qp(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof qp_rows / sizeof *qp_rows; i++)
		check_splice(&qp_rows[i]);
}

/* An edit that changes nothing tears no line end apart, and hides no other edit. */
static void test_empty_edits(void **state) {
	static const struct transfer_edit edits[] = {{1, 1, {NULL, 0}}, {2, 0, {NULL, 0}}, {6, 0, {NULL, 0}}};
	struct transfer_body body;
	enum transfer became;
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(transfer_decode(TRANSFER_QP, SPAN("a\r\nbc\r\n"), &body), 0);
	assert_int_equal(transfer_splice(&body, edits, 3, &out, &became), 0);
	assert_string_equal(out.at, "a=0Abc\r\n");
	transfer_free(&body);
	buf_free(&out);
}

static void test_splice_base64(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof base64_rows / sizeof *base64_rows; i++)
		check_splice(&base64_rows[i]);
}

static size_t longest_line(struct span s) {
	size_t longest = 0, line = 0, i;

	for (i = 0; i < s.len; i++) {
		line = s.at[i] == '\n' && i > 0 && s.at[i - 1] == '\r' ? 0 : line + 1;
		if (line > longest && !(s.at[i] == '\r' && i + 1 < s.len && s.at[i + 1] == '\n'))
			longest = line;
	}
	return longest;
}

/* B3: at 998 octets a line may leave, beyond it may not. */
static void test_line_limit(void **state) {
	static const enum transfer encodings[] = {TRANSFER_7BIT, TRANSFER_8BIT, TRANSFER_BINARY};
	char line[TRANSFER_LINE_MAX + 2];
	size_t i, n;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line + TRANSFER_LINE_MAX - 1, "\r\nz", 3);
	for (i = 0; i < sizeof encodings / sizeof *encodings; i++) {
		for (n = 1; n <= 2; n++) {
			struct transfer_edit edit = {5, 0, span_make("yy", n)};
			struct transfer_body body, again;
			enum transfer became;
			struct buf out;

			buf_init(&out, 1 << 20);
			assert_int_equal(transfer_decode(encodings[i], span_make(line, sizeof line), &body), 0);
			assert_int_equal(transfer_splice(&body, &edit, 1, &out, &became), 0);
			assert_int_equal(became, n == 1 ? encodings[i] : TRANSFER_QP);
			assert_int_equal(transfer_decode(became, buf_span(&out), &again), 0);
			assert_int_equal(again.text.len, sizeof line + n);
			assert_memory_equal(again.text.at, "xxxxxyy", 5 + n);
			assert_true(longest_line(buf_span(&out)) <= (n == 1 ? TRANSFER_LINE_MAX : 76));
			transfer_free(&body);
			transfer_free(&again);
			buf_free(&out);
		}
	}
}

/* B3: an encoded part that has a line over 998 leaves without it. */
static void test_encoded_line_limit(void **state) {
	static const enum transfer encodings[] = {TRANSFER_QP, TRANSFER_BASE64};
	char line[2000];
	size_t i;

	(void)state;
	memset(line, 'x', sizeof line);
	for (i = 0; i < sizeof encodings / sizeof *encodings; i++) {
		struct transfer_edit edit = {1400, 0, SPAN("yy")};
		struct transfer_body body, again;
		enum transfer became;
		struct buf out;

		buf_init(&out, 1 << 20);
		assert_int_equal(transfer_decode(encodings[i], span_make(line, sizeof line), &body), 0);
		assert_int_equal(transfer_splice(&body, &edit, 1, &out, &became), 0);
		assert_int_equal(became, encodings[i]);
		assert_int_equal(longest_line(buf_span(&out)), 76);
		assert_int_equal(transfer_decode(became, buf_span(&out), &again), 0);
		assert_int_equal(again.text.len, body.text.len + 2);
		assert_memory_equal(again.text.at, body.text.at, 1400);
		assert_memory_equal(again.text.at + 1402, body.text.at + 1400, body.text.len - 1400);
		transfer_free(&body);
		transfer_free(&again);
		buf_free(&out);
	}
}

/* Lines of whatever length that others write: those before the edit stay, the
 * edited text decodes, and the length is kept where it is that of whole groups. */
static void test_base64_line_lengths(void **state) {
	static const char digits[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZn";
	size_t length;

	(void)state;
	for (length = 1; length <= 120; length++) {
		struct transfer_edit edit = {420, 2, SPAN("0123456789")};
		struct transfer_body body, again;
		enum transfer became;
		struct buf raw, out;
		size_t i, same;

		buf_init(&raw, 1 << 20);
		buf_init(&out, 1 << 20);
		for (i = 0; i < 1000; i++) {
			if (i > 0 && i % length == 0)
				buf_add(&raw, "\r\n", 2);
			buf_add_byte(&raw, digits[i % (sizeof digits - 1)]);
		}
		assert_int_equal(transfer_decode(TRANSFER_BASE64, buf_span(&raw), &body), 0);
		assert_int_equal(transfer_splice(&body, &edit, 1, &out, &became), 0);
		assert_int_equal(transfer_decode(TRANSFER_BASE64, buf_span(&out), &again), 0);
		assert_int_equal(again.text.len, 758);
		assert_memory_equal(again.text.at, body.text.at, 420);
		assert_memory_equal(again.text.at + 420, "0123456789", 10);
		assert_memory_equal(again.text.at + 430, body.text.at + 422, 328);
		/* 560 digits are before the edit; a group begins a line every 4 lines at least. */
		same = length > 76 ? 0 : (560 / length - 560 / length % 4) * (length + 2);
		assert_memory_equal(out.at, raw.at, same);
		assert_int_equal(longest_line(buf_span(&out)), length > 76 ? 76 : length < 4 ? 4 : length);
		transfer_free(&body);
		transfer_free(&again);
		buf_free(&raw);
		buf_free(&out);
	}
}

/* However the edit falls into the lines: what it says is said, no line is over 76. */
static void test_qp_every_place(void **state) {
	static const struct span raw = SPAN(
	        "Dear reader, =E3=81=93=E3=82=93=E3=81=AB=E3=81=A1=E3=81=AF =3D .. From here=\r\n"
	        " on: <a href=3D\"https://shop.example.jp/\">=E5=95=86=E5=93=81</a> .\r\n"
	        ".a dot and blanks \t=\r\n=\r\n \r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	        "xxxxxxxxxxx\r\nFrom the end =\r\n");
	static const struct span texts[] = {
	        SPAN(""),
	        SPAN("z"),
	        SPAN(" "),
	        SPAN(". \r\n.\r\n"),
	        SPAN("https://t.example.com/c/" X76 X76),
	        SPAN("\xe3\x81\x82"),
	};
	struct transfer_body body, again;
	size_t at, len, i;

	(void)state;
	assert_int_equal(transfer_decode(TRANSFER_QP, raw, &body), 0);
	for (at = 0; at <= body.text.len; at++) {
		for (len = 0; at + len <= body.text.len && len < 90; len++) {
			for (i = 0; i < sizeof texts / sizeof *texts; i++) {
				struct transfer_edit edit = {at, len, texts[i]};
				enum transfer became;
				struct buf out;

				buf_init(&out, 1 << 20);
				assert_int_equal(transfer_splice(&body, &edit, 1, &out, &became), 0);
				assert_true(longest_line(buf_span(&out)) <= 76);
				assert_int_equal(transfer_decode(TRANSFER_QP, buf_span(&out), &again), 0);
				assert_int_equal(again.text.len, body.text.len - len + texts[i].len);
				assert_memory_equal(again.text.at, body.text.at, at);
				if (texts[i].len > 0)
					assert_memory_equal(again.text.at + at, texts[i].at, texts[i].len);
				assert_memory_equal(again.text.at + at + texts[i].len, body.text.at + at + len,
				                    body.text.len - at - len);
				transfer_free(&again);
				buf_free(&out);
			}
		}
	}
	transfer_free(&body);
}

/* Many edits cost one pass together, even on one line. */
static void test_many_edits(void **state) {
	enum { EDITS = 60000 };
	struct transfer_edit *edits = calloc(EDITS, sizeof *edits);
	struct transfer_body body, again;
	enum transfer became;
	struct buf raw, out;
	size_t i;

	(void)state;
	assert_non_null(edits);
	buf_init(&raw, 1 << 24);
	buf_init(&out, 1 << 24);
	for (i = 0; i < EDITS; i++) {
		buf_add_text(&raw, i % 40 == 0 ? "ab=3D\r\n" : "ab=3Dcd");
		edits[i] = (struct transfer_edit){i * 5 + 1, 1, SPAN("XYZ")};
	}
	assert_int_equal(transfer_decode(TRANSFER_QP, buf_span(&raw), &body), 0);
	assert_int_equal(transfer_splice(&body, edits, EDITS, &out, &became), 0);
	assert_int_equal(transfer_decode(TRANSFER_QP, buf_span(&out), &again), 0);
	assert_int_equal(again.text.len, EDITS * 7);
	for (i = 0; i < EDITS; i++)
		assert_memory_equal(again.text.at + i * 7, i % 40 == 0 ? "aXYZ=\r\n" : "aXYZ=cd", 7);
	transfer_free(&body);
	transfer_free(&again);
	buf_free(&raw);
	buf_free(&out);
	free(edits);
}

/* Nothing is scanned to its end for each line that is written of it. */
static void test_long_text(void **state) {
	enum { SIZE = 4 << 20 };
	char *text = malloc(SIZE);
	struct transfer_body body;
	struct buf out;

	(void)state;
	assert_non_null(text);
	buf_init(&out, 4 * SIZE);
	memset(text, 'x', SIZE);
	transfer_encode_qp(span_make(text, SIZE), &out);
	assert_false(out.failed);
	assert_int_equal(longest_line(buf_span(&out)), 76);
	assert_int_equal(transfer_decode(TRANSFER_QP, buf_span(&out), &body), 0);
	assert_int_equal(body.text.len, SIZE);
	assert_memory_equal(body.text.at, text, SIZE);
	transfer_free(&body);
	buf_free(&out);
	free(text);
}

static void test_ceiling(void **state) {
	static const enum transfer encodings[] = {TRANSFER_7BIT, TRANSFER_QP, TRANSFER_BASE64};
	struct transfer_edit edit = {0, 0, SPAN(X76)};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof encodings / sizeof *encodings; i++) {
		struct transfer_body body;
		enum transfer became;
		struct buf out;

		buf_init(&out, 50);
		assert_int_equal(transfer_decode(encodings[i], SPAN("QUJD"), &body), 0);
		assert_int_equal(transfer_splice(&body, &edit, 1, &out, &became), -1);
		buf_free(&out);
		transfer_free(&body);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_decode),
	        cmocka_unit_test(test_splice_plain),
	        cmocka_unit_test(test_splice_qp),
	        cmocka_unit_test(test_splice_base64),
	        cmocka_unit_test(test_empty_edits),
	        cmocka_unit_test(test_line_limit),
	        cmocka_unit_test(test_encoded_line_limit),
	        cmocka_unit_test(test_base64_line_lengths),
	        cmocka_unit_test(test_qp_every_place),
	        cmocka_unit_test(test_many_edits),
	        cmocka_unit_test(test_long_text),
	        cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
