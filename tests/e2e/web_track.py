#!/usr/bin/python3
"""Clicks, opens and conversions of a mail that went through Postfix (T1-T3, S1, S3):
every link of the copy at the sink is followed, and what the store says afterwards
is held against what was done.
"""
import email
import email.policy
import html
import re
import sqlite3
import time

import sandbox
import weblib

TARGETS = ["https://example.com/", "https://example.com/a?b=c&d=%E3%81%82#frag-ment", "http://shop.example.org:8080/x/../y",
           "https://example.net/p?q=1;2,3&r='()*!~"]
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


def message(subject):
    links = "".join(f'<p><a href="{html.escape(target)}">link</a>' for target in TARGETS)
    return (f"From: News <news@example.com>\r\nTo: reader@example.net\r\nSubject: {subject}\r\n"
            "X-Todoku-Campaign: track\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            f"<html><body>{links}</body></html>\r\n").encode()


class Track:
    def __init__(self, box, tap):
        self.box, self.tap = box, tap
        self.web = weblib.Speaker(int(box.env["WEB"].rsplit(":", 1)[1]), int(box.env["ADMIN"].rsplit(":", 1)[1]))
        conf = open(box.env["CONF"], encoding="utf-8").read()
        self.database = re.search(r'path = "([^"]+)"', conf).group(1)

    def sql(self, query, *arguments):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, arguments).fetchall()

    def events(self, where="1"):
        tables = [t for t, in self.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'event_[0-9]*'")]
        return [row for table in tables
                for row in self.sql(f"SELECT kind, campaign, key, machine, rules, client, user_agent FROM {table} WHERE {where}")]

    def await_events(self, count, where="1"):
        return sandbox.wait_for(f"{count} events where {where}",
                                lambda: (lambda rows: rows if len(rows) >= count else None)(self.events(where)))

    def send(self, reader):
        self.box.smtp(message("Track"), [reader])
        number, _ = self.box.arrived_for([reader])[reader]
        mail = email.message_from_bytes(self.box.copy(number), policy=email.policy.default)
        text = mail.get_content()
        links = [html.unescape(u) for u in re.findall(r'<a href="([^"]+/c/[^"]+)"', text)]
        pixel = html.unescape(re.search(r'<img[^>]+src="([^"]+)"', text).group(1))
        return links, pixel, mail

    def path(self, url):
        base = self.box.env["BASE_URL"]
        assert url.startswith(base + "/"), url
        return url[len(base):]

    def click_all(self, links):
        tap = self.tap
        for target, link in zip(TARGETS, links):
            answer = self.web.get(self.path(link), agent=BROWSER)
            tap.ok(answer.status == 302 and answer.field("Location") == target, f"T2: 302 to {target}", answer.raw)
            for name, value in (("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
                                ("X-Robots-Tag", "noindex"), ("Set-Cookie", None)):
                tap.ok(answer.field(name) == value, f"T2: {name} is {value}", answer.raw)
        for link in links[:1]:
            head = self.web.ask("HEAD", self.path(link), agent=BROWSER)
            tap.ok(head.status == 302 and head.field("Location") == TARGETS[0] and head.body == b"",
                   "T3: HEAD is redirected the same", head.raw)

    def open_pixel(self, pixel):
        tap = self.tap
        answer = self.web.get(self.path(pixel), agent=BROWSER)
        tap.ok(answer.status == 200 and answer.field("Content-Type") == "image/gif" and
               answer.body.startswith(b"GIF89a") and len(answer.body) < 100, "T1: a picture", answer.raw)
        tap.ok(answer.field("Cache-Control") == "no-store, private", "T1: that nobody keeps", answer.raw)
        head = self.web.ask("HEAD", self.path(pixel), agent=BROWSER)
        tap.ok(head.status == 200 and head.body == b"", "T1: HEAD is answered", head.raw)


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox() as box:
        track = Track(box, tap)
        links, pixel, mail = track.send("reader@example.net")
        tap.ok(len(links) == len(TARGETS), "every link of the mail is counted", links)
        track.click_all(links)
        track.open_pixel(pixel)
        rows = track.await_events(len(TARGETS) + 2)
        # A mail that was accepted this moment: nobody reads that fast.
        tap.ok(sorted(row[3] for row in rows) == [1] + [4] * (len(TARGETS) + 1),
               "T3: one HEAD, the others too soon to be a person", rows)
        tap.ok(all(row[4] == 1 for row in rows), "T3: with the version of the rules", rows)
        tap.ok(len([row for row in rows if row[0] == 2]) == 1, "T1: the HEAD of the pixel counts nothing", rows)
        tap.ok(len({row[2] for row in rows}) == 1 and len({row[1] for row in rows}) == 1,
               "all of one reader and one campaign", rows)

        # The same with tokens made in the past: people, and machines by name.
        conf = open(box.env["CONF"], encoding="utf-8").read()
        ring = weblib.Ring(re.search(r'token_keys = "([^"]+)"', conf).group(1))
        agents = [(BROWSER, 0), ("Barracuda Sentinel (EE)", 2), ("Mozilla/5.0 (compatible; Googlebot/2.1)", 2), (None, 2),
                  ("Mozilla/5.0", 3), ("Mozilla/5.0 (Windows NT 5.1) (via ggpht.com GoogleImageProxy)", 3)]
        campaign = rows[0][1] % 2 ** 64
        for number, (agent, want) in enumerate(agents):
            for purpose, path in ((weblib.CLICK, "/c/{}"), (weblib.OPEN, "/o/{}.gif")):
                token = ring.token(purpose, campaign=campaign, reader=100 + number)
                answer = track.web.get(path.format(token), agent=agent)
                tap.ok(answer.status == (302 if purpose == weblib.CLICK else 200), f"T3: {agent} is answered the same",
                       answer.raw)
        rows = track.await_events(2 * len(agents), "key BETWEEN 100 AND 199")
        for number, (agent, want) in enumerate(agents):
            got = [row[3] for row in rows if row[2] == 100 + number]
            tap.ok(got == [want, want], f"T3: {agent} has label {want}", got)

        # A conversion finds its click by the visitor, without a cookie.
        answer = track.web.get("/v/news.gif?v=order%2D4711%0d%0a", agent=BROWSER)
        tap.ok(answer.status == 200 and answer.field("Set-Cookie") is None, "a conversion needs no cookie", answer.raw)
        rows = track.await_events(1, "kind = 5")
        tap.ok(rows[0][1] % 2 ** 64 == campaign and rows[0][2] == 100, "a conversion belongs to the last click of its visitor", rows)
        values = [v for t, in track.sql("SELECT name FROM sqlite_master WHERE name GLOB 'event_[0-9]*' AND type = 'table'")
                  for v, in track.sql(f"SELECT value FROM {t} WHERE kind = 5")]
        tap.ok(values == ["order-4711??"], "its value is kept, without controls", values)
        tap.ok(track.web.get("/v/nosuch.gif?v=1").status == 404, "a conversion of no list: 404")

        # S5, S1: what is logged, and what is not ours.
        log = box.log("todoku-webd")
        tokens = [track.path(u).split("/")[2] for u in links + [pixel]]
        tap.ok(not any(token[:24] in log for token in tokens), "S5: no token in the log", log)
        bad = track.web.get("/c?url=https://evil.example/")
        tap.ok(bad.status == 404 and bad.field("Location") is None, "S1: no ?url=", bad.raw)
        posted = track.web.ask("POST", track.path(links[0]), body=b"x")
        tap.ok(posted.status == 405 and posted.field("Location") is None, "a click is no POST", posted.raw)

        metrics = track.web.admin_get("/metrics")
        tap.ok(metrics.status == 200 and b'todoku_webd_requests_total{route="click",code="302"}' in metrics.body,
               "the admin listener counts", metrics.raw)
        promtool = weblib.promtool(metrics.body)
        tap.ok(promtool == "", "promtool has nothing to say of /metrics", promtool)
        health = track.web.admin_get("/healthz")
        tap.ok((health.status, health.body) == (200, b"ok\n"), "/healthz", health.raw)
        tap.ok(track.web.get("/metrics").status == 404, "/metrics is not for readers")
        evil = track.web.ask("GET", "/metrics", host="evil.example", port=track.web.admin)
        tap.ok(evil.status == 421, "nor for a browser that a stranger's DNS led here", evil.raw)
    tap.end()


if __name__ == "__main__":
    main()
