"""Slows down whoever guesses passwords or tokens: so many failures in so long, then none is looked at for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_KEYS = 10_000
"""Keys that are remembered; beyond them, those that failed longest ago are forgotten."""


class AttemptLimit:
    """Counts failures per key (a name, an address) in memory. Every method can be called from any thread.

    Count by name and by address, each with a limit of its own: one guesses a name from many addresses, another many
    names from one. Call `succeeded` on the name's alone, or whoever has one account may guess at others for ever.
    """

    def __init__(
        self,
        most: int,
        per_s: float,
        *,
        clock_s: Callable[[], float],
        most_keys: int = MOST_KEYS,
    ) -> None:
        """At most `most` failures of one key within any `per_s` seconds; `clock_s` never goes back."""
        if most < 1 or per_s <= 0 or most_keys < 1:
            raise ValueError(f"found {most} attempts per {per_s} s, expected at least one and a time above 0")
        self._most = most
        self._per_s = per_s
        self._clock_s = clock_s
        self._most_keys = most_keys
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many keys are remembered."""
        with self._lock:
            return len(self._failures)

    def is_blocked(self, key: str) -> bool:
        """True where the next attempt must not even be looked at."""
        return self.retry_after_s(key) > 0

    def retry_after_s(self, key: str) -> float:
        """Seconds until an attempt is looked at again; 0 where it would be now."""
        with self._lock:
            return self._wait_s(key, self._clock_s())

    def admit(self, key: str) -> bool:
        """Count an attempt before its answer is known; False, and not counted, where the key is blocked.

        Where many try at once, no more than the limit gets through; `is_blocked` then `failed` lets them all pass.
        """
        with self._lock:
            now_s = self._clock_s()
            if self._wait_s(key, now_s) > 0:
                return False
            self._count(key, now_s)
            return True

    def failed(self, key: str) -> None:
        """Count a failure; not needed after `admit`."""
        with self._lock:
            self._count(key, self._clock_s())

    def succeeded(self, key: str) -> None:
        """Forget the key's failures."""
        with self._lock:
            self._failures.pop(key, None)

    def _wait_s(self, key: str, now_s: float) -> float:
        failures = self._failures.get(key)
        if failures is None or len(failures) < self._most:
            return 0.0
        return max(0.0, failures[0] + self._per_s - now_s)

    def _count(self, key: str, now_s: float) -> None:
        failures = self._failures.setdefault(key, deque(maxlen=self._most))
        failures.append(now_s)
        self._failures.move_to_end(key)
        while len(self._failures) > self._most_keys or self._is_over(next(iter(self._failures.values())), now_s):
            self._failures.popitem(last=False)

    def _is_over(self, failures: deque[float], now_s: float) -> bool:
        return failures[-1] + self._per_s <= now_s
