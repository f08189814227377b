"""A server of one file on this machine, with and without ranges, that can cut a connection or send elsewhere."""

from __future__ import annotations

import base64
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `content` at /model.zip; what it was asked for is remembered: path, range, authorisation.

    `/redirect/N` leads there over N steps more, `/to/BASE64` to any URL.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.ranges = True
        self.cut_after: int | None = None

    def url(self, path: str = "/model.zip") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        step = re.fullmatch(r"/redirect/(\d+)", self.path)
        if step:
            self._redirect("/model.zip" if step[1] == "0" else f"/redirect/{int(step[1]) - 1}")
        elif self.path.startswith("/to/"):
            self._redirect(base64.urlsafe_b64decode(self.path.removeprefix("/to/")).decode())
        elif self.path.split("?")[0] != "/model.zip":
            self.send_error(404)
        else:
            self._serve()

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self) -> None:
        content, start = self.server.content, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked and self.server.ranges:
            start = int(asked[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.server.cut_after is None else body[: self.server.cut_after])
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass
