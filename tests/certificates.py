"""Certificates for tests, made by the openssl command: an authority of one's own, and what it signs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {common_name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {alternative_names}
"""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `certificate` is its own."""

    def __init__(self, folder, name="Test authority"):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = self._config(name, "DNS:nowhere.invalid")
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        _openssl(
            "req", "-x509", "-config", config, "-extensions", "authority", "-days", "2",
            *_NEW_KEY, "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def sign(self, common_name, alternative_names="IP:127.0.0.1", days=2):
        """A certificate for one name, with its key."""
        stem = "".join(letter if letter.isalnum() else "-" for letter in f"{common_name}-{alternative_names}")
        config = self._config(common_name, alternative_names)
        pair = Pair(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        request = self._folder / f"{stem}.csr"
        _openssl("req", "-new", "-config", config, *_NEW_KEY, "-keyout", pair.key, "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
            "-extfile", config, "-extensions", "leaf", "-days", str(days), "-out", pair.certificate,
        )  # fmt: skip
        return pair

    def _config(self, common_name, alternative_names):
        path = self._folder / "openssl.cnf"
        path.write_text(_CONFIG.format(common_name=common_name, alternative_names=alternative_names))
        return path


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
