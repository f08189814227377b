"""Networks over all patients: how sure they were, how much people changed what they drew, before and after a change.

Two figures are Dice per planning CT, the mean over its structures: `confidence` as the network's calibration predicts
it, `edit` between what it drew and what was approved. The third, `review_s`, is of the people: seconds of active work
that went into a structure's review. Reviewers who stop editing show as an edit that rises to 1 and seconds that fall
(automation bias); that says nothing of the network, so the seconds are no evidence that it moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from contour.adaptation.analytics.control_charts import ControlChart, baseline_of, watch_chart
from contour.adaptation.watch.rules import WatchRules
from contour.adaptation.watch.values import SourceWatch
from contour.errors import Finding

Figure = Literal["confidence", "edit", "review_s"]
_FIGURES: tuple[Figure, ...] = ("confidence", "edit", "review_s")
_WORDS = {
    "confidence": "predicted Dice",
    "edit": "Dice of what was drawn and what was approved",
    "review_s": "seconds of review per structure",
}
_OF_PEOPLE: frozenset[Figure] = frozenset({"review_s"})
_SURE = 0.01
_NEWS = 30
"""Patients of a new version after which its change is no news: its own chart goes on from there."""
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelObservation:
    """One planning CT that a network contoured, in the order in which they came; None where a figure is not known."""

    model: str
    version: str
    confidence: float | None
    edit: float | None = None
    review_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """A figure before and after the last change of a model's version.

    Args:
        before: Mean of the version before.
        after: Mean of the version now.
        p_value: Of Welch's test that both are the same; None below three patients on either side, or where neither
            side scatters.

    References: Welch 1947, doi:10.1093/biomet/34.1-2.28.
    """

    version_before: str
    version_after: str
    before: float
    after: float
    patients_before: int
    patients_after: int
    p_value: float | None

    @property
    def is_sure(self) -> bool:
        """The two differ at the level of 1 %."""
        return self.p_value is not None and self.p_value < _SURE

    @property
    def is_news(self) -> bool:
        """Sure, and the version is still new."""
        return self.is_sure and self.patients_after <= _NEWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWatch:
    """One figure of one model over its patients; the chart is of the version now."""

    model: str
    version: str
    figure: Figure
    values: tuple[float, ...]
    chart: ControlChart | None
    change: VersionChange | None

    @property
    def is_out_of_control(self) -> bool:
        """A signal of the chart reaches to the last patient."""
        return self.rules_met != ""

    @property
    def rules_met(self) -> str:
        """Those of the chart whose signal reaches to the last value; "" for none."""
        signals = () if self.chart is None else self.chart.signals
        return ", ".join(dict.fromkeys(one.rule for one in signals if one.last == len(self.values) - 1))


def watch_models(observations: Sequence[ModelObservation], rules: WatchRules) -> tuple[ModelWatch, ...]:
    """Every model and figure for which there is anything, in the order of first appearance."""
    found: list[ModelWatch] = []
    for model in dict.fromkeys(one.model for one in observations):
        for figure in _FIGURES:
            told = [
                (one.version, value)
                for one in observations
                if one.model == model and (value := _value(one, figure)) is not None
            ]
            if told:
                found.append(_watch(model, figure, told, rules))
    return tuple(found)


def model_source(models: Sequence[ModelWatch]) -> SourceWatch:
    """Whether any model moved."""
    charted = [
        one
        for one in models
        if one.figure not in _OF_PEOPLE and (one.chart is not None or (one.change and one.change.p_value is not None))
    ]
    if not charted:
        return SourceWatch(source="model", state="unknown", since=None, evidence="too few patients to tell")
    told = []
    for one in charted:
        if one.change is not None and one.change.is_news:
            told.append(
                f"{_WORDS[one.figure]} of {one.model} went from {one.change.before:.3f} to {one.change.after:.3f} with "
                f"version {one.version}"
            )
        elif one.chart is not None and one.is_out_of_control:
            told.append(
                f"{_WORDS[one.figure]} of {one.model} is {one.values[-1]:.3f}, "
                f"expected {one.chart.individuals.lower:.3f} to {one.chart.individuals.upper:.3f} ({one.rules_met})"
            )
    if told:
        return SourceWatch(source="model", state="moved", since=None, evidence="; ".join(told))
    return SourceWatch(
        source="model", state="quiet", since=None, evidence=f"{len(charted)} figures within their limits"
    )


def bias_findings(models: Sequence[ModelWatch]) -> tuple[Finding, ...]:
    """What speaks for reviewers who let a model's contours pass: edits that left their limits towards none, and reviews
    that became quicker than their limits.
    """
    found: list[Finding] = []
    for one in models:
        if one.chart is None or not one.is_out_of_control or one.figure == "confidence":
            continue
        last, limits = one.values[-1], one.chart.individuals
        middle = (limits.lower + limits.upper) / 2
        if one.figure == "edit" and last > middle:
            text = f"{_WORDS[one.figure]} of {one.model} is {last:.3f}, expected up to {limits.upper:.3f}"
            found.append(_bias("EDITS_STOPPED", text, one))
        elif one.figure == "review_s" and last < middle:
            text = f"{_WORDS[one.figure]} of {one.model} are {last:.0f}, expected at least {max(0.0, limits.lower):.0f}"
            found.append(_bias("REVIEWS_QUICKER", text, one))
    return tuple(found)


def _bias(reason: str, text: str, one: ModelWatch) -> Finding:
    return Finding(reason=reason, message=f"{text} ({one.rules_met})", measured=(("model", one.model),))


def _value(one: ModelObservation, figure: Figure) -> float | None:
    value: float | None = getattr(one, figure)
    return value


def _watch(model: str, figure: Figure, told: list[tuple[str, float]], rules: WatchRules) -> ModelWatch:
    version = told[-1][0]
    values = tuple(value for of, value in told if of == version)
    baseline = baseline_of(values, first=rules.first_fractions, history=None)
    return ModelWatch(
        model=model,
        version=version,
        figure=figure,
        values=values,
        chart=None if baseline is None or len(values) <= baseline.points else watch_chart(values, baseline),
        change=_change(told, version, values),
    )


def _change(told: list[tuple[str, float]], version: str, after: tuple[float, ...]) -> VersionChange | None:
    earlier = [of for of, _ in told if of != version]
    if not earlier:
        return None
    before = [value for of, value in told if of == earlier[-1]]
    enough = min(len(before), len(after)) >= _FEWEST and (np.ptp(before) > 0 or np.ptp(after) > 0)
    return VersionChange(
        version_before=earlier[-1],
        version_after=version,
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        patients_before=len(before),
        patients_after=len(after),
        p_value=_welch_p(before, after) if enough else None,
    )


def _welch_p(before: Sequence[float], after: Sequence[float]) -> float:
    """From means and SDs: from the values themselves scipy warns where one side does not scatter."""
    (mean, sd, count), (other_mean, other_sd, other_count) = (
        (float(np.mean(side)), float(np.std(side, ddof=1)), len(side)) for side in (before, after)
    )
    tested = stats.ttest_ind_from_stats(mean, sd, count, other_mean, other_sd, other_count, equal_var=False)
    return float(tested.pvalue)
