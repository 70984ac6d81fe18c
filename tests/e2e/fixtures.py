#!/usr/bin/python3
"""The project's own messages, by every way, through the sandbox (B1-B13, D1-D5,
H1-H7)."""
import glob
import os
import re

import passage
import sandbox

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")


def main():
    tap = sandbox.Tap()
    with sandbox.Sandbox() as box:
        run = passage.Passage(box, tap)
        for path in sorted(glob.glob(os.path.join(FOLDER, "*.eml"))):
            with open(path, "rb") as file:
                message = file.read()
            name = os.path.basename(path)[:-4]
            run.submit(name, message)
            if "links-" in name:
                run.submit(name + " on a list without tracking", message, "plain", passage.WAYS[:1])
        seen = run.check()
        leaked = re.findall(r".*(?:/[cou]/|b\+|unsubscribe\+)[A-Za-z0-9_-]{20}.*", box.log())
        tap.ok(len(box.log()) > 1000 and not leaked, "S5: no token in the milter's log", "\n".join(leaked))
        tap.ok(seen["links"] > 500, f"links were rewritten: {dict(seen)}", dict(seen))
    tap.end()


if __name__ == "__main__":
    main()
