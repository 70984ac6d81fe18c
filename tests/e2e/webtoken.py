"""Tokens of todoku-token(7), made from that page alone: it shares no code with lib/token.c.

For tests that need what no mail holds: links of the past, shared ones, wrong ones.
"""
import base64
import hashlib
import hmac
import os
import struct
import time

OPEN, UNSUBSCRIBE, CONFIRM, SEAL = 2, 3, 6, 7
JOIN, LEAVE = 1, 2
NAMES = {1: b"click", OPEN: b"open", UNSUBSCRIBE: b"unsubscribe", 4: b"bounce", CONFIRM: b"confirm", SEAL: b"seal"}


class Ring:
    def __init__(self, file):
        self.key = None
        with open(file, encoding="ascii") as lines:
            for line in lines:
                words = line.split("#")[0].split()
                if words[:1] == ["address"]:
                    self.address = bytes.fromhex(words[1])
                elif words[:1] == ["key"]:
                    if self.key is None or words[2] >= self.key[1]:
                        self.key = (int(words[1]), words[2], bytes.fromhex(words[3]))

    @classmethod
    def of(cls, sandbox):
        return cls(os.path.join(os.path.dirname(sandbox.env["CONF"]), "token.keys"))

    def _tag(self, purpose, data):
        own = hmac.new(self.key[2], b"todoku token " + NAMES[purpose], hashlib.sha256).digest()
        return hmac.new(own, data, hashlib.sha256).digest()[:16]

    def _hash(self, label, *parts):
        data = b"".join(struct.pack(">Q", len(part)) + part for part in (label, *parts))
        return hmac.new(self.address, data, hashlib.sha256).digest()

    def address_key(self, address):
        return struct.unpack(">Q", self._hash(b"address", address.encode())[:8])[0]

    def list_id(self, name):
        return struct.unpack(">I", self._hash(b"list", name.encode())[:4])[0]

    def _spell(self, data):
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    def unsubscribe(self, name, address=None, campaign=1, purpose=UNSUBSCRIBE):
        """Without an address: a shared one."""
        head = struct.pack(">BBIQ", purpose | (0x80 if address is None else 0), self.key[0], self.list_id(name), campaign)
        if address is not None:
            head += struct.pack(">Q", self.address_key(address))
        return self._spell(head + self._tag(purpose, head))

    def confirm(self, name, address, kind=JOIN, made=None, who="192.0.2.1", proof="", campaign=0):
        made = int(time.time()) if made is None else int(made)
        head = struct.pack(">BBIQQIB", CONFIRM, self.key[0], made, campaign, self.address_key(address), self.list_id(name), kind)
        text = address.encode()
        contents = struct.pack(">H", len(text)) + text + bytes([len(who)]) + who.encode() + proof.encode()
        tag = self._tag(CONFIRM, head + contents)
        stream = b"".join(self._tag(SEAL, tag + struct.pack(">I", block)) for block in range(len(contents) // 16 + 1))
        return self._spell(head + bytes(a ^ b for a, b in zip(contents, stream)) + tag)
