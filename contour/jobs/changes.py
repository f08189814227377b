"""Tells those who watch jobs that something may have changed; what changed they read from the store."""

from __future__ import annotations

import threading


class Changes:
    """A count that only grows, and a way to wait until it has."""

    def __init__(self) -> None:
        self._count = 0
        self._condition = threading.Condition()

    @property
    def count(self) -> int:
        """How many changes there were."""
        return self._count

    def announce(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, limit_s: float) -> int:
        """The count, as soon as it is past what was seen, or when the time is over."""
        with self._condition:
            self._condition.wait_for(lambda: self._count > seen, timeout=limit_s)
            return self._count
