"""Messages taken apart by byte offsets, for the end-to-end oracle.

Nothing is ever written back: what a splitter here returns are slices of the
bytes it was given, so that "unchanged" can mean "the same octets".  It shares
no code with the milter and doesn't trust the email package, which repairs what
it reads.
"""
import base64
import binascii
import codecs
import re

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
CHANGEABLE = {"text/html", "text/plain"}
ENCODINGS = {"", "7bit", "8bit", "binary", "quoted-printable", "base64"}
# B4, B5: what is understood, by Python's names.
ASCII_BASED = re.compile(r"^(utf-8|ascii|euc_jp|cp125\d|iso8859-\d+|latin.1)$")
DOUBLE_BYTE = {"shift_jis", "cp932", "euc_kr", "cp949", "gb2312", "gbk", "gb18030", "big5"}
KNOWN_LABELS = {
    "x-sjis": "cp932", "windows-31j": "cp932", "cp932": "cp932", "ms932": "cp932", "shift_jis": "cp932",
    "shift-jis": "cp932", "sjis": "cp932", "ks_c_5601-1987": "cp949", "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "cp50221": "iso-2022-jp",
}


class Undecodable(Exception):
    """The bytes can't be what their header says they are."""


class Field:
    def __init__(self, raw):
        match = FIELD.match(raw)
        self.raw = raw
        self.name = match.group(1).decode("ascii").lower()
        self.value = re.sub(rb"\r\n(?=[ \t])", b"", raw[match.end():]).strip(b" \t\r\n")

    def text(self):
        return self.value.decode("latin-1")


def to_crlf(data):
    """As Postfix takes a message: any line end becomes CRLF, the last is there."""
    data = re.sub(rb"\r?\n", b"\r\n", data)
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def split_header(entity):
    """(fields, bytes between header and body, body)"""
    fields, at = [], 0
    while at < len(entity):
        end = entity.find(b"\r\n", at)
        end = len(entity) if end < 0 else end + 2
        line = entity[at:end]
        if line == b"\r\n":
            return [Field(f) for f in fields], line, entity[end:]
        if line[:1] in b" \t" and fields:
            fields[-1] += line
        elif FIELD.match(line):
            fields.append(line)
        else:
            return [Field(f) for f in fields], b"", entity[at:]
        at = end
    return [Field(f) for f in fields], b"", b""


def parameters(value):
    """("type/subtype", {name: value}) of a structured field; names lower-case."""
    value = strip_comments(value)
    head, _, rest = value.partition(";")
    found = {}
    for match in re.finditer(r';?\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)', ";" + rest):
        text = match.group(2)
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        found.setdefault(match.group(1).lower(), text)
    return head.strip().lower(), found


def strip_comments(value):
    out, depth, quoted, i = [], 0, False, 0
    while i < len(value):
        c = value[i]
        if c == "\\" and i + 1 < len(value):
            if depth == 0:
                out.append(value[i:i + 2])
            i += 2
            continue
        if c == '"' and depth == 0:
            quoted = not quoted
        if not quoted and c == "(":
            depth += 1
        elif not quoted and c == ")" and depth > 0:
            depth -= 1
        elif depth == 0:
            out.append(c)
        i += 1
    return "".join(out)


class Part:
    """A leaf: where it lies, what it claims to be, and whether it may change.

    `keep` is why it must stay byte for byte (B1), or None; `sure` is False where
    the rules leave room, so that nothing is demanded of it.
    """

    def __init__(self, fields, gap, body, protected, digest):
        self.fields, self.gap, self.body = fields, gap, body
        self.keep, self.sure = None, True
        self.type, self.params = ("message/rfc822", {}) if digest else ("text/plain", {})
        named = {name: [f for f in fields if f.name == name]
                 for name in ("content-type", "content-transfer-encoding", "content-disposition")}
        if named["content-type"]:
            self.type, self.params = parameters(named["content-type"][0].text())
        cte = named["content-transfer-encoding"]
        self.encoding = strip_comments(cte[0].text()).strip().lower() if cte else ""
        self.classify(named, protected)

    def classify(self, named, protected):
        disposition, given = "", {}
        if named["content-disposition"]:
            disposition, given = parameters(named["content-disposition"][0].text())
        if protected:
            self.keep = "under a signature or encryption"
        elif any(len(f) > 1 for f in named.values()):
            self.keep = "a header field twice"
        elif self.type not in CHANGEABLE:
            self.keep, self.sure = "type " + self.type, "/" in self.type
        elif disposition not in ("", "inline"):
            self.keep = "attachment"
        elif self.encoding not in ENCODINGS:
            self.keep = "encoding " + self.encoding
        if self.keep is None and ("filename" in given or "name" in self.params or any("*" in p for p in self.params)):
            self.sure = False

    def charset(self):
        """Python's name of the charset, or None where the part passes through."""
        label = self.params.get("charset", "us-ascii").strip().lower()
        if label in KNOWN_LABELS:
            return KNOWN_LABELS[label]
        try:
            name = codecs.lookup(label).name
        except (LookupError, ValueError):
            return None
        if ASCII_BASED.match(name) or name in DOUBLE_BYTE:
            return name
        if re.match(r"utf|hz|iso2022", name):
            return None
        self.sure = False
        return name


class Tree:
    """All leaves in order, and the bytes between them as `glue`."""

    def __init__(self, fields, gap, body):
        self.leaves, self.glue, self.malformed = [], [], None
        self.walk(fields, gap, body, False, False, 0)

    def walk(self, fields, gap, body, protected, digest, depth):
        types = [f for f in fields if f.name == "content-type"]
        kind, params = parameters(types[0].text()) if types else ("", {})
        if not kind.startswith("multipart/"):
            self.leaves.append(Part(fields, gap, body, protected, digest and not types))
            self.glue.append(b"<leaf>")
            return
        if len(types) > 1:
            self.malformed = "Content-Type twice"
        boundary = params.get("boundary", "")
        if not boundary or depth > 60:
            self.malformed = "no boundary" if not boundary else "too deep"
            self.glue.append(body)
            return
        if depth > 0:
            self.glue.append(b"".join(f.raw for f in fields) + gap)
        protected = protected or kind in ("multipart/signed", "multipart/encrypted")
        self.children(body, boundary.encode("latin-1"), protected, kind == "multipart/digest", depth)

    def children(self, body, boundary, protected, digest, depth):
        mark = re.compile(rb"(?:^|(?<=\n))--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|$)")
        marks = []
        for match in mark.finditer(body):
            marks.append(match)
            if match.group(1):
                break
        if not marks or not marks[-1].group(1):
            self.malformed = "no closing boundary"
        if not marks:
            self.glue.append(body)
            return
        self.glue.append(body[:marks[0].start()])
        for this, after in zip(marks, marks[1:] + [None]):
            self.glue.append(this.group(0))
            if after is None:
                self.glue.append(body[this.end():])
                return
            part = body[this.end():after.start()]
            # The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
            tail = b"\r\n" if part.endswith(b"\r\n") else b""
            fields, gap, inner = split_header(part[:len(part) - len(tail)] if tail else part)
            self.walk(fields, gap, inner, protected, digest, depth + 1)
            self.glue.append(tail)


def decode_transfer(encoding, body):
    if encoding == "quoted-printable":
        if re.search(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r\n|[ \t]*$)", body):
            raise Undecodable("quoted-printable")
        body = re.sub(rb"[ \t]+(?=\r\n|$)", b"", body)
        body = re.sub(rb"=\r\n|=$", b"", body)
        return re.sub(rb"=([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), body)
    if encoding == "base64":
        packed = re.sub(rb"[ \t\r\n]", b"", body)
        if not re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", packed):
            raise Undecodable("base64")
        try:
            return base64.b64decode(packed, validate=True)
        except binascii.Error as error:
            raise Undecodable("base64") from error
    return body


def mask_escapes(data):
    """ISO-2022-JP (B4): ASCII only between ESC ( B or ( J and the next escape."""
    out, plain, at = [], True, 0
    for match in re.finditer(rb"\x1b(\([BJI]|\$[@B]|\$\([A-Z])", data):
        run = data[at:match.start()]
        out.append(run if plain else b"\x80" * len(run))
        out.append(b"\x80" * len(match.group(0)))
        plain = match.group(1) in (b"(B", b"(J")
        at = match.end()
    out.append(data[at:])
    masked = b"".join(out)
    if not plain or b"\x1b" in masked or re.search(rb"[\x80-\xff\x0e\x0f]", data):
        raise Undecodable("ISO-2022-JP")
    return masked


def mask_pairs(charset, data):
    """Double-byte charsets (B5): lead and trail are one character."""
    if charset in ("shift_jis", "cp932"):
        single, lead, trail = rb"[\xa1-\xdf]", rb"[\x81-\x9f\xe0-\xfc]", rb"[\x40-\x7e\x80-\xfc]"
    elif charset in ("gb2312", "gbk", "gb18030"):
        single, lead, trail = rb"\x80", rb"[\x81-\xfe]", rb"(?:[\x30-\x39][\x81-\xfe][\x30-\x39]|[\x40-\x7e\x80-\xfe])"
    else:
        single, lead, trail = rb"(?!)", rb"[\x81-\xfe]", rb"[\x41-\x5a\x61-\x7a\x40-\x7e\x81-\xfe]"
    masked = re.sub(rb"(?:" + lead + trail + rb"|" + single + rb")", lambda m: b"\x80" * len(m.group(0)), data)
    if re.search(rb"[\x81-\xff]", masked):
        raise Undecodable(charset)
    return masked


def mask(charset, data):
    """ASCII characters as they are, all else \\x80; raises Undecodable."""
    if charset == "iso-2022-jp":
        return mask_escapes(data)
    if charset in DOUBLE_BYTE:
        return mask_pairs(charset, data)
    if charset in ("utf-8", "ascii"):
        try:
            data.decode(charset)
        except UnicodeDecodeError as error:
            raise Undecodable(charset) from error
    return re.sub(rb"[\x80-\xff]", b"\x80", data)
