#!/usr/bin/python3
"""A hundred sessions at once, split and inline, with reloads going on, in a milter
built with ThreadSanitizer: no report, and all arrives.

Uses build-tsan beside the source (TODOKU_BUILD_TSAN names another folder) where
that holds the milter, else builds it in a temporary folder.
"""
import collections
import os
import re
import signal
import subprocess
import tempfile

import sandbox

SESSIONS, MESSAGES, RELOADS = 100, 800, 10
BUILD = os.environ.get("TODOKU_BUILD") or os.path.join(sandbox.SOURCE, "build")
BUILD_TSAN = os.environ.get("TODOKU_BUILD_TSAN") or os.path.join(sandbox.SOURCE, "build-tsan")
SUPPRESSIONS = os.path.join(sandbox.SOURCE, "tests", "tsan.supp")

MESSAGE = """From: News <news@example.com>
To: reader@example.net
Subject: threads
Date: Sun, 22 Nov 2026 09:00:00 +0900
Message-ID: <threads-{where}@example.com>
X-Todoku-Campaign: {where}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hello
--b
Content-Type: text/html; charset=iso-2022-jp

<p>Hello</p><a href="https://shop.example.org/?a&amp;b">shop</a>
--b--
"""


def tsan_milter(folder):
    """A milter built with -fsanitize=thread."""
    built = os.path.join(BUILD_TSAN, "todoku-milter")
    if os.path.exists(built):
        return built
    subprocess.run([os.path.join(sandbox.SOURCE, "configure"), "-q", "CFLAGS=-O1 -g", "--enable-sanitizer=thread"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["nice", "make", "-s", "-j2", "todoku-milter"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "todoku-milter")


def programs(folder):
    """A folder as the sandbox wants it: that milter, and the rest as it is built."""
    chosen = os.path.join(folder, "programs")
    os.mkdir(chosen)
    os.symlink(tsan_milter(folder), os.path.join(chosen, "todoku-milter"))
    for name in ("todoku", "todoku-sink", "todoku-policyd"):
        os.symlink(os.path.join(os.path.realpath(BUILD), name), os.path.join(chosen, name))
    os.chmod(folder, 0o755)
    return chosen


def start_source(box, where):
    """smtp-source with as many sessions; each recipient gets one message."""
    path = os.path.join(box.base, where + ".eml")
    with open(path, "w", encoding="utf-8") as message:
        message.write(MESSAGE.format(where=where))
    return subprocess.Popen(["smtp-source", "-s", str(SESSIONS), "-m", str(MESSAGES), "-N", "-F", path, "-f",
                             "news@example.com", "-t", f"{where}@reader.example.net", box.env[where]],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def reload_while(box, sources):
    """Reloads, one after another, until the sources are done; how many."""
    done = 0
    while done < RELOADS or any(source.poll() is None for source in sources):
        box.kill(number=signal.SIGHUP)
        box.kill(number=signal.SIGUSR1)
        done += 1
        sandbox.wait_for(f"reload {done}", lambda: box.log().count("event=reloaded") >= done)
    return done


def check_arrived(box, tap):
    wanted = 2 * MESSAGES
    sandbox.wait_for("all copies", lambda: len(box.copies()) >= wanted, 300)
    times = collections.Counter(r for e in box.copies().values() for r in e["rcpt_to"])
    tap.ok(len(times) == wanted and set(times.values()) == {1}, f"{wanted} recipients have one copy each", times.most_common(5))
    broken = [n for n, e in box.copies().items() if not e["mail_from"].startswith("b+") or
              len(re.findall(rb"(?m)^DKIM-Signature:", box.copy(n))) != 2]
    tap.ok(not broken, "each copy is signed and has a return path of its own", broken)
    for where in ("SMTP", "SMTP_INLINE"):
        shown = box.todoku("--json", "send", "show", where).stdout.splitlines()
        tap.ok(len(shown) == MESSAGES, f"{where}: {MESSAGES} records", len(shown))


def check_reports(tap, log):
    """None; the details are each kind's summary, and the first report."""
    kinds = collections.Counter(re.findall(r"(?m)^SUMMARY: .*", log))
    report = log.find("WARNING: ThreadSanitizer")
    tap.ok("ThreadSanitizer" not in log, "no report of ThreadSanitizer",
           *[f"{count} x {kind}" for kind, count in kinds.items()], log[max(report, 0):][:6000])


def main():
    tap = sandbox.Tap()
    with tempfile.TemporaryDirectory(prefix="todoku-threads.") as folder:
        build = programs(folder)
        os.environ["TSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}:second_deadlock_stack=1:halt_on_error=0:exitcode=66"
        with sandbox.Sandbox(build=build) as box:
            pid = box.pid()
            with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
                tap.ok("libtsan" in maps.read(), "the milter was built with ThreadSanitizer")
            sources = [start_source(box, where) for where in ("SMTP", "SMTP_INLINE")]
            reloads = reload_while(box, sources)
            said = [source.communicate()[0].decode() for source in sources]
            tap.ok(all(source.returncode == 0 for source in sources), f"{SESSIONS} sessions each, split and inline: taken", *said)
            check_arrived(box, tap)
            tap.ok(box.pid() == pid, f"the milter lives through {reloads} reloads")
            # Its end runs what a session never does.
            box.kill(number=signal.SIGTERM)
            sandbox.wait_for("the milter's end", lambda: "supervise: ended" in box.log())
            tap.ok("supervise: ended with status 0" in box.log(), "it ends well", box.log()[-2000:])
            check_reports(tap, box.log())
    tap.end()


if __name__ == "__main__":
    main()
