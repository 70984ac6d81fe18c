#!/usr/bin/python3
"""todoku-bounced's LMTP under what a broken or hostile client may do: huge, deep and
wide messages, many connections, silence, a stop and a reload under way.  Memory
stays bounded, and each answer is what it has to be.
"""
import os
import re
import signal
import socket
import threading
import time

import bouncelib
import sandbox

CAMPAIGN = 0xC0FFEE
MEGABYTE = 1 << 20


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
        return int(re.search(r"VmHWM:\s+(\d+) kB", lines.read()).group(1)) >> 10


def wide(address, recipients):
    """A report on so many recipients, ours the last of them."""
    blocks = "".join(f"Final-Recipient: rfc822; other{n}@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
                     for n in range(recipients - 1))
    return bouncelib.report(address, "4.2.2", "452 4.2.2 mailbox full").replace(
        b"Final-Recipient:", blocks.encode() + b"Final-Recipient:", 1)


def deep(levels):
    head = b"From: x@example.jp\r\nMIME-Version: 1.0\r\n"
    for level in range(levels):
        head += b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level)
    return head + b"Content-Type: text/plain\r\n\r\nend\r\n"


def check_sizes(bounced, tap):
    made = int(time.time()) - 60
    readers = [f"size{n}@example.jp" for n in range(4)]
    keys = bounced.record_sends(CAMPAIGN, readers, made)
    paths = [bounced.ring.return_path(CAMPAIGN, key, made) for key in keys]
    huge = bouncelib.report(readers[0]) + (b"x" * 76 + b"\r\n") * (30 * MEGABYTE // 78)
    messages = {"30 MB": (paths[0], huge, "user_unknown"), "10,000 recipients": (paths[1], wide(readers[1], 10000), "mailbox_full"),
                "200 levels": (paths[2], deep(200), None), "20,000 levels": (paths[3], deep(20000), None)}
    for what, (path, message, category) in messages.items():
        begun = time.monotonic()
        with bounced.lmtp() as connection:
            codes = connection.deliver([path], message)
        took = time.monotonic() - begun
        rows = bounced.sql("SELECT category FROM bounce WHERE id = (SELECT max(id) FROM bounce)")
        tap.ok(codes == [250] and (category is None or rows == [(category,)]) and took < 60,
               f"{what}: taken, and read", codes, rows, took)
    with bounced.lmtp() as connection:
        codes = connection.deliver([paths[0]], bouncelib.report(readers[0], number="larger") + (b"x" * 76 + b"\r\n") * (60 * MEGABYTE // 78))
    tap.ok(codes == [250] and bounced.number("SELECT size FROM bounce_mail ORDER BY id DESC LIMIT 1") == 65536,
           "60 MB: no report is refused for its size; its head is read, and kept", codes)
    print(f"# at most {resident(bounced.process)} MB resident", flush=True)


def check_memory(bounced, tap):
    """More at once than `memory` allows: 452, and later all of them."""
    message = b"From: x@example.jp\r\n\r\n" + (b"x" * 76 + b"\r\n") * (8 * MEGABYTE // 78)
    codes = []

    def send():
        with bounced.lmtp() as connection:
            codes.append(connection.deliver(["b@bounce.example.com"], message)[0])

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.ok(set(codes) == {250, 452} or set(codes) == {250}, f"20 of 8 MB at once: {codes.count(452)} put off", codes)
    with bounced.lmtp() as connection:
        tap.ok(connection.deliver(["b@bounce.example.com"], message) == [250], "and taken afterwards")
    used = resident(bounced.process)
    tap.ok(used < 450, f"memory stays bounded: {used} MB")


def check_connections(bounced, tap):
    held = []
    try:
        for _ in range(20):
            held.append(bounced.lmtp())
        refused = socket.socket(socket.AF_UNIX)
        refused.connect(bounced.socket)
        refused.settimeout(20)
        tap.ok(refused.recv(100).startswith(b"421 4.3.2"), "one connection more than allowed gets 421")
        refused.close()
        tap.ok(held[0].deliver(["b@bounce.example.com"], b"From: a@example.jp\r\n\r\n") == [250], "the others go on")
    finally:
        for connection in held:
            connection.close()

    def free():
        try:
            bounced.lmtp().close()
            return True
        except OSError:
            return False
    sandbox.wait_for("a free connection", free)
    tap.ok(True, "and there is room again")


def check_silence(bounced, tap):
    silent, slow = bounced.lmtp(), bounced.lmtp()
    slow.socket.sendall(b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\nhalf a li")
    begun = time.monotonic()
    lines = [silent.lines.readline(), *slow.lines.readlines()]
    took = time.monotonic() - begun
    tap.ok(lines[0].startswith(b"421 4.4.2") and lines[-1].startswith(b"421 4.4.2") and took < 60,
           "who is silent for longer than `timeout` gets 421", lines, took)
    silent.close()
    slow.close()


def check_half_close(bounced, tap):
    """A client that has said all and listens."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(bounced.socket)
    client.settimeout(20)
    client.sendall(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\nFrom: a@b\r\n\r\nhalf\r\n.\r\nQUIT\r\n")
    client.shutdown(socket.SHUT_WR)
    said = b""
    while piece := client.recv(4096):
        said += piece
    tap.ok(b"250 2.0.0 recorded" in said and said.endswith(b"221 2.0.0 bye\r\n"), "replies reach who closed its own end", said)
    client.close()


def check_reload(bounced, tap):
    with open(bounced.conf, encoding="utf-8") as file:
        good = file.read()
    with open(bounced.conf, "w", encoding="utf-8") as file:
        file.write(good + 'bounced { timeout = "never" }\n')
    bounced.process.send_signal(signal.SIGHUP)
    sandbox.wait_for("a refusal", lambda: "event=reload_refused" in bounced.log())
    with bounced.lmtp() as connection:
        tap.ok(connection.deliver(["b@x"], b"From: a@b\r\n\r\nbad\r\n") == [250], "a bad file leaves what is in force")
    with open(bounced.conf, "w", encoding="utf-8") as file:
        file.write(good + 'list "late" { sender = { "late@example.com" } }\n')
    with bounced.lmtp() as connection:
        tap.ok(connection.deliver(["unsubscribe-late@x"], b"From: a@b\r\n\r\n", "a@example.jp") == [550], "a list that is not there: 550")
        bounced.process.send_signal(signal.SIGHUP)
        sandbox.wait_for("a reload", lambda: "event=reloaded" in bounced.log())
        tap.ok(connection.deliver(["unsubscribe-late@x"], b"From: <a@example.jp>\r\n\r\n", "a@example.jp") == [250],
               "after a reload it is, in the same connection")


def check_store_gone(bounced, tap):
    """Never a new store in the place of one that is gone: it would forget who is blocked."""
    before = bounced.number("SELECT count(*) FROM bounce")
    names = [bounced.database + end for end in ("", "-wal", "-shm") if os.path.exists(bounced.database + end)]
    for name in names:
        os.rename(name, name + ".away")
    with bounced.lmtp() as connection:
        codes = [connection.deliver(["b@x"], b"From: a@b\r\n\r\ngone\r\n")[0]]
        tap.ok(codes == [451] and not os.path.exists(bounced.database), "a store that is gone: 451, and none is made", codes)
        for name in names:
            os.rename(name + ".away", name)
        codes = connection.deliver(["b@x"], b"From: a@b\r\n\r\ngone\r\n")
    tap.ok(codes == [250] and bounced.number("SELECT count(*) FROM bounce") == before + 1, "it is back: recorded", codes)


def check_stop(bounced, tap):
    """Who is between two messages gets 421; who waits for an answer gets that."""
    idle, busy = bounced.lmtp(), bounced.lmtp()
    busy.socket.sendall(b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
    for _ in range(3):
        busy.reply()
    busy.socket.sendall(b"From: a@b\r\n\r\nlast\r\n.\r\n")
    bounced.process.send_signal(signal.SIGTERM)
    tap.ok(idle.reply() == 421, "SIGTERM: an idle connection gets 421")
    code = busy.reply()
    recorded = bounced.number("SELECT count(*) FROM bounce WHERE sender = '' AND id = (SELECT max(id) FROM bounce)")
    tap.ok(code == 421 or (code == 250 and recorded == 1), "one under way is finished, or told to come again", code)
    tap.ok(bounced.process.wait(30) == 0, "and the process ends with 0")


def age(path):
    return os.path.getmtime(path) if os.path.exists(path) else 0


def main():
    tap = sandbox.Tap()
    # Under AddressSanitizer, where that is built last: it is the place to be hostile.
    asan, plain = (os.path.join(sandbox.SOURCE, folder, "todoku-bounced") for folder in ("build-asan", "build"))
    with bouncelib.Bounced('connections = 20 timeout = "6s" max_message = "31M" memory = "256M"', "info",
                           asan if age(asan) > age(plain) else None) as bounced:
        check_sizes(bounced, tap)
        check_memory(bounced, tap)
        check_connections(bounced, tap)
        check_silence(bounced, tap)
        check_half_close(bounced, tap)
        check_reload(bounced, tap)
        check_store_gone(bounced, tap)
        check_stop(bounced, tap)
    tap.end()


if __name__ == "__main__":
    main()
