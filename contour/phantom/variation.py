"""What makes one synthetic patient differ from the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contour.phantom.shapes import Box, Point, Points, Profile

_FLEXION_KNOTS_MM = (-330.0, -150.0, -60.0, 100.0)
_FLEXION_SHARES = (0.0, 0.0, 0.4, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Size, posture and asymmetry of one patient.

    The anatomy is drawn once, in millimetres about the brainstem's centre; a patient's own millimetres follow by
    scaling each axis, bending the neck forwards or backwards (`head_forward_mm` at the vertex) and leaning the head
    aside.
    """

    scale_xyz: Point
    head_forward_mm: float
    head_aside_mm: float
    tumour_side: int
    parotid_left_scale: float
    parotid_right_scale: float
    parotid_left_shift_mm: float
    parotid_right_shift_mm: float
    larynx_scale: float
    larynx_shift_mm: float
    node_scale: float
    primary_scale: float
    fat_scale: float
    has_filling: bool
    texture_phase_rad: float


def vary(seed: int) -> Variation:
    """The patient of one seed."""
    draw = np.random.default_rng([seed, 20260])

    def about(centre: float, spread: float) -> float:
        return float(centre + spread * draw.uniform(-1, 1))

    return Variation(
        scale_xyz=(about(1.0, 0.05), about(1.0, 0.05), about(1.0, 0.04)),
        head_forward_mm=about(0.0, 9.0),
        head_aside_mm=about(0.0, 5.0),
        tumour_side=1 if draw.uniform() < 0.5 else -1,
        parotid_left_scale=about(1.05, 0.04),
        parotid_right_scale=about(0.95, 0.04),
        parotid_left_shift_mm=about(-2.0, 2.0),
        parotid_right_shift_mm=about(3.0, 2.0),
        larynx_scale=about(1.0, 0.06),
        larynx_shift_mm=about(0.0, 3.0),
        node_scale=about(1.0, 0.25),
        primary_scale=about(1.0, 0.15),
        fat_scale=about(1.1, 0.35),
        has_filling=bool(draw.uniform() < 0.6),
        texture_phase_rad=about(np.pi, np.pi),
    )


class Posture:
    """Carries points between the patient's millimetres about the brainstem and those of the drawn anatomy."""

    def __init__(self, variation: Variation) -> None:
        self._scale_xyz = variation.scale_xyz
        shares = np.asarray(_FLEXION_SHARES)
        self._forward_mm = Profile(_FLEXION_KNOTS_MM, (-variation.head_forward_mm * shares).tolist())
        self._aside_mm = Profile(_FLEXION_KNOTS_MM, (variation.head_aside_mm * shares).tolist())
        self._reach_mm = max(abs(variation.head_forward_mm), abs(variation.head_aside_mm))

    def to_anatomy(self, points: Points) -> Points:
        """Where in the drawn anatomy each of the patient's points lies."""
        x, y, z = (p * np.float32(1 / s) for p, s in zip(points, self._scale_xyz, strict=True))
        return Points(x - self._aside_mm.at(z), y - self._forward_mm.at(z), z)

    def to_patient(self, box: Box) -> Box:
        """A box in the patient's millimetres that surely holds the given one."""
        reach = np.asarray((self._reach_mm, self._reach_mm, 0.0))
        lower = (np.asarray(box.lower_xyz_mm) - reach) * self._scale_xyz
        upper = (np.asarray(box.upper_xyz_mm) + reach) * self._scale_xyz
        return Box((lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2]))
