"""What every request passes and every answer carries: known hosts, our own pages only, and a strict content policy."""

from __future__ import annotations

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contour.errors import ContourError, InputError, NotAllowedError
from contour.review.answers import RefusedError, error_answer

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No script, style or frame that is not a file of ours; compiling WebAssembly is allowed, evaluating text is not."""

SAFE_METHODS = frozenset({"GET", "HEAD"})
_METHODS = SAFE_METHODS | {"POST", "DELETE"}
_ALWAYS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HSTS = "max-age=31536000"
_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::[0-9]{1,5})?")


class Guard:
    """The outermost layer of the page's server.

    A browser that was lured to a name which resolves to this machine (DNS rebinding) sends that name as Host; a foreign
    page that sends a request says so in Origin and Sec-Fetch-Site. Both are refused before anything is looked up.
    Without TLS of its own the page may stand behind a proxy that has it: its own origin then begins with https.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], secure: bool) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts) | {"localhost"}
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        private = not _is_page(scope["path"])

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), private=private)
            await send(message)

        try:
            self._check(scope)
        except ContourError as error:
            await error_answer(error)(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _add_headers(self, headers: MutableHeaders, *, private: bool) -> None:
        for name, value in _ALWAYS.items():
            headers[name] = value
        if private:
            headers["Cache-Control"] = "no-store"
        if self._secure:
            headers["Strict-Transport-Security"] = _HSTS

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_known(host):
            raise InputError("the request is for another host than this page is served as", reason="UNKNOWN_HOST")
        method = scope["method"]
        if method not in _METHODS:
            raise RefusedError(405, "UNKNOWN_METHOD", "expected GET, HEAD, POST or DELETE")
        if scope["path"] == "/" and method in SAFE_METHODS:
            return
        site = headers.get("sec-fetch-site")
        welcome = {None, "same-origin", "none"} if method in SAFE_METHODS else {None, "same-origin"}
        own = {f"https://{host}".lower()} if self._secure else {f"http://{host}".lower(), f"https://{host}".lower()}
        if site not in welcome or not own.issuperset(origin.lower() for origin in headers.getlist("origin")):
            raise NotAllowedError("the request comes from a page of another origin", reason="CROSS_ORIGIN")

    def _is_known(self, host: str) -> bool:
        """An address is always known: only a name can be made to point here."""
        name = _without_port(host.lower())
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    """The name or address of a Host header; empty where it is malformed."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["address"] or found["name"]


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith("/static/")
