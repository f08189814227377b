"""The report's picture is the same each time, and no name of a structure breaks it."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from contour.anatomy.structures import crop_to_structure
from contour.preview.fraction import DrawnFraction, DrawnStructure, draw_fraction
from registration import Alignment, RigidTransform, Volume
from tests import phantoms
from tests.unit.contour.adaptation.test_fraction_report import REPORT


def fraction(name: str) -> DrawnFraction:
    patient = phantoms.patient()
    grid = replace(patient.ct.grid, frame_of_reference_uid="2.25.77")
    organ = patient.structure("Parotid_L")
    here = crop_to_structure(name, grid, organ.full_mask_zyx())
    rows = tuple(replace(row, drift=replace(row.drift, name=name)) for row in REPORT.structures)
    return DrawnFraction(
        plan=patient.ct,
        daily=Volume(grid=grid, values_zyx=patient.ct.values_zyx),
        alignment=Alignment(
            rigid=RigidTransform(),
            field=None,
            fixed_frame_uid="2.25.77",
            moving_frame_uid=patient.ct.grid.frame_of_reference_uid,
        ),
        structures=(DrawnStructure(name=name, colour_rgb=(0, 200, 30), by_setup=here, carried=here, verdict="PASS"),),
        report=replace(REPORT, structures=rows),
    )


@pytest.mark.parametrize("name", ["Parotid_L", "腮腺左", "$x^2$ \\frac", "كلية", "a" * 64, "\u200b"])
def test_any_name_can_be_drawn_and_the_same_fraction_gives_the_same_bytes(name: str) -> None:
    first, again = (draw_fraction(fraction(name)) for _ in range(2))
    assert first == again
    picture = np.asarray(Image.open(BytesIO(first)).convert("RGB"))
    assert picture.shape == (1250, 1800, 3)
    assert picture.std() > 10


def test_a_refused_fraction_is_drawn_without_contours() -> None:
    refused = replace(fraction("Parotid_L"), structures=(), report=replace(REPORT, verdict="REFUSE", structures=()))
    assert draw_fraction(refused).startswith(b"\x89PNG")
    assert draw_fraction(replace(refused, alignment=None)).startswith(b"\x89PNG")
