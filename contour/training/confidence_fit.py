"""Fitting the predicted Dice, and judging it on patients that it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from contour.segmentation.calibration import FEATURES, ConfidenceCalibration, FeatureWeight

FEWEST_PATIENTS = 10
"""Below this nothing is fitted."""

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e4, 1e6)
"""The last of them leaves the mean and nothing else."""
_DEALS = 20
"""How often the patients are dealt into folds anew, so that the figures don't hang on one deal."""
_LOW_SHARE = 0.1
_CONSTANT = 1e-6

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """A linear model of standardised features: mean_y + weights @ (x - mean) / scale."""

    mean_y: float
    mean: Vector
    scale: Vector
    weights: Vector

    def predict(self, features: Vector) -> Vector:
        """(n, k) features to (n,) values of 0 to 1."""
        values: Vector = np.clip(self.mean_y + (features - self.mean) / self.scale @ self.weights, 0.0, 1.0)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedConfidence:
    """A structure's calibration, and what each patient was predicted by models fitted to others, the mean of all."""

    calibration: ConfidenceCalibration
    predicted: Vector
    dice: Vector


def fit_ridge(features: Vector, y: Vector) -> Ridge:
    """Least squares with a penalty on the weights, its strength chosen by leaving out one patient at a time.

    A feature that is the same in all patients gets no weight.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    varies = scale > _CONSTANT
    scale = np.where(varies, scale, 1.0)
    x = np.where(varies, (features - mean) / scale, 0.0)
    centred = y - y.mean()
    best_error, best = np.inf, np.zeros(x.shape[1])
    for strength in _STRENGTHS:
        solve = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T)
        weights = solve @ centred
        leverage = np.einsum("ij,ji->i", x, solve) + 1.0 / len(y)
        error = float(np.mean(((centred - x @ weights) / np.maximum(1.0 - leverage, _CONSTANT)) ** 2))
        if error < best_error:
            best_error, best = error, weights
    return Ridge(mean_y=float(y.mean()), mean=mean, scale=scale, weights=best)


def folds_of(patients: int, *, folds: int, seed: int) -> NDArray[np.int64]:
    """For each patient the fold in which it is judged; sizes differ by one at most."""
    places = np.arange(patients) % folds
    return np.random.default_rng(seed).permutation(places)


def cross_fitted(features: Vector, y: Vector, fold: NDArray[np.int64]) -> Vector:
    """What each patient is predicted by the model fitted to the patients of all other folds."""
    predicted = np.empty(len(y))
    for one in np.unique(fold):
        held_out = fold == one
        predicted[held_out] = fit_ridge(features[~held_out], y[~held_out]).predict(features[held_out])
    return predicted


def fit_confidence(structure: str, features: Vector, dice: Vector, *, folds: int, seed: int) -> FittedConfidence | None:
    """Fit to all patients, judge by cross-fitting; None below `FEWEST_PATIENTS`.

    The rank correlation is taken within each fold, whose patients are all judged by one model, and averaged. Across
    folds it would be too low: a fold of patients with high Dice is judged by a model whose mean is low without them.

    Args:
        structure: TG-263 name.
        features: (n, features), in the order of `FEATURES`.
        dice: (n,) true Dice of the same patients.
        folds: Into how many the patients are dealt.
        seed: Of the dealing, which is repeated.
    """
    if len(dice) < FEWEST_PATIENTS:
        return None
    deals = [folds_of(len(dice), folds=folds, seed=seed + deal) for deal in range(_DEALS)]
    judged = [cross_fitted(features, dice, fold) for fold in deals]
    ridge = fit_ridge(features, dice)
    return FittedConfidence(
        calibration=ConfidenceCalibration(
            structure=structure,
            patients=len(dice),
            mean_dice=ridge.mean_y,
            low_dice=float(np.quantile(dice, _LOW_SHARE)),
            spearman=float(
                np.mean([spearman_within(one, dice, fold) for one, fold in zip(judged, deals, strict=True)])
            ),
            mean_absolute_error=float(np.mean([np.abs(one - dice).mean() for one in judged])),
            features=tuple(
                FeatureWeight(feature=name, mean=float(mean), scale=float(scale), weight=float(weight))
                for name, mean, scale, weight in zip(FEATURES, ridge.mean, ridge.scale, ridge.weights, strict=True)
            ),
        ),
        predicted=np.mean(judged, axis=0),
        dice=dice,
    )


def spearman_within(one: Vector, other: Vector, fold: NDArray[np.int64]) -> float:
    """Rank correlation within each fold, the mean over folds by their sizes; a fold of one counts as 0."""
    sizes = np.bincount(fold)
    within = [spearman(one[fold == k], other[fold == k]) for k in range(len(sizes))]
    return float(np.average(within, weights=sizes))


def spearman(one: Vector, other: Vector) -> float:
    """Rank correlation, ties at their mean rank; 0 where either is constant."""
    a, b = rankdata(one), rankdata(other)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0
