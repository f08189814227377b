"""Predicted Dice: nobody is judged by a model that has seen them, and what is not there is not claimed."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from contour.segmentation.calibration import FEATURES
from contour.segmentation.confidence import predicted_dice
from contour.training import confidence_fit
from contour.training.confidence_fit import cross_fitted, fit_confidence, fit_ridge, folds_of, spearman

K = len(FEATURES)


def patients(n=40, *, seed=3, noise=0.03):
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n, K)) * [0.1, 0.2, 1.0, 0.0, 0.3] + [0.8, 0.7, 3.0, 0.0, 0.9]
    dice = np.clip(0.7 + 1.2 * (features[:, 0] - 0.8) + 0.1 * (features[:, 2] - 3) + draw.normal(0, noise, n), 0, 1)
    return features, dice


def test_no_patient_is_ever_judged_by_a_model_fitted_to_them(monkeypatch):
    features, dice = patients()
    fold = folds_of(len(dice), folds=5, seed=0)
    seen = []

    def watched(x, y):
        seen.append({tuple(row) for row in x})
        ridge = fit_ridge(x, y)

        class Judge:
            def predict(self, asked):
                assert not seen[-1] & {tuple(row) for row in asked}
                return ridge.predict(asked)

        return Judge()

    monkeypatch.setattr(confidence_fit, "fit_ridge", watched)
    cross_fitted(features, dice, fold)
    assert len(seen) == 5
    assert all(len(rows) == 32 for rows in seen)


def test_a_patients_own_dice_never_changes_what_they_are_predicted():
    features, dice = patients()
    fold = folds_of(len(dice), folds=5, seed=0)
    before = cross_fitted(features, dice, fold)
    for patient in (0, 7, 39):
        lied_about = dice.copy()
        lied_about[patient] = 0.0
        assert cross_fitted(features, lied_about, fold)[patient] == before[patient]


def test_a_relation_that_is_there_is_found_on_patients_not_fitted_to():
    features, dice = patients()
    found = fit_confidence("Brain", features, dice, folds=5, seed=0).calibration
    assert found.spearman > 0.8
    assert found.mean_absolute_error < 0.05
    assert found.patients == 40


def test_where_there_is_none_nothing_is_claimed():
    features, dice = patients()
    shuffled = np.random.default_rng(8).permutation(dice)
    found = fit_confidence("Brain", features, shuffled, folds=5, seed=0)
    assert abs(found.calibration.spearman) < 0.4
    assert np.ptp(found.predicted) < np.ptp(dice) / 2


def test_where_there_is_nothing_to_find_the_correlation_is_about_0_and_not_below():
    """Across folds it would be far below 0: each fold's mean is predicted by those of the others."""
    across, within = [], []
    for seed in range(12):
        features, _ = patients(seed=seed)
        dice = np.random.default_rng(100 + seed).uniform(0.5, 0.9, len(features))
        found = fit_confidence("Brain", features, dice, folds=5, seed=0)
        within.append(found.calibration.spearman)
        across.append(spearman(cross_fitted(features, dice, folds_of(len(dice), folds=5, seed=0)), dice))
    assert np.mean(across) < -0.2
    assert abs(np.mean(within)) < 0.1


def test_the_saved_model_predicts_what_the_fitted_one_does():
    features, dice = patients()
    found = fit_confidence("Brain", features, dice, folds=5, seed=0).calibration
    expected = fit_ridge(features, dice).predict(features)
    assert [predicted_dice(tuple(row), found) for row in features] == pytest.approx(expected.tolist())


def test_a_feature_that_never_varied_has_no_say_when_it_does():
    features, dice = patients()
    ridge = fit_ridge(features, dice)
    odd = features[:1].copy()
    odd[0, 3] = 100.0
    assert ridge.weights[3] == 0.0
    assert ridge.predict(odd) == pytest.approx(ridge.predict(features[:1]))


def test_the_seed_deals_the_patients_into_folds_of_equal_size():
    one, again, other = folds_of(42, folds=5, seed=1), folds_of(42, folds=5, seed=1), folds_of(42, folds=5, seed=2)
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert sorted(np.bincount(one).tolist()) == [8, 8, 8, 9, 9]


def test_below_ten_patients_nothing_is_fitted():
    features, dice = patients(9)
    assert fit_confidence("Brain", features, dice, folds=5, seed=0) is None


def test_rank_correlation_agrees_with_scipys_and_is_0_for_a_constant():
    one, other = np.array([1.0, 2, 2, 4, 7, 3]), np.array([0.3, 0.1, 0.5, 0.5, 0.9, 0.2])
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert spearman(np.ones(4), np.arange(4.0)) == 0.0
