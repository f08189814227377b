"""How long-running work says where it is, and how it is told to stop."""

from __future__ import annotations

from typing import Protocol

STAGES = ("read", "body", "network", "restore", "clean-up", "write", "verify")
"""The stages of the planning walk, in order."""

DAILY_STAGES = (
    "read",
    "scan",
    "rigid",
    "keypoints",
    "deformable",
    "inverse",
    "backward",
    "network",
    "carry",
    "drift",
    "dose",
    "report",
    "write",
)
"""The stages of the daily walk, in order."""


class Progress(Protocol):
    """Called with a stage's name and the fraction of it that is done; raises CancelledError to stop the work."""

    def __call__(self, stage: str, fraction: float) -> None:
        """This fraction of the stage is done, 0 to 1."""


def no_progress(stage: str, fraction: float) -> None:
    """Listens to nobody."""
