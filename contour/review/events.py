"""Server-sent events: where jobs and reviews stand, told to every page that listens."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from contour.errors import ContourError, ResourceLimitError
from contour.jobs.changes import Changes
from contour.jobs.review_values import ReviewChange

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 15.0
"""After so long without a word a comment is sent, and the listener's session is looked at again."""

_PER_ACCOUNT = 8
_MOST_WAITING = 1000
_LEAST_BETWEEN_S = 0.3
_LONGEST_WAIT_S = 1.0

Welcome = Callable[[], Awaitable[bool]]
ReadJobs = Callable[[], dict[str, Any]]


class Feed:
    """One thread that reads the jobs when something has changed, for all listeners together.

    `review_changed` is for the desk; it and `close` may be called from any thread, `listen` in the server's loop.
    """

    def __init__(self, changes: Changes, read_jobs: ReadJobs, *, listeners: int = 64) -> None:
        self._changes = changes
        self._read_jobs = read_jobs
        self._most = listeners
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> int:
        """How many listeners there are."""
        return len(self._listeners)

    async def listen(self, account: str) -> Listener:
        """A new listener, which has the jobs as they are now.

        Raises:
            ResourceLimitError: there are too many, of all or of this account (TOO_MANY_LISTENERS).
        """
        listener = Listener(account, asyncio.get_running_loop(), self._leave)
        with self._lock:
            own = sum(one.account == account for one in self._listeners)
            if len(self._listeners) >= self._most or own >= _PER_ACCOUNT or self._closing.is_set():
                raise ResourceLimitError(
                    f"found {own} pages of this account that listen and {len(self._listeners)} in all, expected at "
                    f"most {_PER_ACCOUNT} and {self._most}",
                    reason="TOO_MANY_LISTENERS",
                )
            self._listeners.append(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._pump, name="review-events", daemon=True)
                self._thread.start()
        try:
            listener.tell_jobs(_message("jobs", await run_in_threadpool(self._read_jobs)), first=True)
        except BaseException:
            listener.leave()
            raise
        return listener

    def review_changed(self, change: ReviewChange) -> None:
        """Tell that a review has a new revision or state."""
        form = {
            "review_id": change.review_id,
            "revision": change.revision,
            "state": str(change.state),
            "by": change.by,
        }
        for listener in self._everybody():
            listener.tell(change.review_id, _message("review", form))

    def close(self) -> None:
        """End every stream and the thread."""
        self._closing.set()
        for listener in self._everybody():
            listener.end()
        self._changes.announce()
        if self._thread is not None:
            self._thread.join()

    def _leave(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def _everybody(self) -> list[Listener]:
        with self._lock:
            return list(self._listeners)

    def _pump(self) -> None:
        seen, told = -1, b""
        while not self._closing.is_set():
            count = self._changes.wait(seen, _LONGEST_WAIT_S)
            if count == seen or not self._listeners:
                continue
            seen = count
            try:
                message = _message("jobs", self._read_jobs())
            except (ContourError, SQLAlchemyError) as error:
                log.warning("jobs cannot be told", exc_info=error)
                continue
            if message != told:
                told = message
                for listener in self._everybody():
                    listener.tell_jobs(message)
            self._closing.wait(_LEAST_BETWEEN_S)


class Listener:
    """What one page has not been told yet: of each thing the latest alone, so that a slow page costs no memory."""

    def __init__(self, account: str, loop: asyncio.AbstractEventLoop, leave: Callable[[Listener], None]) -> None:
        self.account = account
        self._loop = loop
        self._leave = leave
        self._waiting: dict[str, bytes] = {}
        self._jobs = b""
        self._lock = threading.Lock()
        self._wake = asyncio.Event()
        self._ended = False

    def tell(self, key: str, message: bytes) -> None:
        """Have the page told; what waits under the same key is not told any more. From any thread."""
        with self._lock:
            self._waiting.pop(key, None)
            self._waiting[key] = message
            self._ended = self._ended or len(self._waiting) > _MOST_WAITING
        self._rouse()

    def tell_jobs(self, message: bytes, *, first: bool = False) -> None:
        """Have the page told where jobs stand, unless it knows; `first` only where it knows nothing yet."""
        with self._lock:
            if message == self._jobs or (first and self._jobs):
                return
            self._jobs = message
        self.tell("jobs", message)

    def end(self) -> None:
        """Have the stream end. From any thread."""
        self._ended = True
        self._rouse()

    def leave(self) -> None:
        """Be no listener any more."""
        self._leave(self)

    async def stream(self, is_welcome: Welcome) -> AsyncIterator[bytes]:
        """The events as they come, until the session is over or the server stops."""
        yield b"retry: 3000\n\n"
        checked_s = self._loop.time()
        while not self._ended:
            silent = not await self._is_roused()
            if self._loop.time() - checked_s >= KEEP_ALIVE_S:
                checked_s = self._loop.time()
                if not await is_welcome():
                    return
            if silent:
                yield b": still here\n\n"
            with self._lock:
                messages, self._waiting = list(self._waiting.values()), {}
            for message in messages:
                yield message

    async def _is_roused(self) -> bool:
        """Wait for something to tell; False where nothing came up for a while."""
        try:
            await asyncio.wait_for(self._wake.wait(), KEEP_ALIVE_S)
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    def _rouse(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)


class EventStream(StreamingResponse):
    """A listener's stream as an answer; when it ends, however it ends, the place is free again."""

    def __init__(self, listener: Listener, is_welcome: Welcome) -> None:
        super().__init__(listener.stream(is_welcome), media_type="text/event-stream")
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listener.leave()


def _message(event: str, form: dict[str, Any]) -> bytes:
    data = json.dumps(form, allow_nan=False, separators=(",", ":"))
    return f"event: {event}\ndata: {data}\n\n".encode("ascii")
