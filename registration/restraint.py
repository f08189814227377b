"""Small displacements that make the images agree no better are taken back.

In tissue without structure of its own, noise and the spline's stiffness move points by some tenths of a millimetre that
nothing speaks for, and the set-up, which bone has settled, is nearer to the truth there. A displacement stays where it
is large, or where the local correlation with it is higher than without it by enough.

    gain of squared correlation, over about 25 mm   0 ... 0.1    none ... all of the displacement stays
    displacement                                    1 ... 3 mm   the same; whichever lets more stay counts
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from registration.similarity import LocalCorrelation, Seen

_ENOUGH_GAIN = 0.1
_SMALL_MM, _LARGE_MM = 1.0, 3.0
_WINDOWS = 5


def restrained(field: Tensor, correlation: LocalCorrelation, *, with_it: Seen, without: Seen) -> Tensor:
    """(3, Z, Y, X) displacements in mm with what nothing speaks for taken back.

    Args:
        field: What was found.
        correlation: Of the fixed image.
        with_it: The moving image brought over by the field, and the weights of its windows.
        without: The same with nothing displaced.
    """
    weight = with_it.weight * without.weight
    gain = correlation.squared(with_it.moved) - correlation.squared(without.moved)
    nearby = _around(gain * weight) / _around(weight).clamp_min(1e-3)
    spoken_for = functional.interpolate(
        (nearby / _ENOUGH_GAIN).clamp(0.0, 1.0), size=field.shape[1:], mode="trilinear", align_corners=False
    )[0]
    length = torch.linalg.vector_norm(field, dim=0, keepdim=True)
    share = ((length - _SMALL_MM) / (_LARGE_MM - _SMALL_MM)).clamp(0.0, 1.0)
    large = share * share * (3.0 - 2.0 * share)
    return field * torch.maximum(spoken_for, large)


def _around(values: Tensor) -> Tensor:
    return functional.avg_pool3d(values, _WINDOWS, stride=1, padding=_WINDOWS // 2, count_include_pad=False)
