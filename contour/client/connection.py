"""Calls that outlast a server that is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc

from contour.certificates import read_authority, read_pair
from contour.client.errors import error_of_call, is_worth_waiting
from contour.errors import ConfigError
from contour.listening import is_loopback, split_address

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
        if not is_worth_waiting(error) or time.monotonic() + self._pause_s > self._until_s:
            raise error_of_call(error) from error
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How a caller is known, and how it knows the server.

    Args:
        token: Of an account, `ct_...`; empty for none.
        ca_file: PEM of the authority that signed the server's certificate; with it, the connection is encrypted.
        certificate_file: PEM of the caller's own certificate, for a server that asks for one.
        key_file: PEM of that certificate's key.
        allow_insecure_remote: Send the token unencrypted to another machine, where something else encrypts.
    """

    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    allow_insecure_remote: bool = False

    def __post_init__(self) -> None:
        if not all("!" <= letter <= "~" for letter in self.token):
            raise ConfigError("the token has characters that none has, expected one word, ct_...", reason="BAD_TOKEN")

    def channel(self, address: str) -> grpc.Channel:
        """A channel to a server.

        Raises:
            ConfigError: a file that cannot be read (BAD_CERTIFICATE), a certificate without its key or without
                `ca_file`, or a token that strangers could read (INSECURE_REMOTE).
        """
        options = [("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000)]
        if (self.certificate_file is None) != (self.key_file is None):
            raise ConfigError("a certificate and its key belong together, found one of them")
        if self.ca_file is None:
            if self.certificate_file is not None:
                raise ConfigError("a certificate is no use on a connection that is not encrypted; give ca_file as well")
            if self.token and not self.allow_insecure_remote and not is_loopback(split_address(address)[0]):
                raise ConfigError(
                    "a token is not sent to another machine unencrypted; give ca_file", reason="INSECURE_REMOTE"
                )
            return grpc.insecure_channel(address, options=options)
        certificate, key = None, None
        if self.certificate_file is not None and self.key_file is not None:
            certificate, key = read_pair(self.certificate_file, self.key_file, name="client's")
        credentials = grpc.ssl_channel_credentials(
            root_certificates=read_authority(self.ca_file, name="ca_file"),
            private_key=key,
            certificate_chain=certificate,
        )
        return grpc.secure_channel(address, credentials, options=options)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


class Connection:
    """A channel to one server, and how its calls are made; `metadata` belongs to every one of them."""

    def __init__(self, address: str, *, credentials: Credentials, timeout_s: float, patience_s: float) -> None:
        self.channel = credentials.channel(address)
        self.metadata = credentials.metadata
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
                return method(request, timeout=self.timeout_s, metadata=self.metadata)
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
                for answer in method(request(), metadata=self.metadata):
                    patience.renew()
                    yield answer
            except grpc.RpcError as error:
                patience.pause(error)
            else:
                return

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()
