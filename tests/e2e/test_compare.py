#!/usr/bin/python3
"""The oracle itself: it passes what is right and sees each kind of damage.

Hand-made pairs: a message as submitted and a copy as the rules want it, signed
here; then the copy is damaged in one way and the rule that speaks of it must be
among the failures.  TAP on standard output.
"""
import base64
import glob
import os
import re
import subprocess
import sys
import tempfile
import time

import dkim
import nacl.encoding
import nacl.signing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402

BASE = "https://t.example.com"
RECIPIENT = "reader@example.jp"
CAMPAIGN, KEY = "00000000000000c1", "00000000000000a1"


class Tokens:
    """A ring of its own: a token is a number, and here is what it says."""

    def __init__(self):
        self.said = {}

    def make(self, purpose, target=None, **other):
        name = f"Tok{len(self.said) + 1:04d}"
        self.said[name] = {"purpose": purpose, "valid": True, "campaign": CAMPAIGN, "address_key": KEY, **other}
        if purpose == "click":
            self.said[name].update(link=len(self.said), target=target)
            self.said[name].update(other)
        return name

    def show(self, links):
        names = [re.search(r"Tok\d{4}|\Z", link).group(0) for link in links]
        return [self.said.get(name, {"valid": False, "reason": "unknown"}) for name in names]


class Signer(dkim.DKIM):
    extra = ()

    def gen_header(self, fields, include_headers, canon_policy, header_name, pk, standardize=False):
        at = [name for name, _ in fields].index(b"h")
        for name, value in self.extra:
            fields.insert(at, (name, value))
        return super().gen_header(fields, include_headers, canon_policy, header_name, pk, standardize)


class World:
    """Keys, their records, and a message in its right form, in pieces."""

    def __init__(self, folder):
        self.dns = folder
        pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=pem, check=True,
                                capture_output=True).stdout
        edwards = nacl.signing.SigningKey.generate()
        self.keys = [(b"r", pem, b"rsa-sha256"),
                     (b"e", edwards.encode(nacl.encoding.Base64Encoder), b"ed25519-sha256")]
        self.record("r", "rsa", base64.b64encode(public).decode())
        self.record("e", "ed25519", edwards.verify_key.encode(nacl.encoding.Base64Encoder).decode())

    def record(self, selector, kind, public):
        with open(os.path.join(self.dns, f"{selector}._domainkey.example.com"), "w", encoding="ascii") as file:
            file.write(f"v=DKIM1; k={kind}; p={public}")

    def sign(self, message, only=2, drop=(), extra=(), expire=604800):
        fields, _, _ = compare.rawmime.split_header(message)
        names = [f.name for f in fields]
        wanted = []
        for name in compare.SIGNED:
            if name not in drop:
                wanted += [name] * (names.count(name) + (name in compare.OVERSIGNED))
        out = message
        for selector, key, algorithm in self.keys[:only]:
            signer = Signer(message, minkey=1024)
            signer.extra = ((b"x", str(int(time.time()) + expire).encode()),) + tuple(extra)
            out = signer.sign(selector, b"example.com", key, signature_algorithm=algorithm,
                              canonicalize=(b"relaxed", b"relaxed"),
                              include_headers=[w.encode() for w in wanted]) + out
        return out


HEADER = ("From: News <news@example.com>\nTo: reader@example.jp\nSubject: =?UTF-8?B?44OL44Ol44O844K5?=\n\tof the week\n"
          "Date: Sun, 22 Nov 2026 09:00:00 +0900\nMessage-ID: <1@example.com>\nX-Mailer:app\nMIME-Version: 1.0\n")
TEXT_PART = "Content-Type: text/plain; charset=UTF-8\n\nsee https://shop.example.jp/\n"
HTML = ('<html><body><p><a class=x href="https://shop.example.jp/?a=1&amp;b=2#f">shop</a> '
        '<a href="mailto:help@example.com">mail</a> <a href="https://off.example.jp/" clicktracking=off>off</a>\n'
        "<AREA HREF='https://shop.example.jp/area'>{{unsubscribe_url}}</p></body></html>\n")
HTML_PART = "Content-Type: text/html; charset=UTF-8\n\n" + HTML
FILE_PART = "Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n" \
            "Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n"


def join(kind, *parts):
    return (f'Content-Type: multipart/{kind}; boundary="b1"\n\npreamble\n--b1\n' + "\n--b1\n".join(parts) +
            "\n--b1--\nepilogue\n")


def original_of(rest, header=HEADER):
    return (header + rest).encode("utf-8")


def treat(tokens, original, edits, drop=(), keep_unsubscribe=False):
    """The copy before it is signed: edits are (old, new) in the body."""
    data = compare.rawmime.to_crlf(original)
    for old, new in edits:
        old, new = (compare.rawmime.re.sub(rb"\r?\n", b"\r\n", s.encode("utf-8")) for s in (old, new))
        assert old in data, old
        data = data.replace(old, new, 1)
    lines = [f"List-Id: <news.example.com>", f"Feedback-ID: c1:news:main:examplecom"]
    if not keep_unsubscribe:
        lines += [f"List-Unsubscribe: <{BASE}/u/{tokens.make('unsubscribe')}>,\n\t"
                  f"<mailto:unsubscribe+{tokens.make('unsubscribe')}@bounce.example.com>",
                  "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
    for name in drop:
        data = re.sub(rb"(?im)^" + name.encode() + rb":.*\r\n(?:[ \t].*\r\n)*", b"", data, count=1)
    head, body = data.split(b"\r\n\r\n", 1)
    return b"Received: from a by b\r\n" + head + b"\r\n" + \
        "\n".join(lines).replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def click(tokens, target, **other):
    return f"{BASE}/c/{tokens.make('click', target, **other)}"


def pixel(tokens):
    return f'<img src="{BASE}/o/{tokens.make("open")}.gif" width="1" height="1" alt="" style="border:0">'


def usual_edits(tokens):
    return [("https://shop.example.jp/?a=1&amp;b=2#f", click(tokens, "https://shop.example.jp/?a=1&b=2#f")),
            ("https://shop.example.jp/area", click(tokens, "https://shop.example.jp/area")),
            ("{{unsubscribe_url}}", f"{BASE}/u/{tokens.make('unsubscribe')}"),
            ("</body>", pixel(tokens) + "</body>")]


class Case:
    """A good pair; `damage` changes the unsigned or the signed copy."""

    def __init__(self, world):
        self.world, self.tokens = world, Tokens()
        self.original = original_of(join("mixed", TEXT_PART, HTML_PART, FILE_PART))
        self.edits = usual_edits(self.tokens)
        self.treated, self.signed = None, None
        self.drop, self.keep_unsubscribe, self.sign = (), False, {}
        self.options = compare.Options(show=self.tokens.show, base_url=BASE, dkim_dns=world.dns)
        self.mail_from = f"b+{self.tokens.make('bounce')}@bounce.example.com"

    def run(self):
        copy = treat(self.tokens, self.original, self.edits, self.drop, self.keep_unsubscribe)
        if self.treated:
            copy = self.replace(copy, *self.treated)
        copy = self.world.sign(copy, **self.sign)
        if self.signed:
            copy = self.replace(copy, *self.signed)
        return compare.check(self.original, copy, {"mail_from": self.mail_from, "rcpt_to": [RECIPIENT]}, RECIPIENT,
                             self.options)

    @staticmethod
    def replace(data, old, new):
        changed = re.sub(old, lambda m: m.expand(new), data, count=1)
        assert changed != data, old
        return changed


def single(case, body, edits, kind="text/html", charset="UTF-8", cte="8bit"):
    case.original = original_of(f"Content-Type: {kind}; charset={charset}\nContent-Transfer-Encoding: {cte}\n\n{body}")
    case.edits = edits


# Each setting up of a pair that must pass.

def good_usual(case):
    pass


def good_footer(case):
    div = f'<div style="x">Leave<br>\r\n<a href="{BASE}/u/{case.tokens.make("unsubscribe")}">x</a></div>\r\n'
    single(case, '<p><a href=https://a.jp/>x</a>', [("https://a.jp/", click(case.tokens, "https://a.jp/")),
                                                    ("</a>", "</a>")])
    case.original += b"\n"
    case.edits.append(("x</a>\n", "x</a>\n" + div + pixel(case.tokens)))


def good_text_footer(case):
    single(case, "text\n", [("text\n", f"text\n----\nUnsubscribe:\n{BASE}/u/{case.tokens.make('unsubscribe')}\n")],
           "text/plain")


def good_became_qp(case):
    page = f'<p>{"x" * 940}<a href="https://a.jp/">x</a>{{{{unsubscribe_url}}}}'
    single(case, page, [])
    text = page.replace("https://a.jp/", click(case.tokens, "https://a.jp/")).replace(
        "{{unsubscribe_url}}", f"{BASE}/u/{case.tokens.make('unsubscribe')}") + "\r\n" + pixel(case.tokens)
    packed = re.sub("=", "=3D", text)
    lines = []
    for line in packed.split("\r\n"):
        while len(line) > 76:
            size = 75 - next((k for k in (1, 2) if line[75 - k] == "="), 0)
            lines.append(line[:size] + "=")
            line = line[size:]
        lines.append(line)
    case.edits = [("8bit", "quoted-printable"), (page + "\n", "\n".join(lines))]


def good_kept_unsubscribe(case):
    case.keep_unsubscribe = True
    case.original = case.original.replace(
        b"X-Mailer:", b"List-Unsubscribe: <https://app.example.com/u?1>\n"
        b"list-unsubscribe-post: List-Unsubscribe=One-Click\nX-Mailer:")


def good_signed(case):
    kind = 'Content-Type: multipart/signed; boundary="b1"; protocol="application/pgp-signature"\n\n'
    case.original = original_of(kind + "--b1\n" + HTML_PART +
                                "\n--b1\nContent-Type: application/pgp-signature\n\nx\n--b1--\n")
    case.edits = []


def good_iso2022jp(case):
    kanji = "\x1b$B</a><a href=\"http://x.jp/\"\x1b(B"
    single(case, f'<a href="https://a.jp/">{kanji}</a>{{{{unsubscribe_url}}}}\n',
           [("https://a.jp/", click(case.tokens, "https://a.jp/")),
            ("{{unsubscribe_url}}\n", f"{BASE}/u/{case.tokens.make('unsubscribe')}\n" + pixel(case.tokens))],
           charset="ISO-2022-JP", cte="7bit")


def good_text_link(case):
    case.options.text = True
    leave = f"----\nUnsubscribe:\n{BASE}/u/{case.tokens.make('unsubscribe')}\n"
    single(case, "(https://a.jp/).\nend\n", [("https://a.jp/", click(case.tokens, "https://a.jp/")),
                                              ("end\n", "end\n" + leave)], "text/plain")


def good_footer_alone(case):
    good_footer(case)
    case.options.opens = False
    case.edits[2] = (case.edits[2][0], re.sub(r"<img[^>]*>", "", case.edits[2][1]))


def good_footer_before_the_last_line_end(case):
    good_footer(case)
    case.edits[2] = ("x</a>", case.edits[2][1].replace("x</a>\n", "x</a>", 1))


def good_shared(case):
    case.options.shared = True
    for said in case.tokens.said.values():
        said["address_key"] = None
    make = case.tokens.make
    case.tokens.make = lambda purpose, target=None, **other: make(purpose, target, **{"address_key": None, **other})


def good_plain(case):
    case.options = compare.for_list("plain", show=case.tokens.show, base_url=BASE, dkim_dns=case.world.dns)
    case.edits = [e for e in case.edits if e[0].startswith("{{")]


def good_control_gone(case):
    case.original = case.original.replace(b"X-Mailer:", b"X-Todoku-Campaign: c\nBcc: x@example.jp\nX-Mailer:")
    case.drop = ("X-Todoku-Campaign", "Bcc")


def good_malformed(case):
    case.original = case.original.replace(b"--b1--\n", b"")
    case.edits = []


GOOD = [value for name, value in sorted(globals().items()) if name.startswith("good_")]


def edit(index, *pair):
    def damage(case):
        case.edits[index] = pair
    return damage


def said(index, **other):
    """The token of the n-th edit says something else."""
    def damage(case):
        name = re.search(r"Tok\d{4}", case.edits[index][1]).group(0)
        case.tokens.said[name].update(other)
    return damage


def treated(old, new):
    def damage(case):
        case.treated = (old, new)
    return damage


def after_signing(old, new):
    def damage(case):
        case.signed = (old, new)
    return damage


def extra_edit(old, new):
    def damage(case):
        case.edits.append((old, new))
    return damage


def drop_edit(index):
    def damage(case):
        del case.edits[index]
    return damage


def sign(**how):
    def damage(case):
        case.sign = how
    return damage


def set_sender(sender):
    def damage(case):
        case.mail_from = sender
    return damage


def both(first, second):
    def damage(case):
        first(case)
        second(case)
    return damage


def remember(address, key):
    def damage(case):
        case.options.address_keys[address] = key
    return damage


def rewrite_also(old, target):
    def damage(case):
        case.edits.append((old, old.replace(target, click(case.tokens, target))))
    return damage


def iso2022jp_kanji_rewritten(case):
    good_iso2022jp(case)
    case.edits.append(("http://x.jp/", click(case.tokens, "http://x.jp/")))


def changed_within(kind_header, body, old, new):
    """A part that may not be changed is."""
    def damage(case):
        case.original = original_of(kind_header + "\n\n" + body)
        case.edits = [(old, new)]
    return damage


def qp_needlessly(case):
    image = re.sub("=", "=3D", pixel(case.tokens)).replace(" width", "=\n width").replace(" alt", "=\n alt")
    single(case, "a=3Db=\nc{{unsubscribe_url}}\nd=3De\n", [
        ("a=3Db=\nc", "a=3db=\nc"),
        ("{{unsubscribe_url}}", f"=\n{BASE}/u/{case.tokens.make('unsubscribe')}=\n"),
        ("d=3De\n", "d=3De\n" + image)], cte="quoted-printable")


def long_line(case):
    single(case, '{{unsubscribe_url}}' + "x" * 980 + "\n",
           [("{{unsubscribe_url}}", f"{BASE}/u/{case.tokens.make('unsubscribe')}")])
    case.options.opens = False


def qp_long_line(case):
    single(case, '{{unsubscribe_url}}' + "x" * 50 + "\n",
           [("{{unsubscribe_url}}", f"{BASE}/u/{case.tokens.make('unsubscribe')}")], cte="quoted-printable")
    case.options.opens = False


def text_rewritten(case):
    case.edits.append(("see https://shop.example.jp/", "see " + click(case.tokens, "https://shop.example.jp/")))


def text_leads_elsewhere(case):
    case.options.text = True
    case.edits.append(("see https://shop.example.jp/\n",
                       "see " + click(case.tokens, "https://shop.example.jq/") + "\n"))


def text_link_before_kana(case):
    case.options.text = True
    single(case, "https://a.jp/をご覧\n", [("https://a.jp/", click(case.tokens, "https://a.jp/"))], "text/plain")


def text_link_with_its_stop(case):
    case.options.text = True
    single(case, "https://a.jp/.\n", [("https://a.jp/.", click(case.tokens, "https://a.jp/."))], "text/plain")


def no_footer(case):
    good_footer(case)
    case.edits[2] = ("x</a>\n", "x</a>\n" + pixel(case.tokens))


def footer_too_many(case):
    link = f"{BASE}/u/{case.tokens.make('unsubscribe')}"
    case.edits[3] = ("</body>", f'<div><a href="{link}">x</a></div>' + pixel(case.tokens) + "</body>")


def kept_unsubscribe_changed(case):
    good_kept_unsubscribe(case)
    case.treated = (rb"app\.example\.com/u\?1", rb"app.example.com/u?2")


def mailto_lost(case):
    case.original = case.original.replace(b"X-Mailer:", b"List-Unsubscribe: <mailto:leave@example.com>\nX-Mailer:")
    case.drop = ("List-Unsubscribe",)


DAMAGE = [
    ("a field changed", "B2", treated(rb"X-Mailer:app", rb"X-Mailer: app")),
    ("a field refolded", "B2", treated(rb"\r\n\tof the week", rb" of the week")),
    ("a field lost", "B2", treated(rb"X-Mailer:app\r\n", rb"")),
    ("a field moved", "B2", treated(rb"(To:[^\r]*\r\n)(Subject:)", rb"\2")),
    ("a field added", "B2", treated(rb"X-Mailer", rb"X-Other: 1\r\nX-Mailer")),
    ("a control field left in", "H6", treated(rb"X-Mailer", rb"X-Todoku-List: news\r\nX-Mailer")),
    ("a bare CR in a field", "H7", treated(rb"List-Id: <", rb"List-Id: \r<")),
    ("List-Unsubscribe twice", "H1", treated(rb"(List-Unsubscribe: )", rb"List-Unsubscribe: <https://x.jp/>\r\n\1")),
    ("no List-Unsubscribe", "H1", treated(rb"List-Unsubscribe: [^\r]*\r\n\t[^\r]*\r\n", rb"")),
    ("no -Post", "H1", treated(rb"List-Unsubscribe-Post: [^\r]*\r\n", rb"")),
    ("-Post says another thing", "H1", treated(rb"One-Click", rb"Two-Clicks")),
    ("List-Unsubscribe without https", "H1", treated(rb"<https://t.example.com/u/Tok\d+>,\r\n\t", rb"")),
    ("List-Unsubscribe with a blank within", "H1",
     treated(rb"<https://t.example.com/u/", rb"<https://t.example.com /")),
    ("List-Unsubscribe leads elsewhere", "H3", treated(rb"<https://t.example.com/u/", rb"<https://x.example.com/u/")),
    ("the application's List-Unsubscribe changed", "H6", kept_unsubscribe_changed),
    ("the application's mailto: lost", "H6", mailto_lost),
    ("List-Id too long", "H4", treated(rb"<news\.example", b"<" + b"x" * 260 + rb".example")),
    ("List-Id twice", "H6", treated(rb"List-Id:", rb"List-Id: <a.b>\r\nList-Id:")),
    ("Feedback-ID without SenderId", "H5", treated(rb":examplecom", rb"")),
    ("return path not ours", "N2", set_sender("news@example.com")),
    ("return path at another domain", "N2", set_sender("b+Tok0005@bounce.example.org")),
    ("return path forged", "S2", set_sender("b+Tok9999@bounce.example.com")),
    ("the body changed after signing", "D2", after_signing(rb"epilogue", rb"epilogux")),
    ("a signed field added after signing", "D2", after_signing(rb"Subject:", rb"Subject: x\r\nSubject:")),
    ("no signature", "D1", sign(only=0)),
    ("no Ed25519 signature", "D1", sign(only=1)),
    ("List-Unsubscribe not signed", "D3", sign(drop=("list-unsubscribe",))),
    ("a tag l=", "D1", sign(extra=((b"l", b"10"),))),
    ("expires too soon", "D4", sign(expire=3600)),
    ("preamble changed", "B1", treated(rb"preamble", rb"Preamble")),
    ("epilogue lost", "B1", treated(rb"epilogue", rb"")),
    ("delimiter changed", "B1", treated(rb"--b1--", rb"--b1-- ")),
    ("attachment changed", "B1", treated(rb"JVBERi0xLjQK", rb"JVBERi0xLjQL")),
    ("header of a part changed", "B2", treated(rb"text/plain; charset", rb"text/plain;  charset")),
    ("header of an attachment changed", "B1", treated(rb"filename=a", rb"filename=b")),
    ("text changed", "B2", treated(rb"see https", rb"See https")),
    ("text added at the end", "B2", treated(rb"(see [^\r]*)", rb"\1\r\nmore")),
    ("HTML text changed", "B2", treated(rb">shop<", rb">shob<")),
    ("attribute beside href changed", "B2", treated(rb"class=x", rb'class="x"')),
    ("tag's case changed", "B2", treated(rb"<AREA", rb"<area")),
    ("HTML put behind the body", "B2", treated(rb"</html>", rb"<i></i></html>")),
    ("something beside the pixel", "B2", treated(rb"<img ", rb"<b></b><img ")),
    ("leads elsewhere", "B10", said(0, target="https://shop.example.jp/?a=1&b=2")),
    ("entity not decoded", "B10", said(0, target="https://shop.example.jp/?a=1&amp;b=2#f")),
    ("token not valid", "S2", said(0, valid=False)),
    ("token of another purpose", "S2", said(0, purpose="unsubscribe")),
    ("token of another campaign", "H3", said(0, campaign="00000000000000c2")),
    ("token of another recipient", "B13", said(0, address_key="00000000000000a2")),
    ("token of nobody in a personal copy", "B13", said(0, address_key=None)),
    ("somebody's token in a shared copy", "B13", both(good_shared, said(0, address_key=KEY))),
    ("link numbers repeat", "B10", both(said(0, link=1), said(1, link=1))),
    ("recipient known by another key", "W7", remember(RECIPIENT, "00000000000000ff")),
    ("key known of another recipient", "B13", remember("other@example.jp", KEY)),
    ("a link not rewritten", "B6", drop_edit(0)),
    ("an opted-out link rewritten", "B7", rewrite_also("https://off.example.jp/", "https://off.example.jp/")),
    ("a mailto: rewritten", "B7", rewrite_also("mailto:help@example.com", "mailto:help@example.com")),
    ("kanji taken for a link", "B6", iso2022jp_kanji_rewritten),
    ("no pixel", "B12", drop_edit(3)),
    ("two pixels", "B12", treated(rb"(<img [^>]*>)", rb"\1\1")),
    ("pixel without alt", "B12", treated(rb' alt=""', rb"")),
    ("pixel's token for a click", "S2", said(3, purpose="click")),
    ("pixel in front of the text", "B2", both(drop_edit(3), lambda case: case.edits.append(
        ("<html><body>", "<html><body>" + pixel(case.tokens))))),
    ("placeholder left", "U5", drop_edit(2)),
    ("no footer", "U5", no_footer),
    ("a footer too many", "U5", footer_too_many),
    ("text rewritten though it isn't tracked", "B11", text_rewritten),
    ("text link leads elsewhere", "B10", text_leads_elsewhere),
    ("text link before kana", "B11", text_link_before_kana),
    ("text link with the stop behind it", "B11", text_link_with_its_stop),
    ("clicks rewritten though they aren't tracked", "B6", lambda case: setattr(case.options, "clicks", False)),
    ("a line over 998", "B3", long_line),
    ("a quoted-printable line over 76", "B3", qp_long_line),
    ("quoted-printable encoded anew for nothing", "B2", qp_needlessly),
    ("encoding changed for nothing", "B3", lambda case: (single(
        case, "{{unsubscribe_url}} x\n", [("8bit", "quoted-printable"), ("{{unsubscribe_url}}",
                                           f"{BASE}/u/{case.tokens.make('unsubscribe')}")]),
                                        setattr(case.options, "opens", False))),
    ("multipart/signed changed", "B1", both(good_signed, treated(rb">shop<", rb">shob<"))),
    ("S/MIME changed", "B1", changed_within("Content-Type: application/pkcs7-mime", "MIIB\n", "MIIB", "MIIC")),
    ("calendar changed", "B1", changed_within("Content-Type: text/calendar", "BEGIN:VCALENDAR\n", "BEGIN", "begin")),
    ("unknown charset changed", "B1", changed_within("Content-Type: text/html; charset=x-none", "abc\n", "abc", "abd")),
    ("UTF-7 changed", "B1", changed_within("Content-Type: text/html; charset=UTF-7", "abc\n", "abc", "abd")),
    ("undecodable part changed", "B1",
     changed_within("Content-Type: text/html; charset=us-ascii", "é abc\n", "abc", "abd")),
    ("inline PGP changed", "B1",
     changed_within("Content-Type: text/plain", "-----BEGIN PGP MESSAGE-----\nabc\n", "abc", "abd")),
    ("message/rfc822 changed", "B1",
     changed_within("Content-Type: message/rfc822", "Subject: x\n\nabc\n", "abc", "abd")),
    ("malformed MIME changed", "B1", both(good_malformed, treated(rb">shop<", rb">shob<"))),
    ("mail of no list changed", "B1", lambda case: (setattr(case.options, "list", None), None)),
]


def untouched(path):
    """What the oracle misses in a body that nobody touched."""
    with open(path, "rb") as file:
        original = file.read()
    case = compare.Check(original, compare.rawmime.to_crlf(original), {}, RECIPIENT,
                         compare.Options(show=Tokens().show, base_url=BASE))
    case.unsubscribe_uri = ""
    case.check_body()
    return case.failures


def main():
    number, failed = 0, 0
    fixtures = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "*.eml")))
    print(f"1..{len(GOOD) + len(DAMAGE) + 1}")
    # A fixture named keep-* has nothing to change (B1); each other one has.
    wrong = [path for path in fixtures if bool(untouched(path)) == os.path.basename(path).startswith("keep-")]
    number += 1
    failed += bool(wrong) or not fixtures
    print(f"{'ok' if fixtures and not wrong else 'not ok'} {number} - demands something of each fixture but of keep-*")
    for path in wrong:
        print(f"# {path}: {untouched(path)}")
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        for prepare in GOOD:
            case = Case(world)
            prepare(case)
            got = case.run()
            number += 1
            failed += bool(got)
            print(f"{'not ok' if got else 'ok'} {number} - passes: {prepare.__name__[5:].replace('_', ' ')}")
            for failure in got:
                print("# got " + failure)
        for what, rule, damage in DAMAGE:
            case = Case(world)
            damage(case)
            got = case.run()
            number += 1
            seen = any(failure.startswith(rule + ":") for failure in got)
            failed += not seen
            print(f"{'ok' if seen else 'not ok'} {number} - sees: {what}")
            if not seen:
                print(f"# want {rule}, got {got}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
