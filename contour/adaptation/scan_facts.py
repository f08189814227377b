"""What is kept of a day's scan beside the patient: which scanner took it, when, and how it behaved."""

from __future__ import annotations

from dataclasses import dataclass

from contour.adaptation.scan_quality import ScanQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFacts:
    """A day's scan.

    Args:
        device: A hash that stands for the scanner; "" where the header names none.
        days_since_plan: Days from the plan CT to this scan; None where a header has no date.
        quality: Its HU, noise and steps.
    """

    device: str
    days_since_plan: int | None
    quality: ScanQuality
