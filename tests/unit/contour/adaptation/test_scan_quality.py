"""A scan's air, fat, muscle and noise follow the scanner, and hardly the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from contour.adaptation.scan_quality import ScanQuality, scan_quality
from contour.adaptation.value_json import value_from_json, value_to_json
from contour.anatomy.structures import crop_to_structure
from contour.dicom.ct_reader import read_ct_folder
from contour.phantom import Phantom, PhantomSettings
from contour.phantom.daily import ScanSettings, day_grid, scan_day
from contour.phantom.motion import Depth
from contour.phantom.neck import NeckChange, neck_motion
from contour.segmentation.body import find_body
from registration import Volume
from registration.errors import GridError
from registration.itk_bridge import read_nifti
from tests import phantoms

NOISE_HU = 12.0
TRUE_FAT_HU, TRUE_MUSCLE_HU, TRUE_AIR_HU = -102.0, 56.0, -1000.0
STEADY_HU = {"air_hu": 1.0, "fat_hu": 6.0, "muscle_hu": 1.0, "noise_hu": 1.5}
"""How far each figure may move when the patient changes and the scanner does not; of fat there are several kinds."""

STILL = replace(phantoms.COARSE, noise_hu=0.0)
SCANS = {
    "anisotropic": STILL,
    "oblique": replace(phantoms.OBLIQUE, noise_hu=0.0),
    "fine": PhantomSettings(shape_zyx=(62, 160, 192), spacing_zyx_mm=(4.5, 2.1, 2.3), noise_hu=0.0),
}
OPENKBP_LOW_HU = 20.0
"""How far below HU some of OpenKBP's files lie: contoured brainstems have a median of 6 HU there, not of about 30."""
OPENKBP_PAINTED = (9, 113, 135)
"""Patients of whom a part was set to one value, between -60 and -20 HU."""


@lru_cache(maxsize=4)
def still(scan: str = "anisotropic") -> Phantom:
    return phantoms.patient(SCANS[scan])


def white(shape: tuple[int, ...], seed: int = 5) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape)


def scanned(
    phantom: Phantom, noise_hu: float = NOISE_HU, grain: NDArray[np.float64] | None = None, **changed: float
) -> Volume:
    """The phantom with noise, then HU times `scale` plus `offset_hu`."""
    hu = phantom.ct.values_zyx + noise_hu * (white(phantom.ct.grid.shape_zyx) if grain is None else grain)
    hu = hu * changed.get("scale", 1.0) + changed.get("offset_hu", 0.0)
    return Volume(grid=phantom.ct.grid, values_zyx=np.rint(hu).astype(np.int16))


def measured(phantom: Phantom, noise_hu: float = NOISE_HU, **changed: float) -> ScanQuality:
    return scan_quality(scanned(phantom, noise_hu, None, **changed), phantom.structure("External"))


def differences(one: ScanQuality, other: ScanQuality) -> dict[str, float]:
    return {name: abs(getattr(one, name) - getattr(other, name)) for name in STEADY_HU}


@pytest.mark.parametrize("scan", SCANS)
def test_the_figures_are_those_of_the_phantom(scan: str) -> None:
    found = measured(still(scan))

    assert found.air_hu == pytest.approx(TRUE_AIR_HU, abs=1.0)
    assert found.fat_hu == pytest.approx(TRUE_FAT_HU, abs=5.0)
    assert found.muscle_hu == pytest.approx(TRUE_MUSCLE_HU, abs=2.0)
    assert found.noise_hu == pytest.approx(NOISE_HU, rel=0.1)
    spacing = SCANS[scan].spacing_zyx_mm
    assert found.slice_step_mm == spacing[0]
    assert found.pixel_spacing_mm == pytest.approx((spacing[1] * spacing[2]) ** 0.5)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("offset_hu", [15.0, -15.0])
def test_an_offset_moves_air_fat_and_muscle_and_leaves_the_noise(scan: str, offset_hu: float) -> None:
    before, after = measured(still(scan)), measured(still(scan), offset_hu=offset_hu)

    assert after.air_hu - before.air_hu == pytest.approx(offset_hu, abs=1.0)
    assert after.fat_hu - before.fat_hu == pytest.approx(offset_hu, abs=1.0)
    assert after.muscle_hu - before.muscle_hu == pytest.approx(offset_hu, abs=1.0)
    assert after.noise_hu == pytest.approx(before.noise_hu, abs=0.5)


@pytest.mark.parametrize("scan", SCANS)
def test_a_scale_that_drifts_is_seen_in_every_figure(scan: str) -> None:
    before, after = measured(still(scan)), measured(still(scan), scale=0.92)

    assert after.air_hu == pytest.approx(0.92 * before.air_hu, abs=1.0)
    assert after.fat_hu == pytest.approx(0.92 * before.fat_hu, abs=1.5)
    assert after.muscle_hu == pytest.approx(0.92 * before.muscle_hu, abs=1.5)
    assert after.noise_hu == pytest.approx(0.92 * before.noise_hu, abs=0.3)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("noise_hu", [6.0, 12.0, 24.0, 40.0])
def test_white_noise_is_measured_within_a_tenth(scan: str, noise_hu: float) -> None:
    assert measured(still(scan), noise_hu).noise_hu == pytest.approx(noise_hu, rel=0.1)


@pytest.mark.parametrize("scan", SCANS)
def test_noise_hardly_moves_the_other_figures(scan: str) -> None:
    quiet, noisy = measured(still(scan), 6.0), measured(still(scan), 24.0)

    assert noisy.air_hu == pytest.approx(quiet.air_hu, abs=2.0)
    assert noisy.fat_hu == pytest.approx(quiet.fat_hu, abs=4.0)
    assert noisy.muscle_hu == pytest.approx(quiet.muscle_hu, abs=1.5 if scan == "fine" else 4.0)


def test_grain_within_the_slice_is_measured_in_full_and_grain_shared_by_slices_by_its_formula() -> None:
    phantom = still("fine")
    body = phantom.structure("External")
    fresh = white(phantom.ct.grid.shape_zyx)
    soft = gaussian_filter(fresh, (0.0, 0.8, 0.8))
    shared = (fresh + np.roll(fresh, 1, axis=0)) / 2**0.5  # correlation 0.5 from slice to slice

    of_soft = scan_quality(scanned(phantom, 20.0, soft / soft.std()), body)
    of_shared = scan_quality(scanned(phantom, 20.0, shared), body)

    assert of_soft.noise_hu == pytest.approx(20.0, rel=0.1)
    assert of_shared.noise_hu == pytest.approx(20.0 * 0.5**0.5, rel=0.1)


@pytest.mark.parametrize("padding_hu", [-3024, -2000, -1024, -1000])
def test_a_blanked_outside_is_no_air_and_changes_nothing_else(padding_hu: int) -> None:
    phantom = still()
    body, ct = phantom.structure("External"), scanned(phantom)
    blanked = np.where(body.full_mask_zyx(), ct.values_zyx, np.int16(padding_hu))

    found = scan_quality(Volume(grid=ct.grid, values_zyx=blanked), body)

    assert found == replace(scan_quality(ct, body), air_hu=None)


def test_air_without_any_noise_is_taken_for_padding_and_crumbs_of_air_are_too_few() -> None:
    phantom = still()
    body, ct = phantom.structure("External"), scanned(phantom)
    crumbs = np.where(body.full_mask_zyx(), ct.values_zyx, np.int16(-1024))
    crumbs[20:30, 5:12, 40:60] = ct.values_zyx[20:30, 5:12, 40:60]

    assert measured(phantom, 0.0).air_hu is None
    assert scan_quality(Volume(grid=ct.grid, values_zyx=crumbs), body).air_hu is None


@pytest.mark.parametrize("padding_hu", [-3024, -2000, -1024])
def test_padding_beyond_a_round_field_of_view_is_left_out_of_the_air(padding_hu: int) -> None:
    phantom = still()
    ct = scanned(phantom, offset_hu=-10.0)
    _, rows, columns = phantom.ct.grid.shape_zyx
    y, x = np.indices((rows, columns))
    away_mm = np.hypot((y - (rows - 1) / 2) * 3.9, (x - (columns - 1) / 2) * 4.4)
    round_view = np.where(away_mm < 235.0, ct.values_zyx, np.int16(padding_hu))

    found = scan_quality(Volume(grid=ct.grid, values_zyx=round_view), phantom.structure("External"))

    assert found.air_hu == pytest.approx(TRUE_AIR_HU - 10.0, abs=1.0)


def test_air_clipped_at_the_lowest_value_of_the_file_is_none() -> None:
    phantom = still()
    ct = scanned(phantom, offset_hu=-60.0)
    clipped = Volume(grid=ct.grid, values_zyx=ct.values_zyx.clip(-1024, 3071))

    assert scan_quality(clipped, phantom.structure("External")).air_hu is None


@pytest.mark.parametrize("position", ["HFS", "HFP", "HFDL", "FFS"])
def test_a_couch_is_not_in_the_air_wherever_it_lies(position: str) -> None:
    settings = replace(STILL, patient_position=position)
    without = phantoms.patient(replace(settings, has_couch=False, has_mask=False))
    with_couch = measured(phantoms.patient(settings), 6.0)

    assert with_couch.air_hu == pytest.approx(measured(without, 6.0).air_hu, abs=1.0)
    assert with_couch.air_hu == pytest.approx(TRUE_AIR_HU, abs=1.0)


CHANGES = {
    "weight": NeckChange(weight_loss_mm=6.0),
    "place": NeckChange(set_up_xyz_mm=(10.0, -6.0, 14.0), set_up_turn_xyz_deg=(1.0, 2.0, -2.0)),
    "all": NeckChange(
        set_up_xyz_mm=(-8.0, 4.0, -11.0), weight_loss_mm=5.0, flexion_deg=5.0, parotid_change=-0.3, larynx_lift_mm=4.0
    ),
}


@pytest.mark.parametrize(
    ("scan", "change"), [("anisotropic", "weight"), ("anisotropic", "all"), ("oblique", "place"), ("fine", "all")]
)
def test_a_patient_who_changes_is_no_scanner_that_moves(scan: str, change: str) -> None:
    phantom = still(scan)
    external = phantom.structure("External")
    depth, grid = Depth.below(external), day_grid(phantom.ct.grid, "2.25.7")

    def day(what: NeckChange, seed: int) -> ScanQuality:
        motion = neck_motion(phantom.structures, what, depth)
        seen = scan_day(phantom.ct, (external,), motion, grid, ScanSettings(noise_hu=NOISE_HU, seed=seed))
        return scan_quality(seen.ct, seen.structures[0])

    moved = differences(day(CHANGES[change], 2), day(NeckChange(), 1))

    assert {name: by for name, by in moved.items() if by > STEADY_HU[name]} == {}


def test_more_or_less_of_the_head_in_view_does_not_move_the_tissues() -> None:
    phantom = still("fine")
    ct, inside = scanned(phantom), phantom.structure("External").full_mask_zyx()
    whole = measured(phantom)
    for first, last in ((0, 52), (8, 62)):
        grid = ct.grid.cropped((first, 0, 0), (last - first, *ct.grid.shape_zyx[1:]))
        part = scan_quality(
            Volume(grid=grid, values_zyx=ct.values_zyx[first:last].copy()),
            crop_to_structure("External", grid, inside[first:last].copy()),
        )
        assert differences(part, whole)["muscle_hu"] < STEADY_HU["muscle_hu"]
        assert differences(part, whole)["fat_hu"] < STEADY_HU["fat_hu"]


@pytest.mark.parametrize("painted_hu", [-60, 0, 30])
def test_a_part_that_was_set_to_one_value_by_hand_is_left_out(painted_hu: int) -> None:
    phantom = still("fine")
    body, ct = phantom.structure("External"), scanned(phantom)
    hu = ct.values_zyx.copy()
    hu[5:25, :, 70:115] = np.where(body.full_mask_zyx()[5:25, :, 70:115], painted_hu, hu[5:25, :, 70:115])

    moved = differences(scan_quality(Volume(grid=ct.grid, values_zyx=hu), body), scan_quality(ct, body))

    assert moved["air_hu"] == 0.0
    assert moved["fat_hu"] < 3.0
    assert moved["muscle_hu"] < 1.0
    assert moved["noise_hu"] < 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_left_out_and_do_not_raise(value: float) -> None:
    phantom = still()
    body, ct = phantom.structure("External"), scanned(phantom)
    hu = ct.values_zyx.astype(np.float32)
    few = np.where(np.random.default_rng(3).random(hu.shape) < 0.001, np.float32(value), hu)

    moved = differences(scan_quality(Volume(grid=ct.grid, values_zyx=few), body), scan_quality(ct, body))
    nothing = scan_quality(Volume(grid=ct.grid, values_zyx=np.full_like(hu, value)), body)

    assert {name: by for name, by in moved.items() if by > 0.5} == {}
    assert [nothing.air_hu, nothing.fat_hu, nothing.muscle_hu, nothing.noise_hu] == [None] * 4


@pytest.mark.parametrize("case", ["air", "no body", "one slice", "all body"])
def test_where_there_is_nothing_to_measure_there_is_no_figure(case: str) -> None:
    grid = phantoms.small_grid((1, 60, 50)) if case == "one slice" else phantoms.small_grid((12, 60, 50))
    inside = np.zeros(grid.shape_zyx, dtype=np.bool_)
    if case in ("one slice", "air"):
        inside[:, 20:40, 15:35] = True
    inside |= case == "all body"
    hu = np.where(case == "one slice", 50.0, -1000.0) + 10.0 * white(grid.shape_zyx)
    if case == "one slice":
        hu = np.where(inside, hu, -1000.0)

    found = scan_quality(Volume(grid=grid, values_zyx=hu.astype(np.int16)), crop_to_structure("External", grid, inside))

    assert found.fat_hu is None
    assert found.muscle_hu is None
    assert found.noise_hu is None
    assert found.air_hu is None or case == "air"
    assert found.slice_step_mm == 3.0


def test_a_body_of_another_grid_is_refused() -> None:
    other = phantoms.ball(phantoms.small_grid(), 8.0)

    with pytest.raises(GridError, match="expected the CT's"):
        scan_quality(still().ct, other)


def test_the_same_scan_gives_the_same_figures_and_survives_json() -> None:
    phantom = still()
    ct = scanned(phantom)
    body = phantom.structure("External")
    found = scan_quality(ct, body)

    assert scan_quality(Volume(grid=ct.grid, values_zyx=ct.values_zyx.astype(np.float32)), body) == found
    again = value_from_json(ScanQuality, value_to_json(found))
    assert again.noise_hu == pytest.approx(found.noise_hu, abs=1e-3)
    assert again.fat_hu == pytest.approx(found.fat_hu, abs=1e-3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPatient:
    """A patient of OpenKBP: the figures, and the median HU of the contoured brainstem, None where there is none."""

    number: int
    quality: ScanQuality
    brainstem_hu: float | None


def openkbp_ct(data_folder: Path, number: int) -> Volume:
    file = data_folder / "openkbp" / "train" / f"pt_{number}" / "CT.nii.gz"
    if not file.is_file():
        pytest.skip(f"no OpenKBP patient {number} in {data_folder}")
    return read_nifti(file)


@pytest.fixture(scope="module")
def openkbp(data_folder: Path) -> list[RealPatient]:
    patients = []
    for number in (*range(1, 201, 8), *OPENKBP_PAINTED):
        ct = openkbp_ct(data_folder, number)
        contoured = data_folder / "openkbp" / "train" / f"pt_{number}" / "Brainstem.nii.gz"
        brainstem = (
            float(np.median(ct.values_zyx[read_nifti(contoured).values_zyx > 0])) if contoured.is_file() else None
        )
        patients.append(RealPatient(number=number, quality=scan_quality(ct, find_body(ct)), brainstem_hu=brainstem))
    return patients


def test_real_patients_have_fat_and_muscle_or_none_and_no_air_where_it_was_blanked(openkbp: list[RealPatient]) -> None:
    fat = {one.number: one.quality.fat_hu for one in openkbp if one.quality.fat_hu is not None}
    muscle = {one.number: one.quality.muscle_hu for one in openkbp if one.quality.muscle_hu is not None}

    assert [one.number for one in openkbp if one.quality.air_hu is not None] == []
    assert [one.number for one in openkbp if not 3.0 < one.quality.noise_hu < 20.0] == []
    assert {number: hu for number, hu in fat.items() if not -130.0 - OPENKBP_LOW_HU < hu < -80.0} == {}
    assert {number: hu for number, hu in muscle.items() if not 20.0 - OPENKBP_LOW_HU < hu < 80.0} == {}
    assert len(fat) >= 0.4 * len(openkbp)
    assert len(muscle) >= 0.7 * len(openkbp)


def test_real_fat_and_muscle_lie_where_the_contoured_brainstem_says_they_should(openkbp: list[RealPatient]) -> None:
    """Brainstem is about 30 HU, fat -100, muscle 50: the differences hold whatever zero a file has."""
    known = [(one.quality, one.brainstem_hu) for one in openkbp if one.brainstem_hu is not None]
    fat = [one.fat_hu - brainstem for one, brainstem in known if one.fat_hu is not None]
    muscle = [one.muscle_hu - brainstem for one, brainstem in known if one.muscle_hu is not None]
    apart = [one.muscle_hu - one.fat_hu for one, _ in known if None not in (one.muscle_hu, one.fat_hu)]

    assert np.median(fat) == pytest.approx(-130.0, abs=10.0)
    assert np.median(muscle) == pytest.approx(20.0, abs=10.0)
    assert max(np.abs(np.subtract(fat, -130.0))) < 50.0
    assert max(np.abs(np.subtract(muscle, 20.0))) < 25.0
    assert min(apart) > 110.0
    assert max(apart) < 175.0


@pytest.mark.parametrize("number", OPENKBP_PAINTED)
def test_what_was_painted_over_by_hand_in_a_real_scan_is_neither_fat_nor_without_noise(
    number: int, data_folder: Path
) -> None:
    ct = openkbp_ct(data_folder, number)
    body = find_body(ct)
    counts = np.bincount(ct.values_zyx[body.full_mask_zyx()].clip(-300, 300) + 300)
    painted_hu = int(np.argmax(counts[1:-1])) + 1 - 300
    noise = np.where(ct.values_zyx == painted_hu, 8.0 * white(ct.grid.shape_zyx), 0.0)

    found = scan_quality(ct, body)
    unpainted = scan_quality(Volume(grid=ct.grid, values_zyx=np.rint(ct.values_zyx + noise).astype(np.int16)), body)

    assert found.fat_hu is None or abs(found.fat_hu - painted_hu) > 30.0
    assert found.noise_hu == pytest.approx(unpainted.noise_hu, rel=0.2)


def test_noise_added_to_a_real_scan_is_found_again(data_folder: Path) -> None:
    folder = data_folder / "totalsegmentator_example" / "ct_dicom"
    if not folder.is_dir():
        pytest.skip(f"no recorded series at {folder}")
    ct = read_ct_folder(folder).volume
    body = find_body(ct)
    noisy = np.rint(ct.values_zyx + 20.0 * white(ct.grid.shape_zyx)).astype(np.int16)

    before = scan_quality(ct, body)
    after = scan_quality(Volume(grid=ct.grid, values_zyx=noisy), body)

    assert before.air_hu == pytest.approx(-1000.0, abs=12.0)
    assert -115.0 < before.fat_hu < -70.0
    assert 30.0 < before.muscle_hu < 70.0  # liver at 100 HU beside it
    assert (after.noise_hu**2 - before.noise_hu**2) ** 0.5 == pytest.approx(20.0, rel=0.1)
    assert after.fat_hu == pytest.approx(before.fat_hu, abs=1.0)
    assert after.muscle_hu == pytest.approx(before.muscle_hu, abs=1.0)
