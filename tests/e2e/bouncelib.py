"""todoku-bounced, spoken to as Postfix does; return paths made from todoku-token(7)
alone; sends put on record past the milter, for tests that need thousands.
"""
import base64
import hashlib
import hmac
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time

from sandbox import SOURCE, wait_for

UNSUBSCRIBE, BOUNCE = 3, 4
NAMES = {UNSUBSCRIBE: b"unsubscribe", BOUNCE: b"bounce"}
PATIENCE = 120


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Ring:
    """A key ring, read or made."""

    def __init__(self, path=None):
        self.address, self.keys = os.urandom(32), {7: os.urandom(32)}
        if path:
            with open(path, encoding="ascii") as lines:
                words = [line.split("#")[0].split() for line in lines]
            self.address = next(bytes.fromhex(w[1]) for w in words if w and w[0] == "address")
            self.keys = {int(w[1]): bytes.fromhex(w[3]) for w in words if w and w[0] == "key"}
        self.purpose_keys = {}

    def hash(self, label, *parts):
        text = b"".join(struct.pack(">Q", len(p)) + p for p in (label, *parts))
        return struct.unpack(">Q", mac(self.address, text)[:8])[0]

    def address_key(self, address):
        return self.hash(b"address", address.encode())

    def sign(self, purpose, head):
        number = max(self.keys)
        key = self.purpose_keys.setdefault(purpose, mac(self.keys[number], b"todoku token " + NAMES[purpose]))
        text = bytes([head[0], number]) + head[2:]
        return text + mac(key, text)[:16]

    def return_path(self, campaign, reader, made, shared=False):
        head = bytes([BOUNCE | (0x80 if shared else 0), 0]) + struct.pack(">IQ", made, campaign)
        head += b"" if shared else struct.pack(">Q", reader)
        return "b+" + base64.b32encode(self.sign(BOUNCE, head)).decode().rstrip("=").lower() + "@bounce.example.com"

    def unsubscribe_address(self, campaign, reader, name):
        number = self.hash(b"list", name.encode()) >> 32
        token = self.sign(UNSUBSCRIBE, bytes([UNSUBSCRIBE, 0]) + struct.pack(">IQQ", number, campaign, reader))
        return "unsubscribe+" + base64.urlsafe_b64encode(token).decode().rstrip("=") + "@bounce.example.com"


def signed(key):
    """As SQLite keeps 64 bits."""
    return key - (1 << 64) if key >> 63 else key


def report(recipient, status="5.1.1", diagnostic="550 5.1.1 User unknown", number=0, action="failed"):
    """A report by the book (RFC 3464), with CRLF."""
    return (f"From: MAILER-DAEMON@mx.example.jp\nTo: list\nSubject: Undelivered Mail Returned to Sender\n"
            f"Message-ID: <{number}@mx.example.jp>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
            f"Content-Type: multipart/report; report-type=delivery-status; boundary=\"x\"\n\n"
            f"--x\nContent-Type: text/plain\n\nYour message could not be delivered.\n\n"
            f"--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.jp\n\n"
            f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n"
            f"Diagnostic-Code: smtp; {diagnostic}\n\n"
            f"--x\nContent-Type: text/rfc822-headers\n\nSubject: News\n\n--x--\n").replace("\n", "\r\n").encode()


class Lmtp:
    """One connection.  Postfix's own habits: pipelined commands, one message after the other."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")
        self.reply()
        self.say("LHLO test.example")

    def close(self):
        self.lines.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def reply(self):
        while True:
            line = self.lines.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionResetError("the server closed the connection")
            if line[3:4] != b"-":
                return int(line[:3])

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    @staticmethod
    def stuffed(message):
        body = message if message.endswith(b"\r\n") else message + b"\r\n"
        return body.replace(b"\r\n.", b"\r\n..") + b".\r\n"

    def deliver(self, recipients, message, sender=""):
        """The code of each recipient's own reply; of a refused one that of RCPT."""
        envelope = f"MAIL FROM:<{sender}>\r\n" + "".join(f"RCPT TO:<{r}>\r\n" for r in recipients) + "DATA\r\n"
        self.socket.sendall(envelope.encode())
        self.reply()
        codes = [self.reply() for _ in recipients]
        if self.reply() != 354:
            self.say("RSET")
            return codes
        self.socket.sendall(self.stuffed(message))
        return [self.reply() if code == 250 else code for code in codes]

    def deliver_many(self, jobs):
        """(recipient, message) or (recipient, message, sender): the codes."""
        return [self.deliver([job[0]], *job[1:])[0] for job in jobs]


CONF = """
hostname = "mail.example.com"
timezone = "Asia/Tokyo"
data_dir = "{dir}/data"
token_keys = "{dir}/token.keys"
user = "nobody"
group = "nogroup"
log {{ target = "stderr" level = "{level}" }}
store {{ path = "{dir}/data/todoku.db" busy_timeout = "1s" }}
bounced {{ listen = "unix:{dir}/sock/bounced.sock" domain = "bounce.example.com"
          rules = "{dir}/rules" {bounced} }}
webd {{ base_url = "https://t.example.com" pages = "{dir}/pages" sendmail = {{ "{dir}/sendmail" }} }}
list "news" {{ sender = {{ "news@example.com" }} list_id = "news.example.com" stream = "main" }}
stream "main" {{ plan = "none" }}
"""


class Bounced:
    """todoku-bounced without a Postfix, in a folder of its own."""

    def __init__(self, bounced="", level="warning", program=None):
        self.dir = tempfile.mkdtemp(prefix="todoku-bounced.", dir=os.environ.get("TODOKU_E2E_DIR", "/tmp"))
        os.chmod(self.dir, 0o755)
        build = os.environ.get("TODOKU_BUILD") or os.path.join(SOURCE, "build")
        self.program = program or os.environ.get("TODOKU_BOUNCED") or os.path.join(build, "todoku-bounced")
        self.todoku = os.path.join(build, "todoku")
        for folder in ("data", "sock"):
            os.mkdir(f"{self.dir}/{folder}")
        subprocess.run([self.todoku, "key", "init", self.dir + "/token.keys"], check=True, stdout=subprocess.DEVNULL)
        with open(self.dir + "/sendmail", "w", encoding="ascii") as script:
            script.write(f"#!/bin/sh\nexec cat >>{self.dir}/data/mails\n")
        os.chmod(self.dir + "/sendmail", 0o755)
        # Read again at a reload, by who may not see the source's folder.
        shutil.copytree(f"{SOURCE}/conf/pages", self.dir + "/pages")
        shutil.copy(f"{SOURCE}/conf/bounce-rules", self.dir)
        self.write_rules("")
        self.ring = Ring(self.dir + "/token.keys")
        if os.geteuid() == 0:
            for name in ("data", "sock", "token.keys"):
                shutil.chown(f"{self.dir}/{name}", "nobody", "nogroup")
        self.conf = self.dir + "/todoku.conf"
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(CONF.format(dir=self.dir, bounced=bounced, level=level))
        self.database = self.dir + "/data/todoku.db"
        self.socket = self.dir + "/sock/bounced.sock"
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def write_rules(self, own):
        """The rules of classification, with some before them."""
        with open(self.dir + "/rules", "w", encoding="utf-8") as out:
            out.write(f"source the test\n{own}include {self.dir}/bounce-rules\n")

    def log(self):
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def answers(self):
        try:
            with Lmtp(self.socket):
                return True
        except OSError:
            if self.process.poll() is not None:
                raise RuntimeError(f"todoku-bounced ended with {self.process.returncode}:\n{self.log()}") from None
            return False

    def start(self):
        with open(self.dir + "/log", "ab") as log:
            self.process = subprocess.Popen([self.program, "-f", "-c", self.conf], stdout=log, stderr=log)
        wait_for("todoku-bounced", self.answers)

    def stop(self, number=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
        return self.process.returncode

    def lmtp(self):
        return Lmtp(self.socket)

    def command(self, *arguments):
        return subprocess.run([self.todoku, "-c", self.conf, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def on_terminal(self, *arguments):
        """What the command writes on a terminal."""
        ours, its = os.openpty()
        with open(ours, "rb", buffering=0) as shown:
            process = subprocess.Popen([self.todoku, "-c", self.conf, *arguments], stdout=its, stderr=its)
            os.close(its)
            said = b""
            try:
                while piece := shown.read(65536):
                    said += piece
            except OSError:  # its end
                pass
            process.wait(PATIENCE)
        return said

    def sql(self, query, *arguments):
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return database.execute(query, arguments).fetchall()
        finally:
            database.close()

    def number(self, query, *arguments):
        return self.sql(query, *arguments)[0][0]

    def record_sends(self, campaign, addresses, made):
        """As the milter would have; their keys."""
        keys = [self.ring.address_key(address) for address in addresses]
        stamp = time.strftime("%Y%m", time.gmtime(made))
        database = sqlite3.connect(self.database, timeout=30)
        with database:
            database.execute("INSERT OR IGNORE INTO campaign (id, list, name, first, last) VALUES (?, 'news', 'storm', ?, ?)",
                             (signed(campaign), made, made))
            database.execute(f"CREATE TABLE IF NOT EXISTS send_{stamp} (campaign INTEGER NOT NULL REFERENCES campaign (id),"
                             " address_key INTEGER NOT NULL, message INTEGER NOT NULL, time INTEGER NOT NULL,"
                             " stream TEXT NOT NULL, queue_id TEXT NOT NULL, message_id TEXT NOT NULL, links INTEGER NOT NULL,"
                             " flags INTEGER NOT NULL, PRIMARY KEY (campaign, address_key, message)) WITHOUT ROWID")
            database.executemany(f"INSERT OR IGNORE INTO send_{stamp} VALUES (?, ?, 1, ?, 'main', 'Q', '<m>', 0, 0)",
                                 [(signed(campaign), signed(key), made) for key in keys])
            database.executemany("INSERT OR IGNORE INTO address (key, address) VALUES (?, ?)",
                                 [(signed(key), address) for key, address in zip(keys, addresses)])
            database.execute("INSERT INTO rollup VALUES (?, 'sent', ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                             (signed(campaign), made - made % 3600, len(keys)))
        database.close()
        return keys
