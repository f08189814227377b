"""A network is watched over all patients: by its chart, and before and after a change of its version."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from scipy import stats

from contour.adaptation.watch.models import ModelObservation, ModelWatch, bias_findings, model_source, watch_models
from contour.adaptation.watch.rules import read_watch_rules
from tests.watched_courses import scatter_mm

RULES = read_watch_rules()


def told(values: Sequence[float | None], *, version: str = "1", model: str = "heads") -> list[ModelObservation]:
    return [ModelObservation(model=model, version=version, confidence=value) for value in values]


def steady(count: int, *, around: float = 0.85) -> list[float]:
    return [around + scatter_mm(number)[0] / 100 for number in range(1, count + 1)]


def only(observations: Sequence[ModelObservation]) -> ModelWatch:
    (found,) = watch_models(observations, RULES)
    return found


def test_a_network_that_stays_is_quiet() -> None:
    found = only(told(steady(20)))

    assert (found.model, found.version, found.figure, len(found.values)) == ("heads", "1", "confidence", 20)
    assert found.chart is not None
    assert not found.is_out_of_control
    assert found.change is None
    assert model_source([found]).state == "quiet"


def test_a_network_that_becomes_less_sure_is_told_with_its_figure_and_its_limits() -> None:
    found = model_source([only(told([*steady(12), 0.7]))])

    assert (found.source, found.state, found.since) == ("model", "moved", None)
    assert found.evidence.startswith("predicted Dice of heads is 0.700, expected 0.8")
    assert "Nelson 1" in found.evidence


def test_a_new_version_is_charted_by_its_own_patients_and_compared_with_the_one_before() -> None:
    found = only([*told(steady(8)), *told(steady(4, around=0.9), version="2")])

    assert (found.version, len(found.values), found.chart) == ("2", 4, None)
    change = found.change
    assert change is not None
    assert (change.version_before, change.version_after) == ("1", "2")
    assert (change.patients_before, change.patients_after) == (8, 4)
    assert (change.before, change.after) == pytest.approx((0.85, 0.9), abs=2e-3)
    assert change.is_sure
    assert "from 0.850 to 0.900 with version 2" in model_source([found]).evidence


def test_a_change_of_version_is_no_news_once_the_new_one_has_its_own_chart() -> None:
    def state(patients: int) -> str:
        return model_source([only([*told(steady(8)), *told(steady(patients, around=0.9), version="2")])]).state

    assert [state(30), state(31)] == ["moved", "quiet"]


def test_the_test_of_a_change_is_welchs_of_scipy_on_the_values_themselves() -> None:
    before, after = steady(9), [0.86, 0.80, 0.91, 0.77, 0.88]
    change = only([*told(before), *told(after, version="2")]).change

    assert change is not None
    assert change.p_value == pytest.approx(stats.ttest_ind(before, after, equal_var=False).pvalue)
    assert not change.is_sure


def test_welchs_p_is_that_of_a_worked_example() -> None:
    """R's `sleep` (Student 1908), extra hours of sleep, t.test(extra ~ group): t -1.8608, df 17.776, p 0.07939."""
    before = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
    after = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
    change = only([*told(before), *told(after, version="2")]).change

    assert change is not None
    assert change.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (change.before, change.after) == pytest.approx((0.75, 2.33))


def test_a_reviewer_who_stops_editing_is_a_change_without_a_warning() -> None:
    """Dice of exactly 1 does not scatter at all; scipy warns of that and this test's warnings are errors."""
    change = only([*told(steady(8)), *told([1.0] * 4, version="2")]).change

    assert change is not None
    assert change.is_sure


def test_too_few_patients_or_no_scatter_at_all_make_no_test() -> None:
    few = only([*told(steady(8)), *told(steady(2), version="2")]).change
    flat = only([*told([0.9] * 4), *told([1.0] * 4, version="2")]).change

    assert few is not None
    assert flat is not None
    assert (few.p_value, flat.p_value) == (None, None)
    assert not few.is_sure


def test_confidence_and_edit_are_two_figures_and_models_come_in_order() -> None:
    both = [
        ModelObservation(model="b", version="1", confidence=None, edit=0.9),
        ModelObservation(model="a", version="1", confidence=0.8, edit=0.95),
        ModelObservation(model="c", version="1", confidence=None),
    ]

    assert [(one.model, one.figure, one.values) for one in watch_models(both, RULES)] == [
        ("b", "edit", (0.9,)),
        ("a", "confidence", (0.8,)),
        ("a", "edit", (0.95,)),
    ]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_network_without_a_patient_beyond_its_baseline_is_not_known(count: int) -> None:
    found = model_source(watch_models(told(steady(count)), RULES))

    assert (found.state, found.evidence) == ("unknown", "too few patients to tell")


def reviewed(edits: Sequence[float], seconds: Sequence[float]) -> list[ModelObservation]:
    return [
        ModelObservation(model="heads", version="1", confidence=None, edit=edit, review_s=second)
        for edit, second in zip(edits, seconds, strict=True)
    ]


def test_seconds_of_review_are_a_figure_of_their_own_and_say_nothing_of_the_network() -> None:
    slow = [60.0 + 10.0 * scatter_mm(number)[0] for number in range(1, 16)]
    found = watch_models(reviewed(steady(16), [*slow, 5.0]), RULES)

    assert [one.figure for one in found] == ["edit", "review_s"]
    assert found[1].is_out_of_control
    assert model_source(found).state == "quiet"
    assert model_source(found).evidence.startswith("1 figures")


def test_reviewers_who_stop_editing_and_hurry_are_told() -> None:
    slow = [60.0 + 10.0 * scatter_mm(number)[0] for number in range(1, 16)]
    quiet = bias_findings(watch_models(reviewed(steady(15), slow), RULES))
    hasty = bias_findings(watch_models(reviewed([*steady(15), 1.0], [*slow, 5.0]), RULES))
    thorough = bias_findings(watch_models(reviewed([*steady(15), 0.6], [*slow, 400.0]), RULES))

    assert quiet == thorough == ()
    assert [one.reason for one in hasty] == ["EDITS_STOPPED", "REVIEWS_QUICKER"]
    assert "heads are 5, expected at least" in hasty[1].message
