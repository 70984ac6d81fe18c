#!/usr/bin/python3
"""Requests that no browser makes (S3, S4): each is answered or closed within bounds,
and a normal click meanwhile takes its normal time.
"""
import socket
import statistics
import time

import sandbox
import weblib
from weblib import CLICK, HOST, UNSUBSCRIBE, one_click

IDLE = 5000
TIMEOUT = 2


def status(octets):
    return int(octets.split(b" ", 2)[1]) if octets.startswith(b"HTTP/1.") else 0


def closes(web, octets):
    """The answers to it, and then the connection has to be closed."""
    begun = time.monotonic()
    got = web.raw(octets)
    return got, time.monotonic() - begun


def malformed(web, tap):
    click = "/c/" + web.ring.token(CLICK)
    head = f"Host: {HOST}\r\nUser-Agent: Firefox\r\n"
    smuggled = f"GET {click} HTTP/1.1\r\n{head}\r\n"
    rows = [
        ("length and chunked", f"POST /u/x HTTP/1.1\r\n{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ("chunked and length", f"POST /u/x HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
        ("two lengths", f"POST /u/x HTTP/1.1\r\n{head}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggled}"),
        ("a folded field", f"POST /u/x HTTP/1.1\r\n{head}X: a\r\n b\r\nContent-Length: 0\r\n\r\n{smuggled}"),
        ("a folded encoding", f"POST /u/x HTTP/1.1\r\n{head}Transfer-Enc: chunked\r\n oding\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{smuggled}"),
        ("a bare LF", f"POST /u/x HTTP/1.1\r\n{head}X: a\nContent-Length: 0\r\n\r\n{smuggled}"),
        ("bare LFs", f"GET {click} HTTP/1.1\n{head}\n".replace("\r\n", "\n")),
        ("a blank before the colon", f"POST /u/x HTTP/1.1\r\n{head}Content-Length : 5\r\n\r\n{smuggled}"),
        ("two Hosts", f"GET {click} HTTP/1.1\r\n{head}Host: {HOST}\r\n\r\n"),
        ("no Host", f"GET {click} HTTP/1.1\r\nUser-Agent: Firefox\r\n\r\n"),
        ("another encoding", f"POST /u/x HTTP/1.1\r\n{head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ("a blank in the target", f"GET {click} x HTTP/1.1\r\n{head}\r\n"),
        ("an octet of eight bits", f"GET {click}\xe9 HTTP/1.1\r\n{head}\r\n"),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
        ("a control", f"GET {click} HTTP/1.1\r\n{head}X: \x01\r\n\r\n"),
    ]
    for name, request in rows:
        got, took = closes(web, request.encode("latin-1"))
        tap.ok(status(got) in (400, 0) and got.count(b"HTTP/1.1 ") <= 1 and b"Location" not in got and took < 1,
               f"S4: {name}: 400 at most, and closed", got, took)


def hosts(web, tap):
    click = "/c/" + web.ring.token(CLICK)
    for host in ("evil.example", f"{HOST}.evil.example", "127.0.0.1", f"127.0.0.1:{web.port}", f"{HOST}:8080", "localhost", f"{HOST}@evil.example"):
        answer = web.get(click, host=host)
        tap.ok(answer.status == 421 and answer.field("Location") is None and host.encode() not in answer.body,
               f"S3: Host {host}: 421", answer.raw)
    for host in (HOST, HOST.upper(), HOST + ":443"):
        tap.ok(web.get(click, host=host).status == 302, f"S3: Host {host} is ours")
    for target, want in ((f"http://{HOST}{click}", 302), (f"https://{HOST}:443{click}", 302),
                         (f"http://evil.example{click}", 421), (f"http://{HOST}@evil.example{click}", 421),
                         ("http://evil.example", 400), ("*", 400), ("evil.example:443", 400), ("ftp://" + HOST + "/", 400)):
        answer = web.get(target)
        tap.ok(answer.status == want, f"S3: target {target[:40]}: {want}", answer.raw)


def sizes(web, tap):
    head = f"Host: {HOST}\r\nConnection: close\r\n"
    rows = [
        ("a URI of 8 KB", f"GET /{'x' * 8191} HTTP/1.1\r\n{head}\r\n", (404,)),
        ("a URI of 9 KB", f"GET /{'x' * 9216} HTTP/1.1\r\n{head}\r\n", (414,)),
        ("a URI of 100 KB", f"GET /{'x' * 102400} HTTP/1.1\r\n{head}\r\n", (414, 0)),
        ("fields of 15 KB", f"GET / HTTP/1.1\r\n{head}X: {'x' * 15000}\r\n\r\n", (404,)),
        ("fields of 17 KB", f"GET / HTTP/1.1\r\n{head}X: {'x' * 17000}\r\n\r\n", (431,)),
        ("fields of 100 KB", f"GET / HTTP/1.1\r\n{head}" + f"X: {'x' * 1000}\r\n" * 100 + "\r\n", (431, 0)),
        ("65 fields", f"GET / HTTP/1.1\r\n{head}" + "X: x\r\n" * 63 + "\r\n", (431,)),
        ("a body of 4 KB", f"POST / HTTP/1.1\r\n{head}Content-Length: 4096\r\n\r\n" + "x" * 4096, (404,)),
        ("a body of 5 KB", f"POST / HTTP/1.1\r\n{head}Content-Length: 5000\r\n\r\n" + "x" * 5000, (413,)),
        ("a body of 1 TB", f"POST / HTTP/1.1\r\n{head}Content-Length: 1099511627776\r\n\r\n", (413,)),
        ("a chunked body of 5 KB", f"POST / HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n1388\r\n" + "x" * 5000 + "\r\n0\r\n\r\n", (413,)),
        ("a chunked body without end", f"POST / HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n" + ("1000\r\n" + "x" * 4096 + "\r\n") * 40, (413, 0)),
        ("a chunk of no size", f"POST / HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n", (400, 0)),
    ]
    for name, request, want in rows:
        got, took = closes(web, request.encode())
        tap.ok(status(got) in want and took < TIMEOUT + 3, f"S4: {name}: {want[0]}", got[:300], took)


def clicks(web, count=60):
    """How long a click takes, in the middle and at worst (s)."""
    times = []
    for number in range(count):
        begun = time.monotonic()
        answer = web.get("/c/" + web.ring.token(CLICK, reader=number))
        times.append(time.monotonic() - begun)
        assert answer.status == 302, answer.raw
    return statistics.median(times), max(times)


def slow(web, tap):
    """A header that trickles is cut off at the time-out, an idle connection too."""
    s = socket.create_connection(("127.0.0.1", web.port), timeout=20)
    idle = socket.create_connection(("127.0.0.1", web.port), timeout=20)
    begun = time.monotonic()
    ended = None
    try:
        for octet in (f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX: " + "x" * 400).encode():
            s.sendall(bytes([octet]))
            # An octet each 50 ms: no pause is ever long.
            s.settimeout(0.05)
            try:
                if s.recv(1000) == b"":
                    ended = time.monotonic() - begun
                    break
            except TimeoutError:
                pass
    except (BrokenPipeError, ConnectionResetError):
        ended = time.monotonic() - begun
    tap.ok(ended is not None and TIMEOUT - 0.1 <= ended < TIMEOUT + 2, "S4: slow headers end at the time-out", ended)
    got = idle.recv(100)
    tap.ok(got == b"" and time.monotonic() - begun < TIMEOUT + 3, "S4: an idle connection too", got)
    whole = socket.create_connection(("127.0.0.1", web.port), timeout=20)
    for octet in f"GET /c/{web.ring.token(CLICK)} HTTP/1.1\r\nHost: {HOST}\r\nX: 1\r\nConnection: close\r\n\r\n".encode():
        whole.sendall(bytes([octet]))
    got = whole.recv(4000)
    tap.ok(got.startswith(b"HTTP/1.1 302"), "octet by octet, in time: answered", got)
    for one in (s, idle, whole):
        one.close()


def flood(web, tap, quiet):
    """5,000 connections that say nothing, of one address."""
    idle = []
    for _ in range(IDLE):
        idle.append(socket.create_connection(("127.0.0.1", web.port), timeout=20))
        if len(idle) % 2 == 0:
            try:
                idle[-1].sendall(b"GET / HTTP/1.1\r\n")
            except OSError:
                pass
    middle, worst = clicks(web)
    tap.ok(middle < quiet * 5 + 0.005, f"S4: a click beside {IDLE} idle connections takes its normal time",
           f"quiet {quiet * 1000:.2f} ms, flooded {middle * 1000:.2f} ms, worst {worst * 1000:.2f} ms")
    fields, body = one_click()
    answer = web.ask("POST", "/u/" + web.ring.token(UNSUBSCRIBE, reader=5), fields=fields, body=body)
    tap.ok(answer.status == 200, "S4: and a one-click POST of the same address comes through", answer.raw)
    return idle


def main():
    tap = sandbox.Tap()
    with weblib.Webd(webd=f'timeout = "{TIMEOUT}s" connections_per_ip = 50') as web:
        malformed(web, tap)
        hosts(web, tap)
        sizes(web, tap)
        slow(web, tap)
        quiet, _ = clicks(web)
        idle = flood(web, tap, quiet)
        sandbox.wait_for("one address to keep no more than its share",
                         lambda: web.metric("todoku_webd_connections") <= 201, 10)
        for one in idle:
            one.close()
    # The same through a proxy that we trust: then only the ceiling of all holds.
    with weblib.Webd(webd='timeout = "60s" connections = 6000 connections_per_ip = 6000') as web:
        quiet, _ = clicks(web)
        idle = flood(web, tap, quiet)
        sandbox.wait_for("all of them to be open", lambda: web.metric("todoku_webd_connections") >= IDLE, 10)
        for one in idle:
            one.close()
    tap.end()


if __name__ == "__main__":
    main()
