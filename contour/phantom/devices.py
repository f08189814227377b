"""What lies round the patient: couch, headrest and immobilisation mask. All of it stays outside the skin."""

from __future__ import annotations

import numpy as np

from contour.phantom.shapes import Field, Points

_COUCH_HALF_WIDTH_MM = 262.0
_COUCH_DEPTH_MM = 52.0
_SHELL_MM = 2.2
_SHELL_HU = 60.0
_FOAM_HU = -955.0
_REST_HU = -925.0
_REST_ABOVE_MM = -128.0
_REST_FROM_MM = 42.0
_MASK_HU = 120.0
_MASK_MM = 2.4
_MASK_BELOW_MM = -150.0
_HOLE_PITCH_MM = 11.0


def draw_couch(hu: Field, down_mm: Field, across_mm: Field, *, top_mm: float, edge_mm: float) -> None:
    """Two curved shells with foam between, drawn into `hu`; `top_mm` is where the patient rests, along `down_mm`."""
    share2 = np.clip((across_mm / np.float32(_COUCH_HALF_WIDTH_MM)) ** 2, 0, 1)
    upper = np.float32(top_mm) + 5 * share2
    lower = np.float32(top_mm) + 5 + np.float32(_COUCH_DEPTH_MM) * np.sqrt(1 - share2)
    sides = np.float32(_COUCH_HALF_WIDTH_MM) - np.abs(across_mm)
    body = np.minimum(np.minimum(down_mm - upper, lower - down_mm), sides)
    _blend(hu, body, _SHELL_HU, edge_mm)
    _blend(hu, body - np.float32(_SHELL_MM), _FOAM_HU, edge_mm)


def draw_headrest(
    hu: Field, skin_mm: Field, anatomy: Points, down_mm: Field, across_mm: Field, *, top_mm: float, edge_mm: float
) -> None:
    """A foam cushion that fills the space between head, neck and couch."""
    z = anatomy.z_mm
    block = np.minimum(
        np.minimum(np.float32(top_mm) - down_mm, down_mm - np.float32(_REST_FROM_MM)), 105 - np.abs(across_mm)
    )
    block = np.minimum(np.minimum(block, z - np.float32(_REST_ABOVE_MM)), np.float32(82.0) - z)
    block = np.minimum(block, -skin_mm - np.float32(2.0))
    _blend(hu, block, -600.0, edge_mm)
    _blend(hu, block - np.float32(2.5), _REST_HU, edge_mm)


def draw_mask(hu: Field, skin_mm: Field, anatomy: Points, up_mm: Field, *, edge_mm: float) -> None:
    """A perforated sheet of thermoplastic a little off the skin, on the side away from the couch."""
    x, y, z = anatomy
    pitch = np.float32(2 * np.pi / _HOLE_PITCH_MM)
    gap = np.float32(2.6) + np.float32(1.0) * np.sin(x * np.float32(0.06)) * np.sin(z * np.float32(0.05))
    sheet = np.minimum(-skin_mm - gap, gap + np.float32(_MASK_MM) + skin_mm)
    holes = np.sin((x + y) * pitch) * np.sin(z * pitch)
    sheet = np.minimum(sheet, (np.float32(0.62) - holes) * np.float32(3.0))
    sheet = np.minimum(sheet, np.minimum(z - np.float32(_MASK_BELOW_MM), up_mm + np.float32(18.0)))
    nose = np.sqrt(x * x + (z + 32) ** 2) - np.float32(17.0)
    sheet = np.minimum(sheet, np.where(y < -80, nose, np.float32(50.0)))
    _blend(hu, sheet, _MASK_HU, edge_mm)


def _blend(hu: Field, depth_mm: Field, value_hu: float, edge_mm: float) -> None:
    share = np.clip(np.float32(0.5) + depth_mm * np.float32(1 / edge_mm), 0, 1)
    hu += (np.float32(value_hu) - hu) * share
