"""Starts a sandbox, takes links from real mail, and lets browser.js go through the pages."""
import json
import os
import re
import subprocess
import sys
import time

import weblists
from sandbox import SOURCE, Sandbox
from weblib import UNSUBSCRIBE, Ring

WEBD = """
webd { tls_cert = "%(base)s/cert.pem" tls_key = "%(base)s/key.pem" mails_per_address = 1000 forms_per_network = 100000 }
"""


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=t.example.com", "-addext", "subjectAltName=DNS:t.example.com",
                    "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(folder + "/key.pem", 0o644)


def unsubscribe_link(sandbox, name):
    """Of a mail that went through everything."""
    sender = name + "@example.com"
    address = name + "@reader.test"
    sandbox.smtp(b"From: %s\r\nTo: %s\r\nSubject: x\r\n\r\nhello\r\n" % (sender.encode(), address.encode()), [address], sender)
    mail = sandbox.copy(sandbox.arrived_for([address])[address][0])
    return re.search(rb"<(https://t\.example\.com/u/[A-Za-z0-9_-]+)>", mail).group(1).decode()


def links(sandbox, language):
    ring = Ring(os.path.join(os.path.dirname(sandbox.env["CONF"]), "token.keys"))
    confirm = language + "-confirm"
    base = sandbox.env["BASE_URL"]
    return {
        "once": unsubscribe_link(sandbox, language + "-once"),
        "confirm": unsubscribe_link(sandbox, confirm),
        "address": unsubscribe_link(sandbox, language + "-address"),
        "victim": base + "/u/" + ring.token(UNSUBSCRIBE, reader=ring.address_key("victim@example.jp"), which=confirm),
        "shared": base + "/u/" + ring.token(UNSUBSCRIBE, which=language + "-once", shared=True),
        "form": base + "/f/" + confirm,
        "expired": base + "/j/" + ring.confirm(confirm, "late@example.jp", made=time.time() - 4 * 86400),
    }


def main():
    base = os.environ["TODOKU_BROWSER_DIR"]
    certificate(base)
    with Sandbox(WEBD % {"base": base} + weblists.lists()) as sandbox:
        setting = {
            "web": sandbox.env["WEB"].split("://")[1],
            "sink": sandbox.env["SINK"],
            "links": {language: links(sandbox, language) for language in ("ja", "en")},
            "pictures": os.environ.get("TODOKU_PICTURES"),
        }
        with open(os.path.join(base, "setting.json"), "w", encoding="utf-8") as file:
            json.dump(setting, file)
        run = subprocess.run(["node", os.path.join(SOURCE, "tests/browser/browser.js"), file.name], check=False)
        if run.returncode != 0:
            print("\n".join("# " + line for line in sandbox.log("todoku-webd").splitlines()[-20:]))
        return run.returncode


sys.exit(main())
