#!/usr/bin/python3
"""The parts of the demo that read mail; its settings come from the sandbox's env.

    demo.py send FILE RECIPIENT...         by SMTP, as an application would
    demo.py diff FILE RECIPIENT            what went in against what came out
    demo.py verify RECIPIENT...            each signature, by python3-dkim
    demo.py link RECIPIENT                 the first click link of the copy
"""
import difflib
import email
import email.header
import email.policy
import glob
import json
import os
import re
import smtplib
import sys
import textwrap
import time

import dkim

PATIENCE = 30
SHOWN = 6  # characters of a token or a hash that are shown, of each end
COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"} if sys.stdout.isatty() else {}


def send(file, *recipients):
    host, port = os.environ["SMTP"].split(":")
    with open(file, "rb") as message, smtplib.SMTP(host, int(port), timeout=PATIENCE) as server:
        server.sendmail("news@example.com", recipients, message.read())


def find_copy(recipient):
    """The path of the copy at the sink, without its ending; waits for it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for path in glob.glob(os.path.join(os.environ["SINK"], "*.json")):
            with open(path, encoding="utf-8") as envelope:
                if recipient in json.load(envelope)["rcpt_to"]:
                    return path[:-len(".json")]
        time.sleep(0.05)
    sys.exit(f"demo: no copy for {recipient} after {PATIENCE} s")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def decode_words(value):
    """Encoded words as characters; folding undone."""
    value = re.sub(r"\r?\n[ \t]*", " ", value)
    words = email.header.decode_header(value)
    return "".join(w if isinstance(w, str) else w.decode(c or "ascii", "replace") for w, c in words).strip()


def abridge(text):
    return text[:SHOWN] + "..." + text[-SHOWN:] if any(c.isdigit() for c in text) else text


def shorten(line):
    """Tokens and hashes are long and say nothing to the eye; nor do numbers of characters."""
    line = re.sub(r"[A-Za-z0-9_=-]{50,}", lambda m: abridge(m.group()), line)
    return re.sub(r"&#([0-9]+);", lambda m: chr(int(m.group(1))), line)


def field_lines(message):
    for name, value in message.raw_items():
        if name.lower() in ("received", "content-type", "content-transfer-encoding"):
            continue
        if name == "DKIM-Signature":
            tags = dict(tag.split("=", 1) for tag in re.sub(r"\s", "", value).split(";") if "=" in tag)
            value = f"a={tags['a']}; d={tags['d']}; s={tags['s']}; c={tags['c']}; b={abridge(tags['b'])}"
        yield from textwrap.wrap(shorten(f"{name}: {decode_words(value)}"), 100, subsequent_indent="    ",
                                 break_long_words=False, break_on_hyphens=False)


def readable(raw):
    """Header fields and parts as a reader's program decodes them."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    lines = list(field_lines(message))
    for part in message.walk():
        if part.is_multipart():
            continue
        charset = part.get_content_charset("ascii")
        lines += ["", f"[{part.get_content_type()}, {charset}, {part.get('Content-Transfer-Encoding', '7bit')}]"]
        text = part.get_payload(decode=True).decode(charset, "replace")
        lines += [shorten(line) for line in text.rstrip().splitlines()]
    return lines


def diff(file, recipient):
    old, new = readable(read(file)), readable(read(find_copy(recipient) + ".eml"))
    for line in list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]:
        if line.startswith("@@"):
            print()
            continue
        colour = COLOURS.get(line[:1], "")
        print(f"   {colour}{line}{colour and chr(27) + '[0m'}")


def look_up(name, timeout=5):
    del timeout  # the sandbox's DNS is a folder
    with open(os.path.join(os.environ["DKIM_DNS"], name.decode("ascii").rstrip(".")), "rb") as record:
        return record.read().strip()


def verify(*recipients):
    all_good = True
    for recipient in recipients:
        raw = read(find_copy(recipient) + ".eml")
        signatures = email.message_from_bytes(raw).get_all("DKIM-Signature", [])
        all_good &= len(signatures) > 0
        for index, value in enumerate(signatures):
            good = dkim.DKIM(raw).verify(index, dnsfunc=look_up)
            all_good &= good
            algorithm = re.search(r"a=([a-z0-9-]+)", value).group(1)
            print(f"   {recipient:26} {algorithm:15} {'valid' if good else 'NOT VALID'}")
    sys.exit(0 if all_good else 1)


def link(recipient):
    message = email.message_from_bytes(read(find_copy(recipient) + ".eml"))
    for part in message.walk():
        if part.get_content_type() == "text/html":
            found = re.search(re.escape(os.environ["BASE_URL"].encode()) + rb"/c/[A-Za-z0-9_-]+",
                              part.get_payload(decode=True))
            if found:
                print(found.group().decode("ascii"))
                return
    sys.exit("demo: no link in the copy")


if __name__ == "__main__":
    {"send": send, "diff": diff, "verify": verify, "link": link}[sys.argv[1]](*sys.argv[2:])
