"""Dose grids go out and come in where and as large as they are, whoever wrote them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from contour.dicom.rtdose_reader import read_rtdose
from contour.dicom.rtdose_writer import RtDoseSettings, write_rtdose
from contour.errors import InputError
from registration import Volume
from registration.warp import sample
from tests.rtstruct_cases import DOWNWARD, FRAME, make_grid, make_series, oblique_axes

SERIES = make_series(make_grid())


def settings() -> RtDoseSettings:
    numbers = count(1)
    return RtDoseSettings(now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), uid_source=lambda: f"2.25.81{next(numbers)}")


def a_dose(**how: Any) -> Volume:
    grid = make_grid((9, 14, 17), (4.0, 3.0, 2.5), **how)
    z, y, x = np.indices(grid.shape_zyx)
    return Volume(grid=grid, values_zyx=(2.0 + 1.7 * z + 0.9 * y + 0.31 * x).astype(np.float32))


def edited(data: bytes, edit: Callable[[pydicom.Dataset], None]) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data))
    edit(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("how", [{}, {"axes_xyz": oblique_axes()}, {"axes_xyz": DOWNWARD}])
def test_a_dose_comes_back_at_every_point(how: dict[str, Any]) -> None:
    dose = a_dose(**how)
    index = np.random.default_rng(3).uniform(0, np.asarray(dose.grid.shape_zyx) - 1.0, size=(200, 3))
    points = dose.grid.to_point_xyz_mm(index)

    found = read_rtdose(write_rtdose(dose, SERIES, settings()))

    assert found.volume.grid.frame_of_reference_uid == FRAME
    assert (found.dose_type, found.summation_type) == ("PHYSICAL", "PLAN")
    np.testing.assert_allclose(
        sample(found.volume, points, outside=-1.0), sample(dose, points, outside=-2.0), atol=1e-3
    )


def test_simpleitk_reads_the_same_grid(tmp_path: Path) -> None:
    dose = a_dose()
    (tmp_path / "rd.dcm").write_bytes(write_rtdose(dose, SERIES, settings()))

    image = sitk.ReadImage(str(tmp_path / "rd.dcm"))

    scaling = float(pydicom.dcmread(tmp_path / "rd.dcm").DoseGridScaling)
    stored = sitk.GetArrayFromImage(image).astype(np.float64)
    stored = stored if stored.max() < 1e4 else stored * scaling
    np.testing.assert_allclose(stored, dose.values_zyx, atol=1e-3)
    assert image.GetOrigin() == pytest.approx(dose.grid.origin_xyz_mm, abs=1e-3)


def test_a_dose_conforms(judge: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "rd.dcm").write_bytes(write_rtdose(a_dose(axes_xyz=oblique_axes()), SERIES, settings()))

    said = subprocess.run([judge("dciodvfy"), tmp_path / "rd.dcm"], capture_output=True, text=True, check=False)

    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_offsets_that_are_positions_are_taken_as_positions() -> None:
    dose = a_dose()
    along = dose.grid.origin_xyz_mm[2]

    def absolute(dataset: pydicom.Dataset) -> None:
        dataset.GridFrameOffsetVector = [along + float(v) for v in dataset.GridFrameOffsetVector]

    found = read_rtdose(edited(write_rtdose(dose, SERIES, settings()), absolute))

    np.testing.assert_allclose(found.volume.grid.origin_xyz_mm, dose.grid.origin_xyz_mm, atol=1e-3)


def test_planes_that_run_downward_are_turned_round() -> None:
    dose = a_dose()
    top = dose.grid.to_point_xyz_mm(np.array([8.0, 0.0, 0.0]))

    def downward(dataset: pydicom.Dataset) -> None:
        dataset.ImagePositionPatient = [f"{v:.3f}" for v in top]
        dataset.GridFrameOffsetVector = [-float(v) for v in dataset.GridFrameOffsetVector]
        stored = np.frombuffer(dataset.PixelData, dtype="<u4").reshape(dose.grid.shape_zyx)
        dataset.PixelData = stored[::-1].tobytes()

    found = read_rtdose(edited(write_rtdose(dose, SERIES, settings()), downward)).volume

    np.testing.assert_allclose(found.values_zyx, dose.values_zyx, atol=1e-3)
    np.testing.assert_allclose(found.grid.origin_xyz_mm, dose.grid.origin_xyz_mm, atol=1e-2)


def test_sixteen_bits_are_read() -> None:
    dose = a_dose()

    def short(dataset: pydicom.Dataset) -> None:
        step = float(dose.values_zyx.max()) / 60000
        dataset.DoseGridScaling = f"{step:.9f}"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelData = np.rint(dose.values_zyx / step).astype("<u2").tobytes()

    found = read_rtdose(edited(write_rtdose(dose, SERIES, settings()), short)).volume

    np.testing.assert_allclose(found.values_zyx, dose.values_zyx, atol=2e-3)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda d: setattr(d, "DoseUnits", "RELATIVE"), "DOSE_UNITS"),
        (lambda d: setattr(d, "DoseType", "ERROR"), "DOSE_UNITS"),
        (lambda d: delattr(d, "PixelData"), "NO_DOSE_GRID"),
        (lambda d: setattr(d, "DoseGridScaling", "-1"), "MALFORMED_RTDOSE"),
        (lambda d: setattr(d, "GridFrameOffsetVector", [0, 4, 8, 12, 17, 20, 24, 28, 32]), "UNEVEN_DOSE_PLANES"),
        (lambda d: setattr(d, "NumberOfFrames", 90), "MALFORMED_RTDOSE"),
        (lambda d: setattr(d, "Rows", 60000), "MALFORMED_RTDOSE"),
        (lambda d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "MALFORMED_RTDOSE"),
        (lambda d: delattr(d, "PixelSpacing"), "MALFORMED_RTDOSE"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(edit: Callable[[pydicom.Dataset], None], reason: str) -> None:
    data = edited(write_rtdose(a_dose(), SERIES, settings()), edit)

    with pytest.raises(InputError) as caught:
        read_rtdose(data)

    assert caught.value.reason == reason


@pytest.mark.parametrize("keep", [0.1, 0.6, 0.98])
def test_a_file_cut_short_is_refused(keep: float) -> None:
    data = write_rtdose(a_dose(), SERIES, settings())

    with pytest.raises(InputError):
        read_rtdose(data[: int(len(data) * keep)])


def test_a_dose_below_zero_is_not_written() -> None:
    dose = a_dose()

    with pytest.raises(InputError, match="below 0"):
        write_rtdose(Volume(grid=dose.grid, values_zyx=dose.values_zyx - np.float32(5.0)), SERIES, settings())
