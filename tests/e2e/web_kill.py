#!/usr/bin/python3
"""kill -9 under two thousand clicks a second from wrk: every click that got its 302 is
in the store after the restart, once. Then the store is locked for ten seconds, and taken
away for ten seconds: every click still redirects, and all of them are counted.
"""
import glob
import os
import sqlite3
import subprocess
import time

import sandbox
import weblib
from weblib import CLICK

CONNECTIONS, THREADS, PAUSE_MS = 24, 2, 10
LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "web_kill.lua")


class Clicks:
    """wrk, clicking each of its tokens once."""

    def __init__(self, web, seconds, campaign):
        self.web, self.campaign = web, campaign
        self.prefix = f"{web.dir}/clicks-{campaign:x}"
        count = seconds * CONNECTIONS * 1000 // PAUSE_MS + 1000
        with open(self.prefix + ".tokens", "w", encoding="ascii") as out:
            for number in range(1, count):
                out.write(web.ring.token(CLICK, campaign=campaign, reader=number, target=b"https://example.com/#%d" % number) + "\n")
        self.process = subprocess.Popen(
            ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", LUA,
             f"http://127.0.0.1:{web.port}", "--", self.prefix + ".tokens", self.prefix, str(PAUSE_MS), str(THREADS)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def lines(self):
        return [line.strip() for name in glob.glob(self.prefix + ".[0-9]*") for line in open(name, encoding="ascii")
                if line.endswith("\n")]

    def answered(self):
        return {int(line) for line in self.lines() if line.isdigit()}

    def await_answers(self, more):
        goal = len(self.answered()) + more
        sandbox.wait_for(f"{goal} answers", lambda: len(self.answered()) >= goal)

    def end(self):
        self.output = self.process.communicate()[0].decode()
        return self.answered()


def recorded(web, campaign):
    tables = [t for t, in web.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'event_[0-9]*'")]
    return [key for table in tables for key, in web.sql(f"SELECT key FROM {table} WHERE campaign = ?", campaign)]


def check(tap, web, clicks, name, in_flight):
    answered = clicks.end()
    sandbox.wait_for("the journal to be in the store", lambda: web.metric("todoku_webd_journal_waiting_bytes") == 0 and
                     len(set(recorded(web, clicks.campaign))) >= len(answered))
    rows = recorded(web, clicks.campaign)
    tap.ok(len(answered) > 0 and answered <= set(rows), f"{name}: all {len(answered)} clicks that got their 302 are recorded",
           f"{len(answered - set(rows))} are not", clicks.output)
    tap.ok(len(rows) == len(set(rows)), f"{name}: none twice", len(rows) - len(set(rows)))
    tap.ok(len(rows) <= len(answered) + in_flight, f"{name}: and none that nobody made", len(rows), len(answered))
    counted = web.sql("SELECT sum(count) FROM rollup WHERE campaign = ? AND kind = 'click'", clicks.campaign)[0][0]
    unique = web.sql("SELECT sum(count) FROM rollup WHERE campaign = ? AND kind = 'click.unique'", clicks.campaign)[0][0]
    tap.ok(counted == unique == len(rows), f"{name}: the figures say the same", counted, unique, len(rows))
    return answered


def kills(web, tap):
    clicks = Clicks(web, 9, 0xA)
    for _ in range(3):
        clicks.await_answers(2000)
        web.stop(9)
        web.start()
    clicks.await_answers(2000)
    answered = check(tap, web, clicks, "kill -9", 4 * CONNECTIONS)
    tap.ok(len(answered) > 8000, "under load", len(answered), clicks.output)


def all_answered(tap, clicks, name):
    wrong = [line for line in clicks.lines() if not line.isdigit()]
    tap.ok(not wrong, f"{name}: every click was redirected", wrong[:10], clicks.output)


def locked(web, tap):
    clicks = Clicks(web, 11, 0xB)
    clicks.await_answers(500)
    holder = sqlite3.connect(web.database, timeout=30, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        clicks.await_answers(100)
    before = len(recorded_while_locked(holder, clicks.campaign))
    holder.execute("COMMIT")
    holder.close()
    answered = check(tap, web, clicks, "store locked", CONNECTIONS)
    all_answered(tap, clicks, "store locked")
    tap.ok(before < len(answered), "store locked: they waited in the journal", before, len(answered))


def recorded_while_locked(holder, campaign):
    tables = [t for t, in holder.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'event_[0-9]*'")]
    return [key for table in tables for key, in holder.execute(f"SELECT key FROM {table} WHERE campaign = ?", (campaign,))]


def away(web, tap):
    clicks = Clicks(web, 11, 0xC)
    clicks.await_answers(500)
    names = [web.database + end for end in ("", "-wal", "-shm")]
    for name in names:
        if os.path.exists(name):
            os.rename(name, name + ".away")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        clicks.await_answers(100)
    tap.ok(not os.path.exists(web.database), "store away: none is made in its place")
    tap.ok(web.admin_get("/healthz").status == 503, "store away: /healthz says so")
    for name in names:
        if os.path.exists(name + ".away"):
            os.rename(name + ".away", name)
    check(tap, web, clicks, "store away", CONNECTIONS)
    all_answered(tap, clicks, "store away")
    segments = [n for n in os.listdir(web.dir + "/data/journal") if n.endswith(".journal")]
    tap.ok(len(segments) == 1, "what is applied is removed", segments)


def main():
    tap = sandbox.Tap()
    with weblib.Webd() as web:
        for part in (kills, locked, away):
            part(web, tap)
    tap.end()


if __name__ == "__main__":
    main()
