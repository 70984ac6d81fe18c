#!/usr/bin/python3
"""One-click unsubscribes (RFC 8058, U1, U2, B13): each spelling, in force when the
answer is there, the same for everybody, never by GET; with the store away it is
durable all the same, and refused where nothing can take it.
"""
import collections
import os
import shutil
import socket
import sqlite3
import time

import sandbox
import weblib
from weblib import UNSUBSCRIBE, one_click

CROWD = 600 # more than wait for the store


def standing(web, reader):
    return web.sql("SELECT status, reason, since FROM standing WHERE address_key = ? AND list = 'news'", reader)


def changes(web, reader):
    return web.sql("SELECT status, reason, who FROM change WHERE address_key = ?", reader)


def unsubscribes(web):
    return sum(count for count, in web.sql("SELECT count FROM rollup WHERE kind = 'unsubscribe'"))


def post(web, token, kind="urlencoded", **options):
    fields, body = one_click(kind)
    return web.ask("POST", "/u/" + token, fields=fields, body=body, **options)


def spellings(web, tap):
    answers = []
    for reader, kind in ((1, "urlencoded"), (2, "multipart")):
        answer = post(web, web.ring.token(UNSUBSCRIBE, reader=reader), kind)
        # The answer is there: so is the change.
        tap.ok(answer.status == 200 and [row[:2] for row in standing(web, reader)] == [(1, "one_click")],
               f"U2: {kind} is in force with its answer", answer.raw, standing(web, reader))
        tap.ok(answer.field("Location") is None and answer.field("Set-Cookie") is None,
               f"U2: {kind}: no redirect, no cookie", answer.raw)
        answers.append(answer)
    chunked = web.raw((f"POST /u/{web.ring.token(UNSUBSCRIBE, reader=3)} HTTP/1.1\r\nHost: t.example.com\r\n"
                       "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n1a\r\nList-Unsubscribe=One-Click\r\n0\r\n\r\n").encode())
    tap.ok(chunked.startswith(b"HTTP/1.1 200 ") and standing(web, 3), "U2: chunked", chunked)
    again = post(web, web.ring.token(UNSUBSCRIBE, reader=1))
    tap.ok(again.constant() == answers[0].constant(), "U2: idempotent: the same answer again", again.raw)
    tap.ok(len(changes(web, 1)) == 1, "U2: and one record of it", changes(web, 1))
    tap.ok(changes(web, 1)[0][2] == "127.0.0.1", "U6: from where it came is on record", changes(web, 1))
    unknown = post(web, web.ring.token(UNSUBSCRIBE, reader=999, campaign=12345))
    tap.ok(unknown.constant() == answers[0].constant(), "a recipient whom nobody knows: the same answer", unknown.raw)
    tap.ok(unsubscribes(web) == 4, "each is counted once", unsubscribes(web))


def refusals(web, tap):
    token = web.ring.token(UNSUBSCRIBE, reader=10)
    for method in ("GET", "HEAD"):
        answer = web.ask(method, "/u/" + token)
        tap.ok(answer.status == 200 and not standing(web, 10), f"U1: {method} unsubscribes nobody", answer.raw)
        answer = web.ask(method, "/u/" + token + "?List-Unsubscribe=One-Click")
        tap.ok(not standing(web, 10), f"U1: {method} with the words in its query neither", answer.raw)
        fields, body = one_click()
        web.ask(method, "/u/" + token, fields=fields, body=body)
        tap.ok(not standing(web, 10), f"U1: nor with them in a body")
    for body in (b"", b"List-Unsubscribe=", b"List-Unsubscribe=one-click", b"List-Unsubscribe=One-Click2", b"x=One-Click"):
        web.ask("POST", "/u/" + token, fields=[("Content-Type", "application/x-www-form-urlencoded")], body=body)
        tap.ok(not standing(web, 10), f"U1: {body!r} is no one-click")
    for purpose in (weblib.CLICK, weblib.OPEN, weblib.BOUNCE):
        answer = post(web, web.ring.token(purpose, reader=10))
        tap.ok(answer.status == 404 and not standing(web, 10), f"a token of purpose {purpose} unsubscribes nobody",
               answer.raw)
    tap.ok(post(web, web.ring.token(UNSUBSCRIBE, reader=10, which="nosuch")).status == 404, "nor one of no list")
    shared = post(web, web.ring.token(UNSUBSCRIBE, shared=True))
    tap.ok(shared.status == 400 and b"<form" in shared.body, "B13: a shared link asks who it is", shared.raw)
    tap.ok(web.sql("SELECT count(*) FROM standing WHERE address_key = 0")[0][0] == 0, "B13: and takes no guess")


def locked(web, tap):
    holder = sqlite3.connect(web.database, timeout=30, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    answer = post(web, web.ring.token(UNSUBSCRIBE, reader=20))
    took = time.monotonic() - begun
    tap.ok(answer.status == 200, "with the store locked it is taken all the same", answer.raw)
    tap.ok(took < 3, "within seconds", took)
    web.stop(9)
    holder.execute("COMMIT")
    holder.close()
    web.start()
    sandbox.wait_for("the change", lambda: standing(web, 20))
    tap.ok(len(changes(web, 20)) == 1, "and survives kill -9", changes(web, 20))

    # Who came back while the store was away has the last word.
    holder = sqlite3.connect(web.database, timeout=30, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    post(web, web.ring.token(UNSUBSCRIBE, reader=21))
    later = int(time.time()) + 5
    holder.execute("INSERT INTO change (address_key, list, status, time, reason, detail, who, proof, campaign) "
                   "VALUES (21, 'news', 0, ?, 'confirmed', '', '', '', 0)", (later,))
    holder.execute("COMMIT")
    holder.close()
    post(web, web.ring.token(UNSUBSCRIBE, reader=22))
    sandbox.wait_for("the journal to be read", lambda: web.metric("todoku_webd_journal_waiting_bytes") == 0)
    tap.ok(not standing(web, 21), "a later change stands", standing(web, 21))


def post_many(web, readers):
    """All at once; the status of each answer."""
    fields, body = one_click()
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    sockets = [socket.create_connection(("127.0.0.1", web.port), timeout=60) for _ in readers]
    for reader, one in zip(readers, sockets):
        one.sendall((f"POST /u/{web.ring.token(UNSUBSCRIBE, reader=reader)} HTTP/1.1\r\nHost: t.example.com\r\n"
                     f"{head}Content-Length: {len(body)}\r\n\r\n").encode() + body)
    statuses = []
    for one in sockets:
        statuses.append(int(one.recv(4000).split(b" ")[1]))
        one.close()
    return statuses


def crowd(web, tap):
    """More than may wait for the store: whoever comes then is answered by the journal."""
    web.stop()
    web.configure(webd="connections_per_ip = 9000")
    web.start()
    holder = sqlite3.connect(web.database, timeout=30, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    readers = range(1000, 1000 + CROWD)
    begun = time.monotonic()
    statuses = post_many(web, readers)
    took = time.monotonic() - begun
    tap.ok(statuses == [200] * CROWD and took < 20, f"S4: {CROWD} at once, the store locked: 200 for each",
           collections.Counter(statuses), took)
    web.stop(9)
    holder.execute("COMMIT")
    holder.close()
    web.configure()
    web.start()
    count = "SELECT count(*) FROM standing WHERE address_key BETWEEN ? AND ?"
    sandbox.wait_for("those who were told so", lambda: web.sql(count, readers[0], readers[-1]) == [(CROWD,)])


def nothing_takes_it(web, tap):
    """Store and journal both away: then it is not done, and nobody says it is."""
    journal = web.dir + "/data/journal"
    holder = sqlite3.connect(web.database, timeout=30, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    os.rename(journal, journal + ".away")
    # The segment at hand is still open: its end comes with the next process.
    web.stop(9)
    with open(journal, "w", encoding="ascii"):
        pass
    failed = False
    try:
        web.start()
    except RuntimeError:
        failed = True
    tap.ok(failed, "no start without a journal", web.log()[-300:])
    os.unlink(journal)
    os.rename(journal + ".away", journal)
    web.configure(webd='journal_max = "1M" connections_per_ip = 9000')
    segments = [n for n in os.listdir(journal) if n.endswith(".journal")]
    with open(os.path.join(journal, max(segments)), "ab") as out:
        out.write(b"\0" * 1048576)
    shutil.copy(os.path.join(journal, max(segments)), os.path.join(journal, "0" * 16 + ".journal"))
    web.start()
    statuses = post_many(web, range(3000, 3000 + CROWD))
    tap.ok(statuses == [503] * CROWD, f"nothing can take them: 503 for each of {CROWD}", collections.Counter(statuses))
    answer = post(web, web.ring.token(UNSUBSCRIBE, reader=30))
    tap.ok(answer.status == 503 and answer.field("Retry-After"), "and when to come again", answer.raw)
    click = web.get("/c/" + web.ring.token(weblib.CLICK))
    tap.ok(click.status == 302, "a click is redirected all the same", click.raw)
    tap.ok(web.metric("todoku_webd_events_lost_total") >= 1, "and counted as lost")
    health = web.admin_get("/healthz")
    tap.ok(health.status == 503 and b"journal" in health.body, "/healthz says so", health.raw)
    holder.execute("COMMIT")
    holder.close()
    sandbox.wait_for("the store to be back", lambda: post(web, web.ring.token(UNSUBSCRIBE, reader=30)).status == 200)
    tap.ok(standing(web, 30), "the store is back: it is in force")
    tap.ok(web.sql("SELECT count(*) FROM standing WHERE address_key BETWEEN 3000 AND 4999") == [(0,)],
           "who was told to come again has not left")


def main():
    tap = sandbox.Tap()
    with weblib.Webd() as web:
        for part in (spellings, refusals, locked, crowd, nothing_takes_it):
            part(web, tap)
    tap.end()


if __name__ == "__main__":
    main()
