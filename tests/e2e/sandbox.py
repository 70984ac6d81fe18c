"""A sandbox for end-to-end tests: started, spoken to, read, stopped.

Several may run at once.  Everything waits for an event, with a limit after
which the test fails; nothing waits for a time to pass.
"""
import glob
import json
import os
import re
import shlex
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("TODOKU_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 120


class Tap:
    """Test Anything Protocol: one line a test; ends with 1 where one failed."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, *details):
        self.count += 1
        self.failed += not good
        print(("ok" if good else "not ok") + f" {self.count} - {name}", flush=True)
        if not good:
            for detail in details:
                print("\n".join("# " + line for line in str(detail).splitlines()[:40]), flush=True)
        return good

    def end(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed or self.count == 0 else 0)


def wait_for(what, condition, patience=PATIENCE):
    """Until the condition holds (its value), or the test can't go on."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience} s for {what}")
        time.sleep(0.02)


class Sandbox:
    def __init__(self, conf_add="", arguments=(), build=None):
        self.base = tempfile.mkdtemp(prefix="todoku-e2e.", dir=os.environ.get("TODOKU_E2E_DIR", "/tmp"))
        self.dir = os.path.join(self.base, "sandbox")
        self.environment = dict(os.environ)
        if build:
            self.environment["TODOKU_BUILD"] = build
        command = [os.path.join(SOURCE, "tools/sandbox"), "start", *arguments]
        if conf_add:
            with open(os.path.join(self.base, "added.conf"), "w", encoding="utf-8") as added:
                added.write(conf_add)
            command += ["--conf-add", added.name]
        run = subprocess.run(command + [self.dir], env=self.environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
        if run.returncode != 0:
            self.stop()
            raise RuntimeError(f"sandbox start ended with {run.returncode}:\n{run.stdout.decode(errors='replace')}")
        self.env = {}
        with open(os.path.join(self.dir, "env"), encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                self.env[name] = "".join(shlex.split(value)) if name not in ("SENDMAIL", "TODOKU") else shlex.split(value)[0]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def stop(self):
        subprocess.run([os.path.join(SOURCE, "tools/sandbox"), "stop", self.dir], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    # Sending ---------------------------------------------------------------

    def connect(self, where="SMTP", xclient=None):
        host, port = self.env[where].rsplit(":", 1)
        server = smtplib.SMTP(host, int(port), local_hostname="client.test", timeout=PATIENCE)
        if xclient:
            server.ehlo()
            code, text = server.docmd("XCLIENT " + xclient)
            if code != 220:
                raise RuntimeError(f"XCLIENT: {code} {text}")
            server.ehlo_resp = server.helo_resp = None
        return server

    def smtp(self, message, recipients, sender="news@example.com", where="SMTP", xclient=None):
        """By SMTP, byte for byte (line ends made CRLF)."""
        server = self.connect(where, xclient)
        try:
            server.ehlo()
            for step, argument in [(server.mail, sender)] + [(server.rcpt, r) for r in recipients]:
                code, text = step(argument)
                if code >= 300:
                    raise smtplib.SMTPResponseException(code, text)
            code, text = server.data(re.sub(rb"\r?\n", b"\r\n", message))
            if code >= 300:
                raise smtplib.SMTPResponseException(code, text)
        finally:
            server.close()

    def sendmail(self, message, recipients, sender="news@example.com"):
        """By sendmail(1), with the line ends of the system."""
        command = shlex.split(self.env["SENDMAIL"]) + ["-i", "-f", sender, "--", *recipients]
        subprocess.run(command, input=message.replace(b"\r\n", b"\n"), check=True, timeout=PATIENCE)

    # Reading ---------------------------------------------------------------

    def copies(self):
        """What has arrived so far: {number: envelope}."""
        arrived = {}
        for path in glob.glob(os.path.join(self.env["SINK"], "*.json")):
            number = int(os.path.basename(path)[:-5])
            if number not in self.__dict__.setdefault("known", {}):
                with open(path, encoding="utf-8") as envelope:
                    self.known[number] = json.load(envelope)
            arrived[number] = self.known[number]
        return arrived

    def copy(self, number):
        with open(os.path.join(self.env["SINK"], f"{number}.eml"), "rb") as file:
            return file.read()

    def arrived_for(self, recipients, patience=PATIENCE):
        """{recipient: (number, envelope)} once each of them has a copy."""
        wanted = set(recipients)

        def all_here():
            found = {r: (n, e) for n, e in self.copies().items() for r in e["rcpt_to"] if r in wanted}
            return found if len(found) == len(wanted) else None

        return wait_for(f"copies for {len(wanted)} recipients", all_here, patience)

    def todoku(self, *arguments, check=True):
        run = subprocess.run(shlex.split(self.env["TODOKU"]) + list(arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False)
        if check and run.returncode != 0:
            raise RuntimeError(f"todoku {' '.join(arguments)}: {run.returncode}\n{run.stderr.decode()}")
        return run

    def pid(self, daemon="todoku-milter"):
        path = os.path.join(self.dir, "run", daemon + ".pid")
        try:
            with open(path, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def kill(self, daemon="todoku-milter", number=signal.SIGKILL):
        """To the daemon at hand; waits for one first, as it may be restarting."""
        pid = wait_for(f"a pid of {daemon}", lambda: self.pid(daemon))
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
        return pid

    def log(self, name="todoku-milter"):
        path = os.path.join(self.dir, "log", name + ".log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def queue(self):
        run = subprocess.run(["postqueue", "-c", self.env["POSTFIX_CONFIG"], "-j"], stdout=subprocess.PIPE, check=False)
        return [json.loads(line) for line in run.stdout.splitlines()]

    def flush(self):
        subprocess.run(["postqueue", "-c", self.env["POSTFIX_CONFIG"], "-f"], check=False)
