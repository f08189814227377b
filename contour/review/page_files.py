"""The page's own files, by a table of names that is made once: no path is ever made from a request."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from contour.errors import NotFoundError
from contour.review.door import guarded

STATIC_FOLDER = Path(__file__).parent / "static"
"""What was bundled and comes with the package."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
}
_SQUEEZED = frozenset({".html", ".js", ".mjs", ".css", ".json", ".txt", ".wasm", ".svg"})
_LEAST_SQUEEZED_BYTES = 1024


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it was at the start."""

    data: bytes
    media_type: str
    tag: str
    squeezes: bool


class PageFiles:
    """Everything below a folder that has a known kind of name; kept in memory, compressed at its first use."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._files = {name: _read(path) for name, path in _listing(folder)}

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for, in order."""
        return tuple(sorted(self._files))

    async def page(self, request: Request) -> Response:
        """The single page."""
        return await guarded(self._page)(request)

    async def file(self, request: Request) -> Response:
        """A file by its name."""
        return await guarded(self._named)(request)

    async def _page(self, request: Request) -> Response:
        return await self._answer(request, "index.html")

    async def _named(self, request: Request) -> Response:
        return await self._answer(request, request.path_params["name"])

    async def _answer(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            raise NotFoundError("no file of the review page has this name", reason="FILE_NOT_FOUND")
        headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if file.tag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        data = file.data
        if file.squeezes and "gzip" in request.headers.get("accept-encoding", ""):
            data = await run_in_threadpool(_squeezed, file)
            headers["Content-Encoding"] = "gzip"
        return Response(data, headers=headers, media_type=file.media_type)


@cache
def _squeezed(file: StaticFile) -> bytes:
    return gzip.compress(file.data, compresslevel=6, mtime=0)


def _listing(folder: Path) -> list[tuple[str, Path]]:
    paths = [path for path in folder.rglob("*") if path.suffix in _TYPES and path.is_file() and not path.is_symlink()]
    return [(path.relative_to(folder).as_posix(), path) for path in paths]


def _read(path: Path) -> StaticFile:
    data = path.read_bytes()
    return StaticFile(
        data=data,
        media_type=_TYPES[path.suffix],
        tag=f'"{hashlib.sha256(data).hexdigest()[:32]}"',
        squeezes=path.suffix in _SQUEEZED and len(data) >= _LEAST_SQUEEZED_BYTES,
    )
