"""Conformal risk control: the promise holds on fresh patients, and what is calibrated is what is written."""

import numpy as np
import pytest

from contour.segmentation.look import look_region, look_scores
from contour.segmentation.restore import restore
from contour.training.conformal import LookCurve, calibrate_look, conformal_level, look_curve, risk_bound
from tests.unit.contour.segmentation.test_look import CT_GRIDS, answer_on

ALPHA = 0.05
LEVELS = np.arange(256)


def all_or_nothing(draw, n):
    """Patients whose target is missed whole above a level of their own."""
    return (draw.integers(1, 256, n)[:, None] < LEVELS).astype(float)


def mostly_gradual(draw, n):
    """Patients of whose target a growing share is missed above a level, and now and then a bad miss."""
    start, width = draw.integers(20, 220, n)[:, None], draw.integers(5, 120, n)[:, None]
    worst = draw.beta(0.5, 2.0, n)[:, None]
    return np.clip((LEVELS - start) / width, 0, 1) * worst


def mean_loss_of_the_next_patient(make, n, choose, *, trials=3000):
    """Over random calibration sets and one fresh patient each: mean, and its standard error."""
    draw = np.random.default_rng(11)
    losses = []
    for _ in range(trials):
        patients = make(draw, n + 1)
        patients[:, 0] = 0.0
        losses.append(patients[-1, choose(patients[:-1])])
    return float(np.mean(losses)), float(np.std(losses) / np.sqrt(trials))


@pytest.mark.parametrize(("make", "n"), [(all_or_nothing, 20), (all_or_nothing, 40), (mostly_gradual, 25)])
def test_the_next_patients_expected_loss_is_at_most_alpha(make, n):
    mean, error = mean_loss_of_the_next_patient(make, n, lambda missed: conformal_level(missed, ALPHA))
    assert mean <= ALPHA + 3 * error
    assert mean > 0.01


def test_without_the_one_patient_more_the_promise_would_be_broken():
    def naive(missed):
        return int(np.flatnonzero(missed.mean(axis=0) <= ALPHA)[-1])

    mean, error = mean_loss_of_the_next_patient(all_or_nothing, 20, naive)
    assert mean > ALPHA + 5 * error


def test_the_bound_is_the_papers():
    losses = np.array([0.0, 0.1, 0.3, 0.0])
    assert risk_bound(losses) == pytest.approx(4 / 5 * losses.mean() + 1 / 5)


def test_with_too_few_patients_only_the_whole_ct_keeps_the_bound():
    nothing_missed = np.zeros((18, 256))
    assert conformal_level(nothing_missed, ALPHA) == 0
    assert conformal_level(np.zeros((19, 256)), ALPHA) == 255


def curve(name, missed, *, contour_voxels=10):
    return LookCurve(case=name, missed=missed, region_voxels=2000 - LEVELS * 4, contour_voxels=contour_voxels)


def test_a_calibrated_level_says_what_it_gave_in_sample_and_left_out():
    patients = mostly_gradual(np.random.default_rng(2), 40)
    found = calibrate_look("PTV_High", [curve(str(i), one) for i, one in enumerate(patients)], ALPHA)
    assert found.patients == 40
    assert found.bound == pytest.approx(40 / 41 * found.observed_missed + 1 / 41)
    assert found.bound <= ALPHA < risk_bound(patients)[found.level + 1]
    assert found.observed_missed <= found.held_out_missed < ALPHA
    assert found.worst_missed == patients[:, found.level].max()
    assert found.median_size == pytest.approx((2000 - 4 * found.level) / 10)


def test_a_target_that_the_network_never_suspects_gets_no_region_rather_than_a_useless_one():
    blind = np.ones((40, 256))
    blind[:, 0] = 0.0
    assert calibrate_look("PTV_High", [curve(str(i), one) for i, one in enumerate(blind)], ALPHA) is None
    assert calibrate_look("PTV_High", [], ALPHA) is None


@pytest.mark.parametrize("where", CT_GRIDS)
def test_the_curve_counts_what_the_written_region_misses_at_every_level(where):
    ct_grid = CT_GRIDS[where]
    probability, grid, order = answer_on(ct_grid)
    contour = restore("PTV_High", probability, grid, ct_grid, order)
    truth = np.roll(contour.full_mask_zyx(), (1, 9, -8), axis=(0, 1, 2))
    truth[0, 0, 0] = True
    found = look_curve("a", contour, look_scores(probability, grid, ct_grid, order), truth)
    for level in (255, 200, 170, 90, 1):
        scores = look_scores(probability, grid, ct_grid, order, from_level=level)
        written = look_region(contour, scores, level=level).full_mask_zyx()
        assert found.missed[level] == pytest.approx(np.count_nonzero(truth & ~written) / np.count_nonzero(truth))
        assert found.region_voxels[level] == np.count_nonzero(written)
    assert found.missed[0] == 0
    assert (np.diff(found.missed) >= 0).all()
    assert found.missed[255] > found.missed[90]
