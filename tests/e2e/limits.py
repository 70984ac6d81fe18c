#!/usr/bin/python3
"""Huge, deep, malformed and empty mail: an answer each time, what is taken
verifies and keeps what must be kept, memory stays under a ceiling, and another
client's ordinary mail is not kept waiting.

The ceiling: what the milter has when it starts to serve (with a margin for
threads and allocator), and FACTOR octets for each octet of a message at hand.
milter.memory counts four times the body (todoku.conf(5)), so that is the factor.
"""
import base64
import json
import os
import multiprocessing
import random
import re
import smtplib
import statistics
import time

import dkim

import compare
import sandbox

BASE_KB = 48 * 1024  # over what the milter has at rest
FACTOR = 4
DEEPEST = 64  # levels of parts in which links are rewritten; below, they stay
MEGA = 1 << 20
LARGE = 25 * MEGA
# An ordinary message beside a large one may take so many times its time at rest,
# and the second that a process may wait for one of two busy cores.
SLOWER, LEAST = 20, 1.0

HEAD = (b"From: News <news@example.com>\r\nTo: reader@example.net\r\nSubject: limits\r\n"
        b"Date: Sun, 22 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n")
HTML = b"Content-Type: text/html; charset=utf-8\r\n"
ORDINARY = HEAD + HTML + b'\r\n<p>Hello</p>\r\n<a href="https://shop.example.org/">shop</a>\r\n'


def html(body):
    return HEAD + HTML + b"\r\n" + body


def mixed(parts, boundary=b"b"):
    return (HEAD + b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" +
            b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n")


def large_html():
    """25 MB in one part, with links at its beginning, middle and end."""
    line = b"<p>" + b"x" * 70 + b"</p>\r\n"
    half = line * (LARGE // 2 // len(line))
    return html(b'<body>\r\n<a href="https://a.example.org/?1&amp;2">1</a>\r\n' + half +
                b"<a href='https://b.example.org/'>2</a>\r\n" + half +
                b"<a href=https://c.example.org/>3</a>\r\n</body>\r\n")


def large_attachment():
    data = base64.encodebytes(random.Random(1).randbytes(LARGE * 3 // 4)).replace(b"\n", b"\r\n")
    return mixed([HTML + b'\r\n<a href="https://shop.example.org/">shop</a>\r\n',
                  b"Content-Type: application/octet-stream; name=x\r\nContent-Disposition: attachment\r\n"
                  b"Content-Transfer-Encoding: base64\r\n\r\n" + data])


def many_links(count=10000):
    return html(b"".join(b'<a href="https://shop.example.org/item?n=%d&amp;of=%d#x">%d</a>\r\n' % (n, count, n)
                         for n in range(count)))


def many_parts(count=1000):
    return mixed([HTML + b'\r\n<a href="https://shop.example.org/%d">%d</a>\r\n' % (n, n) if n % 2 else
                  b"Content-Type: application/octet-stream\r\n\r\nkept %d\r\n" % n for n in range(count)])


def deep(levels=200):
    """A part that may be changed beside each of the nested ones."""
    inner = HTML + b'\r\n<a href="https://shop.example.org/bottom">bottom</a>\r\n'
    for level in range(levels):
        mark = b"level%d" % level
        inner = (b"Content-Type: multipart/mixed; boundary=" + mark + b"\r\n\r\n--" + mark + b"\r\n" + HTML +
                 b'\r\n<a href="https://shop.example.org/%d">up</a>\r\n--' % level + mark + b"\r\n" + inner +
                 b"\r\n--" + mark + b"--\r\n")
    return HEAD + inner


def with_header(line):
    return HEAD + line + b"\r\n" + ORDINARY[len(HEAD):]


# What arrives for each: "rules" are those of compare.py; of what Postfix itself
# changes on the way to the milter only the signatures and what is said there.
CASES = (
    ("25 MB of text/html in one part", large_html, "targets"),
    ("25 MB of attachment", large_attachment, "attachment"),
    ("10,000 links", many_links, "rules"),
    ("1,000 MIME parts", many_parts, "rules"),
    ("200 levels of nesting", deep, "deep"),
    ("a header line of 1 MB", lambda: with_header(b"X-Long: " + b"h" * MEGA), "signatures"),
    ("10,000 header fields", lambda: with_header(b"\r\n".join(b"X-F%d: v" % n for n in range(10000))), "rules"),
    ("25,000 header fields", lambda: with_header(b"\r\n".join(b"X-F%d: v" % n for n in range(25000))), "552 5.3.4"),
    ("NULs in the body", lambda: html(b'a\0b\r\n<a href="https://shop.example.org/">\0</a>\r\n\0\0\r\n'), "rules"),
    ("bare CRs in the body", lambda: html(b'a\rb\r\n<a\rhref="https://shop.example.org/">x</a>\rc\r\n'), "rules"),
    ("lines of 5,000 octets", lambda: html((b"y" * 5000 + b"\r\n") * 20 +
                                           b'<a href="https://shop.example.org/">x</a>' + b"z" * 5000 + b"\r\n"), "rules"),
    ("an attachment with lines of 5,000 octets",
     lambda: mixed([HTML + b'\r\n<a href="https://shop.example.org/">x</a>\r\n',
                    b"Content-Type: application/octet-stream\r\n\r\n" + b"k" * 5000 + b"\r\n"]), "rules"),
    ("an empty message", lambda: b"", "signatures"),
    ("headers only", lambda: HEAD, "rules"),
    ("an empty HTML part", lambda: html(b"\r\n"), "rules"),
    ("one < after another", lambda: html(b"<" * MEGA + b"\r\n"), "signatures"),
    ("one open <a after another", lambda: html(b'<a href="https://x.example.org/" ' * 20000 + b"\r\n"), "signatures"),
    ("tags open a hundred thousand deep", lambda: html(b"<div>" * 100000 + b"\r\n"), "signatures"),
)


class Meter:
    """The milter's memory: its greatest since the last reset."""

    def __init__(self, box):
        self.box, self.rest = box, 0
        self.reset()
        self.rest = self.peak()

    def peak(self):
        with open(f"/proc/{self.box.pid()}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s*(\d+) kB", status.read()).group(1))

    def reset(self):
        with open(f"/proc/{self.box.pid()}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")


def submit(box, message, recipient):
    """None where it is taken, else the refusal."""
    try:
        box.smtp(message, [recipient], where="SMTP_INLINE")
    except smtplib.SMTPResponseException as error:
        return f"{error.smtp_code} {error.smtp_error.decode(errors='replace')}"
    except (smtplib.SMTPException, OSError) as error:
        return f"no answer: {error!r}"
    return None


class Large:
    """A message under way in a process of its own, so that this one's measure of
    time is not that of its own work."""

    def __init__(self, box, message, recipient):
        self.said, said = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=lambda: said.send(submit(box, message, recipient)), daemon=True)
        self.process.start()
        said.close()

    def under_way(self):
        return not self.said.poll()

    def answer(self):
        try:
            return self.said.recv() if self.said.poll(sandbox.PATIENCE) else "no answer"
        except EOFError:
            return "the client ended"
        finally:
            self.process.kill()
            self.process.join()


def verify(copy, folder):
    """Both signatures, by dkimpy."""
    def look_up(name, timeout=5):
        with open(os.path.join(folder, name.decode().rstrip(".")), "rb") as record:
            return record.read().strip()

    header = copy.partition(b"\r\n\r\n")[0]
    count = len(re.findall(rb"(?mi)^DKIM-Signature:", header))
    bad = [f"signature {n} fails" for n in range(count) if not dkim.DKIM(copy, minkey=1024).verify(n, dnsfunc=look_up)]
    return bad + ([] if count == 2 else [f"{count} signatures"])


class Limits:
    def __init__(self, box, tap):
        self.box, self.tap, self.meter = box, tap, Meter(box)
        self.show, self.keys = compare.Shower(box.env["TODOKU"]), {}
        self.used = 0.0  # greatest share of the ceiling

    def by_rules(self, message, number, envelope, recipient):
        options = compare.for_list("news", show=self.show, base_url=self.box.env["BASE_URL"],
                                   dkim_dns=self.box.env["DKIM_DNS"], address_keys=self.keys)
        return compare.check(message, self.box.copy(number), envelope, recipient, options)

    def by_targets(self, message, number, want_links):
        """With our links made what they lead to, and what was added taken away, the
        body is the original's: for what is too large for a reader in Python."""
        body = self.box.copy(number).partition(b"\r\n\r\n")[2]
        base = re.escape(self.box.env["BASE_URL"]).encode()
        links = re.findall(base + rb"/c/[\w-]+", body)
        said = self.show([link.decode() for link in links])
        for link, tells in zip(links, said):
            body = body.replace(link, tells.get("target", "?").replace("&", "&amp;").encode())
        body, footers = re.subn(rb"<div\b[^>]*>(?:(?!</?div\b).)*?" + base + rb"/u/(?:(?!</?div\b).)*</div>(?:\r\n)?",
                                b"", body, flags=re.S)
        body, pixels = re.subn(rb"<img\b[^>]*" + base + rb"/o/[^>]*>", b"", body)
        failures = [] if body == message.partition(b"\r\n\r\n")[2] else ["B2: the body differs beyond links and additions"]
        if (len(links), footers, pixels) != (want_links, 1, 1):
            failures.append(f"{len(links)} links, {footers} footers, {pixels} pixels")
        return failures

    def check_copy(self, message, how, recipient):
        number, envelope = self.box.arrived_for([recipient])[recipient]
        copy = self.box.copy(number)
        if how == "rules":
            return self.by_rules(message, number, envelope, recipient)
        failures = verify(copy, self.box.env["DKIM_DNS"])
        if how == "targets":
            failures += self.by_targets(message, number, 3)
        if how == "deep":
            failures += self.by_targets(message, number, DEEPEST)
        if how == "attachment":
            want, got = (m.partition(b"octet-stream")[2] for m in (message, copy))
            failures += [] if want == got and want else ["B1: the attachment was changed"]
        if not envelope["mail_from"].startswith("b+"):
            failures.append(f"return path {envelope['mail_from']}")
        return failures

    def ordinary(self, recipient):
        """How long an ordinary message takes, and why it was refused."""
        started = time.monotonic()
        refusal = submit(self.box, ORDINARY, recipient)
        return time.monotonic() - started, refusal

    def beside(self, message, index):
        """(answer to the message, [(time, refusal) of others meanwhile])."""
        large, others = Large(self.box, message, f"limit-{index}@reader.example.net"), []
        while not others or large.under_way():
            others.append(self.ordinary(f"while-{index}-{len(others)}@neighbour.example.net"))
        return large.answer(), others

    def check(self, index, name, make, how):
        message = make()
        rest = statistics.median(self.ordinary(f"rest-{n}@neighbour.example.net")[0] for n in range(9))
        pid = self.box.pid()
        self.meter.reset()
        refusal, others = self.beside(message, index)
        peak, ceiling = self.meter.peak(), self.meter.rest + BASE_KB + FACTOR * len(message) // 1024
        self.used = max(self.used, peak / ceiling)
        self.tap.ok(self.box.pid() == pid, f"{name}: the milter lives")
        self.tap.ok(peak < ceiling, f"{name}: memory {peak} kB, under {ceiling} kB", f"{self.meter.rest} kB at rest")
        slowest, refused = max(took for took, _ in others), [why for _, why in others if why]
        self.tap.ok(not refused and slowest < max(LEAST, SLOWER * rest),
                    f"{name}: {len(others)} other messages meanwhile, the slowest in {slowest:.3f} s "
                    f"({rest:.3f} s at rest)", "\n".join(refused))
        if how[0].isdigit():
            self.tap.ok(refusal is not None and refusal.startswith(how), f"{name}: refused with {how}", refusal)
        elif self.tap.ok(refusal is None, f"{name}: accepted", refusal):
            failures = self.check_copy(message, how, f"limit-{index}@reader.example.net")
            self.tap.ok(not failures, f"{name}: verifies, and is as it should be", "\n".join(failures))

    def check_many_recipients(self, count=300):
        recipients = [f"many-{n}@reader.example.net" for n in range(count)]
        self.meter.reset()
        self.box.smtp(ORDINARY, recipients)
        arrived = self.box.arrived_for(recipients)
        failures = [f"{r}: {e['rcpt_to']}" for r, (_, e) in arrived.items() if e["rcpt_to"] != [r]]
        for recipient, (number, envelope) in arrived.items():
            failures += self.by_rules(ORDINARY, number, envelope, recipient)
        self.tap.ok(not failures and len({n for n, _ in arrived.values()}) == count,
                    f"{count} recipients: {count} personal copies", "\n".join(failures))
        peak = self.meter.peak()
        self.tap.ok(peak < self.meter.rest + BASE_KB, f"{count} recipients: memory {peak} kB")
        # In one go: shared links (B13), one record for each.
        shared = [f"shared-{n}@reader.example.net" for n in range(count)]
        message = b"X-Todoku-Campaign: shared\r\n" + ORDINARY
        self.box.smtp(message, shared, where="SMTP_INLINE")
        copies = {n for n, _ in self.box.arrived_for(shared).values()}
        failures = [f for n in copies for f in verify(self.box.copy(n), self.box.env["DKIM_DNS"])]
        shown = self.box.todoku("--json", "send", "show", "shared").stdout.splitlines()
        self.tap.ok(not failures and sorted(json.loads(line)["address"] for line in shown) == sorted(shared),
                    f"{count} recipients inline: verifies, {count} records", f"{len(shown)} records", "\n".join(failures))


def check_refused(tap):
    """Over milter.max_message: said so at once, and by name."""
    with sandbox.Sandbox('milter { max_message = "1M" }\n') as box:
        line = b"<p>" + b"x" * 70 + b"</p>\r\n"
        refusal = submit(box, html(line * (2 * MEGA // len(line))), "large@reader.example.net")
        tap.ok(refusal is not None and refusal.startswith("552 5.3.4"), "over milter.max_message: 552 5.3.4", refusal)
        tap.ok(refusal is not None and "max_message" in refusal, "over milter.max_message: the answer names the option",
               refusal)
        refusal = submit(box, html(line * (MEGA // 2 // len(line))), "small@reader.example.net")
        tap.ok(refusal is None, "under milter.max_message: accepted", refusal)
        box.smtp(html(line * (2 * MEGA // len(line))), ["split@reader.example.net"])
        number, _ = box.arrived_for(["news@example.com"])["news@example.com"]
        tap.ok(b"5.3.4" in box.copy(number), "over milter.max_message, split: the sender gets a report with 5.3.4")
        tap.ok([e["rcpt_to"] for n, e in box.copies().items() if n != number] == [["small@reader.example.net"]],
               "over milter.max_message: nothing else arrives", box.copies())


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox() as box:
        limits = Limits(box, tap)
        # The first of its kind brings in code and threads.
        box.smtp(ORDINARY, ["first@reader.example.net"], where="SMTP_INLINE")
        for index, case in enumerate(CASES):
            limits.check(index, *case)
        limits.check_many_recipients()
        print(f"# at most {limits.used:.0%} of the ceiling was used", flush=True)
    check_refused(tap)
    tap.end()


if __name__ == "__main__":
    main()
