"""UIDs that follow from an id, so that a job that is run again writes the same objects."""

from __future__ import annotations

import uuid
from collections.abc import Callable


def uids_of(job_id: str) -> Callable[[], str]:
    """The same UIDs, in the same order, each time the job is run (PS3.5 B.2)."""
    namespace, count = uuid.UUID(hex=job_id), 0

    def next_uid() -> str:
        nonlocal count
        count += 1
        return f"2.25.{uuid.uuid5(namespace, str(count)).int}"

    return next_uid
