"""The review page's server: uvicorn in a thread of this process, over TLS where there is a certificate."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path
from types import TracebackType

import uvicorn

from contour.errors import ConfigError, ServiceUnavailableError
from contour.review.app import Services, build_app
from contour.review.config import ReviewConfig
from contour.review.connections import ImpatientProtocol
from contour.review.page_files import STATIC_FOLDER

log = logging.getLogger(__name__)

_START_LIMIT_S = 20.0
_LARGEST_HEAD_BYTES = 32 << 10
_CONNECTIONS = 400
_KEEP_ALIVE_S = 30


class ReviewServer:
    """Serves the page from `start` until `stop`; a context manager does both. It starts once."""

    def __init__(self, config: ReviewConfig, services: Services, *, static_folder: Path = STATIC_FOLDER) -> None:
        """Listen, but answer nobody yet.

        Raises:
            ConfigError: the address is taken (ADDRESS_IN_USE), or the certificate cannot be used (BAD_CERTIFICATE).
        """
        tls = config.tls_context()
        self._feed = services.feed
        self._config = config
        settings = uvicorn.Config(
            build_app(config, services, static_folder=static_folder),
            loop="asyncio",
            http=ImpatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(config.grace_s)),
            h11_max_incomplete_event_size=_LARGEST_HEAD_BYTES,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
        self._server = uvicorn.Server(settings)
        self._socket = _listening(config)
        self._port = int(self._socket.getsockname()[1])
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="review", daemon=True)

    @property
    def address(self) -> str:
        """HOST:PORT as it is, also where port 0 was asked for."""
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        return f"{host}:{self._port}"

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return f"{'https' if self._config.is_secure else 'http'}://{self.address}/"

    def start(self) -> None:
        """Answer; returns when it does.

        Raises:
            ServiceUnavailableError: it does not come up.
        """
        self._thread.start()
        if not self._started.wait(_START_LIMIT_S) or not self._server.started:
            self.stop()
            raise ServiceUnavailableError("the review page's server did not come up")
        log.info("the review page is served")

    def stop(self) -> None:
        """End every event stream, let the other answers end within the grace, and stop. May be called twice."""
        self._feed.close()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(self._config.grace_s + 10.0)
        self._socket.close()

    def __enter__(self) -> ReviewServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        watcher = asyncio.create_task(self._say_started())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            watcher.cancel()
            self._started.set()

    async def _say_started(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._started.set()


def _listening(config: ReviewConfig) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _in_use(config) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except OSError as error:
        listening.close()
        raise _in_use(config) from error
    return listening


def _in_use(config: ReviewConfig) -> ConfigError:
    return ConfigError(f"review.listen: {config.listen} cannot be listened on", reason="ADDRESS_IN_USE")
