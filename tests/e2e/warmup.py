#!/usr/bin/python3
"""Warm-up with todoku-policyd and the todoku command, without Postfix: the calendar before
anything is sent, days that grow, stop and are resumed, the breaker with its alarm and
metric, and providers by MX, from a name server of this test."""
import calendar
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

import sandbox

BUILD = os.environ.get("TODOKU_BUILD") or os.path.join(sandbox.SOURCE, "build")
DAY = 86400
CONF = """
data_dir   = "{dir}"
token_keys = "{dir}/token.keys"
user       = "nobody"
group      = "nogroup"
timezone   = "Asia/Tokyo"
log {{ target = "stderr" }}
store {{ path = "{dir}/todoku.db" }}
policyd {{
	listen        = "unix:{dir}/run/policyd.sock"
	alert_command = {{ "{dir}/alert", "{dir}/alerts" }}
	nameserver    = {{ "{dns}" }}
}}
webd {{ base_url = "https://t.example.com" }}
list "news" {{ sender = {{ "news@example.com" }} stream = "main" }}
list "shop" {{ sender = {{ "shop@example.com" }} stream = "other" }}
stream "main"  {{ plan = "steps:400,800,1600" breaker_window = "24h" }}
stream "other" {{ plan = "monthly:100000" start = "2027-01-30" breaker = "defer" }}
"""


class NameServer(threading.Thread):
    """Says that all mail is Google's; counts who asks."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.asked = []

    def run(self):
        host = b"\x05aspmx\x01l\x06google\x03com\x00"
        while True:
            packet, peer = self.socket.recvfrom(512)
            question = packet[12:packet.index(b"\0", 12) + 5]
            self.asked.append(question[1:1 + question[0]].decode())
            self.socket.sendto(packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\x0f\0\1\0\0\x0e\x10"
                               + struct.pack(">HH", len(host) + 2, 10) + host, peer)


class Bench:
    def __init__(self, tap):
        self.tap = tap
        self.dir = tempfile.mkdtemp(prefix="todoku-warmup.")
        os.chmod(self.dir, 0o777)
        self.dns = NameServer()
        self.dns.start()
        self.conf = os.path.join(self.dir, "todoku.conf")
        self.write("todoku.conf", CONF.format(dir=self.dir, dns=self.dns.address))
        self.write("alert", '#!/bin/sh\nfile=$1\nshift\necho "$*" >> "$file"\n', 0o755)
        self.write("clock", "0")
        self.write("alerts", "", 0o666)
        self.environment = {**os.environ, "SUDO_USER": "hanako", "TODOKU_CLOCK": os.path.join(self.dir, "clock")}
        # Noon in Tokyo of the day before the plan of "other" begins.
        self.first = calendar.timegm((2027, 1, 29, 3, 0, 0))
        self.go_to(0)
        self.run("key", "init")
        shutil.chown(os.path.join(self.dir, "token.keys"), "nobody")
        self.daemon = self.socket = None
        self.number = 0
        self.waiting = 0

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def read(self, name):
        with open(os.path.join(self.dir, name), encoding="utf-8") as file:
            return file.read()

    def settle(self):
        """Until what passed is among the figures; the status."""
        return sandbox.wait_for("figures", lambda: (s := self.status())["today"]["figures"]["sent"] == self.passed and s)

    def go_to(self, day, hours=0):
        """The time of the daemon and the command: so many days after the first."""
        self.passed = 0
        self.write("clock", str(self.first + day * DAY + hours * 3600 - int(time.time())))

    def now(self):
        return int(time.time()) + int(self.read("clock"))

    def run(self, *arguments):
        run = subprocess.run([os.path.join(BUILD, "todoku"), "-c", self.conf, *arguments], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False, env=self.environment)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def status(self, stream="main"):
        code, out, err = self.run("warmup", "status", stream, "--json")
        if code != 0:
            raise RuntimeError(err)
        return json.loads(out)

    def expect(self, want, text, *arguments):
        code, out, err = self.run(*arguments)
        self.tap.ok(code == want and text in out + err, f"{' '.join(arguments)}: {want}, {text}"[:120], code, out, err)

    def start(self):
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.daemon = subprocess.Popen([os.path.join(BUILD, "todoku-policyd"), "-c", self.conf], stderr=log,
                                           env=self.environment)
        path = os.path.join(self.dir, "run/policyd.sock")
        sandbox.wait_for("policyd", lambda: self.daemon.poll() is not None or "event=ready" in self.read("log"))
        if self.daemon.poll() is not None:
            raise RuntimeError("policyd ended")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)

    def stop(self):
        if self.daemon:
            if self.socket:
                self.socket.close()
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(60)
            self.daemon = None

    def ask(self, state, sender, recipient, instance):
        request = {"request": "smtpd_access_policy", "protocol_state": state, "protocol_name": "ESMTP",
                   "client_address": "127.0.0.1", "client_name": "localhost", "sender": sender,
                   "recipient": recipient, "instance": instance, "queue_id": "Q" + instance if state != "RCPT" else "",
                   "recipient_count": "1" if state != "RCPT" else "0", "size": "100"}
        self.socket.sendall("".join(f"{k}={v}\n" for k, v in request.items()).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += self.socket.recv(4096) or b"\n\n"
        return answer.decode().strip().removeprefix("action=")

    def mail(self, recipient, sender="news@example.com"):
        """One message to one recipient; what policyd says at its end (or refuses with at RCPT)."""
        self.number += 1
        answer = self.ask("RCPT", sender, recipient, f"i{self.number}")
        if answer == "DUNNO":
            answer = self.ask("END-OF-MESSAGE", sender, recipient, f"i{self.number}")
        self.passed += answer == "DUNNO"
        self.waiting += answer.startswith("HOLD") and sender == "news@example.com"
        return answer

    def mails(self, count, domain):
        return [self.mail(f"u{self.number}@{domain}") for _ in range(count)]

    def came_back(self, domain, hard=0, complaint=0, refused=0):
        db = sqlite3.connect(os.path.join(self.dir, "todoku.db"), timeout=20)
        with db:
            db.execute("INSERT INTO feedback (stream, hour, domain, hard, soft, refused, complaint)"
                       " VALUES ('main', ?, ?, ?, 0, ?, ?)", (self.now() // 3600 * 3600, domain, hard, refused, complaint))
        db.close()

    def metric(self, name, labels):
        """Of DATA_DIR/metrics/policyd: lib/metrics_file.h."""
        with open(os.path.join(self.dir, "metrics/policyd"), "rb") as file:
            data = file.read()
        for at in range(512, len(data), 512):
            slot = data[at:at + 512]
            if slot[8:88].split(b"\0")[0].decode() == name and slot[88:184].split(b"\0")[0].decode() == labels:
                return struct.unpack("=d", slot[288:296])[0]
        return None

    def end(self):
        self.stop()
        shutil.rmtree(self.dir)


def the_calendar(b):
    tap = b.tap
    code, out, _ = b.run("warmup", "plan", "other", "--days", "8", "--json")
    said = json.loads(out)
    tap.ok(code == 0 and [d["quota"] for d in said["days"]] ==
           [5000, 10000, 20000, 40000, 80000, 100000, 100000, 100000] and said["aggressive"]
           and said["days"][0]["date"] == "2027-01-30" and said["days"][7]["date"] == "2027-02-06",
           "W4 the calendar of the manuals' plan, day by day, labelled aggressive", out)
    tap.ok(said["months"] == [{"month": "2027-01", "quota": 15000}, {"month": "2027-02", "quota": 440000}],
           "and the sum of each month", out)
    tap.ok(not os.path.exists(os.path.join(b.dir, "todoku.db")), "before there is a store")
    b.expect(0, "aggressive: the manuals' way", "warmup", "plan", "other")
    b.expect(0, "     3  2027-01-31          1600  2800", "warmup", "plan", "main")
    b.expect(1, 'no stream "nope"', "warmup", "plan", "nope")
    b.expect(64, "1 to 3660 days", "warmup", "plan", "--days", "0")


def the_first_day(b):
    tap = b.tap
    b.start()
    answers = b.mails(300, "corp.example")
    tap.ok(answers == ["DUNNO"] * 300, "the first day's mail goes", set(answers))
    answer = b.mail("a@example.jp", "shop@example.com")
    tap.ok("begins on 2027-01-30" in answer, "W4 nothing goes before the plan's first day", answer)
    status = b.settle()
    tap.ok(status["today"]["quota"] == 400 and status["tomorrow"] ==
           {"date": "2027-01-30", "quota": 800, "verdict": "grow", "reason":
            "2027-01-29: 300 sent, hard bounces 0.00 %, complaints 0.000 %: all well"},
           "status: today's use, tomorrow's quota and why", status)
    sandbox.wait_for("the lookup", lambda: "corp" in b.dns.asked)
    tap.ok(b.dns.asked.count("corp") == 1, "the domain's MX was looked up once", b.dns.asked)
    tap.ok([p["provider"] for p in status["providers"]] == ["other"],
           "W1 what is found of a domain counts from the next day on", status["providers"])
    tap.ok(b.metric("todoku_policyd_stream_quota", 'stream="main"') == 400
           and b.metric("todoku_policyd_breaker_open", 'stream="main"') == 0, "metrics by stream")


def the_breaker(b):
    tap = b.tap
    b.came_back("corp.example", hard=31)
    sandbox.wait_for("the metric", lambda: b.metric("todoku_policyd_breaker_open", 'stream="main"') == 1)
    answer = sandbox.wait_for("the breaker", lambda: (a := b.mail("b@example.jp")) != "DUNNO" and a)
    tap.ok(answer.startswith("HOLD ") and "breaker of stream main is open" in answer
           and "31 hard bounces in 30" in answer and "limit 10 %" in answer and "todoku warmup resume main" in answer,
           "the breaker opens, with the figure in the text", answer)
    told = sandbox.wait_for("the alarm", lambda: b.read("alerts"))
    tap.ok(told.startswith("open main 31 hard bounces in 30") and told.count("\n") == 1, "the alarm is raised, once", told)
    status = b.status()
    tap.ok(status["breaker"]["open"] and status["breaker"]["figures"]["hard_bounces"] == 31, "status says so", status)
    b.expect(64, "a reason are needed", "warmup", "resume", "main")
    b.expect(0, "goes on: 400 recipients today", "warmup", "resume", "main", "--why", "the list was cleaned")
    b.expect(1, "neither stopped nor", "warmup", "resume", "main", "--why", "again")
    sandbox.wait_for("mail to go again", lambda: b.mail("c@example.jp") == "DUNNO")
    status = b.settle()
    tap.ok(not status["breaker"]["open"] and status["events"][0]["kind"] == "resume"
           and status["events"][0]["who"] == "hanako" and status["events"][0]["reason"] == "the list was cleaned",
           "closed by hand: who and why are kept", status)


def the_next_days(b):
    tap = b.tap
    b.go_to(1)
    b.mails(350, "corp.example")
    status = b.settle()
    tap.ok(status["today"]["quota"] == 400 and "too few to judge by" in status["today"]["reason"],
           "W3 of the day of the resume nothing is left to judge by: it holds", status["today"])
    tap.ok([p["provider"] for p in status["providers"]] == ["gmail"], "W1 today the domain's mail is Google's",
           status["providers"])
    b.came_back("corp.example", hard=7, refused=20)
    status = b.status()
    tap.ok(status["tomorrow"]["verdict"] == "hold" and "7 hard bounces in 350 sent: 2.00 %" in status["tomorrow"]["reason"],
           "W3 2 % of hard bounces: tomorrow will not grow, and why", status["tomorrow"])
    b.go_to(2)
    waiting = b.waiting
    answers = b.mails(350, "corp.example")
    sandbox.wait_for("units at hand to come back", lambda: b.status()["today"]["taken"] == 350)
    answers += b.mails(50, "gmx.de")
    # Units are kept for who waits since the breaker was open.
    tap.ok(answers.count("DUNNO") == 400 - waiting, "all of the day's recipients go", waiting, answers.count("DUNNO"))
    status = b.settle()
    tap.ok(status["today"]["quota"] == 400 and status["providers"][0]["quota"] == 350
           and "20 of 350 refused" in status["providers"][0]["held"], "W3 a provider's refusals hold it at what it got",
           status)
    answer = b.mail("x@corp.example")
    tap.ok(answer.startswith("HOLD ") and "quota of gmail, 350 recipients" in answer,
           "W1 not one more than the provider may have", answer)
    answer = b.mail("x@web.de")
    tap.ok(answer.startswith("HOLD ") and "quota of stream main, 400 recipients" in answer,
           "W1 nor than the stream may", answer)
    b.came_back("gmx.de", complaint=2)
    sent = b.passed
    b.go_to(3)
    answer = sandbox.wait_for("the stop", lambda: (a := b.mail("d@example.jp")) != "DUNNO" and a)
    tap.ok(answer.startswith("HOLD ") and f"is stopped: 2027-01-31: 2 complaints in {sent} sent: " in answer, "W3 complaints stop the stream", answer)
    sandbox.wait_for("the alarm", lambda: f"stopped main 2027-01-31: 2 complaints in {sent}" in b.read("alerts"))
    status = b.status()
    tap.ok(status["stopped"] and status["today"]["quota"] == 0 and b.run("warmup", "plan", "main")[1].count("STOPPED") == 1,
           "status and calendar say so", status)
    b.expect(0, "goes on: 400 recipients today (resumed: the plan's first day)", "warmup", "resume", "main", "--why", "x")
    sandbox.wait_for("mail to go again", lambda: b.mail("e@example.jp") == "DUNNO")
    tap.ok(not b.status()["stopped"], "resumed: the ramp begins anew")


def main():
    tap = sandbox.Tap()
    bench = Bench(tap)
    try:
        the_calendar(bench)
        the_first_day(bench)
        the_breaker(bench)
        the_next_days(bench)
        bench.stop()
        tap.ok("ERROR" not in bench.read("log") and "Sanitizer" not in bench.read("log"), "nothing else in the log")
    except (RuntimeError, TimeoutError, OSError) as error:
        tap.ok(False, f"goes to its end: {error}", bench.read("log")[-3000:])
    finally:
        bench.end()
    tap.end()


main()
