"""Do two CT series say that they are of the same patient? By their headers alone; no value is ever quoted."""

from __future__ import annotations

import unicodedata

from contour.dicom.ct_series import CtSeries
from contour.errors import Finding

_IDENTITY = ("PatientID", "PatientBirthDate", "PatientSex")


def differing_identity(one: CtSeries, other: CtSeries) -> tuple[str, ...]:
    """Keywords of the patient attributes in which two series disagree; an attribute that is empty in one says nothing.

    Issuers keep IDs apart; a name counts only where neither ID nor birth date can be compared, since spelling
    varies between systems.
    """
    differing = [keyword for keyword in _IDENTITY if _differ(one, other, keyword)]
    comparable = [keyword for keyword in _IDENTITY[:2] if _text(one, keyword) and _text(other, keyword)]
    if not comparable and _differ(one, other, "PatientName"):
        differing.append("PatientName")
    return tuple(differing)


def identity_findings(plan: CtSeries, daily: CtSeries) -> tuple[Finding, ...]:
    """WRONG_PATIENT where the headers contradict each other, UNKNOWN_PATIENT where they cannot tell."""
    differing = differing_identity(plan, daily)
    if differing:
        message = f"plan and daily scan are of different patients by {', '.join(differing)}"
        return (Finding(reason="WRONG_PATIENT", message=message, measured=(("differs", ", ".join(differing)),)),)
    if not (_text(plan, "PatientID") and _text(daily, "PatientID")):
        return (
            Finding(
                reason="UNKNOWN_PATIENT",
                message="plan and daily scan do not both carry a PatientID; their headers cannot tell whose they are",
            ),
        )
    return ()


def shared_instances(plan: CtSeries, daily: CtSeries) -> int:
    """How many of the day's slices are instances of the plan CT itself."""
    plans = {reference.sop_instance_uid for reference in plan.slices}
    return sum(reference.sop_instance_uid in plans for reference in daily.slices)


def _differ(one: CtSeries, other: CtSeries, keyword: str) -> bool:
    a, b = _text(one, keyword), _text(other, keyword)
    return bool(a and b and a != b)


def _text(series: CtSeries, keyword: str) -> str:
    """As systems mean it: case, width of letters, padding and the caret of an empty name part do not matter."""
    text = unicodedata.normalize("NFKC", str(series.header.get(keyword, "") or "")).casefold()
    return " ".join(text.replace("^", " ").split())
