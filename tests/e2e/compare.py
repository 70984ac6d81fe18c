#!/usr/bin/python3
"""The end-to-end oracle: one copy at the sink against what was submitted.

An independent statement of rules B1-B13, D1-D5, H1-H7 and U5.  As a module:

    failures = check(original, copy, envelope, recipient, options)

`original` is the message as submitted, `copy` the bytes at the sink, `envelope`
the sink's object (mail_from, rcpt_to).  An empty list is a pass.  How much was
rewritten is added up in options.seen, so that a caller can demand some.

As a command it prints each failure and ends with 1 where there was one:

    compare.py --todoku CMD --base-url URL --dkim-dns DIR --original FILE
               --copy N.eml --envelope N.json --rcpt ADDRESS
               [--list news|plain|none] [--shared] [--bounce-domain DOMAIN]
"""
import argparse
import collections
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys

import dkim

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rawhtml  # noqa: E402
import rawmime  # noqa: E402

PLACEHOLDER = b"{{unsubscribe_url}}"
POST_VALUE = "List-Unsubscribe=One-Click"
LINK_MAX = 2000  # B10
# Postfix takes these out of every message (message_drop_headers).
DROPPED_BY_POSTFIX = {"bcc", "content-length", "resent-bcc", "return-path"}
ADDED_BY_POSTFIX = {"received", "message-id", "date", "from", "to", "resent-message-id", "resent-date"}
OURS = {"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "cfbl-address"}
SIGNED = ("from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
          "content-transfer-encoding list-id list-unsubscribe list-unsubscribe-post feedback-id cfbl-address").split()
OVERSIGNED = ("from to cc subject date reply-to message-id mime-version content-type list-unsubscribe "
              "list-unsubscribe-post").split()
NEVER_SIGNED = {"return-path", "received", "authentication-results"}
TEMPLATES = (b"{{", b"}}", b"%%", b"*|", b"|*")


@dataclasses.dataclass
class Options:
    show: object  # callable: list of links -> list of what they say
    base_url: str
    dkim_dns: str = ""  # folder; empty: signatures aren't checked
    bounce_domain: str = "bounce.example.com"
    list: str = "news"  # None: no list, only signed
    clicks: bool = True
    opens: bool = True
    text: bool = False
    footer: str = "auto"
    shared: bool = False
    no_track: tuple = ()
    strict: bool = True  # demand that each link that should be rewritten was
    address_keys: dict = dataclasses.field(default_factory=dict)  # recipient -> key, across messages
    seen: collections.Counter = dataclasses.field(default_factory=collections.Counter)


def for_list(name, **options):
    """The sandbox's lists: news tracks clicks and opens, plain nothing."""
    tracked = name == "news"
    return Options(list=None if name == "none" else name, clicks=tracked, opens=tracked, **options)


class Shower:
    """`todoku link show`, many links a process, each asked for once."""

    def __init__(self, command):
        self.command, self.known = shlex.split(command), {}

    def __call__(self, links):
        fresh = [link for link in dict.fromkeys(links) if link not in self.known]
        for at in range(0, len(fresh), 200):
            some = fresh[at:at + 200]
            run = subprocess.run(self.command + ["link", "show", *some, "--json"], stdout=subprocess.PIPE, check=False)
            said = [json.loads(line) for line in run.stdout.splitlines() if line.strip()]
            if len(said) != len(some):
                raise RuntimeError(f"link show said {len(said)} things of {len(some)} links, status {run.returncode}")
            self.known.update(zip(some, said))
        return [self.known[link] for link in links]


class Check:
    def __init__(self, original, copy, envelope, recipient, options):
        self.options, self.envelope, self.recipient = options, envelope, recipient
        self.failures = []
        self.tokens = []  # (link, purpose, target or None, number wanted unique)
        self.base = options.base_url.encode("ascii")
        original = rawmime.to_crlf(original)
        if re.search(rb"\r(?!\n)", original) and not re.search(rb"\r(?!\n)", copy):
            original = re.sub(rb"\r(?!\n)", b" ", original)  # smtpd makes a bare CR a blank
        self.copy = copy
        self.old_fields, _, self.old_body = rawmime.split_header(original)
        self.new_fields, self.gap, self.new_body = rawmime.split_header(copy)

    def fail(self, rule, text):
        self.failures.append(f"{rule}: {text}")

    # Header fields ----------------------------------------------------------

    def kept(self, field):
        return not (field.name in DROPPED_BY_POSTFIX or field.name in OURS or field.name.startswith("x-todoku-"))

    def check_fields(self, encoding_may_change):
        loose = {"content-transfer-encoding", "mime-version"} if encoding_may_change else set()
        want = [f.raw for f in self.old_fields if self.kept(f) and f.name not in loose]
        rest = collections.deque(want)
        for field in self.new_fields:
            if field.name.startswith("x-todoku-"):
                self.fail("H6", f"control field left the host: {field.name}")
            if rest and field.raw == rest[0]:
                rest.popleft()
            elif self.kept(field) and field.name not in ADDED_BY_POSTFIX | loose | {"dkim-signature"}:
                self.fail("B2", f"field added or changed: {field.raw[:80]!r}")
        if rest:
            self.fail("B2", f"field lost, changed or moved: {rest[0][:80]!r}")
        for field in self.new_fields:
            if b"\0" in field.raw or b"\r" in field.raw.replace(b"\r\n", b""):
                self.fail("H7", f"CR or NUL in {field.name}")

    def new(self, name):
        return [f for f in self.new_fields if f.name == name]

    def old(self, name):
        return [f for f in self.old_fields if f.name == name]

    def check_list_fields(self):
        for name in ("list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id"):
            if len(self.new(name)) != 1:
                self.fail("H1" if "unsub" in name else "H6", f"{name} present {len(self.new(name))} times")
        self.unsubscribe_uri = self.check_unsubscribe()
        for field in self.new("list-unsubscribe-post"):
            if field.text().lower() != POST_VALUE.lower():
                self.fail("H1", f"List-Unsubscribe-Post: {field.text()}")
        for name, rule in (("list-id", "H4"), ("feedback-id", "H5"), ("cfbl-address", "H6")):
            old, new = self.old(name), self.new(name)
            given = bool(old) and 0 < len(old[0].value) <= (255 if name == "list-id" else 8192)
            if given and new and new[0].value != old[0].value:
                self.fail("H6", f"{name} of the application was changed")
            for field in new if not given else ():
                self.check_made(name, rule, field)

    def check_made(self, name, rule, field):
        """The form of a field that the application didn't set."""
        form = {"list-id": r"(?=.{1,255}\Z)(?:.*\s)?<[^<>\s]+>",
                "feedback-id": r"[^:\s]*:[^:\s]*:[^:\s]*:[A-Za-z0-9]{5,15}"}.get(name)
        if form and not re.fullmatch(form, field.text()):
            self.fail(rule, f"{name}: {field.text()}")
        if self.recipient.lower() in field.text().lower():
            self.fail(rule, f"{name} names the recipient")

    @staticmethod
    def uris(field):
        """URIs of a List-Unsubscribe (RFC 2369 2): (https, mailto)."""
        found = [uri for uri in re.findall(r"<([^>]*)>", field.text()) if uri and not re.search(r"\s", uri)]
        return ([u for u in found if u.lower().startswith("https://")],
                [u for u in found if u.lower().startswith("mailto:")])

    def application_can_unsubscribe(self):
        """Is the application's own one-click whole, so that it is kept (H6)?"""
        field, post = self.old("list-unsubscribe"), self.old("list-unsubscribe-post")
        if not field or not post or post[0].text().lower() != POST_VALUE.lower():
            return False
        https, mailto = self.uris(field[0])
        return len(https) == 1 and len(mailto) <= 1

    def check_unsubscribe(self):
        if not self.new("list-unsubscribe"):
            return ""
        field = self.new("list-unsubscribe")[0]
        https, mailto = self.uris(field)
        if len(https) != 1 or len(mailto) > 1:
            self.fail("H1", f"{len(https)} https and {len(mailto)} mailto URIs: {field.text()}")
            return ""
        if not re.fullmatch(r"<[^<>\s]+>(\s*,\s*<[^<>\s]+>)*", field.text()):
            self.fail("H1", f"not a list of URIs in angle brackets: {field.text()}")
        if self.application_can_unsubscribe():
            if field.raw != self.old("list-unsubscribe")[0].raw:
                self.fail("H6", "the application's List-Unsubscribe was changed")
            return https[0]
        if not https[0].startswith(self.options.base_url + "/u/"):
            self.fail("H3", f"List-Unsubscribe leads elsewhere: {https[0]}")
        self.tokens.append((https[0], "unsubscribe", None))
        before = self.uris(self.old("list-unsubscribe")[0])[1] if self.old("list-unsubscribe") else []
        if before and mailto != before[:1]:
            self.fail("H6", f"the application's mailto: was lost: {before[0]}")
        if not before and mailto:
            self.tokens.append((re.sub(r"^mailto:|\?.*", "", mailto[0], flags=re.I), "unsubscribe", None))
        return https[0]

    # Signatures -------------------------------------------------------------

    def look_up(self, name, timeout=5):
        name = (name.decode("ascii") if isinstance(name, bytes) else name).rstrip(".")
        try:
            with open(os.path.join(self.options.dkim_dns, os.path.basename(name)), "rb") as record:
                return record.read().strip()
        except OSError:
            return None

    def from_domain(self):
        found = re.findall(r"@([A-Za-z0-9.-]+)", self.new("from")[0].text()) if self.new("from") else []
        return found[-1].lower() if found else ""

    def check_signatures(self):
        """D1-D5: new signatures by both algorithms, each of which verifies."""
        old = [f.raw for f in self.old("dkim-signature")]
        algorithms = set()
        for index, field in enumerate(self.new("dkim-signature")):
            if field.raw in old:
                continue
            tags = dict(re.findall(r"([a-z]+)\s*=\s*([^;]*)", re.sub(r"\s+", "", field.text())))
            try:
                good = dkim.DKIM(self.copy, minkey=1024).verify(index, dnsfunc=self.look_up)
            except Exception as error:  # dkimpy raises what its parsers raise
                good, tags["why"] = False, repr(error)
            if not good:
                self.fail("D2", f"signature {index} ({tags.get('a')}, {tags.get('s')}) fails {tags.get('why', '')}")
            algorithms.add(tags.get("a"))
            self.check_tags(tags)
        if algorithms != {"rsa-sha256", "ed25519-sha256"}:
            self.fail("D1", f"signatures by {sorted(map(str, algorithms))}")

    def check_tags(self, tags):
        if tags.get("c") != "relaxed/relaxed" or "l" in tags:
            self.fail("D1", f"c={tags.get('c')} l={tags.get('l')}")
        if not tags.get("t", "").isdigit() or not tags.get("x", "").isdigit() or \
                int(tags["x"]) - int(tags["t"]) < 2 * 86400:
            self.fail("D4", f"t={tags.get('t')} x={tags.get('x')}")
        domain, sender = tags.get("d", "").lower(), self.from_domain()
        # A From domain without keys here: the envelope sender's domain signs.
        covered = any(sender == own or sender.endswith("." + own) for own in self.key_domains())
        if covered and domain != sender and not sender.endswith("." + domain):
            self.fail("D5", f"d={domain} for a From of {sender}")
        signed = collections.Counter(tags.get("h", "").lower().split(":"))
        there = collections.Counter(f.name for f in self.new_fields)
        for name in SIGNED:
            want = there[name] + (name in OVERSIGNED)
            if signed[name] != want:
                self.fail("D3", f"{name} is {signed[name]} times in h=, should be {want}")
        for name in signed:
            if name in NEVER_SIGNED or name.startswith("arc-"):
                self.fail("D3", f"{name} is signed")

    def key_domains(self):
        names = os.listdir(self.options.dkim_dns) if self.options.dkim_dns else []
        return {name.partition("._domainkey.")[2] for name in names}

    # Links ------------------------------------------------------------------

    def host(self, url):
        match = re.match(rb"(?i)https?://([^/?#\\]*)", url)
        return re.sub(rb":[0-9]*$", b"", match.group(1).rpartition(b"@")[2]).lower() if match else b""

    def reason_to_leave(self, link, page, raw, charset):
        """Why a link stays as it is (B7-B10); None where it is to be rewritten."""
        url = rawhtml.clean_url(rawhtml.decode_attribute(raw))
        if any(mark in url for mark in TEMPLATES):
            return "template"
        if not re.match(rb"(?i)https?://", url) or not self.host(url):
            return "not http"
        if re.search(rb"[\x00-\x1f\x7f]", url):
            return "control characters"
        if re.search(rb"[\x80-\xff]", url) and charset not in ("utf-8", "ascii"):
            return "non-ASCII"
        if url.lower().startswith(self.base.lower()) and url[len(self.base):len(self.base) + 1] in b"/?#":
            return "ours"
        if url == self.unsubscribe_uri.encode("latin-1"):
            return "the List-Unsubscribe URI"
        if link is not None and link.opted_out():
            return "opted out"
        if any(re.fullmatch(re.escape(p).replace(r"\*", ".*").replace(r"\?", "."), url.decode("latin-1"), re.S)
               for p in self.options.no_track):
            return "opted out by pattern"
        if self.emitted_size(len(url)) > LINK_MAX:
            return "too long"
        if link is not None and self.shows_other(page.shown_text(link)):
            return "shows another URL"
        return None

    def emitted_size(self, target):
        """Octets of the link: the token's layout, then base64url (B10)."""
        token = (32 if self.options.shared else 40) + target
        return len(self.base) + len("/c/") + (token * 8 + 5) // 6

    def shows_other(self, text):
        """B9, where the tracker isn't under the From domain."""
        tracker, sender = self.host(self.base).decode("ascii"), self.from_domain()
        if sender and (tracker == sender or tracker.endswith("." + sender)):
            return False
        match = re.fullmatch(r"(?i)(?:https?://|(?=www\.))([^/?#\s]+)\S*", text or "")
        return bool(match) and re.sub(r":\d*$", "", match.group(1)).lower() != tracker

    def align(self, where, old, new, kind, at_end):
        """Walks both texts in step (B2): everything is equal but values that
        became our links, placeholders, and what stands at `at_end`.

        Returns ({place in old: (length, link)}, placeholders, inserted bytes), or
        None where they part otherwise.
        """
        ours = re.compile(re.escape(self.base) + rb"/([cu])/[A-Za-z0-9_-]+")
        changed, placeholders, inserted, i, j = {}, 0, None, 0, 0
        while True:
            match = ours.search(new, j)
            stop = match.start() if match else len(new)
            if inserted is None and at_end is not None and stop >= j + at_end - i:
                size = at_end - i
                if old[i:at_end] != new[j:j + size]:
                    break
                inserted = self.inserted_at(new, j + size, kind)
                i, j = at_end, j + size + len(inserted)
                continue
            if old[i:i + stop - j] != new[j:stop]:
                break
            i, j = i + stop - j, stop
            if match is None:
                if i < len(old):
                    break
                return changed, placeholders, inserted or b""
            link = match.group(0).decode("ascii")
            if ours.match(old, i) and ours.match(old, i).group(0) == match.group(0):
                size = len(match.group(0))
            elif match.group(1) == b"u" and old.startswith(PLACEHOLDER, i):
                placeholders, size = placeholders + 1, len(PLACEHOLDER)
                self.tokens.append((link, "unsubscribe", None))
            else:
                size = self.replaced_size(old, i, kind, link)
                changed[i] = (size, link)
            i, j = i + size, match.end()
        at = next((k for k in range(min(len(old) - i, len(new) - j)) if old[i + k] != new[j + k]),
                  min(len(old) - i, len(new) - j))
        self.fail("B2", f"{where}: {old[i + at - 20 if i + at > 20 else 0:i + at + 30]!r} became "
                        f"{new[j + at - 20 if j + at > 20 else 0:j + at + 30]!r}")
        return None

    @staticmethod
    def ends_of(page, old):
        """Where pixel and footer may stand (B12): before the last </body>, else at the
        end, on either side of the last line end; None where they'd show nothing."""
        if page.body_end is not None:
            return [page.body_end]
        if page.open_ended:
            return [None]
        return [len(old), len(old) - 2] if old.endswith(b"\r\n") else [len(old)]

    def align_any(self, where, old, new, kind, ends):
        """align() at the first of the ends that fits."""
        for at_end in ends:
            failures, tokens = len(self.failures), len(self.tokens)
            found = self.align(where, old, new, kind, at_end)
            if found is not None or at_end == ends[-1]:
                return found
            del self.failures[failures:], self.tokens[tokens:]
        return None

    def inserted_at(self, new, at, kind):
        if kind == "text/plain":
            return new[at:]
        base = re.escape(self.base)
        footer = rb"<div\b[^>]*>(?:(?!</?div\b).)*?" + base + rb"/u/(?:(?!</?div\b).)*</div>(?:\r\n)?"
        pixels = rb"(?:<img\b[^>]*" + base + rb"/o/[^>]*>)*"
        return re.compile(rb"(?:" + footer + rb")?" + pixels, re.S).match(new, at).group(0)

    def target_of(self, link):
        return self.options.show([link])[0].get("target", "").encode("utf-8", "surrogateescape")

    def replaced_size(self, old, at, kind, link):
        if kind == "text/plain":
            return len(self.target_of(link))
        quote = old[at - 1:at]
        stop = {b'"': rb'[^"]*', b"'": rb"[^']*"}.get(quote, rb"[^\t\n\f\r >]*")
        return re.compile(stop).match(old, at).end() - at

    def check_html(self, where, part, charset, old, new):
        page = rawhtml.Page(rawmime.mask(charset, old))
        found = self.align_any(where, old, new, part.type, self.ends_of(page, old))
        if found is None:
            return None
        changed, placeholders, inserted = found
        links = {link.at: link for link in page.links}
        for at, (size, url) in changed.items():
            link = links.pop(at, None)
            raw = old[at:at + size]
            if link is None or link.size != size:
                self.fail("B6", f"{where}: rewrote what is no link: {old[at - 30 if at > 30 else 0:at + 40]!r}")
                continue
            reason = self.reason_to_leave(link, page, raw, charset)
            if reason:
                self.fail("B7", f"{where}: {raw[:80]!r} was rewritten in spite of: {reason}")
            if not self.options.clicks:
                self.fail("B6", f"{where}: rewritten though clicks aren't tracked")
            self.tokens.append((url, "click", rawhtml.clean_url(rawhtml.decode_attribute(raw))))
            self.options.seen["links"] += 1
        for link in links.values() if self.options.clicks and self.options.strict and part.sure else ():
            raw = old[link.at:link.at + link.size]
            if self.reason_to_leave(link, page, raw, charset) is None:
                self.fail("B6", f"{where}: not rewritten: {raw[:80]!r}")
        self.check_reread(where, charset, old, new, changed, page)
        return page, placeholders, inserted

    def check_reread(self, where, charset, old, new, changed, page):
        """Read again as a browser would, the copy holds the links we meant."""
        again = rawhtml.Page(rawmime.mask(charset, new))
        want = [changed[k.at][1].encode("ascii") if k.at in changed else old[k.at:k.at + k.size] for k in page.links]
        got = [new[k.at:k.at + k.size] for k in again.links]
        # Footers and placeholders are looked at elsewhere.
        want, got = ([u for u in side if PLACEHOLDER not in u and self.base + b"/u/" not in u] for side in (want, got))
        if want != got:
            self.fail("B2", f"{where}: read again, its links are not those that were meant")

    def check_text(self, where, part, charset, old, new):
        found = self.align(where, old, new, part.type, len(old))
        if found is None:
            return None
        changed, placeholders, inserted = found
        for at, (size, url) in changed.items():
            target = self.target_of(url)
            if not self.options.text:
                self.fail("B11", f"{where}: rewritten though text isn't tracked")
            if not old.startswith(target, at):
                self.fail("B10", f"{where}: {old[at:at + size]!r} leads to {target!r}")
            self.check_text_link(where, charset, old, at, target)
            self.tokens.append((url, "click", target))
            self.options.seen["text links"] += 1
        return None, placeholders, inserted

    def check_text_link(self, where, charset, old, at, target):
        """B11: where a link in text may begin and end."""
        following = old[at + len(target):at + len(target) + 3].decode(charset, "ignore")[:1]
        if re.match(rb"[A-Za-z0-9]", old[at - 1:at]) or re.search(rb"[\x00-\x20<>\"\x80-\xff]|[.,;:!?']\Z", target):
            self.fail("B11", f"{where}: link begins or ends wrong: {target!r}")
        if re.match("[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]", following):
            self.fail("B11", f"{where}: {target!r} is followed by {following}")
        reason = self.reason_to_leave(None, None, target, "utf-8")
        if reason:
            self.fail("B7", f"{where}: {target!r} was rewritten in spite of: {reason}")

    # Parts ------------------------------------------------------------------

    def check_body(self):
        """B1-B3, then what may differ in each part that may be changed."""
        old, new = (rawmime.Tree(f, b"\r\n", b) for f, b in ((self.old_fields, self.old_body),
                                                              (self.new_fields, self.new_body)))
        if self.options.list is None or old.malformed:
            if self.old_body != self.new_body:
                self.fail("B1", f"the body was changed: {old.malformed or 'no list'}")
            return
        if old.glue != new.glue or len(old.leaves) != len(new.leaves):
            self.fail("B1", "the MIME structure was changed")
            return
        opened = []
        for number, (before, after) in enumerate(zip(old.leaves, new.leaves)):
            where = f"part {number + 1} ({before.type})"
            texts = self.open_part(where, before, after, number == 0 and old.glue == [b"<leaf>"])
            if texts is not None:
                opened.append((where, before, after, *texts))
        self.check_open_parts(opened)

    def open_part(self, where, before, after, is_whole):
        """(charset, old text, new text), or None of a part that must stay as it is."""
        if before.keep is None:
            charset = before.charset()
            try:
                text = rawmime.decode_transfer(before.encoding, before.body)
                if charset is None:
                    before.keep = "charset " + before.params.get("charset", "")
                elif b"-----BEGIN PGP " in text:
                    before.keep = "inline PGP"
                else:
                    rawmime.mask(charset, text)
            except rawmime.Undecodable as error:
                before.keep = f"undecodable {error}"
        if not is_whole and before.gap != after.gap:
            self.fail("B1", f"{where}: its header was changed")
        if before.keep is not None:
            if not is_whole and [f.raw for f in before.fields] != [f.raw for f in after.fields]:
                self.fail("B1", f"{where}: its header fields were changed")
            if before.body != after.body and before.sure:
                self.fail("B1", f"{where} was changed in spite of: {before.keep}")
            return None
        try:
            changed = rawmime.decode_transfer(after.encoding, after.body)
        except rawmime.Undecodable:
            self.fail("B3", f"{where}: not decodable as {after.encoding}")
            return None
        self.check_encoding(where, before, after, changed, is_whole)
        return charset, text, changed

    def check_encoding(self, where, before, after, changed, is_whole):
        if not is_whole:
            kept = [[f.raw for f in p.fields if f.name != "content-transfer-encoding"] for p in (before, after)]
            if kept[0] != kept[1]:
                self.fail("B2", f"{where}: its header fields were changed")
        if before.body == after.body:
            if before.encoding != after.encoding:
                self.fail("B3", f"{where}: its encoding was changed for nothing")
            return
        needs_qp = before.encoding in ("", "7bit", "8bit", "binary") and (
            any(len(line) > 998 for line in changed.split(b"\r\n")) or
            (before.encoding in ("", "7bit") and re.search(rb"[\x80-\xff]", changed)))
        want = "quoted-printable" if needs_qp else before.encoding
        if after.encoding != want:
            self.fail("B3", f"{where}: {before.encoding} became {after.encoding}, should be {want}")
        given = set(before.body.split(b"\r\n"))
        limit = 76 if after.encoding in ("quoted-printable", "base64") else 998
        for line in after.body.split(b"\r\n"):
            if len(line) > limit and line not in given:
                self.fail("B3", f"{where}: a line of {len(line)} octets: {line[:60]!r}")
                break
        if before.encoding == after.encoding == "quoted-printable":
            self.check_qp_ends(where, before.body, after.body)

    def check_qp_ends(self, where, old, new):
        """Lines before the first and behind the last edit are the same raw bytes."""
        lines = [[line + b"\r\n" for line in body.split(b"\r\n")] for body in (old, new)]
        texts = [[rawmime.decode_transfer("quoted-printable", line) for line in side] for side in lines]
        for step in (1, -1):
            whole = [b"".join(side) for side in texts]
            same = len(os.path.commonprefix([w[::step] for w in whole]))
            size = 0
            for (a, text, b) in zip(lines[0][::step], texts[0][::step], lines[1][::step]):
                size += len(text)
                if size >= same:
                    break
                if a != b:
                    self.fail("B2", f"{where}: {a[:60]!r} was encoded anew for nothing")
                    break

    def has_own_unsubscribe(self, opened):
        uri = self.unsubscribe_uri.encode("latin-1")
        for _, part, _, charset, text, _ in opened:
            if PLACEHOLDER in rawmime.mask(charset, text) or (self.application_can_unsubscribe() and uri in text):
                return True
            if part.type == "text/html" and self.application_can_unsubscribe() and any(
                    rawhtml.clean_url(rawhtml.decode_attribute(text[k.at:k.at + k.size])) == uri
                    for k in rawhtml.Page(rawmime.mask(charset, text)).links):
                return True
        return False

    def check_open_parts(self, opened):
        footer = self.options.footer == "always" or (
            self.options.footer == "auto" and not self.has_own_unsubscribe(opened))
        first = set()
        for where, part, _, charset, old, new in opened:
            is_first = part.type not in first
            first.add(part.type)
            if part.type == "text/html":
                done = self.check_html(where, part, charset, old, new)
            else:
                done = self.check_text(where, part, charset, old, new)
            if done is None:
                continue
            page, placeholders, inserted = done
            if part.sure and placeholders != rawmime.mask(charset, old).count(PLACEHOLDER):
                self.fail("U5", f"{where}: {placeholders} placeholders replaced")
            self.options.seen["placeholders"] += placeholders
            blind = page is not None and page.body_end is None and page.open_ended
            self.check_inserted(where, part, inserted, footer and is_first and not blind,
                                    self.options.opens and page is not None and is_first and not blind)

    def check_inserted(self, where, part, inserted, footer, pixel):
        """B12 and U5: exactly one pixel and one footer, and nothing else."""
        images = re.findall(rb"<img\b[^>]*>", inserted)
        leave = re.findall(re.escape(self.base) + rb"/u/[A-Za-z0-9_-]+", inserted)
        if part.sure and len(images) != int(pixel) and part.type == "text/html":
            self.fail("B12", f"{where}: {len(images)} pixels, should be {int(pixel)}")
        for image in images:
            src = re.search(rb'src="([^"]*)"', image)
            if not src or b'alt=""' not in image or b'width="1"' not in image or b'height="1"' not in image:
                self.fail("B12", f"{where}: not a 1x1 image with alt=\"\": {image!r}")
            else:
                self.tokens.append((src.group(1).decode("ascii"), "open", None))
                self.options.seen["pixels"] += 1
        if part.sure and len(leave) != int(footer):
            self.fail("U5", f"{where}: {len(leave)} footers, should be {int(footer)}")
        for link in leave:
            self.tokens.append((link.decode("ascii"), "unsubscribe", None))
            self.options.seen["footers"] += 1
        if inserted and not images and not leave:
            self.fail("B2", f"{where}: something was added: {inserted[:60]!r}")

    # Tokens -----------------------------------------------------------------

    def check_return_path(self):
        sender = self.envelope["mail_from"]
        local, _, domain = sender.rpartition("@")
        if not local.startswith("b+") or domain.lower() != self.options.bounce_domain:
            self.fail("N2", f"return path is {sender}")
            return
        if len(local) > 64:
            self.fail("N2", f"local part of {len(local)} octets")
        self.tokens.append((sender, "bounce", None))

    def check_tokens(self):
        """Each is valid, of its purpose, and all name one campaign and recipient."""
        campaigns, keys, numbers = set(), set(), []
        for (link, purpose, target), said in zip(self.tokens, self.options.show([t[0] for t in self.tokens])):
            if not said.get("valid"):
                self.fail("S2", f"{link[:80]}: {said.get('reason')}")
                continue
            if said["purpose"] != purpose:
                self.fail("S2", f"{link[:80]} is a token for {said['purpose']}, should be {purpose}")
            campaigns.add(said.get("campaign"))
            keys.add(said.get("address_key"))
            if purpose == "click":
                numbers.append(said.get("link"))
                if said.get("target", "").encode("utf-8", "surrogateescape") != target:
                    self.fail("B10", f"leads to {said.get('target')!r}, should be {target!r}")
                if len(link) > LINK_MAX:
                    self.fail("B10", f"a link of {len(link)} octets")
        if len(numbers) != len(set(numbers)):
            self.fail("B10", f"link numbers repeat: {sorted(numbers)}")
        if len(campaigns) > 1:
            self.fail("H3", f"tokens of several campaigns: {campaigns}")
        self.check_keys(keys)

    def check_keys(self, keys):
        if self.options.shared:
            if keys - {None}:
                self.fail("B13", "a shared copy names a recipient")
            return
        if len(keys) != 1 or None in keys:
            self.fail("B13", f"tokens name {keys} as the recipient")
            return
        local, _, domain = self.recipient.rpartition("@")
        address, key = local + "@" + domain.lower(), keys.pop()
        known = self.options.address_keys
        if known.setdefault(address, key) != key:
            self.fail("W7", f"{address} has two address keys")
        if any(other != address and k == key for other, k in known.items()):
            self.fail("B13", f"{address} shares its address key with another recipient")

    def run(self):
        whole = not any(rawmime.parameters(f.text())[0].startswith("multipart/")
                        for f in self.old("content-type"))
        self.unsubscribe_uri = ""
        self.check_fields(whole and self.old_body != self.new_body)
        if self.options.list is not None:
            self.check_list_fields()
            self.check_return_path()
        self.check_body()
        if self.options.dkim_dns:
            self.check_signatures()
        if self.options.list is not None:
            self.check_tokens()
        return self.failures


def check(original, copy, envelope, recipient, options):
    return Check(original, copy, envelope, recipient, options).run()


def main():
    parser = argparse.ArgumentParser(description="Checks one copy at the sink against what was submitted.")
    for name in ("todoku", "base-url", "dkim-dns", "original", "copy", "envelope", "rcpt"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--list", default="news")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--bounce-domain", default="bounce.example.com")
    given = parser.parse_args()
    options = for_list(given.list, show=Shower(given.todoku), base_url=given.base_url, dkim_dns=given.dkim_dns,
                       shared=given.shared, bounce_domain=given.bounce_domain)
    with open(given.original, "rb") as original, open(given.copy, "rb") as copy, open(given.envelope, "rb") as envelope:
        failures = check(original.read(), copy.read(), json.load(envelope), given.rcpt, options)
    for failure in failures:
        print(failure)
    print("rewritten: " + json.dumps(options.seen), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
