# SPDX-License-Identifier: BSD-3-Clause
"""A small etcd gateway in memory that does what it is told: it serves a dictionary, honestly, or
answers as a hostile one would."""
import base64
import hashlib
import http.server
import json
import threading

from fleet import signed_parts

CHUNK = 512 << 10


def text64(bytes_):
    return base64.b64encode(bytes_).decode()


class FakeEtcd:
    """store: {key: value}. lie: None, or a function of the handler that answers in its own way."""

    def __init__(self, prefix="/linemix/test"):
        self.prefix = prefix
        self.store = {}
        self.lie = None
        self.requests = 0
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                fake.requests += 1
                self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    (fake.lie or fake.honest)(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *unused):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *unused):
                pass  # who asked has hung up on a lie

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # ---- What lies there ----

    def put_document(self, path, epoch, voters=None, hash_=None, chunks=None):
        """Puts a signed file as its authorities would have; or as others claim it."""
        signatures, bytes_ = signed_parts(path)
        hash_ = hash_ or hashlib.blake2b(bytes_, digest_size=32).hexdigest()
        for key, signature in signatures.items():
            key = (voters or {}).get(key, key)
            self.store[f"{self.prefix}/epochs/{epoch:010}/{key}"] = (
                f"{hash_} {len(bytes_):08} {signature}\n".encode())
        for n in range(0, len(bytes_), CHUNK):
            self.store[f"{self.prefix}/documents/{hash_}/{n // CHUNK:04}"] = bytes_[n:n + CHUNK]
        for key in chunks or {}:
            self.store[f"{self.prefix}/documents/{hash_}/{key:04}"] = chunks[key]

    # ---- Answers ----

    def kv(self, key):
        return {"key": text64(key.encode()), "create_revision": "7", "mod_revision": "7",
                "version": "1", "value": text64(self.store[key])}

    def put(self, asked):
        self.store[base64.b64decode(asked["key"]).decode()] = base64.b64decode(asked["value"])
        return {"header": {"revision": "9"}}

    def range(self, asked):
        key = base64.b64decode(asked["key"]).decode()
        if "range_end" not in asked:
            return [self.kv(key)] if key in self.store else []
        end = base64.b64decode(asked["range_end"]).decode()
        found = sorted((name for name in self.store if key <= name < end), reverse=True)
        return [self.kv(name) for name in found[:int(asked.get("limit", 1000))]]

    def answer(self, handler):
        """What an honest etcd says. What is written once stays; leases do not end."""
        if handler.path == "/v3/lease/grant":
            return {"header": {"revision": "9"}, "ID": "5", "TTL": str(handler.asked["TTL"])}
        if handler.path == "/v3/kv/put":
            return self.put(handler.asked)
        if "compare" in handler.asked:
            put = handler.asked["success"][0]["request_put"]
            is_new = base64.b64decode(put["key"]).decode() not in self.store
            return {**(self.put(put) if is_new else {"header": {"revision": "9"}}),
                    "succeeded": is_new}
        if handler.path == "/v3/kv/txn":
            return {"header": {"revision": "9"}, "succeeded": True, "responses": [
                {"response_range": {"header": {"revision": "9"},
                                    "kvs": self.range(get["request_range"])}}
                for get in handler.asked["success"]]}
        return {"header": {"revision": "9"}, "kvs": self.range(handler.asked)}

    def honest(self, handler):
        self.send(handler, json.dumps(self.answer(handler)).encode())

    @staticmethod
    def send(handler, bytes_, status=200, length=None):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(bytes_) if length is None else length))
        handler.end_headers()
        handler.wfile.write(bytes_)
