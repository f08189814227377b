"""A synthetic course, fraction by fraction: what is known after each, and what is caught."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.adaptation.watch.rules import WatchRules, read_watch_rules
from contour.cli.output_file import write_folder
from contour.cli.planned import new_uid
from contour.dicom.ct_reader import read_ct_folder
from contour.jobs.course import FractionGiven, watch_fractions
from contour.jobs.daily import adapt_fraction
from contour.jobs.daily_values import DailyInputs, DailyResult, DailySettings
from contour.phantom.course import CourseSettings, write_course
from contour.preview.course_page import course_report_files

if TYPE_CHECKING:
    from contour.adaptation.watch.values import CourseWatch, Trigger
    from contour.dicom.ct_series import CtSeries
    from contour.segmentation import Model

SITE = "head and neck"


def play(out: Path, settings: CourseSettings, model: Model | None) -> None:
    """Write the scans, work out each fraction, tell what is new, and write the report."""
    click.echo(f"Drawing patient {settings.seed} and scanning {settings.fractions} fractions", err=True)
    scans = out / "scans"
    write_course(scans, settings)
    plan = read_ct_folder(scans / "plan" / "ct")
    (out / "fractions").mkdir()
    rules = read_watch_rules()
    given: list[FractionGiven] = []
    told: set[tuple[str, str, str]] = set()
    for number in range(1, settings.fractions + 1):
        result = _fraction(scans, plan, number, settings, model)
        write_folder(out / "fractions" / f"fraction_{number:02d}", result.files)
        given.append(FractionGiven(report=result.report))
        watch = _watch(given, rules, settings)
        click.echo(_line(number, result))
        for trigger in watch.triggers:
            if _key(trigger) not in told:
                told.add(_key(trigger))
                click.echo(f"    {trigger.level}: {trigger.evidence} (since fraction {trigger.since})")
    watch = _watch(given, rules, settings)
    title = f"Synthetic patient {settings.seed}"
    write_folder(out / "report", course_report_files(watch, title=title, made=datetime.now(UTC).astimezone()))
    click.echo(watch.summary)
    click.echo(str(out / "report" / "report.html"))


def _fraction(scans: Path, plan: CtSeries, number: int, settings: CourseSettings, model: Model | None) -> DailyResult:
    return adapt_fraction(
        DailyInputs(
            plan=plan,
            plan_structures=(scans / "plan" / "RS.dcm").read_bytes(),
            daily=read_ct_folder(scans / f"fraction_{number:02d}" / "ct"),
            plan_dose=(scans / "plan" / "RD.dcm").read_bytes(),
        ),
        settings=DailySettings(fraction=number, planned_fractions=settings.fractions),
        model=model,
        now=datetime.now(UTC).astimezone(),
        uid_source=new_uid,
    )


def _watch(given: list[FractionGiven], rules: WatchRules, settings: CourseSettings) -> CourseWatch:
    return watch_fractions(given, site=SITE, rules=rules, planned_fractions=settings.fractions)


def _line(number: int, result: DailyResult) -> str:
    reason = f" {result.reasons[0].reason}" if result.reasons else ""
    setup = result.report.setup
    shift = "" if setup is None else ", set-up LR {:+.1f} AP {:+.1f} SI {:+.1f} mm".format(*setup.shift_xyz_mm)
    return f"fraction {number:2d}: {result.verdict}{reason}{shift}"


def _key(trigger: Trigger) -> tuple[str, str, str]:
    return trigger.rule, trigger.structure, trigger.axis
