"""A scanner that drifts is told by its figures over all scans, whoever the patients were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from contour.adaptation.watch.rules import read_watch_rules
from contour.adaptation.watch.scanners import FIGURES, DeviceFigure, ScanObservation, scanner_source, watch_scanners
from tests.watched_courses import QUALITY, scatter_mm

RULES = read_watch_rules()
NAMED = read_watch_rules('devices.a1b2 = "CBCT of Linac 2"')


def scans(count: int, *, device: str = "a1b2", fat_hu: Sequence[float | None] = ()) -> list[ScanObservation]:
    """Scans of even scatter; the last ones have the HU of fat that is given."""
    found = []
    for number in range(1, count + 1):
        air, fat, muscle = scatter_mm(number)
        quality = replace(
            QUALITY, air_hu=-998.0 + air, fat_hu=-101.0 + fat, muscle_hu=52.0 + muscle, noise_hu=9.0 + air / 10
        )
        found.append(ScanObservation(device=device, quality=quality))
    for place, hu in enumerate(fat_hu, start=count - len(fat_hu)):
        found[place] = replace(found[place], quality=replace(found[place].quality, fat_hu=hu))
    return found


def figure(observations: list[ScanObservation], name: str) -> DeviceFigure:
    (device,) = watch_scanners(observations, RULES)
    return next(one for one in device.figures if one.figure == name)


def test_a_scanner_in_control_is_quiet_and_every_figure_has_its_chart() -> None:
    devices = watch_scanners(scans(30), RULES)

    (device,) = devices
    assert (device.device, device.scans) == ("a1b2", 30)
    assert [one.figure for one in device.figures] == list(FIGURES)
    assert all(one.chart is not None and not one.is_out_of_control for one in device.figures)
    found = scanner_source(devices, RULES)
    assert (found.source, found.state, found.since) == ("scanner", "quiet", None)
    assert found.evidence == "5 figures within their limits"


def test_a_jump_in_the_hu_of_fat_is_told_with_the_scanners_name_and_its_limits() -> None:
    """By hand: the first five have the mean -101; their own limits of +-1.26 HU are less than fat moves by itself."""
    devices = watch_scanners(scans(12, fat_hu=(-92.0,)), RULES)
    found = scanner_source(devices, NAMED)

    assert found.state == "moved"
    assert found.evidence.startswith("HU of fat of CBCT of Linac 2 is -92.0, expected -110.0 to -92.0 (")
    assert "Nelson 1" in found.evidence
    assert "muscle" not in found.evidence
    assert "a1b2" in scanner_source(devices, RULES).evidence


def test_a_slow_drift_within_the_limits_is_told_with_the_rule_that_saw_it() -> None:
    devices = watch_scanners(scans(20, fat_hu=(-98.1, -97.9) * 6), RULES)
    found = scanner_source(devices, RULES)

    assert found.state == "moved"
    assert "Nelson 2" in found.evidence
    assert "Nelson 1" not in found.evidence


def test_a_jump_that_was_put_right_again_is_no_longer_told() -> None:
    back = scans(12, fat_hu=(-92.0, -101.1, -100.9, -101.1, -100.9, -101.1, -100.9))

    assert figure(back[:6], "fat_hu").is_out_of_control
    assert not figure(back, "fat_hu").is_out_of_control


def test_a_scanner_is_not_held_to_less_than_patients_move_its_figures_by() -> None:
    """Fat 1 HU off after first scans whose own limits are +-1.26 HU: EWMA would have told it."""
    found = scanner_source(watch_scanners(scans(12, fat_hu=(-100.1, -99.9) * 3), RULES), RULES)
    assert found.state == "quiet", found.evidence


def test_a_scan_without_the_figure_is_left_out_of_it() -> None:
    found = figure(scans(12, fat_hu=(None, None)), "fat_hu")

    assert len(found.values) == 10
    assert not found.is_out_of_control


def test_a_step_that_differs_in_its_last_digits_has_not_moved_and_another_step_has() -> None:
    def with_step(step_mm: float) -> ScanObservation:
        return ScanObservation(device="a1b2", quality=replace(QUALITY, slice_step_mm=step_mm))

    same = [with_step(3.0)] * 8
    assert not figure([*same, with_step(2.9999999)], "slice_step_mm").is_out_of_control
    assert figure([*same, with_step(2.0)], "slice_step_mm").is_out_of_control


def test_scanners_are_told_apart_in_the_order_of_their_first_scans_and_without_a_name_left_out() -> None:
    mixed = [one for pair in zip(scans(7, device="b"), scans(7, device="a"), strict=True) for one in pair]

    assert [one.device for one in watch_scanners([*scans(3, device=""), *mixed], RULES)] == ["b", "a"]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_scanner_without_a_scan_beyond_its_baseline_is_not_known(count: int) -> None:
    devices = watch_scanners(scans(count), RULES)

    assert scanner_source(devices, RULES).state == "unknown"
    assert all(one.chart is None for device in devices for one in device.figures)
