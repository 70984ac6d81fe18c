#!/usr/bin/python3
"""kill -9 of the milter at random moments while list mail flows: each message
arrives exactly once for each recipient, whole (H2, D2), with exactly one record.

The moments are random numbers of copies at the sink, so that a kill always hits
mail under way, however slow the host.  TODOKU_SEED repeats a run.
"""
import collections
import json
import os
import random
import re
import smtplib
import threading
import time

import compare
import sandbox

MESSAGES, EACH, KILLS = 2500, 2, 10
INLINE_MESSAGES, INLINE_KILLS = 600, 6
SAMPLE = 300
PATIENCE = 400
LINKS = 3

MESSAGE = """From: News <news@example.com>
To: reader@example.net
Subject: Number {number}
Date: Sun, 22 Nov 2026 09:00:00 +0900
Message-ID: <{campaign}-{number}@example.com>
X-Todoku-Campaign: {campaign}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Number {number}: https://shop.example.org/plain/{number}
--b
Content-Type: text/html; charset=utf-8

<html><body><p>Number {number}</p>
<a href="https://shop.example.org/one/{number}">one</a>
<a href="https://shop.example.org/two?n={number}&amp;m=2">two</a>
<a href="http://other.example.org/#{number}">three</a>
</body></html>
--b--
"""


def compose(number, campaign):
    return MESSAGE.format(number=number, campaign=campaign).replace("\n", "\r\n").encode()


class Courier:
    """An application: several connections, and what was not taken is sent again
    until it is.  `refused` holds what got a 5xx, `retries` counts the 4xx and the
    lost connections."""

    def __init__(self, box, where, jobs, connections=4, sender="news@example.com"):
        self.box, self.where, self.sender = box, where, sender
        self.jobs, self.lock = collections.deque(jobs), threading.Lock()
        self.acknowledged, self.refused, self.retries = 0, [], 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.wait()

    def wait(self):
        end = time.monotonic() + PATIENCE
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            raise TimeoutError(f"{len(self.jobs)} messages not submitted within {PATIENCE} s")

    def run(self):
        server = None
        while True:
            with self.lock:
                if not self.jobs:
                    break
                message, recipients = self.jobs.popleft()
            while True:
                try:
                    server = server or self.box.connect(self.where)
                    server.ehlo_or_helo_if_needed()
                    self.submit(server, message, recipients)
                    break
                except (smtplib.SMTPException, OSError) as error:
                    server = self.give_up(server)
                    if 500 <= getattr(error, "smtp_code", 0) < 600:
                        self.refused.append((recipients, error))
                        break
                    with self.lock:
                        self.retries += 1
                    time.sleep(0.02)
        self.give_up(server)

    def submit(self, server, message, recipients):
        for step, argument in [(server.mail, self.sender)] + [(server.rcpt, r) for r in recipients]:
            code, text = step(argument)
            if code >= 300:
                raise smtplib.SMTPResponseException(code, text)
        code, text = server.data(message)
        if code >= 300:
            raise smtplib.SMTPResponseException(code, text)
        with self.lock:
            self.acknowledged += 1

    @staticmethod
    def give_up(server):
        if server is not None:
            server.close()


class Sink:
    """How many copies there are, without reading the folder again and again: they
    are numbered in a row."""

    def __init__(self, box):
        self.folder, self.count = box.env["SINK"], len(box.copies())

    def arrived(self):
        while os.path.exists(os.path.join(self.folder, f"{self.count + 1}.json")):
            self.count += 1
        return self.count


def kill_at(box, sink, moments):
    """Kills whenever so many copies have arrived: [(pid, copies then)]."""
    killed = []
    for moment in moments:
        sandbox.wait_for(f"{moment} copies", lambda at=moment: sink.arrived() >= at, PATIENCE)
        sandbox.wait_for("a milter that was not killed yet",
                         lambda: box.pid() not in {None} | {pid for pid, _ in killed})
        killed.append((box.kill(), sink.arrived()))
    return killed


def queue_is_empty(box, sink, count):
    sandbox.wait_for(f"{count} copies", lambda: sink.arrived() >= count, PATIENCE)
    sandbox.wait_for("an empty queue", lambda: not box.queue(), PATIENCE)


def deferrals(box):
    return len(re.findall(r"(?m)^.*(?:status=deferred|milter-reject)", box.log("postfix")))


def half_done(copy, envelope, numbers, campaign):
    """Why a copy is not whole: what needs no DKIM and no token; None if it is."""
    header, _, body = copy.partition(b"\r\n\r\n")
    names = collections.Counter(re.findall(rb"(?m)^([A-Za-z-]+):", header))
    for name, count in ((b"DKIM-Signature", 2), (b"List-Unsubscribe", 1), (b"List-Unsubscribe-Post", 1),
                        (b"List-Id", 1), (b"Feedback-ID", 1), (b"X-Todoku-Campaign", 0), (b"X-Todoku-Origin", 0)):
        if names[name] != count:
            return f"{name.decode()} {names[name]} times"
    number = numbers[envelope["rcpt_to"][0]]
    if f"<{campaign}-{number}@example.com>".encode() not in header:
        return "another message"
    if not envelope["mail_from"].startswith("b+"):
        return f"return path {envelope['mail_from']}"
    base = rb"https://t\.example\.com"
    if len(re.findall(rb'href="' + base + rb"/c/[\w-]+\"", body)) != LINKS or b'href="http://other' in body:
        return "links not rewritten"
    if len(re.findall(base + rb"/o/[\w-]+", body)) != 1 or not re.search(base + rb"/u/[\w-]+", body):
        return "no pixel or no footer"
    return None


class Outcome:
    """What became of a campaign whose messages had recipients of their own."""

    def __init__(self, box, tap, campaign, recipients, messages):
        self.box, self.tap, self.campaign = box, tap, campaign
        self.numbers, self.messages = recipients, messages  # recipient -> number -> bytes
        self.copies = {n: e for n, e in box.copies().items() if set(e["rcpt_to"]) & set(recipients)}

    def check(self, what, chosen):
        self.check_once(what)
        broken = [f"{n}.eml: {why}" for n, e in self.copies.items()
                  for why in [half_done(self.box.copy(n), e, self.numbers, self.campaign)] if why]
        self.tap.ok(not broken, f"{what}: every copy is rewritten and signed, none half-done", "\n".join(broken))
        self.check_records(what)
        self.check_whole(what, chosen)

    def check_once(self, what):
        times = collections.Counter(r for e in self.copies.values() for r in e["rcpt_to"])
        wrong = [f"{r}: {times[r]} times" for r in self.numbers if times[r] != 1]
        wrong += [f"{e['rcpt_to']}: not a personal copy" for e in self.copies.values() if len(e["rcpt_to"]) != 1]
        self.tap.ok(not wrong, f"{what}: {len(self.numbers)} recipients have exactly one copy each", "\n".join(wrong))

    def check_records(self, what):
        shown = self.box.todoku("--json", "send", "show", self.campaign).stdout.splitlines()
        times = collections.Counter(json.loads(line)["address"] for line in shown)
        wrong = [f"{r}: {times[r]} records" for r in times.keys() | self.numbers.keys()
                 if times[r] != (r in self.numbers)]
        self.tap.ok(not wrong, f"{what}: {len(self.numbers)} recipients have exactly one record each", "\n".join(wrong))
        head = self.box.todoku("send", "show", self.campaign).stdout.decode().splitlines()[0]
        self.tap.ok(head.endswith(f" {len(self.numbers)} sent"), f"{what}: the roll-up counts as many", head)

    def check_whole(self, what, chosen):
        """All rules for some, a signature's verification included."""
        show, keys, failures = compare.Shower(self.box.env["TODOKU"]), {}, []
        by_recipient = {e["rcpt_to"][0]: (n, e) for n, e in self.copies.items()}
        for recipient in (r for r in chosen if r in by_recipient):
            number, envelope = by_recipient[recipient]
            options = compare.for_list("news", show=show, base_url=self.box.env["BASE_URL"],
                                       dkim_dns=self.box.env["DKIM_DNS"], address_keys=keys)
            failures += [f"{number}.eml: {text}" for text in compare.check(
                self.messages[self.numbers[recipient]], self.box.copy(number), envelope, recipient, options)]
        self.tap.ok(not failures, f"{what}: {len(chosen)} copies chosen by lot obey every rule", "\n".join(failures))


def prepare(campaign, count, each):
    messages = {number: compose(number, campaign) for number in range(count)}
    recipients = {f"{campaign}{n}-{i}@reader.example.net": n for n in range(count) for i in range(each)}
    jobs = [(messages[n], [f"{campaign}{n}-{i}@reader.example.net" for i in range(each)]) for n in range(count)]
    return messages, recipients, jobs


def run(box, tap, chance, where, what, campaign, count, each, kills):
    messages, recipients, jobs = prepare(campaign, count, each)
    sink = Sink(box)
    start, before, total = sink.arrived(), deferrals(box), count * each
    moments = sorted(start + chance.randrange(total // 50, total * 9 // 10) for _ in range(kills))
    with Courier(box, where, jobs) as courier:
        killed = kill_at(box, sink, moments)
    tap.ok(not courier.refused and courier.acknowledged == count, f"{what}: every message is taken in the end",
           courier.refused)
    queue_is_empty(box, sink, start + total)
    tap.ok(len({pid for pid, _ in killed}) == kills and all(at < start + total for _, at in killed),
           f"{what}: {kills} milters were killed while mail flowed", killed)
    hit = courier.retries + deferrals(box) - before
    tap.ok(hit >= kills // 2, f"{what}: kills hit mail under way ({courier.retries} submissions tried again, "
                              f"{deferrals(box) - before} deferrals logged)")
    outcome = Outcome(box, tap, campaign, recipients, messages)
    outcome.check(what, chance.sample(sorted(recipients), min(SAMPLE, total)))


def main():
    tap = sandbox.Tap()
    seed = int(os.environ.get("TODOKU_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"# TODOKU_SEED={seed}", flush=True)
    chance = random.Random(seed)
    with sandbox.Sandbox() as box:
        run(box, tap, chance, "SMTP", "split", "killed", MESSAGES, EACH, KILLS)
        run(box, tap, chance, "SMTP_INLINE", "inline", "inline", INLINE_MESSAGES, 1, INLINE_KILLS)
    tap.end()


if __name__ == "__main__":
    main()
