"""Outside opinions on our structure sets: dicom3tools on conformance, plastimatch and rt-utils on where they lie.

plastimatch rasterises the contours in patient coordinates on the CT it reads itself, oblique ones included, so it is
the judge of position for every scan here. rt-utils is right where pixels and images are square, slices axial and evenly
spaced and the scan head first (field-notes.md), so it is asked about that scan only.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contour.anatomy.agreement import dice
from contour.anatomy.structures import Structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_lint import lint_rtstruct
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct, leave_out_empty
from contour.phantom import PhantomSettings, write_mask, write_phantom
from tests.rtstruct_cases import graded_ball, hollow_ball, make_grid, make_series, make_settings, write_ct

LEAST_DICE = 0.985
LARGE_ML = 5.0
SCANS = {
    "anisotropic": PhantomSettings(shape_zyx=(44, 250, 220), spacing_zyx_mm=(5.0, 0.9, 1.2), noise_hu=0),
    "oblique": PhantomSettings(
        shape_zyx=(44, 160, 180), spacing_zyx_mm=(5.0, 1.7, 1.5), tilt_xyz_deg=(11.0, -7.0, 9.0), noise_hu=0
    ),
    "feet_first": PhantomSettings(
        shape_zyx=(44, 160, 180), spacing_zyx_mm=(5.0, 1.7, 1.5), patient_position="FFS", noise_hu=0
    ),
    "feet_first_prone": PhantomSettings(
        shape_zyx=(44, 160, 180), spacing_zyx_mm=(5.0, 1.7, 1.5), patient_position="FFP", noise_hu=0
    ),
    "decubitus": PhantomSettings(
        shape_zyx=(44, 160, 180), spacing_zyx_mm=(5.0, 1.7, 1.5), patient_position="HFDL", noise_hu=0
    ),
    "three_millimetres": PhantomSettings(shape_zyx=(72, 150, 150), spacing_zyx_mm=(3.0, 1.8, 1.8), noise_hu=0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A scan as files, and the structure set made on it as it was read back."""

    series: CtSeries
    structures: tuple[Structure, ...]
    ct_folder: Path
    truth: dict[str, Path]
    rtstruct: Path


def settings() -> StructureSetSettings:
    numbers = itertools.count(100)
    return StructureSetSettings(
        label="JUDGED",
        now=datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC),
        uid_source=lambda: f"2.25.{next(numbers)}",
        model="truth 1.0",
    )


@pytest.fixture(scope="module", params=SCANS)
def scan(request, tmp_path_factory) -> Written:
    folder = tmp_path_factory.mktemp(request.param)
    files = write_phantom(folder, 5, SCANS[request.param])
    series = read_ct_folder(files.ct_folder)
    structures, _ = leave_out_empty(files.phantom.structures)
    data = build_rtstruct(series, structures, settings())
    verify_rtstruct(data, series, structures)
    path = folder / "rs.dcm"
    path.write_bytes(data)
    return Written(
        series=series,
        structures=structures,
        ct_folder=files.ct_folder,
        truth=dict(files.truth_paths),
        rtstruct=path,
    )


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)


def plastimatch_masks(plastimatch: str, rtstruct: Path, ct_folder: Path, out: Path) -> None:
    answer = run(
        plastimatch, "convert", "--input", rtstruct, "--referenced-ct", ct_folder, "--output-prefix", out,
        "--prefix-format", "nii.gz",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr


def plastimatch_dice(plastimatch: str, one: Path, other: Path) -> float:
    answer = run(plastimatch, "dice", "--dice", one, other)
    assert answer.returncode == 0, answer.stderr
    found = re.search(r"DICE:\s+([0-9.]+)", answer.stdout)
    assert found is not None, answer.stdout
    return float(found.group(1))


def test_dciodvfy_finds_no_error(scan, judge):
    answer = run(judge("dciodvfy"), scan.rtstruct)
    lines = (answer.stdout + answer.stderr).splitlines()
    assert "RTStructureSet" in lines
    assert [line for line in lines if line.startswith("Error")] == []
    assert answer.returncode == 0


def test_dcentvfy_finds_the_structure_set_consistent_with_its_ct(scan, judge):
    answer = run(judge("dcentvfy"), *sorted(scan.ct_folder.iterdir()), scan.rtstruct)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_plastimatch_finds_every_structure_where_it_was_drawn(scan, judge, tmp_path):
    plastimatch = judge("plastimatch")
    plastimatch_masks(plastimatch, scan.rtstruct, scan.ct_folder, tmp_path)
    large = [structure for structure in scan.structures if structure.volume_ml > LARGE_ML]
    assert len(large) >= 8
    agreement = {
        structure.name: plastimatch_dice(plastimatch, scan.truth[structure.name], tmp_path / f"{structure.name}.nii.gz")
        for structure in large
    }
    assert min(agreement.values()) >= LEAST_DICE, agreement


def test_our_lint_finds_nothing_to_complain_of(scan):
    findings = lint_rtstruct(scan.rtstruct.read_bytes(), scan.series)
    assert [str(finding) for finding in findings if finding.severity != "info"] == []


def test_plastimatch_sees_the_hole_and_the_graded_boundary(judge, tmp_path):
    plastimatch = judge("plastimatch")
    grid = make_grid((20, 70, 60), (2.5, 0.9, 1.2))
    write_ct(grid, tmp_path / "ct")
    series = read_ct_folder(tmp_path / "ct")
    structures = (
        hollow_ball(series.grid, "External", (9.3, 34.0, 29.0), 22.0, 11.0),
        graded_ball(series.grid, "GTVp", (11.2, 40.0, 36.0), 12.0),
    )
    (tmp_path / "rs.dcm").write_bytes(build_rtstruct(series, structures, settings()))
    plastimatch_masks(plastimatch, tmp_path / "rs.dcm", tmp_path / "ct", tmp_path / "masks")
    for structure in structures:
        write_mask(structure, tmp_path / "truth.nii.gz")
        found = plastimatch_dice(
            plastimatch, tmp_path / "truth.nii.gz", tmp_path / "masks" / f"{structure.name}.nii.gz"
        )
        assert found >= 0.999


def test_a_header_that_only_utf8_can_hold_is_conformant(judge, tmp_path):
    grid = make_grid()
    series = make_series(grid)
    series.header.PatientName = "山田^太郎=Müller"
    series.header.SpecificCharacterSet = "ISO_IR 192"
    structures = (graded_ball(grid, "GTVp", (7.0, 20.0, 30.0), 9.0),)
    (tmp_path / "rs.dcm").write_bytes(
        build_rtstruct(series, structures, make_settings(predecessor_sop_instance_uid="2.25.42"))
    )
    answer = run(judge("dciodvfy"), tmp_path / "rs.dcm")
    assert [line for line in (answer.stdout + answer.stderr).splitlines() if line.startswith("Error")] == []


def test_any_transfer_syntax_dcmconv_makes_reads_the_same(judge, tmp_path):
    grid = make_grid()
    series, structures = make_series(grid), (graded_ball(grid, "GTVp", (7.0, 20.0, 30.0), 9.0),)
    source = tmp_path / "rs.dcm"
    source.write_bytes(build_rtstruct(series, structures, make_settings()))
    expected = read_rtstruct(source.read_bytes()).rois[0]
    for option in ("+te", "+tb", "+td"):
        answer = run(judge("dcmconv"), option, source, tmp_path / "other.dcm")
        assert answer.returncode == 0, answer.stderr
        found = read_rtstruct((tmp_path / "other.dcm").read_bytes()).rois[0]
        for one, other in zip(expected.contours, found.contours, strict=True):
            assert np.array_equal(one.points_xyz_mm, other.points_xyz_mm)


@pytest.fixture
def rt_struct_builder():
    if os.environ.get("CONTOUR_REQUIRE_JUDGES") != "1":
        pytest.importorskip("rt_utils", reason="rt-utils or its libGL is not installed", exc_type=ImportError)
    from rt_utils import RTStructBuilder

    return RTStructBuilder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rt_utils_reads_our_masks_where_it_is_right(rt_struct_builder, tmp_path):
    """It paints every pixel that a contour touches, so its masks are half a pixel fatter all round."""
    grid = make_grid((24, 90, 90), (2.5, 1.0, 1.0))
    write_ct(grid, tmp_path / "ct")
    series = read_ct_folder(tmp_path / "ct")
    structure = graded_ball(series.grid, "Liver", (11.3, 38.0, 47.0), 24.0)
    (tmp_path / "rs.dcm").write_bytes(build_rtstruct(series, (structure,), settings()))
    found = rt_struct_builder.create_from(
        dicom_series_path=str(tmp_path / "ct"), rt_struct_path=str(tmp_path / "rs.dcm")
    )
    assert found.get_roi_names() == ["Liver"]
    theirs = found.get_roi_mask_by_name("Liver").transpose(2, 0, 1)
    truth = structure.full_mask_zyx()
    assert theirs.shape == truth.shape
    assert dice(theirs, truth) > 0.95
    middles = [np.array([where.mean() for where in np.nonzero(mask)]) for mask in (theirs, truth)]
    assert middles[0] == pytest.approx(middles[1], abs=0.6)


@pytest.mark.filterwarnings("ignore")
def test_our_lint_sees_through_rt_utils_on_oblong_pixels(rt_struct_builder, tmp_path):
    """Its own round trip says Dice 1.0; its contours are millimetres off and its numbers too long."""
    grid = make_grid((24, 90, 90), (2.5, 0.9, 1.2))
    write_ct(grid, tmp_path / "ct")
    series = read_ct_folder(tmp_path / "ct")
    structure = graded_ball(series.grid, "Liver", (11.3, 38.0, 47.0), 24.0)
    made = rt_struct_builder.create_new(dicom_series_path=str(tmp_path / "ct"))
    made.add_roi(mask=structure.full_mask_zyx().transpose(1, 2, 0), name="Liver")
    made.save(str(tmp_path / "rs.dcm"))
    codes = {finding.code for finding in lint_rtstruct((tmp_path / "rs.dcm").read_bytes(), series)}
    assert {"SPACING_SWAPPED", "DS_TOO_LONG"} <= codes
