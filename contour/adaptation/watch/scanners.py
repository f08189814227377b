"""Scanners over all scans they took: HU of air, fat and muscle, noise, and the slice step, each with its control chart.

A patient who loses weight has less fat, but its HU stay; where the HU of air, fat and muscle move together, or noise
does, the scanner moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from contour.adaptation.analytics.control_charts import ControlChart, baseline_of, watch_chart
from contour.adaptation.scan_quality import ScanQuality
from contour.adaptation.watch.rules import WatchRules
from contour.adaptation.watch.values import SourceWatch

Figure = Literal["air_hu", "fat_hu", "muscle_hu", "noise_hu", "slice_step_mm"]
FIGURES: tuple[Figure, ...] = ("air_hu", "fat_hu", "muscle_hu", "noise_hu", "slice_step_mm")
_WORDS = {
    "air_hu": "HU of air",
    "fat_hu": "HU of fat",
    "muscle_hu": "HU of muscle",
    "noise_hu": "noise",
    "slice_step_mm": "slice step",
}


_LEAST_SD: dict[Figure, float] = {
    "air_hu": 1.0,
    "fat_hu": 2.0,
    "muscle_hu": 1.0,
    "noise_hu": 0.5,
    "slice_step_mm": 0.01,
}
"""About a third of what patients and noise move a figure by (tests/unit/contour/adaptation/test_scan_quality.py): a
scanner whose first scans happen to lie closer together is not held to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanObservation:
    """One scan, in the order in which scans were taken."""

    device: str
    quality: ScanQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFigure:
    """One figure of a scanner over its scans; no chart while there are too few."""

    figure: Figure
    values: tuple[float, ...]
    chart: ControlChart | None

    @property
    def is_out_of_control(self) -> bool:
        """A signal of the chart reaches to the last scan."""
        return self.rules_met != ""

    @property
    def rules_met(self) -> str:
        """Those of the chart whose signal reaches to the last value; "" for none."""
        signals = () if self.chart is None else self.chart.signals
        return ", ".join(dict.fromkeys(one.rule for one in signals if one.last == len(self.values) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceWatch:
    """One scanner."""

    device: str
    scans: int
    figures: tuple[DeviceFigure, ...]


def watch_scanners(observations: Sequence[ScanObservation], rules: WatchRules) -> tuple[DeviceWatch, ...]:
    """Every scanner that is known by a device, in the order of their first scans."""
    found: list[DeviceWatch] = []
    for device in dict.fromkeys(one.device for one in observations if one.device):
        scans = [one.quality for one in observations if one.device == device]
        figures = tuple(_figure(name, scans, rules) for name in FIGURES)
        found.append(DeviceWatch(device=device, scans=len(scans), figures=figures))
    return tuple(found)


def scanner_source(devices: Sequence[DeviceWatch], rules: WatchRules) -> SourceWatch:
    """Whether any of these scanners moved."""
    charted = [one for device in devices for one in device.figures if one.chart is not None]
    if not charted:
        return SourceWatch(source="scanner", state="unknown", since=None, evidence="too few scans to tell")
    told = [
        f"{_WORDS[figure.figure]} of {dict(rules.device_names).get(device.device, device.device)} is "
        f"{figure.values[-1]:.1f}, expected {figure.chart.individuals.lower:.1f} to "
        f"{figure.chart.individuals.upper:.1f} ({figure.rules_met})"
        for device in devices
        for figure in device.figures
        if figure.chart is not None and figure.is_out_of_control
    ]
    if told:
        return SourceWatch(source="scanner", state="moved", since=None, evidence="; ".join(told))
    return SourceWatch(
        source="scanner", state="quiet", since=None, evidence=f"{len(charted)} figures within their limits"
    )


def _figure(name: Figure, scans: Sequence[ScanQuality], rules: WatchRules) -> DeviceFigure:
    """To a hundredth of HU or mm: a step of 3 mm that a sum left at 2.9999999 did not move."""
    values = tuple(round(float(value), 2) for scan in scans if (value := getattr(scan, name)) is not None)
    baseline = baseline_of(values, first=rules.first_fractions, history=None, usual_sd=_LEAST_SD[name])
    if baseline is not None:
        baseline = replace(baseline, sd=max(baseline.sd, _LEAST_SD[name]))
    return DeviceFigure(
        figure=name,
        values=values,
        chart=None if baseline is None or len(values) <= baseline.points else watch_chart(values, baseline),
    )
