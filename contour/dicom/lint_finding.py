"""One thing that a check found in a structure set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """A finding: how grave, its stable code, a sentence, the structure it is about and the measured values.

    `roi` is empty where the finding is about the whole file.
    """

    severity: Severity
    code: str
    message: str
    roi: str = ""
    measured: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        where = f"{self.roi}: " if self.roi else ""
        return f"{self.severity} {self.code}: {where}{self.message}"

    @classmethod
    def error(cls, code: str, message: str, *, roi: str = "", **measured: str) -> LintFinding:
        """A planning system would refuse it, or show something else than was drawn."""
        return cls(severity="error", code=code, message=message, roi=roi, measured=tuple(measured.items()))

    @classmethod
    def warning(cls, code: str, message: str, *, roi: str = "", **measured: str) -> LintFinding:
        """May be read differently by different systems, or deserves a look."""
        return cls(severity="warning", code=code, message=message, roi=roi, measured=tuple(measured.items()))

    @classmethod
    def info(cls, code: str, message: str, *, roi: str = "", **measured: str) -> LintFinding:
        """Worth knowing."""
        return cls(severity="info", code=code, message=message, roi=roi, measured=tuple(measured.items()))

    def as_json(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "roi": self.roi or None,
            "measured": dict(self.measured),
        }
