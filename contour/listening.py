"""Where services listen: addresses, the files that encrypt them, and which address may be listened on how."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from contour.errors import ConfigError

REQUIRED = "required"
"""Whoever calls or signs in has to have an account."""

OFF = "off"
"""Nobody is asked who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the service's certificate with those between it and its authority, and its key without a password.

    With `client_ca` a caller has to show a certificate that this authority has signed. It must be an authority of the
    site's own: whoever gets a certificate from it passes.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


def split_address(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT; an IPv6 host stands in brackets.

    Raises:
        ConfigError: it is not one (BAD_ADDRESS).
    """
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"address is {text!r}, expected HOST:PORT", reason="BAD_ADDRESS")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(host: str) -> bool:
    """True where nobody but this machine can reach the host; a name other than localhost counts as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_listener(name: str, address: str, *, auth: str, encrypted: bool, allow_insecure_remote: bool) -> None:
    """Refuse an address that strangers could reach.

    Args:
        name: The setting, for the message.
        address: HOST:PORT.
        auth: `REQUIRED` or `OFF`; where it is off, nothing but the loopback interface is listened on.
        encrypted: Whether this listener has TLS and asks who calls.
        allow_insecure_remote: Whether something in front of it (a TLS proxy, a container network) keeps strangers out.

    Raises:
        ConfigError: no address (BAD_ADDRESS), or one that others could reach (INSECURE_REMOTE).
    """
    host, _ = split_address(address)
    if is_loopback(host):
        return
    if auth == OFF:
        raise ConfigError(
            f"{name} is {address}, expected a loopback address: auth is off, so nobody is asked who they are",
            reason="INSECURE_REMOTE",
        )
    if not encrypted and not allow_insecure_remote:
        raise ConfigError(
            f"{name} is {address}, expected a loopback address: it has no TLS; set allow_insecure_remote = true if "
            "something in front of it has",
            reason="INSECURE_REMOTE",
        )
