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
    """GET and PUT /accounts/7, POST /accounts/7/add, POST /reset, GET /state; GET /silence never answers."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave together, and nobody waits for an acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with LOCK:
            accounts = dict(ACCOUNTS)
        if self.path == "/silence":
            NEVER.wait()
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
        given = self._given()
        with LOCK:
            ACCOUNTS[self.path[10:]] = given["balance"]
        self._answer(200, {})

    def do_POST(self) -> None:
        given = self._given()
        with LOCK:
            if self.path == "/reset":
                ACCOUNTS.clear()
                ACCOUNTS.update(START)
            elif self.path.endswith("/add"):
                ACCOUNTS[self.path.split("/")[2]] += given["amount"]
            else:
                return self._answer(500, {})
        return self._answer(200, {})

    def _given(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def _answer(self, status: int, content: Any) -> None:
        body = b"no JSON" if content is None else json.dumps(content).encode()
        self.send_response(status)
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
