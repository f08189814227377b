"""Each of the four is told by its own evidence, and what is not known is not called quiet."""

from __future__ import annotations

import pytest

from contour.adaptation.watch.rules import read_watch_rules
from contour.adaptation.watch.sources import tell_sources
from contour.adaptation.watch.summary import attention_of, summarise_watch
from contour.adaptation.watch.values import SourceWatch, Trigger
from tests.watched_courses import course, course_of

PATIENT_RULES = (
    *("margin_exceeded", "margin_forecast", "coverage", "target_volume", "organ_volume"),
    *("volume_trend", "target_dose", "target_chart"),
)
MODEL = SourceWatch(source="model", state="quiet", since=None, evidence="2 figures within their limits")
SCANNER = SourceWatch(source="scanner", state="moved", since=None, evidence="noise of a1b2 is 20.0")


def trigger(rule: str, *, since: int = 9, level: str = "watch") -> Trigger:
    return Trigger(rule=rule, level=level, since=since, evidence=f"{rule} since {since}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "moved"),
    [*((rule, ["patient"]) for rule in PATIENT_RULES), ("setup_chart", ["set-up"]), ("setup_trend", ["set-up"])],
)
def test_a_rule_accuses_the_source_whose_evidence_it_is(rule: str, moved: list[str]) -> None:
    found = tell_sources([trigger(rule)], (), usable=9)

    assert [one.source for one in found] == ["patient", "set-up", "model", "scanner"]
    assert [one.source for one in found if one.state == "moved"] == moved


def test_every_rule_accuses_a_source_or_counts_fractions() -> None:
    rules = {one.name for one in read_watch_rules().rules}

    assert rules == {*PATIENT_RULES, "setup_chart", "setup_trend", "refused", "missing"}


@pytest.mark.parametrize("rule", ["margin_exceeded", "margin_forecast"])
def test_where_setup_is_not_corrected_a_margin_accuses_neither_patient_nor_setup(rule: str) -> None:
    found = tell_sources([trigger(rule)], (), usable=9, corrected_daily=False)

    assert [one.state for one in found[:2]] == ["quiet", "quiet"]


@pytest.mark.parametrize("rule", ["refused", "missing"])
def test_a_fraction_that_is_not_there_accuses_nobody(rule: str) -> None:
    assert {one.state for one in tell_sources([trigger(rule)], (), usable=9)} == {"quiet", "unknown"}


def test_a_source_moved_since_its_first_trigger_and_tells_three_of_them() -> None:
    found, *_ = tell_sources([trigger("coverage", since=n) for n in (12, 9, 11, 10, 13)], (), usable=9)

    assert found.since == 9
    assert found.evidence == "coverage since 12; coverage since 9; coverage since 11; and 2 more"


def test_model_and_scanner_are_what_is_known_of_them_over_all_courses_and_else_unknown() -> None:
    assert tell_sources([], (SCANNER, MODEL), usable=9)[2:] == (MODEL, SCANNER)
    assert [one.state for one in tell_sources([], (), usable=9)] == ["quiet", "quiet", "unknown", "unknown"]


@pytest.mark.parametrize(("usable", "state"), [(0, "unknown"), (2, "unknown"), (3, "quiet")])
def test_below_three_usable_fractions_quiet_is_not_said(usable: int, state: str) -> None:
    assert {one.state for one in tell_sources([], (MODEL, SCANNER), usable=usable)[:2]} == {state}
    assert tell_sources([trigger("coverage")], (), usable=usable)[0].state == "moved"


def test_the_summary_names_which_of_the_four_moved_and_what_is_asked_for() -> None:
    """The gravest trigger comes first, as `find_triggers` gives them."""
    triggers = [trigger("coverage", since=12, level="replan"), trigger("setup_chart", since=9)]
    sources = tell_sources(triggers, (SCANNER,), usable=15)

    assert summarise_watch(course_of(15), triggers, sources) == (
        "Moved: patient since fraction 12, set-up since fraction 9, scanner; not known: model. "
        "coverage since 12. The plan should be adapted."
    )


def test_the_summary_of_a_quiet_course_and_of_none() -> None:
    assert summarise_watch(course_of(9), [], tell_sources([], (MODEL,), usable=9)) == (
        "Nothing moved; not known: scanner. No rule asks for anything."
    )
    assert summarise_watch(course([]), [], tell_sources([], (), usable=0)) == "No fraction has come yet."


def test_attention_is_the_gravest_level() -> None:
    assert attention_of([]) == "ok"
    assert attention_of([trigger("missing")]) == "watch"
    assert attention_of([trigger("missing"), trigger("coverage", level="replan")]) == "replan"


def test_a_source_whose_rules_are_all_off_is_not_called_quiet() -> None:
    patient, setup, *_ = tell_sources([], (), usable=9, off=["setup_chart", "setup_trend", "coverage"])

    assert (setup.state, setup.evidence) == ("unknown", "all its rules are off")
    assert patient.state == "quiet"
