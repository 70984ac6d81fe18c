#!/usr/bin/python3
"""kill -9 of todoku-bounced at random moments while reports storm in: each report
is counted once, and none is lost.

The client is what Postfix's lmtp(8) is: it brings a report again until it is told
250, so those under way at a kill come twice.  TODOKU_STORM sets the number of
reports, TODOKU_SEED repeats a run.
"""
import collections
import os
import random
import signal
import threading
import time

import bouncelib
import sandbox

REPORTS = int(os.environ.get("TODOKU_STORM") or 20000)
KILLS, CONNECTIONS = 10, 8
CAMPAIGN = 0xC0FFEE
SOFT_SHARE = 3  # each third a temporary failure


class Postfix:
    """Connections that deliver jobs until each is acknowledged."""

    def __init__(self, bounced, jobs):
        self.bounced, self.jobs = bounced, collections.deque(jobs)
        self.lock = threading.Lock()
        self.acknowledged, self.again, self.refused = 0, 0, []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while True:
            with self.lock:
                if not self.jobs:
                    break
                job = self.jobs.popleft()
            while True:
                try:
                    connection = connection or self.bounced.lmtp()
                    code = connection.deliver([job[0]], job[1])[0]
                    if code == 250:
                        break
                    if code >= 500:
                        self.refused.append((job[0], code))
                        break
                except OSError:
                    connection = None
                with self.lock:
                    self.again += 1
                time.sleep(0.02)
            with self.lock:
                self.acknowledged += 1
        if connection is not None:
            connection.close()

    def wait(self):
        end = time.monotonic() + 600
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            raise TimeoutError("reports are still not acknowledged")


def main():
    tap = sandbox.Tap()
    seed = int(os.environ.get("TODOKU_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"# TODOKU_SEED={seed}", flush=True)
    chance = random.Random(seed)
    made = int(time.time()) - 600
    with bouncelib.Bounced(level="error") as bounced:
        readers = [f"reader{n}@mail{n % 7}.example.jp" for n in range(REPORTS)]
        keys = bounced.record_sends(CAMPAIGN, readers, made)
        soft = [n % SOFT_SHARE == 0 for n in range(REPORTS)]
        jobs = [(bounced.ring.return_path(CAMPAIGN, key, made),
                 bouncelib.report(reader, "4.2.2", "452 4.2.2 mailbox full", n) if soft[n]
                 else bouncelib.report(reader, number=n)) for n, (key, reader) in enumerate(zip(keys, readers))]
        moments = sorted(chance.randrange(REPORTS // 50, REPORTS * 9 // 10) for _ in range(KILLS))
        begun = time.monotonic()
        postfix = Postfix(bounced, jobs)
        for moment in moments:
            sandbox.wait_for("reports", lambda: postfix.acknowledged >= moment)
            bounced.stop(signal.SIGKILL)
            bounced.start()
        postfix.wait()
        print(f"# {REPORTS / (time.monotonic() - begun):.0f} reports a second, kills included", flush=True)

        tap.ok(not postfix.refused and postfix.acknowledged == REPORTS, "every report is taken in the end, none refused",
               postfix.refused[:10])
        tap.ok(postfix.again >= KILLS, f"{KILLS} kills hit reports under way: {postfix.again} came again")
        tap.ok(bounced.number("SELECT count(*) FROM bounce") == REPORTS, f"{REPORTS} reports have one record each",
               bounced.number("SELECT count(*) FROM bounce"))
        tap.ok(bounced.number("SELECT count(DISTINCT address_key) FROM bounce WHERE fault = ''") == REPORTS,
               "each of them is its own recipient's")
        hard = REPORTS - sum(soft)
        for kind, want in (("bounce", REPORTS), ("bounce.hard", hard), ("bounce.user_unknown", hard),
                           ("bounce.mailbox_full", sum(soft))):
            got = bounced.number("SELECT coalesce(sum(count), 0) FROM rollup WHERE kind = ?", kind)
            tap.ok(got == want, f"roll-up {kind}: {want}", got)
        blocked = {row[0] for row in bounced.sql("SELECT address_key FROM standing WHERE status = 2 AND list = ''")}
        tap.ok(blocked == {bouncelib.signed(k) for k, s in zip(keys, soft) if not s},
               f"{hard} addresses are blocked, and no other")
        tap.ok(bounced.number("SELECT count(*) FROM change") == hard, "each was blocked once")
        tap.ok(bounced.number("SELECT count(*) FROM soft") == sum(soft), "each temporary failure is counted once")
        feedback = bounced.sql("SELECT sum(hard), sum(soft), sum(refused), sum(complaint) FROM feedback")[0]
        tap.ok(feedback == (hard, sum(soft), 0, 0), "gates and breaker are told the same", feedback)
        again = bounced.lmtp()
        tap.ok(set(again.deliver_many(jobs[:200])) == {250}
               and bounced.number("SELECT count(*) FROM bounce") == REPORTS, "what comes once more changes nothing")
        again.close()
        tap.ok(bounced.stop() == 0, "SIGTERM ends it well", bounced.log()[-2000:])
    tap.end()


if __name__ == "__main__":
    main()
