#!/usr/bin/python3
"""Days go by (N9): temporary failures on three different days mark an address, a full
mailbox on five of thirty, and a return path is good for thirty.  The clock is the
test's (TODOKU_CLOCK); the zone is Tokyo's.
"""
import json
import os
import tempfile
import time
import zlib

import bouncelib
import sandbox

DAY = 86400


class Clock:
    def __init__(self, folder):
        self.path, self.shift = os.path.join(folder, "clock"), 0
        os.environ["TODOKU_CLOCK"] = self.path
        self.set(0)

    def set(self, shift):
        self.shift = shift
        with open(self.path + ".new", "w", encoding="ascii") as out:
            out.write(str(shift))
        os.chmod(self.path + ".new", 0o644)
        os.rename(self.path + ".new", self.path)

    def now(self):
        return int(time.time()) + self.shift


class Reader:
    """One address, mailed and bounced on days of one's choice."""

    def __init__(self, bounced, clock, address, status, words):
        self.bounced, self.clock, self.address = bounced, clock, address
        self.status, self.words, self.number = status, words, 0

    def fail(self, after=60):
        """Mail to it is sent, and comes back so many seconds later."""
        made = self.clock.now()
        self.number += 1
        campaign = (zlib.crc32(self.address.encode()) << 16) + self.number
        key = self.bounced.record_sends(campaign, [self.address], made)[0]
        path = self.bounced.ring.return_path(campaign, key, made)
        before, now = self.clock.shift, made + after
        self.clock.set(before + after)
        with self.bounced.lmtp() as connection:
            codes = connection.deliver([path], bouncelib.report(self.address, self.status, self.words, f"{self.address}{now}"))
        self.clock.set(before)
        return codes == [250]

    def marked(self):
        said = self.bounced.command("--json", "address", "status", "--list", "news", self.address).stdout
        told = json.loads(said)
        return told["status"] == "active" and bool(told.get("temporary_failed"))

    def on_days(self, days, start):
        """After which of the failures on those days it was marked; None: never."""
        for index, day in enumerate(days):
            self.clock.set(start + day * DAY)
            if not self.fail():
                raise RuntimeError(f"{self.address}: not taken")
            if self.marked():
                return index
        return None


def check(tap, clock):
    with bouncelib.Bounced(level="info") as bounced:
        # Noon in Tokyo, so that the hours of the tests lie in one day.
        noon = (3 * 3600 - int(time.time())) % DAY
        rows = [("three", "4.4.1", "connection timed out", [0, 1, 2], 2),
                ("one-day", "4.4.1", "connection timed out", [0, 0, 0, 0], None),
                ("two-days", "4.4.1", "connection timed out", [0, 1, 1], None),
                ("gaps", "4.4.1", "connection timed out", [0, 10, 20], 2),
                ("full-five", "4.2.2", "452 4.2.2 mailbox full", [0, 7, 14, 21, 28], 4),
                ("full-four", "4.2.2", "452 4.2.2 mailbox full", [0, 1, 2, 3], None),
                ("full-slow", "4.2.2", "452 4.2.2 mailbox full", [0, 8, 16, 24, 32], None)]
        for name, status, words, days, want in rows:
            got = Reader(bounced, clock, f"{name}@example.jp", status, words).on_days(days, noon)
            tap.ok(got == want, f"N9: {name}: failures on days {days}: marked after {want}", got, bounced.log()[-1000:])
        tap.ok(bounced.number("SELECT count(*) FROM standing WHERE status <> 0") == 0, "none of them is blocked")

        for name, after, want in (("in-time", 30 * DAY - 3600, 1), ("too-late", 30 * DAY + 3600, 0)):
            clock.set(noon)
            reader = Reader(bounced, clock, f"{name}@example.jp", "5.1.1", "550 5.1.1 User unknown")
            tap.ok(reader.fail(after), f"N2: {name}: taken")
            blocked = bounced.number("SELECT count(*) FROM standing WHERE status = 2 AND address_key = ?",
                                     bouncelib.signed(bounced.ring.address_key(reader.address)))
            tap.ok(blocked == want, f"N2: {name}: {'blocked' if want else 'changes nothing'}", blocked)


def main():
    tap = sandbox.Tap()
    with tempfile.TemporaryDirectory(prefix="todoku-clock.") as folder:
        os.chmod(folder, 0o755)
        check(tap, Clock(folder))
    tap.end()


if __name__ == "__main__":
    main()
