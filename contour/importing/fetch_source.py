"""Where the bytes of a URL come from: a server that may or may not go on in the middle, or a file."""

from __future__ import annotations

import base64
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from contour.errors import InputError, ModelError

_TIMEOUT_S = 60.0
_FAULTS = (OSError, http.client.HTTPException)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")
_REDIRECTS = range(300, 400)
_PARTIAL, _PAST_THE_END = 206, 416


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Bytes on their way.

    Args:
        url: Where from, for messages.
        stream: Gives them.
        start: How many bytes of the file come before the first one given.
        total: Bytes of the whole file; None where nobody says.
    """

    url: str
    stream: IO[bytes] | None
    start: int
    total: int | None

    def read(self, most: int) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            ModelError: the connection broke; reason FETCH_FAILED.
        """
        if self.stream is None:
            return b""
        try:
            return self.stream.read(most)
        except _FAULTS as error:
            raise fetch_failed(self.url, f"{in_words(error)}; what has come is kept, so ask again to go on") from error


@contextmanager
def open_source(url: str, there: int) -> Iterator[Source]:
    """A URL's bytes from number `there` on where that is possible, else from the first.

    Raises:
        InputError: not an http, https or file URL; reason BAD_URL.
        ModelError: nobody answers, or not with the file; reason FETCH_FAILED.
    """
    parts = _split(url)
    source = _open_file(url, parts) if parts.scheme == "file" else _open_http(url, parts, there)
    try:
        yield source
    finally:
        if source.stream is not None:
            source.stream.close()


def shown_url(url: str) -> str:
    """A URL as messages and cards show it: without user, password, query and fragment, any of which may be a secret."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the URL"
    shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return "".join(letter if letter.isprintable() else "?" for letter in shown)[:300]


def fetch_failed(url: str, why: str) -> ModelError:
    """The error of a file that could not be fetched."""
    return ModelError(f"{shown_url(url)} could not be fetched: {why}", reason="FETCH_FAILED")


def in_words(error: Exception) -> str:
    """Why a connection failed, without what the exception quotes from the URL."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return f"no answer within {_TIMEOUT_S:g} seconds"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror[:200]
    return f"the connection broke ({type(inner).__name__})"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises where it is no number
    except ValueError as error:
        raise InputError("that is no URL, expected https://HOST/FILE", reason="BAD_URL") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    known = parts.scheme == "file" or (parts.scheme in {"http", "https"} and bool(parts.hostname))
    if not plain or not known:
        raise InputError(
            f"{shown_url(url)!r} is not taken, expected a URL with http, https or file and without spaces",
            reason="BAD_URL",
        )
    return parts


def _open_file(url: str, parts: SplitResult) -> Source:
    if parts.netloc not in {"", "localhost"}:
        raise InputError("a file URL names no host, expected file:///FOLDER/FILE", reason="BAD_URL")
    path = Path(url2pathname(parts.path))
    if not path.is_file():
        raise fetch_failed(url, "there is no such file")
    try:
        return Source(url=url, stream=path.open("rb"), start=0, total=path.stat().st_size)
    except OSError as error:
        raise fetch_failed(url, in_words(error)) from error


def _open_http(url: str, parts: SplitResult, there: int) -> Source:
    response = _ask(url, parts, there)
    if isinstance(response, urllib.error.HTTPError):
        with response:
            if response.code != _PAST_THE_END or not there:
                raise fetch_failed(url, _status_in_words(response.code))
            complete = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", ""))
        if complete and int(complete[1]) == there:
            return Source(url=url, stream=None, start=there, total=there)
        return _open_http(url, parts, 0)
    if response.status == _PARTIAL:
        going_on = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if going_on and int(going_on[1]) == there:
            return Source(url=url, stream=response, start=there, total=int(going_on[2]))
        response.close()
        if there:
            return _open_http(url, parts, 0)
        raise fetch_failed(url, "the server gives a part that was not asked for")
    length = response.headers.get("Content-Length", "")
    return Source(url=url, stream=response, start=0, total=int(length) if length.isdecimal() else None)


def _ask(url: str, parts: SplitResult, there: int) -> http.client.HTTPResponse | urllib.error.HTTPError:
    """The server's answer, redirects followed."""
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
    request = urllib.request.Request(bare, headers={"User-Agent": "contour-rt"})  # noqa: S310  # http and https only
    if there:
        request.add_header("Range", f"bytes={there}-")
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(secret).decode()}")
    try:
        answer: http.client.HTTPResponse = _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        return error
    except (*_FAULTS, ValueError) as error:
        raise fetch_failed(url, in_words(error)) from error
    return answer


class _FewRedirects(urllib.request.HTTPRedirectHandler):
    """Follows five redirects; to http and https only, as nothing else has a handler below."""

    max_redirections = 5


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _FewRedirects(),
    ):
        opener.add_handler(handler)
    return opener


def _status_in_words(code: int) -> str:
    if code in _REDIRECTS:
        return f"the server sends to elsewhere in a way that is not followed (status {code})"
    known = http.client.responses.get(code, "unknown")
    return f"the server answers {code} ({known})"
