"""A stand-in for a chat service: `chat_server.py PORT LOG`, plain HTTP/1.1 on loopback, behind a TLS server that passes it on unbuffered.

POST /chat?...   one turn: the answer is streamed as server-sent events. Query: wait (s before the first), seconds (of streaming),
                 gap (s between events), size (bytes of an event), whole=1 (all in one piece after the wait instead)
POST /telemetry  answered 204
POST /done       the session is over
GET  /page?n=    a page with n assets; /asset?size= one of them; /poll?wait= one line after that wait; /live?every=&n= events that nobody asked
Each turn and end of a session is a line of LOG: `turn HOST`, `done HOST`.
"""
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

LOG, LOCK = sys.argv[2], threading.Lock()
SCRIPT = (Path(__file__).parent / "chat_page.html").read_text()


def note(line):
    with LOCK, open(LOG, "a") as log:
        log.write(line + "\n")


class Chat(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def read(self):
        self.url = urlsplit(self.path)
        self.query = {k: float(v) for k, v in parse_qsl(self.url.query)}
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        return self.headers["Host"].split(":")[0]

    def answer(self, body=b"", status=200, kind="text/html"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self, count, gap, size):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        dice = random.Random(time.time())
        for _ in range(count):
            time.sleep(gap * dice.uniform(0.5, 1.5))
            data = b"data: " + b"x" * max(1, int(size * dice.uniform(0.7, 1.3))) + b"\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        host, q = self.read(), None
        q = self.query
        if self.url.path == "/chat":
            note("turn " + host)
            time.sleep(q.get("wait", 0.4))
            if q.get("whole"):
                return self.answer(b"y" * int(q.get("size", 3000)), kind="application/json")
            gap = q.get("gap", 0.05)
            return self.events(max(1, int(q.get("seconds", 3) / gap)), gap, q.get("size", 100))
        if self.url.path == "/done":
            note("done " + host)
        self.answer(status=204)

    def do_GET(self):
        self.read()
        q = self.query
        if self.url.path == "/asset":
            return self.answer(random.randbytes(int(q["size"])), kind="application/octet-stream")
        if self.url.path == "/poll":
            time.sleep(q.get("wait", 20))
            return self.answer(b'{"events":[]}', kind="application/json")
        if self.url.path == "/live":
            return self.events(int(q.get("n", 100)), q.get("every", 15), 80)
        self.answer(SCRIPT.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


Server(("127.0.0.1", int(sys.argv[1])), Chat).serve_forever()
