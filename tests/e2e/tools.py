#!/usr/bin/python3
"""The todoku command on a store of its own: statuses by hand, import and export,
consent, erasure (U6), events and figures, with their formulas."""
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

import sandbox

BUILD = os.environ.get("TODOKU_BUILD") or os.path.join(sandbox.SOURCE, "build")
CONF = """
data_dir   = "{dir}"
token_keys = "{dir}/token.keys"
user       = "nobody"
group      = "nogroup"
timezone   = "Asia/Tokyo"
store {{ path = "{dir}/todoku.db" }}
milter {{ listen = "unix:{dir}/milter.sock" }}
webd {{ base_url = "https://t.example.com"  pages = "{pages}" }}
list "news" {{ sender = {{ "news@example.com" }} }}
list "plain" {{ sender = {{ "plain@example.com" }} }}
"""


class Bench:
    def __init__(self, tap):
        self.tap = tap
        self.dir = tempfile.mkdtemp(prefix="todoku-tools.")
        os.chmod(self.dir, 0o777)
        self.conf = os.path.join(self.dir, "todoku.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(CONF.format(dir=self.dir, pages=os.path.join(sandbox.SOURCE, "conf/pages")))
        self.run("key", "init")

    def run(self, *arguments):
        run = subprocess.run([os.path.join(BUILD, "todoku"), "-c", self.conf, *arguments], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False, env={**os.environ, "SUDO_USER": "hanako"})
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def json(self, *arguments):
        code, out, err = self.run(*arguments, "--json")
        if code not in (0, 1):
            raise RuntimeError(f"{arguments}: {code} {err}")
        return [json.loads(line) for line in out.splitlines()]

    def ok(self, good, name, *details):
        return self.tap.ok(good, name, *details)

    def expect(self, want, text, *arguments):
        """The exit status, and a part of what is written."""
        code, out, err = self.run(*arguments)
        self.ok(code == want and text in out + err, f"{' '.join(arguments)}: {want}, {text}"[:150], f"{code}", out, err)

    def write(self, content, name="in.csv"):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def sql(self, statement, *values):
        connection = sqlite3.connect(os.path.join(self.dir, "todoku.db"), isolation_level=None)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def status(self, address, name=""):
        return self.json("address", "status", address, *(["--list", name] if name else []))[0]["status"]


def by_hand(b):
    e = b.expect
    e(0, "active", "address", "status", "a@example.jp")
    stat = os.stat(os.path.join(b.dir, "todoku.db"))
    b.ok(stat.st_uid != 0, "the store that root's command made is the daemons' user's")
    e(64, "--why TEXT is needed", "address", "block", "a@example.jp")
    e(64, "allowed: an address", "address", "block", "not-an-address", "--why", "x")
    e(64, 'found "nws", allowed: news, plain', "address", "block", "a@example.jp", "--why", "x", "--list", "nws")
    e(0, "a@example.jp: blocked\n", "address", "block", "a@Example.JP", "--why", "asked by phone")
    e(0, "blocked already", "address", "block", "a@example.jp", "--why", "again")
    e(1, "asked by phone", "address", "status", "a@example.jp")
    e(1, "blocked", "address", "status", "a@example.jp", "--list", "news")
    shown = b.json("address", "show", "a@example.jp")[0]
    change = shown["changes"][0]
    b.ok(len(shown["changes"]) == 1 and change["who"] == "hanako" and change["detail"] == "asked by phone"
         and change["reason"] == "hand", "who and why are on record; the same again adds nothing", shown)
    key = shown["address_key"]
    b.ok(b.json("address", "show", key)[0]["address"] == "a@example.jp", "the key names the address too")
    e(1, "is not blocked for list news", "address", "unblock", "a@example.jp", "--why", "x", "--list", "news")
    e(0, "a@example.jp: active", "address", "unblock", "a@example.jp", "--why", "a mistake")
    e(0, "active", "address", "status", "a@example.jp")
    e(0, "list news: blocked", "address", "block", "a@example.jp", "--why", "one list", "--list", "NEWS")
    b.ok(b.status("a@example.jp", "news") == "blocked" and b.status("a@example.jp", "plain") == "active",
         "blocked for one list is for that list, however it is written")
    e(0, "active", "address", "reset", "a@example.jp", "--why", "all is well")
    e(0, "active", "address", "status", "a@example.jp", "--list", "news")
    text = b.run("address", "block", "a@example.jp", "--why", "bad \x1b[31m\ntext")
    b.ok(text[0] == 0 and "\x1b" not in b.run("address", "show", "a@example.jp")[1],
         "what is on record reaches the terminal neutralised")
    e(0, "active", "address", "reset", "a@example.jp", "--why", "clean")


def consent(b):
    e = b.expect
    e(64, "--list NAME is needed", "address", "add", "c@example.jp", "--why", "form")
    e(0, "list news: active", "address", "add", "c@example.jp", "--list", "news", "--why", "paper form 12", "--proof",
      "I want the news")
    path = b.write(b"address,list,status\r\nc@example.jp,news,unsubscribed\r\n")
    e(0, "1 changes", "address", "import", path)
    rows = b.json("consent", "show", "c@example.jp")
    b.ok([r["status"] for r in rows] == ["active", "unsubscribed"] and rows[0]["proof"] == "I want the news"
         and rows[0]["detail"] == "paper form 12", "consent and refusal, with their proof", rows)
    e(0, "I want the news", "consent", "show", "c@example.jp")
    e(0, ",paper form 12,hanako,I want the news\r\n", "consent", "show", "c@example.jp", "--csv")
    e(1, "has unsubscribed from list news", "address", "unblock", "c@example.jp", "--list", "news", "--why", "x")
    e(0, "list news: blocked", "address", "block", "c@example.jp", "--list", "news", "--why", "x")
    e(0, "list news: unsubscribed", "address", "unblock", "c@example.jp", "--list", "news", "--why", "x")
    b.ok(b.status("c@example.jp", "news") == "unsubscribed", "a block that is lifted leaves the refusal before it")
    e(1, "is unsubscribed (import)", "address", "add", "c@example.jp", "--list", "news", "--why", "x")
    b.ok(b.status("c@example.jp", "news") == "unsubscribed", "neither puts one back who left")
    e(0, "the key and what was refused stay", "address", "erase", "c@example.jp")
    shown = b.json("address", "show", "c@example.jp")[0]
    b.ok(b.status("c@example.jp", "news") == "unsubscribed" and not any(c["proof"] for c in shown["changes"])
         and b.sql("SELECT count(*) FROM address WHERE address = 'c@example.jp'")[0][0] == 0,
         "erased: the refusal stays, text and proof are gone", shown)
    e(1, "not on record", "address", "erase", "nobody@example.jp")
    e(1, "neither consent nor refusal", "consent", "show", "nobody@example.jp")


def imports(b):
    e = b.expect
    motenasu = "メールアドレス,氏名,状態\r\nm1@example.jp,山田,送信OK\r\nm2@example.jp,\"鈴,木\",送信NG(550)\r\n" \
               "m3@example.jp,佐藤,送信NG（552）\r\n"
    haihai = "配信状態,Eメールアドレス\n配信可能,h1@example.jp\n配信停止,h2@example.jp\n配信禁止,h3@example.jp\n"
    for encoding in ("utf-8", "cp932", "utf-8-sig"):
        tag = encoding[-3:]
        path = b.write(motenasu.replace("@", f"-{tag}@").encode(encoding))
        e(0, "3 rows: 2 changes, 1 marked temporary-failed, 0 kept", "address", "import", path, "--list", "news")
        standing = [b.json("address", "status", f"m{i}-{tag}@example.jp", "--list", "news")[0] for i in (1, 2, 3)]
        b.ok([s["status"] for s in standing] == ["active", "blocked", "active"]
             and [s["temporary_failed"] is not None for s in standing] == [False, False, True]
             and standing[1]["detail"] == "送信NG(550)", f"MOTENASU's states, {encoding}", standing)
        path = b.write(haihai.replace("@", f"-{tag}@").encode(encoding))
        e(65, "it is one list's", "address", "import", path)
        b.ok(b.status(f"h3-{tag}@example.jp") == "active", "one bad line: nothing of the file is taken in")
        e(0, "3 rows are good", "address", "import", path, "--list", "news", "--dry-run")
        b.ok(b.status(f"h3-{tag}@example.jp") == "active", "--dry-run changes nothing")
        e(0, "3 rows: 3 changes", "address", "import", path, "--list", "news")
        b.ok([b.status(f"h{i}-{tag}@example.jp", "news") for i in (1, 2, 3)] == ["active", "unsubscribed", "blocked"]
             and b.status(f"h2-{tag}@example.jp", "plain") == "active", f"配配メール's states, {encoding}")
    e(0, "0 changes", "address", "import", path, "--list", "news")
    path = b.write(b"address,status\na@example.jp,active\nx@y@,active\nb@example.jp,gone\n,blocked\n")
    code, _, err = b.run("address", "import", path)
    b.ok(code == 65 and f"{path}:3: address: found x@y@, allowed: an address" in err
         and f"{path}:4: state: found gone, allowed: active, unsubscribed, blocked" in err
         and f"{path}:5: address: found nothing" in err and "nothing was imported" in err,
         "each wrong line is named, with what is allowed", err)
    e(65, "5: table: found", "address", "import", b.write(b'address\na@example.jp\n\nb@example.jp\n"c@example.jp\n'))
    e(65, "no column of addresses", "address", "import", b.write(b"name,age\nx,1\n"))
    e(65, "allowed: UTF-8 or CP932", "address", "import", b.write(b"address\na@example.jp\n\xfd\xfe\n"))
    e(66, "No such file", "address", "import", os.path.join(b.dir, "none.csv"))
    e(64, "--encoding: allowed", "address", "import", path, "--encoding", "utf-16")
    path = b.write(b"n1@example.jp,blocked\nn2@example.jp\n")
    e(0, "2 rows: 2 changes", "address", "import", path)
    b.ok(b.status("n1@example.jp") == "blocked", "without a heading: address, state")
    path = b.write(b"address,status\nn1@example.jp,active\no1@example.jp,active\no1@example.jp,blocked\n"
                   b"o1@example.jp,active\n")
    e(0, "3 kept as they were", "address", "import", path)
    b.ok(b.status("n1@example.jp") == "blocked" and b.status("o1@example.jp") == "blocked",
         "active in a file lifts no block, in whatever order")


def exports(b):
    e = b.expect
    code, out, err = b.run("address", "export")
    lines = out.split("\r\n")
    b.ok(code == 0 and lines[0] == "address,list,status,since,reason,detail"
         and "m3-932@example.jp,,temporary-failed," in out and "h2-932@example.jp,news,unsubscribed," in out
         and "1 whose address is not on record any more" in err, "export: one line a record", err, out)
    code, of_list, _ = b.run("address", "export", "--list", "news")
    b.ok(code == 0 and "n1@example.jp" not in of_list and "h1-932@example.jp,news,active," in of_list,
         "export of a list: who was ever on it", of_list)
    other = Bench(b.tap)
    shutil.copy(os.path.join(b.dir, "token.keys"), os.path.join(other.dir, "token.keys"))
    code, said, err = other.run("address", "import", other.write(out.encode()))
    again = other.run("address", "export")[1]

    def states(text):
        return sorted({tuple(line.split(",")[:3]) for line in text.split("\r\n")[1:] if line})
    b.ok(code == 0 and states(again) == states(out), "what is exported imports again", said, err,
         set(states(out)) ^ set(states(again)))
    shutil.rmtree(other.dir)
    rows = [f"big{i}@example.jp,{('active', 'blocked', 'unsubscribed')[i % 3]}" for i in range(30000)]
    path = b.write(("address,status\n" + "\n".join(rows)).encode())
    e(0, "30000 rows: 30000 changes", "address", "import", path, "--list", "plain")
    b.ok([b.status(f"big{i}@example.jp", "plain") for i in (29997, 29998, 29999)]
         == ["active", "blocked", "unsubscribed"], "a larger file")


def figures(b):
    """Figures planted in the roll-up come out by the manuals' formulas."""
    hour = 1795881600
    campaign = 0x0123456789abcdef
    b.sql("INSERT INTO campaign (id, list, name, first, last) VALUES (?, 'news', 'winter', ?, ?)", campaign, hour, hour)
    counts = {"sent": 1000, "bounce": 40, "bounce.hard": 10, "open": 900, "open.human": 500, "open.unique": 480,
              "open.unique.human": 240, "click": 300, "click.human": 100, "click.unique": 96,
              "click.unique.human": 48, "unsubscribe": 4, "unsubscribe.human": 3, "unsubscribe.unique": 3,
              "unsubscribe.unique.human": 2, "conversion": 7, "conversion.human": 6, "conversion.unique": 5,
              "conversion.unique.human": 4}
    for kind, count in counts.items():
        b.sql("INSERT INTO rollup (campaign, kind, hour, count) VALUES (?, ?, ?, ?)", campaign, kind, hour, count)
    kpi = b.json("report", "kpi", "winter")[0]
    b.ok((kpi["sent"], kpi["delivered"], kpi["bounced"], kpi["bounced_hard"]) == (1000, 960, 40, 10)
         and kpi["opens"] == {"total": 900, "human": 500, "unique": 480, "unique_human": 240}
         and kpi["conversions"]["unique_human"] == 4, "kpi: the figures", kpi)
    want = {"bounce_rate": (4.0, None, 10), "open_rate": (50.0, 25.0, 15), "reaction_rate": (20.0, 20.0, 10),
            "click_rate": (10.0, 5.0, 1.5), "unsubscribe_rate": (0.3125, 0.2083, 0.25)}
    for rate, (total, human, target) in want.items():
        got = kpi[rate]
        b.ok((got["total"], got["human"], got["target"]) == (total, human, target), f"kpi: {rate}", got)
    code, out, _ = b.run("report", "kpi", "0123456789abcdef", "--csv")
    b.ok(code == 0 and "0123456789abcdef,news,winter,unsubscribe_rate,0.31,0.21,,,0.25\r\n" in out
         and "0123456789abcdef,news,winter,opens,900,500,480,240,\r\n" in out, "kpi as CSV", out)
    code, out, _ = b.run("report", "kpi", "winter")
    b.ok("reaction rate (CTOR)" in out and "at most  0.25  reached" in out, "kpi for people", out)
    b.sql("UPDATE campaign SET name = ? WHERE id = ?", "11月号\x1b[31m\nevil", campaign)
    for words in (("report", "kpi"), ("report", "links"), ("report", "errors"), ("send", "show")):
        out = b.run(*words, "0123456789abcdef")[1]
        b.ok(out.startswith("campaign 0123456789abcdef  list news  11月号?[31m?evil"),
             f"{words[0]} {words[1]}: the sender's name of a campaign does nothing to a terminal", out)
    b.sql("UPDATE campaign SET name = 'winter' WHERE id = ?", campaign)
    b.expect(1, "no campaign", "report", "kpi", "summer")
    b.expect(64, "one campaign is needed", "report", "kpi")
    b.sql("INSERT INTO campaign (id, list, name, first, last) VALUES (1, 'news', 'empty', ?, ?)", hour, hour)
    kpi = b.json("report", "kpi", "empty")[0]
    b.ok(kpi["open_rate"]["total"] is None and kpi["delivered"] == 0, "kpi of nothing: no division by it", kpi)
    b.expect(0, "link", "report", "links", "winter")
    b.expect(0, "no events", "event", "show", "winter")
    b.expect(64, "--limit", "event", "show", "winter", "--limit", "x")
    b.expect(1, "no campaign", "event", "show", "summer")


def checks(b):
    """What the daemons would miss at their start."""
    with open(b.conf, encoding="utf-8") as file:
        good = file.read()

    def check(status, text, added):
        with open(b.conf, "w", encoding="utf-8") as file:
            file.write(good + added)
        b.expect(status, text, "check", "--no-dns")

    def certificate(name, days="30"):
        run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-subj", "/CN=t.example.com", "-days", days, "-keyout", f"{b.dir}/{name}.key", "-out", f"{b.dir}/{name}.crt"]
        subprocess.run(run, check=True, stderr=subprocess.DEVNULL)

    certificate("a")
    certificate("b", "2")
    check(0, ": good", "")
    check(78, "webd.pages: ", f'webd {{ pages = "{b.dir}/none" }}\n')
    check(0, ": good", 'bounced { domain = "bounce.example.com" }\n')
    rules = b.write(b"nonsense\n", "rules")
    check(78, "bounced.rules: ", f'bounced {{ domain = "bounce.example.com" rules = "{rules}" }}\n')
    check(0, ": good", f'webd {{ tls_cert = "{b.dir}/a.crt" tls_key = "{b.dir}/a.key" }}\n')
    check(0, "ends within 14 days", f'webd {{ tls_cert = "{b.dir}/b.crt" tls_key = "{b.dir}/b.key" }}\n')
    check(78, "is not the key of", f'webd {{ tls_cert = "{b.dir}/a.crt" tls_key = "{b.dir}/b.key" }}\n')
    check(78, "allowed: a readable certificate", f'webd {{ tls_cert = "{b.dir}/a.key" tls_key = "{b.dir}/a.key" }}\n')
    check(0, ": good", "")


def main():
    tap = sandbox.Tap()
    b = Bench(tap)
    try:
        by_hand(b)
        consent(b)
        imports(b)
        exports(b)
        figures(b)
        checks(b)
    finally:
        shutil.rmtree(b.dir, ignore_errors=True)
    tap.end()


if __name__ == "__main__":
    main()
