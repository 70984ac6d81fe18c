#!/usr/bin/python3
"""Ten thousand wrong tokens: bits flipped, cut, lengthened, of another purpose or key,
in other case. No redirect, one constant answer, and nothing is recorded (S1, S2).
The generator is seeded: a failure comes again.
"""
import base64
import random
import socket

import sandbox
import weblib
from weblib import BOUNCE, CLICK, OPEN, UNSUBSCRIBE

COUNT = 10000
PATHS = {CLICK: ("/c/", ""), OPEN: ("/o/", ".gif"), UNSUBSCRIBE: ("/u/", "")}


def decode(token):
    return bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))


def encode(octets):
    return base64.urlsafe_b64encode(bytes(octets)).rstrip(b"=").decode()


def flip(rng, token):
    octets = decode(token)
    bit = rng.randrange(len(octets) * 8)
    octets[bit // 8] ^= 1 << bit % 8
    return encode(octets)


def cut(rng, token):
    return token[:rng.randrange(len(token))]


def lengthen(rng, token):
    place = rng.randrange(len(token) + 1)
    return token[:place] + rng.choice("Aa0-_=.%/~") + token[place:]


def case(rng, token):
    places = [i for i, c in enumerate(token) if c.isalpha()]
    place = rng.choice(places)
    return token[:place] + token[place].swapcase() + token[place + 1:]


def key_id(rng, token):
    octets = decode(token)
    octets[1] = rng.choice([n for n in range(256) if n != octets[1]])
    return encode(octets)


def purpose(rng, token):
    octets = decode(token)
    octets[0] = octets[0] & 0xF0 | rng.choice([n for n in range(16) if n != octets[0] & 15])
    return encode(octets)


def target(rng, token):
    octets = decode(token)
    evil = b"https://evil.example/"
    return encode(octets[:24] + evil + octets[-16:])


def escaped(rng, token):
    place = rng.randrange(len(token))
    return token[:place] + f"%{ord(token[place]):02x}" + token[place + 1:]


def swap(rng, token):
    octets = decode(token)
    a, b = rng.randrange(len(octets)), rng.randrange(len(octets))
    octets[a], octets[b] = octets[b], octets[a]
    return encode(octets)


WAYS = [flip, cut, lengthen, case, key_id, purpose, target, escaped, swap]


def wrong_paths(web, rng):
    good = {}
    for which in PATHS:
        good[which] = [web.ring.token(which, reader=n, link=n + 1, target=b"https://example.com/%d" % n) for n in range(20)]
    every = {token for tokens in good.values() for token in tokens}
    made = 0
    while made < COUNT:
        which = rng.choice(list(PATHS))
        before, after = PATHS[which]
        token = rng.choice(WAYS)(rng, rng.choice(good[which]))
        if token not in every and "?" not in token:
            made += 1
            yield before + token + after
    # A right token in the wrong place, and with a foreign key of a right number.
    stranger = weblib.Ring()
    for which, (before, after) in PATHS.items():
        for other in (CLICK, OPEN, UNSUBSCRIBE, BOUNCE):
            if other != which:
                yield before + web.ring.token(other) + after
        yield before + stranger.token(which) + after
        yield before + after


class Connection:
    """Kept open, as long as the other side does."""

    def __init__(self, port):
        self.port, self.socket, self.left = port, None, b""

    def ask(self, path):
        request = f"GET {path} HTTP/1.1\r\nHost: t.example.com\r\nUser-Agent: Firefox\r\n\r\n".encode()
        for _ in range(2):
            if self.socket is None:
                self.socket, self.left = socket.create_connection(("127.0.0.1", self.port), timeout=20), b""
            try:
                self.socket.sendall(request)
                return weblib.Answer(self.read())
            except (ConnectionError, EOFError):
                self.socket.close()
                self.socket = None
        raise ConnectionError("closed twice")

    def read(self):
        while b"\r\n\r\n" not in self.left:
            self.more()
        head, _, rest = self.left.partition(b"\r\n\r\n")
        size = int(weblib.Answer(head + b"\r\n\r\n").field("Content-Length") or 0)
        while len(rest) < size:
            self.more()
            rest = self.left.partition(b"\r\n\r\n")[2]
        self.left = rest[size:]
        return head + b"\r\n\r\n" + rest[:size]

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self.left += piece


def main():
    tap, rng = sandbox.Tap(), random.Random(8058)
    with weblib.Webd() as web:
        connection = Connection(web.port)
        answers, asked = {}, 0
        for path in wrong_paths(web, rng):
            answer = connection.ask(path)
            answers.setdefault(answer.constant()[0::2] + (str(answer.constant()[1]),), []).append(path)
            asked += 1
        tap.ok(asked > COUNT and len(answers) == 1, f"S1: {asked} wrong tokens, one answer",
               *[f"{len(paths)}: {key[0]} {key[2]} {paths[0]}" for key, paths in answers.items()])
        first = next(iter(answers))
        tap.ok(first[0] == 404 and "Location" not in first[2], "S1: which is 404, without a Location", first)
        # The next page of the site is not what a wrong token is told from.
        other = connection.ask("/nothing/here")
        tap.ok(other.constant()[0::2] + (str(other.constant()[1]),) == first, "S1: as for any path that is none", other.raw)
        good = connection.ask("/c/" + web.ring.token(CLICK, reader=77))
        tap.ok(good.status == 302, "a right token is redirected", good.raw)
        sandbox.wait_for("its event", lambda: web.metric("todoku_webd_events_applied_total") == 1)
        rows = web.sql("SELECT key FROM event_" + web.sql("SELECT substr(name, 7) FROM sqlite_master WHERE name GLOB "
                                                          "'event_[0-9]*' AND type = 'table'")[0][0])
        tap.ok(rows == [(77,)], "and it alone is recorded", rows)
        tap.ok(web.sql("SELECT count(*) FROM standing")[0][0] == 0, "nobody was unsubscribed")
        log = web.log()
        tap.ok(log.count("\n") < 10, "S5: and the log stays short", log[:2000])
    tap.end()


if __name__ == "__main__":
    main()
