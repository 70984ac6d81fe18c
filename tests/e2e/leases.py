#!/usr/bin/python3
"""Three policyds on one store, 200 concurrent clients, random kill -9 of each: the accepted
recipients of a day never exceed its quota, and with no kill they reach it exactly; units
reserved by transactions that never ended come back (W2).

Each run has a seed; TODOKU_SEED repeats one, TODOKU_RUNS sets their number (10).
"""
import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile

import sandbox

RUNS = int(os.environ.get("TODOKU_RUNS", "10"))
CLIENTS, DAEMONS = 200, 3
ABANDONED = 0.1
PATIENCE = 120

CONF = """hostname = "mail.example.com"
timezone = "Asia/Tokyo"
data_dir = "{base}/data"
token_keys = "{base}/token.keys"
user = "nobody"
group = "postfix"
log {{ target = "stderr" }}
store {{ path = "{base}/data/todoku.db" busy_timeout = "10s" }}
policyd {{
  listen = "unix:{base}/{number}/policyd.sock"
  time_limit = "10s"
  transaction_timeout = "2s"
  leave_timeout = "1s"
  decisions = 100
}}
webd {{ base_url = "https://t.example.com" }}
list "news" {{ sender = {{ "news@example.com" }} stream = "main" }}
stream "main" {{ plan = "steps:{quota}" over_quota = "defer" }}
"""


def program(name):
    return os.path.join(os.environ.get("TODOKU_BUILD") or os.path.join(sandbox.SOURCE, "build"), name)


class Daemon:
    def __init__(self, base, number, quota):
        self.socket = f"{base}/{number}/policyd.sock"
        self.conf = f"{base}/{number}.conf"
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONF.format(base=base, number=number, quota=quota))
        self.log = open(f"{base}/{number}.log", "ab")
        self.process = None

    async def start(self):
        self.process = subprocess.Popen([program("todoku-policyd"), "-f", "-c", self.conf], stderr=self.log)
        for _ in range(PATIENCE * 50):
            try:
                _, writer = await asyncio.open_unix_connection(self.socket)
                writer.close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"todoku-policyd ended with {self.process.returncode}") from None
                await asyncio.sleep(0.02)
        raise RuntimeError("todoku-policyd does not answer")

    async def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        await self.start()

    def stop(self):
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.log.close()
        return status


class Run:
    """One day of one seed."""

    def __init__(self, base, seed, quota, kills):
        self.random = random.Random(seed)
        self.quota = quota
        self.daemons = [Daemon(base, n, quota) for n in range(DAEMONS)]
        self.accepted = self.messages = self.refused_in_a_row = 0
        self.unexpected = []
        self.kills = sorted(self.random.sample(range(1, quota), kills))
        self.over = False

    async def ask(self, connection, state, instance, recipient, count=0):
        reader, writer = connection
        writer.write(f"request=smtpd_access_policy\nprotocol_state={state}\nclient_address=127.0.0.1\n"
                     f"sender=news@example.com\nrecipient={recipient}\ninstance={instance}\n"
                     f"recipient_count={count}\nqueue_id=Q{instance}\n\n".encode())
        await writer.drain()
        answer = (await reader.readuntil(b"\n\n")).decode().strip()
        if answer != "action=DUNNO" and not answer.startswith("action=450 4.7.1 "):
            # A store that is waited for too long; then nothing is accepted.
            self.unexpected.append(answer)
        return answer == "action=DUNNO"

    async def message(self, connection):
        """One SMTP transaction; counts what Postfix would take."""
        self.messages += 1
        instance, wanted = f"{self.messages:x}", self.random.choice((1, 1, 1, 2, 3))
        recipients = [f"r{instance}.{n}@example.jp" for n in range(wanted)]
        taken = [r for r in recipients if await self.ask(connection, "RCPT", instance, r)]
        if not taken:
            self.refused_in_a_row += 1
            return
        if self.random.random() < ABANDONED:
            return
        if await self.ask(connection, "END-OF-MESSAGE", instance, taken[0] if len(taken) == 1 else "", len(taken)):
            self.accepted += len(taken)
            self.refused_in_a_row = 0

    async def client(self, daemon):
        while not self.over:
            try:
                connection = await asyncio.open_unix_connection(daemon.socket)
                while not self.over:
                    await self.message(connection)
                    if self.refused_in_a_row > CLIENTS:
                        await asyncio.sleep(0.1)
                connection[1].close()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)

    async def killer(self):
        for moment in self.kills:
            while self.accepted < moment and not self.over:
                await asyncio.sleep(0.001)
            if not self.over:
                await self.random.choice(self.daemons).kill()

    async def play(self):
        """Until the quota is reached, or nothing more was accepted for a while: longer than units that
        nobody ended are kept."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(d.start() for d in self.daemons))
        clients = [asyncio.create_task(self.client(self.daemons[n % DAEMONS])) for n in range(CLIENTS)]
        killer = asyncio.create_task(self.killer())
        before, since = 0, loop.time()
        patience = 20 if not self.kills else 4
        while self.accepted < self.quota and loop.time() - since < patience:
            await asyncio.sleep(0.02)
            if self.accepted != before:
                before, since = self.accepted, loop.time()
        # All the same some more are asked for: not one may be accepted beyond.
        target = self.messages + CLIENTS
        while self.messages < target:
            await asyncio.sleep(0.01)
        self.over = True
        await asyncio.gather(*clients, killer)
        return [d.stop() for d in self.daemons]


def play(tap, seed, kills):
    base = tempfile.mkdtemp(prefix="todoku-leases.", dir="/tmp")
    os.chmod(base, 0o755)
    try:
        for n in range(DAEMONS):
            os.mkdir(f"{base}/{n}")
            shutil.chown(f"{base}/{n}", "nobody", "postfix")
        os.mkdir(f"{base}/data")
        shutil.chown(f"{base}/data", "nobody", "postfix")
        subprocess.run([program("todoku"), "key", "init", f"{base}/token.keys"], check=True, stdout=subprocess.DEVNULL)
        shutil.chown(f"{base}/token.keys", "nobody", "postfix")
        run = Run(base, seed, random.Random(seed).choice((300, 700, 1500)), kills)
        statuses = asyncio.run(run.play())
        what = f"seed {seed}: {run.accepted} of {run.quota} accepted, {run.messages} messages, {len(run.kills)} kills"
        tap.ok(run.accepted <= run.quota, f"W2 never over quota ({what})")
        if not kills:
            tap.ok(run.accepted == run.quota, f"W2 the quota is reached exactly ({what})", run.unexpected[:5])
        tap.ok(statuses == [0] * DAEMONS and len(run.unexpected) <= kills * CLIENTS,
               f"all ended well ({what})", statuses, run.unexpected[:5])
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main():
    tap = sandbox.Tap()
    first = int(os.environ.get("TODOKU_SEED", "1"))
    for seed in range(first, first + (1 if "TODOKU_SEED" in os.environ else RUNS)):
        play(tap, seed, 0 if seed % 2 else 1 + seed % 5)
    tap.end()


main()
