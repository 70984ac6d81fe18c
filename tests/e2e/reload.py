#!/usr/bin/python3
"""A running milter: reload with good and bad files, a rotated key ring, stop under
load, a DKIM record that disappears (D6), a locked store, clients that aren't
trusted and logins that are.
"""
import collections
import json
import os
import re
import signal
import smtplib
import sqlite3
import time

import compare
import kill
import sandbox

CONF = """
dkim_policy { dns_interval = "1s" }
store { busy_timeout = "1s" }
list "app" {
  sasl_login = { "app1" }
  list_id    = "app.example.com"
  stream     = "main"
}
"""
STOP_SECONDS = 8
READY = "event=ready"

MESSAGE = (b"From: News <news@example.com>\r\nTo: reader@example.net\r\nSubject: reload\r\n"
           b"Date: Sun, 22 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: text/html; charset=utf-8\r\n\r\n"
           b'<p>Hello</p><a href="https://shop.example.org/">shop</a>\r\n')
BODY = MESSAGE.partition(b"\r\n\r\n")[2]


class Bench:
    """The sandbox under test, its configuration file, and counters of its log."""

    def __init__(self, box, tap):
        self.box, self.tap, self.number = box, tap, 0
        self.show, self.keys = compare.Shower(box.env["TODOKU"]), {}
        with open(box.env["CONF"], encoding="utf-8") as file:
            self.conf = file.read()

    def write(self, added="", **options):
        """The file with more at its end, and other values of options."""
        conf = self.conf
        for name, value in options.items():
            conf = re.sub(rf'(?m)^{name}( *)= .*', rf'{name}\1= "{value}"', conf)
        with open(self.box.env["CONF"], "w", encoding="utf-8") as file:
            file.write(conf + added)

    def lines(self, text):
        return self.box.log().count(text)

    def await_line(self, text, count):
        sandbox.wait_for(f"{count} lines with {text}", lambda: self.lines(text) >= count)

    def hang_up(self, event="event=reloaded"):
        """SIGHUP, until the log tells of it."""
        before = self.lines(event)
        self.box.kill(number=signal.SIGHUP)
        self.await_line(event, before + 1)

    def reload(self, added=""):
        """Of all who have to know the lists."""
        self.write(added)
        self.hang_up()
        before = self.box.log("todoku-policyd").count("event=reloaded")
        self.box.kill("todoku-policyd", number=signal.SIGHUP)
        sandbox.wait_for("policyd's reload", lambda: self.box.log("todoku-policyd").count("event=reloaded") > before)

    def recipients(self, count=1):
        self.number += 1
        return [f"r{self.number}-{n}@reader.example.net" for n in range(count)]

    def send(self, message=MESSAGE, where="SMTP", sender="news@example.com", count=1, **options):
        """Sends and returns {recipient: (number, envelope)}."""
        recipients = self.recipients(count)
        self.box.smtp(message, recipients, sender, where, **options)
        return self.box.arrived_for(recipients)

    def copy(self, **options):
        """(bytes, envelope) of one copy."""
        (number, envelope), = self.send(**options).values()
        return self.box.copy(number), envelope

    def rules(self, arrived, message=MESSAGE):
        failures = []
        for recipient, (number, envelope) in arrived.items():
            options = compare.for_list("news", show=self.show, base_url=self.box.env["BASE_URL"],
                                       dkim_dns=self.box.env["DKIM_DNS"], address_keys=self.keys)
            failures += compare.check(message, self.box.copy(number), envelope, recipient, options)
        return failures

    def records(self, campaign):
        run = self.box.todoku("--json", "send", "show", campaign, check=False)
        return collections.Counter(json.loads(line)["address"] for line in run.stdout.splitlines())

    def temporary(self, message=MESSAGE, where="SMTP_INLINE"):
        """The 4xx that a submission gets; None where it is taken."""
        try:
            self.box.smtp(message, self.recipients(), where=where)
        except smtplib.SMTPResponseException as error:
            return f"{error.smtp_code} {error.smtp_error.decode(errors='replace')}"
        return None


def check_good_file(bench, tap):
    news = bench.conf[bench.conf.index('list "news"'):].partition("\n}\n")[0]
    bench.reload(news + '\n  footer_contact = "call-0312345678"\n}\n'
                 'list "late" { sender = { "late@example.com" } list_id = "late.example.com" stream = "main" }\n')
    copy, _ = bench.copy()
    tap.ok(b"call-0312345678" in copy, "reload: the footer's new text is in the next message", copy)
    copy, _ = bench.copy(sender="late@example.com")
    tap.ok(b"late.example.com" in copy and b"/c/" in copy, "reload: a new list's mail is treated", copy)
    bench.reload()
    copy, _ = bench.copy()
    tap.ok(b"call-0312345678" not in copy, "reload: back again")
    tap.ok(not bench.rules(bench.send()), "reload: every rule holds afterwards")


def check_bad_file(bench, tap):
    """Each fault is logged with file and line; what ran goes on."""
    pid, lines, before = bench.box.pid(), bench.conf.count("\n"), bench.lines("event=reloaded")
    bench.write('list "bad" { footer = "sometimes" stream = "none" }\nnonsense = 1\n', timezone="Asia/Tokio")
    bench.hang_up("event=reload_refused")
    # The command reads the same file.
    bench.write()
    reasons = re.findall(r"event=reload_refused reason=(.*)", bench.box.log())
    for line, what in ((2, "Asia/Tokio"), (lines + 1, "sometimes"), (lines + 2, "nonsense")):
        tap.ok(any(f"todoku.conf:{line}:" in r and what in r for r in reasons),
               f"bad file: the log names file, line and {what}", *reasons)
    tap.ok(not bench.rules(bench.send()), "bad file: mail flows as before")
    bench.write(token_keys="/nonexistent/token.keys")
    bench.hang_up("event=reload_refused")
    tap.ok(re.search(r"reload_refused reason=.*/nonexistent/token.keys", bench.box.log()), "bad file: a lost key ring is named")
    os.unlink(bench.box.env["CONF"])
    bench.hang_up("event=reload_refused")
    bench.write()
    tap.ok(not bench.rules(bench.send()), "bad file: none at all, and mail flows")
    tap.ok(bench.lines("event=reloaded") == before and bench.box.pid() == pid, "bad file: the milter lives, nothing was loaded")
    bench.reload()


def check_many_signals(bench, tap):
    """libmilter has a thread that takes SIGHUP for an order to stop, and gets it
    where the main thread has another signal at hand."""
    pid, before = bench.box.pid(), bench.lines("event=totals")
    for _ in range(50):
        os.kill(pid, signal.SIGHUP)
    tap.ok(not bench.rules(bench.send()), "fifty SIGHUPs: mail flows")
    for _ in range(200):
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGHUP)
        # A line for it: so the next pair comes to a main thread that waits.
        bench.await_line("event=totals", before + 1)
        before = bench.lines("event=totals")
    bench.hang_up()
    tap.ok(not bench.rules(bench.send(where="SMTP_INLINE")), "SIGUSR1 and SIGHUP in one go, 200 times: mail flows")
    tap.ok(bench.box.pid() == pid, "none of them ends the milter")


def check_rotation(bench, tap):
    def key_of(links):
        return {said.get("key") for said in bench.show(links)}

    def links_of(copy, envelope):
        return [x.decode() for x in re.findall(rb"https://t\.example\.com/[cou]/[^\s\"<>]+", copy)] + [envelope["mail_from"]]

    old = links_of(*bench.copy())
    bench.box.todoku("key", "rotate")
    between = links_of(*bench.copy())
    tap.ok(key_of(between) == key_of(old) and len(key_of(old)) == 1, "rotated ring: no key before the reload but the old one")
    bench.reload()
    new = links_of(*bench.copy())
    tap.ok(len(key_of(new)) == 1 and not key_of(new) & key_of(old), "rotated ring: new links by the new key",
           key_of(old), key_of(new))
    # Asked anew: nothing of what was known before.
    again = compare.Shower(bench.box.env["TODOKU"])
    tap.ok(len(old) >= 4 and all(said["valid"] for said in again(old + between + new)), "rotated ring: old links verify")
    # A return path of the old key says that a message has been through.
    copy, _ = bench.copy(sender=old[-1])
    tap.ok(b"DKIM-Signature" not in copy and copy.endswith(BODY), "rotated ring: an old return path is known as ours", copy)


def check_stop(bench, tap):
    """SIGTERM under load: ends soon, nothing lost, nothing twice."""
    box = bench.box
    for where, campaign in (("SMTP", "stopped"), ("SMTP_INLINE", "stoppedinline")):
        messages, recipients, jobs = kill.prepare(campaign, 400, 1)
        sink = kill.Sink(box)
        start, took = sink.arrived(), []
        with kill.Courier(box, where, jobs):
            for part in (1, 2):
                sandbox.wait_for("mail under way", lambda at=start + part * 120: sink.arrived() >= at)
                pid, ready, began = box.pid(), bench.lines(READY), time.monotonic()
                os.kill(pid, signal.SIGTERM)
                sandbox.wait_for("its end", lambda gone=pid: not os.path.exists(f"/proc/{gone}"))
                took.append(time.monotonic() - began)
                bench.await_line(READY, 1 if ready == 0 else ready + 1)
        kill.queue_is_empty(box, sink, start + len(recipients))
        tap.ok(max(took) < STOP_SECONDS, f"{where}, SIGTERM under load: ends within {max(took):.2f} s")
        tap.ok("supervise: ended with status 0" in box.log() and not re.search(r"ended with status [1-9]", box.log()),
               f"{where}, SIGTERM under load: ends with status 0", *re.findall(r"supervise: .*", box.log()))
        kill.Outcome(box, tap, campaign, recipients, messages).check(f"{where}, SIGTERM under load", sorted(recipients)[:40])


def waits(box, recipients, reason):
    """Are they all in the queue, put off for that reason?"""
    delayed = {r["address"]: r.get("delay_reason", "") for m in box.queue() for r in m["recipients"]}
    return all(re.search(reason, delayed.get(r, "")) for r in recipients)


def check_dkim_record(bench, tap):
    """A key whose record is gone isn't used: the mail waits (D6)."""
    box, record = bench.box, os.path.join(bench.box.env["DKIM_DNS"], "s2026a._domainkey.example.com")
    recipients, absent = bench.recipients(2), bench.lines("selector=s2026a dns=absent")
    with open(record, "rb") as file:
        good = file.read()
    os.rename(record, record + ".away")
    bench.await_line("selector=s2026a dns=absent", absent + 1)
    box.smtp(MESSAGE, recipients)
    sandbox.wait_for("deferred mail", lambda: waits(box, recipients, "s2026a"))
    tap.ok(True, "DKIM record gone: mail waits, for that reason")
    answer = bench.temporary()
    tap.ok(answer and re.match("4.. .*s2026a", answer), "DKIM record gone, inline: 4xx that names the record", answer)
    with open(record, "wb") as file:
        file.write(re.sub(rb"p=.{8}", b"p=AAAAAAAA", good))
    bench.await_line("selector=s2026a dns=differs", 1)
    answer = bench.temporary()
    tap.ok(answer and re.match("4.. .*differs", answer), "another key in the DKIM record: 4xx", answer)
    early = set(recipients) & {r for e in box.copies().values() for r in e["rcpt_to"]}
    os.rename(record + ".away", record)
    arrived = box.arrived_for(recipients)
    tap.ok(not early and not bench.rules(arrived), "DKIM record back: delivered, signed and whole", early)


def names(copy):
    return {name.lower() for name in re.findall(rb"(?m)^([A-Za-z-]+):", copy.partition(b"\r\n\r\n")[0])}


def check_strangers(bench, tap):
    """Control headers are honoured from trusted clients only, and never leave."""
    origins = re.findall(rb"X-Todoku-Origin: (\S+)", bench.copy(message=b"X-Todoku-List: news\r\n" + MESSAGE)[0])
    tap.ok(not origins, "no origin leaves the host")
    forged = (b"X-Todoku-List: news\r\nX-Todoku-Campaign: forged\r\nX-Todoku-Origin: " + b"A" * 60 +
              b"\r\nx-todoku-origin: AAAAAAABAAAA\r\nX-TODOKU-Anything: x\r\n" + MESSAGE)
    for where in ("SMTP", "SMTP_INLINE"):
        for message, what in ((forged, "forged control headers"), (MESSAGE, "a list's sender")):
            copy, envelope = bench.copy(message=message, where=where, xclient="ADDR=198.51.100.7")
            tap.ok(not names(copy) & {b"dkim-signature", b"list-unsubscribe", b"list-id"} and copy.endswith(b"\r\n\r\n" + BODY)
                   and envelope["mail_from"] == "news@example.com",
                   f"{where}, a client that isn't trusted, {what}: neither treated nor signed", copy)
            tap.ok(not any(name.startswith(b"x-todoku-") for name in names(copy)),
                   f"{where}, a client that isn't trusted, {what}: no control header leaves", names(copy))
        copy, envelope = bench.copy(message=forged, where=where)
        tap.ok({b"dkim-signature", b"list-id"} <= names(copy) and not any(n.startswith(b"x-todoku-") for n in names(copy)),
               f"{where}, a trusted client: treated, and no control header leaves", names(copy))
    tap.ok(sum(bench.records("forged").values()) == 2, "records for the trusted client alone", bench.records("forged"))


def check_login(bench, tap):
    for where in ("SMTP", "SMTP_INLINE"):
        copy, envelope = bench.copy(where=where, sender="someone@example.com", xclient="ADDR=198.51.100.7 LOGIN=app1")
        tap.ok(b"app.example.com" in copy and b"DKIM-Signature" in copy and envelope["mail_from"].startswith("b+"),
               f"{where}, a login from afar: its list's mail is treated", copy)
        copy, envelope = bench.copy(where=where, sender="someone@example.com", xclient="ADDR=198.51.100.7 LOGIN=app2")
        tap.ok(b"app.example.com" not in copy and envelope["mail_from"] == "someone@example.com",
               f"{where}, another login: no list", copy)


class Lock:
    """Another process that holds the store."""

    def __init__(self, box):
        with open(box.env["CONF"], encoding="utf-8") as file:
            self.path = re.search(r'driver = "sqlite" path = "([^"]*)"', file.read()).group(1)

    def __enter__(self):
        self.handle = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        self.handle.execute("BEGIN EXCLUSIVE")

    def __exit__(self, *unused):
        self.handle.execute("ROLLBACK")
        self.handle.close()


def check_locked_store(bench, tap):
    box, recipients = bench.box, bench.recipients(5)
    message = b"X-Todoku-Campaign: locked\r\nMessage-ID: <locked@example.com>\r\n" + MESSAGE
    with Lock(box):
        box.smtp(message, recipients)
        sandbox.wait_for("deferred mail", lambda: waits(box, recipients, "lock"))
        answer = bench.temporary(message)
        tap.ok(answer and re.match("4.. .*lock", answer), "store locked, inline: 4xx that says so", answer)
        early = set(recipients) & {r for e in box.copies().values() for r in e["rcpt_to"]}
    arrived = box.arrived_for(recipients)
    tap.ok(not early and not bench.rules(arrived, message), "store locked: the mail waits; unlocked: delivered whole", early)
    sandbox.wait_for("an empty queue", lambda: not box.queue())
    tap.ok(bench.records("locked") == collections.Counter(recipients), "store locked: one record each", bench.records("locked"))


def check_lenient(bench, tap):
    """on_error = "accept": mail passes untouched."""
    bench.reload('on_error = "accept"\n')
    message = b"X-Todoku-Campaign: lenient\r\n" + MESSAGE
    with Lock(bench.box):
        for where in ("SMTP", "SMTP_INLINE"):
            copy, envelope = bench.copy(message=message, where=where)
            tap.ok(copy.endswith(b"\r\n\r\n" + BODY) and envelope["mail_from"] == "news@example.com" and
                   not names(copy) & {b"dkim-signature", b"list-unsubscribe", b"x-todoku-campaign", b"x-todoku-origin"},
                   f"{where}, store locked, on_error accept: passes untouched", copy)
    tap.ok(not bench.records("lenient"), "on_error accept: no record of what was not treated")
    tap.ok(not bench.rules(bench.send()), "on_error accept, store unlocked: treated again")
    bench.reload()


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox(CONF) as box:
        bench = Bench(box, tap)
        for check in (check_good_file, check_bad_file, check_many_signals, check_rotation, check_strangers, check_login,
                      check_locked_store, check_lenient, check_dkim_record, check_stop):
            check(bench, tap)
    tap.end()


if __name__ == "__main__":
    main()
