#!/usr/bin/python3
"""The parts of the demo that read mail; its settings come from the sandbox's env.

    demo.py send FILE RECIPIENT...         by SMTP, as an application would (from $SENDER)
    demo.py diff FILE RECIPIENT            what went in against what came out
    demo.py verify RECIPIENT...            each signature, by python3-dkim
    demo.py link RECIPIENT                 the first click link of the copy
    demo.py click|open|leave RECIPIENT     what the reader's mail program sends to WEB
    demo.py report RECIPIENT               what the delivery report to the application says
    demo.py await COUNT COMMAND...         until its output has so many lines
    demo.py arrived DOMAIN                 recipients there that have their copy
"""
import difflib
import email
import email.header
import email.policy
import glob
import http.client
import json
import os
import re
import smtplib
import subprocess
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
        server.sendmail(os.environ.get("SENDER", "news@example.com"), recipients, message.read())


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


def find_link(recipient, kind):
    """The first link of a kind in the HTML of the copy, or in its List-Unsubscribe."""
    message = email.message_from_bytes(read(find_copy(recipient) + ".eml"))
    if kind == "u":
        return re.search(r"<(https:[^>]*)>", message["List-Unsubscribe"]).group(1)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            found = re.search(f"{re.escape(os.environ['BASE_URL'])}/{kind}/[A-Za-z0-9_.-]+".encode(),
                              part.get_payload(decode=True))
            if found:
                return found.group().decode("ascii")
    sys.exit("demo: no link in the copy")


def link(recipient):
    print(find_link(recipient, "c"))


def request(method, url, body=None):
    """To the web endpoint, which answers for BASE_URL; nothing leaves the machine."""
    path = url[len(os.environ["BASE_URL"]):]
    connection = http.client.HTTPConnection(os.environ["WEB"].split("//")[1], timeout=PATIENCE)
    headers = {"Host": os.environ["BASE_URL"].split("//")[1],
               "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    response.read()
    print(f"   {method + ' ' + shorten(path):44} {response.status} {response.reason}"
          + (f", Location: {response.headers['Location']}" if response.headers["Location"] else ""))


def click(recipient):
    request("GET", find_link(recipient, "c"))


def open_mail(recipient):
    request("GET", find_link(recipient, "o"))


def leave(recipient):
    request("POST", find_link(recipient, "u"), "List-Unsubscribe=One-Click")


def report(recipient):
    """What the delivery report about a recipient says; waits for it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for path in glob.glob(os.path.join(os.environ["SINK"], "*.eml")):
            text = read(path).decode("utf-8", "replace")
            said = re.search(r"Diagnostic-Code: smtp; (.*?)(?=\r?\n\S|\r?\n\r?\n)", text, re.DOTALL)
            if said and f"Final-Recipient: rfc822; {recipient}" in text:
                for line in textwrap.wrap(" ".join(said.group(1).split()), 96):
                    print("   " + line)
                return
        time.sleep(0.05)
    sys.exit(f"demo: no report about {recipient} after {PATIENCE} s")


def await_lines(count, *command):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        output = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.decode()
        if len(output.splitlines()) >= int(count):
            return
        time.sleep(0.05)
    sys.exit(f"demo: {' '.join(command)}: not {count} lines after {PATIENCE} s")


def arrived(domain):
    found = set()
    for path in glob.glob(os.path.join(os.environ["SINK"], "*.json")):
        with open(path, encoding="utf-8") as envelope:
            found.update(r for r in json.load(envelope)["rcpt_to"] if r.endswith("@" + domain))
    print("\n".join(sorted(found)))


if __name__ == "__main__":
    {"send": send, "diff": diff, "verify": verify, "link": link, "click": click, "open": open_mail, "leave": leave,
     "report": report, "await": await_lines, "arrived": arrived}[sys.argv[1]](*sys.argv[2:])
