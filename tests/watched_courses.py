"""Courses for tests of what watches them: fractions of chosen figures, and courses that drift from fraction 9 on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.dose_today import DoseComparison, DoseRow, DvhChange
from contour.adaptation.drift import StructureDrift, TargetMargin
from contour.adaptation.dvh import DvhPoints
from contour.adaptation.fraction_report import FractionReport, StructureRow, StructureTrust
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_facts import ScanFacts
from contour.adaptation.scan_quality import ScanQuality
from contour.adaptation.setup import SetupShift
from contour.errors import Finding
from registration.grid import Triple

PLAN = "2.25.1"
DRIFTS_FROM = 9
REFUSED = 14
STILL: Triple = (0.0, 0.0, 0.0)
QUALITY = ScanQuality(
    air_hu=-998.0, fat_hu=-101.0, muscle_hu=52.0, noise_hu=9.0, slice_step_mm=3.0, pixel_spacing_mm=1.0
)
_SCATTER_MM = (0.4, -0.3, 0.2, -0.4, 0.1)


def scatter_mm(number: int) -> Triple:
    """An even scatter of half a millimetre that repeats every five fractions: mean 0, mean moving range 0.56 mm."""
    lr, ap, si = (_SCATTER_MM[(number - 1 + turn) % 5] for turn in range(3))
    return (lr, ap, si)


def plus(one: Triple, other: Triple) -> Triple:
    x, y, z = (a + b for a, b in zip(one, other, strict=True))
    return (x, y, z)


def structure(
    name: str,
    shift_xyz_mm: Triple | None = STILL,
    *,
    change_percent: float | None = 0.0,
    planned_xyz_mm: Triple | None = None,
    inside_percent: float | None = None,
    trust: Verdict = "PASS",
) -> StructureRow:
    """A structure's row; it has a planning volume where its share inside is given."""
    margin = None
    if inside_percent is not None:
        margin = TargetMargin(
            planning_volume="PTV_7000", excursion_plan_mm=-5.0, excursion_today_mm=-1.0, inside_plan_percent=100.0,
            inside_today_percent=inside_percent, outside_today_ml=0.0, planned_xyz_mm=planned_xyz_mm,
        )  # fmt: skip
    drift = StructureDrift(
        name=name, plan_volume_ml=20.0, today_volume_ml=20.0, volume_change_percent=change_percent,
        change_in_view_percent=change_percent, shift_xyz_mm=shift_xyz_mm, dice=0.9, hd95_mm=2.0,
        mean_surface_distance_mm=0.7, out_of_view_percent=0.0, cut_by=(), margin=margin,
    )  # fmt: skip
    return StructureRow(drift=drift, trust=StructureTrust(expected_error_mm=1.0, verdict=trust))


def target(
    shift_xyz_mm: Triple | None = STILL,
    *,
    name: str = "CTV_7000",
    change_percent: float | None = 0.0,
    planned_xyz_mm: Triple | None = (5.0, 5.0, 5.0),
    inside_percent: float | None = 100.0,
    trust: Verdict = "PASS",
) -> StructureRow:
    """A target with a planning volume that reaches 5 mm beyond it."""
    return structure(
        name,
        shift_xyz_mm,
        change_percent=change_percent,
        planned_xyz_mm=planned_xyz_mm,
        inside_percent=inside_percent,
        trust=trust,
    )


def setup_of(shift_xyz_mm: Triple) -> SetupShift:
    return SetupShift(
        reference="isocentre", reference_xyz_mm=STILL, shift_xyz_mm=shift_xyz_mm, pitch_deg=0.0, yaw_deg=0.0,
        roll_deg=0.0, couch=None,
    )  # fmt: skip


def dose_of(name: str, *, loss_percent: float, plan_d95_gy: float = 70.0) -> DoseComparison:
    """A structure that loses so much of its D95."""
    plan = DvhPoints(
        volume_ml=20.0, d98_gy=68.0, d95_gy=plan_d95_gy, d50_gy=72.0, d2_gy=74.0, mean_gy=72.0, minimum_gy=60.0,
        maximum_gy=75.0, at_dose=(),
    )  # fmt: skip
    lost = DvhChange(d98_gy=0.0, d95_gy=-plan_d95_gy * loss_percent / 100.0, d50_gy=0.0, d2_gy=0.0, mean_gy=0.0)
    return DoseComparison(rows=(DoseRow(name=name, plan=plan, today=plan, today_less_plan=lost),))


def fraction(
    number: int,
    *rows: StructureRow,
    setup: Triple | None = STILL,
    verdict: Verdict = "PASS",
    reason: str = "",
    days_since_plan: int | None = None,
    dose: DoseComparison | None = None,
    has_scan: bool = True,
) -> CourseFraction:
    """A fraction of one a weekday: the sixth is seven days after the first, which is seven days after the plan."""
    uid = f"2.25.{100 + number}"
    day = 7 + number - 1 + 2 * ((number - 1) // 5) if days_since_plan is None else days_since_plan
    report = FractionReport(
        verdict=verdict,
        reasons=(Finding(reason=reason, message=""),) if reason else (),
        plan_series_uid=PLAN,
        daily_series_uid=uid,
        setup=None if setup is None else setup_of(setup),
        structures=rows,
        dose=dose,
        scan=ScanFacts(device="a1b2", days_since_plan=day, quality=QUALITY) if has_scan else None,
    )
    return CourseFraction(number=number, daily_series_uid=uid, report=report)


def refused(number: int = REFUSED, *rows: StructureRow, setup: Triple | None = None) -> CourseFraction:
    """Another patient's scan."""
    return fraction(number, *rows, setup=setup, verdict="REFUSE", reason="WRONG_PATIENT")


def course(fractions: Iterable[CourseFraction], *, planned_fractions: int | None = 30) -> CourseHistory:
    return CourseHistory(plan_series_uid=PLAN, planned_fractions=planned_fractions, fractions=tuple(fractions))


def quiet(number: int) -> CourseFraction:
    """Scatter alone, of set-up and target."""
    return fraction(number, target(scatter_mm(number + 1)), structure("Parotid_L"), setup=scatter_mm(number))


def course_of(
    count: int, day: Callable[[int], CourseFraction] = quiet, *, without: tuple[int, ...] = ()
) -> CourseHistory:
    """Fractions 1 to `count` less those that never came."""
    return course(day(number) for number in range(1, count + 1) if number not in without)


def setup_drifts(count: int, *, by: Triple, refuse: int | None = REFUSED) -> CourseHistory:
    """Set-up is off by so much from fraction 9 on; fraction 14 is another patient's, 90 mm away."""

    def day(number: int) -> CourseFraction:
        if number == refuse:
            return refused(number, target((90.0, 90.0, 90.0), change_percent=400.0), setup=(90.0, 90.0, 90.0))
        shift = plus(scatter_mm(number), by if number >= DRIFTS_FROM else STILL)
        return fraction(number, target(scatter_mm(number + 1)), structure("Parotid_L"), setup=shift)

    return course_of(count, day)


def target_shrinks(count: int, *, percent_a_fraction: float) -> CourseHistory:
    """A target that loses so much of the plan's volume each fraction; the rest is scatter."""

    def day(number: int) -> CourseFraction:
        shrunk = target(scatter_mm(number + 1), change_percent=-percent_a_fraction * number + scatter_mm(number)[0])
        return fraction(number, shrunk, structure("Parotid_L"), setup=scatter_mm(number))

    return course_of(count, day)


def target_drifts(count: int, *, mm_a_fraction: float, planned_xyz_mm: Triple = (5.0, 5.0, 5.0)) -> CourseHistory:
    """A target that moves to the patient's left, a little more each fraction from the first."""

    def day(number: int) -> CourseFraction:
        shift = plus(scatter_mm(number + 1), (mm_a_fraction * number, 0.0, 0.0))
        return fraction(number, target(shift, planned_xyz_mm=planned_xyz_mm), setup=scatter_mm(number))

    return course_of(count, day)
