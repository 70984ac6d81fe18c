"""HTML for the end-to-end oracle: tags, links and where the body ends.

It reads the mask of a part (rawmime.mask), so that offsets are those of the
bytes.  Enough of WHATWG 13.2.5 for mail that people send; where a page is
stranger than that, the caller asks for less.
"""
import html.entities
import re

RAW = {"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"}
TAG = re.compile(r"</?([A-Za-z][^\t\n\f\r />]*)")
ATTRIBUTE = re.compile(
    r"""[\t\n\f\r /]*([^\t\n\f\r />][^\t\n\f\r />=]*)"""
    r"""(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >"'][^\t\n\f\r >]*)|(?=>)))?""")
MSO = re.compile(r"\[if\b[^\]]*mso[^\]]*\]>", re.I)
REFERENCE = re.compile(rb"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")
WINDOWS = bytes(range(0x80, 0xa0)).decode("cp1252", "replace")


class Link:
    def __init__(self, tag, at, size, quote, attributes, in_comment):
        self.tag, self.at, self.size, self.quote = tag, at, size, quote
        self.attributes, self.in_comment = attributes, in_comment
        self.tag_end = 0

    def opted_out(self):
        """B8's attributes."""
        given = self.attributes
        return (given.get("clicktracking", "").lower() == "off" or "data-pm-no-track" in given or
                given.get("data-msys-clicktrack") == "0" or "ses:no-track" in given or
                given.get("disable-tracking", "").lower() == "true" or
                given.get("data-disable-tracking", "false").lower() != "false")


class Page:
    def __init__(self, mask):
        self.mask = mask.decode("latin-1")
        self.links, self.images = [], []
        self.body_end, self.open_ended = None, False
        self.foreign = 0
        self.scan(0, len(self.mask), False)

    def scan(self, at, end, in_comment):
        while at < end:
            at = self.mask.find("<", at, end)
            if at < 0:
                return
            if self.mask.startswith("<!--", at):
                at = self.comment(at + 4, end, in_comment)
            elif self.foreign > 0 and self.mask.startswith("<![CDATA[", at):
                at = self.past("]]>", at + 9, end)
            elif self.mask[at + 1:at + 2] in ("!", "?") and self.mask[at + 1:at + 2]:
                at = self.past(">", at + 2, end)
            elif TAG.match(self.mask, at, end):
                at = self.tag(at, end, in_comment)
            elif self.mask.startswith("</", at) and at + 2 < end:
                at = self.past(">", at + 2, end)
            else:
                at += 1

    def past(self, what, at, end):
        found = self.mask.find(what, at, end)
        if found < 0:
            self.open_ended = True
            return end
        return found + len(what)

    def comment(self, at, end, nested):
        early = re.compile(r"-?>").match(self.mask, at, end)
        if early:
            return early.end()
        close = re.compile(r"--!?>").search(self.mask, at, end)
        stop = close.start() if close else end
        condition = MSO.match(self.mask, at, stop)
        if condition and not nested:
            was = self.open_ended, self.body_end, self.foreign
            self.scan(condition.end(), stop, True)
            self.open_ended, self.body_end, self.foreign = was
        if not close:
            self.open_ended = True
        return close.end() if close else end

    def tag(self, start, end, in_comment):
        match = TAG.match(self.mask, start, end)
        name, closing, at = match.group(1).lower(), self.mask[start + 1] == "/", match.end()
        attributes, spans = {}, {}
        while True:
            at = re.compile(r"[\t\n\f\r /]*").match(self.mask, at, end).end()
            if at >= end:
                self.open_ended = True
                return end
            if self.mask[at] == ">":
                at += 1
                break
            found = ATTRIBUTE.match(self.mask, at, end)
            value = next((i for i in (2, 3, 4) if found.group(i) is not None), 0)
            key = found.group(1).lower()
            if key not in attributes:
                attributes[key] = found.group(value) if value else ""
                quote = {2: '"', 3: "'"}.get(value, "")
                spans[key] = (found.start(value), len(found.group(value)), quote) if value else None
            if value == 0 and re.compile(r"[\t\n\f\r ]*=[\t\n\f\r ]*[\"']").match(self.mask, found.end(), end):
                self.open_ended = True  # a quote that never closes
                return end
            at = found.end()
        self.meet(name, closing, start, at, attributes, spans, in_comment)
        if not closing and name in RAW and self.foreign == 0:
            return self.raw_text(name, at, end)
        if not closing and name == "plaintext":
            self.open_ended = True
            return end
        return at

    def raw_text(self, name, at, end):
        close = re.compile("</" + name + r"(?=[\t\n\f\r />])", re.I).search(self.mask, at, end)
        if not close:
            self.open_ended = True
            return end
        return close.start()

    def meet(self, name, closing, start, tag_end, attributes, spans, in_comment):
        if name in ("svg", "math"):
            self.foreign = max(0, self.foreign + (-1 if closing else 1))
        if closing and name == "body":
            self.body_end = start
        if closing:
            return
        if name == "img" and not in_comment:
            self.images.append((start, tag_end, attributes))
        wanted = name in ("a", "area") or (in_comment and name == "v:roundrect")
        if wanted and spans.get("href"):
            at, size, quote = spans["href"]
            link = Link(name, at, size, quote, attributes, in_comment)
            link.tag_end = tag_end
            self.links.append(link)

    def shown_text(self, link):
        """The text of the element, tags left out; None where it holds an image."""
        close = re.compile(r"</" + re.escape(link.tag) + r"[\t\n\f\r />]|<a[\t\n\f\r />]", re.I).search(
            self.mask, link.tag_end)
        inner = self.mask[link.tag_end:close.start() if close else len(self.mask)]
        if re.search(r"<(?:img|input|v:)", inner, re.I):
            return None
        return decode_attribute(re.sub(r"<[^>]*>", "", inner).encode("latin-1")).decode("utf-8", "replace").strip()


def numeric(digits, base):
    code = int(digits, base)
    if 0x80 <= code < 0xa0:
        return WINDOWS[code - 0x80] if WINDOWS[code - 0x80] != "\ufffd" else chr(code)
    if code == 0 or code > 0x10ffff or 0xd800 <= code <= 0xdfff:
        return "\ufffd"
    return chr(code)


def decode_attribute(raw):
    """Character references in an attribute's value, as WHATWG 13.2.5.72 has it."""
    def one(match):
        text = match.group(1).decode("ascii")
        if text[:2] in ("#x", "#X"):
            return numeric(text[2:].rstrip(";"), 16).encode("utf-8")
        if text[0] == "#":
            return numeric(text[1:].rstrip(";"), 10).encode("utf-8")
        names = html.entities.html5
        for size in range(len(text), 0, -1):
            name = text[:size]
            if name not in names:
                continue
            rest = raw[match.start() + 1 + size:match.start() + 2 + size]
            if not name.endswith(";") and re.match(rb"[=A-Za-z0-9]", rest):
                return match.group(0)
            return names[name].encode("utf-8") + text[size:].encode("ascii")
        return match.group(0)

    return REFERENCE.sub(one, raw)


def clean_url(value):
    """What a browser makes of an href's value before it parses it (B6)."""
    return re.sub(rb"[\t\r\n]", b"", value.strip(b" \t\r\n\f"))
