"""Passwords: the rules for them, and their argon2id hashes."""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contour.errors import InputError

FEWEST_CHARACTERS = 12
MOST_CHARACTERS = 1024
_HASHES_AT_ONCE = 4
"""Each takes 64 MiB: strangers who sign in at the same time wait for each other instead of filling the memory."""


class Passwords:
    """Makes and checks hashes; any thread may ask."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """With argon2-cffi's parameters (RFC 9106, low memory), or those of `hasher`."""
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def hash_new(self, password: str, *, name: str) -> str:
        """The hash of a new password of the account `name`.

        Raises:
            InputError: WEAK_PASSWORD.
        """
        if not FEWEST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
            raise InputError(
                f"found a password of {len(password)} characters, expected {FEWEST_CHARACTERS} to {MOST_CHARACTERS}",
                reason="WEAK_PASSWORD",
            )
        if password.casefold() == name.casefold():
            raise InputError("the password is the account's name, expected another", reason="WEAK_PASSWORD")
        form = _bytes(password)
        if form is None:
            raise InputError("the password holds half a character, expected Unicode text", reason="WEAK_PASSWORD")
        with self._turns:
            return self._hasher.hash(form)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """True for the password that the hash is of. Without a hash it takes as long: the time tells nothing."""
        form = _bytes(password) if len(password) <= MOST_CHARACTERS else None
        if form is None:
            return False
        with self._turns:
            if password_hash is None:
                self._hasher.hash(form)
                return False
            try:
                return self._hasher.verify(password_hash, form)
            except (VerificationError, InvalidHashError):
                return False

    def renewed(self, password: str, password_hash: str) -> str | None:
        """A new hash of a password that matched, where the old one was made with other parameters; else None."""
        form = _bytes(password)
        if form is None or not self._hasher.check_needs_rehash(password_hash):
            return None
        with self._turns:
            return self._hasher.hash(form)


def _bytes(password: str) -> bytes | None:
    """The same for the same letters from every keyboard; None for text that is no Unicode."""
    try:
        return unicodedata.normalize("NFKC", password).encode("utf-8")
    except UnicodeEncodeError:
        return None
