"""todoku-webd without a Postfix: started in a folder of its own, spoken to, read.

Tokens are made here from todoku-token(7) alone, so that the tests don't believe
what they test.
"""
import base64
import hashlib
import hmac
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time
import urllib.parse

from sandbox import SOURCE, wait_for

CLICK, OPEN, UNSUBSCRIBE, BOUNCE, CONFIRM, SEAL = 1, 2, 3, 4, 6, 7
JOIN, LEAVE = 1, 2
NAMES = {CLICK: b"click", OPEN: b"open", UNSUBSCRIBE: b"unsubscribe", BOUNCE: b"bounce", CONFIRM: b"confirm", SEAL: b"seal"}
HOST = "t.example.com"


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Ring:
    """A key ring that the test knows."""

    def __init__(self, path=None):
        self.address = secrets.token_bytes(32)
        self.keys = {7: secrets.token_bytes(32)}
        if path:
            self.read(path)

    def read(self, path):
        self.keys = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                words = line.split("#")[0].split()
                if words and words[0] == "address":
                    self.address = bytes.fromhex(words[1])
                elif words and words[0] == "key":
                    self.keys[int(words[1])] = bytes.fromhex(words[3])

    def write(self, path):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640), "w", encoding="ascii") as out:
            out.write(f"address {self.address.hex()}\n")
            for number, key in self.keys.items():
                out.write(f"key {number} 2026-11-01T00:00:00Z {key.hex()}\n")

    def hash(self, label, *parts):
        text = b"".join(struct.pack(">Q", len(p)) + p for p in (label, *parts))
        return struct.unpack(">Q", mac(self.address, text)[:8])[0]

    def list_number(self, name):
        return self.hash(b"list", name.encode()) >> 32

    def address_key(self, address):
        return self.hash(b"address", address.encode())

    def sign(self, purpose, head, key=None):
        number = max(self.keys) if key is None else key
        text = bytes([head[0], number]) + head[2:]
        return text + mac(mac(self.keys[number], b"todoku token " + NAMES[purpose]), text)[:16]

    def token(self, purpose, campaign=0xC0FFEE, reader=1, link=1, target=b"https://example.com/", made=None,
              which="news", shared=False):
        if made is None:
            made = int(time.time()) - 3600
        second = self.list_number(which) if purpose == UNSUBSCRIBE else made
        head = bytes([purpose | (0x80 if shared else 0), 0]) + struct.pack(">IQ", second, campaign)
        if not shared:
            head += struct.pack(">Q", reader)
        if purpose == CLICK:
            head += struct.pack(">H", link) + target
        return base64.urlsafe_b64encode(self.sign(purpose, head)).rstrip(b"=").decode()

    def confirm(self, which, address, kind=JOIN, made=None, who="192.0.2.1", proof="", campaign=0):
        """The link of a confirmation mail: its contents are sealed."""
        number = max(self.keys)
        made = int(time.time() if made is None else made)
        head = struct.pack(">BBIQQIB", CONFIRM, number, made, campaign, self.address_key(address),
                           self.list_number(which), kind)
        text = address.encode()
        contents = struct.pack(">H", len(text)) + text + bytes([len(who)]) + who.encode() + proof.encode()
        tag = self.sign(CONFIRM, head + contents, number)[-16:]
        seal = mac(self.keys[number], b"todoku token " + NAMES[SEAL])
        stream = b"".join(mac(seal, tag + struct.pack(">I", n))[:16] for n in range(len(contents) // 16 + 1))
        sealed = bytes(a ^ b for a, b in zip(contents, stream))
        return base64.urlsafe_b64encode(head + sealed + tag).rstrip(b"=").decode()


CONF = """
hostname = "mail.example.com"
data_dir = "{dir}/data"
token_keys = "{dir}/token.keys"
user = "nobody"
group = "nogroup"
log {{ target = "stderr" }}
store {{ path = "{dir}/data/todoku.db" }}
webd {{ listen = "127.0.0.1:{port}" admin_listen = "127.0.0.1:{admin}" base_url = "https://t.example.com"
       pages = "{dir}/pages" {webd} }}
domain "example.com" {{ dkim "s" {{ key = "{dir}/dkim.pem" }} }}
list "news" {{ sender = {{ "news@example.com" }} list_id = "news.example.com" }}
{add}
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.raw = raw
        words = lines[0].split(b" ")
        self.status = int(words[1]) if len(words) > 1 else 0
        self.fields = [tuple(part.strip().decode("latin-1") for part in line.split(b":", 1)) for line in lines[1:]]

    def field(self, name):
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        return found[0] if found else None

    def constant(self):
        """All that may not differ from one answer to the next."""
        return self.status, [f for f in self.fields if f[0] != "Date"], self.body


class Speaker:
    """Requests to a listener, octet by octet."""

    def __init__(self, port, admin):
        self.port, self.admin = port, admin

    def raw(self, octets, port=None, patience=20, half_close=False):
        """All that comes back until the other side closes."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=patience) as s:
            s.sendall(octets)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    got += piece
            except ConnectionResetError:
                pass
            return got

    def ask(self, method, path, host=HOST, fields=(), body=None, port=None, agent="Mozilla/5.0 (X11; Linux) Firefox/140.0"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        if agent is not None:
            lines.append(f"User-Agent: {agent}")
        lines += [f"{name}: {value}" for name, value in fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        octets = "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")
        return Answer(self.raw(octets, port))

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def admin_get(self, path):
        return self.ask("GET", path, host=f"127.0.0.1:{self.admin}", port=self.admin)

    def metric(self, name, labels=""):
        """The sum of a metric's samples whose labels hold the text."""
        text = self.admin_get("/metrics").body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if re.match(re.escape(name) + r"[{ ]", line) and labels in line)


class Webd(Speaker):
    def __init__(self, webd="", add="", program=None):
        self.dir = tempfile.mkdtemp(prefix="todoku-webd.", dir=os.environ.get("TODOKU_E2E_DIR", "/tmp"))
        os.chmod(self.dir, 0o755)
        os.mkdir(self.dir + "/data")
        # Read again at a reload, by who may not see the source's folder.
        shutil.copytree(f"{SOURCE}/conf/pages", self.dir + "/pages")
        if os.geteuid() == 0:
            shutil.chown(self.dir + "/data", "nobody", "nogroup")
        build = os.environ.get("TODOKU_BUILD") or os.path.join(SOURCE, "build")
        self.program = program or os.path.join(build, "todoku-webd")
        self.ring = Ring()
        self.ring.write(self.dir + "/token.keys")
        if os.geteuid() == 0:
            shutil.chown(self.dir + "/token.keys", "nobody", "nogroup")
        subprocess.run(["openssl", "genrsa", "-out", self.dir + "/dkim.pem", "1024"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().__init__(*free_ports(2))
        self.database = self.dir + "/data/todoku.db"
        self.configure(webd, add)
        self.process = None
        try:
            self.start()
        except Exception:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise

    def configure(self, webd="", add="", admin=None):
        with open(self.dir + "/todoku.conf", "w", encoding="utf-8") as out:
            out.write(CONF.format(dir=self.dir, port=self.port, admin=admin or self.admin, webd=webd, add=add))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def start(self):
        before = self.log().count("event=ready") if os.path.exists(self.dir + "/log") else 0
        with open(self.dir + "/log", "ab") as log:
            self.process = subprocess.Popen([self.program, "-f", "-c", self.dir + "/todoku.conf"], stdout=log,
                                            stderr=log)

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"todoku-webd ended with {self.process.returncode}:\n{self.log()}")
            return self.log().count("event=ready") > before

        wait_for("todoku-webd", ready)

    def stop(self, number=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def reload(self):
        before = len(re.findall("event=reload", self.log()))
        self.process.send_signal(signal.SIGHUP)
        wait_for("a reload", lambda: len(re.findall("event=reload", self.log())) > before)

    def sql(self, query, *arguments):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, arguments).fetchall()


def one_click(kind="urlencoded"):
    """Fields and body of a one-click POST (RFC 8058 3.2)."""
    if kind == "urlencoded":
        return [("Content-Type", "application/x-www-form-urlencoded")], b"List-Unsubscribe=One-Click"
    boundary = "---FormBoundary" + secrets.token_hex(8)
    body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n"
            f"--{boundary}--\r\n").encode()
    return [("Content-Type", f"multipart/form-data; boundary={boundary}")], body


def quote(text):
    return urllib.parse.quote(text, safe="")


def promtool(text):
    """What promtool has against the metrics."""
    run = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    return run.stdout.decode() or ("" if run.returncode == 0 else f"ended with {run.returncode}")
