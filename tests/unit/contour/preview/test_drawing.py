"""The picture is drawn from the structure set's bytes, in every position, and holds nothing of the patient."""

import io
from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest
from PIL import Image

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import write_ct_series
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.phantom import Phantom, ct_identity
from contour.preview import draw_preview
from contour.preview.drawing import _as_drawn
from contour.preview.picture import _polygons
from contour.preview.views import view_of


def structure_set(series: CtSeries, phantom: Phantom, names: tuple[str, ...]) -> bytes:
    numbers = count(1)
    settings = StructureSetSettings(
        label="TEST", now=datetime(2026, 1, 2, tzinfo=UTC), uid_source=lambda: f"2.25.{next(numbers)}"
    )
    return build_rtstruct(series, [phantom.structure(name) for name in names], settings)


def read_back(phantom: Phantom, folder) -> CtSeries:
    write_ct_series(phantom.ct, folder, ct_identity(phantom))
    return read_ct_folder(folder)


def has_colour(png: bytes, rgb: tuple[int, int, int]) -> int:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return int(np.count_nonzero(np.abs(pixels - np.asarray(rgb)).max(axis=2) < 25))


@pytest.mark.parametrize("patient", ["coarse_patient", "oblique_patient", "feet_first_patient"])
def test_every_structure_is_drawn_in_its_colour_in_every_position(patient, request, tmp_path):
    phantom = request.getfixturevalue(patient)
    series = read_back(phantom, tmp_path)
    names = ("External", "Parotid_L", "SpinalCord")
    data = structure_set(series, phantom, names)
    png = draw_preview(series, data)
    assert Image.open(io.BytesIO(png)).size == (1600, 960)
    for roi in read_rtstruct(data).rois:
        assert has_colour(png, roi.colour_rgb) > 50, roi.name


def test_the_picture_carries_no_text_chunks(coarse_patient, tmp_path):
    series = read_back(coarse_patient, tmp_path)
    png = draw_preview(series, structure_set(series, coarse_patient, ("Brainstem",)))
    assert Image.open(io.BytesIO(png)).info == {}
    assert len(png) < 500_000


def test_a_keyholes_bridge_is_not_drawn(coarse_patient, tmp_path):
    series = read_back(coarse_patient, tmp_path)
    brain, stem = coarse_patient.structure("Brain"), coarse_patient.structure("Brainstem")
    drawn = _as_drawn(read_rtstruct(structure_set(series, coarse_patient, ("Brain",))).rois[0], series)
    view = view_of(series.grid, "axial")
    both = set(range(brain.lower_zyx[0], brain.lower_zyx[0] + brain.mask_zyx.shape[0]))
    both &= set(range(stem.lower_zyx[0], stem.lower_zyx[0] + stem.mask_zyx.shape[0]))
    bridged = 0
    for level in both:
        segments = [line for line in _polygons(drawn, view, level) if len(line) == 2]
        keys = [tuple(sorted(map(tuple, np.round(segment, 3)))) for segment in segments]
        assert len(keys) == len(set(keys))
        ends = [point for key in keys for point in key]
        assert all(ends.count(point) == 2 for point in ends)  # closed loops, and nothing between them
        bridged += bool(segments)
    assert bridged
