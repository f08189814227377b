from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from contour.phantom import PhantomFiles, PhantomSettings, write_phantom
from tests import phantoms

SMALL = PhantomSettings(shape_zyx=(12, 40, 36), spacing_zyx_mm=(25.0, 12.0, 13.0), tilt_xyz_deg=(4.0, 0.0, 8.0))


def bytes_by_name(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        write_phantom(tmp_path / name, seed, SMALL)
    one, again, other = (bytes_by_name(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert all(one[name] != other[name] for name in one if name in other and name.startswith("ct"))


def test_another_scan_of_a_patient_has_other_instances_in_the_same_frame(tmp_path: Path) -> None:
    headers = [
        pydicom.dcmread(write_phantom(tmp_path / str(k), 7, settings).ct_paths[0], stop_before_pixels=True)
        for k, settings in enumerate((SMALL, replace(SMALL, patient_position="HFP")))
    ]
    assert headers[0].SOPInstanceUID != headers[1].SOPInstanceUID
    assert headers[0].FrameOfReferenceUID == headers[1].FrameOfReferenceUID


def test_identity_is_clearly_synthetic(coarse_series: PhantomFiles) -> None:
    header = pydicom.dcmread(coarse_series.ct_paths[0], stop_before_pixels=True)
    assert str(header.PatientName) == "PHANTOM^HEADANDNECK"
    assert header.PatientID == f"PHANTOM-{phantoms.DEFAULT_SEED}"


def test_masks_on_disk_lie_where_the_structures_are(tmp_path: Path) -> None:
    written = write_phantom(tmp_path, 7, SMALL)
    for name, path in written.truth_paths:
        image = sitk.ReadImage(str(path))
        structure = written.phantom.structure(name)
        mask = sitk.GetArrayFromImage(image).astype(bool)
        assert np.array_equal(mask, structure.full_mask_zyx())
        first = np.argwhere(mask)[0]
        point = image.TransformIndexToPhysicalPoint([int(v) for v in first[::-1]])
        assert np.allclose(point, structure.grid.to_point_xyz_mm(first), atol=1e-2)


@pytest.mark.parametrize("position", ["HFS", "FFP", "HFDL"])
def test_the_series_meets_the_standard(tmp_path: Path, judge: Callable[[str], str], position: str) -> None:
    dciodvfy = judge("dciodvfy")
    written = write_phantom(tmp_path, 7, replace(SMALL, patient_position=position))
    verdict = subprocess.run([dciodvfy, str(written.ct_paths[3])], capture_output=True, text=True, check=False)
    assert "Error" not in verdict.stderr + verdict.stdout
