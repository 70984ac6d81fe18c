#!/usr/bin/python3
"""Leaving and joining by the pages (U1, U3, U6, B13): links out of real mail, each
pattern in both languages, confirmation mails read at the sink as a reader's program
would, and what strangers, scanners and a lost store do to it.
"""
import email
import email.policy
import html
import json
import os
import re
import shutil
import signal
import sqlite3
import tempfile
import time
import urllib.parse

import dkim
import weblists
from sandbox import SOURCE, Sandbox, Tap, wait_for
from weblib import JOIN, LEAVE, UNSUBSCRIBE, Ring, Speaker

STATUS = {0: "active", 1: "unsubscribed", 2: "blocked"}
TEXT = {
    "ja": {"left": "配信を停止しました", "sent": "メールをご確認ください", "joined": "登録が完了しました", "kept": "引き続きお送りします",
           "leave subject": "【季節のおたより】配信停止の確認", "join subject": "【季節のおたより】ご登録の確認",
           "from": "株式会社エグザンプル", "days": "このリンクは3日間有効です。"},
    "en": {"left": "You are unsubscribed", "sent": "Please check your mail", "joined": "You are registered", "kept": "Nothing has changed",
           "leave subject": "Please confirm that you unsubscribe: Seasonal Letters",
           "join subject": "Please confirm your registration: Seasonal Letters",
           "from": "Example Inc.", "days": "The link holds for 3 days."},
}


class Readers:
    """The sandbox, webd's door and the database behind it."""

    def __init__(self, sandbox, tap):
        self.sandbox, self.tap = sandbox, tap
        port, admin = (int(sandbox.env[name].rsplit(":", 1)[1]) for name in ("WEB", "ADMIN"))
        self.web = Speaker(port, admin)
        conf = os.path.dirname(sandbox.env["CONF"])
        self.ring = Ring(os.path.join(conf, "token.keys"))
        self.database = os.path.join(os.path.dirname(conf), "data", "todoku.db")

    def sql(self, query, *arguments):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, arguments).fetchall()

    def status(self, name, address):
        """What the last change made of it; None where there was none."""
        rows = self.sql("SELECT status, reason FROM change WHERE address_key = ? AND list = ? ORDER BY rowid DESC",
                        self.signed(self.ring.address_key(address)), name)
        return (STATUS[rows[0][0]], rows[0][1]) if rows else None

    @staticmethod
    def signed(key):
        return key - (1 << 64) if key >= 1 << 63 else key

    def post(self, path, values=None, fields=(), body=None):
        if body is None:
            body = urllib.parse.urlencode(values or {}).encode()
            fields = [("Content-Type", "application/x-www-form-urlencoded"), *fields]
        return self.web.ask("POST", path, fields=fields, body=body)

    def mailed_link(self, name, address):
        """Of a mail to the list that went all the way."""
        sender = f"{name}@example.com"
        self.sandbox.smtp(f"From: {sender}\r\nTo: {address}\r\nSubject: x\r\n\r\nhello\r\n".encode(), [address], sender)
        mail = self.sandbox.copy(self.sandbox.arrived_for([address])[address][0])
        return re.search(rb"List-Unsubscribe:.*?<https://t\.example\.com(/u/[A-Za-z0-9_-]+)>", mail, re.S).group(1).decode()

    def token(self, name, address):
        return "/u/" + self.ring.token(UNSUBSCRIBE, reader=self.ring.address_key(address), which=name)

    def confirmation(self, address, above=0):
        """The newest mail to the address: its number, and as a program reads it."""
        def here():
            numbers = [n for n, e in self.sandbox.copies().items() if address in e["rcpt_to"] and n > above]
            return max(numbers) if numbers else None
        number = wait_for(f"a mail to {address}", here)
        return number, email.message_from_bytes(self.sandbox.copy(number), policy=email.policy.default)

    def newest(self):
        return max(self.sandbox.copies(), default=0)

    def form_token(self, path):
        return html.unescape(re.search(r'name="token" value="([^"]+)"', self.web.get(path).body.decode()).group(1))


def link_in(mail):
    return re.search(r"^https://t\.example\.com(/j/[A-Za-z0-9_-]+)\r?$", mail.get_content(), re.M).group(1)


def says(answer, text):
    return text in answer.body.decode()


def by_button(r, language, pattern):
    tap, text, name = r.tap, TEXT[language], f"{language}-{pattern}"
    address = f"{name}@reader.test"
    path = r.mailed_link(name, address)
    for method in ("GET", "HEAD", "GET"):
        answer = r.web.ask(method, path)
        tap.ok(answer.status == 200 and r.status(name, address) is None, f"U1: {name}: {method} changes nothing", answer.raw)
    if pattern == "confirm":
        answer = r.post(path, {"action": "keep"})
        tap.ok(says(answer, text["kept"]) and r.status(name, address) is None, f"U3: {name}: the reader may stay", answer.raw)
    begun = time.monotonic()
    answer = r.post(path, {"action": "leave"})
    tap.ok(answer.status == 200 and says(answer, text["left"]), f"U3: {name}: the reader is told", answer.raw)
    tap.ok(r.status(name, address) == ("unsubscribed", "page") and time.monotonic() - begun < 1,
           f"U2: {name}: in force within a second", r.status(name, address))
    other = "ja-address" if name != "ja-address" else "en-address"
    tap.ok(r.status(other, address) is None, f"{name}: no other list is left")
    again = r.post(path, {"action": "leave"})
    unknown = r.post(r.token(name, f"nobody.{name}@example.jp"), {"action": "leave"})
    tap.ok(again.constant() == answer.constant() == unknown.constant(),
           f"U2: {name}: again, and for one whom nobody knows: the same answer", again.raw, unknown.raw)
    changes = r.sql("SELECT reason, who FROM change WHERE address_key = ?", r.signed(r.ring.address_key(address)))
    tap.ok(changes == [("page", "127.0.0.1")], f"U6: {name}: one record of it, with where from", changes)


def verified(r, raw):
    """By an independent verifier, with the records of the sandbox's DNS."""
    def lookup(name, timeout=5):
        try:
            with open(os.path.join(r.sandbox.env["DKIM_DNS"], name.decode().rstrip(".")), "rb") as file:
                return file.read().strip()
        except OSError:
            return None
    return dkim.verify(raw, dnsfunc=lookup)


def check_mail(r, language, name, address, number, mail, subject):
    tap, text = r.tap, TEXT[language]
    raw = r.sandbox.copy(number)
    tap.ok(mail["Subject"] == text[subject], f"{name}: the subject reads as it should", mail["Subject"])
    tap.ok(mail["From"].addresses[0].display_name == text["from"] and mail["To"].addresses[0].addr_spec == address,
           f"{name}: from whom and to whom", mail["From"], mail["To"])
    tap.ok(mail.get_content_type() == "text/plain" and mail.get_content_charset() == "utf-8" and text["days"] in mail.get_content()
           and address in mail.get_content(), f"{name}: the text, in {language}", mail.get_content())
    tap.ok(all(len(line) <= 998 and max(line, default=0) < 128 for line in raw.split(b"\r\n")), f"{name}: ASCII lines")
    tap.ok(mail["List-Unsubscribe"] is None and not re.search(rb"^X-Todoku", raw, re.M | re.I)
           and mail["Auto-Submitted"] == "auto-generated", f"{name}: of no list, control fields gone", raw.decode())
    tap.ok(verified(r, raw), f"{name}: signed", raw.decode())
    tap.ok(r.sandbox.copies()[number]["mail_from"] == "confirm@bounce.example.com", f"{name}: its return path is no list's",
           r.sandbox.copies()[number])


def by_address(r, language, shared):
    tap, text = r.tap, TEXT[language]
    name = f"{language}-once" if shared else f"{language}-address"
    label = f"{name} {'shared' if shared else 'by address'}"
    address = f"leaver.{'shared' if shared else 'own'}.{language}@example.jp"
    path = "/u/" + r.ring.token(UNSUBSCRIBE, which=name, shared=True) if shared else r.mailed_link(name, address)
    above = r.newest()
    tap.ok(says(r.web.get(path), 'name="address"'), f"U3, B13: {label}: the page asks for the address")
    for typed in ("", "taro", "taro@example", "a@example.jp\r\nBcc: b@example.jp"):
        answer = r.post(path, {"address": typed})
        tap.ok(answer.status == 422 and says(answer, 'aria-invalid="true"') and says(answer, html.escape(typed)[:4]),
               f"{label}: {typed!r} is refused at the field, and kept", answer.raw)
    answer = r.post(path, {"address": address})
    tap.ok(says(answer, text["sent"]) and r.status(name, address) is None, f"{label}: a mail first", answer.raw)
    number, mail = r.confirmation(address, above)
    check_mail(r, language, label, address, number, mail, "leave subject")
    confirm = link_in(mail)
    tap.ok(r.web.get(confirm).status == 200 and r.status(name, address) is None, f"U1: {label}: following the link changes nothing")
    answer = r.post(confirm, {"action": "confirm"})
    tap.ok(says(answer, text["left"]) and r.status(name, address) == ("unsubscribed", "confirmed"), f"U3: {label}: the button does",
           answer.raw, r.status(name, address))
    tap.ok(r.post(confirm, {"action": "confirm"}).constant() == answer.constant(), f"{label}: again: the same answer")


def joining(r, language):
    tap, text, name = r.tap, TEXT[language], f"{language}-confirm"
    path, address, above = f"/f/{name}", f"joiner.{language}@example.jp", r.newest()
    page = r.web.get(path)
    tap.ok(page.status == 200 and "script" not in page.body.decode(), f"{name}: the form is published", page.raw)
    values = {"token": r.form_token(path), "address": address, "f-name": "花子", "consent": "yes", "f-interest": "魚", "f-note": "一\r\n二"}
    if language == "en":
        values.update({"f-name": "Hanako", "f-interest": "Events & fairs"})
    answer = r.post(path, values)
    tap.ok(says(answer, text["sent"]), f"{name}: joining is answered by a mail", answer.raw)
    number, mail = r.confirmation(address, above)
    check_mail(r, language, f"{name} form", address, number, mail, "join subject")
    link = link_in(mail)
    tap.ok(r.web.get(link).status == 200 and r.status(name, address) is None, f"{name}: a scanner that follows the link joins nobody")
    answer = r.post(link, {"action": "confirm"})
    tap.ok(says(answer, text["joined"]) and r.status(name, address) == ("active", "confirmed"), f"{name}: the button does", answer.raw)
    r.post(link, {"action": "confirm"})
    rows = r.sql("SELECT proof, who, detail, time FROM change WHERE address_key = ?", r.signed(r.ring.address_key(address)))
    proof = rows[0][0] if rows else ""
    proof = proof.decode() if isinstance(proof, bytes) else proof
    wanted = (["プライバシーポリシーを読み、", "\nname: 花子", "\ninterest: 魚", "\nnote: 一\n\t二"] if language == "ja"
              else ["By registering you agree", "\nname: Hanako", "\ninterest: Events & fairs"])
    tap.ok(len(rows) == 1 and all(part in proof for part in wanted) and rows[0][1] == "127.0.0.1"
           and "by 127.0.0.1" in rows[0][2] and abs(rows[0][3] - time.time()) < 600,
           f"U6: {name}: consent is kept once: when, from where, which text, which fields", rows)
    # Whoever left may come back, and the mail that asks reaches them.
    r.post(r.token(name, address), {"action": "leave"})
    above = r.newest()
    r.post(path, {**values, "token": r.form_token(path)})
    answer = r.post(link_in(r.confirmation(address, above)[1]), {"action": "confirm"})
    tap.ok(r.status(name, address) == ("active", "confirmed"), f"{name}: who left can come back", r.status(name, address))


def multipart(values):
    body = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in values.items())
    return [("Content-Type", "multipart/form-data; boundary=xyz")], (body + "--xyz--\r\n").encode()


def strangers(r):
    tap, path = r.tap, "/f/en-confirm"
    values = {"token": r.form_token(path), "address": "victim@example.jp", "f-name": "x"}
    above = r.newest()
    for fields in ([("Origin", "https://evil.example")], [("Origin", "null")], [("Sec-Fetch-Site", "cross-site")],
                   [("Sec-Fetch-Site", "same-site"), ("Origin", "https://t.example.com")]):
        tap.ok(r.post(path, values, fields).status == 403, f"the form, posted from another site: {fields}")
        victim = r.token("en-once", "victim@example.jp")
        tap.ok(r.post(victim, {"action": "leave"}, fields).status == 403 and r.status("en-once", "victim@example.jp") is None,
               f"the page, posted from another site: {fields}")
        confirm = "/j/" + r.ring.confirm("en-confirm", "victim@example.jp", LEAVE)
        tap.ok(r.post(confirm, {"action": "confirm"}, fields).status == 403, f"the link of a mail: {fields}")
    for token in ("", "x", values["token"][:-1] + ("A" if values["token"][-1] != "A" else "B"), r.form_token("/f/ja-confirm")):
        answer = r.post(path, {**values, "token": token})
        tap.ok(answer.status == 422 and says(answer, "open for long"), f"a form without a token of its own: {token!r}", answer.raw)
    trapped = r.post(path, {**values, "website": "https://spam.example"})
    fields, body = multipart({**values, "address": "multi@example.jp"})
    answer = r.post(path, fields=[*fields, ("Origin", "https://t.example.com"), ("Sec-Fetch-Site", "same-origin")], body=body)
    tap.ok(says(answer, "Please check your mail") and r.confirmation("multi@example.jp"), "our own page, as multipart", answer.raw)
    answer = r.post(path, {**values, "address": "terminal@example.jp"})
    tap.ok(says(answer, "Please check your mail") and r.confirmation("terminal@example.jp"), "a browser without Origin, with the token",
           answer.raw)
    mailed = [e["rcpt_to"] for n, e in r.sandbox.copies().items() if n > above]
    tap.ok(["victim@example.jp"] not in mailed and trapped.status == 200, "no mail went to the victim", mailed)


def injection(r):
    tap, path, above = r.tap, "/f/en-confirm", r.newest()
    r.post(path, {"token": r.form_token(path), "address": "plain@example.jp", "f-name": "x\r\nBcc: b@example.jp"})
    number, mail = r.confirmation("plain@example.jp", above)
    tap.ok(r.sandbox.copies()[number]["rcpt_to"] == ["plain@example.jp"] and mail["Bcc"] is None
           and b"b@example.jp" not in r.sandbox.copy(number), "H7: what is typed reaches no header field")


def bulk(r):
    tap, path, above = r.tap, "/f/en-confirm", r.newest()
    answers = [r.post(path, {"token": r.form_token(path), "address": "often@example.jp"}) for _ in range(5)]
    tap.ok(len({answer.constant()[2] for answer in answers}) == 1, "over the limit the same answer")
    r.post(path, {"token": r.form_token(path), "address": "barrier@example.jp"})
    r.confirmation("barrier@example.jp", above)
    got = [n for n, e in r.sandbox.copies().items() if n > above and e["rcpt_to"] == ["often@example.jp"]]
    tap.ok(len(got) == 3, "an address is sent three confirmation mails a day", got)
    tap.ok(r.sandbox.log("todoku-webd").count("event=confirm_limited") == 2, "and the log says of the rest")


def wrong_links(r):
    tap = r.tap
    good = r.token("en-once", "wrong@example.jp")
    wanted = r.web.get("/u/").constant()
    tap.ok(wanted[0] == 404 and r.web.get("/").constant() == wanted, "S1: a wrong link has one answer", wanted)
    for path in (good[:-1], good + "A", good.lower(), good.replace("/u/", "/j/"), "/j/" + r.ring.confirm("nosuch", "a@example.jp"),
                 "/j/" + r.ring.confirm("en-confirm", "a@example.jp", 3), "/f/en-once", "/f/EN-CONFIRM", "/f/", "/f/en-confirm/",
                 "/u/" + r.ring.token(UNSUBSCRIBE, which="nosuch")):
        tap.ok(r.web.get(path).constant() == wanted, f"S1: {path[:40]}")
        tap.ok(r.post(path, {"action": "leave"}).constant() == wanted, f"S1: posted to: {path[:40]}")
    for kind, age in ((JOIN, 3 * 86400), (LEAVE, 3 * 86400 + 5)):
        path = "/j/" + r.ring.confirm("en-confirm", "late@example.jp", kind, made=time.time() - age)
        answer = r.post(path, {"action": "confirm"})
        tap.ok(answer.status == 410 and r.web.get(path).status == 410 and r.status("en-confirm", "late@example.jp") is None,
               f"an expired link, kind {kind}", answer.raw)
    path = "/j/" + r.ring.confirm("en-confirm", "late@example.jp", made=time.time() - 3 * 86400 + 60)
    tap.ok(r.web.get(path).status == 200, "one that has not expired")


class Locked:
    """The store, held by another."""

    def __init__(self, r):
        self.holder = sqlite3.connect(r.database, timeout=30, isolation_level=None)

    def __enter__(self):
        self.holder.execute("BEGIN EXCLUSIVE")

    def __exit__(self, *unused):
        self.holder.execute("ROLLBACK")
        self.holder.close()


class Gone:
    """The store's file, moved elsewhere."""

    def __init__(self, r):
        self.files = [r.database + end for end in ("", "-wal", "-shm")]

    def __enter__(self):
        for file in self.files:
            if os.path.exists(file):
                os.rename(file, file + ".away")

    def __exit__(self, *unused):
        for file in self.files:
            if os.path.exists(file + ".away"):
                os.rename(file + ".away", file)


def store_away(r, away, how):
    tap, reader = r.tap, f"{how}@example.jp"
    join = "/j/" + r.ring.confirm("ja-confirm", reader, proof="agreed")
    with away(r):
        tap.ok(r.web.get(r.token("ja-once", reader)).status == 200, f"with the store {how}: the page")
        tap.ok(r.web.get("/f/ja-confirm").status == 200, f"with the store {how}: the form")
        left = r.post(r.token("ja-once", reader), {"action": "leave"})
        tap.ok(left.status == 200 and says(left, TEXT["ja"]["left"]), f"with the store {how}: leaving is taken down", left.raw)
        answer = r.post(join, {"action": "confirm"})
        tap.ok(answer.status == 503 and answer.field("Retry-After"), f"with the store {how}: joining has to wait, and says so", answer.raw)
        above = r.newest()
        asked = r.post("/u/" + r.ring.token(UNSUBSCRIBE, which="en-once", shared=True), {"address": "mail." + reader})
        tap.ok(asked.status == 200, f"with the store {how}: a confirmation mail is asked for", asked.raw)
    wait_for("the reader to be out", lambda: r.status("ja-once", reader) == ("unsubscribed", "page"))
    tap.ok(True, f"when the store is back ({how}) the reader is out")
    answer = r.post(join, {"action": "confirm"})
    tap.ok(answer.status == 200 and r.status("ja-confirm", reader) == ("active", "confirmed"), "and joining works", answer.raw)
    tap.ok(r.confirmation("mail." + reader, above), "and the mail is there")


def shown(r):
    """By the operator's command: what the link is, not whose."""
    link = r.ring.confirm("en-confirm", "shown@example.jp", LEAVE, proof="secret")
    run = r.sandbox.todoku("link", "show", "--json", r.sandbox.env["BASE_URL"] + "/j/" + link)
    said = json.loads(run.stdout)
    r.tap.ok(said["purpose"] == "confirm" and said["list"] == "en-confirm" and said["kind"] == "leave"
             and int(said["address_key"], 16) == r.ring.address_key("shown@example.jp") and b"shown@" not in run.stdout,
             "todoku link show tells what a confirmation is", run.stdout)


def edited(r, pages):
    """Texts are the administrator's: a wrong one is told by file and line, and changes nothing."""
    tap, file = r.tap, os.path.join(pages, "en", "left.html")
    with open(file, encoding="utf-8") as text:
        own = text.read()

    def put(text, want):
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        before = r.sandbox.log("todoku-webd").count(want)
        r.sandbox.kill("todoku-webd", signal.SIGHUP)
        wait_for(want, lambda: r.sandbox.log("todoku-webd").count(want) > before)
        return r.post(r.token("en-once", "edited@example.jp"), {"action": "leave"})

    answer = put(own.replace("<h1>", "<h1>{{titel}}"), "event=reload_refused")
    line = own[:own.index("<h1>")].count("\n") + 1
    tap.ok(f"left.html:{line}: found" in r.sandbox.log("todoku-webd") and says(answer, TEXT["en"]["left"]),
           "a wrong text stays out, and is named by file and line", r.sandbox.log("todoku-webd")[-600:])
    run = r.sandbox.todoku("check", "--no-dns", check=False)
    tap.ok(run.returncode == 78 and f"left.html:{line}: found".encode() in run.stderr, "todoku check says the same", run.stderr)
    answer = put(own.replace(TEXT["en"]["left"], "Farewell, {{title}}"), "event=reloaded")
    tap.ok(says(answer, "<h1>Farewell, Seasonal Letters</h1>"), "an edited text is there after a reload", answer.raw)


def main():
    tap = Tap()
    pages = tempfile.mkdtemp(prefix="todoku-texts.", dir=os.environ.get("TODOKU_E2E_DIR", "/tmp"))
    os.chmod(pages, 0o755)
    shutil.copytree(os.path.join(SOURCE, "conf/pages"), pages, dirs_exist_ok=True)
    try:
        everything(tap, pages)
    finally:
        shutil.rmtree(pages)
    tap.end()


def everything(tap, pages):
    with Sandbox(f'webd {{ pages = "{pages}" }}\n' + weblists.lists()) as sandbox:
        readers = Readers(sandbox, tap)
        for language in ("ja", "en"):
            by_button(readers, language, "once")
            by_button(readers, language, "confirm")
            by_address(readers, language, shared=False)
            by_address(readers, language, shared=True)
            joining(readers, language)
        strangers(readers)
        injection(readers)
        bulk(readers)
        wrong_links(readers)
        store_away(readers, Locked, "locked")
        store_away(readers, Gone, "gone")
        shown(readers)
        edited(readers, pages)
        log = sandbox.log("todoku-webd")
        tap.ok(not re.search(r"[A-Za-z0-9_-]{60}", log), "S5: no token in the log", log)


main()
