"""What the fraction's picture says in words: verdict, reasons, set-up, and the table of what moved."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from contour import __version__
from contour.adaptation.dose_today import DoseComparison
from contour.adaptation.fraction_report import FractionReport, StructureRow
from contour.adaptation.setup import SetupShift
from contour.adaptation.targets import read_target_name
from contour.preview.annotation import CAUTION, FAINT

_INK = "#e8eaed"
_VERDICTS = {"PASS": ("#2e9e5b", "PASS"), "LOOK": ("#d9822b", "LOOK"), "REFUSE": ("#d64545", "REFUSED")}
_MOST_REASONS = 4
_MOST_ROWS = 14
_REASON_WIDTH = 108
_NAME_LENGTH = 20
_BOX = "\N{WHITE SQUARE}"

Colour = tuple[float, float, float]

_COLUMNS: tuple[tuple[str, float], ...] = (
    ("Structure", 0.0),
    ("Verdict", 0.135),
    ("Expected error", 0.215),
    ("Shift LR / AP / SI", 0.325),
    ("Volume", 0.455),
    ("Dice", 0.565),
    ("HD95", 0.625),
    ("In PTV", 0.695),
    ("Beyond PTV", 0.765),
    ("To target", 0.86),
)
"""Headings and where they begin, as a share of the table's width."""


def plain(text: str) -> str:
    """Text from outside as it is: no mathematics between dollar signs, and a box for what the font does not have."""
    drawn = "".join(letter if ord(letter) in _letters() else _BOX for letter in text if letter.isprintable())
    return drawn.replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """Code points of the font that the picture is written in."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def write_frame(figure: Figure, report: FractionReport, *, aligned: bool, carried: bool) -> None:
    """Heading with the verdict, its reasons, titles of the rows, and what the picture must not be used for."""
    colour, word = _VERDICTS[report.verdict]
    number = "" if report.fraction is None else f" {report.fraction}"
    title = f"Fraction{number}" + (f"   {plain(report.label)[:40]}" if report.label else "")
    figure.text(0.015, 0.972, title, color=_INK, size=17, weight="bold", va="center")
    figure.text(
        0.985, 0.972, f" {word} ", color="white", size=16, weight="bold", ha="right", va="center",
        bbox={"facecolor": colour, "edgecolor": "none", "boxstyle": "round,pad=0.35"},
    )  # fmt: skip
    reasons = [_cut(f"{one.reason}: {one.message}", _REASON_WIDTH) for one in report.reasons[:_MOST_REASONS]]
    more = len(report.reasons) - len(reasons)
    if more > 0:
        reasons[-1] += f"   (and {more} more in drift.json)"
    for place, text in enumerate(reasons):
        figure.text(0.25, 0.984 - 0.0165 * place, plain(text), color=_INK, size=9.5, va="center")
    before = "Set-up put right only" if aligned else "As their coordinates have it"
    figure.text(0.015, 0.888, f"{before}: plan magenta, today green", color=_INK, size=11, weight="bold")
    after = "Deformed to today: plan magenta, today green" if aligned else "No alignment"
    figure.text(0.515, 0.888, after, color=_INK, size=11, weight="bold")
    title = "Today's scan with the plan's contours" if carried else "Today's scan; no contours are handed out"
    figure.text(0.015, 0.62, title, color=_INK, size=11, weight="bold")
    warning = (
        f"UNAPPROVED, made by software (contour {__version__}).  Research software, not a medical device; "
        "not for clinical use without review."
    )
    figure.text(0.5, 0.012, warning, color=CAUTION, size=10, ha="center", va="center")


def draw_table(figure: Figure, report: FractionReport, colours: Mapping[str, Colour]) -> None:
    """Set-up, one row per structure, lesions and dose."""
    left, width, top = 0.015, 0.97, 0.335
    if report.setup is not None:
        figure.text(left, top, setup_line(report.setup), color=_INK, size=10.5, va="center")
    quality = _quality_line(report)
    if quality:
        figure.text(left, top - 0.019, quality, color=FAINT, size=9.5, va="center")
    height = top - 0.045
    if report.structures:
        for heading, share in _COLUMNS:
            figure.text(left + share * width, height, heading, color=FAINT, size=9.5, va="center")
    for row in report.structures[:_MOST_ROWS]:
        height -= 0.0162
        _write_row(figure, row, (left, width, height), colours.get(row.drift.name, (0.9, 0.9, 0.9)))
    rest = len(report.structures) - _MOST_ROWS
    if rest > 0:
        height -= 0.0162
        figure.text(left, height, f"and {rest} more in drift.json", color=FAINT, size=9.5, va="center")
    height -= 0.019
    for text in (_lesion_line(report), _dose_line(report.dose)):
        if text and height > 0.025:
            figure.text(left, height, text, color=_INK, size=9.5, va="center")
            height -= 0.0165


def setup_line(setup: SetupShift) -> str:
    """Six degrees of freedom and the couch move in one line."""
    lr, ap, si = setup.shift_xyz_mm
    text = (
        f"Set-up at {plain(setup.reference)}:  LR {lr:+.1f}  AP {ap:+.1f}  SI {si:+.1f} mm "
        f"(left, back, head positive)   pitch {setup.pitch_deg:+.1f}  roll {setup.roll_deg:+.1f}  "
        f"yaw {setup.yaw_deg:+.1f} deg"
    )
    couch = setup.couch
    if couch is None:
        return text
    return text + (
        f"     couch move: lateral {couch.lateral_mm:+.1f}  longitudinal {couch.longitudinal_mm:+.1f}  "
        f"vertical {couch.vertical_mm:+.1f} mm"
    )


def _write_row(figure: Figure, row: StructureRow, at: tuple[float, float, float], colour: Colour) -> None:
    left, width, height = at
    drift, trust = row.drift, row.trust
    ink, word = _VERDICTS[trust.verdict]
    shift = drift.shift_xyz_mm
    change = "cut off" if drift.volume_change_percent is None else f"{drift.volume_change_percent:+.0f} %"
    margin, clearance = drift.margin, drift.clearance
    cells = (
        plain(_cut(drift.name, _NAME_LENGTH)),
        word,
        "" if trust.expected_error_mm is None else f"{trust.expected_error_mm:.1f} mm",
        "" if shift is None else " / ".join(f"{v:+.1f}" for v in shift) + " mm",
        f"{drift.today_volume_ml:.1f} ml  {change}",
        "" if drift.dice is None else f"{drift.dice:.2f}",
        "" if drift.hd95_mm is None else f"{drift.hd95_mm:.1f} mm",
        "" if margin is None else f"{margin.inside_today_percent:.0f} %",
        "" if margin is None else f"{margin.excursion_today_mm:+.1f} mm",
        "" if clearance is None else f"{clearance.plan_mm:.1f} > {clearance.today_mm:.1f} mm",
    )
    for place, (text, (_, share)) in enumerate(zip(cells, _COLUMNS, strict=True)):
        paint = colour if place == 0 else ink if place == 1 else _INK
        weight = "bold" if place < 2 else "normal"
        figure.text(left + share * width, height, text, color=paint, size=9.5, va="center", weight=weight)


def _quality_line(report: FractionReport) -> str:
    quality = report.alignment
    if quality is None:
        return ""
    parts: list[str] = []
    if quality.agreement_after is not None and quality.agreement_before is not None:
        parts.append(f"image agreement {quality.agreement_before:.2f} > {quality.agreement_after:.2f}")
    if quality.inverse_consistency_p95_mm is not None:
        parts.append(f"there and back {quality.inverse_consistency_p95_mm:.1f} mm (95 %)")
    if quality.jacobian_minimum is not None and quality.jacobian_maximum is not None:
        parts.append(f"local volume {quality.jacobian_minimum:.2f} to {quality.jacobian_maximum:.2f}")
    if quality.landmarks is not None and quality.landmark_mean_mm is not None:
        parts.append(f"{quality.landmarks} feature points, {quality.landmark_mean_mm:.1f} mm off on average")
    return "Alignment:  " + ",  ".join(parts) if parts else ""


def _lesion_line(report: FractionReport) -> str:
    if not report.lesions:
        return ""
    return plain(
        _cut("Lesions:  " + ",  ".join(f"{one.lesion} of {one.target} {one.fate}" for one in report.lesions), 180)
    )


def _dose_line(dose: DoseComparison | None) -> str:
    if dose is None:
        return ""
    texts: list[str] = []
    for row in sorted(dose.rows, key=lambda one: read_target_name(one.name) is None):  # targets first
        if row.plan is None or row.today is None:
            continue
        if read_target_name(row.name) is not None:
            texts.append(f"{row.name} D95 {row.plan.d95_gy:.1f} > {row.today.d95_gy:.1f}")
        else:
            texts.append(f"{row.name} mean {row.plan.mean_gy:.1f} > {row.today.mean_gy:.1f}")
    return plain(_cut("Dose plan > today, Gy:  " + ";  ".join(texts), 190))


def _cut(text: str, most: int) -> str:
    return textwrap.shorten(text, most, placeholder=" …") if " " in text[:most] else text[:most]


__all__: Sequence[str] = ["draw_table", "plain", "setup_line", "write_frame"]
