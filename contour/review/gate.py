"""Who gets to try a password: few wrong ones per name and address, and few at once, as each takes memory and work."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from contour.review.answers import RefusedError
from contour.store.attempts import AttemptLimit

_AT_ONCE, _WAITING = 2, 8
_PEER_SHARE, _NAME_SHARE = 4, 10
_T = TypeVar("_T")


class PasswordGate:
    """Stands before every check of a password. Every method can be called from any thread.

    A name and address together have `most` failures in `per_s` seconds, an address four times and a name ten times as
    many: nobody shuts a colleague out from elsewhere without some patience, and nobody guesses for long either.
    """

    def __init__(self, most: int, per_s: float) -> None:
        self._pairs = AttemptLimit(most, per_s, clock_s=time.monotonic)
        self._peers = AttemptLimit(_PEER_SHARE * most, per_s, clock_s=time.monotonic)
        self._names = AttemptLimit(_NAME_SHARE * most, per_s, clock_s=time.monotonic)
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._queue = threading.BoundedSemaphore(_AT_ONCE + _WAITING)

    def attempt(self, name: str, peer: str, check: Callable[[], _T | None]) -> _T | None:
        """What `check` says; None is a failure and counted.

        Raises:
            RefusedError: TOO_MANY_ATTEMPTS, and the password is not looked at.
        """
        if not self._queue.acquire(blocking=False):
            raise _refused(1.0)
        try:
            with self._places, self.counting(name, peer) as tried:
                found = check()
                tried.failed = found is None
        finally:
            self._queue.release()
        return found

    @contextmanager
    def counting(self, name: str, peer: str) -> Iterator[Attempt]:
        """A block in which a password is checked; it counts as a failure where it says so.

        Raises:
            RefusedError: TOO_MANY_ATTEMPTS, and the block is not entered.
        """
        group = _group(peer)
        keys = ((self._pairs, f"{name} {group}"), (self._peers, group), (self._names, name))
        attempt = Attempt()
        wait_s = max(limit.retry_after_s(key) for limit, key in keys)
        if wait_s > 0:
            raise _refused(wait_s)
        try:
            yield attempt
        finally:
            for limit, key in keys if attempt.failed else ():
                limit.failed(key)
        if not attempt.failed:
            self._pairs.succeeded(keys[0][1])


class Attempt:
    """One attempt; `failed` is set by whoever checks the password."""

    def __init__(self) -> None:
        self.failed = False


def _refused(wait_s: float) -> RefusedError:
    message = "too many attempts to give a password, expected somebody to wait"
    return RefusedError(429, "TOO_MANY_ATTEMPTS", message, retry_after_s=math.ceil(wait_s))


def _group(peer: str) -> str:
    """The address, or of IPv6 its network: whoever has one address there has 2^64."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
