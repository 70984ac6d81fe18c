#!/usr/bin/python3
"""Who left a list or is blocked gets no more of its mail (W6, U2): refused with status,
reason and date, or quietly dropped; other lists' mail goes on unless the address
itself is blocked.  Reports of what was refused carry no control header (H6).

The milter alone: todoku-policyd would refuse them before.  Lists without a stream
are none of its business."""
import json
import os
import re
import smtplib
import tempfile
import time

import sandbox

BUILD = os.environ.get("TODOKU_BUILD") or os.path.join(sandbox.SOURCE, "build")
CONF = """
store { busy_timeout = "1s" }
list "news" {
  sender  = { "news@example.com" }
  list_id = "news.example.com"
}
list "plain" {
  sender = { "plain@example.com" }
  track  { clicks = false  opens = false }
}
list "calm" {
  sender = { "calm@example.com" }
  track  { clicks = false  opens = false }
}
list "watched" {
  sender = { "watched@example.com" }
  shadow = true
}
milter { max_message = "128k" }
"""

MESSAGE = (b"From: News <%s>\r\nTo: reader@example.net\r\nSubject: suppressed\r\n"
           b"X-Todoku-Campaign: winter\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello\r\n")


def message(sender="news@example.com"):
    return MESSAGE.replace(b"%s", sender.encode())


def send(box, recipients, where="SMTP_INLINE", sender="news@example.com", text=None):
    """0, or the reply that refused it."""
    try:
        box.smtp(text or message(sender), recipients, sender, where)
        return 0, ""
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code, refused.smtp_error.decode()


def reasons(tap, box):
    """What is refused, and what is said."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * 3600))
    box.todoku("address", "block", "blocked@example.net", "--why", "asked by phone")
    box.todoku("address", "block", "complained@example.net", "--list", "news", "--why", "complaint")
    box.todoku("address", "add", "left@example.net", "--list", "news", "--why", "paper form")
    box.unsubscribe("left@example.net", "news")
    cases = [
        ("left@example.net", "news@example.com", rf"has unsubscribed from list news since {day}: import"),
        ("left@example.net", "plain@example.com", None),
        ("LEFT@example.net", "news@example.com", None),
        ("left@EXAMPLE.net", "news@example.com", r"has unsubscribed"),
        ("blocked@example.net", "news@example.com", rf"blocked@example\.net is blocked since {day}: hand \(asked by phone\)"),
        ("blocked@example.net", "plain@example.com", r"is blocked"),
        ("complained@example.net", "news@example.com", rf"is blocked for list news since {day}: hand \(complaint\)"),
        ("complained@example.net", "calm@example.com", None),
        ("other@example.net", "news@example.com", None),
    ]
    for recipient, sender, want in cases:
        code, text = send(box, [recipient], sender=sender)
        good = code == 0 if want is None else code == 550 and text.startswith("5.7.1 ") and re.search(want, text)
        tap.ok(good, f"{sender} to {recipient}: {'sent' if want is None else 'refused, and why'}", f"{code} {text}",
               box.log()[-1500:])
    why = [json.loads(line) for line in box.todoku("explain", "left@example.net", "--json").stdout.splitlines()]
    tap.ok(any(d.get("outcome") == "reject" and d["reason"] == "unsubscribed" and d["list"] == "news" and d["queue_id"]
               for d in why), "explain says why it was refused", why)
    # Mail of no list is none of our business.
    code, text = send(box, ["blocked@example.net"], sender="boss@example.com")
    tap.ok(code == 0, "mail of no list to a blocked address: sent", f"{code} {text}")
    code, text = send(box, ["left@example.net", "blocked@example.net"])
    tap.ok(code == 550, "inline, nobody left of two: refused", f"{code} {text}")
    code, text = send(box, ["blocked@example.net"], sender="watched@example.com")
    tap.ok(code == 0 and "event=would_refuse" in box.log(), "a list in shadow mode: only logged", f"{code} {text}")
    sandbox.wait_for("both copies", lambda: sum(e["rcpt_to"] == ["blocked@example.net"]
                                                for e in box.copies().values()) == 2)


def several(tap, box):
    """Inline to several: those refused get nothing, the others theirs."""
    for names in (["a1", "left", "a2"], ["left", "b1", "blocked", "b2"], ["c1", "left"]):
        recipients = [name + "@example.net" for name in names]
        wanted = {r for r in recipients if r not in ("left@example.net", "blocked@example.net")}
        before = set(box.copies())
        code, text = send(box, recipients)
        arrived = box.arrived_for(wanted)
        copies = {n: e for n, e in box.copies().items() if n not in before}
        got = {r for e in copies.values() for r in e["rcpt_to"]}
        tap.ok(code == 0 and got == wanted, f"inline to {', '.join(names)}: only who may have it", f"{code} {text}", got)
        if names[0] == "c1":
            copy = box.copy(arrived["c1@example.net"][0]).decode()
            link = re.search(r"List-Unsubscribe: <([^>]*)>", copy).group(1)
            shown = box.todoku("link", "show", link, "--json").stdout.decode()
            tap.ok('"address_key":null' not in shown, "one left of two: the link is that reader's", shown)
    sent = box.todoku("send", "show", "winter").stdout.decode()
    sent = re.search(r"list news .*?(?=campaign |\Z)", sent, re.DOTALL).group(0)
    tap.ok("a1@example.net" in sent and "left@" not in sent and "blocked@" not in sent,
           "who was refused is on no record of sends of that list", sent)


def split(tap, box):
    """Each copy for itself; the report goes home without our headers."""
    for padding, what in ((1, "whole message"), (5000, "header alone")):
        before = set(box.copies())
        body = message().replace(b"Hello\r\n", b"Hello, reader\r\n" * padding).replace(
            b"X-Todoku-Campaign", b"X-Todoku-List: news\r\nX-Todoku-Campaign")
        code, text = send(box, ["left@example.net", f"d{padding}@example.net"], "SMTP", text=body)
        box.arrived_for([f"d{padding}@example.net"])
        report = sandbox.wait_for("the report", lambda: [n for n, e in box.copies().items() if n not in before
                                                         and e["rcpt_to"] == ["news@example.com"]])[0]
        report = box.copy(report).decode()
        tap.ok(code == 0 and "has unsubscribed from list" in " ".join(report.split()) and "Status: 5.7.1" in report,
               f"split, {what}: the sender gets a report that says why", report)
        tap.ok("Subject: suppressed" in report and "x-todoku" not in report.lower(),
               f"split, {what}: no control header in the report", report)


def at_once(tap, box):
    """An unsubscribe counts for the next message, and one that is lifted too."""
    late = []
    for i in range(20):
        address = f"quick{i}@example.net"
        before = send(box, [address])[0]
        box.unsubscribe(address, "news")
        if before != 0 or send(box, [address])[0] != 550:
            late.append(address)
    tap.ok(not late, "twenty unsubscribes: the very next message is refused", late)
    box.todoku("address", "reset", "quick1@example.net", "--why", "asked for it again")
    tap.ok(send(box, ["quick1@example.net"])[0] == 0, "reset: mailed again")


def conf(box, added):
    with open(box.env["CONF"], encoding="utf-8") as file:
        old = file.read()
    with open(box.env["CONF"], "w", encoding="utf-8") as file:
        file.write(added + old)
    before = box.log().count("event=reloaded")
    box.kill(number=1)
    sandbox.wait_for("the reload", lambda: box.log().count("event=reloaded") > before)
    return old


def discard(tap, box):
    old = conf(box, 'suppressed = "discard"\n')
    before = set(box.copies())
    code, text = send(box, ["left@example.net"])
    tap.ok(code == 0 and "event=discarded" in box.log() and "rcpt=left@example.net" in box.log(),
           "discard: taken, dropped and logged", f"{code} {text}", box.log()[-1000:])
    tap.ok('"outcome":"discard"' in box.todoku("explain", "left@example.net", "--json").stdout.decode().replace(" ", ""),
           "discard: on record for explain")
    send(box, ["after@example.net"])
    box.arrived_for(["after@example.net"])
    tap.ok({r for n, e in box.copies().items() if n not in before for r in e["rcpt_to"]} == {"after@example.net"},
           "discard: nothing is sent, and nobody told")
    with open(box.env["CONF"], "w", encoding="utf-8") as file:
        file.write(old)
    conf(box, "")


def faults(tap, box):
    """The store can't say: what on_error says."""
    box.unsubscribe("gone@example.net", "news")
    base = os.path.dirname(os.path.dirname(box.env["CONF"]))
    path = os.path.join(base, "data", "todoku.db")
    for name in ("todoku.db", "todoku.db-wal", "todoku.db-shm"):
        if os.path.exists(os.path.join(base, "data", name)):
            os.rename(os.path.join(base, "data", name), os.path.join(base, "data", name + ".away"))
    code, text = send(box, ["left@example.net"])
    tap.ok(code == 451, "no store: put off", f"{code} {text}", box.log()[-800:])
    tap.ok(not os.path.exists(path), "no store: none is made in its place")
    old = conf(box, 'on_error = "accept"\n')
    code, text = send(box, ["gone@example.net"])
    copy = box.copy(box.arrived_for(["gone@example.net"])["gone@example.net"][0])
    tap.ok(code == 0 and b"List-Unsubscribe" not in copy, "no store, on_error accept: passes untouched", f"{code} {text}")
    with open(box.env["CONF"], "w", encoding="utf-8") as file:
        file.write(old)
    for name in ("todoku.db", "todoku.db-wal", "todoku.db-shm"):
        if os.path.exists(os.path.join(base, "data", name + ".away")):
            os.rename(os.path.join(base, "data", name + ".away"), os.path.join(base, "data", name))
    conf(box, "")
    code, text = send(box, ["left@example.net"])
    tap.ok(code == 550, "the store is back: refused again, without a restart", f"{code} {text}")


def counted(tap, box):
    """The milter's file of metrics, as it lies there; a second start adds to it."""
    folder = os.path.join(os.path.dirname(os.path.dirname(box.env["CONF"])), "data", "metrics")
    with open(os.path.join(folder, "milter"), "rb") as file:
        content = file.read()
    tap.ok(content.startswith(b"todoku-metrics\n") and b'fate="refused"' in content and b'fate="discarded"' in content,
           "messages are counted by fate")


class Box(sandbox.Sandbox):
    """Built programs but for the other daemons."""
    def __init__(self, conf):
        with tempfile.TemporaryDirectory(prefix="todoku-programs.") as folder:
            for name in ("todoku", "todoku-milter", "todoku-sink"):
                os.symlink(os.path.join(BUILD, name), os.path.join(folder, name))
            super().__init__(conf, build=folder)

    def unsubscribe(self, address, name):
        """As another system's list of those who left."""
        path = os.path.join(self.base, "left.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"address,list,status\n{address},{name},unsubscribed\n")
        self.todoku("address", "import", path)


def main():
    tap = sandbox.Tap()
    with Box(CONF) as box:
        reasons(tap, box)
        several(tap, box)
        split(tap, box)
        at_once(tap, box)
        discard(tap, box)
        faults(tap, box)
        counted(tap, box)
    tap.end()


main()
