"""The server process of the HTTP tests: accounts by id, all of it atomic, put back by POST /reset.

``python service.py`` prints its port and answers until its standard input is closed.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

START = {"7": 100, "8": 100}
ACCOUNTS = dict(START)
LOCK = threading.Lock()
NEVER = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """GET and PUT /accounts/7, POST /accounts/7/add, POST /reset, GET /state.

    GET /silence never answers, /moved leads to /accounts/7, /chunks is that in pieces, /broken half of it.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together, and nobody waits for an acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with LOCK:
            accounts = dict(ACCOUNTS)
        if self.path == "/silence":
            NEVER.wait()
        elif self.path == "/moved":
            self._answer(302, {}, Location="/accounts/7")
        elif self.path == "/chunks":
            self._pieces(b'{"bal', b'ance": 100}')
        elif self.path == "/broken":
            self._half(b'{"bal')
        elif self.path == "/state":
            self._answer(200, {"accounts": accounts})
        elif self.path == "/text":
            self._answer(200, None)
        elif self.path.startswith("/accounts/") and self.path[10:] in accounts:
            self._answer(200, {"balance": accounts[self.path[10:]]})
        else:
            self._answer(404, {})

    def do_HEAD(self) -> None:
        self._answer(200 if self.path[10:] in ACCOUNTS else 404, None)

    def do_PUT(self) -> None:
        given = json.loads(self._body())
        with LOCK:
            ACCOUNTS[self.path[10:]] = given["balance"]
        self._answer(200, {})

    def do_POST(self) -> None:
        body = self._body()
        with LOCK:
            if self.path == "/reset":
                ACCOUNTS.clear()
                ACCOUNTS.update(START)
            elif self.path.endswith("/add"):
                ACCOUNTS[self.path.split("/")[2]] += json.loads(body)["amount"]
            else:
                return self._answer(500, {})
        return self._answer(200, {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(iter(self._piece, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _piece(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        return self.rfile.read(size + 2)[:size]

    def _pieces(self, *pieces: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (*pieces, b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _half(self, half: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(half)))
        self.end_headers()
        self.wfile.write(half)
        self.close_connection = True

    def _answer(self, status: int, content: Any, **headers: str) -> None:
        body = b"no JSON" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nothing is printed but the port."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
