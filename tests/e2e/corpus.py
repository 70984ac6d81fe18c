#!/usr/bin/python3
"""Mail that others wrote, where a collection of it lies beside the project:
messages as they are; HTML pages wrapped in every charset that can hold them, in
every transfer encoding, alone and within multipart/alternative in multipart/mixed.
"""
import base64
import glob
import os
import quopri
import re
import sys

import passage
import sandbox

FOLDER = os.path.join(os.path.dirname(sandbox.SOURCE), "shared", "corpus")
CHARSETS = ("utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "iso-8859-1")
ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64")
HEAD = (b"From: News <news@example.com>\r\nTo: reader@example.net\r\nSubject: page\r\n"
        b"Date: Sun, 22 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n")


def crlf(data):
    return re.sub(rb"\r?\n", b"\r\n", data)


def encode(data, encoding):
    """The body in that encoding; None where it can't be."""
    if encoding == "base64":
        return crlf(base64.encodebytes(data))
    if encoding == "quoted-printable":
        lines = crlf(quopri.encodestring(data.replace(b"\r\n", b"\n")))
        return lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    if b"\0" in data or max(map(len, data.split(b"\r\n"))) > 998:
        return None
    if encoding == "7bit" and re.search(rb"[\x80-\xff]", data):
        return None
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def pages():
    """(name, message) for each page, charset, encoding and shape that can be."""
    for path in sorted(glob.glob(os.path.join(FOLDER, "html", "*.html"))):
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace")
        for charset in CHARSETS:
            try:
                data = crlf(text.encode(charset))
            except UnicodeEncodeError:
                continue
            for encoding in ENCODINGS:
                body = encode(data, encoding)
                if body is None:
                    continue
                name = f"{os.path.basename(path)[:-5]} {charset} {encoding}"
                part = (f"Content-Type: text/html; charset={charset}\r\n"
                        f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode() + body
                yield name + " alone", HEAD + part
                yield name + " nested", HEAD + (
                    b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n"
                    b"Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n"
                    b"Content-Type: text/plain; charset=us-ascii\r\n\r\nplain http://example.org/\r\n--inner\r\n"
                    + part + b"\r\n--inner--\r\n\r\n--outer\r\nContent-Type: application/octet-stream; name=x\r\n"
                    b"Content-Disposition: attachment; filename=x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                    b"AAECAwQ=\r\n--outer--\r\n")


def main():
    tap = sandbox.Tap()
    if not os.path.isdir(FOLDER):
        tap.ok(True, f"no mail of others in {FOLDER}: the project's own fixtures cover the same ground")
        tap.end()
    # Every way for everything takes an hour; by default the pages go two ways.
    ways = passage.WAYS if "--all" in sys.argv else (passage.WAYS[0], passage.WAYS[3])
    with sandbox.Sandbox() as box:
        run = passage.Passage(box, tap)
        for path in sorted(glob.glob(os.path.join(FOLDER, "messages", "*.eml"))):
            with open(path, "rb") as file:
                run.submit(os.path.basename(path), file.read(), ways=passage.WAYS[:4])
        for index, (name, message) in enumerate(pages()):
            run.submit(name, message, ways=ways if "--all" in sys.argv else ways[index % 2:index % 2 + 1])
        seen = run.check()
        tap.ok(seen["links"] > 1000, f"links were rewritten: {dict(seen)}", dict(seen))
    tap.end()


if __name__ == "__main__":
    main()
