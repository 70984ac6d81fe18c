#!/usr/bin/python3
"""todoku store expire on a store of its own: old sends, events and proofs go, figures, refusals
and consent in force stay."""
import shutil
import time

import sandbox
import tools

YEAR = 365 * 86400


def fill(b):
    """A store with what is four years old and what is of today."""
    for name, state in (("old-left", "left"), ("old-agreed", "agreed"), ("new-left", "left")):
        b.run("address", "add", f"{name}@example.jp", "--list", "news", "--why", "form", "--proof", f"proof of {name}")
        if state == "left":
            b.run("address", "block", f"{name}@example.jp", "--list", "news", "--why", f"words of {name}")
    old = int(time.time()) - 4 * YEAR
    b.sql("UPDATE change SET time = ? WHERE proof LIKE '%old%' OR detail LIKE '%old%'", old)
    month = time.strftime("%Y%m", time.gmtime(old))
    b.sql(f"CREATE TABLE send_{month} (campaign, address_key, message, PRIMARY KEY (campaign, address_key, message))"
          " WITHOUT ROWID")
    b.sql(f"CREATE TABLE event_{month} (id INTEGER PRIMARY KEY)")
    b.sql(f"INSERT INTO send_{month} VALUES (1, 5, 6), (1, 5, 7)")
    b.sql(f"INSERT INTO event_{month} VALUES (1), (3)")
    b.sql("INSERT INTO campaign VALUES (1, 'news', 'winter', ?, ?)", old, old)
    b.sql("INSERT INTO rollup VALUES (1, 'sent', ?, 7)", old // 3600 * 3600)
    b.sql("INSERT INTO reader SELECT 5, 1, 1 << 17 | ?, 0, 0, x''", int(month[:4]) * 12 + int(month[4:]) - 1)


def forget(b):
    b.expect(0, "0 months, 0 proofs", "store", "expire")
    fill(b)
    said = b.json("store", "expire")
    b.ok(said == [{"months": 1, "proofs": 2}], "the month and the two proofs of one who left", said)
    rows = b.sql("SELECT name FROM sqlite_schema WHERE name GLOB 'send_*' OR name GLOB 'event_*'")
    b.ok(not rows and not b.sql("SELECT 1 FROM reader"), "sends, events and readers of that month are gone", rows)
    b.ok(b.sql("SELECT sum(count) FROM rollup") == [(7,)], "the figures stay")
    b.ok(b.status("old-left@example.jp", "news") == "blocked", "a refusal stays, whatever its age")
    b.expect(0, "proof of old-agreed", "consent", "show", "old-agreed@example.jp")
    b.expect(0, "proof of new-left", "consent", "show", "new-left@example.jp")
    b.expect(1, "neither consent nor refusal", "consent", "show", "old-left@example.jp")
    b.expect(0, "0 months, 0 proofs", "store", "expire")
    b.expect(64, "no argument", "store", "expire", "all")


def main():
    tap = sandbox.Tap()
    b = tools.Bench(tap)
    try:
        forget(b)
    finally:
        shutil.rmtree(b.dir, ignore_errors=True)
    tap.end()


main()
