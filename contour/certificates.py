"""Certificates and keys as PEM files, checked before they are used: gRPC itself says nothing of what is wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

from contour.errors import ConfigError


def read_pair(certificate: Path, key: Path, *, name: str) -> tuple[bytes, bytes]:
    """A certificate, with those between it and its authority, and its key.

    Args:
        certificate: PEM.
        key: PEM, without a password.
        name: Whose they are, for messages.

    Raises:
        ConfigError: one cannot be read, is no PEM, or they are no pair (BAD_CERTIFICATE).
    """
    found = _read(certificate, f"{name} certificate"), _read(key, f"{name} key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"the {name} certificate and key cannot be used, expected PEM files that belong together, the key without "
            "a password",
            reason="BAD_CERTIFICATE",
        ) from error
    return found


def read_authority(path: Path, *, name: str) -> bytes:
    """Certificates that others are checked by.

    Raises:
        ConfigError: the file cannot be read or holds none (BAD_CERTIFICATE).
    """
    found = _read(path, name)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{name} cannot be used, expected certificates as PEM", reason="BAD_CERTIFICATE") from error
    return found


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}", reason="BAD_CERTIFICATE") from error
