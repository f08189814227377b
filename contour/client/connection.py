"""Calls that outlast a server that is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc

from contour.client.errors import error_of_call

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class Patience:
    """How long a server may stay away; every sign of life starts the time anew."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._pause_s = _FIRST_PAUSE_S
        self._until_s = time.monotonic() + patience_s

    def renew(self) -> None:
        """The server has answered."""
        self._pause_s = _FIRST_PAUSE_S
        self._until_s = time.monotonic() + self._patience_s

    def pause(self, error: grpc.RpcError) -> None:
        """Wait before the next try.

        Raises:
            ContourError: the error cannot be helped by waiting, or the patience is at its end.
        """
        away = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAVAILABLE
        if not away or time.monotonic() + self._pause_s > self._until_s:
            raise error_of_call(error) from error
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


class Connection:
    """A channel to one server, and how its calls are made."""

    def __init__(self, address: str, *, timeout_s: float, patience_s: float) -> None:
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000)]
        )
        self.timeout_s = timeout_s
        self._patience_s = patience_s

    def patience(self) -> Patience:
        """A new stretch of patience."""
        return Patience(self._patience_s)

    def ask(self, method: Callable[..., _Answer], request: object) -> _Answer:
        """A call that can be repeated without harm.

        Raises:
            ContourError: what the server answered, or ServiceUnavailableError.
        """
        patience = self.patience()
        while True:
            try:
                return method(request, timeout=self.timeout_s)
            except grpc.RpcError as error:
                patience.pause(error)

    def listen(self, method: Callable[..., Iterator[_Answer]], request: Callable[[], object]) -> Iterator[_Answer]:
        """Answers of a stream that is asked for anew, with a fresh request, whenever it breaks off.

        Raises:
            ContourError: what the server answered, or ServiceUnavailableError.
        """
        patience = self.patience()
        while True:
            try:
                for answer in method(request()):
                    patience.renew()
                    yield answer
            except grpc.RpcError as error:
                patience.pause(error)
            else:
                return

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()
