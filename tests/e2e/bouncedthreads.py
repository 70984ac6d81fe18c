#!/usr/bin/python3
"""Many connections at once, with reloads going on, in a todoku-bounced built with
ThreadSanitizer: no report, and all is recorded.

Uses build-tsan beside the source (TODOKU_BUILD_TSAN names another folder) where
that holds the program, else builds it in a temporary folder.
"""
import collections
import os
import signal
import subprocess
import tempfile
import threading
import time

import bouncelib
import sandbox

CONNECTIONS, EACH, RELOADS = 40, 40, 10
CAMPAIGN = 0xC0FFEE
BUILD_TSAN = os.environ.get("TODOKU_BUILD_TSAN") or os.path.join(sandbox.SOURCE, "build-tsan")
SUPPRESSIONS = os.path.join(sandbox.SOURCE, "tests", "tsan.supp")


def tsan_program(folder):
    built = os.path.join(BUILD_TSAN, "todoku-bounced")
    if os.path.exists(built):
        return built
    subprocess.run([os.path.join(sandbox.SOURCE, "configure"), "-q", "CFLAGS=-O1 -g", "--enable-sanitizer=thread"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["nice", "make", "-s", "-j2", "todoku-bounced"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "todoku-bounced")


def deliver(bounced, jobs, codes):
    with bounced.lmtp() as connection:
        codes.update(connection.deliver_many(jobs))


def main():
    tap = sandbox.Tap()
    with tempfile.TemporaryDirectory() as folder:
        program = tsan_program(folder)
        os.environ["TSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}:second_deadlock_stack=1"
        with bouncelib.Bounced(level="info", program=program) as bounced:
            made = int(time.time()) - 60
            readers = [f"reader{n}@example.jp" for n in range(CONNECTIONS * EACH)]
            keys = bounced.record_sends(CAMPAIGN, readers, made)
            jobs = [(bounced.ring.return_path(CAMPAIGN, key, made), bouncelib.report(reader)) for key, reader in
                    zip(keys, readers)]
            # Each fifth wants to leave instead, and each tenth to join.
            for n in range(0, len(jobs), 5):
                local = "subscribe-news" if n % 10 == 0 else "unsubscribe-news"
                jobs[n] = (local + "@x", f"From: <{readers[n]}>\r\nMessage-ID: <{n}@x>\r\n\r\n".encode(), readers[n])
            codes = collections.Counter()
            threads = [threading.Thread(target=deliver, args=(bounced, jobs[n::CONNECTIONS], codes))
                       for n in range(CONNECTIONS)]
            for thread in threads:
                thread.start()
            for count in range(1, RELOADS + 1):
                bounced.process.send_signal(signal.SIGHUP)
                bounced.process.send_signal(signal.SIGUSR1)
                sandbox.wait_for("a reload", lambda c=count: bounced.log().count("event=reloaded") >= c)
            for thread in threads:
                thread.join()
            tap.ok(codes == {250: len(jobs)}, f"{len(jobs)} messages over {CONNECTIONS} connections are taken", codes)
            tap.ok(bounced.number("SELECT count(*) FROM bounce") == len(jobs), "and recorded, through "
                   f"{RELOADS} reloads")
            asked = bounced.number("SELECT count(*) FROM bounce WHERE category = 'join_asked'")
            tap.ok(asked == len(jobs) // 10, f"{asked} were sent a confirmation mail")
            tap.ok(bounced.stop() == 0, "it ends with 0", bounced.log()[-3000:])
            tap.ok("ThreadSanitizer" not in bounced.log(), "ThreadSanitizer has nothing to say", bounced.log())
    tap.end()


if __name__ == "__main__":
    main()
