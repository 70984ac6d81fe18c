#!/usr/bin/python3
"""The breaker from end to end: mail of a list comes back from the sink by Postfix's own
reports, todoku-bounced records them, todoku-policyd holds what the stream sends next, with
the figure in the text; another stream goes on.  Resumed by hand, what waited arrives."""
import json

import sandbox

CONF = """
list "calm" {
  sender = { "calm@example.com" }
  track  { clicks = false opens = false text = false }
  stream = "calm"
}
stream "main" { plan = "none" breaker_sample = 20 breaker_bounces = 0.10 }
stream "calm" { plan = "none" breaker_sample = 20 breaker_bounces = 0.10 }
"""
MESSAGE = """From: News <{sender}>
To: reader@example.net
Subject: Number {number}
Message-ID: <{number}@example.com>

Number {number}
"""


def send(box, number, recipient, sender="news@example.com"):
    box.smtp(MESSAGE.format(number=number, sender=sender).encode(), [recipient], sender)


def status(box, stream="main"):
    return json.loads(box.todoku("--json", "warmup", "status", stream).stdout)


def waiting(box):
    return [m for m in box.queue() if m["queue_name"] == "hold"]


def addresses(box):
    """Who waits."""
    return {r["address"] for m in waiting(box) for r in m["recipients"]}


def arrived(box):
    return [e["rcpt_to"][0] for e in box.copies().values()]


def scenario(tap, box):
    good = [f"a{n}@example.net" for n in range(27)]
    for number, recipient in enumerate(good):
        send(box, number, recipient)
    box.arrived_for(good)
    sandbox.wait_for("the figures", lambda: status(box)["breaker"]["figures"]["sent"] == 27)
    tap.ok(not status(box)["breaker"]["open"] and not waiting(box), "nothing came back: the breaker is closed")
    for number in range(27, 33):
        send(box, number, f"gone{number}@reply-550-5.1.1.test")
    said = sandbox.wait_for("the breaker", lambda: (s := status(box))["breaker"]["since"] and
                            s["breaker"]["figures"]["hard_bounces"] == 6 and s)
    tap.ok(said["breaker"]["open"] and "hard bounces in" in said["breaker"]["reason"], "six of them came back: it opens",
           said["breaker"])
    sandbox.wait_for("policyd to say so", lambda: "event=breaker_open stream=main" in box.log("todoku-policyd"))

    # A thread of policyd may not know for a second.
    late = []

    def is_held():
        late.append(f"late{len(late)}@example.net")
        send(box, 100 + len(late), late[-1])
        return waiting(box)

    sandbox.wait_for("the hold queue", is_held, 20)
    text = box.todoku("explain", late[-1], check=False).stdout.decode()
    tap.ok("hard bounces in" in text and "limit 10 %" in text, "what the stream sends next is held, and why", text)
    sandbox.wait_for("each to arrive or to wait", lambda: set(late) <= set(arrived(box)) | addresses(box))
    held = addresses(box)
    send(box, 31, "calm@example.net", "calm@example.com")
    box.arrived_for(["calm@example.net"])
    tap.ok(held and not held & set(arrived(box)),
           "another stream's mail goes on; what is held has not arrived")
    box.todoku("hold", "release", "--due", check=False)
    tap.ok(addresses(box) == held, "what is due is not let go while it is open")

    run = box.todoku("warmup", "resume", "main", "--why", "the list was cleaned")
    tap.ok(b"goes on" in run.stdout, "closed by hand", run.stdout)

    # A thread that had not heard of it may hold one more; the timer's release lets that go.
    send(box, 99, "next@example.net")

    def released():
        box.todoku("hold", "release", "--due", check=False)
        return held | {"next@example.net"} <= set(arrived(box))

    sandbox.wait_for("what waited", released)
    tap.ok(sorted(arrived(box)) == sorted(good + late + ["calm@example.net", "next@example.net"]) and not waiting(box),
           "what waited arrives, once, and what is sent then", arrived(box))


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox(CONF) as box:
        try:
            scenario(tap, box)
        except (TimeoutError, RuntimeError, OSError) as error:
            tap.ok(False, f"goes to its end: {error}", box.log("todoku-policyd")[-2000:], box.log("todoku-bounced")[-1000:],
                   box.queue())
    tap.end()


main()
