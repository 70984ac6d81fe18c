#!/usr/bin/python3
"""A running todoku-webd: a good and a bad reload, a rotated ring, another certificate
while connections are open, an orderly stop under load, wrong configurations.
"""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import warnings

import sandbox
import weblib
from weblib import CLICK, HOST


def certificate(folder, name):
    """A new pair of files; the certificate's octets."""
    base = os.path.join(folder, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", base + ".key", "-out",
                    base + ".crt"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(base + ".key", 0o640)
    if os.geteuid() == 0:
        shutil.chown(base + ".key", "root", "nogroup")
    with open(base + ".crt", encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


def install(folder, name):
    for end in (".key", ".crt"):
        os.replace(os.path.join(folder, name + end), os.path.join(folder, "tls" + end))


class Secure:
    """A connection by TLS that stays open."""

    def __init__(self, web):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", web.port), timeout=20),
                                          server_hostname=HOST)

    def certificate(self):
        return self.socket.getpeercert(binary_form=True)

    def click(self, web):
        self.socket.sendall(f"GET /c/{web.ring.token(CLICK)} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            piece = self.socket.recv(4096)
            if not piece:
                break
            got += piece
        return got


def reloads(web, tap):
    old = web.ring.token(CLICK)
    tap.ok(web.get("/v/late.gif?v=1").status == 404, "a list that is not there yet")
    web.configure(add='list "late" { sender = { "late@example.com" } list_id = "late.example.com" }')
    web.ring.keys[9] = os.urandom(32)
    text = open(web.dir + "/token.keys", encoding="ascii").read()
    with open(web.dir + "/token.keys", "w", encoding="ascii") as out:
        out.write(text + f"key 9 2026-11-02T00:00:00Z {web.ring.keys[9].hex()}\n")
    new = web.ring.token(CLICK)
    tap.ok(web.get("/c/" + new).status == 404, "S2: a key that is not there yet")
    web.reload()
    tap.ok(web.get("/v/late.gif?v=1").status == 200, "after a reload the list is there")
    tap.ok(web.get("/c/" + new).status == 302 and web.get("/c/" + old).status == 302,
           "S2, U4: both keys of the ring verify")
    web.configure(webd='nonsense = "x"')
    web.reload()
    tap.ok("event=reload_refused" in web.log() and web.get("/v/late.gif?v=1").status == 200,
           "a bad file leaves the running one in force", web.log()[-500:])
    tap.ok("nonsense" in web.log(), "and is named", web.log()[-500:])


def tls(tap):
    with weblib.Webd() as web:
        first = certificate(web.dir, "first")
        second = certificate(web.dir, "second")
        install(web.dir, "first")
        web.stop()
        options = f'tls_cert = "{web.dir}/tls.crt" tls_key = "{web.dir}/tls.key"'
        web.configure(webd=options)
        web.start()
        open_one = Secure(web)
        tap.ok(open_one.certificate() == first, "TLS of its own, with its certificate")
        tap.ok(open_one.click(web).startswith(b"HTTP/1.1 302"), "a click by TLS")
        plain = web.raw(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        tap.ok(not plain.startswith(b"HTTP/"), "nothing in the clear there", plain)
        for version, want in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
            try:
                with socket.create_connection(("127.0.0.1", web.port), timeout=20) as s, context.wrap_socket(s):
                    got = True
            except (ssl.SSLError, OSError):
                got = False
            tap.ok(got == want, f"{version.name}: {'spoken' if want else 'not spoken'}")
        install(web.dir, "second")
        web.reload()
        tap.ok(Secure(web).certificate() == second, "a reload takes the new certificate", web.log()[-500:])
        tap.ok(open_one.click(web).startswith(b"HTTP/1.1 302"), "and the open connection goes on")
        certificate(web.dir, "third")
        os.replace(web.dir + "/third.key", web.dir + "/tls.key")
        web.reload()
        tap.ok(Secure(web).certificate() == second and "not the key of the certificate" in web.log(),
               "a key that does not fit leaves the pair in force", web.log()[-500:])


def stop_under_load(web, tap):
    """SIGTERM: what was asked is answered, what was answered is recorded."""
    answered, lock = [], threading.Lock()

    def click(first):
        for number in range(first, first + 100000):
            try:
                answer = web.get("/c/" + web.ring.token(CLICK, campaign=0xD, reader=number))
            except OSError:
                return
            if answer.status != 302:
                return
            with lock:
                answered.append(number)

    threads = [threading.Thread(target=click, args=(n * 1000000 + 1,)) for n in range(8)]
    for thread in threads:
        thread.start()
    sandbox.wait_for("some clicks", lambda: len(answered) > 300)
    tap.ok(web.stop() == 0, "SIGTERM ends it with 0", web.log()[-500:])
    for thread in threads:
        thread.join()
    web.start()
    tables = [t for t, in web.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'event_[0-9]*'")]

    def all_there():
        return set(answered) <= {k for t in tables for k, in web.sql(f"SELECT key FROM {t} WHERE campaign = 13")}

    try:
        sandbox.wait_for("the clicks", all_there, 20)
        there = True
    except TimeoutError:
        there = False
    tap.ok(there, f"all {len(answered)} that were answered are recorded")


def refused_starts(web, tap):
    web.stop()
    rows = [
        ("a certificate without its key", f'tls_cert = "{web.dir}/dkim.pem"', None, "tls_key"),
        ("a certificate that is none", f'tls_cert = "{web.dir}/dkim.pem" tls_key = "{web.dir}/dkim.pem"', None, "dkim.pem"),
        ("a proxy that is no network", 'trusted_proxy = { "proxy.example.com" }', None, "trusted_proxy"),
        ("a port that is taken", "", web.port, "in use"),
    ]
    for name, options, admin, want in rows:
        web.configure(webd=options, admin=admin)
        run = subprocess.run([web.program, "-f", "-c", web.dir + "/todoku.conf"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=20, check=False)
        tap.ok(run.returncode in (71, 78) and re.search(want, run.stdout.decode(), re.I),
               f"no start with {name}", run.returncode, run.stdout.decode())


def main():
    warnings.simplefilter("ignore", DeprecationWarning)
    tap = sandbox.Tap()
    with weblib.Webd() as web:
        reloads(web, tap)
        web.configure()
        stop_under_load(web, tap)
        refused_starts(web, tap)
    tls(tap)
    tap.end()


if __name__ == "__main__":
    main()
