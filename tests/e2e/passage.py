"""Messages through a sandbox's Postfix, and each copy held against the rules.

A message goes by several ways: split by SMTP to one and to three recipients, by
sendmail(1) to one and to three, inline to one and to two (shared links).  Every
copy is checked by compare.py, which knows the rules from their text alone.
"""
import collections

import compare

Way = collections.namedtuple("Way", "name how recipients shared")
WAYS = (
    Way("split by SMTP, 1 recipient", "SMTP", 1, False),
    Way("split by SMTP, 3 recipients", "SMTP", 3, False),
    Way("sendmail, 1 recipient", "SENDMAIL", 1, False),
    Way("sendmail, 3 recipients", "SENDMAIL", 3, False),
    Way("inline, 1 recipient", "SMTP_INLINE", 1, False),
    Way("inline, 2 recipients", "SMTP_INLINE", 2, True),
)

Job = collections.namedtuple("Job", "name message way recipients list")


class Passage:
    def __init__(self, box, tap, **options):
        self.box, self.tap, self.jobs = box, tap, []
        self.show = compare.Shower(box.env["TODOKU"])
        self.options, self.seen = options, collections.Counter()
        self.keys = {}

    def submit(self, name, message, list_name="news", ways=WAYS):
        for way in ways:
            # Bytes that sendmail(1) would not hand on as they are.
            if way.how == "SENDMAIL" and (b"\0" in message or b"\r" in message.replace(b"\r\n", b"")):
                continue
            number = len(self.jobs)
            recipients = [f"r{number}-{i}@reader.example.net" for i in range(way.recipients)]
            sender = f"{list_name}@example.com"
            try:
                if way.how == "SENDMAIL":
                    self.box.sendmail(message, recipients, sender)
                else:
                    self.box.smtp(message, recipients, sender, way.how)
            except Exception as error:  # noqa: BLE001  (the message is the test's finding)
                self.tap.ok(False, f"{name}, {way.name}", f"refused: {error}")
                continue
            self.jobs.append(Job(name, message, way, recipients, list_name))
            # The next number must differ even where a message was refused.

    def check(self):
        arrived = self.box.arrived_for([r for job in self.jobs for r in job.recipients])
        links = set()
        for job in self.jobs:
            self.tap.ok(*self.check_job(job, arrived, links))
        return self.seen

    def check_job(self, job, arrived, links):
        failures = []
        for recipient in job.recipients:
            number, envelope = arrived[recipient]
            options = compare.for_list(job.list, show=self.show, base_url=self.box.env["BASE_URL"],
                                       dkim_dns=self.box.env["DKIM_DNS"], shared=job.way.shared,
                                       address_keys=self.keys, seen=self.seen, **self.options)
            if not job.way.shared and envelope["rcpt_to"] != [recipient]:
                failures.append(f"B13: a personal copy went to {envelope['rcpt_to']}")
            try:
                found = compare.check(job.message, self.box.copy(number), envelope, recipient, options)
            except Exception as error:  # noqa: BLE001
                found = [f"the check itself failed: {error!r}"]
            failures += [f"{number}.eml for {recipient}: {text}" for text in found]
        return not failures, f"{job.name}, {job.way.name}", "\n".join(failures)
