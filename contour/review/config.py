"""The review page's settings: where it listens, with which certificate, and what it puts up with."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from contour.certificates import read_pair
from contour.errors import ConfigError
from contour.listening import OFF, REQUIRED, TlsFiles, check_listener, split_address


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewConfig:
    """The settings. `listen` is HOST:PORT; port 0 takes a free one.

    With `tls` the page may be reached from other machines; without, from this one only, unless `allow_insecure_remote`.
    With `auth` off nobody signs in, everybody may do what a physicist may, and only this machine is listened on.
    `hosts` are the names that browsers know the page by, beyond localhost and its address: a request for any other
    name is refused. `attempts` wrong passwords in `attempts_s` seconds close a name for a peer, four times as many
    close a peer, ten times as many a name.

    Raises:
        ConfigError: an address that is not HOST:PORT (BAD_ADDRESS) or that strangers could reach (INSECURE_REMOTE), or
            a limit out of range (BAD_CONFIG).
    """

    listen: str = "127.0.0.1:8080"
    auth: str = REQUIRED
    tls: TlsFiles | None = None
    allow_insecure_remote: bool = False
    hosts: tuple[str, ...] = ()
    listeners: int = 64
    attempts: int = 5
    attempts_s: float = 900.0
    grace_s: float = 5.0

    def __post_init__(self) -> None:
        if self.auth not in {REQUIRED, OFF}:
            raise ConfigError(f"auth is {self.auth!r}, expected {REQUIRED} or {OFF}")
        for name in ("listeners", "attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"review.{name} is {getattr(self, name)}, expected at least 1")
        for name in ("attempts_s", "grace_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"review.{name} is {getattr(self, name):g}, expected more than 0")
        check_listener(
            "review.listen",
            self.listen,
            auth=self.auth,
            encrypted=self.is_secure,
            allow_insecure_remote=self.allow_insecure_remote,
        )

    @property
    def is_secure(self) -> bool:
        """Whether it is served over TLS."""
        return self.tls is not None

    @property
    def host(self) -> str:
        """The host of `listen`, without brackets."""
        return split_address(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of `listen`."""
        return split_address(self.listen)[1]

    def tls_context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or later with the certificate; None where there is none.

        Raises:
            ConfigError: the files cannot be read or do not belong together (BAD_CERTIFICATE).
        """
        if self.tls is None:
            return None
        read_pair(self.tls.certificate, self.tls.key, name="server's")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        return context
