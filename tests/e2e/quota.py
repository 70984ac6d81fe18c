#!/usr/bin/python3
"""A day's quota of 50 and 120 recipients (W1, W2, W5, W6): by SMTP and sendmail(1), split and
inline, exactly 50 arrive on a day; the others wait in Postfix's hold queue and go in order
on the next days, or are deferred.  None is lost or doubled, whatever is done to the queue
meanwhile.

The days are the daemons' alone (TODOKU_CLOCK); Postfix lives in one.
"""
import collections
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading

import sandbox

QUOTA, TOTAL = 50, 120
DAY = 86400
MESSAGE = """From: News <news@example.com>
To: reader@example.net
Subject: Number {number}
Message-ID: <{number}@example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Number {number}
"""


def compose(number):
    return MESSAGE.format(number=number).encode()


def stream(mode, quota=QUOTA):
    return f'policyd {{ leave_timeout = "1s" }}\nstream "main" {{ plan = "steps:{quota}" over_quota = "{mode}" }}\n'


class Clock:
    """What the daemons take for the time: the system's, and some days more."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="todoku-clock.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.path = os.path.join(self.dir, "clock")
        self.set(0)
        os.environ["TODOKU_CLOCK"] = self.path

    def set(self, days):
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write(str(days * DAY))
        os.rename(self.path + ".new", self.path)

    def remove(self):
        shutil.rmtree(self.dir)


def send_smtp(box, where, names, connections=4):
    """Returns the replies to those that were not taken."""
    names, refused, lock = list(names), {}, threading.Lock()

    def courier():
        server = box.connect(where)
        server.ehlo()
        while True:
            with lock:
                if not names:
                    break
                name = names.pop(0)
            server.mail("news@example.com")
            code, text = server.rcpt(f"{name}@example.jp")
            if code < 300:
                code, text = server.data(compose(name).replace(b"\n", b"\r\n"))
            if code >= 300:
                with lock:
                    refused[name] = f"{code} {text.decode()}"
                server.rset()
        server.quit()

    threads = [threading.Thread(target=courier) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def arrived(box):
    return [recipient for envelope in box.copies().values() for recipient in envelope["rcpt_to"]]


def held(box):
    """In the order of release."""
    return [json.loads(line) for line in box.todoku("--json", "hold", "list").stdout.splitlines()]


def hold_queue(box):
    return [mail for mail in box.queue() if mail["queue_name"] == "hold"]


def wait_arrived(box, count):
    return sandbox.wait_for(f"{count} copies", lambda: (lambda all: all if len(all) >= count else None)(arrived(box)))


def wait_settled(box, count):
    """Nothing is on its way any more: all that was sent has arrived, or waits."""
    sandbox.wait_for(f"{count} that arrived or wait", lambda: len(arrived(box)) + len(hold_queue(box)) == count
                     and len(box.queue()) == len(hold_queue(box)))


def release(box):
    return json.loads(box.todoku("--json", "hold", "release", "--due").stdout)


def postsuper(box, *arguments):
    subprocess.run(["postsuper", "-c", box.env["POSTFIX_CONFIG"], *arguments], check=True, stderr=subprocess.DEVNULL)


def restart_postfix(box):
    """A reload would let processes that wait take one more connection as before."""
    for order in ("stop", "start"):
        subprocess.run(["postfix", "-c", box.env["POSTFIX_CONFIG"], order], check=True, stderr=subprocess.DEVNULL)


def reload_policyd(box, text):
    """Puts another stream section behind the configuration and waits until it is in force."""
    with open(box.env["CONF"], "a", encoding="utf-8") as conf:
        conf.write("\n" + text)
    before = box.log("todoku-policyd").count("event=reloaded")
    box.kill("todoku-policyd", signal.SIGHUP)
    sandbox.wait_for("the reload", lambda: box.log("todoku-policyd").count("event=reloaded") > before)


def test_hold(tap, clock):
    with sandbox.Sandbox(stream("hold")) as box:
        split, inline, local = range(60), range(60, 90), range(90, TOTAL)
        refused = send_smtp(box, "SMTP", [f"r{n}" for n in split])
        refused |= send_smtp(box, "SMTP_INLINE", [f"r{n}" for n in inline])
        for n in local:
            box.sendmail(compose(f"r{n}"), [f"r{n}@example.jp"])
        wait_settled(box, TOTAL)
        first, waiting = arrived(box), held(box)
        tap.ok(not refused, "hold: every recipient is taken (nothing to resend)", refused)
        tap.ok(len(first) == len(set(first)) == QUOTA, "W2 hold: exactly the quota arrives on the first day", len(first))
        tap.ok(len(waiting) == len(hold_queue(box)) == TOTAL - QUOTA, "W5 the others wait in the hold queue, on record",
               len(waiting), len(hold_queue(box)))
        tap.ok({w["address"] for w in waiting} | set(first) == {f"r{n}@example.jp" for n in range(TOTAL)},
               "W2 hold: none is lost")
        tap.ok(release(box)["released"] == 0 and len(arrived(box)) == QUOTA, "W5 no quota, no release")

        # Who leaves meanwhile gets nothing; what is taken out of the queue leaves nothing stuck.
        left, gone = waiting[3], waiting[5]
        box.todoku("address", "block", left["address"], "--why", "test")
        postsuper(box, "-d", gone["queue_id"])
        restart_postfix(box)
        clock.set(1)
        told = release(box)
        second = wait_arrived(box, 2 * QUOTA)
        expected = [w["address"] for w in waiting if w not in (left, gone)]
        tap.ok(told == {"released": QUOTA, "cancelled": 1, "waiting": 18, "forgotten": 1},
               "W5 the second day's quota is released; who left is cancelled; what is gone is forgotten", told)
        tap.ok(set(second) - set(first) == set(expected[:QUOTA]) and len(second) == 2 * QUOTA, "W5 in order")
        tap.ok(release(box)["released"] == 0, "W5 never more than the quota")
        explained = box.todoku("explain", left["queue_id"]).stdout.decode()
        tap.ok("cancel (left)" in explained and "hold (quota)" in explained, "explain tells why it was held and cancelled",
               explained)

        # The mode changes while mail waits; and what waits for days is not expired at its
        # first try, but goes as new, and is not treated twice.
        reload_policyd(box, stream("reject"))
        clock.set(4)
        told = release(box)
        third = wait_arrived(box, TOTAL - 2)
        tap.ok(told["released"] == 18 and not held(box), "W5 after days and another mode the rest is released", told)
        sandbox.wait_for("an empty queue", lambda: not box.queue())
        everybody = collections.Counter(arrived(box))
        tap.ok(set(everybody) == {f"r{n}@example.jp" for n in range(TOTAL)} - {left["address"], gone["address"]}
               and set(everybody.values()) == {1}, "W2 none is lost or doubled", everybody.most_common(3))
        last = {r: n for n, e in box.copies().items() for r in e["rcpt_to"]}[expected[-1]]
        copy = box.copy(last)
        tap.ok(copy.count(b"\r\nList-Unsubscribe:") == 1 and copy.count(b"DKIM-Signature:") == 2,
               "W5 requeued mail is not treated again", copy[:2000])
        refused = send_smtp(box, "SMTP_INLINE", [f"s{n}" for n in range(QUOTA - 18 + 1)], connections=1)
        tap.ok(len(refused) == 1 and list(refused.values())[0].startswith("550 5.7.1"),
               "W5 what was released counts for its day; over quota is rejected at RCPT", refused)
        tap.ok(third is not None, "the third day came to its end")


def test_defer(tap, clock):
    clock.set(0)
    with sandbox.Sandbox(stream("defer")) as box:
        for n in range(40):
            box.sendmail(compose(f"d{n}"), [f"d{n}@example.jp"])
        refused = send_smtp(box, "SMTP", [f"d{n}" for n in range(40, TOTAL)])
        sandbox.wait_for("the rest deferred", lambda: len(arrived(box)) + len(
            [m for m in box.queue() if m["queue_name"] == "deferred"]) == TOTAL)
        tap.ok(not refused and len(arrived(box)) == QUOTA, "W2 defer: exactly the quota arrives on the first day",
               refused, len(arrived(box)))
        reasons = " ".join(r.get("delay_reason", "") for m in box.queue() for r in m["recipients"])
        tap.ok("450 4.7.1" in reasons and "is used up; try again on" in reasons, "W5 defer: with the reason and when",
               reasons[:500])
        at_rcpt = send_smtp(box, "SMTP_INLINE", ["i1"], connections=1)
        tap.ok(at_rcpt.get("i1", "").startswith("450 4.7.1"), "W5 defer inline: at RCPT", at_rcpt)
        for day, wanted in ((1, 2 * QUOTA), (2, TOTAL)):
            clock.set(day)
            box.flush()
            sandbox.wait_for("the flush", lambda: len(arrived(box)) >= wanted and not any(
                m["queue_name"] in ("active", "incoming") for m in box.queue()))
            tap.ok(len(arrived(box)) == wanted, f"W2 defer: day {day + 1} brings its quota", len(arrived(box)))
        counts = collections.Counter(arrived(box))
        tap.ok(len(counts) == TOTAL and set(counts.values()) == {1}, "W2 defer: none is lost or doubled")


def test_several(tap, clock):
    """Inline, one message to several."""
    clock.set(0)
    with sandbox.Sandbox(stream("hold", 4)) as box:
        box.todoku("address", "block", "left@example.jp", "--why", "test")
        server = box.connect("SMTP_INLINE")
        server.ehlo()
        server.mail("news@example.com")
        replies = [server.rcpt(f"{name}@example.jp") for name in ("a", "left", "b")]
        tap.ok([r[0] for r in replies] == [250, 550, 250] and b"5.7.1" in replies[1][1] and b"blocked" in replies[1][1],
               "W6 inline: the blocked one is refused at RCPT, the others are not", replies)
        server.data(compose("both").replace(b"\n", b"\r\n"))
        box.arrived_for(["a@example.jp", "b@example.jp"])
        # Abandoned: its unit comes back, so that the next message finds the two that are left.
        server.mail("news@example.com")
        server.rcpt("c@example.jp")
        server.rset()
        server.mail("news@example.com")
        for name in ("d", "e"):
            server.rcpt(f"{name}@example.jp")
        code, _ = server.data(compose("two").replace(b"\n", b"\r\n"))
        server.close()
        sandbox.wait_for("its end", lambda: len(arrived(box)) == 4 or hold_queue(box))
        if hold_queue(box):  # within the seconds for which an abandoned unit is kept
            sandbox.wait_for("the release", lambda: release(box)["released"] == 1)
        tap.ok(code == 250 and wait_arrived(box, 4), "W2 an abandoned transaction gives its unit back")
        clock.set(1)
        box.smtp(compose("three"), ["f@example.jp", "g@example.jp", "h@example.jp"], where="SMTP_INLINE")
        box.smtp(compose("more"), ["k@example.jp", "l@example.jp"], where="SMTP_INLINE")
        sandbox.wait_for("the second waits", lambda: len(hold_queue(box)) == 1)
        wait_arrived(box, 7)
        tap.ok(len(held(box)) == 2 and len(arrived(box)) == 7, "W5 a message waits whole", held(box))
        clock.set(2)
        tap.ok(release(box)["released"] == 1 and len(set(wait_arrived(box, 9))) == 9, "W5 and is released whole")
        test_killed_release(tap, box)
        test_too_large(tap, clock, box)


def test_killed_release(tap, box):
    """Killed between taking the units and telling Postfix: told again, and counted once."""
    box.smtp(compose("four"), ["o1@example.jp", "o2@example.jp", "o3@example.jp"], where="SMTP_INLINE")
    sandbox.wait_for("that it waits", lambda: len(hold_queue(box)) == 1)
    store = os.path.join(box.dir, "live", "data", "todoku.db")
    with contextlib.closing(sqlite3.connect(store, timeout=30)) as database:
        before = database.execute("SELECT sum(leased) FROM quota").fetchone()
        database.execute("UPDATE held SET released = 1")
        database.commit()
        told = release(box)
        after = database.execute("SELECT sum(leased) FROM quota").fetchone()
    tap.ok(told["released"] == 1 and len(wait_arrived(box, 12)) == 12 and before == after and not held(box),
           "W2 a release that was killed is told to Postfix again, and takes no unit twice", told, before, after)


def test_too_large(tap, clock, box):
    """A message to more than a day's quota, and one of whose recipients one has left, wait; others
    neither wait for them nor lack units because of them."""
    clock.set(3)
    box.smtp(compose("large"), [f"t{n}@example.jp" for n in range(5)], where="SMTP_INLINE")
    box.smtp(compose("fits"), [f"u{n}@example.jp" for n in range(4)], where="SMTP_INLINE")
    wait_arrived(box, 16)
    box.smtp(compose("behind"), ["v@example.jp"], where="SMTP_INLINE")
    sandbox.wait_for("that both wait", lambda: len(hold_queue(box)) == 2)
    large = held(box)[0]["queue_id"]
    clock.set(4)
    told = release(box)
    tap.ok(told["released"] == 1 and told["waiting"] == 1 and len(wait_arrived(box, 17)) == 17,
           "W5 a message to more than a day's quota holds up nobody behind it", told)
    tap.ok("too_large" in box.todoku("explain", large).stdout.decode(), "explain tells that it is too large")
    box.smtp(compose("today"), [f"x{n}@example.jp" for n in range(3)], where="SMTP_INLINE")
    sandbox.wait_for("today's", lambda: len(arrived(box)) == 20 or len(hold_queue(box)) == 2)
    tap.ok(len(arrived(box)) == 20, "W5 no units are set aside for it", held(box))
    clock.set(5)
    box.todoku("address", "block", "t0@example.jp", "--why", "test")
    release(box)
    box.smtp(compose("tomorrow"), [f"y{n}@example.jp" for n in range(4)], where="SMTP_INLINE")
    sandbox.wait_for("tomorrow's", lambda: len(arrived(box)) == 24 or len(hold_queue(box)) == 2)
    tap.ok(len(arrived(box)) == 24, "W5 nor for a message that waits for a word", held(box))
    tap.ok(len(held(box)) == 5 and len(hold_queue(box)) == 1, "it is there still", held(box))


def test_policy_alone(tap, clock):
    """Without the milter Postfix asks at END-OF-MESSAGE, where its recipients are counted."""
    clock.set(0)
    with sandbox.Sandbox(stream("hold", 5)) as box:
        service = box.env["SMTP_INLINE"] + "/inet/"
        socket = os.path.join(box.dir, "live", "sock", "policyd.sock")
        postfix = ["-c", box.env["POSTFIX_CONFIG"]]
        subprocess.run(["postconf", *postfix, "-P", service + "smtpd_milters=",
                        service + "smtpd_end_of_data_restrictions=check_policy_service,unix:" + os.path.realpath(socket)],
                       check=True)
        restart_postfix(box)
        box.smtp(compose("three"), [f"p{n}@example.jp" for n in range(3)], where="SMTP_INLINE")
        abandoned = box.connect("SMTP_INLINE")
        abandoned.ehlo()
        abandoned.mail("news@example.com")
        abandoned.rcpt("nobody@example.jp")
        abandoned.close()
        box.smtp(compose("one"), ["p3@example.jp"], where="SMTP_INLINE")
        box.smtp(compose("more"), [f"w{n}@example.jp" for n in range(2)], where="SMTP_INLINE")
        sandbox.wait_for("that it waits", lambda: len(hold_queue(box)) == 1)
        wait_arrived(box, 4)
        tap.ok(all(b"DKIM-Signature" not in box.copy(n) for n in box.copies()), "no milter takes part")
        tap.ok(len(held(box)) == 2 and len(arrived(box)) == 4, "W5 policyd alone holds at END-OF-MESSAGE", held(box))
        clock.set(1)
        told = release(box)
        tap.ok(told["released"] == 1 and len(set(wait_arrived(box, 6))) == 6, "W5 and it is released the next day", told)


def test_kills(tap, clock):
    """kill -9 of policyd while mail flows: what was not taken comes again; never over quota."""
    clock.set(0)
    with sandbox.Sandbox(stream("hold")) as box:
        names, taken = [f"k{n}" for n in range(TOTAL)], 0
        stop, killed = threading.Event(), []

        def killer():
            while not stop.is_set():
                killed.append(box.kill("todoku-policyd"))
                sandbox.wait_for("another policyd", lambda: box.pid("todoku-policyd") not in (None, killed[-1]))
                before = box.log("todoku-milter").count("event=")
                sandbox.wait_for("some mail", lambda: stop.is_set() or
                                 box.log("todoku-milter").count("event=") > before + 5)

        thread = threading.Thread(target=killer)
        thread.start()
        while names:
            refused = send_smtp(box, "SMTP_INLINE", names)
            taken += len(names) - len(refused)
            names = list(refused)
        stop.set()
        thread.join()
        wait_settled(box, TOTAL)
        first = len(arrived(box))
        tap.ok(0 < first <= QUOTA and taken == TOTAL,
               f"W2 kills: never over quota ({first} of {QUOTA}, {len(killed)} kills)")
        tap.ok(len(killed) > 5, "policyd was killed again and again", len(killed))
        for day in range(1, 5):
            clock.set(day)
            release(box)
        everybody = collections.Counter(wait_arrived(box, TOTAL))
        sandbox.wait_for("an empty queue", lambda: not box.queue())
        tap.ok(len(everybody) == TOTAL and set(everybody.values()) == {1} and not held(box),
               "W2 kills: none is lost or doubled", everybody.most_common(3), held(box))


def main():
    tap, clock = sandbox.Tap(), Clock()
    try:
        for test in (test_hold, test_defer, test_several, test_policy_alone, test_kills):
            test(tap, clock)
    finally:
        clock.remove()
    tap.end()


main()
