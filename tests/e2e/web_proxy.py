#!/usr/bin/python3
"""Behind the real nginx and the real Caddy, with the samples of conf/ but for
addresses: clicks and one-click go through, the reader's address is the one that the proxy
saw, and what a reader claims of themselves is not believed (S4).
"""
import os
import re
import socket
import subprocess

import sandbox
import weblib
from weblib import CLICK, HOST, UNSUBSCRIBE, one_click


def nginx(web, port):
    with open(os.path.join(sandbox.SOURCE, "conf/nginx.conf.sample"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r"\n\s*ssl_certificate.*?;", "", text).replace("127.0.0.1:8080", f"127.0.0.1:{web.port}")
    folder = web.dir + "/nginx"
    os.mkdir(folder)
    with open(folder + "/nginx.conf", "w", encoding="utf-8") as out:
        out.write(f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{ }}\n"
                  f"http {{\nclient_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n{text}\n}}\n")
    return ["nginx", "-e", folder + "/error.log", "-c", folder + "/nginx.conf"], folder + "/error.log"


def caddy(web, port):
    with open(os.path.join(sandbox.SOURCE, "conf/Caddyfile.sample"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"(?m)^t\.example\.com \{", f"http://{HOST}:{port} {{\n\tbind 127.0.0.1", text)
    text = re.sub(r"(?m)^(\s*reverse_proxy) 127\.0\.0\.1:8080", rf"\1 127.0.0.1:{web.port}", text)
    folder = web.dir + "/caddy"
    os.mkdir(folder)
    with open(folder + "/Caddyfile", "w", encoding="utf-8") as out:
        out.write("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", folder + "/Caddyfile"], folder + "/log"


def ask(port, octets):
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=("127.0.0.9", 0)) as s:
        s.sendall(octets)
        got = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return weblib.Answer(got)
            got += piece


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def through(tap, name, start):
    with weblib.Webd(webd='trusted_proxy = { "127.0.0.1" }') as web:
        port = weblib.free_ports(1)[0]
        command, log_name = start(web, port)
        with open(web.dir + "/proxy.log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": web.dir,
                                                                             "XDG_CONFIG_HOME": web.dir, "XDG_DATA_HOME": web.dir})
        try:
            sandbox.wait_for(name, lambda: listens(port), 30)
            head = f"Host: {HOST}\r\nUser-Agent: Firefox\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.77\r\n"
            target = b"https://example.com/a?b=%20c&d#e"
            answer = ask(port, f"GET /c/{web.ring.token(CLICK, reader=1, target=target)} HTTP/1.1\r\n{head}\r\n".encode())
            tap.ok(answer.status == 302 and answer.field("Location") == target.decode(), f"{name}: a click", answer.raw)
            long = b"https://example.com/" + b"x" * 1400
            answer = ask(port, f"GET /c/{web.ring.token(CLICK, reader=2, target=long)} HTTP/1.1\r\n{head}\r\n".encode())
            tap.ok(answer.status == 302 and answer.field("Location") == long.decode(), f"{name}: a long one", answer.raw)
            fields, body = one_click("multipart")
            more = "".join(f"{n}: {v}\r\n" for n, v in fields)
            answer = ask(port, f"POST /u/{web.ring.token(UNSUBSCRIBE, reader=3)} HTTP/1.1\r\n{head}{more}"
                               f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            tap.ok(answer.status == 200, f"{name}: a one-click POST", answer.raw)
            rows = web.sql("SELECT who FROM change WHERE address_key = 3")
            tap.ok(rows == [("127.0.0.9",)], f"{name}: from the address that the proxy saw", rows)
            sandbox.wait_for("the clicks", lambda: web.metric("todoku_webd_events_applied_total") >= 2)
            table = web.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'event_[0-9]*'")[0][0]
            rows = web.sql(f"SELECT DISTINCT client FROM {table} WHERE kind = 1")
            tap.ok(rows == [("127.0.0.9",)], f"{name}: the clicks too, whatever the reader claims", rows)
            # Without the proxy nobody is believed.
            web.stop()
            web.configure()
            web.start()
            web.ask("GET", "/c/" + web.ring.token(CLICK, reader=4), fields=[("X-Forwarded-For", "192.0.2.77")])
            sandbox.wait_for("the click", lambda: web.sql(f"SELECT 1 FROM {table} WHERE key = 4"))
            rows = web.sql(f"SELECT client FROM {table} WHERE key = 4")
            tap.ok(rows == [("127.0.0.1",)], "X-Forwarded-For of a stranger is not believed", rows)
            logs = "".join(open(n, encoding="utf-8", errors="replace").read() for n in (web.dir + "/proxy.log", log_name)
                           if os.path.exists(n))
            tap.ok("/c/" not in logs, f"{name}: S5: no token in its log", logs[:500])
        finally:
            process.terminate()
            process.wait(20)


def main():
    tap = sandbox.Tap()
    through(tap, "nginx", nginx)
    through(tap, "Caddy", caddy)
    tap.end()


if __name__ == "__main__":
    main()
