#!/usr/bin/python3
"""todoku bounce reclassify: rules are added, and what is on record is judged by them:
categories, counts and statuses follow; with --dry-run nothing does.
"""
import contextlib
import json
import sqlite3
import time

import bouncelib
import sandbox

CAMPAIGN = 0xC0FFEE
OWN = 'refused "the words of our neighbour"\nuser_unknown "is fond of the sea"\n'


class Case:
    def __init__(self, bounced):
        self.bounced, self.made, self.number = bounced, int(time.time()) - 60, 0

    def fail(self, address, status, words):
        key = self.bounced.record_sends(CAMPAIGN, [address], self.made)[0]
        self.number += 1
        with self.bounced.lmtp() as connection:
            return connection.deliver([self.bounced.ring.return_path(CAMPAIGN, key, self.made)],
                                      bouncelib.report(address, status, words, self.number))

    def status(self, address):
        return json.loads(self.bounced.command("--json", "address", "status", address).stdout)["status"]

    def errors(self):
        said = json.loads(self.bounced.command("--json", "report", "errors", f"{CAMPAIGN:016x}").stdout)
        return {r["reason"]: r["count"] for r in said["reasons"]}

    def reclassify(self, *options):
        lines = self.bounced.command("--json", "bounce", "reclassify", *options).stdout.decode().splitlines()
        return {said["address"]: (said["was"], said["is"], said["effect"]) for said in map(json.loads, lines)}


def main():
    tap = sandbox.Tap()
    with bouncelib.Bounced() as bounced:
        case = Case(bounced)
        for address, status, words in (("wrongly@example.jp", "5.1.1", "550 5.1.1 the words of our neighbour"),
                                       ("moved@example.jp", "5.7.1", "554 5.7.1 is fond of the sea"),
                                       ("twice@example.jp", "5.1.1", "550 5.1.1 the words of our neighbour"),
                                       ("same@example.jp", "5.1.1", "550 5.1.1 User unknown")):
            tap.ok(case.fail(address, status, words) == [250], f"{address}: taken")
        tap.ok((case.status("wrongly@example.jp"), case.status("moved@example.jp")) == ("blocked", "active"), "as of today")
        case.made += 1
        case.fail("twice@example.jp", "5.1.1", "550 5.1.1 User unknown")
        before = case.errors()
        tap.ok(before == {"user_unknown": 4, "refused": 1}, "counted so", before)
        tap.ok(case.reclassify() == {}, "the same rules change nothing", case.reclassify("--dry-run"))

        bounced.write_rules(OWN)
        want = {"wrongly@example.jp": ("user_unknown", "refused", "unblocked"),
                "twice@example.jp": ("user_unknown", "refused", ""),
                "moved@example.jp": ("refused", "user_unknown", "blocked")}
        tap.ok(case.reclassify("--dry-run") == want, "--dry-run shows what others would", case.reclassify("--dry-run"))
        tap.ok(case.errors() == before and case.status("wrongly@example.jp") == "blocked", "and changes nothing")
        tap.ok(case.reclassify() == want, "then it is done")
        tap.ok(case.errors() == {"user_unknown": 3, "refused": 2}, "the counts follow", case.errors())
        tap.ok((case.status("wrongly@example.jp"), case.status("moved@example.jp"), case.status("same@example.jp"))
               == ("active", "blocked", "blocked"), "and the statuses")
        tap.ok(case.status("twice@example.jp") == "blocked", "no block is lifted that another report on record bears out")
        tap.ok(case.reclassify() == {}, "once")
        hard = bounced.number("SELECT sum(hard) FROM feedback")
        tap.ok(hard == 3, "gates and breaker are told", hard)

        # What was refused long ago may have had much mail since.
        case.fail("old@example.jp", "5.7.1", "554 5.7.1 long gone")
        with contextlib.closing(sqlite3.connect(bounced.database, timeout=30)) as database, database:
            database.execute("UPDATE bounce SET time = time - 31 * 86400 WHERE recipient = 'old@example.jp'")
        bounced.write_rules('user_unknown "long gone"\n' + OWN)
        done = case.reclassify()
        tap.ok(done == {"old@example.jp": ("refused", "user_unknown", "")} and case.status("old@example.jp") == "active",
               "an old report blocks nobody", done)

        # A block that was made by hand is nobody's to lift.
        case.fail("byhand@example.jp", "5.1.1", "550 5.1.1 User unknown")
        for verb in ("unblock", "block"):
            bounced.command("address", verb, "byhand@example.jp", "--why", "asked on the telephone")
        bounced.write_rules('refused "User unknown"\n' + OWN)
        done = case.reclassify()
        tap.ok(done["byhand@example.jp"] == ("user_unknown", "refused", "") and case.status("byhand@example.jp") == "blocked"
               and case.status("same@example.jp") == "active", "a block by hand stays", done)
    tap.end()


if __name__ == "__main__":
    main()
