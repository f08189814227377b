"""A copy of the plan CT gives itself away by its noise; a new scan of the same patient does not look like one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.scan_check import copy_evidence
from registration import Alignment, RigidTransform, Volume
from tests import phantoms


def noisy(seed: int) -> Volume:
    ct = phantoms.patient().ct
    noise = np.random.default_rng(seed).normal(scale=15.0, size=ct.grid.shape_zyx)
    return Volume(grid=ct.grid, values_zyx=np.rint(ct.values_zyx + noise).astype(np.int16))


def as_day(scan: Volume, shift_hu: int = 0) -> Volume:
    grid = replace(scan.grid, frame_of_reference_uid="2.25.99")
    return Volume(grid=grid, values_zyx=scan.values_zyx + np.int16(shift_hu))


def still() -> Alignment:
    frame = phantoms.patient().ct.grid.frame_of_reference_uid
    return Alignment(rigid=RigidTransform(), field=None, fixed_frame_uid="2.25.99", moving_frame_uid=frame)


def test_the_plan_again_is_known_by_its_voxels_and_with_other_hu_by_its_grain() -> None:
    plan = noisy(1)
    same = copy_evidence(as_day(plan), plan, still())
    assert same.identical == pytest.approx(1.0)
    assert same.noise_correlation > 0.99
    shifted = copy_evidence(as_day(plan, 12), plan, still())
    assert shifted.identical < 0.1
    assert shifted.noise_correlation > 0.99


def test_a_new_scan_of_a_patient_who_lies_still_is_no_copy() -> None:
    found = copy_evidence(as_day(noisy(2)), noisy(1), still())
    assert found.identical < 0.2
    assert found.noise_correlation < 0.85
