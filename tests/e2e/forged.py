#!/usr/bin/python3
"""Forged reports change nothing (N2): return paths that are wrong, cut, another
ring's, expired, never sent, of another purpose, replayed; complaints and wishes to
leave without proof; somebody else's address in every one of them.

TODOKU_FORGED sets how many; TODOKU_SEED repeats a run.
"""
import collections
import os
import random
import threading
import time

import bouncelib
import sandbox

FORGED = int(os.environ.get("TODOKU_FORGED") or 100000)
CONNECTIONS = 4
READERS = 500
CAMPAIGN, OTHER = 0xC0FFEE, 0xDECADE
DAY = 86400


def complaint(victim, number, return_path=""):
    return (f"From: fbl@provider.example\nTo: fbl@bounce.example.com\nMessage-ID: <c{number}@provider.example>\n"
            f"MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"x\"\n\n"
            f"--x\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n"
            f"Original-Rcpt-To: {victim}\nOriginal-Mail-From: <{return_path}>\n\n"
            f"--x\nContent-Type: message/rfc822\n\nReturn-Path: <{return_path}>\nFrom: news@example.com\nTo: {victim}\n"
            f"Subject: News\n\nbody\n--x--\n").replace("\n", "\r\n").encode()


class Forger:
    """Every kind in turn, each against a victim chosen by lot."""

    def __init__(self, bounced, chance, readers, keys, made):
        self.ring, self.foreign = bounced.ring, bouncelib.Ring()
        self.chance, self.readers, self.keys, self.made = chance, readers, keys, made
        self.kinds = [self.random_token, self.changed, self.cut, self.from_another_ring, self.expired, self.from_future,
                      self.never_sent, self.never_sent_to, self.shared, self.other_purpose, self.no_token,
                      self.replayed, self.complains, self.complains_expired, self.leaves, self.bounced_leave]
        self.counts = collections.Counter()

    def one(self, number):
        kind = self.kinds[number % len(self.kinds)]
        self.counts[kind.__name__] += 1
        index = self.chance.randrange(READERS)
        self.victim, self.key = self.readers[index], self.keys[index]
        recipient = kind(number)
        if isinstance(recipient, tuple):
            return recipient
        status, words = self.chance.choice((("5.1.1", "550 5.1.1 User unknown"), ("4.2.2", "452 4.2.2 mailbox full")))
        return recipient, bouncelib.report(self.victim, status, words, number)

    def good(self):
        return self.ring.return_path(CAMPAIGN, self.key, self.made)

    def random_token(self, _):
        return "b+" + "".join(self.chance.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(61)) + "@bounce.example.com"

    def changed(self, _):
        at = self.chance.randrange(2, 62)
        return self.good()[:at] + self.chance.choice("abcdefghijklm") + "@bounce.example.com" if at == 62 else \
            self.good()[:at] + ("a" if self.good()[at] != "a" else "b") + self.good()[at + 1:]

    def cut(self, _):
        return self.good()[:self.chance.randrange(2, 60)] + "@bounce.example.com"

    def from_another_ring(self, _):
        return self.foreign.return_path(CAMPAIGN, self.key, self.made)

    def expired(self, _):
        return self.ring.return_path(CAMPAIGN, self.key, self.made - 30 * DAY - self.chance.randrange(3600, 900 * DAY))

    def from_future(self, _):
        return self.ring.return_path(CAMPAIGN, self.key, self.made + 3 * DAY)

    def never_sent(self, _):
        return self.ring.return_path(OTHER, self.key, self.made)

    def never_sent_to(self, number):
        return self.ring.return_path(CAMPAIGN, self.key ^ (number + 1), self.made)

    def shared(self, _):
        return self.ring.return_path(CAMPAIGN, 0, self.made, shared=True)

    def other_purpose(self, _):
        return "b+" + self.ring.unsubscribe_address(CAMPAIGN, self.key, "news")[len("unsubscribe+"):]

    def no_token(self, _):
        return self.chance.choice(("b", "postmaster", "abuse", "fbl", "anybody")) + "@bounce.example.com"

    def replayed(self, _):
        """What came back once: of the one reader whose report is real."""
        return self.real

    def complains(self, number):
        return self.chance.choice(("fbl", "abuse", "b")) + "@bounce.example.com", complaint(self.victim, number)

    def complains_expired(self, number):
        return "fbl@bounce.example.com", complaint(self.victim, number, self.expired(number))

    def leaves(self, number):
        address = self.ring.unsubscribe_address(CAMPAIGN, self.key, "news")
        at = len("unsubscribe+") + self.chance.randrange(4, 40)
        return address[:at] + ("A" if address[at] != "A" else "B") + address[at + 1:], \
            f"From: {self.victim}\r\nMessage-ID: <l{number}@x>\r\n\r\n".encode()

    def bounced_leave(self, number):
        """A report to an unsubscribe address is no wish to leave."""
        return self.ring.unsubscribe_address(CAMPAIGN, self.key, "news"), bouncelib.report(self.victim, number=number)


def deliver(bounced, jobs, codes, errors):
    try:
        with bounced.lmtp() as connection:
            codes.update(connection.deliver_many(jobs))
    except Exception as error:  # pylint: disable=broad-except
        errors.append(error)


def check_shown(tap, bounced):
    """What a stranger wrote does not steer the operator's terminal, and is whole in a file."""
    words = "\x1b]0;owned\x07\x9b2J 日本語".encode()
    with bounced.lmtp() as connection:
        connection.deliver(["abuse@bounce.example.com"], b"From: x@example.org\r\nSubject: " + words + b"\r\n\r\n" + words)
    last = str(bounced.number("SELECT max(id) FROM bounce"))
    said = bounced.on_terminal("bounce", "show", last)
    tap.ok(not set(b"\x1b\x07\x9b") & set(said.replace("日本語".encode(), b"")) and "日本語".encode() in said,
           "bounce show keeps control characters off the terminal", said)
    tap.ok(words in bounced.command("bounce", "show", last).stdout, "and leaves them in a file")
    tap.ok(b"--limit" in bounced.command("bounce", "show", "--limit", "x").stdout, "a limit is a number")


def main():
    tap = sandbox.Tap()
    seed = int(os.environ.get("TODOKU_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"# TODOKU_SEED={seed}", flush=True)
    chance = random.Random(seed)
    made = int(time.time()) - 600
    with bouncelib.Bounced(bounced='keep_mail = "4M" keep_faulty = 5000', level="error") as bounced:
        readers = [f"reader{n}@mail.example.jp" for n in range(READERS + 1)]
        keys = bounced.record_sends(CAMPAIGN, readers, made)
        forger = Forger(bounced, chance, readers[:-1], keys[:-1], made)
        real = bounced.ring.return_path(CAMPAIGN, keys[-1], made)
        forger.real = (real, bouncelib.report(readers[-1], "4.2.2", "452 4.2.2 mailbox full", "real"))
        with bounced.lmtp() as connection:
            tap.ok(connection.deliver_many([forger.real]) == [250], "one real report, to be replayed")
        before = {table: bounced.sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in
                  ("standing", "change", "soft", "feedback", "rollup")}
        tap.ok(len(before["soft"]) == 1, "which counts")

        jobs = [forger.one(number) for number in range(FORGED)]
        codes, errors = collections.Counter(), []
        begun = time.monotonic()
        threads = [threading.Thread(target=deliver, args=(bounced, jobs[n::CONNECTIONS], codes, errors))
                   for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"# {FORGED / (time.monotonic() - begun):.0f} a second", flush=True)
        tap.ok(codes == {250: FORGED} and not errors, f"{FORGED} forged ones are taken: no report is refused", codes, errors)
        for kind, count in sorted(forger.counts.items()):
            print(f"# {count:6} {kind}", flush=True)
        for table, rows in before.items():
            after = bounced.sql(f"SELECT * FROM {table} ORDER BY 1, 2")
            tap.ok(after == rows, f"{table} is as it was", [row for row in after if row not in rows][:5])
        faults = dict(bounced.sql("SELECT fault, count(*) FROM bounce GROUP BY fault"))
        want = {"", "automatic", "bad_token", "expired", "no_token", "not_sent", "shared"}
        tap.ok(set(faults) == want and faults[""] == 1, "each is on record with its fault", faults)
        kept = sum(faults.values())
        tap.ok(kept <= 5000 + 1000 + 1000, f"the newest are kept, and no more than told: {kept}")
        octets = bounced.number("SELECT sum(size) FROM bounce_mail")
        tap.ok(0 < octets < (4 << 20) + 3000 * 2000, f"so are the mails: {octets} octets")
        shown = bounced.command("bounce", "show", "--kept").stdout.decode()
        check_shown(tap, bounced)
        tap.ok(shown.count("changes nothing") == 50, "todoku bounce show --kept lists them", shown[:2000])
        tap.ok(not os.path.exists(bounced.dir + "/data/mails"), "nobody was sent a mail")
    tap.end()


if __name__ == "__main__":
    main()
