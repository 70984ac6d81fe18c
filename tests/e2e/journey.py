#!/usr/bin/python3
"""All daemons together: a newsletter is sent, opened, clicked and left by one-click at the
web endpoint; the very next message is refused, on each way in (U2);
the figures are right, and /metrics shows every daemon."""
import calendar
import email
import http.client
import json
import re
import smtplib
import subprocess
import time

import sandbox

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
MESSAGE = b"""From: News <news@example.com>
To: reader@example.net
Subject: journey
X-Todoku-Campaign: %s
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p>Hello</p><a href="https://shop.example.org/a?b=1&amp;c=2#d">shop</a> <a href="https://www.example.org/">more</a>
"""


class Box(sandbox.Sandbox):
    def send(self, campaign, recipients, where="SMTP", sender="news@example.com"):
        self.smtp(MESSAGE % campaign, recipients, sender, where)

    def web(self, method, url, body=None, base="WEB"):
        path = url[len(self.env["BASE_URL"]):] if url.startswith("https:") else url
        connection = http.client.HTTPConnection(self.env[base].split("//")[1], timeout=sandbox.PATIENCE)
        headers = {"Host": "t.example.com", "User-Agent": BROWSER} if base == "WEB" else {}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode("utf-8", "replace")

    def links(self, recipient):
        """{kind: its links in the copy}"""
        message = email.message_from_bytes(self.copy(self.arrived_for([recipient])[recipient][0]))
        text = message.get_payload(decode=True).decode() + message["List-Unsubscribe"]
        return {kind: re.findall(rf"https://t\.example\.com/{kind}/[A-Za-z0-9_.-]+", text) for kind in "cou"}

    def refused(self, recipient, where="SMTP_INLINE", sender="news@example.com"):
        try:
            self.send(b"second", [recipient], where, sender)
            return None
        except smtplib.SMTPResponseException as refusal:
            return f"{refusal.smtp_code} {refusal.smtp_error.decode()}"


def hasty(tap, box):
    """A click within five seconds is a machine's; on a busy host, one that came in time is looked for."""
    for n in range(20):
        box.send(b"hasty%d" % n, [f"s{n}@example.net"])
        link = box.links(f"s{n}@example.net")["c"][0]
        made = json.loads(box.todoku("link", "show", link, "--json").stdout)["made"]
        status, headers, _ = box.web("GET", link)
        tap.ok(status == 302 and headers["Location"] == "https://shop.example.org/a?b=1&c=2#d",
               "a click ends at the original URL", status, headers["Location"])
        if time.time() - calendar.timegm(time.strptime(made, "%Y-%m-%dT%H:%M:%SZ")) < 4.5:
            break

    def clicks():
        said = json.loads(box.todoku("report", "kpi", f"hasty{n}", "--json").stdout)["clicks"]
        return said if said["total"] else None

    said = sandbox.wait_for("the click's figures", clicks)
    tap.ok(said == {"total": 1, "human": 0, "unique": 1, "unique_human": 0}, "a click at once is counted as a machine's", said)


def readers(tap, box):
    names = [f"r{n}@example.net" for n in range(6)]
    box.send(b"first", names)
    links = {name: box.links(name) for name in names}
    arrived = time.monotonic()
    sandbox.wait_for("who clicks at once to be a machine's age", lambda: time.monotonic() - arrived > 5.5)
    for name in names[1:4]:
        tap.ok(box.web("GET", links[name]["o"][0])[0] == 200, f"{name} opens it")
    box.web("GET", links[names[1]]["o"][0])
    tap.ok(box.web("GET", links[names[1]]["c"][1])[0] == 302, "r1 clicks")
    tap.ok(box.web("GET", links[names[5]]["u"][0])[0] == 200 and box.refused(names[5]) is None,
           "looking at the unsubscribe page leaves nothing")
    for name in names[2:4]:
        status, headers, _ = box.web("POST", links[name]["u"][0], "List-Unsubscribe=One-Click")
        said = box.refused(name) or "taken"
        tap.ok(status == 200 and not headers["Set-Cookie"], f"{name} leaves by one-click", status)
        tap.ok(said.startswith("550 5.7.1") and "one_click" in said, f"{name}: the very next message is refused, and why",
               said)
    tap.ok(box.refused(names[2], sender="plain@example.com") is None, "another list's mail goes on")
    return names


def ways(tap, box, name):
    """Split and sendmail(1): the application gets a report that says why."""
    for way in ("split", "sendmail"):
        before = set(box.copies())
        if way == "split":
            box.send(b"third", [name])
        else:
            box.sendmail(MESSAGE % b"third", [name])
        report = sandbox.wait_for("the report", lambda before=before: [
            n for n, e in box.copies().items() if n not in before and e["rcpt_to"] == ["news@example.com"]])[0]
        text = " ".join(box.copy(report).decode().split())
        tap.ok("550 5.7.1" in text and "one_click" in text and "x-todoku" not in text.lower(),
               f"{way}: refused, and the report says why, without a control header", text[:2000])


def figures(tap, box):
    def kpi():
        said = json.loads(box.todoku("report", "kpi", "first", "--json").stdout)
        return said if said["unsubscribes"]["total"] == 2 and said["opens"]["total"] >= 4 else None

    said = sandbox.wait_for("the figures", kpi)
    tap.ok(said["sent"] == 6 and said["opens"] == {"total": 4, "human": 4, "unique": 3, "unique_human": 3},
           "opens: each, and each reader once", said)
    tap.ok(said["clicks"] == {"total": 1, "human": 1, "unique": 1, "unique_human": 1}, "clicks", said)
    tap.ok(said["open_rate"]["human"] == 50.0 and said["unsubscribe_rate"]["human"] == 33.3333, "rates", said)
    links = [json.loads(line) for line in box.todoku("report", "links", "first", "--json").stdout.splitlines()]
    tap.ok([(link["link"], link["target"]) for link in links] == [(2, "https://www.example.org/")],
           "links: the one that was clicked", links)
    events = [json.loads(line) for line in box.todoku("event", "show", "first", "--json").stdout.splitlines()]
    tap.ok(sorted(e["kind"] for e in events) == ["click"] + ["open"] * 4 + ["unsubscribe"] * 2
           and {e["machine"] for e in events} == {None}, "events of a campaign", events)
    mine = [json.loads(line) for line in box.todoku("event", "show", "r1@example.net", "--json").stdout.splitlines()]
    tap.ok(sorted(e["kind"] for e in mine) == ["click", "open", "open"], "events of one reader", mine)
    consent = [json.loads(line) for line in box.todoku("consent", "show", "r2@example.net", "--json").stdout.splitlines()]
    tap.ok([c["reason"] for c in consent] == ["one_click"] and consent[0]["who"], "the proof of refusal", consent)


def explained(tap, box):
    """Why was it refused, rewritten, signed?"""
    def explain(what):
        return [json.loads(line) for line in box.todoku("explain", what, "--json", check=False).stdout.splitlines()]

    mine = explain("r1@example.net")
    treated = [d for d in mine if d.get("outcome") == "treated"]
    tap.ok(len(treated) == 1 and treated[0]["text"].startswith("2 links, pixel, footer, 2 signatures, return path set"),
           "explain ADDRESS: what was done to its mail", mine)
    tap.ok({d["outcome"] for d in explain(treated[0]["queue_id"])} >= {"treated"}, "explain QUEUE-ID")
    refused = explain("r2@example.net")
    tap.ok(any(d.get("outcome") == "reject" and "one_click" in d["text"] for d in refused), "explain: why it was refused", refused)


def metrics(tap, box):
    status, _, text = box.web("GET", "/metrics", base="ADMIN")
    lint = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    tap.ok(status == 200 and lint.returncode == 0, "/metrics is what Prometheus takes", status, lint.stdout.decode())
    for daemon in ("milter", "policyd", "webd", "bounced"):
        tap.ok(f"todoku_{daemon}_starts_total 1\n" in text, f"/metrics: todoku-{daemon} is there", text[:1500])
    treated = int(re.search(r'todoku_milter_messages_total\{fate="treated"\} (\d+)', text).group(1))
    tap.ok(treated >= 6 and "todoku_milter_end_of_message_seconds_count" in text, "/metrics: the milter's messages", treated)
    box.kill("todoku-milter")
    sandbox.wait_for("the next milter", lambda: box.log().count("event=ready") == 2)
    text = box.web("GET", "/metrics", base="ADMIN")[2]
    tap.ok("todoku_milter_starts_total 2\n" in text and f'todoku_milter_messages_total{{fate="treated"}} {treated}\n' in text,
           "killed and started again: the counts go on", text[:1500])


def main():
    tap = sandbox.Tap()
    with Box() as box:
        hasty(tap, box)
        names = readers(tap, box)
        ways(tap, box, names[2])
        figures(tap, box)
        explained(tap, box)
        metrics(tap, box)
    tap.end()


main()
