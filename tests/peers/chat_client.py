"""A program that uses an API library: `chat_client.py ADDRESS HOST CA KEY=VALUE...`, HTTP/1.1 over TLS on a connection that is kept.

Keys: turns, pause, least, most, wait, gap, size, prompt (bytes of the first; grow=1 sends the whole conversation again), whole, fresh=1 (a
connection a turn), telemetry (s between posts on the same connection's host, by another connection), upload (bytes of one post; prints
TCP_INFO's bytes_acked and bytes_received of the socket).
"""
import http.client
import json
import random
import socket
import ssl
import struct
import sys
import threading
import time

address, host, ca = sys.argv[1:4]
options = {k: float(v) for k, v in (a.split("=") for a in sys.argv[4:])}
dice = random.Random(host)
context = ssl.create_default_context(cafile=ca)


class Connection(http.client.HTTPSConnection):
    def connect(self):
        raw = socket.create_connection((address, 443))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = raw
        self.sock = context.wrap_socket(raw, server_hostname=host)


def post(connection, path, body):
    headers = {"Authorization": "Bearer " + "k" * 48, "Content-Type": "application/json", "User-Agent": "stand-in/1.0"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    return len(answer.read())


def telemetry(every):
    connection = Connection(host)
    while True:
        time.sleep(every)
        post(connection, "/telemetry", "t" * dice.randint(200, 3000))


def tcp_info(connection):
    """bytes_acked and bytes_received of struct tcp_info (linux/tcp.h, at offsets 120 and 128)."""
    info = connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("QQ", info, 120)


def converse():
    connection, conversation = Connection(host), dice.randint(60, int(options.get("prompt", 600)) + 60)
    for turn in range(int(options.get("turns", 1))):
        if turn:
            time.sleep(options.get("pause", 1) * dice.uniform(1, 1.5))
        if options.get("fresh"):
            connection = Connection(host)
        wait = dice.uniform(0.2, options.get("wait", 1))
        seconds = dice.uniform(options.get("least", 2), options.get("most", 4))
        path = f"/chat?wait={wait}&seconds={seconds}&gap={options.get('gap', 0.05)}&size={options.get('size', 100)}&whole={options.get('whole', 0)}"
        got = post(connection, path, json.dumps({"messages": "p" * conversation}))
        conversation += int(options.get("grow", 0)) * (got + dice.randint(100, 5000))
        if options.get("fresh"):
            connection.close()
    return connection


if options.get("telemetry"):
    threading.Thread(target=telemetry, args=(options["telemetry"],), daemon=True).start()
if options.get("upload"):
    connection = Connection(host)
    post(connection, "/telemetry", b"u" * int(options["upload"]))
    time.sleep(0.3)
    print(json.dumps(dict(zip(("acked", "received"), tcp_info(connection)))))
else:
    connection = converse()
    time.sleep(options.get("stay", 0.5))
    post(Connection(host), "/done", "{}")
