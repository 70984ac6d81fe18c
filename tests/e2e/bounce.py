#!/usr/bin/python3
"""What comes back, by Postfix's own reports: list mail goes out through the sandbox, the
sink refuses it as its domain says, and who may have mail is what the reports say.
Then unsubscribe by mail, empty mail, a store that is locked, and what is refused.
"""
import json
import re
import smtplib
import sqlite3
import subprocess

import bouncelib
import sandbox

STORM, KILLS = 1000, 4
CONF = """
store { busy_timeout = "1s" }
"""
MESSAGE = b"""From: News <news@example.com>
To: reader@example.net
Subject: Hello
Date: Sun, 22 Nov 2026 09:00:00 +0900
Message-ID: <%s@example.com>
X-Todoku-Campaign: %s

https://shop.example.org/
"""

# Domain of the sink, category (N6), what becomes of the address.
CATEGORIES = [
    ("reply-550-5.1.1.test", "user_unknown", "blocked"),
    ("reply-550-5.1.3.test", "user_unknown", "blocked"),
    ("reply-550-5.1.2.test", "domain_unknown", "blocked"),
    ("reply-550-5.1.4.test", "permanent_other", "blocked"),
    ("data-550-5.1.1.test", "user_unknown", "blocked"),
    ("reply-552-5.2.2.test", "mailbox_full", "active"),
    ("reply-554-5.7.1.test", "refused", "active"),
    ("data-554-5.7.1.test", "refused", "active"),
    ("reply-552-5.3.4.test", "too_large", "active"),
    ("reply-554-5.4.7.test", "connection_failed", "active"),
    ("reply-550-5.5.0.test", "undetermined", "active"),
    ("reply-450-4.3.0.test", "temporary_other", "active"),
    ("tempfail.test", "refused", "active"),
]


def records(box, *arguments):
    run = box.todoku("--json", "bounce", "show", "--limit", "1000", *arguments, check=False)
    return [json.loads(line) for line in run.stdout.splitlines()]


def failures(box, address):
    return [r for r in records(box, address) if r["category"] not in ("delayed", "auto_reply")]


def status(box, address, name="news"):
    said = box.todoku("--json", "address", "status", "--list", name, address, check=False)
    return json.loads(said.stdout)["status"]


def impatient(box):
    """What can't be delivered comes back in seconds, after a word that it takes longer."""
    config = box.env["POSTFIX_CONFIG"]
    subprocess.run(["postconf", "-c", config, "-e", "maximal_queue_lifetime=4s", "delay_warning_time=1s",
                    "bounce_queue_lifetime=1h"], check=True)
    subprocess.run(["postfix", "-c", config, "reload"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_categories(box, tap):
    readers = {f"reader{n}@{domain}": (category, want) for n, (domain, category, want) in enumerate(CATEGORIES)}
    box.smtp(MESSAGE % (b"categories", b"spring"), list(readers) + ["fine@example.net"])
    for address, (category, want) in readers.items():
        found = sandbox.wait_for(f"the report of {address}", lambda a=address: failures(box, a))
        tap.ok([r["category"] for r in found] == [category] and "fault" not in found[0],
               f"{address.split('@')[1]}: {category}", found, box.log("todoku-bounced")[-500:])
        tap.ok(status(box, address) == want, f"... and the address is {want}", status(box, address))
    tap.ok(status(box, "fine@example.net") == "active" and not records(box, "fine@example.net"),
           "who got it is active, without a record")
    late = [r["category"] for r in records(box, next(a for a in readers if "tempfail" in a))]
    tap.ok("delayed" in late, "that it took longer was told before, and is no failure", late)


def check_report(box, tap):
    said = json.loads(box.todoku("--json", "report", "errors", "spring").stdout)
    want = {}
    for _, category, _ in CATEGORIES:
        want[category] = want.get(category, 0) + 1
    tap.ok({r["reason"]: r["count"] for r in said["reasons"]} == want and said["errors"] == len(CATEGORIES),
           "todoku report errors has each reason", said)
    tap.ok(abs(sum(r["share"] for r in said["reasons"]) - 100) < 0.01, "the shares are a whole")
    kinds = {r["reason"]: r["kind"] for r in said["reasons"]}
    tap.ok(kinds["user_unknown"] == kinds["domain_unknown"] == "permanent" and kinds["refused"] == "temporary"
           and kinds["undetermined"] == "undetermined", "permanent, temporary or undetermined", kinds)
    lines = box.todoku("report", "errors", "spring", "--csv").stdout.decode().split()
    tap.ok(lines[0] == "campaign,kind,reason,count,share" and len(lines) == len(want) + 1, "as CSV", lines)
    hard = sum(want == "blocked" for _, _, want in CATEGORIES)
    kpi = json.loads(box.todoku("--json", "report", "kpi", "spring").stdout)
    tap.ok((kpi["bounced"], kpi["bounced_hard"]) == (len(CATEGORIES), hard), "todoku report kpi counts the same", kpi)
    again = box.todoku("bounce", "reclassify", "--dry-run").stdout.decode()
    tap.ok(" 0 would change" in again, "todoku bounce reclassify judges no other way by the same rules", again)


def check_next_send(box, tap):
    """The dead address is not mailed again; the others are."""
    before = len(box.copies())
    dead = "reader0@reply-550-5.1.1.test"
    box.smtp(MESSAGE % (b"next", b"summer"), [dead, "fine@example.net"])
    sandbox.wait_for("the other's copy", lambda: len(box.copies()) > before)
    sandbox.wait_for("the queue to be empty", lambda: not box.queue())
    tap.ok(re.search(r"to=<reader0@reply-550-5\.1\.1\.test>.*dsn=5\.7\.1.*status=bounced", box.log("postfix")) is not None,
           "the next send to a dead address is refused with 5.7.1", box.log("postfix")[-1500:])
    sent = [json.loads(line)["address"] for line in box.todoku("--json", "send", "show", "summer").stdout.splitlines()]
    tap.ok(sent == ["fine@example.net"], "and was never let go", sent)


def by_mx(box, sender, recipient, message):
    """As a stranger's server brings it."""
    box.smtp(message, [recipient], sender=sender, where="SMTP_INLINE")


def check_locked(box, tap):
    """A store that can't take it: Postfix keeps the report, and nothing is lost."""
    token = next(e["mail_from"] for e in box.copies().values() if e["rcpt_to"] == ["fine@example.net"])
    tap.ok(token.startswith("b+") and token.endswith("@bounce.example.com"), "a copy's sender is its return path", token)
    path = next(p for p in (re.search(r'store +\{.*path = "([^"]+)"', line)
                            for line in open(box.env["CONF"], encoding="utf-8")) if p).group(1)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    by_mx(box, "", token, bouncelib.report("fine@example.net", number="locked"))
    deferred = sandbox.wait_for("a deferral", lambda: [q for q in box.queue() if "451 4.3.0" in json.dumps(q)])
    tap.ok(len(deferred) == 1, "while the store is locked Postfix is told 451, and keeps the report", deferred)
    lock.execute("ROLLBACK")
    lock.close()
    box.flush()
    sandbox.wait_for("the block", lambda: status(box, "fine@example.net") == "blocked")
    tap.ok(len(records(box, "fine@example.net")) == 1, "then it is recorded, once")


def check_wishes(box, tap):
    """U2 by mail, and empty mail."""
    box.smtp(MESSAGE % (b"wishes", b"autumn"), ["leaves@example.net"])
    number, _ = box.arrived_for(["leaves@example.net"])["leaves@example.net"]
    header = re.sub(rb"\r\n[ \t]", b" ", box.copy(number).split(b"\r\n\r\n")[0]).decode()
    mailto = re.search(r"<mailto:(unsubscribe\+[^>]+)>", header).group(1)
    by_mx(box, "leaves@example.net", mailto, b"From: leaves@example.net\nAuto-Submitted: auto-replied\n\nI am away\n")
    by_mx(box, "", mailto, bouncelib.report("leaves@example.net"))
    sandbox.wait_for("both", lambda: box.log("todoku-bounced").count("fault=automatic") == 2)
    tap.ok(status(box, "leaves@example.net") == "active", "N3: an auto-reply and a report are no wish to leave")
    by_mx(box, "leaves@example.net", mailto, b"From: leaves@example.net\nSubject: unsubscribe\n\n")
    sandbox.wait_for("the change", lambda: status(box, "leaves@example.net") == "unsubscribed")
    tap.ok(status(box, "leaves@example.net", "plain") == "active", "unsubscribe+TOKEN@: left that list, and no other")

    by_mx(box, "empty@example.net", "unsubscribe-news@bounce.example.com", b"From: <empty@example.net>\n\n")
    sandbox.wait_for("the change", lambda: status(box, "empty@example.net") == "unsubscribed")
    tap.ok(status(box, "empty@example.net", "plain") == "active", "unsubscribe-LIST@: empty mail leaves at once")
    by_mx(box, "forger@example.org", "unsubscribe-news@bounce.example.com", b"From: <victim@example.net>\n\n")
    number, envelope = box.arrived_for(["victim@example.net"])["victim@example.net"]
    copy = box.copy(number)
    tap.ok(status(box, "victim@example.net") == "active" and b"Auto-Submitted: auto-" in copy,
           "a From that isn't the sender's is asked first", copy[:600])
    tap.ok(envelope["mail_from"] == "confirm@bounce.example.com", "what comes back of it comes here", envelope)
    by_mx(box, "victim@example.net", envelope["mail_from"], b"From: <victim@example.net>\nAuto-Submitted: auto-replied\n\n")
    sandbox.wait_for("its record", lambda: any(r["mailbox"] == "confirm" for r in records(box)))

    by_mx(box, "joins@example.net", "subscribe-news@bounce.example.com", b"From: <joins@example.net>\n\n")
    number, _ = box.arrived_for(["joins@example.net"])["joins@example.net"]
    tap.ok(b"Auto-Submitted: auto-" in box.copy(number), "subscribe-LIST@: a mail asks for confirmation (double opt-in)")
    codes = {}
    for local in ("b", "postmaster", "abuse", "fbl", "subscribe-news", "nobody", "subscribe-nothing"):
        try:
            by_mx(box, "x@example.org", local + "@bounce.example.com", b"From: x@example.org\nAuto-Submitted: auto-replied\n\n")
            codes[local] = 250
        except smtplib.SMTPResponseException as error:
            codes[local] = error.smtp_code
    tap.ok([local for local, code in codes.items() if code == 550] == ["nobody", "subscribe-nothing"],
           "Postfix itself refuses what can never be ours, and takes the rest", codes)


def check_feedback(box, tap):
    """What comes back reaches the breaker: the stream stops by itself."""
    readers = [f"gone{n}@reply-550-5.1.1.test" for n in range(400)]
    for at in range(0, len(readers), 50):
        box.smtp(MESSAGE % (b"feedback%d" % at, b"winter"), readers[at:at + 50])
        wanted = at + 50
        sandbox.wait_for("reports, or held mail", lambda w=wanted: held(box) or
                         box.log("todoku-bounced").count("rcpt=gone") >= w)
    tap.ok(held(box), "hard bounces open the breaker: further mail of the stream is held",
           box.log("todoku-policyd")[-1000:])
    said = box.todoku("warmup", "status", check=False).stdout.decode()
    tap.ok("breaker" in said, "todoku warmup status says so", said)


def held(box):
    return any(q["queue_name"] == "hold" for q in box.queue())


def check_storm(tap):
    """Postfix's own reports, and bounced killed while they come."""
    with sandbox.Sandbox('stream "main" { plan = "none" breaker = "off" }\n') as box:
        for at in range(0, STORM, 50):
            box.smtp(MESSAGE % (b"storm%d" % at, b"storm"), [f"r{n}@reply-550-5.1.1.test" for n in range(at, at + 50)])
        for kill in range(KILLS):
            sandbox.wait_for("reports", lambda k=kill: bounced(box) > STORM // 20 + k * STORM // (2 * KILLS))
            box.kill("todoku-bounced")
        sandbox.wait_for("every report", lambda: bounced(box) >= STORM)
        sandbox.wait_for("an empty queue", lambda: not box.queue())
        kpi = json.loads(box.todoku("--json", "report", "kpi", "storm").stdout)
        tap.ok((kpi["sent"], kpi["bounced"], kpi["bounced_hard"]) == (STORM, STORM, STORM),
               f"{STORM} of Postfix's reports, {KILLS} kills: each counted once, none lost", kpi)


def bounced(box):
    return json.loads(box.todoku("--json", "report", "kpi", "storm").stdout)["bounced"]


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox(CONF) as box:
        impatient(box)
        check_categories(box, tap)
        check_report(box, tap)
        check_next_send(box, tap)
        check_locked(box, tap)
        check_wishes(box, tap)
        sandbox.wait_for("the queue to be empty", lambda: not box.queue())
        tap.ok("status=bounced (host" not in "".join(
            line for line in box.log("postfix").splitlines() if "bounced.sock" in line), "LMTP refused nothing with 5xx")
        check_feedback(box, tap)
    check_storm(tap)
    tap.end()


if __name__ == "__main__":
    main()
