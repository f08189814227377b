"""Are these Hounsfield units? Air has to be air and soft tissue soft tissue before a network is asked anything.

What only physics sets is a constant here; what the training patients had comes from the model's `anatomy.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contour.errors import Finding, InputError
from contour.segmentation.constellation import BODY_HU
from contour.segmentation.expected_anatomy import ExpectedAnatomy
from registration.orientation import anatomical_order
from registration.volume import Volume

_HIGHEST_AIR_HU = -850.0
_AIR_SHARE = 10.0
"""Percent of a slice's border that has to be air, over all slices: a body may reach far along it, not all around."""
_AIR_WINDOW_HU, _TISSUE_WINDOW_HU = (-1070.0, -930.0), (-150.0, 100.0)
_SMALLEST_SHIFT_HU = 150.0
_LEAST_SHARE, _LEAST_OF_DENSE, _LEAST_OF_THE_REST = 0.003, 0.3, 0.5
"""What air and soft tissue have to make of a scan, soft tissue of all dense, and all dense of what is no air."""
_RIVAL = 0.2
"""How much of that share there may be without a shift."""
_SOFT_TISSUE_HU = (-30.0, 150.0)
_UNUSUAL_HU = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """The commonest HU of muscle and organs, and the share of the body that has their HU."""

    mode_hu: float
    share: float


def check_air(ct: Volume) -> None:
    """Refuse a CT in which the air around the patient is not air.

    Raises:
        InputError: all HU lie too high or too low by one number (HU_SHIFTED), or nothing around or beside the patient
            is as thin as air (NO_AIR_CONTRAST).
    """
    values = anatomical_order(ct.grid).apply(ct.values_zyx)
    ring = [values[::2, side] for side in (0, -1)] + [values[::2, :, side] for side in (0, -1)]
    air_hu = float(np.percentile(np.concatenate([part.ravel() for part in ring]), _AIR_SHARE))
    shift_hu = _shift_hu(values[::2, ::4, ::4])
    if shift_hu is not None:
        raise InputError(
            f"air lies near {-1000 + shift_hu:.0f} HU and soft tissue near {shift_hu + 20:.0f} HU; expected -1000 and "
            f"20: all values are about {abs(shift_hu):.0f} HU too {'high' if shift_hu > 0 else 'low'} "
            "(rescale intercept lost or applied twice?)",
            reason="HU_SHIFTED",
        )
    if air_hu > _HIGHEST_AIR_HU:
        raise InputError(
            f"at least {100 - _AIR_SHARE:.0f} % of the border of the slices is above {air_hu:.0f} HU; expected air "
            f"below {_HIGHEST_AIR_HU:.0f} HU around the patient",
            reason="NO_AIR_CONTRAST",
        )


def tissue_of(hu_zyx: NDArray[Any]) -> Tissue | None:
    """How muscle and organs show in a CT of a body without couch; None where nothing is denser than -500 HU."""
    body = hu_zyx[hu_zyx > BODY_HU].astype(np.float32)
    if not body.size:
        return None
    low, high = _SOFT_TISSUE_HU
    edges = np.arange(low, 400.0 + 5.0, 5.0)
    counts = np.convolve(np.histogram(body, edges)[0], np.ones(5), "same")
    return Tissue(
        mode_hu=float(edges[int(counts.argmax())] + 2.5),
        share=float(np.count_nonzero((body >= low) & (body <= high)) / body.size),
    )


def check_tissue(hu_zyx: NDArray[Any], anatomy: ExpectedAnatomy | None) -> tuple[Finding, ...]:
    """Compare the HU of soft tissue with the training patients'.

    Args:
        hu_zyx: What the network is about to be shown.
        anatomy: The training patients; without them nothing is compared.

    Raises:
        InputError: too far from every one of them; reason HU_SHIFTED.
    """
    tissue = tissue_of(hu_zyx)
    if tissue is None or anatomy is None:
        return ()
    seen, least = anatomy.soft_tissue_hu, anatomy.soft_tissue_share.lowest
    told = (
        f"soft tissue has {tissue.mode_hu:.0f} HU and makes {100 * tissue.share:.0f} % of the body; in the "
        f"{anatomy.patients} training patients {seen.lowest:.0f} to {seen.highest:.0f} HU and at least "
        f"{100 * least:.0f} %"
    )
    if not seen.widened(_SMALLEST_SHIFT_HU).holds(tissue.mode_hu) or tissue.share < least / 4:
        raise InputError(told, reason="HU_SHIFTED")
    if not seen.widened(_UNUSUAL_HU).holds(tissue.mode_hu) or tissue.share < least / 2:
        return (Finding(reason="HU_UNUSUAL", message=told),)
    return ()


def _shift_hu(values: NDArray[Any]) -> float | None:
    """The number whose subtraction puts far more of the scan where air and soft tissue belong; None where none does."""
    shifts = np.arange(-3000.0, 3001.0, 10.0)
    ordered = np.sort(values.ravel().astype(np.float32))
    air, tissue = (
        np.searchsorted(ordered, shifts + high) - np.searchsorted(ordered, shifts + low)
        for low, high in (_AIR_WINDOW_HU, _TISSUE_WINDOW_HU)
    )
    dense, no_air = (len(ordered) - np.searchsorted(ordered, shifts + above) for above in (BODY_HU, _AIR_WINDOW_HU[1]))
    like_a_ct = (tissue >= _LEAST_OF_DENSE * dense) & (dense >= _LEAST_OF_THE_REST * no_air)
    shares = np.where(like_a_ct, np.minimum(air, tissue), 0) / len(ordered)
    most = float(shares.max())
    if most < _LEAST_SHARE or shares[np.abs(shifts) < _SMALLEST_SHIFT_HU].max() > _RIVAL * most:
        return None
    best = np.flatnonzero(shares == most)
    return float(shifts[best[len(best) // 2]])
